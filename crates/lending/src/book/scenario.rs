//! What a synthetic loan book is made of: how many loans of which sums and terms, and how their
//! borrowers pay.

use money::{Amount, Currency, Decimal};
use product::{
    Document, LoanProduct, Problem,
    kinds::instalment_loan::{Keep, TERM_MAX},
    schedule::RATE_MAX,
};
use serde::Deserialize;
use stdx::{Date, Prng};

/// The most loans of a book.
pub const LOANS_MAX: u32 = 1_000_000;
/// The most months of a book.
pub const MONTHS_MAX: u32 = 120;
/// The most entries of a list of choices.
pub const CHOICES_MAX: usize = 100;
/// The most days or months a borrower waits, and days before a charge-off.
pub const WAITS_MAX: u32 = 3_660;

/// Chances are counted in millionths.
const MILLION: u64 = 1_000_000;
/// What a choice weighs at the most.
const WEIGHT_MAX: u32 = 1_000_000;

/// How a book is made. It is the same for every product that is tried on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The first day of the first month; every other month begins on its first.
    pub(super) from: Date,
    /// How many months are told.
    pub(super) months: u32,
    /// How many loans are asked for in each month.
    pub(super) loans: Vec<u32>,
    /// The sums.
    pub(super) amounts: Vec<Choice<Sums>>,
    /// The numbers of instalments.
    pub(super) terms: Vec<Choice<u32>>,
    /// How borrowers pay.
    pub(super) behaviours: Vec<Choice<Behaviour>>,
    /// A loan of so many days past due is charged off; never when absent.
    pub(super) charge_off_after: Option<u32>,
    /// What the money costs that is lent, a year, as a fraction.
    pub(super) cost_of_money: Decimal,
    /// The yearly reference rate of a floating rate, as a fraction; it stays as it is.
    pub(super) reference_rate: Option<Decimal>,
}

/// One of several, drawn as often as its share of all weights says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice<T> {
    /// How much it weighs; more than nothing.
    pub(super) weight: u32,
    /// It.
    pub(super) of: T,
}

/// Sums from one to another, each multiple of a third as likely as any other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sums {
    /// The smallest.
    pub(super) min: Amount,
    /// The largest.
    pub(super) max: Amount,
    /// They are this far apart.
    pub(super) step: Amount,
}

/// How a borrower pays: what is due, on the day it is due, but for these habits.
///
/// A borrower comes on every due date and, while something is owed after the last one, on the same
/// day of every month.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Behaviour {
    /// Pays nothing, and what is due then the next time.
    pub(super) misses: Option<Chance>,
    /// Pays a part of what is due.
    pub(super) part: Option<Part>,
    /// Pays what is due, but later.
    pub(super) late: Option<Late>,
    /// Repays a part of what is not due.
    pub(super) prepays: Option<Prepays>,
    /// Settles after coming so many times, that time instead of paying.
    pub(super) settles: Option<u32>,
    /// Pays nothing any more.
    pub(super) defaults: Option<Defaults>,
}

/// How often something happens, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chance(u64);

/// Paying in part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    /// How often.
    pub(super) chance: Chance,
    /// Which part, from 0 to 1.
    pub(super) share: Decimal,
}

/// Paying late.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Late {
    /// How often.
    pub(super) chance: Chance,
    /// By how many days.
    pub(super) days: u32,
}

/// Repaying early in part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prepays {
    /// After coming so many times, when what is due is paid.
    pub(super) after: u32,
    /// Which part of the principal that is not due.
    pub(super) share: Decimal,
    /// What of the plan stays.
    pub(super) keep: Keep,
}

/// Defaulting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Defaults {
    /// After coming so many times.
    pub(super) after: u32,
    /// The part that is recovered of what was charged off.
    pub(super) recovered: Decimal,
    /// In so many monthly payments of the same size.
    pub(super) over: u32,
}

/// What a borrower asks for, and how they will pay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Asked {
    pub(super) on: Date,
    pub(super) amount: Amount,
    pub(super) term: u32,
    pub(super) behaviour: Behaviour,
}

