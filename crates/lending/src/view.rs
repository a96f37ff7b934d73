//! How a loan is shown: its instalments with what is paid of each and what remains.

use money::Amount;
use product::schedule::Instalment;
use serde::{Deserialize, Serialize};

use crate::loan::{Loan, Open, Owed, Position, Status};

/// An instalment as a borrower sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalmentView {
    /// As planned.
    #[serde(flatten)]
    pub planned: Instalment,
    /// Where it stands on the business date.
    pub status: InstalmentStatus,
    /// What of the plan is paid. Penalty is not in the plan, so none is here.
    pub paid: Owed,
    /// What remains to be paid, with the penalty booked on it.
    pub remaining: Owed,
}

/// Where an instalment stands on the loan's business date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstalmentStatus {
    /// Fully paid.
    Paid,
    /// Due today, or in grace.
    Due,
    /// Late.
    Overdue,
    /// Not due yet.
    Future,
    /// The loan was settled before it was due: its principal is paid, its fees are dropped, and
    /// of its interest only what had accrued was paid, with the settlement.
    Dropped,
}

/// The plan with what is paid and what remains. Before disbursal everything is future.
pub fn instalments(loan: &Loan, position: Option<&Position>) -> Vec<InstalmentView> {
    loan.plan.iter().map(|planned| instalment(loan, position, planned)).collect()
}

fn instalment(loan: &Loan, position: Option<&Position>, planned: &Instalment) -> InstalmentView {
    let all = planned_amounts(planned);
    let open = position.and_then(|it| it.open.iter().find(|open| open.number == planned.number));
    let opened = position.map_or(0, |it| it.opened);
    let none = Owed::default();
    let (status, paid, remaining) = match (open, position) {
        (Some(open), Some(position)) => {
            (open_status(loan, position, open), less(all, open.owed), open.owed)
        }
        _ if planned.number <= opened => (InstalmentStatus::Paid, all, none),
        _ if loan.status == Status::Settled => {
            let principal = Owed { principal: planned.principal, ..none };
            (InstalmentStatus::Dropped, principal, none)
        }
        _ => (InstalmentStatus::Future, none, all),
    };
    InstalmentView { planned: planned.clone(), status, paid, remaining }
}

/// Late is what cannot be paid in time any more.
fn open_status(loan: &Loan, position: &Position, open: &Open) -> InstalmentStatus {
    let grace = loan.terms.penalty.as_ref().map_or(0, |it| it.grace_days);
    let late = crate::day::days_between(open.due, position.through) > i64::from(grace);
    if late { InstalmentStatus::Overdue } else { InstalmentStatus::Due }
}

fn planned_amounts(planned: &Instalment) -> Owed {
    let Instalment { principal, interest, fees: fee, .. } = *planned;
    Owed { penalty: Amount::ZERO, fee, interest, principal }
}

/// What of the plan is paid when `remaining` is not.
fn less(planned: Owed, remaining: Owed) -> Owed {
    Owed {
        penalty: Amount::ZERO,
        fee: planned.fee - remaining.fee,
        interest: planned.interest - remaining.interest,
        principal: planned.principal - remaining.principal,
    }
}
