//! What a customer is sent agrees with what happened, whatever happened.

use documents::{
    DocumentError, Language, Statement,
    disclosure::{EarlySettlement, FeeTime},
    statement::{Content, LoanMovement, MovementKind as Kind},
};
use jiff::ToSpan;
use lending::{Owed, Position, What};
use money::{Amount, Currency};
use stdx::Date;
use store::PAGE_MAX;

use super::{
    command::{Command, yuan},
    world::{FIRST, World},
};
use crate::{Refusal, Role, documents::STATEMENT_DAYS_MAX, loans::Happening, tables::LoanId};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

impl World {
    async fn happens(&self, key: &str, loan: LoanId, what: What, on: Option<Date>) {
        if matches!(what, What::Repayment { .. }) {
            let happening = Happening { what, currency: Some(Currency::CNY), on };
            self.ok(key, Command::Happen(loan, happening)).await;
        } else {
            self.agreed(key, loan, what, on).await.unwrap();
        }
    }

    async fn statement(&self, loan: LoanId, from: Date, to: Date) -> Statement {
        let statement = self.bank.loan_statement(&self.reader(), loan, (from, to)).await.unwrap();
        statement.json().unwrap();
        statement
    }

    /// The statement of the whole life, which adds up to what is owed however it is cut.
    async fn whole(&self, loan: LoanId) -> Vec<LoanMovement> {
        let today = self.today().await;
        let Position { principal, prepaid, .. } = self.position(loan).await;
        let whole = self.statement(loan, FIRST, today).await;
        assert_eq!((whole.opening, whole.closing), (yuan(0), yuan(principal.minor())));
        let rows = movements(&whole);
        let aside: Amount = rows.iter().map(|it| it.prepaid.amount).sum();
        assert_eq!(aside, Amount::ZERO - prepaid);
        for cut in [FIRST, day(2, 2), day(3, 15)].into_iter().filter(|it| *it < today) {
            let first = self.statement(loan, FIRST, cut).await;
            let rest = self.statement(loan, cut.tomorrow().unwrap(), today).await;
            assert_eq!(first.closing, rest.opening);
            assert_eq!([movements(&first), movements(&rest)].concat(), rows);
        }
        rows
    }
}

fn movements(statement: &Statement) -> Vec<LoanMovement> {
    match &statement.content {
        Content::Loan { movements, .. } => movements.clone(),
        Content::Account { .. } => panic!("of an account"),
    }
}

fn kinds(rows: &[LoanMovement]) -> Vec<(Date, Kind, i64)> {
    rows.iter().map(|it| (it.date, it.kind, it.amount.amount.minor())).collect()
}

#[tokio::test]
async fn a_loan_is_told_from_disbursal_to_recovery() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 12_000_00, 6).await;
    assert_eq!(kinds(&world.whole(loan).await), [(FIRST, Kind::Disbursal, 12_000_00)]);
    world.close_until(day(2, 2)).await;
    let due = world.position(loan).await.due().total().minor();
    world.ok("in part", Command::Repay(loan, due - 300_00)).await;
    world.close_until(day(2, 20)).await;
    let late = world.statement(loan, day(2, 1), day(2, 20)).await;
    let Content::Loan { instalments, .. } = &late.content else { unreachable!() };
    let [first] = &instalments[..] else { panic!("{instalments:?}") };
    let owed = world.position(loan).await.due().total();
    assert_eq!((first.number, first.outstanding.amount), (1, owed));
    assert!(first.penalty.amount.is_positive());

    // Booked late, with more than was due, so that something lies ahead and penalty is taken back.
    let what = What::Repayment { amount: yuan(400_00).amount };
    world.happens("late", loan, what, Some(day(2, 3))).await;
    let rows = world.whole(loan).await;
    let booked = rows.last().unwrap();
    assert_eq!((booked.date, booked.value_date), (day(2, 20), day(2, 3)));
    assert_eq!(booked.prepaid, yuan(-100_00));
    // The penalty of the days since, which is not owed any more, is no money of the borrower's.
    assert_eq!((booked.amount, booked.penalty), (yuan(-400_00), yuan(0)), "{booked:?}");
    world.close_until(day(3, 3)).await;
    let applied = world.whole(loan).await.pop().unwrap();
    assert_eq!((applied.kind, applied.prepaid), (Kind::PrepaidApplied, yuan(100_00)));
    assert_eq!(applied.amount, yuan(0));

    let call = world.call(Role::Approver, "back", &Command::CloseDate(FIRST));
    world.bank.reverse_loan_fact(&call, loan, 2).await.unwrap();
    let rows = world.whole(loan).await;
    let back = rows.last().unwrap();
    assert_eq!((back.kind, back.amount), (Kind::Reversal, yuan(400_00)), "{back:?}");
    let waived = Owed { penalty: yuan(1_00).amount, ..Owed::default() };
    world.happens("waive", loan, What::Waiver { waived }, None).await;
    assert_eq!(world.whole(loan).await.last().unwrap().penalty, yuan(-1_00));
    // What was told of February stays, whatever was corrected since.
    assert_eq!(movements(&world.statement(loan, day(2, 1), day(2, 20)).await).len(), 2);

    world.close_until(day(3, 20)).await;
    let before = world.whole(loan).await;
    world.happens("lost", loan, What::ChargeOff, None).await;
    // It is owed as before.
    assert_eq!(world.whole(loan).await, before);
    let what = What::Repayment { amount: yuan(2_000_00).amount };
    world.happens("recover", loan, what, None).await;
    let recovered = world.whole(loan).await.pop().unwrap();
    assert_eq!((recovered.kind, recovered.amount), (Kind::Recovery, yuan(-2_000_00)));
    world.happens("give up", loan, What::WriteOff, None).await;
    assert_eq!(world.whole(loan).await.last().unwrap().balance, yuan(0));
}

