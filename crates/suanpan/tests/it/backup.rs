//! A platform at work is backed up, and every part of the backup can be trusted or is refused.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Sender},
    },
    thread,
};

use party::{Mobile, ResidentId};
use serde_json::{Value, json};
use stdx::{Date, Prng};

use crate::{Scratch, http::Client, printed, run, suanpan, up::Sandbox};

const CUSTOMERS: u16 = 3;

fn up(data: &Scratch) -> Sandbox {
    let mut command = suanpan(&["up", "--data", data.text(), "--listen", "127.0.0.1:0"]);
    Sandbox::start_by(command.stderr(Stdio::null()))
}

fn client(platform: &Sandbox) -> Client {
    Client::connect(platform.host(), platform.keys()[0]).unwrap()
}

fn trial_balance(platform: &Sandbox) -> Value {
    let report = client(platform).get("/v1/reports/trial-balance").unwrap();
    assert_eq!(report.status, 200, "{report:?}");
    report.body
}

/// A wallet of somebody new.
fn wallet(client: &mut Client, serial: u16) -> String {
    let mut made = |path: &str, body: &Value| {
        let key = format!("{serial}{}", path.replace('/', "-"));
        let answer = client.post(path, &key, body).unwrap();
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body
    };
    let person = json!({
        "kind": "person",
        "name": "样例",
        "id_number": ResidentId::sample(110_105, Date::constant(1990, 1, 1), serial).reveal(),
        "mobile": Mobile::sample(u32::from(serial)).reveal(),
    });
    let party = made("/v1/parties", &person)["id"].take();
    let wallet = made("/v1/accounts", &json!({ "party": party, "product": "wallet" }));
    wallet["account"].as_str().unwrap().to_owned()
}

/// Puts a cent into the wallet again and again, until it is over.
fn deposit(mut client: Client, wallet: &str, over: &AtomicBool, done: &Sender<()>) {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        number += 1;
        let body = json!({ "amount": { "amount": "0.01", "currency": "CNY" } });
        let path = format!("/v1/accounts/{wallet}/deposits");
        let answer = client.post(&path, &format!("{wallet}-{number}"), &body).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        // At the end nobody counts.
        done.send(()).unwrap_or_default();
    }
}

