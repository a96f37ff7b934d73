use clap::{CommandFactory as _, Parser as _};

use crate::{Xtask, root, shell};

#[test]
fn the_command_line_is_consistent() {
    Xtask::command().debug_assert();
}

#[test]
fn further_arguments_are_the_platforms() {
    let given = ["--json", "--data", "somewhere", "--help", "--", "-x"];
    let parsed = Xtask::try_parse_from(["xtask", "demo"].into_iter().chain(given));
    let Ok(Xtask::Demo(rest)) = parsed else { panic!("not a demo") };
    assert_eq!(rest.arguments, given);
    assert!(Xtask::try_parse_from(["xtask", "test", "--json"]).is_err());
}

#[test]
fn a_failure_names_the_program_and_its_exit_code() {
    let shell = shell::Shell::at(root());
    shell.run(&["sh", "-c", "test -f Cargo.lock"]).unwrap();
    let failed = shell.run(&["sh", "-c", "exit 7"]).unwrap_err().context("outside");
    assert_eq!(format!("{failed:#}"), "outside: `sh -c exit 7` failed with exit code 7");
    let code = failed.downcast_ref().map(shell::Failed::exit_code);
    assert_eq!(code, Some(std::process::ExitCode::from(7)));
    let missing = shell.run(&["no-such-program"]).unwrap_err().to_string();
    assert_eq!(missing, "cannot run `no-such-program`");
}

#[test]
fn an_answer_is_success_and_nothing_else() {
    let shell = shell::Shell::here();
    let answers = |words: &[&str]| shell.answers(words);
    assert!(answers(&["true"]));
    assert!(!answers(&["false"]));
    assert!(!answers(&["no-such-program"]));
}