#[tokio::test]
async fn a_settled_loan_leaves_nothing_and_its_price_is_told() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 5_000_00, 6).await;
    world.close_until(day(1, 20)).await;
    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    world.ok("settle", Command::Settle(loan, quote.total.minor())).await;
    let rows = world.whole(loan).await;
    let settled = rows.last().unwrap();
    assert_eq!(settled.kind, Kind::Settlement);
    assert_eq!(settled.amount.amount, Amount::ZERO - quote.total);
    assert_eq!(settled.fees.amount, Amount::ZERO - quote.fee - quote.owed.fee);
    let told = world.statement(loan, FIRST, day(1, 20)).await;
    let Content::Loan { instalments, .. } = &told.content else { unreachable!() };
    assert!(instalments.is_empty(), "none was due");
}

#[tokio::test]
async fn an_account_is_told_from_its_ledger() {
    let world = World::new().await;
    let party = world.person(1).await;
    let account = world.account("w", party).await;
    world.ok("in", Command::Deposit(account, 900_00)).await;
    world.close_until(day(1, 10)).await;
    world.ok("out", Command::Withdraw(account, 100_50)).await;
    world.close_until(day(3, 25)).await;
    let read = |from, to| {
        let (world, reader) = (&world, world.reader());
        async move { world.bank.account_statement(&reader, account, (from, to)).await.unwrap() }
    };
    let whole = read(FIRST, day(3, 25)).await;
    whole.json().unwrap();
    let Content::Account { movements } = &whole.content else { unreachable!() };
    let kinds: Vec<_> = movements.iter().map(|it| (it.date, it.kind)).collect();
    assert_eq!(
        kinds,
        [(FIRST, Kind::Deposit), (day(1, 10), Kind::Withdrawal), (day(3, 21), Kind::Interest),]
    );
    let balance = world.balance(account.cast(), "2011.01", ledger::Side::Credit).await;
    assert_eq!((whole.opening, whole.closing.amount), (yuan(0), balance));
    let some = read(day(1, 3), day(1, 31)).await;
    assert_eq!((some.opening, some.closing), (yuan(900_00), yuan(799_50)));
}

