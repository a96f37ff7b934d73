//! Who may depend on whom.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use serde_json::Value;

use super::{crates, none, read};
use crate::root;

/// A crate and the crates of ours that it may use.
struct Node {
    name: &'static str,
    uses: &'static [&'static str],
    /// In its tests only, beside `uses` and what [`ONLY`] lets it use.
    tests_use: &'static [&'static str],
}

const fn node(name: &'static str, uses: &'static [&'static str]) -> Node {
    Node { name, uses, tests_use: &[] }
}

/// The whole graph, lowest layer first. ARCHITECTURE.md says why.
const GRAPH: &[Node] = &[
    node("stdx", &[]),
    node("audit", &["stdx"]),
    node("money", &["stdx"]),
    node("ledger", &["money", "stdx"]),
    node("product", &["money", "stdx"]),
    node("lending", &["money", "product", "stdx"]),
    node("party", &["stdx"]),
    node("documents", &["money", "stdx"]),
    node("compliance", &["money", "stdx"]),
    node("deposits", &["money", "product", "stdx"]),
    node("faultdisk", &["stdx"]),
    node("testdb", &[]),
    Node {
        name: "store",
        uses: &["audit", "ledger", "money", "stdx"],
        tests_use: &["faultdisk", "testdb"],
    },
    Node { name: "backup", uses: &["ledger", "stdx", "store"], tests_use: &["money", "tokio"] },
    node(
        "bank",
        &[
            "compliance",
            "deposits",
            "documents",
            "ledger",
            "lending",
            "money",
            "party",
            "product",
            "stdx",
            "store",
        ],
    ),
    // No `store`: what a route wants read or written is a function of `bank`.
    Node {
        name: "api",
        uses: &[
            "bank",
            "compliance",
            "deposits",
            "documents",
            "ledger",
            "lending",
            "money",
            "party",
            "product",
            "stdx",
        ],
        tests_use: &["store", "tracing-subscriber"],
    },
    Node {
        name: "suanpan",
        uses: &[
            "api",
            "audit",
            "backup",
            "bank",
            "compliance",
            "ledger",
            "lending",
            "money",
            "party",
            "product",
            "stdx",
            "store",
        ],
        tests_use: &["testdb"],
    },
    node("sim", &["bank", "ledger", "money", "party", "product", "stdx", "store"]),
    node("xtask", &["testdb"]),
];

/// Dependencies that only some crates may use: what keeps IO, SQL, HTTP, the clock and entropy
/// where they belong.
const ONLY: &[(&str, &[&str])] = &[
    ("anyhow", &["suanpan", "xtask"]),
    ("axum", &["api", "suanpan"]),
    ("clap", &["sim", "suanpan", "xtask"]),
    ("csv", &["suanpan"]),
    ("futures-util", &["api", "bank", "store", "suanpan"]),
    ("getrandom", &["suanpan"]),
    ("hyper", &["suanpan"]),
    ("hyper-util", &["suanpan"]),
    ("indicatif", &["suanpan"]),
    ("miniz_oxide", &["documents"]),
    ("pdf-writer", &["documents"]),
    ("problem_details", &["api"]),
    ("prometheus-client", &["api", "suanpan"]),
    ("rand_chacha", &["stdx"]),
    ("rusqlite", &["faultdisk", "store"]),
    ("subsetter", &["documents"]),
    ("tokio", &["api", "bank", "store", "suanpan"]),
    ("tokio-postgres", &["store"]),
    ("tower-http", &["api"]),
    ("tracing", &["api", "bank", "store", "suanpan"]),
    ("tracing-subscriber", &["suanpan"]),
    ("ttf-parser", &["documents"]),
    ("utoipa", &["api"]),
    ("utoipa-axum", &["api"]),
];

/// What may never be in the lock file, and why.
const BANNED: &[(&str, &str)] = &[
    ("chrono", "`jiff` is our calendar"),
    ("figment", "stale"),
    ("fred", "stale"),
    ("iso20022", "dead; `mx20022` is alive"),
    ("native-tls", "`rustls` is our TLS"),
    ("openssl", "`rustls` is our TLS"),
    ("openssl-sys", "`rustls` is our TLS"),
    ("ort", "downloads binaries when it is built"),
    ("oxide-auth", "stale"),
    ("perpetual", "needs a nightly compiler"),
    ("rapidfuzz", "stale"),
    ("rskafka", "stale"),
    ("sea-orm", "brings `sqlx`"),
    ("sqlx", "cannot share a lock file with `rusqlite`: both link `sqlite3`"),
    ("tfhe", "its licence grants no patents"),
    ("time", "`jiff` is our calendar"),
    ("zen-engine", "a broken cell or a missing field silently skips the row"),
];

/// The licences we accept; every dependency must offer one, or all of several it demands.
/// `deny.toml` has the same list for `cargo deny`.
const LICENSES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// One `[dependencies]` or `[dev-dependencies]` entry of one of our crates.
struct Edge {
    from: String,
    to: String,
    ours: bool,
    dev: bool,
}

fn forbidden(edge: &Edge) -> Option<String> {
    let Edge { from, to, ours, dev } = edge;
    let node = GRAPH.iter().find(|it| it.name == from)?;
    let in_tests = *dev && node.tests_use.contains(&&**to);
    let listed = if *ours {
        node.uses.contains(&&**to)
    } else {
        ONLY.iter().find(|(name, _)| name == to).is_none_or(|(_, users)| users.contains(&&**from))
    };
    (!listed && !in_tests).then(|| format!("`{from}` may not use `{to}`"))
}

#[test]
fn crates_use_only_what_they_may() {
    none(edges().iter().filter_map(forbidden));
}

#[test]
fn a_forbidden_edge_is_found() {
    let edge = |from: &str, to: &str, ours, dev| {
        forbidden(&Edge { from: from.to_owned(), to: to.to_owned(), ours, dev }).is_some()
    };
    assert!(edge("ledger", "lending", true, false));
    assert!(edge("api", "store", true, false));
    assert!(!edge("api", "store", true, true));
    assert!(edge("api", "tracing-subscriber", false, false));
    assert!(!edge("api", "tracing-subscriber", false, true));
    assert!(!edge("lending", "product", true, false));
    assert!(edge("lending", "tokio", false, true));
    assert!(!edge("store", "rusqlite", false, false));
    assert!(!edge("store", "serde", false, false));
}

#[test]
fn the_graph_lists_every_crate_below_its_users() {
    let listed: BTreeSet<_> = GRAPH.iter().map(|it| it.name.to_owned()).collect();
    let mut present = crates();
    present.insert("xtask".to_owned());
    assert_eq!(listed, present);
    for (index, node) in GRAPH.iter().enumerate() {
        let below: Vec<_> = GRAPH[..index].iter().map(|it| it.name).collect();
        let tests_use = node.tests_use.iter().filter(|it| listed.contains(**it));
        for used in node.uses.iter().chain(tests_use) {
            assert!(below.contains(used), "`{used}` must stand above `{}`", node.name);
        }
    }
}

#[test]
fn every_workspace_dependency_is_used() {
    let used: BTreeSet<_> = edges().into_iter().map(|it| it.to).collect();
    let declared = dependencies(&read("Cargo.toml").text);
    none(declared.keys().filter(|it| !used.contains(*it)).map(|it| format!("{it} is not used")));
}

#[test]
fn every_workspace_dependency_has_its_reason() {
    let undocumented = |manifest: &str| -> Vec<String> {
        let declared = dependencies(manifest);
        let bare = declared.into_iter().filter(|(_, documented)| !documented);
        bare.map(|(name, _)| format!("`{name}` needs a comment: why is it here?")).collect()
    };
    none(undocumented(&read("Cargo.toml").text));
    let sample = "[workspace.dependencies]\n# Why.\na = \"1\"\na-b = \"1\"\nc = \"1\"\n\n[x]\n";
    assert_eq!(undocumented(sample), ["`c` needs a comment: why is it here?"]);
}

#[test]
fn crates_take_versions_from_the_workspace() {
    let section = |line: &str| line.trim_matches(['[', ']']).ends_with("dependencies");
    for name in GRAPH.iter().map(|it| it.name).filter(|it| *it != "xtask") {
        let manifest = read(&format!("crates/{name}/Cargo.toml"));
        let mut inside = false;
        for (number, line) in manifest.lines().filter(|(_, line)| !line.is_empty()) {
            inside = if line.starts_with('[') { section(line) } else { inside };
            let own = inside && !line.starts_with(['[', '#']) && !line.contains("workspace = true");
            assert!(!own, "{}", manifest.problem(number, "write `name.workspace = true`"));
        }
    }
}

#[test]
fn nothing_banned_is_locked() {
    none(banned(&read("Cargo.lock").text));
    let lock = |name: &str, version| format!("[[package]]\nname = {name:?}\nversion = {version:?}");
    for (name, _) in BANNED {
        assert_eq!(banned(&lock(name, "1.0.0")).len(), 1, "{name}");
    }
    assert_eq!(banned(&lock("sm2", "0.14.0-rc.1")).len(), 1);
    assert_eq!(banned(&lock("sm2", "0.14.0")).len(), 0);
}

fn banned(lock: &str) -> Vec<String> {
    let field = |package: &str, name: &str| -> String {
        let line = package.lines().find_map(|it| it.strip_prefix(name));
        line.unwrap_or_default().trim_matches([' ', '=', '"']).to_owned()
    };
    let packages = lock.split("[[package]]").skip(1);
    packages
        .filter_map(|package| {
            let (name, version) = (field(package, "name"), field(package, "version"));
            let why = BANNED.iter().find(|(it, _)| *it == name).map(|(_, why)| *why);
            // CVE-2026-22698, CVE-2026-22699, CVE-2026-22700.
            let weak = name == "sm2" && version.contains('-');
            let why = why.or(weak.then_some("pre-releases verify forged signatures"));
            why.map(|why| format!("`{name}` {version} is banned: {why}"))
        })
        .collect()
}

#[test]
fn every_dependency_is_licensed_permissively() {
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap().stdout;
    let host = String::from_utf8(host).unwrap();
    let metadata = metadata(&["--filter-platform", host.trim()]);
    let packages = metadata["packages"].as_array().unwrap();
    none(packages.iter().filter(|it| !permissive(it["license"].as_str().unwrap_or(""))).map(
        |it| {
            format!("{} is licensed under {}, which is not in LICENSES", it["name"], it["license"])
        },
    ));
}

#[test]
fn license_expressions_are_read() {
    for free in ["MIT", "MIT/Apache-2.0", "GPL-3.0 OR MIT", "(MIT OR GPL-2.0) AND Unicode-3.0"] {
        assert!(permissive(free), "{free}");
    }
    for unfree in ["", "AGPL-3.0", "MIT AND BUSL-1.1", "SSPL-1.0 OR AGPL-3.0-only", "MPL-2.0"] {
        assert!(!permissive(unfree), "{unfree}");
    }
}

/// Whether an SPDX expression leaves us a choice within [`LICENSES`]. Splits at `AND` first, which
/// is right for the one level of brackets found in practice: `(A OR B) AND C`.
fn permissive(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    let mut demands = expression.split(" AND ");
    demands.all(|it| it.split(" OR ").any(|choice| LICENSES.contains(&choice.trim())))
}

#[test]
fn cargo_deny_has_the_same_lists() {
    let deny = read("deny.toml").text;
    none(BANNED.iter().filter_map(|(name, _)| {
        let missing = !deny.contains(&format!("{{ crate = \"{name}\""));
        missing.then(|| format!("deny.toml does not ban {name}"))
    }));
    let (_, licenses) = deny.split_once("\nallow = [").unwrap();
    let (licenses, _) = licenses.split_once(']').unwrap();
    let licenses: Vec<_> = licenses.split('"').skip(1).step_by(2).collect();
    assert_eq!(licenses, LICENSES);
}

/// The edges of all manifests, as cargo reads them.
fn edges() -> Vec<Edge> {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .flat_map(|package| {
            let edge = |it: &Value| Edge {
                from: package["name"].as_str().unwrap().to_owned(),
                to: it["name"].as_str().unwrap().to_owned(),
                ours: it["path"].is_string(),
                dev: it["kind"] == "dev",
            };
            package["dependencies"].as_array().unwrap().iter().map(edge).collect::<Vec<_>>()
        })
        .collect()
}

fn metadata(arguments: &[&str]) -> Value {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--offline", "--format-version", "1"]).args(arguments);
    let output = cargo.current_dir(root()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The names under `[workspace.dependencies]`, and whether each says why it is there: by the
/// comment before it, or as the next of a family (`tracing`, `tracing-subscriber`).
/// Our own crates say it in their manifests.
fn dependencies(manifest: &str) -> BTreeMap<String, bool> {
    let (_, section) = manifest.split_once("[workspace.dependencies]\n").unwrap();
    let section = section.split_once("\n[").map_or(section, |(section, _)| section);
    let (mut family, mut commented) = (String::from("\n"), false);
    let mut found = BTreeMap::new();
    for line in section.lines() {
        if let Some((name, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            if line.contains("path = ") {
                continue;
            }
            if commented {
                family = name.to_owned();
            }
            found.insert(name.to_owned(), commented || name.starts_with(&family));
        }
        commented = line.starts_with('#');
    }
    found
}
