//! The sandbox: what it prints works when pasted, and it ends and starts again without loss.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use crate::{Scratch, run, suanpan};

/// A running sandbox, ended with the test.
struct Sandbox {
    child: Child,
    welcome: String,
    rest: BufReader<std::process::ChildStdout>,
}

impl Sandbox {
    fn start(data: &str) -> Self {
        let mut child = suanpan(&["up", "--data", data, "--listen", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
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

    fn keys(&self) -> Vec<&str> {
        self.welcome.split_whitespace().filter(|word| word.starts_with("sp_")).collect()
    }

    /// Ends as a service manager ends it, and waits.
    fn terminate(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
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
fn data_without_its_key_is_refused_not_locked_out() {
    let data = Scratch::new();
    Sandbox::start(data.text()).terminate();
    std::fs::remove_file(data.path().join("master.key")).unwrap();
    let refused = run(&["serve", "--data", data.text(), "--listen", "127.0.0.1:0"]);
    let errors = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && errors.contains("master.key is missing"), "{errors}");
}
