//! The sandbox: what it prints works when pasted, and it ends and starts again without loss.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use crate::{Scratch, printed, run, suanpan};

/// A running sandbox, ended with the test.
pub(crate) struct Sandbox {
    child: Child,
    welcome: String,
    rest: BufReader<std::process::ChildStdout>,
}

impl Sandbox {
    fn start(data: &str) -> Self {
        let mut command = suanpan(&["up", "--data", data, "--listen", "127.0.0.1:0"]);
        Self::start_by(command.stderr(Stdio::null()))
    }

    /// Starts it by a command of one's own.
    pub(crate) fn start_by(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut rest = BufReader::new(child.stdout.take().unwrap());
        let mut welcome = String::new();
        while !welcome.contains("Ctrl-C") {
            assert!(rest.read_line(&mut welcome).unwrap() > 0, "it ended: {welcome}");
        }
        Self { child, welcome, rest }
    }

    /// What a newcomer pastes.
    fn transcript(&self) -> &str {
        let start = self.welcome.find("URL=").expect("a transcript");
        let end = self.welcome.find("Ctrl-C").expect("the last line");
        &self.welcome[start..end]
    }

    pub(crate) fn keys(&self) -> Vec<&str> {
        self.welcome.split_whitespace().filter(|word| word.starts_with("sp_")).collect()
    }

    fn address(&self) -> &str {
        self.welcome.split_whitespace().find(|word| word.starts_with("http://")).unwrap()
    }

    pub(crate) fn host(&self) -> &str {
        self.address().trim_start_matches("http://")
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(120))).unwrap();
        stream
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// As a service manager does it.
    fn ask_to_end(&self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Ends it and waits.
    pub(crate) fn terminate(mut self) {
        self.ask_to_end();
        let mut left = String::new();
        self.rest.read_to_string(&mut left).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.child.kill().is_ok() {
            self.child.wait().expect("a killed process ends");
        }
    }
}

fn bash(script: &str) -> String {
    let output = Command::new("bash").args(["-c", script]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_transcript_works_when_pasted_and_the_data_stays() {
    let data = Scratch::new();
    let sandbox = Sandbox::start(data.text());
    assert_eq!(sandbox.keys().len(), 4, "one for each role: {}", sandbox.welcome);
    let answer = bash(sandbox.transcript());
    for part in ["样**", "annual_cost", "\"active\"", "difference"] {
        assert!(answer.contains(part), "{part} in:\n{answer}");
    }
    assert!(!answer.contains("problem"), "{answer}");
    // Pasted again, it books nothing twice.
    let trial_balance = |answer: &str| answer.trim_end().lines().last().map(str::to_owned);
    assert_eq!(trial_balance(&bash(sandbox.transcript())), trial_balance(&answer));

    let mode = |name: &str| data.path().join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("master.key"), mode("sandbox.json")), (0o600, 0o600));
    let refused = run(&["serve", "--data", data.text(), "--listen", "127.0.0.1:0"]);
    assert!(!refused.status.success(), "a second process on the same data");

    let keys: Vec<String> = sandbox.keys().into_iter().map(str::to_owned).collect();
    sandbox.terminate();
    let again = Sandbox::start(data.text());
    assert_eq!(again.keys(), keys);
    assert_eq!(trial_balance(&bash(again.transcript())), trial_balance(&answer));
    again.terminate();
}

#[test]
fn nothing_is_removed_but_ones_own() {
    let data = Scratch::new();
    let sandbox = Sandbox::start(data.text());
    let up = |data: &str| run(&["up", "--fresh", "--data", data, "--listen", "127.0.0.1:0"]);
    // Not while it is in use.
    assert!(!up(data.text()).status.success());
    let me = sandbox.address().to_owned() + "/v1/me";
    let key = format!("Authorization: Bearer {}", sandbox.keys()[0]);
    let answer = bash(&format!("curl -sS '{me}' -H '{key}'"));
    assert!(answer.contains("first-operator"), "{answer}");
    sandbox.terminate();
    // Not what is no sandbox, not what is no demo.
    std::fs::remove_file(data.path().join("sandbox.json")).unwrap();
    for refused in [up(data.text()), run(&["demo", "--fresh", "--data", data.text()])] {
        let errors = String::from_utf8(refused.stderr).unwrap();
        assert!(!refused.status.success() && errors.contains("it stays"), "{errors}");
    }
    assert!(data.path().join("suanpan.db").exists());
}

#[test]
fn who_sends_no_request_is_not_waited_for() {
    let data = Scratch::new();
    let sandbox = Sandbox::start(data.text());
    let mut slow = sandbox.connect();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    let mut rest = Vec::new();
    // Ends when the platform closes it; the time limit of the stream is the test's.
    slow.read_to_end(&mut rest).unwrap();
}

#[test]
fn a_request_in_flight_finishes_when_the_end_is_asked_for() {
    let data = Scratch::new();
    let sandbox = Sandbox::start(data.text());
    let mut client = sandbox.connect();
    let body = r#"{"name":"late","role":"partner"}"#;
    let head = format!(
        "POST /v1/keys HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: late\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        sandbox.keys()[0],
        body.len()
    );
    client.write_all(head.as_bytes()).unwrap();
    let mut answer = [0; 25];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    sandbox.ask_to_end();
    // Nobody new is let in.
    while TcpStream::connect(sandbox.host()).is_ok() {}
    client.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    sandbox.terminate();
}

#[test]
fn data_without_its_key_is_refused_not_locked_out() {
    let data = Scratch::new();
    Sandbox::start(data.text()).terminate();
    std::fs::remove_file(data.path().join("master.key")).unwrap();
    let refused = run(&["serve", "--data", data.text(), "--listen", "127.0.0.1:0"]);
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && errors.contains("master.key is missing"), "{errors}");
}

#[test]
fn institutions_are_made_with_keys_that_are_shown_once() {
    let data = Scratch::new();
    let make = |name: &str| {
        let arguments = ["institution", name, "--data", data.text(), "--business-date"];
        printed(&[&arguments[..], &["2025-01-02", "--json"]].concat())
    };
    for name in ["One (sample)", "Two (sample)"] {
        let made: serde_json::Value = serde_json::from_str(&make(name)).unwrap();
        let keys = made["keys"].as_object().unwrap();
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["operator", "approver", "auditor"]);
        assert!(keys.values().all(|key| key.as_str().unwrap().starts_with("sp_")));
    }
    let verified = printed(&["verify", "--data", data.text()]);
    assert_eq!(verified.matches(": whole").count(), 3, "{verified}");
    let wrong = ["institution", "Three", "--data", data.text(), "--calendar", "mars"];
    let refused = run(&wrong);
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("calendar"));
    assert_eq!(printed(&["verify", "--data", data.text()]), verified);
}