impl Chance {
    /// Whether it happens this time.
    pub(super) fn happens(self, prng: &mut Prng) -> bool {
        prng.below(MILLION) < self.0
    }
}

/// One of the choices.
fn choose<T: Copy>(choices: &[Choice<T>], prng: &mut Prng) -> T {
    let all = choices.iter().map(|it| u64::from(it.weight)).sum();
    let mut drawn = prng.below(all);
    let chosen = choices.iter().find(|it| match drawn.checked_sub(it.weight.into()) {
        None => true,
        Some(rest) => {
            drawn = rest;
            false
        }
    });
    chosen.expect("less than all weights was drawn").of
}

impl Scenario {
    /// The first day of its first month.
    pub fn from(&self) -> Date {
        self.from
    }

    /// With a reference rate, where the scenario does not say one.
    #[must_use]
    pub fn with_reference(self, rate: Option<Decimal>) -> Self {
        Self { reference_rate: self.reference_rate.or(rate), ..self }
    }

    /// What a borrower of a month asks for, whose first day and days are these.
    pub(super) fn asked(&self, first: Date, days: u32, prng: &mut Prng) -> Asked {
        let day = i64::try_from(prng.below(days.into())).unwrap_or(0);
        let on = first.checked_add(jiff::Span::new().days(day)).unwrap_or(first);
        let amount = choose(&self.amounts, prng).draw(prng);
        let term = choose(&self.terms, prng);
        Asked { on, amount, term, behaviour: choose(&self.behaviours, prng) }
    }
}

impl Sums {
    #[allow(clippy::arithmetic_side_effects, reason = "the step is positive, the sum within max")]
    fn draw(self, prng: &mut Prng) -> Amount {
        let steps = (self.max - self.min).minor() / self.step.minor();
        let drawn = prng.below(u64::try_from(steps).unwrap_or(0).saturating_add(1));
        let drawn = i64::try_from(drawn).unwrap_or(0);
        self.min + Amount::from_minor(drawn * self.step.minor())
    }
}

/// A scenario as it is written, amounts in major units.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    from: Option<Date>,
    #[serde(default = "months")]
    months: u32,
    #[serde(default = "loans")]
    loans: u32,
    #[serde(default)]
    growth: Decimal,
    #[serde(default)]
    amounts: Vec<WrittenSums>,
    #[serde(default)]
    terms: Vec<WrittenTerm>,
    #[serde(default)]
    behaviours: Vec<WrittenBehaviour>,
    #[serde(default = "charge_off_after")]
    charge_off_after: Option<u32>,
    #[serde(default)]
    cost_of_money: Decimal,
    reference_rate: Option<Decimal>,
}

const fn months() -> u32 {
    36
}

const fn loans() -> u32 {
    100
}

#[allow(clippy::unnecessary_wraps, reason = "`null` in the file is none")]
const fn charge_off_after() -> Option<u32> {
    Some(180)
}

