//! What the documents promise.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path};

use clap::CommandFactory as _;

use super::{File, crates, exists, files, none, read};
use crate::{Xtask, root};

/// The lines outside code fences, with their numbers.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// The headings, without their marks.
fn headings(file: &File) -> impl Iterator<Item = &str> {
    let marked = prose(file).filter(|(_, line)| line.starts_with('#'));
    marked.map(|(_, line)| line.trim_start_matches('#').trim())
}

/// The texts between single backticks.
fn code_spans(file: &File) -> impl Iterator<Item = (usize, &str)> {
    prose(file).flat_map(|(number, line)| {
        line.split('`').skip(1).step_by(2).map(move |span| (number, span))
    })
}

#[test]
fn markdown_is_clean() {
    none(files(".md").iter().flat_map(unclean));
    let sample = "## a\n# b\n\tc \n\n\n```\nx\n```";
    assert_eq!(
        unclean(&File::new("a.md", sample)),
        [
            "a.md:1: the first line is the title: `# …`",
            "a.md:3: white space at the end",
            "a.md:3: a tab",
            "a.md:5: a second empty line",
            "a.md:6: name the language of the code",
            "a.md:8: no end of line at the end",
        ]
    );
    assert_eq!(unclean(&File::new("a.md", "# a\n\n# b\n")), ["a.md:3: a second title"]);
}

fn unclean(file: &File) -> Vec<String> {
    let mut problems = Vec::new();
    let mut add = |number, message| problems.push(file.problem(number, message));
    if !file.text.starts_with("# ") {
        add(1, "the first line is the title: `# …`");
    }
    let (mut before, mut open) = ("-", false);
    for (number, line) in file.lines() {
        let fence = line.trim_start().starts_with("```");
        open ^= fence;
        let rules = [
            (line.ends_with(char::is_whitespace), "white space at the end"),
            (line.contains('\t'), "a tab"),
            (line.is_empty() && before.is_empty(), "a second empty line"),
            (fence && open && line.ends_with("```"), "name the language of the code"),
            (number > 1 && !open && line.starts_with("# ") && before.is_empty(), "a second title"),
        ];
        rules.iter().filter(|(broken, _)| *broken).for_each(|(_, message)| add(number, message));
        before = line;
    }
    if !file.text.ends_with('\n') {
        add(file.text.lines().count(), "no end of line at the end");
    }
    problems
}

#[test]
fn links_lead_somewhere() {
    none(files(".md").iter().flat_map(broken_links));
    let sample = "[a](b.md) [c](LICENSE) [d](https://e) [f](#g) `[h](i)` ![j](k.png)\n# G\n";
    let sample = File::new("a.md", sample);
    let broken = broken_links(&sample);
    assert_eq!(broken, ["a.md:1: no such file: b.md", "a.md:1: no such file: k.png"]);
    let sample = File::new("a.md", "[a](#b)\n");
    assert_eq!(broken_links(&sample), ["a.md:1: no such heading: #b"]);
}

fn broken_links(file: &File) -> Vec<String> {
    let folder = Path::new(&file.path).parent().unwrap();
    let links = prose(file).flat_map(|(number, line)| {
        // What stands in code spans is not a link.
        let text: String = line.split('`').step_by(2).collect();
        links(&text).into_iter().map(move |link| (number, link)).collect::<Vec<_>>()
    });
    links
        .filter(|(_, link)| !link.contains("://") && !link.starts_with("mailto:"))
        .filter_map(|(number, link)| {
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = root().join(folder).join(path);
            if !path.is_empty() && !exists(&target) {
                return Some(file.problem(number, &format!("no such file: {path}")));
            }
            let text = if path.is_empty() { file.text.clone() } else { read_lossy(&target) };
            let found = anchor.is_empty() || anchors(&File::new(path, &text)).contains(anchor);
            (!found).then(|| file.problem(number, &format!("no such heading: #{anchor}")))
        })
        .collect()
}

