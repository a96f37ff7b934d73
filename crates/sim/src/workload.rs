//! What clients ask for: ordinary business, with mistakes and malice among it.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use bank::{
    Bank, Caller, Role,
    accounts::AccountMoved,
    keys::{ApiKey, NewKey},
    loans::{Applied, Apply, LoanMoved, Signed, is_approved},
    parties::PartyChanged,
    plain::NewAccount,
    products::Step,
    tables::{ApplicationId, CurrentAccountId, LoanId, PartyId},
};
use ledger::{
    AccountId, AccountState, Balancing, Cap, CapUse, Code, Direction, InstitutionId, Kind, Limits,
    Side, Transfer, TransferId, Window,
};
use money::{Amount, Currency, Money};
use stdx::{Date, Id, Prng, Timestamp};

use crate::{
    command::{Answer, Command},
    nodes::at_once,
};

/// The first business date of every institution: a Thursday after a holiday.
pub(crate) const FIRST: Date = Date::constant(2025, 1, 2);

/// The products, with the names they are published under.
const PRODUCTS: [(&str, &str); 3] = [
    ("loan", include_str!("../products/loan.yaml")),
    ("purse", include_str!("../products/purse.yaml")),
    ("till", include_str!("../products/till.yaml")),
];

/// How many plain accounts the clients of an institution use: few, so that they meet.
const ACCOUNTS: u64 = 12;
/// How many persons there are.
const PERSONS: u64 = 8;

/// What the clients of one institution know, from what they asked and were answered.
pub(crate) struct Known {
    pub(crate) of: InstitutionId,
    /// The set-up, step by step; everybody else waits for it.
    pub(crate) script: VecDeque<(Role, Command)>,
    /// How many steps the set-up had at first.
    pub(crate) set_up: usize,
    today: Date,
    parties: Vec<(PartyId, u64)>,
    applications: Vec<ApplicationId>,
    signed: Vec<LoanId>,
    loans: Vec<(LoanId, i64)>,
    wallets: Vec<CurrentAccountId>,
    transfers: Vec<TransferId>,
    holds: Vec<TransferId>,
    keys: Vec<Id<ApiKey>>,
    versions: BTreeMap<&'static str, u32>,
}

impl Known {
    pub(crate) fn new(of: InstitutionId) -> Self {
        let mut script = VecDeque::from([(Role::Operator, Command::Found(FIRST))]);
        for (name, text) in PRODUCTS {
            script.push_back((Role::Operator, Command::Draft(text.to_owned())));
            script.push_back((Role::Approver, Command::Step(name, 1, Step::Approve)));
            script.push_back((Role::Approver, Command::Step(name, 1, Step::Publish(FIRST))));
        }
        Self {
            of,
            set_up: script.len(),
            script,
            today: FIRST,
            parties: Vec::new(),
            applications: Vec::new(),
            signed: Vec::new(),
            loans: Vec::new(),
            wallets: Vec::new(),
            transfers: Vec::new(),
            holds: Vec::new(),
            keys: Vec::new(),
            versions: PRODUCTS.iter().map(|(name, _)| (*name, 1)).collect(),
        }
    }

