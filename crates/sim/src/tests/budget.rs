use crate::{Options, run};

/// Long enough for set-up, lending, days and faults; short enough for every test run.
const COMMANDS: usize = 250;
const SEEDS: std::ops::Range<u64> = 0..8;

fn options(seed: u64) -> Options {
    Options { seed, commands: COMMANDS, tell: None }
}

#[test]
fn seeds_hold() {
    let mut summaries = Vec::new();
    for seed in SEEDS {
        let options = options(seed);
        let summary = run(options);
        summaries.push(summary.unwrap_or_else(|it| panic!("{it}\nrepeat: {}", options.repeat())));
    }
    // What a run is for happens in these.
    let sum = |of: fn(&crate::Summary) -> usize| summaries.iter().map(of).sum::<usize>();
    assert!(sum(|it| it.cut_short) > 40, "{summaries:?}");
    assert!(sum(|it| it.refused) > 300, "{summaries:?}");
    assert!(sum(|it| it.attempts - it.commands) > 300, "{summaries:?}");
    assert!(sum(|it| it.transfers) > 200, "{summaries:?}");
}

#[test]
fn a_seed_repeats_itself_and_no_other() {
    let summary = |seed| run(options(seed)).unwrap();
    let first = summary(100);
    assert_eq!(summary(100), first);
    assert_ne!(summary(101).state_hash, first.state_hash);
}

#[test]
fn a_failing_seed_says_how_to_repeat_it() {
    let repeat = options(7).repeat();
    assert_eq!(repeat, "cargo xtask sim --seed 7 --commands 250 --minutes 0");
}
