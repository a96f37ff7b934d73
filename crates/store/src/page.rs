//! Accounts side by side, as they are stored.
//!
//! A lane's accounts have slots 0, 1, 2 … in the order of their opening; a page holds
//! [`ACCOUNTS`] of them. Writing a page is one row for all its accounts, which is what makes
//! balances cheap to keep: in a small lane all of them are one row, and of a large one a hundredth
//! is written at a time. All numbers are big-endian.
//!
//! ```text
//!  0 id              16     60 credits pending      8
//! 16 code            16     68 last, or nil        16
//! 32 currency         2     84 newest value date    4
//! 34 side             1     88 debits on it         8
//! 35 state            1     96 credits on it        8
//! 36 debits posted    8    104 length of limits     2
//! 44 credits posted   8    106 limits, as JSON
//! 52 debits pending   8
//! ```

use ledger::{Account, AccountState, Balances, Code, LaneId, Side, ValueDay};
use money::{Amount, Currency};
use stdx::{Date, Id, date};

/// How many accounts a page holds.
pub(crate) const ACCOUNTS: u32 = if cfg!(test) { 2 } else { 32 };

/// The page a slot is on.
pub(crate) fn number_of(slot: u32) -> u32 {
    slot / ACCOUNTS
}

/// Appends an account.
pub(crate) fn encode(it: &Account, out: &mut Vec<u8>) {
    let limits = it.limits.as_ref();
    let limits = limits.map(|limits| serde_json::to_vec(limits).expect("limits are plain data"));
    let limits = limits.unwrap_or_default();
    let len = u16::try_from(limits.len()).expect("eight caps are a kilobyte");
    out.extend_from_slice(it.id.as_bytes());
    out.extend_from_slice(it.code.as_bytes());
    out.extend_from_slice(&it.currency.number().to_be_bytes());
    out.extend_from_slice(&[u8::from(it.side == Side::Credit), state_number(it.state)]);
    let sums = &it.balances;
    for sum in [sums.debits_posted, sums.credits_posted, sums.debits_pending, sums.credits_pending]
    {
        out.extend_from_slice(&sum.minor().to_be_bytes());
    }
    out.extend_from_slice(it.last.unwrap_or(Id::NIL).as_bytes());
    out.extend_from_slice(&date::number(it.newest.date).to_be_bytes());
    out.extend_from_slice(&it.newest.debits.minor().to_be_bytes());
    out.extend_from_slice(&it.newest.credits.minor().to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(&limits);
}

/// The accounts of a page; `None` when it is not one.
pub(crate) fn decode(lane: LaneId, number: u32, bytes: &[u8]) -> Option<Vec<Account>> {
    let mut accounts = Vec::with_capacity(ACCOUNTS as usize);
    let mut reader = Reader(bytes);
    for slot in number.checked_mul(ACCOUNTS)?.. {
        if reader.0.is_empty() {
            break;
        }
        accounts.push(reader.account(lane, slot)?);
    }
    Some(accounts)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    fn account(&mut self, lane: LaneId, slot: u32) -> Option<Account> {
        let id = Id::from_bytes(self.take()?);
        let code: [u8; Code::LEN_MAX] = self.take()?;
        let code = std::str::from_utf8(&code).ok()?.trim_end_matches('\0').parse().ok()?;
        let currency = Currency::from_number(u16::from_be_bytes(self.take()?))?;
        let [side, state_number] = self.take()?;
        let side = match side {
            0 => Side::Debit,
            1 => Side::Credit,
            _ => return None,
        };
        let state = state(state_number)?;
        let balances = Balances {
            debits_posted: self.amount()?,
            credits_posted: self.amount()?,
            debits_pending: self.amount()?,
            credits_pending: self.amount()?,
        };
        let last = Id::from_bytes(self.take()?);
        let newest =
            ValueDay { date: self.date()?, debits: self.amount()?, credits: self.amount()? };
        let limits = self.limits()?;
        let last = (!last.is_nil()).then_some(last);
        Some(Account {
            id,
            lane,
            slot,
            code,
            currency,
            side,
            state,
            balances,
            limits,
            last,
            newest,
        })
    }

    fn amount(&mut self) -> Option<Amount> {
        self.take().map(i64::from_be_bytes).map(Amount::from_minor)
    }

    fn date(&mut self) -> Option<Date> {
        date::from_number(i32::from_be_bytes(self.take()?))
    }

    #[allow(clippy::option_option, reason = "the outer says whether it can be read")]
    fn limits(&mut self) -> Option<Option<Box<ledger::Limits>>> {
        let len = usize::from(u16::from_be_bytes(self.take()?));
        let (limits, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        if limits.is_empty() { Some(None) } else { serde_json::from_slice(limits).ok().map(Some) }
    }
}

fn state_number(state: AccountState) -> u8 {
    match state {
        AccountState::Open => 0,
        AccountState::FrozenIn => 1,
        AccountState::FrozenOut => 2,
        AccountState::Frozen => 3,
        AccountState::Closed => 4,
    }
}

fn state(number: u8) -> Option<AccountState> {
    use AccountState::{Closed, Frozen, FrozenIn, FrozenOut, Open};
    [Open, FrozenIn, FrozenOut, Frozen, Closed].into_iter().find(|it| state_number(*it) == number)
}