    /// Takes note of an answer.
    pub(crate) fn learn(&mut self, command: &Command, answer: &Answer) {
        let body = answer.body.clone();
        match command {
            Command::Register(_)
            | Command::Consent(_)
            | Command::Unconsent(_)
            | Command::RaiseKyc(_)
            | Command::Amend(..) => {
                let PartyChanged { id, version, .. } = read(body);
                self.parties.retain(|it| it.0 != id);
                self.parties.push((id, version));
            }
            Command::Apply(_) => {
                let Applied { id, application } = read(body);
                if is_approved(&application) {
                    self.applications.push(id);
                }
            }
            Command::Sign(_) => self.signed.push(read::<Signed>(body).loan),
            Command::Disburse(_) | Command::Repay(..) | Command::Settle(..) => {
                let LoanMoved { loan, due, .. } = read(body);
                self.loans.retain(|it| it.0 != loan);
                self.loans.push((loan, due.total().minor()));
            }
            Command::OpenWallet(..) => self.wallets.push(read::<AccountMoved>(body).account),
            Command::CloseDate(_) => {
                let closed: bank::days::DayClosed = read(body);
                self.today = self.today.max(closed.next);
            }
            Command::CreateKey(_) => self.keys.push(read(body)),
            _ => {}
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(body: serde_json::Value) -> T {
    serde_json::from_value(body).expect("the answer of this command")
}

fn cny(minor: i64) -> Money {
    Money::new(Amount::from_minor(minor), Currency::CNY)
}

/// What is drawn for the next request.
pub(crate) struct Draw<'a> {
    pub(crate) prng: &'a mut Prng,
    pub(crate) now: Timestamp,
    /// A node to read from, as a client does who wants a quote.
    pub(crate) bank: Option<&'a Bank>,
    /// The other institution, whose things are asked for by the malicious.
    pub(crate) other: InstitutionId,
}

impl Draw<'_> {
    /// A request for an institution that is set up.
    pub(crate) fn request(&mut self, known: &mut Known) -> (Role, Command) {
        let command = match self.prng.below(100) {
            0..=39 => self.ledger(known),
            40..=69 => self.contract(known),
            70..=79 => self.party(known),
            80..=86 => Command::RunMoments,
            87..=92 => self.wrong_day(known),
            93..=94 => self.key(known),
            95..=97 => return (Role::Approver, self.product(known)),
            _ => Command::ClosePeriod(days_before(known.today, self.period_age())),
        };
        // Somebody tries what the role may not do.
        let role = if self.prng.chance(2) { Role::Auditor } else { Role::Operator };
        (role, command)
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> Option<T> {
        // The newest are the ones that are talked about.
        let newest = &items[items.len().saturating_sub(12)..];
        if newest.is_empty() { None } else { Some(*self.prng.pick(newest)) }
    }

    fn wrong_day(&mut self, known: &Known) -> Command {
        match self.prng.below(20) {
            0 => Command::CloseDate(days_before(known.today, 1)),
            1 => Command::CloseDate(Date::MAX),
            _ => Command::CloseDate(known.today),
        }
    }

    /// How many days ago a period ends that is closed.
    fn period_age(&mut self) -> u64 {
        self.prng.below(4)
    }

    fn account(&mut self, of: InstitutionId) -> AccountId {
        let number = self.prng.below(ACCOUNTS);
        Id::derived(&[of.as_bytes(), b"account", &number.to_be_bytes()])
    }

    fn ledger(&mut self, known: &mut Known) -> Command {
        match self.prng.below(20) {
            0..=3 => {
                let count = 1 + self.prng.below(4);
                Command::OpenAccounts((0..count).map(|_| self.new_account(known.of)).collect())
            }
            4 => {
                let states = [
                    AccountState::Open,
                    AccountState::Open,
                    AccountState::FrozenIn,
                    AccountState::FrozenOut,
                    AccountState::Frozen,
                    AccountState::Closed,
                ];
                Command::SetState(self.account(known.of), *self.prng.pick(&states))
            }
            5..=6 => Command::SetLimits(self.account(known.of), self.limits()),
            _ => self.book(known),
        }
    }

    /// What an account is follows from its number, so that asking again finds the same; but for a
    /// few, who ask for another.
    fn new_account(&mut self, of: InstitutionId) -> NewAccount {
        let id = self.account(of);
        let byte = id.as_bytes()[15];
        let wrong = self.prng.chance(10);
        let side = if (byte & 1 == 0) ^ (wrong && self.prng.chance(50)) {
            Side::Debit
        } else {
            Side::Credit
        };
        let code = if wrong && self.prng.chance(50) { "9001" } else { "9000" };
        let dollars = byte.is_multiple_of(8);
        let lane = byte & 2 == 0;
        NewAccount {
            id,
            code: code.parse().expect("a code"),
            currency: if dollars { "USD".parse().expect("ISO 4217") } else { Currency::CNY },
            side,
            lane: lane.then(|| Id::derived(&[of.as_bytes(), b"lane", &[byte & 4]])),
            limits: if self.prng.chance(30) { self.limits() } else { None },
        }
    }

    fn limits(&mut self) -> Option<Limits> {
        if self.prng.chance(25) {
            return None;
        }
        let sign = if self.prng.chance(4) { -1 } else { 1 };
        let mut amount = |below: u64| {
            let minor = sign * self.prng.below(below).cast_signed();
            Some(Amount::from_minor(minor)).filter(|_| self.prng.chance(50))
        };
        let (overdraft, balance_max) = (amount(2_000), amount(20_000));
        let windows = [Window::Day, Window::Month, Window::Year, Window::Lifetime];
        let mut caps = Vec::new();
        for _ in 0..self.prng.below(3) {
            caps.push(Cap {
                direction: *self.prng.pick(&[Direction::In, Direction::Out]),
                window: *self.prng.pick(&windows),
                max: Amount::from_minor(self.prng.below(10_000).cast_signed()),
                usage: CapUse::default(),
            });
        }
        Some(Limits { overdraft, balance_max, caps })
    }

    fn book(&mut self, known: &mut Known) -> Command {
        let count = match self.prng.below(40) {
            0 => 60,
            draw => 1 + draw / 8,
        };
        let transfers = (0..count).map(|_| self.transfer(known)).collect();
        Command::Book(transfers)
    }

    fn transfer(&mut self, known: &mut Known) -> Transfer {
        let fresh: TransferId = Id::new(self.now, self.prng);
        let id = match self.prng.below(40) {
            0 => TransferId::NIL,
            1 | 2 => self.pick(&known.transfers).unwrap_or(fresh),
            _ => fresh,
        };
        let value_date = match self.prng.below(30) {
            0 => known.today.tomorrow().unwrap_or(known.today),
            draw @ 1..=9 => days_before(known.today, draw / 2),
            10 => days_before(known.today, self.period_age()),
            _ => known.today,
        };
        let reason = Code::literal(if self.prng.chance(90) { "trade" } else { "other" });
        let kind = self.kind(known);
        let mut order = match kind.about() {
            Some(_) => Transfer::about(id, kind, value_date, reason),
            None => self.plain(known.of, id, kind, value_date, reason),
        };
        if kind.about().is_some() && self.prng.chance(40) {
            order.amount = Amount::from_minor(self.prng.below(3_000).cast_signed());
        }
        if kind.about().is_some() && self.prng.chance(4) {
            order.debit = self.account(known.of);
        }
        order.linked = self.prng.chance(15);
        known.transfers.push(id);
        if kind.is_hold() {
            known.holds.push(id);
        }
        order
    }

    fn kind(&mut self, known: &Known) -> Kind {
        let expires = match self.prng.below(3) {
            0 => None,
            _ => {
                let wait = Duration::from_secs(self.prng.below(600));
                self.now.checked_add(wait).ok()
            }
        };
        let hold = self.pick(&known.holds);
        let any = self.pick(&known.transfers);
        match (self.prng.below(20), hold, any) {
            (0..=8, ..) => Kind::Plain,
            (9..=12, ..) => Kind::Hold { expires },
            (13..=15, Some(hold), _) => Kind::Post(hold),
            (16, Some(hold), _) => Kind::Void(hold),
            (17, Some(hold), _) => Kind::Expire(hold),
            (18, _, Some(any)) => Kind::Reversal(any),
            (19, _, Some(any)) => Kind::Post(any),
            _ => Kind::Plain,
        }
    }

    fn plain(
        &mut self,
        of: InstitutionId,
        id: TransferId,
        kind: Kind,
        value_date: Date,
        reason: Code,
    ) -> Transfer {
        let (mut debit, credit) = (self.account(of), self.account(of));
        match self.prng.below(60) {
            0 => debit = AccountId::NIL,
            1 => debit = self.account(self.other),
            _ => {}
        }
        let amount = match self.prng.below(100) {
            0 => 0,
            1 => -self.prng.below(100).cast_signed(),
            2 => i64::MAX,
            3 => i64::MAX / 2,
            _ => 1 + self.prng.below(4_000).cast_signed(),
        };
        let balancing = match self.prng.below(12) {
            0 => Balancing::Debit,
            1 => Balancing::Credit,
            2 => Balancing::Both,
            _ => Balancing::None,
        };
        let (amount, linked) = (Amount::from_minor(amount), false);
        Transfer { id, kind, debit, credit, amount, balancing, linked, value_date, reason }
    }

    fn party(&mut self, known: &Known) -> Command {
        let number = u16::try_from(self.prng.below(PERSONS)).unwrap_or(0);
        let Some((party, version)) = self.pick(&known.parties) else {
            return Command::Register(number);
        };
        match self.prng.below(6) {
            0 | 1 => Command::Register(number),
            2 => Command::Consent(party),
            3 => Command::Unconsent(party),
            4 => Command::RaiseKyc(party),
            _ => {
                let mobile = u32::try_from(self.prng.below(1_000)).unwrap_or(0);
                Command::Amend(party, version, mobile)
            }
        }
    }

    fn contract(&mut self, known: &mut Known) -> Command {
        let Some((party, _)) = self.pick(&known.parties) else {
            return self.party(known);
        };
        let money = cny(match self.prng.below(40) {
            0 => 0,
            1 => -1,
            2 => i64::MAX,
            _ => 1 + self.prng.below(70_000).cast_signed(),
        });
        let dollars = "USD".parse().expect("ISO 4217");
        let money = if self.prng.chance(2) { Money { currency: dollars, ..money } } else { money };
        let (wallet, loan) = (self.pick(&known.wallets), self.pick(&known.loans));
        let (application, signed) = (self.pick(&known.applications), self.pick(&known.signed));
        match (self.prng.below(20), wallet, loan, application, signed) {
            (0..=2, _, _, Some(application), _) => Command::Sign(application),
            (3..=5, _, _, _, Some(loan)) => Command::Disburse(loan),
            (6..=8, _, Some((loan, due)), ..) => {
                Command::Repay(loan, if due > 0 && self.prng.chance(60) { cny(due) } else { money })
            }
            (9, _, Some((loan, _)), ..) => self.settle(known.of, loan),
            (10, ..) => {
                let products = ["purse", "purse", "till", "till", "loan"];
                let product: &&str = self.prng.pick(&products);
                Command::OpenWallet(party, product)
            }
            (11..=14, Some(wallet), ..) => Command::Deposit(wallet, money),
            (15..=17, Some(wallet), ..) => Command::Withdraw(wallet, money),
            _ => self.apply(party),
        }
    }

    fn apply(&mut self, party: PartyId) -> Command {
        let amount = cny(5_000 + self.prng.below(900_000).cast_signed());
        let term = u32::try_from(1 + self.prng.below(4)).ok();
        let product = if self.prng.chance(3) { "purse" } else { "loan" }.to_owned();
        let (price, facts) = (None, BTreeMap::new());
        Command::Apply(Apply { party, product, amount, price, term, facts })
    }

    fn settle(&mut self, of: InstitutionId, loan: LoanId) -> Command {
        let actor = Role::Auditor.name().to_owned();
        let reader =
            Caller { institution: of, actor, role: Role::Auditor, sees_personal_data: false };
        let quote = self.bank.map(|bank| at_once(bank.settlement_quote(&reader, loan, None)));
        let total = quote.and_then(Result::ok).map_or(1, |quote| quote.total.minor());
        Command::Settle(loan, cny(total))
    }

    fn key(&mut self, known: &Known) -> Command {
        if let Some(key) = self.pick(&known.keys).filter(|_| self.prng.chance(40)) {
            return Command::RevokeKey(key);
        }
        let role = *self.prng.pick(&[Role::Partner, Role::Auditor, Role::Operator, Role::Approver]);
        let name = format!("key {}", self.prng.below(100));
        Command::CreateKey(NewKey { name, role, sees_personal_data: self.prng.chance(5) })
    }

    fn product(&mut self, known: &mut Known) -> Command {
        let (name, text) = *self.prng.pick(&PRODUCTS);
        let newest = known.versions.get(name).copied().unwrap_or(1);
        match self.prng.below(8) {
            0 | 1 => {
                known.versions.insert(name, newest + 1);
                let version = format!("version: {}", newest + 1);
                let text = text.replace("version: 1", &version);
                known.script.push_back((Role::Operator, Command::Draft(text)));
                known.script.push_back((
                    Role::Approver,
                    Command::Step(name, newest + 1, Step::Publish(known.today)),
                ));
                Command::Step(name, newest + 1, Step::Approve)
            }
            2 => {
                known.script.push_back((Role::Approver, Command::Step(name, newest, Step::Resume)));
                Command::Step(name, newest, Step::Suspend)
            }
            3 => Command::Step(name, newest, Step::Approve),
            4 => Command::Step(name, 99, Step::Publish(known.today)),
            5 => Command::Draft(text.replace("currency: CNY", "currency: ???")),
            _ => Command::Step(name, newest, Step::Publish(known.today)),
        }
    }
}

fn days_before(day: Date, days: u64) -> Date {
    let earlier = day.checked_sub(Duration::from_secs(days * 86_400));
    earlier.unwrap_or(day)
}
