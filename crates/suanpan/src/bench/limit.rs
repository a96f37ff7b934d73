//! The limit: the ledger alone in memory, and with each batch appended raw to a file and synced.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use ledger::{AccountId, Applied, LaneId, Ledger, Moment, POSTED_BYTES, Posted, TransferId};

use super::{
    figures::per_second,
    machine::resident_bytes,
    traffic::{Shape, Traffic, account},
};
use crate::{institution::today, system};

/// The most transfers the limit is measured on, each time.
const TRANSFERS_MAX: usize = 1_000_000;

/// What is measured.
pub(crate) struct Limit {
    /// The accounts, all of them in memory.
    pub(crate) accounts: Arc<[AccountId]>,
    pub(crate) shape: Shape,
    /// How many transfers the run has, and how many of them are in a batch.
    pub(crate) transfers: usize,
    pub(crate) batch: usize,
}

/// The limit, in transfers per second.
#[derive(Clone, Copy, Default)]
pub(crate) struct Measured {
    /// Decided in memory and gone afterwards.
    pub(crate) memory: u64,
    /// Decided in memory, then appended to a file and synced, a batch at a time.
    pub(crate) durable: u64,
    /// Bytes of memory an account takes in the ledger.
    pub(crate) account_bytes: Option<u64>,
}

impl Limit {
    /// Measures it once, with a file in `directory`.
    pub(crate) fn measure(&self, directory: &Path) -> anyhow::Result<Measured> {
        let before = resident_bytes();
        let mut ledger = Ledger::default();
        for id in self.accounts.iter() {
            ledger.load_account(account(*id, LaneId::NIL));
        }
        let grown = resident_bytes().zip(before).map(|(now, before)| now.saturating_sub(before));
        let account_bytes = grown.map(|it| it / self.accounts.len().max(1) as u64);

        let path = directory.join("limit");
        let mut file = File::create(&path)?;
        let mut traffic = Traffic::new(Arc::clone(&self.accounts), self.shape, "limit");
        let mut held = BTreeMap::<TransferId, Posted>::new();
        let (mut deciding, mut writing) = (Duration::ZERO, Duration::ZERO);
        let (transfers, mut done) = (self.transfers.min(TRANSFERS_MAX), 0);
        let mut bytes = Vec::with_capacity(self.batch * POSTED_BYTES);
        while done < transfers {
            let now = system::now();
            let at = Moment { now, today: today(now) };
            let batch = traffic.batch(at, self.batch.min(transfers - done));
            for hold in batch.iter().filter_map(|it| held.remove(&it.kind.about()?)) {
                ledger.load_transfer(hold, None);
            }

            let start = Instant::now();
            let results = ledger.apply(&batch, at);
            ledger.settle();
            deciding += start.elapsed();

            let start = Instant::now();
            bytes.clear();
            for result in &results {
                if let Ok(Applied::Created(posted)) = result {
                    posted.encode(&mut bytes);
                }
            }
            file.write_all(&bytes)?;
            file.sync_data()?;
            writing += start.elapsed();

            ensure!(bytes.len() == batch.len() * POSTED_BYTES, "the ledger refused a transfer");
            let posted = results.into_iter().flatten().map(|it| it.posted().clone());
            let holds = posted.filter(|it| it.transfer.kind.is_hold());
            held.extend(holds.map(|it| (it.transfer.id, it)));
            done += batch.len();
        }
        drop(file);
        std::fs::remove_file(path)?;
        let (memory, durable) = (per_second(done, deciding), per_second(done, deciding + writing));
        Ok(Measured { memory, durable, account_bytes })
    }
}

impl Measured {
    /// The better of two.
    pub(crate) fn better(self, other: Self) -> Self {
        Self {
            memory: self.memory.max(other.memory),
            durable: self.durable.max(other.durable),
            // The first time nothing else was in memory that could be used again.
            account_bytes: self.account_bytes,
        }
    }
}
