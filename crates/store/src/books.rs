//! What a node keeps in memory: accounts, and how far it knows each lane.
//!
//! The balances of a lane are what follows from its log rows. Its stored pages are up to date
//! through row `flushed`; whoever needs an account of the lane loads the page and enters what
//! the rows after that have moved. From then on the lane is known through its head, and stays so
//! as long as nobody else writes it. Pages that changed since they were stored are *dirty*; each
//! batch stores some, those first that have waited longest.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ledger::{Account, AccountId, InstitutionId, Kind, LaneId, Ledger, Posted, Side, TransferId};
use money::Amount;

use crate::{
    AccountChange, LogRow, StoreError,
    engine::{AccountPlace, LaneHead, LaneOf, PageRow, Read, page_accounts, places},
    page,
};

/// So many pages of each lane a batch stores, and more when it has many transfers: about as many
/// as they can pay for, and enough that what a start has to enter again is little.
const PAGES_FLUSHED_MIN: usize = if cfg!(test) { 1 } else { 64 };
/// For so many transfers one more page.
const TRANSFERS_PER_PAGE: usize = 80;
/// The most pages read at once.
const PAGES_READ_MAX: usize = if cfg!(test) { 2 } else { 1_024 };

/// Accounts in memory, and the lanes they are in.
#[derive(Default)]
pub(crate) struct Books {
    ledgers: BTreeMap<InstitutionId, Ledger>,
    lanes: BTreeMap<LaneOf, Lane>,
}

/// A lane, known through its head.
pub(crate) struct Lane {
    pub head: LaneHead,
    /// Those that are loaded, by number.
    pages: Vec<Option<Page>>,
    /// Numbers of pages to be stored, and the row that first changed each since it was.
    dirty: VecDeque<(u32, u64)>,
}

#[derive(Default)]
struct Page {
    /// The newest row that changed one of its accounts.
    as_of: u64,
    /// The same, when it was loaded.
    loaded_as_of: u64,
    /// Where the ledger holds its accounts, in order of slot.
    accounts: Vec<u32>,
    is_dirty: bool,
}

impl Lane {
    pub(crate) fn new(head: LaneHead) -> Self {
        Self { head, pages: Vec::new(), dirty: VecDeque::new() }
    }

    fn has_page(&self, number: u32) -> bool {
        self.pages.get(number as usize).is_some_and(Option::is_some)
    }

    fn page(&mut self, number: u32) -> &mut Page {
        let number = number as usize;
        if self.pages.len() <= number {
            self.pages.resize_with(number + 1, || None);
        }
        self.pages[number].get_or_insert_default()
    }

    /// An account of this slot was opened.
    pub(crate) fn open(&mut self, slot: u32, index: u32) {
        self.page(page::number_of(slot)).accounts.push(index);
    }

    /// The account of this slot was changed by a row.
    pub(crate) fn touch(&mut self, slot: u32, seq: u64) {
        let number = page::number_of(slot);
        let page = self.page(number);
        page.as_of = seq;
        if !page.is_dirty {
            page.is_dirty = true;
            self.dirty.push_back((number, seq));
        }
    }

    /// Whether the account of this slot was loaded as it was before a row that changed it.
    fn is_before(&self, slot: u32, seq: u64) -> bool {
        let page = self.pages.get(page::number_of(slot) as usize).and_then(Option::as_ref);
        page.is_none_or(|page| page.loaded_as_of < seq)
    }

    pub(crate) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Takes pages to be stored as of a head, with a batch of so many transfers, and says in the
    /// head how far the lane then is.
    pub(crate) fn flush(
        &mut self,
        lane: LaneOf,
        ledger: &Ledger,
        head: &mut LaneHead,
        transfers: usize,
    ) -> Vec<PageRow> {
        let due = PAGES_FLUSHED_MIN.max(transfers / TRANSFERS_PER_PAGE).min(self.dirty.len());
        let mut rows = Vec::with_capacity(due);
        for (number, _) in self.dirty.drain(..due) {
            let page = self.pages[number as usize].as_mut().expect("dirty pages are loaded");
            page.is_dirty = false;
            let mut bytes = Vec::new();
            page.accounts.iter().for_each(|at| page::encode(ledger.account_at(*at), &mut bytes));
            rows.push(PageRow { lane, number, as_of: page.as_of, bytes });
        }
        head.flushed = self.dirty.front().map_or(head.seq, |(_, since)| since - 1);
        rows
    }
}

impl Books {
    pub(crate) fn ledger(&mut self, of: InstitutionId) -> &mut Ledger {
        self.ledgers.entry(of).or_default()
    }

    pub(crate) fn lane(&self, of: LaneOf) -> Option<&Lane> {
        self.lanes.get(&of)
    }

