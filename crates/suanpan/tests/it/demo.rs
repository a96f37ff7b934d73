//! The demo, and what a kill does to it.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{Scratch, printed, suanpan};

/// Few enough for an unoptimized build.
const APPLICANTS: &str = "24";

fn demo(data: &str) -> Value {
    let text = printed(&["demo", "--json", "--applicants", APPLICANTS, "--data", data]);
    serde_json::from_str(&text).expect("one JSON object")
}

#[test]
fn a_killed_demo_goes_on_and_ends_the_same() {
    let (whole, broken) = (Scratch::new(), Scratch::new());
    let expected = demo(whole.path().to_str().unwrap());
    assert_eq!(expected["trial_balance"]["CNY"], "0.00");
    assert!(expected["loans"].as_u64().unwrap() > 10, "{expected}");
    assert_ne!(expected["interest_earned"], "0.00");
    for field in ["disbursed", "state_hash", "seconds"] {
        assert!(!expected[field].is_null(), "{field}: {expected}");
    }

    // Killed three times, at whatever it is doing then.
    let log = broken.path().join("suanpan.db");
    for kill in 1..=3_u64 {
        let arguments = ["demo", "--applicants", APPLICANTS, "--data", broken.text()];
        let mut child =
            suanpan(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        grown(&log, kill * 600_000);
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let continued = demo(broken.text());
    let verified = printed(&["verify", "--json", "--data", broken.text()]);
    let verified: Vec<Value> =
        verified.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verified.len(), 2, "the platform and the institution");
    assert_eq!(verified[1]["state_hash"], continued["state_hash"]);
    for field in ["loans", "disbursed", "interest_earned", "trial_balance", "arrears", "state_hash"]
    {
        assert_eq!(continued[field], expected[field], "{field}");
    }
}

/// Waits until the store has taken this much, so that the kill hits work in progress.
fn grown(database: &std::path::Path, bytes: u64) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let wal = database.with_extension("db-wal");
    let size = |path: &std::path::Path| path.metadata().map_or(0, |it| it.len());
    while size(database) + size(&wal) < bytes && Instant::now() < deadline {
        std::thread::yield_now();
    }
}

#[test]
fn a_demo_shows_where_it_is_and_ends_with_a_summary() {
    let data = Scratch::new();
    let arguments = ["demo", "--applicants", "3", "--seed", "7", "--data", data.text()];
    let mut child =
        suanpan(&arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines: Vec<String> =
        BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success());
    let text = lines.join("\n");
    for part in ["disbursed", "days past due", "interest earned", "0.00 CNY", "state hash"] {
        assert!(text.contains(part), "{part} in:\n{text}");
    }
    assert!(lines.len() <= 24, "more than a screen:\n{text}");
}
