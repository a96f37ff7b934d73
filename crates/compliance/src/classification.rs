//! The five categories of loans (五级分类): from the facts of a loan to its category, with reasons.
//!
//! Rules only push down: each that applies is a floor, and the lowest counts. What a bank judges by
//! itself comes in as a floor of its own ([`Facts::other_floor`]). A loan that is non-performing
//! stays so until the rule of upgrades lets it go.

use std::{cmp::Reverse, fmt};

use jiff::Span;
use serde::{Deserialize, Serialize};
use stdx::Date;

use crate::{Entry, Pack};

/// A category, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Category {
    /// 正常.
    Normal,
    /// 关注.
    SpecialMention,
    /// 次级.
    Substandard,
    /// 可疑.
    Doubtful,
    /// 损失.
    Loss,
}

impl Category {
    /// Every category, best first.
    pub const ALL: [Self; 5] =
        [Self::Normal, Self::SpecialMention, Self::Substandard, Self::Doubtful, Self::Loss];

    /// The name in a definition: `special-mention`.
    pub const fn en(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::SpecialMention => "special-mention",
            Self::Substandard => "substandard",
            Self::Doubtful => "doubtful",
            Self::Loss => "loss",
        }
    }

    /// The Chinese name.
    pub const fn zh(self) -> &'static str {
        match self {
            Self::Normal => "正常",
            Self::SpecialMention => "关注",
            Self::Substandard => "次级",
            Self::Doubtful => "可疑",
            Self::Loss => "损失",
        }
    }

    /// Whether it is one of the last three (不良).
    pub fn is_non_performing(self) -> bool {
        self >= Self::Substandard
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.en())
    }
}

/// One rule of a classification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// A loan past due.
    PastDue {
        /// More days than this.
        over_days: u32,
        /// At least this category.
        floor: Category,
        /// Unless it is so few days, for an operational or technical reason.
        #[serde(default)]
        technical_days: u32,
    },
    /// A restructured loan under observation.
    Restructured {
        /// At least this category.
        floor: Category,
        /// The observation lasts so many months…
        months: u32,
        /// … and until so many due dates in a row were met.
        due_dates: u32,
    },
    /// A loan restructured again while it was under observation.
    RestructuredAgain {
        /// At least this category.
        floor: Category,
        /// The new observation lasts so many months…
        months: u32,
        /// … and until so many due dates in a row were met.
        due_dates: u32,
    },
    /// What a non-performing loan needs to be performing again.
    Upgrade {
        /// Everything is paid, and since then so many months have passed…
        months: u32,
        /// … and so many due dates in a row were met.
        due_dates: u32,
    },
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PastDue { over_days, floor, technical_days } => {
                write!(f, "over {over_days} days past due: {floor}")?;
                let excepted = format!(" (technical up to {technical_days} days excepted)");
                f.write_str(if *technical_days > 0 { &excepted } else { "" })
            }
            Self::Restructured { floor, months, due_dates } => write!(
                f,
                "restructured: {floor} for at least {months} months and {due_dates} due dates"
            ),
            Self::RestructuredAgain { floor, months, due_dates } => write!(
                f,
                "restructured again: {floor} for at least {months} months and {due_dates} due dates"
            ),
            Self::Upgrade { months, due_dates } => write!(
                f,
                "performing again after all is paid, {months} months and {due_dates} due dates"
            ),
        }
    }
}

/// What a loan is classified by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The day of classification.
    pub on: Date,
    /// The category until now; a new loan is normal.
    pub was: Category,
    /// Days the oldest unpaid due date lies back.
    pub days_past_due: u32,
    /// Whether it is past due for an operational or technical reason alone.
    pub technical: bool,
    /// The restructuring (重组), if there was one that still counts.
    pub restructured: Option<Restructured>,
    /// The day since which nothing has been past due; `None` while something is.
    pub normal_since: Option<Date>,
    /// Due dates met in full and in a row since then, of the contract as it is now.
    pub due_dates_met: u32,
    /// Whether the bank has found that the debtor is out of trouble: able to go on paying, and
    /// without other impaired debts to it.
    pub recovered: bool,
    /// What the bank judges by rules that are no numbers: a debtor who evades or is bankrupt,
    /// expected losses, other debts.
    pub other_floor: Option<Category>,
}

/// A change of a contract in favour of a debtor in financial difficulty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restructured {
    /// The first due date after it.
    pub first_due: Date,
    /// Whether the loan was under observation from an earlier one.
    pub again: bool,
}

/// Why a category is not a better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// The best category it leaves.
    pub floor: Category,
    /// The rule; `None` for the bank's own judgement.
    pub rule: Option<&'a Entry<Rule>>,
}

/// A category and what it follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classification<'a> {
    /// The category.
    pub category: Category,
    /// Everything that stands against a better one, the strongest first; none when normal.
    pub reasons: Vec<Reason<'a>>,
}

/// Classifies a loan by the rules in force on the day. `None` when there are none yet.
pub fn classify<'a>(pack: &'a Pack<Rule>, facts: &Facts) -> Option<Classification<'a>> {
    let mut reasons = Vec::new();
    let mut ruled = false;
    for entry in pack.in_force(facts.on) {
        ruled = true;
        let floor = floor(&entry.value, facts);
        reasons.extend(floor.map(|floor| Reason { floor, rule: Some(entry) }));
    }
    reasons.extend(facts.other_floor.map(|floor| Reason { floor, rule: None }));
    reasons.retain(|it| it.floor > Category::Normal);
    reasons.sort_by_key(|it| Reverse(it.floor));
    let category = reasons.first().map_or(Category::Normal, |it| it.floor);
    ruled.then_some(Classification { category, reasons })
}

/// The best category a rule leaves, if it applies.
fn floor(rule: &Rule, facts: &Facts) -> Option<Category> {
    match *rule {
        Rule::PastDue { over_days, floor, technical_days } => {
            let excepted = facts.technical && facts.days_past_due <= technical_days;
            (facts.days_past_due > over_days && !excepted).then_some(floor)
        }
        Rule::Restructured { floor, months, due_dates } => {
            observed(facts, months, due_dates).then_some(floor)
        }
        Rule::RestructuredAgain { floor, months, due_dates } => {
            let again = facts.restructured.is_some_and(|it| it.again);
            (again && observed(facts, months, due_dates)).then_some(floor)
        }
        Rule::Upgrade { months, due_dates } => {
            let earned = facts.normal_since.is_some_and(|it| proven(facts, it, months, due_dates));
            (facts.was.is_non_performing() && !earned).then_some(Category::Substandard)
        }
    }
}

/// Whether a restructured loan is under observation, which begins anew after each due date missed.
fn observed(facts: &Facts, months: u32, due_dates: u32) -> bool {
    let Some(Restructured { first_due, .. }) = facts.restructured else { return false };
    let since = facts.normal_since.map(|it| it.max(first_due));
    !since.is_some_and(|it| proven(facts, it, months, due_dates))
}

/// Whether the debtor has paid as agreed for so long since a day, and is found to have recovered.
fn proven(facts: &Facts, since: Date, months: u32, due_dates: u32) -> bool {
    let span = Span::new().try_months(months);
    let end = span.map_or(Date::MAX, |it| since.saturating_add(it));
    facts.recovered && facts.on >= end && facts.due_dates_met >= due_dates
}
