//! Heads, proofs and exports of real data, made and checked by the real binary.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use ledger::{InstitutionId, Moment};
use serde_json::Value;
use stdx::{Digest, Id, Prng, Timestamp};
use store::{Commit, LogRow, Outcome, Store};

use crate::{Scratch, printed, run};

/// A year of two loans, with its signing key.
struct Books {
    data: Scratch,
    files: Scratch,
    institution: String,
    public_key: String,
}

impl Books {
    fn new() -> Self {
        let (data, files) = (Scratch::new(), Scratch::new());
        printed(&["demo", "--json", "--applicants", "2", "--data", data.text()]);
        let verified = printed(&["verify", "--json", "--data", data.text()]);
        let verified: Value = serde_json::from_str(verified.lines().last().unwrap()).unwrap();
        let institution = verified["institution"].as_str().unwrap().to_owned();
        let public_key = printed(&["audit", "key", "--data", data.text()]).trim_end().to_owned();
        Self { data, files, institution, public_key }
    }

    /// What a command on the data printed, as a file.
    fn file(&self, name: &str, arguments: &[&str]) -> String {
        let text = printed(&[&["audit"], arguments, &["--data", self.data.text()]].concat());
        let path = self.files.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn head(&self, name: &str, more: &[&str]) -> String {
        self.file(name, &[&["head", "--institution", &self.institution], more].concat())
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        refusal(&[&["audit"], arguments, &["--data", self.data.text()]].concat())
    }

    fn check(&self, arguments: &[&str]) -> Result<String, String> {
        let output =
            run(&[&["audit", "check", "--public-key", &self.public_key], arguments].concat());
        let text = String::from_utf8(output.stdout).unwrap();
        if output.status.success() { Ok(text) } else { Err(text) }
    }

    /// One more row, behind everybody's back.
    fn commit(&self, key: &str) {
        self.on_store(async |store, of| {
            let now = Timestamp::from_second(1_772_000_000).unwrap();
            let today = "2026-01-05".parse().unwrap();
            let mut commit = Commit::new(of, Id::from_bytes([7; 16]), "try", Moment { now, today });
            commit.key = key.to_owned();
            commit.digest = Digest::of(&[key.as_bytes()]);
            let outcome = store.commit(commit).await.unwrap();
            assert!(matches!(outcome, Outcome::Committed(_)), "{outcome:?}");
        });
    }

    /// A row of the log with transfers.
    fn row_with_transfers(&self) -> LogRow {
        self.on_store(async |store, of| {
            let page = store.log(of, 0, 1_000).await.unwrap();
            page.data.into_iter().rfind(|row| !row.transfers.is_empty()).unwrap()
        })
    }

    fn on_store<T>(&self, work: impl AsyncFnOnce(Store, InstitutionId) -> T) -> T {
        let store = Store::in_directory(self.data.path()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(work(store, self.institution.parse().unwrap()))
    }
}

/// What a run that must fail said.
fn refusal(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn rows_and_growth_are_proven_without_the_data() {
    let books = Books::new();
    let row = books.row_with_transfers();
    let first = books.head("first.head", &[]);
    books.commit("later");
    let second = books.head("second.head", &["--after", &first]);

    let transfer = row.transfers().unwrap()[0].transfer.id.to_string();
    let position = row.position.to_string();
    let proofs = [["--transfer", &transfer], ["--key", &row.key], ["--position", &position]];
    let proofs = proofs.map(|which| {
        books.file(&which[0][2..], &[&["prove", "--head", &second], &which[..]].concat())
    });
    let growth = books.file("growth", &["prove", "--from", &first, "--to", &second]);
    let later = books.file("later", &["prove", "--head", &second, "--key", "later"]);
    let export = books.file("export", &["export", "--head", &second]);
    // A proof says all of the row that is in the log.
    for proof in &proofs {
        let proof: Value = serde_json::from_str(&fs::read_to_string(proof).unwrap()).unwrap();
        let told = &proof["inclusion"]["row"];
        let body: Value = serde_json::from_slice(&row.body).unwrap();
        assert_eq!((&told["key"], &told["body"]), (&Value::from(row.key.clone()), &body));
        assert_eq!(told["transfers"], hex::encode(&row.transfers));
        assert_eq!(told["root"], row.root.to_string());
    }

    fs::remove_dir_all(books.data.path()).unwrap();
    let [by_transfer, by_key, by_position] = &proofs;
    let files = [&first, &second, by_transfer, by_key, by_position, &growth, &later];
    let said = books.check(&files.map(String::as_str)).unwrap();
    assert_eq!(said.lines().count(), files.len());
    assert!(said.contains(&format!("`{}` by {}", row.command, row.actor)), "{said}");
    let said = books.check(&["--export", &export, &first, &second]).unwrap();
    assert!(said.contains(": all of the log of"), "{said}");
}

#[test]
fn what_cannot_be_proven_is_refused() {
    let books = Books::new();
    let first = books.head("first.head", &[]);
    books.commit("later");
    let second = books.head("second.head", &[]);
    let export = books.file("export", &["export", "--head", &first]);
    // The head of a later moment is not in an earlier export.
    let said = books.check(&["--export", &export, &second]).unwrap_err();
    assert!(said.contains("NOT PROVEN"), "{said}");

    let none = "none of the";
    let other = books.public_key.replace("suanpan+", "other+");
    for (arguments, expected) in [
        (&["prove", "--head", &first, "--key", "later"][..], none),
        (&["prove", "--head", &first, "--position", "0"], none),
        (&["prove", "--head", &first], "required"),
        (&["prove", "--from", &second, "--to", &first], "does not continue"),
        (&["prove", "--head", &export, "--position", "1"], "no signed head"),
    ] {
        let said = books.refusal(arguments);
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let said = refusal(&["audit", "check", "--public-key", &other, &first]);
    assert!(said.contains("no public key"), "{said}");
    let nowhere = books.files.path().join("nowhere");
    let arguments = ["audit", "export", "--head", &first, "--data", nowhere.to_str().unwrap()];
    assert!(refusal(&arguments).contains("there is no data"));
    assert!(!nowhere.exists());
}

#[test]
fn a_changed_file_is_not_proven() {
    let books = Books::new();
    let head = books.head("head", &[]);
    let proof = books.file("proof", &["prove", "--head", &head, "--position", "9"]);
    let export = books.file("export", &["export", "--head", &head]);
    let mut prng = Prng::stream(1, "audit/files");
    for round in 0..45 {
        let (path, arguments): (_, &[&str]) = match round % 3 {
            0 => (&head, &[&head]),
            1 => (&proof, &[&proof]),
            _ => (&export, &["--export", &export]),
        };
        let good = fs::read(path).unwrap();
        let mut bytes = good.clone();
        let at = usize::try_from(prng.below(bytes.len() as u64)).unwrap();
        match prng.below(4) {
            0 => bytes.truncate(at),
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, b'0'),
            _ => bytes[at] ^= 1 << prng.below(8),
        }
        fs::write(path, &bytes).unwrap();
        let said = books.check(arguments).expect_err("a changed file");
        assert!(said.contains("NOT PROVEN"), "round {round}: {said}");
        fs::write(path, good).unwrap();
        books.check(arguments).unwrap();
    }
}

#[test]
fn a_changed_database_proves_nothing() {
    let books = Books::new();
    let head = books.head("head", &[]);
    let database = books.data.path().join("suanpan.db");
    let good = fs::read(&database).unwrap();
    let export = ["audit", "export", "--head", &head, "--data", books.data.text()];

    // One digit of an amount in one of many bodies.
    let told = br#""amount":2975500"#;
    let places = good.windows(told.len()).enumerate().filter(|(_, it)| it == told);
    let places: Vec<_> = places.map(|(at, _)| at + told.len() - 1).collect();
    assert!(places.len() > 1);
    let mut refused = 0;
    for at in places {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&database, bytes).unwrap();
        let output = run(&export);
        if !output.status.success() {
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains("does not lead to its root"), "byte {at}: {said}");
            // Where it is not the log, it is a table or nothing: `verify` compares those.
            assert!(!run(&["verify", "--data", books.data.text()]).status.success(), "byte {at}");
            refused += 1;
        }
    }
    assert!(refused > 0);

    // A log that lost its newest row still follows, but not the head that was kept.
    fs::write(&database, &good).unwrap();
    books.commit("later");
    let later = books.head("later", &["--after", &head]);
    fs::write(&database, &good).unwrap();
    let said = books.refusal(&["head", "--institution", &books.institution, "--after", &later]);
    assert!(said.contains("do not lead to the head of"), "{said}");
    assert!(books.refusal(&["export", "--head", &later]).contains("do not lead"));
}

#[test]
fn the_key_is_its_owners_alone() {
    let (data, key) = (Scratch::new(), "--signing-key");
    let file = data.path().join("keys/audit.key");
    let path = file.to_str().unwrap();
    let public = printed(&["audit", "key", key, path, "--name", "bank.example/audit"]);
    assert!(public.starts_with("bank.example/audit+"), "{public}");
    // Made once; afterwards it is only shown.
    assert_eq!(printed(&["audit", "key", key, path, "--name", "another"]), public);
    assert_eq!(mode(&file), 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(refusal(&["audit", "key", key, path]).contains("chmod 600"));
    let said = refusal(&["audit", "key", "--data", data.text(), "--name", "two words"]);
    assert!(said.contains("no name of a key"), "{said}");
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}
