//! What may stand in a Rust file, and where.

use std::{collections::BTreeSet, path::Path};

use super::{File, crates, exists, files, none, read};
use crate::root;

/// Pure crates: values in, values out.
const DOMAIN: &[&str] = &[
    "stdx",
    "audit",
    "money",
    "ledger",
    "product",
    "lending",
    "deposits",
    "party",
    "documents",
    "compliance",
];

/// Words that may not stand in the code of some crates. Comments may speak of them.
struct Ban {
    words: &'static [&'static str],
    in_crates: Scope,
    in_tests: bool,
    why: &'static str,
}

enum Scope {
    All,
    Only(&'static [&'static str]),
    AllBut(&'static [&'static str]),
}

const BANS: &[Ban] = &[
    Ban {
        words: &["SELECT", "INSERT INTO", "DELETE FROM", "CREATE TABLE", "PRAGMA", "rusqlite"],
        // A file system for SQLite is tried by SQLite.
        in_crates: Scope::AllBut(&["faultdisk", "store"]),
        in_tests: true,
        why: "only `store` contains SQL",
    },
    Ban {
        words: &["unsafe {", "unsafe extern", "unsafe fn", "unsafe impl"],
        in_crates: Scope::AllBut(&["faultdisk"]),
        in_tests: true,
        why: "no unsafe code, but for the file system that tests put under SQLite",
    },
    Ban {
        words: &["axum", "StatusCode", "utoipa"],
        in_crates: Scope::AllBut(&["api", "suanpan"]),
        in_tests: true,
        why: "only `api` knows HTTP",
    },
    Ban {
        words: &["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now"],
        in_crates: Scope::AllBut(&["suanpan"]),
        in_tests: true,
        why: "time is an input; only `suanpan` reads the clock",
    },
    Ban {
        words: &["env::var", "env::vars", "env::var_os", "env::args"],
        in_crates: Scope::AllBut(&["suanpan", "testdb", "xtask"]),
        in_tests: true,
        why: "configuration is an input; only `suanpan` reads the environment",
    },
    Ban {
        words: &["getrandom", "OsRng", "SysRng", "thread_rng", "from_os_rng", "Uuid::new_v4"],
        in_crates: Scope::AllBut(&["suanpan"]),
        in_tests: true,
        why: "randomness is an input; only `suanpan` asks the operating system for it",
    },
    Ban {
        words: &["f32", "f64"],
        in_crates: Scope::Only(&[
            "stdx",
            "money",
            "ledger",
            "product",
            "lending",
            "deposits",
            "party",
            "compliance",
            "store",
            "bank",
        ]),
        in_tests: true,
        why: "no float near money: use `Decimal` or `Amount`",
    },
    Ban {
        words: &["async", "std::fs", "std::net", "std::process", "std::thread", "tokio"],
        in_crates: Scope::Only(DOMAIN),
        in_tests: false,
        why: "domain crates have no IO and do not wait: values in, values out",
    },
    Ban {
        words: &["#[ignore"],
        in_crates: Scope::All,
        in_tests: true,
        why: "a test that does not run proves nothing",
    },
    Ban {
        words: &["sleep(", "sleep_until("],
        in_crates: Scope::All,
        in_tests: true,
        why: "wait for the event, or advance the simulated clock",
    },
];

impl Ban {
    fn covers(&self, file: &File) -> bool {
        let krate = file.krate();
        let in_scope = match self.in_crates {
            Scope::All => true,
            Scope::Only(crates) => crates.contains(&krate),
            Scope::AllBut(crates) => !crates.contains(&krate),
        };
        in_scope && (self.in_tests || !is_test(file))
    }

    fn problems(&self, file: &File) -> Vec<String> {
        let code = file.lines().filter(|(_, line)| !line.trim_start().starts_with("//"));
        code.filter(|(_, line)| self.words.iter().any(|word| has_word(line, word)))
            .map(|(number, _)| file.problem(number, self.why))
            .collect()
    }
}

/// Whether a word stands in a line on its own, not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let in_name = |it: char| it.is_alphanumeric() || it == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(in_name);
        let after = line[at + word.len()..].chars().next().is_some_and(in_name);
        !(before && word.starts_with(in_name) || after && word.ends_with(in_name))
    })
}

/// Whether a file holds only tests: `src/tests.rs`, `src/tests/*.rs`, `tests/*.rs`.
fn is_test(file: &File) -> bool {
    file.path.contains("/tests")
}

/// The Rust files of the repository, except these rules, which must name what they forbid.
fn sources() -> Vec<File> {
    let all = files(".rs").into_iter();
    all.filter(|it| !it.path.starts_with("xtask/src/tidy")).collect()
}

#[test]
fn words_stay_where_they_belong() {
    let sources = sources();
    none(BANS.iter().flat_map(|ban| {
        sources.iter().filter(|it| ban.covers(it)).flat_map(|it| ban.problems(it))
    }));
}

