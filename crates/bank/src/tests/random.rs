//! Random business: whatever happens, in whatever order, the books hold.

use futures_util::{StreamExt, future::join, stream};
use jiff::ToSpan;
use stdx::{Digest, Prng};

use super::{
    command::{Command, yuan},
    line_accounts::ACCOUNT,
    lines::LINE,
    world::World,
};
use crate::{
    Refusal,
    accounts::AccountMoved,
    line_accounts::{LineMoved, PaymentKind},
    lines::{ApplyForLine, LineApplied, LineChanged},
    loans::{Applied, Signed, is_approved},
    tables::{CurrentAccountId, LineId, LoanId, PartyId},
};

/// How many parties do something on each day.
const PARTIES: u16 = 6;
/// How many business dates are closed: into the second instalment.
const DAYS: usize = 32;

/// A party with what it has, doing one thing after the other.
struct Actor {
    number: u16,
    prng: Prng,
    commands: u32,
    happened: u32,
    party: Option<PartyId>,
    loans: Vec<LoanId>,
    account: Option<CurrentAccountId>,
    /// A line whose drawings are loans, and its holds.
    line: Option<LineId>,
    holds: Vec<u32>,
    /// A line with statements, and what was paid on it.
    card: Option<LineId>,
    payments: Vec<u32>,
}

impl Actor {
    fn new(seed: u64, number: u16) -> Self {
        Self {
            number,
            prng: Prng::stream(seed, &format!("actor {number}")),
            commands: 0,
            happened: 0,
            party: None,
            loans: Vec::new(),
            account: None,
            line: None,
            holds: Vec::new(),
            card: None,
            payments: Vec::new(),
        }
    }

    /// Does something, now and then more than once, even at the same moment.
    async fn give(&mut self, world: &World, command: Command) -> Option<String> {
        let role = command.role();
        let key = format!("{}/{}", self.number, self.commands);
        self.commands += 1;
        let first = if self.prng.chance(20) {
            let give = || world.give(role, &key, &command);
            let (one, other) = join(give(), give()).await;
            let answer = |it: &Result<(String, bool), Refusal>| it.clone().map(|it| it.0);
            assert_eq!(answer(&one), answer(&other), "{command:?}");
            one
        } else {
            world.give(role, &key, &command).await
        };
        match first {
            Ok((answer, _)) => {
                self.happened += 1;
                if self.prng.chance(20) {
                    let again = world.give(role, &key, &command).await;
                    assert_eq!(again, Ok((answer.clone(), true)), "{command:?}");
                }
                Some(answer)
            }
            Err(Refusal::Lending(_) | Refusal::Deposits(_) | Refusal::Ledger { .. }) => None,
            Err(refusal) => panic!("{command:?}: {refusal:?}"),
        }
    }

    async fn act(&mut self, world: &World) {
        let Some(party) = self.party else {
            let answer = self.give(world, Command::Register(self.number)).await.unwrap();
            let changed: crate::parties::PartyChanged = serde_json::from_str(&answer).unwrap();
            self.party = Some(changed.id);
            return;
        };
        for _ in 0..self.prng.below(4) {
            match self.prng.below(12) {
                0 => self.borrow_more(world, party).await,
                1 => self.settle(world).await,
                2 | 3 => self.move_account(world, party).await,
                4 | 5 => self.use_line(world, party).await,
                6 | 7 => self.use_card(world, party).await,
                _ => self.repay(world).await,
            }
        }
    }

    async fn borrow_more(&mut self, world: &World, party: PartyId) {
        let minor = 100_00 + self.prng.below(20_000_00).cast_signed();
        let term = 1 + u32::try_from(self.prng.below(6)).unwrap();
        let applied = self.give(world, World::apply(party, minor, term)).await.unwrap();
        let applied: Applied = serde_json::from_str(&applied).unwrap();
        if !is_approved(&applied.application) {
            return;
        }
        let signed = self.give(world, Command::Sign(applied.id)).await.unwrap();
        let Signed { loan } = serde_json::from_str(&signed).unwrap();
        self.give(world, Command::Disburse(loan)).await.unwrap();
        self.loans.push(loan);
    }

    async fn repay(&mut self, world: &World) {
        if self.loans.is_empty() {
            return;
        }
        let loan = *self.prng.pick(&self.loans);
        let due = world.position(loan).await.due().total().minor();
        let amount = match self.prng.below(3) {
            0 => due,
            1 => due / 2 + 1,
            _ => self.prng.below(3_000_00).cast_signed(),
        };
        self.give(world, Command::Repay(loan, amount)).await;
    }

    async fn settle(&mut self, world: &World) {
        if self.loans.is_empty() {
            return;
        }
        let loan = *self.prng.pick(&self.loans);
        if let Ok(quote) = world.bank.settlement_quote(&world.reader(), loan, None).await {
            self.give(world, Command::Settle(loan, quote.total.minor())).await;
        }
    }

