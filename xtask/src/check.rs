//! `cargo xtask test`: what must hold before a change is merged, cheapest first.

use anyhow::{Context as _, Result, bail};
use testdb::Postgres;

use crate::shell::Shell;

/// Something the tests need beside Rust.
struct Need {
    what: &'static str,
    is_there: fn(&Shell) -> bool,
    source: Source,
}

/// Where a missing need comes from.
enum Source {
    /// Packages of Debian and its descendants.
    Apt(&'static [&'static str]),
    /// A component of the Rust toolchain.
    Rustup(&'static str),
}

/// In the order in which they are looked for.
const NEEDS: &[Need] = &[
    // Rust links through `cc` unless told otherwise; SQLite is compiled with it in any case.
    Need {
        what: "a C compiler",
        is_there: |shell| shell.answers(&["cc", "--version"]),
        source: Source::Apt(&["gcc", "libc6-dev"]),
    },
    Need {
        what: "rustfmt",
        is_there: |shell| shell.answers(&["cargo", "fmt", "--version"]),
        source: Source::Rustup("rustfmt"),
    },
    Need {
        what: "clippy",
        is_there: |shell| shell.answers(&["cargo", "clippy", "--version"]),
        source: Source::Rustup("clippy"),
    },
    // What the sandbox prints to be pasted is run by a test, with `bash` and this.
    Need {
        what: "curl",
        is_there: |shell| shell.answers(&["curl", "--version"]),
        source: Source::Apt(&["curl"]),
    },
    // One of the engines; the tests start clusters of their own.
    Need {
        what: "PostgreSQL",
        is_there: |_| testdb::is_installed(),
        source: Source::Apt(&["postgresql"]),
    },
];

/// What runs before the tests. Clippy gets `-D warnings` for itself: in `RUSTFLAGS` it would make
/// cargo build every dependency once more for the tests.
const CHECKS: &[&[&str]] = &[
    &["cargo", "fmt", "--all", "--check"],
    &["cargo", "clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
];

/// The test runners, best first: nextest runs the tests of all crates side by side.
const NEXTEST: &[&str] = &["cargo", "nextest", "run", "--workspace"];
const CARGO_TEST: &[&str] = &["cargo", "test", "--workspace"];

/// Runs everything, the tests last, with a PostgreSQL that they share.
///
/// # Errors
/// At the first thing that is missing or fails.
pub(crate) fn all(shell: &Shell) -> Result<()> {
    for need in NEEDS.iter().filter(|it| !(it.is_there)(shell)) {
        eprintln!("{} is missing: installing it", need.what);
        install(shell, &need.source).with_context(|| format!("cannot install {}", need.what))?;
        if !(need.is_there)(shell) {
            bail!("what was installed as {} is too old or not where it is looked for", need.what);
        }
    }
    for check in CHECKS {
        shell.run(check)?;
    }
    let nextest = shell.answers(&["cargo", "nextest", "--version"]);
    let runner = if nextest { NEXTEST } else { CARGO_TEST };
    let postgres = Postgres::start().context("cannot start PostgreSQL")?;
    let shared = format!("{}={}", testdb::SHARED, postgres.folder().display());
    shell.run(&[&["env", &shared], runner].concat())
}

fn install(shell: &Shell, source: &Source) -> Result<()> {
    match source {
        Source::Rustup(component) => shell.run(&["rustup", "component", "add", component]),
        Source::Apt(packages) => {
            let apt_get = apt_get(shell)
                .with_context(|| format!("install {} as root", packages.join(" and ")))?;
            shell.run(&[apt_get, &["update"]].concat())?;
            shell.run(&[apt_get, &["install", "--yes"], packages].concat())
        }
    }
}

/// `apt-get`, through `sudo` for those who are not root.
fn apt_get(shell: &Shell) -> Result<&'static [&'static str]> {
    if !shell.answers(&["apt-get", "--version"]) {
        bail!("there is no `apt-get` here");
    }
    if shell.answers(&["test", "-w", "/var/lib/dpkg"]) {
        return Ok(&["apt-get"]);
    }
    if shell.answers(&["sudo", "--version"]) {
        return Ok(&["sudo", "apt-get"]);
    }
    bail!("you are not root and there is no `sudo` here")
}
