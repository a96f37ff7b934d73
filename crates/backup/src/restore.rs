//! From the rows of a backup to a store.

use stdx::Timestamp;
use store::{LogRow, RESTORE_ROWS_MAX, Store};

use crate::{Backup, Fault};

/// The most bytes of bodies and transfers restored together, beyond what one commit brings.
const RESTORE_BYTES_MAX: usize = 16 << 20;

/// Up to where a backup is restored. Commits are whole in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// All there is.
    End,
    /// The last commit whose first row is at this position or before it.
    Position(u64),
    /// The last commit before the first one that was booked later than this.
    Moment(Timestamp),
}

impl Until {
    fn includes(self, first: &LogRow) -> bool {
        match self {
            Self::End => true,
            Self::Position(position) => first.position <= position,
            Self::Moment(moment) => first.at <= moment,
        }
    }
}

/// What was restored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// How many rows.
    pub rows: u64,
    /// The position of the last one.
    pub position: u64,
    /// When that was booked.
    pub at: Timestamp,
}

impl Backup {
    /// Restores into an empty store, checking every row before it is used.
    ///
    /// # Errors
    /// [`Fault::Damaged`]; [`Fault::NotReached`], [`Fault::Nothing`]; [`Fault::Store`] naming a row
    /// that does not follow from those before it; [`Fault::Io`]. The store is then left with the
    /// commits before that.
    pub async fn restore(&self, store: &Store, until: Until) -> Result<Restored, Fault> {
        let mut restored = Restored::default();
        let (mut commits, mut commit, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut stopped = false;
        for row in self.rows() {
            let row = row?;
            if row.told_at == 0 {
                stopped = !until.includes(&row);
                if stopped {
                    break;
                }
                commits.append(&mut commit);
            }
            bytes += row.body.len() + row.transfers.len();
            restored.rows += 1;
            (restored.position, restored.at) = (row.position, row.at);
            commit.push(row);
            let too_many = commits.len() + commit.len() > RESTORE_ROWS_MAX;
            if !commits.is_empty() && (too_many || bytes > RESTORE_BYTES_MAX) {
                store.restore(std::mem::take(&mut commits)).await?;
                bytes = commit.iter().map(|it| it.body.len() + it.transfers.len()).sum();
            }
        }
        commits.append(&mut commit);
        if commits.is_empty() {
            return Err(Fault::Nothing);
        }
        store.restore(commits).await?;
        match until {
            Until::Position(position) if !stopped && position > restored.position => {
                Err(Fault::NotReached { end: restored.position })
            }
            _ => Ok(restored),
        }
    }
}
