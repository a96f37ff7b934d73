//! Categories of restructured loans, and what is set aside for loans at the end of a month.

use compliance::classification::Category;
use ledger::Side;
use lending::{
    What,
    fact::{Rescheduling, ReschedulingKind},
};
use money::{Amount, Currency};
use stdx::Date;

use super::{
    command::Command,
    world::{FIRST, World},
};
use crate::{
    Role,
    classification::{Grade, Graded},
    tables::{GRADES, LoanId},
};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

impl World {
    /// Grades all loans: those of a category.
    async fn graded(&self, key: &str, category: Category) -> Graded {
        let call = self.call(Role::Operator, key, &Command::ClosePeriod(FIRST));
        let answer = self.bank.grade_loans(&call).await.unwrap().answer;
        let of = answer.categories.get(&Currency::CNY).and_then(|it| it.get(&category)).cloned();
        of.unwrap_or_default()
    }

    async fn eased(&self, key: &str, loan: LoanId, first_due: Date) {
        let due = (0..3).map(|months| first_due + jiff::Span::new().months(months)).collect();
        let what = What::Rescheduling(Rescheduling {
            kind: ReschedulingKind::Restructuring,
            due,
            rate: None,
            capitalise: false,
            distressed: true,
        });
        self.agreed(key, loan, what, None).await.unwrap();
    }

    async fn grade_of(&self, loan: LoanId) -> Grade {
        self.bank.loan_grade(&self.reader(), loan).await.unwrap().unwrap()
    }

    /// What is set aside by category, and as for every loan, in the books.
    async fn set_aside(&self, loan: LoanId) -> [i64; 2] {
        let special = self.balance(loan.cast(), "1304.02", Side::Credit).await;
        [special, self.balance(loan.cast(), "1304.01", Side::Credit).await].map(Amount::minor)
    }
}

/// 12,000 yuan: 1 % of it as of every loan; 2 % as special mention, 25 % as substandard.
#[tokio::test]
async fn what_is_set_aside_follows_the_loan() {
    let world = World::new().await;
    let loan = world.lend("a", world.person(1).await, 12_000_00, 12).await;
    let normal = world.graded("january", Category::Normal).await;
    let expected = |allowance, general| Graded {
        loans: 1,
        principal: Amount::from_minor(12_000_00),
        allowance: Amount::from_minor(allowance),
        general: Amount::from_minor(general),
    };
    assert_eq!(normal, expected(0, 120_00));
    assert_eq!(world.set_aside(loan).await, [0, 120_00]);

    // Eased on 20 January: observed from the first due date of the new plan.
    world.close_until(day(1, 20)).await;
    world.eased("ease", loan, day(3, 10)).await;
    let mention = Category::SpecialMention;
    assert_eq!(world.graded("eased", mention).await, expected(240_00, 120_00));
    assert_eq!(world.graded("twice", mention).await, expected(240_00, 120_00));
    assert_eq!(world.set_aside(loan).await, [240_00, 120_00]);
    let grade = world.grade_of(loan).await;
    let seen = grade.restructuring.unwrap();
    assert_eq!((seen.on, seen.first_due), (day(1, 20), day(3, 10)));
    assert!(seen.observed && !seen.again);
    assert!(grade.reasons[0].contains("第二十条"), "{grade:?}");

    // The balance sheet has loans and, less, what is set aside for them.
    let sheet = world.bank.balance_sheet(&world.reader(), day(1, 20), None).await.unwrap();
    let lines = &sheet.sheets[0].assets.lines;
    let shown = ["1303", "1304", "1304.01", "1304.02"].map(|code| {
        let line = lines.iter().find(|it| it.account.code.to_string() == code).unwrap();
        line.columns.amount.minor()
    });
    assert_eq!(shown, [12_000_00, -360_00, -120_00, -240_00]);

    // Eased again while it is observed.
    world.close_until(day(2, 10)).await;
    world.eased("again", loan, day(4, 10)).await;
    let again = world.graded("february", Category::Substandard).await;
    assert_eq!(again, expected(3_000_00, 120_00));
    let seen = world.grade_of(loan).await.restructuring.unwrap();
    assert!(seen.observed && seen.again && seen.first_due == day(4, 10), "{seen:?}");

    // A loan that has ended gives back what was set aside for it.
    let quote = world.bank.settlement_quote(&world.reader(), loan, None).await.unwrap();
    world.ok("settle", Command::Settle(loan, quote.total.minor())).await;
    world.close_day().await;
    assert_eq!(world.graded("march", Category::Substandard).await, Graded::default());
    assert_eq!(world.set_aside(loan).await, [0, 0]);
    let grade = async || world.bank.store().get(&GRADES, world.home, loan).await.unwrap().unwrap();
    let last = grade().await;
    assert_eq!(last.record.released_on, Some(day(2, 11)));
    // And is looked at no more.
    world.close_day().await;
    world.graded("april", Category::Normal).await;
    assert_eq!(grade().await, last);
    world.check().await;
}

/// Two restructurings that no grading came between are one after the other all the same.
#[tokio::test]
async fn restructured_twice_between_two_gradings_is_restructured_again() {
    let world = World::new().await;
    let loan = world.lend("a", world.person(1).await, 12_000_00, 12).await;
    world.close_until(day(1, 10)).await;
    world.eased("one", loan, day(3, 10)).await;
    world.close_until(day(1, 20)).await;
    world.eased("two", loan, day(4, 10)).await;
    assert_eq!(world.graded("january", Category::Substandard).await.loans, 1);
    assert!(world.grade_of(loan).await.restructuring.unwrap().again);
}