    /// A lane that was loaded, and the ledger of its institution.
    pub(crate) fn lane_and_ledger(&mut self, of: LaneOf) -> (&mut Lane, &Ledger) {
        let lane = self.lanes.get_mut(&of).expect("loaded before");
        (lane, self.ledgers.entry(of.0).or_default())
    }

    pub(crate) fn dirty_lanes(&self) -> impl Iterator<Item = LaneOf> {
        self.lanes.iter().filter(|(_, lane)| lane.is_dirty()).map(|(of, _)| *of)
    }

    pub(crate) fn lanes_len(&self) -> usize {
        self.lanes.len()
    }

    pub(crate) fn accounts_len(&self) -> usize {
        self.ledgers.values().map(Ledger::accounts_loaded).sum()
    }

    /// Forgets everything. What was dirty is found in the log again.
    pub(crate) fn clear(&mut self) {
        self.ledgers.clear();
        self.lanes.clear();
    }

    /// Brings a lane to a head that was just read.
    pub(crate) fn catch_up(
        &mut self,
        read: &dyn Read,
        of: LaneOf,
        head: LaneHead,
    ) -> Result<(), StoreError> {
        let known = self.lanes.get(&of).map_or(head.flushed, |lane| lane.head.seq);
        self.lanes.entry(of).or_insert_with(|| Lane::new(head)).head = head;
        let rows = rows_after(read, of.0, known, head)?;
        if rows.is_empty() {
            return Ok(());
        }
        self.load_all_pages(read, of)?;
        for (seq, position) in rows {
            self.replay(read, of, seq, position)?;
        }
        self.ledger(of.0).settle();
        Ok(())
    }

    fn load_all_pages(&mut self, read: &dyn Read, of: LaneOf) -> Result<(), StoreError> {
        let (lane, _) = self.lane_and_ledger(of);
        if lane.pages.is_empty() {
            return self.load_lane(read, of);
        }
        let pages = 0..lane.head.accounts.div_ceil(page::ACCOUNTS);
        let missing: Vec<u32> = pages.filter(|number| !lane.has_page(*number)).collect();
        for numbers in missing.chunks(PAGES_READ_MAX) {
            self.load_pages(read, of, numbers)?;
        }
        Ok(())
    }

    /// Loads a lane of which nothing is loaded yet, one page after the other.
    fn load_lane(&mut self, read: &dyn Read, of: LaneOf) -> Result<(), StoreError> {
        self.load_pages(read, of, &[0])?;
        let mut last = 0;
        loop {
            let mut rows = read.pages_after(of.0, Some((of.1, last)), PAGES_READ_MAX)?;
            rows.retain(|row| row.lane == of);
            let Some(row) = rows.last() else { return Ok(()) };
            last = row.number;
            self.enter_pages(of, &rows)?;
        }
    }