#[test]
fn a_word_out_of_place_is_found() {
    for ban in BANS {
        for word in ban.words {
            let file = File::new("crates/ledger/src/lib.rs", &format!("// {word}\nx({word}) + 1"));
            assert!(ban.covers(&file));
            assert_eq!(ban.problems(&file), [file.problem(2, ban.why)], "{word}");
        }
    }
    assert!(!has_word("fn visit_f64()", "f64"));
    assert!(!BANS[0].covers(&File::new("crates/store/src/lib.rs", "")));
    let code_only = BANS.iter().find(|it| !it.in_tests).unwrap();
    assert!(!code_only.covers(&File::new("crates/money/src/tests.rs", "")));
}

#[test]
fn lines_have_at_most_100_columns() {
    none(files(".rs").iter().flat_map(long_lines));
    let long = "x".repeat(101);
    let sample = format!("{long}\nr#\"\n{long}\n\"#;\n// https://{long}\n{}", "中".repeat(51));
    assert_eq!(
        long_lines(&File::new("a.rs", &sample)),
        ["a.rs:1: 101 columns; break it after 100", "a.rs:6: 102 columns; break it after 100",]
    );
}

/// Lines over 100 columns, where a Chinese character takes two: rustfmt counts so too, and silently
/// leaves a statement as it is when a line of it does not fit. Raw strings are excepted, since they
/// hold tables and what programs print, and links, since they cannot be broken.
fn long_lines(file: &File) -> Vec<String> {
    let mut raw = false;
    let mut problems = Vec::new();
    for (number, line) in file.lines() {
        let columns: usize = line.chars().map(|it| if it < '\u{2e80}' { 1 } else { 2 }).sum();
        if columns > 100 && !raw && !line.contains("://") {
            let message = format!("{columns} columns; break it after 100");
            problems.push(file.problem(number, &message));
        }
        raw = match (raw, line.rfind("r#\""), line.rfind("\"#")) {
            (false, Some(open), close) => close.is_none_or(|close| close < open + 2),
            (true, _, Some(_)) => false,
            (raw, ..) => raw,
        };
    }
    problems
}

#[test]
fn nothing_is_left_behind() {
    let texts = [".md", ".toml", ".yaml", ".yml", ".sql"].into_iter().flat_map(files);
    none(sources().into_iter().chain(texts).flat_map(|it| leftovers(&it)));
    let sample = File::new("a.rs", "fn a() {\n    todo!()\n}\n// FIXME\n// TODO: b\n");
    assert_eq!(leftovers(&sample).len(), 3);
}

fn leftovers(file: &File) -> Vec<String> {
    // Spelled so that the rules for documents may name them: STYLE.md forbids `todo!` too.
    let words = ["FIXME", "TODO", "todo!(", "unimplemented!("];
    let left = file.lines().filter(|(_, line)| words.iter().any(|word| has_word(line, word)));
    left.map(|(number, _)| file.problem(number, "finish it or open an issue")).collect()
}

#[test]
fn files_begin_with_their_purpose() {
    let sources = sources();
    let bare = sources.iter().filter(|it| !is_test(it) && !it.text.starts_with("//! "));
    none(bare.map(|it| it.problem(1, "begin with `//!`: what is this file for?")));
}

#[test]
fn every_file_is_a_module() {
    let mut reached = BTreeSet::new();
    let names = crates().into_iter().map(|it| format!("crates/{it}/src"));
    for folder in names.chain(["xtask/src".to_owned()]) {
        for entry in ["lib.rs", "main.rs"] {
            if exists(&root().join(&folder).join(entry)) {
                reach(&format!("{folder}/{entry}"), &folder, &mut reached);
            }
        }
    }
    let all = files(".rs").into_iter().map(|it| it.path).filter(|it| it.contains("/src/"));
    none(
        all.filter(|it| !reached.contains(it)).map(|it| format!("{it}: no `mod` line leads here")),
    );
}

/// Follows the `mod` lines of a file; its modules lie in `folder`.
fn reach(path: &str, folder: &str, reached: &mut BTreeSet<String>) {
    reached.insert(path.to_owned());
    for module in modules(&read(path).text) {
        let inner = format!("{folder}/{module}");
        // A missing file is the compiler's to name; `mod.rs` is never reached and so refused.
        if exists(&root().join(format!("{inner}.rs"))) {
            reach(&format!("{inner}.rs"), &inner, reached);
        }
    }
}

/// The names in `mod name;` lines.
fn modules(text: &str) -> Vec<&str> {
    let declared = text.lines().filter_map(|line| line.trim().strip_suffix(';'));
    declared
        .filter_map(|line| {
            let (before, name) = line.rsplit_once("mod ")?;
            let visible = before.is_empty() || before.starts_with("pub");
            visible.then_some(name)
        })
        .collect()
}

#[test]
fn mod_lines_are_read() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\npub(crate) mod b;\npub mod c {\n}\n// a mod d;";
    assert_eq!(modules(text), ["a", "tests", "b"]);
}

#[test]
fn a_crate_has_one_test_binary() {
    for name in crates() {
        let folder = root().join("crates").join(&name).join("tests");
        let count = if exists(&folder) { rust_files_in(&folder) } else { 0 };
        assert!(count <= 1, "crates/{name}/tests: make one file of these {count}");
    }
}

fn rust_files_in(folder: &Path) -> usize {
    let entries = folder.read_dir().unwrap().map(|it| it.unwrap().path());
    entries.filter(|it| it.extension().is_some_and(|it| it == "rs")).count()
}
