//! The platform killed under load: what was acknowledged is there once, and what was not is there
//! whole or not at all.
//!
//! [`survive`] knows nothing of engines. It is given a platform that runs and a blow, which breaks
//! something under it and answers with a platform that runs again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it cost, what went wrong")]

mod load;

use std::{
    fs::{self, OpenOptions},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use stdx::Prng;

use crate::{Scratch, http::Client, printed, suanpan, up::Sandbox};
use load::{Customer, Log};

/// How many work at the same time.
const CUSTOMERS: u64 = 6;
/// A blow falls after at most so many acknowledgements.
const ACKNOWLEDGED_MAX: u64 = 60;

/// What a series of blows showed.
#[derive(Default)]
struct Toll {
    blows: u32,
    acknowledged: usize,
    /// Commands on their way when the blow fell, and how many of them had happened.
    in_doubt: usize,
    had_happened: usize,
    /// From each blow to the first answer of `/readyz`.
    recoveries: Vec<Duration>,
}

impl Toll {
    fn tell(mut self, engine: &str) {
        self.recoveries.sort();
        let Self { blows, acknowledged, in_doubt, had_happened, recoveries } = self;
        let (median, longest) =
            (recoveries[recoveries.len() / 2], recoveries[recoveries.len() - 1]);
        println!(
            "{engine}: {blows} blows, {acknowledged} commands acknowledged, {in_doubt} in doubt of \
             which {had_happened} had happened; ready after {median:?}, at most {longest:?}"
        );
    }
}

/// Lets customers work until the blow falls, lets it fall, and looks at what is left; so often.
fn survive(
    engine: &str,
    seed: u64,
    blows: u32,
    mut platform: Sandbox,
    mut blow: impl FnMut(Sandbox, &mut Prng) -> Sandbox,
) -> Sandbox {
    let mut prng = Prng::stream(seed, "blows");
    let mut customers: Vec<_> =
        (0..CUSTOMERS).map(|it| Customer::register(&mut client(&platform), seed, it)).collect();
    let (mut log, mut toll) = (Log::default(), Toll { blows, ..Toll::default() });
    for number in 0..blows {
        let due = 1 + prng.below(ACKNOWLEDGED_MAX);
        let (host, key) = (platform.host().to_owned(), platform.keys()[0].to_owned());
        let over = AtomicBool::new(false);
        let mut recovered = Duration::ZERO;
        platform = thread::scope(|scope| {
            let (acknowledge, acknowledged) = mpsc::channel();
            for customer in &mut customers {
                let (acknowledge, over) = (acknowledge.clone(), &over);
                let mut client = Client::connect(&host, &key).unwrap();
                scope.spawn(move || customer.work(&mut client, over, &acknowledge));
            }
            for _ in 0..due {
                acknowledged.recv().expect("the platform works until the blow");
            }
            let start = Instant::now();
            let platform = blow(platform, &mut prng);
            ready(&platform);
            recovered = start.elapsed();
            over.store(true, Ordering::Relaxed);
            platform
        });
        toll.recoveries.push(recovered);

        let client = &mut client(&platform);
        let what = format!("{engine}, seed {seed}, blow {number}");
        log.read(client);
        for customer in &mut customers {
            let check = customer.check(client, &log, &what);
            toll.acknowledged += check.acknowledged;
            toll.in_doubt += check.in_doubt;
            toll.had_happened += check.had_happened;
        }
        log.read(client);
        for customer in &mut customers {
            customer.check_balances(client, &log, &what);
        }
        assert_balanced(client, &what);
    }
    toll.tell(engine);
    platform
}

/// A connection with the operator's key.
fn client(platform: &Sandbox) -> Client {
    Client::connect(platform.host(), platform.keys()[0]).unwrap()
}

/// Returns when the platform says it is ready.
fn ready(platform: &Sandbox) {
    while client(platform).get("/readyz").map_or(0, |it| it.status) != 200 {
        thread::yield_now();
    }
}

fn assert_balanced(client: &mut Client, what: &str) {
    let report = client.get("/v1/reports/trial-balance").unwrap();
    let difference = report.body["difference"].as_array().unwrap();
    assert!(!difference.is_empty() && difference.iter().all(|it| it["amount"] == "0.00"), "{what}");
}

/// Data, and how to start the platform on it.
struct Place {
    data: Scratch,
    /// Not within the data: that may be on a full disk.
    logs: Scratch,
}

impl Place {
    fn new() -> Self {
        Self { data: Scratch::new(), logs: Scratch::new() }
    }

    fn up(&self) -> Command {
        let mut command = suanpan(&["up", "--data", self.data.text(), "--listen", "127.0.0.1:0"]);
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        command.stderr(log).env("RUST_LOG", "warn");
        command
    }

    fn log(&self) -> PathBuf {
        self.logs.path().join("stderr.jsonl")
    }

    /// Rebuilds every state from its log.
    fn verify(&self) {
        let verified = printed(&["verify", "--json", "--data", self.data.text()]);
        let lines: Vec<Value> =
            verified.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let whole = lines.iter().all(|it| it["state_hash"].is_string());
        assert!(whole && lines.len() == 2, "{verified}");
    }
}

/// What the platform itself had to say, for who has to find out why a test failed.
impl Drop for Place {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", fs::read_to_string(self.log()).unwrap_or_default());
        }
    }
}

