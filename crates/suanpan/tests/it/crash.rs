//! The platform killed under load: what was acknowledged is there once, and what was not is there
//! whole or not at all.
//!
//! [`survive`] knows nothing of engines. It is given nodes of the platform that run and a blow,
//! which breaks them, or something under them, and sees to it that as many run again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what it cost, what went wrong")]

mod load;

use std::{
    fs::{self, File, OpenOptions},
    mem,
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
use testdb::Postgres;

use crate::{Scratch, http::Client, printed, suanpan, up::Sandbox};
use load::{Customer, Log};

/// How many work at the same time.
const CUSTOMERS: u64 = 6;
/// A blow falls after at most so many acknowledgements.
const ACKNOWLEDGED_MAX: u64 = 40;

/// What a series of blows showed.
#[derive(Default)]
struct Toll {
    blows: u32,
    acknowledged: usize,
    /// Commands on their way when the blow fell, and how many of them had happened.
    in_doubt: usize,
    had_happened: usize,
    /// From each blow until every node says that it is ready.
    recoveries: Vec<Duration>,
}

impl Toll {
    fn tell(&mut self, engine: &str) {
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
/// A blow answers how long it was until the platform was [`ready`] again.
fn survive(
    engine: &str,
    seed: u64,
    blows: u32,
    nodes: &mut Vec<Sandbox>,
    mut blow: impl FnMut(&mut Vec<Sandbox>, &mut Prng) -> Duration,
) -> Toll {
    let mut prng = Prng::stream(seed, "blows");
    let mut customers: Vec<_> =
        (0..CUSTOMERS).map(|it| Customer::register(&mut client(&nodes[0]), seed, it)).collect();
    let (mut log, mut toll) = (Log::default(), Toll { blows, ..Toll::default() });
    for number in 0..blows {
        let due = 1 + prng.below(ACKNOWLEDGED_MAX);
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            let (acknowledge, acknowledged) = mpsc::channel();
            for (customer, node) in customers.iter_mut().zip(nodes.iter().cycle()) {
                let (acknowledge, over, mut client) = (acknowledge.clone(), &over, client(node));
                scope.spawn(move || customer.work(&mut client, over, &acknowledge));
            }
            for _ in 0..due {
                acknowledged.recv().expect("the platform works until the blow");
            }
            toll.recoveries.push(blow(nodes, &mut prng));
            over.store(true, Ordering::Relaxed);
        });

        let client = &mut client(&nodes[0]);
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
    toll
}

/// A connection with the operator's key.
fn client(platform: &Sandbox) -> Client {
    Client::connect(platform.host(), platform.keys()[0]).unwrap()
}

/// Waits until every node says that it is ready; answers how long that is since the blow fell.
fn ready(nodes: &[Sandbox], fell: Instant) -> Duration {
    for node in nodes {
        while client(node).get("/readyz").map_or(0, |it| it.status) != 200 {
            thread::yield_now();
        }
    }
    fell.elapsed()
}

fn assert_balanced(client: &mut Client, what: &str) {
    let report = client.get("/v1/reports/trial-balance").unwrap();
    let difference = report.body["difference"].as_array().unwrap();
    assert!(!difference.is_empty() && difference.iter().all(|it| it["amount"] == "0.00"), "{what}");
}

/// Data, and how to start the platform on it.
struct Place {
    data: Scratch,
    /// Has the data instead, which leaves the keys.
    database: Option<String>,
    /// Not within the data: that may be on a full disk.
    logs: Scratch,
}

impl Place {
    fn new() -> Self {
        Self { data: Scratch::new(), database: None, logs: Scratch::new() }
    }

    /// On a PostgreSQL database that is empty.
    fn on(database: String) -> Self {
        printed(&["migrate", "--database", &database]);
        let mut place = Self::new();
        place.database = Some(database);
        place
    }

    /// A command, and where the data is.
    fn with<'a>(&'a self, command: &[&'a str]) -> Vec<&'a str> {
        let data = ["--data", self.data.text()];
        let database = self.database.iter().flat_map(|it| ["--database", it]);
        command.iter().copied().chain(data).chain(database).collect()
    }

    fn up(&self) -> Command {
        let mut command = suanpan(&self.with(&["up", "--listen", "127.0.0.1:0"]));
        let log = OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        command.stderr(log).env("RUST_LOG", "warn");
        command
    }

    fn node(&self) -> Sandbox {
        Sandbox::start_by(&mut self.up())
    }

    /// Starts a node and kills it after so many of its steps, or when it is up.
    fn kill_while_it_starts(&self, steps: u64) {
        let welcome = self.logs.path().join("welcome");
        let mut child = self.up().stdout(File::create(&welcome).unwrap()).spawn().unwrap();
        let is_up = || welcome.metadata().unwrap().len() > 0;
        while !is_up() && steps_of(child.id()) < steps {
            thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn log(&self) -> PathBuf {
        self.logs.path().join("stderr.jsonl")
    }

    /// Ends the nodes in order, and rebuilds every state from its log.
    fn end(&self, nodes: Vec<Sandbox>) {
        nodes.into_iter().for_each(Sandbox::terminate);
        let verified = printed(&self.with(&["verify", "--json"]));
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

/// What a process has read and how often it has waited, which on any machine tells how far it is.
fn steps_of(process: u32) -> u64 {
    let count = |file: &str, name: &str| -> Option<u64> {
        let text = fs::read_to_string(format!("/proc/{process}/{file}")).ok()?;
        text.lines().find_map(|it| it.strip_prefix(name))?.trim().parse().ok()
    };
    let counts = [("io", "syscr:"), ("status", "voluntary_ctxt_switches:")];
    counts.into_iter().filter_map(|(file, name)| count(file, name)).sum()
}

/// About the steps of a start on data that is there.
const STARTING_STEPS: u64 = 45;

fn processes_are_killed(engine: &str, seed: u64, place: &Place) {
    let mut nodes = vec![place.node()];
    survive(engine, seed, 26, &mut nodes, |nodes, prng| {
        let fell = Instant::now();
        // Dropping it kills it.
        nodes.clear();
        if prng.chance(25) {
            place.kill_while_it_starts(1 + prng.below(STARTING_STEPS));
        }
        nodes.push(place.node());
        ready(nodes, fell)
    });
    place.end(nodes);
}

#[test]
fn a_killed_process_loses_nothing() {
    for seed in [1, 2] {
        processes_are_killed("sqlite", seed, &Place::new());
    }
}

#[test]
fn a_killed_process_on_postgresql_loses_nothing() {
    for seed in [4, 5] {
        processes_are_killed("postgres", seed, &Place::on(testdb::database().unwrap()));
    }
}

#[test]
fn a_killed_postgresql_is_survived_without_a_restart() {
    let mut server = Postgres::start().unwrap();
    let place = Place::on(server.database().unwrap());
    let mut nodes = vec![place.node()];
    survive("postgres, the server", 6, 10, &mut nodes, |nodes, _| {
        let fell = Instant::now();
        server.kill().unwrap();
        server.restart().unwrap();
        ready(nodes, fell)
    });
    place.end(nodes);
}

#[test]
fn a_promoted_standby_is_followed_without_a_restart() {
    let mut primary = Postgres::start().unwrap();
    let mut standby = primary.standby().unwrap();
    let place = Place::on(primary.url_with(&standby, &primary.database().unwrap()));
    let mut nodes = vec![place.node()];
    survive("postgres, the primary", 9, 4, &mut nodes, |nodes, _| {
        let fell = Instant::now();
        primary.kill().unwrap();
        standby.promote().unwrap();
        let recovered = ready(nodes, fell);
        mem::swap(&mut primary, &mut standby);
        standby.follow(&primary).unwrap();
        recovered
    });
    place.end(nodes);
}

#[test]
fn a_killed_node_is_stood_in_for_by_the_other() {
    let place = Place::on(testdb::database().unwrap());
    let mut nodes = vec![place.node(), place.node()];
    let toll = survive("postgres, two nodes", 8, 10, &mut nodes, |nodes, prng| {
        let fell = Instant::now();
        // What its customers had on their way is repeated on the other one, now the first.
        nodes.remove(usize::from(prng.chance(50)));
        nodes.push(place.node());
        ready(nodes, fell)
    });
    place.end(nodes);
    let of_killed_nodes = CUSTOMERS / 2 * u64::from(toll.blows);
    assert!(toll.in_doubt as u64 <= of_killed_nodes, "the other one did not go on");
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
    place.end(vec![platform]);
}