const fn once() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSums {
    #[serde(default = "once")]
    weight: u32,
    min: Decimal,
    max: Decimal,
    step: Option<Decimal>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTerm {
    #[serde(default = "once")]
    weight: u32,
    term: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenBehaviour {
    #[serde(default = "once")]
    weight: u32,
    misses: Option<WrittenMisses>,
    part: Option<WrittenPart>,
    late: Option<WrittenLate>,
    prepays: Option<WrittenPrepays>,
    settles: Option<WrittenSettles>,
    defaults: Option<WrittenDefaults>,
}

const fn always() -> Decimal {
    Decimal::ONE
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenMisses {
    chance: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPart {
    share: Decimal,
    #[serde(default = "always")]
    chance: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLate {
    days: u32,
    #[serde(default = "always")]
    chance: Decimal,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPrepays {
    after: u32,
    share: Decimal,
    keep: Keep,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSettles {
    after: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenDefaults {
    after: u32,
    #[serde(default)]
    recovered: Decimal,
    #[serde(default = "once")]
    over: u32,
}

impl Scenario {
    /// Reads a scenario. What it does not say is as the product has it: its first day, any sum it
    /// lends, the usual term; borrowers pay in time.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn read(document: &Document, product: &LoanProduct) -> Result<Self, Vec<Problem>> {
        if !document.problems().is_empty() {
            return Err(document.problems().to_vec());
        }
        let written = serde_json::from_value::<Written>(document.value().clone());
        let written = written.map_err(|error| {
            vec![Problem::new(
                "",
                "malformed-scenario",
                format!("It cannot be read: {error}."),
                "Correct it.",
            )]
        })?;
        let mut reading = Reading { currency: product.currency(), problems: Vec::new() };
        let scenario = reading.scenario(written, product);
        let lined = |problem: Problem| Problem { line: document.line(&problem.path), ..problem };
        match reading.problems {
            problems if problems.is_empty() => Ok(scenario),
            problems => Err(problems.into_iter().map(lined).collect()),
        }
    }
}

/// Reads values, and notes what is wrong with them.
struct Reading {
    currency: Currency,
    problems: Vec<Problem>,
}

impl Reading {
    fn scenario(&mut self, it: Written, product: &LoanProduct) -> Scenario {
        let months = self.within("/months", it.months, 1, MONTHS_MAX);
        let loans = self.loans(&it);
        self.must(!it.cost_of_money.is_sign_negative(), "/cost_of_money", "is negative");
        self.must(it.cost_of_money <= RATE_MAX, "/cost_of_money", "is too high a rate");
        let charge_off_after =
            it.charge_off_after.map(|days| self.within("/charge_off_after", days, 1, WAITS_MAX));
        let (amounts, terms, behaviours) = (it.amounts, it.terms, it.behaviours);
        Scenario {
            from: it.from.unwrap_or(product.definition().effective),
            months,
            loans,
            amounts: self.amounts(amounts, product),
            terms: self.terms(&terms, product),
            behaviours: self.behaviours(behaviours),
            charge_off_after,
            cost_of_money: it.cost_of_money,
            reference_rate: it.reference_rate,
        }
    }

    fn must(&mut self, holds: bool, path: &str, reason: &str) {
        if !holds {
            let reason = format!("It {reason}.");
            self.problems.push(Problem::new(path, "out-of-range", reason, "Correct it."));
        }
    }

    fn within(&mut self, path: &str, value: u32, min: u32, max: u32) -> u32 {
        self.must((min..=max).contains(&value), path, &format!("is not {min} to {max}"));
        value.clamp(min, max)
    }

    fn share(&mut self, path: &str, value: Decimal) -> Decimal {
        let within = (Decimal::ZERO..=Decimal::ONE).contains(&value);
        self.must(within, path, "is not 0 to 1");
        value.clamp(Decimal::ZERO, Decimal::ONE)
    }

    fn chance(&mut self, path: &str, value: Decimal) -> Chance {
        let millionths = (self.share(path, value) * Decimal::from(MILLION)).round();
        Chance(millionths.try_into().unwrap_or(0))
    }

    /// How many loans each month has: growth counts from the exact number of the month before.
    fn loans(&mut self, it: &Written) -> Vec<u32> {
        let mut exact = Decimal::from(self.within("/loans", it.loans, 1, LOANS_MAX));
        let growth = it.growth.clamp(-Decimal::ONE, Decimal::ONE);
        self.must(growth == it.growth, "/growth", "is not -1 to 1");
        let (mut loans, mut all) = (Vec::new(), 0_u32);
        for _ in 0..it.months.min(MONTHS_MAX) {
            let of_month = u32::try_from(exact.round()).unwrap_or(LOANS_MAX);
            all = all.saturating_add(of_month);
            if all > LOANS_MAX {
                self.must(false, "/loans", &format!("makes more than {LOANS_MAX} loans in all"));
                return Vec::new();
            }
            loans.push(of_month);
            exact = (exact * (Decimal::ONE + growth)).round_dp(12);
        }
        loans
    }

    fn amounts(&mut self, written: Vec<WrittenSums>, product: &LoanProduct) -> Vec<Choice<Sums>> {
        let offered = &product.terms().amount;
        let step = offered.step.unwrap_or(Decimal::ONE);
        self.few("/amounts", written.len());
        let any =
            WrittenSums { weight: 1, min: offered.smallest(), max: offered.largest(), step: None };
        let written = if written.is_empty() { vec![any] } else { written };
        let choices = (0_usize..).zip(written).take(CHOICES_MAX).map(|(index, it)| {
            let path = format!("/amounts/{index}");
            let min = self.amount(&format!("{path}/min"), it.min);
            let max = self.amount(&format!("{path}/max"), it.max);
            let step = self.amount(&format!("{path}/step"), it.step.unwrap_or(step));
            self.must(min <= max, &path, "has a `min` above its `max`");
            Choice { weight: self.weight(&path, it.weight), of: Sums { min, max, step } }
        });
        choices.collect()
    }

    fn amount(&mut self, path: &str, value: Decimal) -> Amount {
        let exact = Amount::exactly(value, self.currency).ok().filter(|it| it.is_positive());
        self.must(exact.is_some(), path, "is no amount of the currency above nothing");
        exact.unwrap_or(Amount::from_minor(1))
    }

    fn terms(&mut self, written: &[WrittenTerm], product: &LoanProduct) -> Vec<Choice<u32>> {
        self.few("/terms", written.len());
        if written.is_empty() {
            return vec![Choice { weight: 1, of: product.terms().term.chosen() }];
        }
        let choices = written.iter().enumerate().take(CHOICES_MAX).map(|(index, it)| {
            let path = format!("/terms/{index}");
            let term = self.within(&format!("{path}/term"), it.term, 1, TERM_MAX);
            Choice { weight: self.weight(&path, it.weight), of: term }
        });
        choices.collect()
    }

    fn behaviours(&mut self, written: Vec<WrittenBehaviour>) -> Vec<Choice<Behaviour>> {
        self.few("/behaviours", written.len());
        if written.is_empty() {
            return vec![Choice { weight: 1, of: Behaviour::default() }];
        }
        let choices = (0_usize..).zip(written).take(CHOICES_MAX).map(|(index, it)| {
            let path = format!("/behaviours/{index}");
            Choice { weight: self.weight(&path, it.weight), of: self.behaviour(&path, it) }
        });
        choices.collect()
    }

    fn behaviour(&mut self, path: &str, it: WrittenBehaviour) -> Behaviour {
        let at = |name: &str| format!("{path}/{name}");
        Behaviour {
            misses: it.misses.map(|it| self.chance(&at("misses/chance"), it.chance)),
            part: it.part.map(|it| Part {
                chance: self.chance(&at("part/chance"), it.chance),
                share: self.share(&at("part/share"), it.share),
            }),
            late: it.late.map(|it| Late {
                chance: self.chance(&at("late/chance"), it.chance),
                days: self.within(&at("late/days"), it.days, 1, WAITS_MAX),
            }),
            prepays: it.prepays.map(|it| Prepays {
                after: self.within(&at("prepays/after"), it.after, 1, WAITS_MAX),
                share: self.share(&at("prepays/share"), it.share),
                keep: it.keep,
            }),
            settles: it.settles.map(|it| self.within(&at("settles/after"), it.after, 1, WAITS_MAX)),
            defaults: it.defaults.map(|it| Defaults {
                after: self.within(&at("defaults/after"), it.after, 0, WAITS_MAX),
                recovered: self.share(&at("defaults/recovered"), it.recovered),
                over: self.within(&at("defaults/over"), it.over, 1, MONTHS_MAX),
            }),
        }
    }

    fn weight(&mut self, path: &str, weight: u32) -> u32 {
        self.within(&format!("{path}/weight"), weight, 1, WEIGHT_MAX)
    }

    fn few(&mut self, path: &str, choices: usize) {
        self.must(choices <= CHOICES_MAX, path, &format!("has more than {CHOICES_MAX} entries"));
    }
}
