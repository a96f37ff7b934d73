//! Proves that the tables of a data directory say what its log says.

use std::path::PathBuf;

use anyhow::{Context, bail};
use bank::tables::{PLATFORM, TENANTS};
use clap::Args;
use ledger::InstitutionId;
use serde_json::json;
use store::{PAGE_MAX, Store, StoreError, Verified};

use crate::{data::Data, restore};

/// Rebuilds every institution's state from its log and compares, while the platform runs or not.
#[derive(Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    data: Data,
    /// The directory of a backup, which is restored aside and verified instead.
    #[arg(long)]
    backup: Option<PathBuf>,
    /// Prints one JSON object for each institution, a line each.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if let Some(from) = &self.backup {
            return restore::verify_backup(from, self.json);
        }
        let store = self.data.store_to_read()?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(verify(&store, self.json))
    }
}

/// Verifies every institution of a store and prints what it finds.
pub(crate) async fn verify(store: &Store, json: bool) -> anyhow::Result<()> {
    let mut differ = 0;
    for (institution, name) in institutions(store).await? {
        match store.verify(institution).await {
            Ok(verified) => report(institution, &name, &verified, json),
            Err(StoreError::Corrupt(what)) => {
                differ += 1;
                report_difference(institution, &name, &what, json);
            }
            Err(error) => return Err(error).context(name),
        }
    }
    if differ > 0 { bail!("{differ} institutions differ from their log") } else { Ok(()) }
}

fn report(institution: InstitutionId, name: &str, it: &Verified, json: bool) {
    if json {
        let line = json!({
            "institution": institution,
            "rows": it.rows,
            "transfers": it.transfers,
            "accounts": it.accounts,
            "records": it.records,
            "state_hash": it.state_hash,
        });
        return println!("{line}");
    }
    println!("{name}: whole");
    println!("  {} commits, {} transfers", it.rows, it.transfers);
    println!("  {} accounts, {} records", it.accounts, it.records);
    println!("  state hash {}", it.state_hash);
}

fn report_difference(institution: InstitutionId, name: &str, what: &str, json: bool) {
    if json {
        return println!("{}", json!({ "institution": institution, "difference": what }));
    }
    println!("{name}: DIFFERS\n  {what}");
}

/// Every institution with its name, the platform's own books first.
async fn institutions(store: &Store) -> anyhow::Result<Vec<(InstitutionId, String)>> {
    let mut all = vec![(PLATFORM, "platform".to_owned())];
    let mut after = None;
    loop {
        let page = store.list(&TENANTS, PLATFORM, after, PAGE_MAX).await?;
        all.extend(page.data.into_iter().map(|(id, tenant)| (id.cast(), tenant.record.name)));
        after = page.next;
        if after.is_none() {
            return Ok(all);
        }
    }
}