#[test]
fn a_killed_process_loses_nothing() {
    for seed in [1, 2] {
        let place = Place::new();
        let platform = Sandbox::start_by(&mut place.up());
        let platform = survive("sqlite", seed, 26, platform, |platform, prng| {
            // Dropping it kills it.
            drop(platform);
            if prng.chance(25) {
                kill_while_it_starts(place.up(), 1 + prng.below(STARTING_READS));
            }
            Sandbox::start_by(&mut place.up())
        });
        platform.terminate();
        place.verify();
    }
}

/// Fewer than the reads of a start on data that is there.
const STARTING_READS: u64 = 35;

/// Kills a process after so many of its reads.
fn kill_while_it_starts(mut command: Command, reads: u64) {
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let counters = format!("/proc/{}/io", child.id());
    let so_far = || -> Option<u64> {
        let text = fs::read_to_string(&counters).ok()?;
        text.lines().find_map(|it| it.strip_prefix("syscr: "))?.parse().ok()
    };
    while so_far().is_some_and(|it| it < reads) {
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_full_disk_is_named_and_passes_without_a_restart() {
    let place = Place::new();
    // A file beyond the limit is a signal, and where that is ignored an error of the write.
    let script = r#"trap "" XFSZ; exec "$0" "$@""#;
    let up = place.up();
    let mut limited = Command::new("bash");
    limited.args(["-c", script]).arg(up.get_program()).args(up.get_args());
    let platform = Sandbox::start_by(limited.stderr(Stdio::null()));
    let limit = |bytes: &str| {
        let pid = platform.pid().to_string();
        let size = format!("--fsize={bytes}:");
        let set = Command::new("prlimit").args(["--pid", &pid, &size]).status();
        assert!(set.unwrap().success());
    };
    let client = &mut client(&platform);
    let mut customer = Customer::register(client, 3, 0);
    let mut log = Log::default();
    for round in 0..5_u64 {
        let what = format!("round {round}");
        for _ in 0..5 {
            assert!(customer.order(client), "{what}: there is room");
        }
        let size = place.data.path().join("suanpan.db-wal").metadata().unwrap().len();
        limit(&(size + 9_000 * round).to_string());
        while customer.order(client) {}
        let refused = customer.refusal();
        assert_eq!((refused.status, &refused.body["code"]), (503, &"unavailable".into()), "{what}");
        // It goes on reading, says it is there, and refuses the next one too.
        assert_eq!(client.get("/readyz").unwrap().status, 200);
        log.read(client);
        customer.check_while_refused(client, &log, &what);

        limit("unlimited");
        let check = customer.check(client, &log, &what);
        assert_eq!((check.in_doubt, check.had_happened), (1, 0), "{what}");
        log.read(client);
        customer.check_balances(client, &log, &what);
        assert_balanced(client, &what);
    }
    platform.terminate();
    place.verify();
}