    /// Loads pages of a known lane that are not loaded yet.
    pub(crate) fn load_pages(
        &mut self,
        read: &dyn Read,
        of: LaneOf,
        numbers: &[u32],
    ) -> Result<(), StoreError> {
        let (lane, _) = self.lane_and_ledger(of);
        let missing: Vec<u32> = numbers.iter().copied().filter(|it| !lane.has_page(*it)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        self.enter_pages(of, &read.pages(of, &missing)?)
    }

    fn enter_pages(&mut self, of: LaneOf, rows: &[PageRow]) -> Result<(), StoreError> {
        let ledger = self.ledgers.entry(of.0).or_default();
        let lane = self.lanes.get_mut(&of).expect("loaded before");
        for row in rows {
            let page = lane.page(row.number);
            (page.as_of, page.loaded_as_of) = (row.as_of, row.as_of);
            for account in page_accounts(row)? {
                let id = account.id;
                ledger.load_account(account);
                page.accounts.extend(ledger.index_of(id));
            }
        }
        Ok(())
    }

    /// Loads accounts that are not loaded yet, with all that are stored beside them.
    pub(crate) fn load_accounts(
        &mut self,
        read: &dyn Read,
        of: InstitutionId,
        places: &[(AccountId, AccountPlace)],
    ) -> Result<(), StoreError> {
        let mut pages = BTreeMap::<LaneId, BTreeSet<u32>>::new();
        for (_, place) in places {
            pages.entry(place.lane).or_default().insert(page::number_of(place.slot));
        }
        for (lane, numbers) in pages {
            let numbers: Vec<u32> = numbers.into_iter().collect();
            self.load_pages(read, (of, lane), &numbers)?;
        }
        Ok(())
    }

    /// Enters on the accounts of a lane what one of its rows did.
    fn replay(
        &mut self,
        read: &dyn Read,
        of: LaneOf,
        seq: u64,
        position: u64,
    ) -> Result<(), StoreError> {
        let mut row = log_row(read, of.0, position)?;
        if row.told_at != 0 {
            row = log_row(read, of.0, row.told_at)?;
        }
        let body = row.body()?;
        let cannot = |reject| row.corrupt(&format!("cannot be replayed: {reject:?}"));
        let ledger = self.ledgers.entry(of.0).or_default();
        let lane = self.lanes.get_mut(&of).expect("loaded before");
        for change in body.accounts {
            let (id, ours) = match &change {
                AccountChange::Open(account) => (account.id, Some(account)),
                AccountChange::State(id, _) | AccountChange::Limits(id, _) => {
                    (*id, ledger.account(*id))
                }
            };
            let ours = ours.filter(|it| it.lane == of.1).map(|it| it.slot);
            let Some(slot) = ours.filter(|slot| lane.is_before(*slot, seq)) else { continue };
            match change {
                AccountChange::Open(account) => {
                    ledger.load_account(account);
                    lane.open(slot, ledger.index_of(id).expect("loaded now"));
                }
                AccountChange::State(id, state) => ledger.set_state(id, state).map_err(cannot)?,
                AccountChange::Limits(id, limits) => {
                    ledger.set_limits(id, limits).map_err(cannot)?;
                }
            }
            lane.touch(slot, seq);
        }
        let transfers = row.transfers()?;
        let held = holds(read, of.0, &transfers)?;
        // First all are looked up, so that the processor fetches many at a time.
        let mut sides = Vec::with_capacity(2 * transfers.len());
        for posted in &transfers {
            let it = &posted.transfer;
            for (side, id) in [(Side::Debit, it.debit), (Side::Credit, it.credit)] {
                let Some(at) = ledger.index_of(id) else { continue };
                let account = ledger.account_at(at);
                if account.lane == of.1 {
                    sides.push((posted, side, at, account.slot));
                }
            }
        }
        for (posted, side, at, slot) in sides {
            if lane.is_before(slot, seq) {
                let held = posted.transfer.kind.about().and_then(|id| held.get(&id)).copied();
                // What left the newest value date was stored when the row was written.
                let _stored = ledger.replay(posted, side, at, held);
                lane.touch(slot, seq);
            }
        }
        Ok(())
    }
}

/// Goes through all accounts of an institution, those of a lane in order of slot.
pub(crate) fn each_account(
    read: &dyn Read,
    of: InstitutionId,
    mut see: impl FnMut(&Account) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut behind = Books::default();
    for (lane, head) in read.lanes(of)? {
        if head.flushed < head.seq {
            behind.catch_up(read, (of, lane), head)?;
        }
    }
    let mut last = None;
    loop {
        let rows = read.pages_after(of, last, PAGES_READ_MAX)?;
        let Some(row) = rows.last() else { break };
        last = Some((row.lane.1, row.number));
        for row in rows.iter().filter(|row| behind.lane(row.lane).is_none()) {
            page_accounts(row)?.iter().try_for_each(&mut see)?;
        }
    }
    for (of, lane) in &behind.lanes {
        let pages = lane.pages.iter().flatten();
        let accounts = pages.flat_map(|page| &page.accounts);
        accounts.map(|at| behind.ledgers[&of.0].account_at(*at)).try_for_each(&mut see)?;
    }
    Ok(())
}

/// The rows of a lane after one of them through its head, oldest first: place and position.
fn rows_after(
    read: &dyn Read,
    of: InstitutionId,
    known: u64,
    head: LaneHead,
) -> Result<Vec<(u64, u64)>, StoreError> {
    let mut rows = Vec::new();
    let (mut seq, mut position) = (head.seq, head.position);
    while seq > known {
        rows.push((seq, position));
        let (_, previous) = read.log_link(of, position)?.ok_or_else(|| no_row(position))?;
        (seq, position) = (seq - 1, previous);
    }
    rows.reverse();
    Ok(rows)
}

/// What was held by the holds that transfers of one row resolve.
fn holds(
    read: &dyn Read,
    of: InstitutionId,
    transfers: &[Posted],
) -> Result<BTreeMap<TransferId, Amount>, StoreError> {
    let resolved = transfers.iter().filter_map(|posted| match posted.transfer.kind {
        Kind::Post(hold) | Kind::Void(hold) | Kind::Expire(hold) => Some(hold),
        Kind::Plain | Kind::Hold { .. } | Kind::Reversal(_) => None,
    });
    let found = places::transfers(read, of, resolved)?;
    Ok(found.iter().map(|posted| (posted.transfer.id, posted.transfer.amount)).collect())
}

fn log_row(read: &dyn Read, of: InstitutionId, position: u64) -> Result<LogRow, StoreError> {
    read.log_row(of, position)?.ok_or_else(|| no_row(position))
}

fn no_row(position: u64) -> StoreError {
    StoreError::Corrupt(format!("no log row at {position}"))
}