/// Ends the load also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The lines of `verify`, with which others are compared.
fn verified(arguments: &[&str]) -> Vec<Value> {
    let printed = printed(&[&["verify", "--json"], arguments].concat());
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a run that must fail said.
fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A sandbox that ended, and its backup in several segments, made while it was at work.
struct Books {
    data: Scratch,
    files: Scratch,
    trial_balance: Value,
    /// What each segment added.
    segments: Vec<Value>,
}

impl Books {
    fn new() -> Self {
        let (data, files) = (Scratch::new(), Scratch::new());
        let to = files.path().join("backup");
        let backup = || -> Value {
            let arguments = ["backup", "--json", "--data", data.text(), "--to", text(&to)];
            serde_json::from_str::<Value>(&printed(&arguments)).unwrap()["segment"].take()
        };
        let platform = up(&data);
        let wallets: Vec<_> =
            (0..CUSTOMERS).map(|serial| wallet(&mut client(&platform), serial)).collect();
        let over = AtomicBool::new(false);
        let mut segments = thread::scope(|scope| {
            let _over = Over(&over);
            let (done, acknowledged) = mpsc::channel();
            for wallet in &wallets {
                let (client, done, over) = (client(&platform), done.clone(), &over);
                scope.spawn(move || deposit(client, wallet, over, &done));
            }
            drop(done);
            let wait = |deposits| {
                let arrived = acknowledged.iter().take(deposits).count();
                assert_eq!(arrived, deposits, "the platform works on");
            };
            let work_and_backup = |_| {
                wait(10);
                backup()
            };
            let segments: Vec<_> = (0..4).map(work_and_backup).collect();
            // At work it is whole too.
            assert_eq!(verified(&["--data", data.text()]).len(), 2);
            // One that is killed leaves nothing that matters.
            let mut prng = Prng::stream(1, "backup/kills");
            for _ in 0..6 {
                let mut command = suanpan(&["backup", "--data", data.text(), "--to", text(&to)]);
                let mut child = command.stdout(Stdio::null()).spawn().unwrap();
                wait(usize::try_from(prng.below(9)).unwrap());
                child.kill().unwrap();
                child.wait().unwrap();
            }
            segments
        });
        segments.push(backup());
        let trial_balance = trial_balance(&platform);
        platform.terminate();
        Self { data, files, trial_balance, segments }
    }

    fn backup(&self) -> PathBuf {
        self.files.path().join("backup")
    }

    fn restore(&self, to: &Scratch, more: &[&str]) -> Vec<Value> {
        let from = self.backup();
        let arguments = ["restore", "--json", "--from", text(&from), "--data", to.text()];
        let printed = printed(&[&arguments, more].concat());
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[test]
fn a_backup_of_a_platform_at_work_is_the_same_platform() {
    let books = Books::new();
    let backup = books.backup();
    assert!(books.segments.iter().take(4).all(|it| it["rows"].as_u64() > Some(0)), "each grows");
    let again = ["backup", "--data", books.data.text(), "--to", text(&backup)];
    assert!(printed(&again).contains("has everything"));
    assert!(printed(&again).contains("master.key is not in it"));

    let live = verified(&["--data", books.data.text()]);
    assert_eq!(verified(&["--backup", text(&backup)]), live);
    let restored = Scratch::new();
    assert_eq!(books.restore(&restored, &[]), live);
    let summary: Value =
        serde_json::from_str(&printed(&["backup", "check", "--json", text(&backup)])).unwrap();
    for (checked, live) in summary["institutions"].as_array().unwrap().iter().zip(&live) {
        assert_eq!(checked["institution"], live["institution"]);
        assert_eq!(checked["state_hash"], live["state_hash"]);
    }

    // It opens with its key, and the books are the same.
    let serve = ["serve", "--data", restored.text(), "--listen", "127.0.0.1:0"];
    assert!(refusal(&serve).contains("master.key is missing"));
    for name in ["master.key", "sandbox.json"] {
        fs::copy(books.data.path().join(name), restored.path().join(name)).unwrap();
    }
    let platform = up(&restored);
    assert_eq!(trial_balance(&platform), books.trial_balance);
    let names = client(&platform).get("/v1/parties").unwrap();
    assert!(names.body.to_string().contains("样"), "personal data opens: {names:?}");
    platform.terminate();

    // Any moment of it, by position or by the clock.
    let segment = &books.segments[1];
    let (position, at) = (segment["position"].to_string(), segment["at"].as_str().unwrap());
    let early = books.restore(&Scratch::new(), &["--until", &position]);
    let rows = |of: &[Value]| of.iter().map(|it| it["rows"].as_u64().unwrap()).sum::<u64>();
    let counted: u64 = books.segments[..2].iter().map(|it| it["rows"].as_u64().unwrap()).sum();
    assert_eq!(rows(&early), counted);
    // Commits are timed when they are given, and land in nearly that order: those given later than
    // the newest of the second segment end it a few rows early or late.
    let first = books.segments[0]["rows"].as_u64().unwrap();
    let by_time = rows(&books.restore(&Scratch::new(), &["--until-time", at]));
    assert!((first..=rows(&live)).contains(&by_time), "{by_time} of {counted}");
    assert!(rows(&live) > counted);
}

#[test]
fn what_is_damaged_is_refused_and_leaves_nothing() {
    let books = Books::new();
    let (backup, target) = (books.backup(), books.files.path().join("restored"));
    let restore = ["restore", "--from", text(&backup), "--data", text(&target)];
    let mut prng = Prng::stream(2, "backup/flips");
    for _ in 0..8 {
        let number = 1 + prng.below(books.segments.len() as u64);
        let path = backup.join(format!("{number:08}.segment"));
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let at = usize::try_from(prng.below(bytes.len() as u64)).unwrap();
        bytes[at] ^= 1 << prng.below(8);
        fs::write(&path, bytes).unwrap();
        let verify = ["verify", "--backup", text(&backup)];
        for arguments in [&restore[..], &["backup", "check", text(&backup)], &verify] {
            let said = refusal(arguments);
            let place = said.contains(text(&path)) && said.contains(", frame ");
            assert!(place && said.contains(" at byte "), "{arguments:?}, byte {at}: {said}");
        }
        let left = fs::read_dir(&target).map_or(0, Iterator::count);
        assert_eq!(left, 0, "byte {at}");
        fs::write(&path, whole).unwrap();
    }
    printed(&restore);
    // What is there stays.
    assert!(refusal(&restore).contains("already; it stays"));
    let nowhere = books.files.path().join("nowhere");
    let from_nowhere = ["restore", "--from", text(&nowhere), "--data", books.data.text()];
    assert!(refusal(&from_nowhere).contains("it stays"));
    let arguments = ["backup", "--data", text(&nowhere), "--to", text(&backup)];
    assert!(refusal(&arguments).contains("there is no data"));
    // Another log is not added to it.
    let other = Scratch::new();
    printed(&["institution", "Other (sample)", "--data", other.text()]);
    let arguments = ["backup", "--data", other.text(), "--to", text(&backup)];
    assert!(refusal(&arguments).contains("of another log"));
    assert_eq!(verified(&["--backup", text(&backup)]), verified(&["--data", books.data.text()]));
}