#[tokio::test]
async fn a_disclosure_tells_cost_fees_and_product() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.signed("a", party, 12_000_00, 6).await;
    let signed = world.bank.loan_disclosure(&world.reader(), loan).await.unwrap();
    let told = serde_json::to_value(signed.json().unwrap()).unwrap();
    assert_eq!(told["amount_in_words"]["zh"], "人民币壹万贰仟元整");
    assert_eq!(told["contract"]["product"]["zh"], "贷款（第1版）");
    assert_eq!(told["party"]["name"], "样**");
    assert_eq!(signed.fees.len(), 1);
    assert_eq!(
        (signed.fees[0].taken, signed.fees[0].amount),
        (FeeTime::Instalment, Some(yuan(30_00)))
    );
    assert!(matches!(signed.early_settlement, EarlySettlement::Charged { .. }));
    assert!(signed.annual_cost.compound > signed.annual_cost.simple);
    world.ok("disburse", Command::Disburse(loan)).await;
    // What happens later does not change what was told.
    world.close_until(day(2, 10)).await;
    let later = world.bank.loan_disclosure(&world.reader(), loan).await.unwrap();
    assert_eq!((&later.plan, later.annual_cost), (&signed.plan, signed.annual_cost));
    let pdf = |language| later.pdf(language).unwrap();
    assert_eq!(pdf(Language::Zh).bytes, pdf(Language::Zh).bytes);
    assert_ne!(pdf(Language::Zh).bytes, pdf(Language::En).bytes);
    assert!(pdf(Language::Zh).missing.is_empty());
}

#[tokio::test]
async fn days_are_limited_and_not_ahead() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 5_000_00, 6).await;
    let ask = |from, to| {
        let (world, reader) = (&world, world.reader());
        async move { world.bank.loan_statement(&reader, loan, (from, to)).await.unwrap_err() }
    };
    let ahead = FIRST.tomorrow().unwrap();
    assert_eq!(ask(FIRST, ahead).await, Refusal::AfterBusinessDate(FIRST));
    assert_eq!(ask(ahead, FIRST).await, Refusal::FromAfterThrough);
    let long_ago = FIRST.checked_sub(STATEMENT_DAYS_MAX.days()).unwrap();
    assert_eq!(ask(long_ago, FIRST).await, Refusal::TooMany("STATEMENT_DAYS_MAX", 3_660));
    // Before there was anything, nothing is told.
    let empty = world.statement(loan, day(1, 1), day(1, 1)).await;
    assert_eq!((empty.opening, movements(&empty).len()), (yuan(0), 0));
}

#[tokio::test]
async fn who_may_see_gets_the_name_and_nobody_the_number() {
    let world = World::new().await;
    let party = world.person(1).await;
    let loan = world.lend("a", party, 5_000_00, 6).await;
    let clear = crate::Caller { sees_personal_data: true, ..world.reader() };
    let shown = world.bank.loan_statement(&clear, loan, (FIRST, FIRST)).await.unwrap();
    assert_eq!(shown.party.name, "样例001");
    assert!(shown.party.document.as_ref().unwrap().contains('*'));
    let open = documents::Party { document: Some("110105199001010011".to_owned()), ..shown.party };
    let shown = Statement { party: open, ..world.statement(loan, FIRST, FIRST).await };
    assert_eq!(shown.json().unwrap_err(), DocumentError::NotMasked { field: "party.document" });
}

/// Interest of a deposit that is paid out comes in and goes out; the rest is principal.
#[tokio::test]
async fn a_deposit_shows_the_interest_it_paid() {
    let world = World::new().await;
    let party = world.person(1).await;
    let deposit = super::deposits::deposit(&world, party).await;
    world.close_until(day(1, 20)).await;
    let part = Command::WithdrawDeposit(deposit, Some(4_000_00));
    world.ok("part", part).await;
    world.close_until(day(2, 20)).await;
    let days = (FIRST, world.today().await);
    let told = world.bank.deposit_statement(&world.reader(), deposit, days).await.unwrap();
    let Content::Account { movements } = &told.content else { panic!("{told:?}") };
    let interest: Vec<_> = movements.iter().filter(|it| it.kind == Kind::Interest).collect();
    assert!(!interest.is_empty(), "{movements:?}");
    let (mut balance, mut paid) = (told.opening.amount, Amount::ZERO);
    for it in movements {
        balance += it.amount.amount;
        assert_eq!(it.balance.amount, balance, "{it:?}");
        if it.kind == Kind::Interest {
            paid += it.amount.amount;
        }
    }
    assert_eq!(told.closing.amount, balance);
    // What was paid out is what the ledger paid.
    let mut booked = Amount::ZERO;
    for row in world.bank.log(&world.reader(), 0, PAGE_MAX).await.unwrap().data {
        let transfers = row.transfers().unwrap();
        let paid = transfers.iter().map(|it| &it.transfer);
        let paid = paid.filter(|it| it.reason.as_str() == "interest-payment");
        booked += paid.map(|it| it.amount).sum::<Amount>();
    }
    assert!(booked.is_positive());
    assert_eq!(paid, booked);
}