/// The targets in `[text](target)`.
fn links(text: &str) -> Vec<String> {
    let ends = text.split("](").skip(1);
    ends.filter_map(|it| it.split_once(')').map(|(link, _)| link.to_owned())).collect()
}

fn read_lossy(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

/// The headings as the forges write them in addresses: lower case, dashes, no punctuation.
fn anchors(file: &File) -> BTreeSet<String> {
    let kept = |it: &char| it.is_alphanumeric() || matches!(it, ' ' | '-' | '_');
    let slug = |heading: &str| -> String {
        heading
            .to_lowercase()
            .chars()
            .filter(kept)
            .map(|it| if it == ' ' { '-' } else { it })
            .collect()
    };
    headings(file).map(slug).collect()
}

#[test]
fn commands_in_documents_exist() {
    let xtask = Xtask::command();
    let known: Vec<_> = xtask.get_subcommands().map(|it| it.get_name()).collect();
    let unknown = |file: &File| -> Vec<String> {
        let mut problems = Vec::new();
        for (number, line) in file.lines() {
            for rest in line.split("cargo xtask ").skip(1) {
                let word = rest.split(|it: char| !it.is_ascii_alphanumeric()).next().unwrap();
                if !word.is_empty() && word != "help" && !known.contains(&word) {
                    let message = format!("there is no `cargo xtask {word}`");
                    problems.push(file.problem(number, &message));
                }
            }
        }
        problems
    };
    none(files(".md").iter().flat_map(unknown));
    let sample = File::new("a.md", "`cargo xtask test`, `cargo xtask fly`\n");
    assert_eq!(unknown(&sample), ["a.md:1: there is no `cargo xtask fly`"]);
}

#[test]
fn readmes_show_the_two_commands_on_the_first_screen() {
    for (path, other) in [("README.md", "README.zh-CN.md"), ("README.zh-CN.md", "README.md")] {
        let readme = read(path);
        let screen: Vec<_> = readme.text.lines().take(40).collect();
        for needed in ["cargo xtask up", "cargo xtask test", other] {
            assert!(screen.iter().any(|it| it.contains(needed)), "{path} does not show {needed}");
        }
    }
}

#[test]
fn architecture_names_every_crate_and_no_other() {
    let architecture = read("ARCHITECTURE.md");
    let named: BTreeSet<_> = crates_named(&architecture.text).into_iter().collect();
    assert_eq!(named, crates(), "ARCHITECTURE.md must name `crates/x` for each crate, no other");
    assert_eq!(crates_named("`crates/ledger`, crates/money/src/lib.rs"), ["ledger", "money"]);
}

fn crates_named(text: &str) -> Vec<String> {
    let name =
        |rest: &str| rest.split(|it: char| !it.is_ascii_alphanumeric()).next().map(str::to_owned);
    text.split("crates/").skip(1).filter_map(name).filter(|it| !it.is_empty()).collect()
}

#[test]
fn architecture_tells_three_stories() {
    let architecture = read("ARCHITECTURE.md");
    let headings: Vec<_> = headings(&architecture).map(str::to_lowercase).collect();
    for story in ["code map", "invariants", "apply", "repay", "end of day"] {
        assert!(headings.iter().any(|it| it.contains(story)), "no heading on `{story}`");
    }
}

/// `crates/lending/src/repayment.rs`, with or without `crates/`, and `….rs::allocate`.
#[test]
fn places_in_documents_exist() {
    let architecture = read("ARCHITECTURE.md");
    none(lost_places(&architecture));
    none(
        ["CONTRIBUTING.md", "STYLE.md", "SECURITY.md"].iter().flat_map(|it| lost_places(&read(it))),
    );
    let sample = "`xtask/src/main.rs::main` `xtask/src/main.rs::fly` `ledger/src/none.rs` `*.rs`";
    assert_eq!(
        lost_places(&File::new("a.md", sample)),
        [
            "a.md:1: nothing is called xtask/src/main.rs::fly",
            "a.md:1: no such file: ledger/src/none.rs",
        ]
    );
}

fn lost_places(file: &File) -> Vec<String> {
    let places = code_spans(file).filter(|(_, it)| it.contains("/src/") && it.contains(".rs"));
    let concrete = places.filter(|(_, it)| !it.contains(['*', '<', ' ']));
    concrete
        .filter_map(|(number, place)| {
            let (path, item) = place.split_once("::").unwrap_or((place, ""));
            let candidates = [root().join(path), root().join("crates").join(path)];
            let Some(found) = candidates.iter().find(|it| exists(it)) else {
                return Some(file.problem(number, &format!("no such file: {path}")));
            };
            let lost = !item.is_empty() && !defines(&fs::read_to_string(found).unwrap(), item);
            lost.then(|| file.problem(number, &format!("nothing is called {place}")))
        })
        .collect()
}

/// Whether a source defines an item, or the last part of `Type::method`.
fn defines(source: &str, item: &str) -> bool {
    let name = item.rsplit("::").next().unwrap_or(item).trim_end_matches("()");
    let words = ["fn", "struct", "enum", "trait", "const", "static", "type", "mod"];
    let mut lines = source.lines();
    lines.any(|line| {
        words.iter().any(|word| {
            line.match_indices(&format!("{word} {name}")).any(|(at, found)| {
                let after = line[at + found.len()..].chars().next();
                !after.is_some_and(|it| it.is_alphanumeric() || it == '_')
            })
        })
    })
}

#[test]
fn decisions_are_numbered_and_complete() {
    let decisions: Vec<_> =
        files(".md").into_iter().filter(|it| it.path.starts_with("docs/adr/")).collect();
    for (index, decision) in decisions.iter().enumerate() {
        let number = format!("{:04}", index + 1);
        let path = &decision.path;
        assert!(path.starts_with(&format!("docs/adr/{number}-")), "{path} should be {number}");
        assert!(decision.text.starts_with(&format!("# {number} ")), "{path}: title without number");
        let parts: Vec<_> = headings(decision).skip(1).collect();
        assert_eq!(parts, ["Context", "Decision", "Consequences"], "{path}");
        assert!(decision.text.contains("\nDate: 20"), "{path} has no date");
        assert!(decision.text.lines().count() <= 60, "{path}: one page");
    }
    assert!(decisions.len() >= 6);
}

#[test]
fn the_changelog_has_four_heads() {
    let changelog = read("CHANGELOG.md");
    let heads = ["Safety", "Features", "Fixes", "Internals"];
    let releases = headings(&changelog).skip(1).filter(|it| !heads.contains(it));
    for release in releases {
        let dated = release.as_bytes().first().is_some_and(u8::is_ascii_digit);
        assert!(release == "Unreleased" || dated, "`{release}` is no release and no head");
    }
    assert!(headings(&changelog).any(|it| it == "Unreleased"));
}

#[test]
fn the_glossary_has_one_word_per_idea() {
    let glossary = read("docs/reference/glossary.md");
    let rows = glossary.lines().filter(|(_, line)| line.starts_with("| "));
    let cells =
        rows.map(|(number, line)| (number, line.split('|').map(str::trim).collect::<Vec<_>>()));
    let mut words = BTreeSet::new();
    for (number, cells) in cells.filter(|(_, cells)| cells[1] != "English" && cells[1] != "---") {
        let [_, english, chinese, meaning, _] = cells[..] else {
            panic!("{}", glossary.problem(number, "not three cells"));
        };
        let complete = !english.is_empty() && !meaning.is_empty();
        let han = chinese.chars().any(|it| it >= '\u{2e80}');
        assert!(complete && han, "{}", glossary.problem(number, "an empty cell, or no Chinese"));
        for word in [english, chinese] {
            assert!(words.insert(word.to_lowercase()), "`{word}` stands twice");
        }
    }
    assert!(words.len() >= 160, "{} words", words.len());
}

#[test]
fn continuous_integration_is_one_command() {
    let script = root().join(".ci/run");
    let mode = fs::metadata(&script).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111, ".ci/run must be executable");
    let text = fs::read_to_string(script).unwrap();
    assert_eq!(text.lines().last(), Some("cargo xtask test"));
}
