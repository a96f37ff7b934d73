//! A sandbox: an institution with its people, their keys and the example products, served.
//!
//! The keys are kept in `sandbox.json` beside the data, readable by its owner alone, so that the
//! next start can show them again. Only a sandbox does that: elsewhere a key is shown once.

use std::{fs, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

use anyhow::{Context, ensure};
use bank::{Bank, Role, products::Step};
use clap::Args;
use party::{Mobile, ResidentId};
use stdx::Date;
use store::Store;

use crate::{
    data::Key,
    institution::{self, Made, first_call},
    keyfile,
    sample::PRODUCTS,
    serve::{self, Serve},
    system,
};

/// Makes a sandbox with example products and serves it.
#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    serve: Serve,
    /// Starts over: what is in the sandbox is lost.
    #[arg(long)]
    fresh: bool,
}

/// The file with what the next start needs to know.
const SANDBOX: &str = "sandbox.json";

impl Up {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        serve::log_to_stderr();
        if self.fresh {
            ensure!(
                self.serve.data.database.is_none(),
                "a database is not removed; make a new one"
            );
            clear(&self.serve.data.directory)?;
        }
        serve::runtime()?.block_on(async {
            let ending = serve::ending()?;
            let bank = self.serve.data.bank(Key::Made)?;
            let listener = self.serve.bind().await?;
            let sandbox = sandbox(&bank, &self.serve.data.directory).await?;
            print!("{}", welcome(&format!("http://{}", listener.local_addr()?), &sandbox));
            std::io::stdout().flush()?;
            serve::serve(bank, listener, ending).await
        })
    }
}

/// Removes a sandbox, and nothing that is not one.
fn clear(data: &Path) -> anyhow::Result<()> {
    if !Store::is_in(data) {
        return Ok(());
    }
    let sandbox = data.join(SANDBOX);
    ensure!(sandbox.exists(), "{} holds data that is not a sandbox; it stays", data.display());
    Store::remove_from(data)?;
    for file in [sandbox, data.join(keyfile::NAME)] {
        if file.exists() {
            fs::remove_file(&file).with_context(|| file.display().to_string())?;
        }
    }
    Ok(())
}

/// The sandbox of a data directory, made when it is missing.
async fn sandbox(bank: &Bank, data: &Path) -> anyhow::Result<Made> {
    let path = data.join(SANDBOX);
    if path.exists() {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        return serde_json::from_str(&text).with_context(|| path.display().to_string());
    }
    let sandbox = make(bank).await?;
    let aside = data.join("sandbox.json.new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(serde_json::to_string_pretty(&sandbox)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&aside, &path)?;
    Ok(sandbox)
}

async fn make(bank: &Bank) -> anyhow::Result<Made> {
    let now = system::now();
    let today = institution::today(now);
    let roles = Role::TABLE.map(|(role, ..)| role);
    let made =
        institution::make(bank, now, "Sandbox 沙箱 (sample)", today, "china", &roles).await?;
    let call = |role, key: String| first_call(made.institution, role, &key, now);
    for (name, text) in PRODUCTS {
        let draft = call(Role::Operator, format!("sandbox/draft/{name}"));
        let version = bank.draft_product(&draft, text).await?.answer.version;
        for (verb, step) in [("approve", Step::Approve), ("publish", Step::Publish(today))] {
            let call = call(Role::Approver, format!("sandbox/{verb}/{name}"));
            bank.step_product(&call, name, version, step).await?;
        }
    }
    Ok(made)
}

/// What a newcomer reads: where it is, with which keys, and something to paste.
fn welcome(address: &str, sandbox: &Made) -> String {
    let operator = sandbox.keys.get(&Role::Operator).map_or("", String::as_str);
    let id = ResidentId::sample(110_105, Date::constant(1990, 1, 1), 1);
    let transcript = TRANSCRIPT
        .replace("{address}", address)
        .replace("{key}", operator)
        .replace("{id}", id.reveal())
        .replace("{mobile}", Mobile::sample(1).reveal());
    format!(
        "Suanpan is up: {address}\n\n  documentation  {address}/docs\n  institution    {}\n\n\
        keys (a sandbox's; they stay in the data directory)\n{}\n\
        From a person to a repaid loan; paste it into another shell:\n\n{transcript}\n\
        Ctrl-C ends it; the data stays.\n",
        sandbox.institution,
        sandbox.listed()
    )
}

const TRANSCRIPT: &str = include_str!("transcript.sh");
