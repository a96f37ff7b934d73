use std::mem::swap;

use crate::{OWNER, Postgres, SUPERUSER, database, is_alive, program, run};

/// What a statement prints, by somebody, in a database.
fn ask(url: &str, statement: &str) -> std::io::Result<String> {
    let flags = ["--no-align", "--tuples-only", "--quiet", "--command", statement];
    run(program("psql")?.args(flags).arg(url)).map(|it| it.trim().to_owned())
}

#[test]
fn a_test_has_a_database_of_its_own() {
    let (one, two) = (database().unwrap(), database().unwrap());
    assert_ne!(one, two);
    ask(&one, "CREATE SCHEMA mine").unwrap();
    ask(&two, "CREATE SCHEMA mine").unwrap();
    ask(&one, "CREATE SCHEMA mine").unwrap_err();
}

#[test]
fn durable_means_durable_and_the_owner_is_nobody_special() {
    let url = database().unwrap();
    assert_eq!(ask(&url, "SHOW fsync").unwrap(), "on");
    assert_eq!(ask(&url, "SHOW synchronous_commit").unwrap(), "on");
    assert_eq!(ask(&url, "SHOW is_superuser").unwrap(), "off");
    ask(&url, "CREATE ROLE other").unwrap_err();
    let superuser = url.replace(&format!("{OWNER}@"), &format!("{SUPERUSER}@"));
    assert_eq!(ask(&superuser, "SHOW is_superuser").unwrap(), "on");
}

#[test]
fn what_was_committed_survives_a_kill_and_a_restart() {
    let mut postgres = Postgres::start().unwrap();
    let url = postgres.database().unwrap();
    let pid = postgres.pid().unwrap();
    ask(&url, "CREATE SCHEMA before").unwrap();
    postgres.kill().unwrap();
    assert!(!is_alive(pid));
    ask(&url, "CREATE SCHEMA between").unwrap_err();
    postgres.kill().unwrap_err();
    postgres.restart().unwrap();
    ask(&url, "CREATE SCHEMA before").unwrap_err();
    ask(&url, "CREATE SCHEMA between").unwrap();
    postgres.restart().unwrap();
    ask(&url, "CREATE SCHEMA between").unwrap_err();
}

#[test]
fn a_copy_takes_over_with_all_that_was_answered_and_back() {
    let mut primary = Postgres::start().unwrap();
    let url = primary.database().unwrap();
    let mut copy = primary.standby().unwrap();
    // Whoever names both finds the one that may be written.
    let both = primary.url_with(&copy, &url) + "?target_session_attrs=read-write";
    for round in 0..2 {
        ask(&both, &format!("CREATE SCHEMA answered_{round}")).unwrap();
        let there = copy.url(&url);
        assert_eq!(ask(&there, "SHOW transaction_read_only").unwrap(), "on");
        primary.kill().unwrap();
        copy.promote().unwrap();
        ask(&there, &format!("CREATE SCHEMA answered_{round}")).unwrap_err();
        ask(&there, &format!("CREATE SCHEMA later_{round}")).unwrap();
        assert_eq!(ask(&both, "SHOW transaction_read_only").unwrap(), "off");
        copy.follow(&primary).unwrap_err();
        swap(&mut primary, &mut copy);
        copy.follow(&primary).unwrap();
    }
}

#[test]
fn nothing_is_left() {
    let mut running = Postgres::start().unwrap();
    let copy = running.standby().unwrap();
    let pid = copy.pid().unwrap();
    let folders = [running.folder().to_owned(), copy.folder().to_owned()];
    assert!(folders.iter().all(|it| it.exists()));
    drop(copy);
    assert!(!is_alive(pid));
    running.kill().unwrap();
    drop(running);
    assert!(!folders.iter().any(|it| it.exists()));
}

#[test]
fn who_cannot_start_says_why() {
    let mut postgres = Postgres::start().unwrap();
    postgres.kill().unwrap();
    postgres.configure("shared_buffers = 'much'\n").unwrap();
    let error = postgres.restart().unwrap_err().to_string();
    assert!(error.contains("shared_buffers"), "{error}");
}