    async fn open_line(&mut self, world: &World, party: PartyId, product: &str) -> Option<LineId> {
        let limit = yuan(1_000_00 + self.prng.below(9_000_00).cast_signed());
        let (product, facts) = (product.to_owned(), Default::default());
        let apply = ApplyForLine { party, product, limit, facts };
        let applied = self.give(world, Command::ApplyForLine(apply)).await.unwrap();
        let applied: LineApplied = serde_json::from_str(&applied).unwrap();
        if !is_approved(&applied.application) {
            return None;
        }
        let signed = self.give(world, Command::SignLine(applied.id)).await.unwrap();
        Some(serde_json::from_str::<LineChanged>(&signed).unwrap().line)
    }

    /// Draws, holds, captures and releases; what is drawn is repaid as a loan.
    async fn use_line(&mut self, world: &World, party: PartyId) {
        let Some(line) = self.line else {
            self.line = self.open_line(world, party, "line").await;
            return;
        };
        let minor = 100_00 + self.prng.below(3_000_00).cast_signed();
        let hold = self.prng.below(4).try_into().unwrap_or(0);
        let command = match (self.prng.below(6), self.holds.get(hold)) {
            (0 | 1, _) => Command::HoldLimit(line, minor),
            (2, Some(hold)) => Command::CaptureHold(line, *hold, minor),
            (3, Some(hold)) => Command::ReleaseHold(line, *hold),
            (4, _) if self.prng.chance(20) => Command::ChangeLimit(line, minor * 3),
            _ => Command::Draw(line, minor),
        };
        let Some(answer) = self.give(world, command).await else { return };
        let changed: LineChanged = serde_json::from_str(&answer).unwrap();
        self.loans.extend(changed.loan);
        self.holds.extend(changed.hold);
    }

    /// Buys, pays, is paid back; now and then a payment bounces.
    async fn use_card(&mut self, world: &World, party: PartyId) {
        let Some(card) = self.card else {
            self.card = self.open_line(world, party, "pay-later").await;
            return;
        };
        let minor = 1_00 + self.prng.below(1_500_00).cast_signed();
        let account = world.bank.line_account(&world.reader(), card).await.unwrap();
        let owed = account.position.owed().total().minor();
        let command = match self.prng.below(8) {
            0..4 => Command::PayOnLine(card, PaymentKind::Purchase { hold: None }, minor),
            4 => Command::PayOnLine(card, PaymentKind::Repayment, owed.max(1)),
            5 => Command::PayOnLine(card, PaymentKind::Repayment, minor),
            6 => Command::PayOnLine(card, PaymentKind::Refund, minor / 10 + 1),
            _ if self.payments.is_empty() => return,
            _ => Command::ReverseLineFact(card, *self.prng.pick(&self.payments)),
        };
        let Some(answer) = self.give(world, command).await else { return };
        let moved: LineMoved = serde_json::from_str(&answer).unwrap();
        self.payments.push(moved.fact);
    }

    async fn move_account(&mut self, world: &World, party: PartyId) {
        let Some(account) = self.account else {
            let opened = self.give(world, Command::OpenAccount(party)).await.unwrap();
            let moved: AccountMoved = serde_json::from_str(&opened).unwrap();
            self.account = Some(moved.account);
            return;
        };
        let amount = 1 + self.prng.below(1_500_00).cast_signed();
        let deposits = self.prng.chance(60);
        let command = if deposits { Command::Deposit } else { Command::Withdraw };
        self.give(world, command(account, amount)).await;
    }
}

/// A month and a half of a few parties, so many of them at the same time.
async fn history(seed: u64, at_once: usize) -> (Digest, u32) {
    let world = World::seeded(seed).await;
    world.publish("line", 1, LINE).await;
    world.publish("pay-later", 1, ACCOUNT).await;
    let mut actors: Vec<_> = (0..PARTIES).map(|number| Actor::new(seed, number)).collect();
    for _ in 0..DAYS {
        let acts = stream::iter(actors.iter_mut().map(|actor| actor.act(&world)));
        acts.buffer_unordered(at_once).collect::<()>().await;
        world.close_day().await;
    }
    assert!(actors.iter().any(|it| !it.holds.is_empty() && !it.payments.is_empty()));
    world.check().await;
    let today = world.today().await;
    super::statements::hold(&world, today.checked_sub(5.days()).unwrap(), today).await;
    let hash = world.bank.state_hash(&world.reader()).await.unwrap();
    (hash, actors.iter().map(|actor| actor.happened).sum())
}

#[tokio::test]
async fn random_histories_keep_the_books_and_depend_on_the_seed_alone() {
    let mut hashes = std::collections::BTreeSet::new();
    for seed in 1..=3 {
        let (hash, happened) = history(seed, 1).await;
        assert!(happened > 100, "{happened}");
        for at_once in [1, 2, usize::from(PARTIES)] {
            assert_eq!(history(seed, at_once).await, (hash, happened), "seed {seed}");
        }
        hashes.insert(hash);
    }
    assert_eq!(hashes.len(), 3);
}
