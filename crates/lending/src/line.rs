//! A credit line (循环额度): a limit that is drawn on, and restored by what is repaid.
//!
//! ```text
//! apply ─▶ Application ─ open ─▶ Line (open) ◀─▶ frozen        Line (closed)
//!                                  │ draw ─▶ Loan (active) + Position
//!                                  │ hold ─▶ capture, release, expiry
//! ```
//!
//! Each drawing is a loan of its own, pinned to the version of the line. So nothing here knows how
//! a drawing is repaid: what is used of the limit is the principal of the drawings as their
//! positions have it ([`Use`]), and what is repaid is free again by that alone.
//!
//! Or a line has an account on which purchases gather, with a statement a month ([`cycle`]): what
//! is used of the limit is then its balance.
//!
//! A hold is a promise to whoever sells something: it may be captured while it lives, also when
//! the line was frozen, expired or lowered since.

use money::{Amount, Calendar, Currency, Decimal, Period};
use product::{LoanProduct, RevolvingProduct, kinds::instalment_loan::AmountRange};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id};

use crate::{
    Reject,
    application::{self, Application, Request},
    contract::{disburse, offered},
    cycle,
    day::{days_between, days_past_due},
    disclosure::{Disclosure, check_ceilings, disclose},
    life::add,
    loan::{Borrower, Ceiling, Loan, Position, Status, Terms},
    outcome,
    plan::Rules,
};

/// The most drawings of a line that are not paid back.
pub const DRAWINGS_MAX: usize = 1_000;
/// The most holds of a line that live; of those that ended, some of the last are kept beside.
pub const HOLDS_MAX: usize = 200;

/// The longest purpose of a hold, or reason of a freeze, in characters.
pub const TEXT_MAX: usize = 200;

/// A credit line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Who may draw on it.
    pub borrower: Id<Borrower>,
    /// Name of the product it was opened under.
    pub product: String,
    /// The version of the product: drawings are made under it too.
    pub version: u32,
    /// Where the line stands.
    pub status: LineStatus,
    /// Currency of every amount below.
    pub currency: Currency,
    /// How much may be drawn and held in all.
    pub limit: Amount,
    /// A higher limit for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<Temporary>,
    /// When it was opened.
    pub opened_on: Date,
    /// The last day on which it may be drawn on.
    pub available_until: Date,
    /// When it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_on: Option<Date>,
    /// The holds that live, and some of the last that ended, in the order of their numbers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holds: Vec<Hold>,
    /// How many holds there were: the number of the last one.
    #[serde(default)]
    pub holds_made: u32,
    /// How many drawings there were.
    #[serde(default)]
    pub drawings: u32,
}

/// Where a line stands. One that has expired is open and can be renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LineStatus {
    /// It may be drawn on until its last day.
    Open,
    /// It may not be drawn on for the time being (冻结).
    Frozen,
    /// It ended.
    Closed,
}

/// A limit in place of a lower one, for a while (临时额度).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temporary {
    /// The limit.
    pub limit: Amount,
    /// The last day on which it counts.
    pub until: Date,
}

/// A part of the limit that is kept free for a purchase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// From 1, in the order of the line's holds.
    pub number: u32,
    /// How much.
    pub amount: Amount,
    /// The last day on which it may be captured.
    pub until: Date,
    /// What for, such as the number of an order.
    pub purpose: String,
    /// What became of it.
    pub status: HoldStatus,
}

/// What became of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldStatus {
    /// It keeps a part of the limit free.
    Live,
    /// A drawing was made of it, or of a part, the rest being free again.
    Captured,
    /// It was given up.
    Released,
}

/// What is used of a line, by its drawings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Use {
    /// Principal owed, due or not.
    pub principal: Amount,
    /// How many drawings are owed.
    pub drawings: usize,
    /// Whether one is past due, or was lost.
    pub overdue: bool,
}

/// What is used of a limit and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Utilisation {
    /// The limit of the day.
    pub limit: Amount,
    /// Principal owed on drawings, or the balance of the account.
    pub drawn: Amount,
    /// What is held.
    pub held: Amount,
    /// What may be drawn or held now: nothing while the line is frozen, expired, overdue, closed.
    pub available: Amount,
    /// The used share of the limit, four decimals; more than 1 when the limit was lowered.
    pub share: Decimal,
}

/// What an applicant for a line may sign.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineOffer {
    /// The last day on which it may be signed.
    pub valid_until: Date,
    /// The limit.
    pub limit: Amount,
    /// How many months it may be drawn on, from signing.
    pub months: u32,
    /// What the largest drawing would cost, made today over the usual number of instalments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drawing: Option<Disclosure>,
    /// In place of drawings, how an account with statements would be served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<cycle::Terms>,
}

impl Outcome {
    /// What changes nothing but that the record is written.
    pub fn unchanged(line: Line) -> Self {
        Self { line, drawing: None, account: None, events: Vec::new() }
    }
}

impl LineOffer {
    /// What a year costs, simple and compound. With statements, of the dearest use of the limit.
    fn cost(&self, currency: Currency) -> (Decimal, Decimal) {
        if let Some(Disclosure { annual_cost_simple, annual_cost_compound, .. }) = self.drawing {
            return (annual_cost_simple, annual_cost_compound);
        }
        let uses = self.statement.iter().flat_map(|it| it.statement.uses(self.limit, currency));
        let costs = uses.map(|it| (it.cost.simple, it.cost.compound));
        costs.max().unwrap_or_default()
    }
}

/// What somebody draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawing {
    /// The loan that it will be.
    pub loan: Id<Loan>,
    /// How much.
    pub amount: Amount,
    /// In how many instalments; the product's usual number when none is named.
    pub term: Option<u32>,
    /// The reference rate of the day, for a product whose rate follows one.
    pub reference: Option<Decimal>,
    /// More days past due than this suspend interest; never when absent.
    pub suspended_after: Option<u32>,
    /// What the loan may cost; all of them count.
    pub ceilings: Vec<Ceiling>,
}

/// A line as a command finds it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Which line.
    pub id: Id<Line>,
    /// The line.
    pub line: &'a Line,
    /// What is used of it.
    pub used: Use,
    /// The product version it was opened under.
    pub product: &'a RevolvingProduct,
    /// The business calendar.
    pub calendar: &'a Calendar,
    /// The business date.
    pub today: Date,
}

/// What an accepted command changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// The line's new state.
    pub line: Line,
    /// The loan that was drawn: the contract as signed, and what paying it out changes.
    pub drawing: Option<(Loan, outcome::Outcome)>,
    /// The account that was opened with it, when purchases gather on one.
    pub account: Option<cycle::Account>,
    /// What goes to the event log.
    pub events: Vec<Event>,
}

/// Something that happened to a line, for the event log. Amounts are in minor units of its
/// currency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", rename_all_fields = "snake_case")]
pub enum Event {
    /// The offer was signed.
    LineOpened {
        /// When.
        on: Date,
        /// The limit.
        limit: Amount,
        /// The last day on which it may be drawn on.
        available_until: Date,
    },
    /// A loan was drawn on it.
    LineDrawn {
        /// When.
        on: Date,
        /// The loan.
        loan: Id<Loan>,
        /// The sum lent.
        principal: Amount,
        /// The hold it was captured from.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hold: Option<u32>,
    },
    /// A part of the limit is kept free.
    HoldMade {
        /// When.
        on: Date,
        /// Which hold.
        hold: u32,
        /// How much.
        amount: Amount,
        /// The last day.
        until: Date,
        /// What for.
        purpose: String,
    },
    /// A purchase was made of a hold, or of a part of it.
    HoldCaptured {
        /// When.
        on: Date,
        /// Which.
        hold: u32,
        /// How much was bought.
        amount: Amount,
    },
    /// A hold was given up.
    HoldReleased {
        /// When.
        on: Date,
        /// Which.
        hold: u32,
        /// How much is free again.
        amount: Amount,
    },
    /// The last day of a hold is over, and nobody captured it.
    HoldExpired {
        /// That day.
        on: Date,
        /// Which.
        hold: u32,
        /// How much is free again.
        amount: Amount,
    },
    /// The limit is another.
    LimitChanged {
        /// When.
        on: Date,
        /// What it was.
        from: Amount,
        /// What it is.
        to: Amount,
    },
    /// The limit is higher for a while.
    TemporaryLimitGranted {
        /// When.
        on: Date,
        /// The limit.
        limit: Amount,
        /// The last day.
        until: Date,
    },
    /// The limit is what it was before.
    TemporaryLimitEnded {
        /// The last day.
        on: Date,
        /// What it was for a while.
        limit: Amount,
    },
    /// Nothing is drawn for the time being.
    LineFrozen {
        /// When.
        on: Date,
        /// Why.
        reason: String,
    },
    /// It may be drawn on again.
    LineUnfrozen {
        /// When.
        on: Date,
        /// Why.
        reason: String,
    },
    /// It may be drawn on for longer.
    LineRenewed {
        /// When.
        on: Date,
        /// The last day.
        available_until: Date,
    },
    /// It ended.
    LineClosed {
        /// When.
        on: Date,
    },
}

impl Event {
    /// The kebab-case name of the event's type, as in its JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LineOpened { .. } => "line-opened",
            Self::LineDrawn { .. } => "line-drawn",
            Self::HoldMade { .. } => "hold-made",
            Self::HoldCaptured { .. } => "hold-captured",
            Self::HoldReleased { .. } => "hold-released",
            Self::HoldExpired { .. } => "hold-expired",
            Self::LimitChanged { .. } => "limit-changed",
            Self::TemporaryLimitGranted { .. } => "temporary-limit-granted",
            Self::TemporaryLimitEnded { .. } => "temporary-limit-ended",
            Self::LineFrozen { .. } => "line-frozen",
            Self::LineUnfrozen { .. } => "line-unfrozen",
            Self::LineRenewed { .. } => "line-renewed",
            Self::LineClosed { .. } => "line-closed",
        }
    }
}

/// Decides an application for a line on business date `on`; its amount is the limit that is asked
/// for. See [`application::apply`].
///
/// # Errors
/// As there.
pub fn apply(
    product: &RevolvingProduct,
    calendar: &Calendar,
    request: Request,
    on: Date,
) -> Result<(Application<LineOffer>, Vec<outcome::Event>), Reject> {
    product.offers(request.amount, on).map_err(Reject::NotOffered)?;
    let rules = (product.definition(), product.eligibility());
    let application = application::decide(rules, request, 1, on, |request| {
        let statement = product.terms().statement.clone();
        let uses = statement.iter().flat_map(|it| it.uses(request.amount, product.currency()));
        for it in uses {
            check_ceilings(&request.ceilings, it.rate, it.cost.simple)?;
        }
        let suspended_after = request.suspended_after;
        let drawing = product.drawing().map(|it| largest(it, calendar, request, on));
        Ok(LineOffer {
            valid_until: application::valid_until(on)?,
            limit: request.amount,
            months: product.terms().months,
            drawing: drawing.transpose()?,
            statement: statement.map(|statement| cycle::Terms { statement, suspended_after }),
        })
    })?;
    let events = application::events(&application, |it| {
        let (simple, compound) = it.cost(product.currency());
        (it.valid_until, simple, compound)
    });
    Ok((application, events))
}

/// What the largest drawing would cost.
fn largest(
    drawing: &LoanProduct,
    calendar: &Calendar,
    request: &Request,
    on: Date,
) -> Result<Disclosure, Reject> {
    let term = drawing.terms().term.chosen();
    let rate = drawing.rate(request.reference).map_err(Reject::ScheduleImpossible)?;
    let most = most_drawn(&drawing.terms().amount, request.amount, drawing.currency());
    drawing.lends(most, term).map_err(Reject::NotOffered)?;
    let schedule = drawing.schedule_terms(most, term, on, rate);
    let told = disclose(drawing, calendar, &schedule, term)?;
    told.check(&request.ceilings)?;
    Ok(told)
}

/// The largest drawing within a limit.
fn most_drawn(range: &AmountRange, limit: Amount, currency: Currency) -> Amount {
    let most = limit.to_decimal(currency).min(range.max);
    let most = most - range.step.map_or(Decimal::ZERO, |step| most % step);
    Amount::exactly(most, currency).unwrap_or(limit)
}

/// Takes the offer of an approved application: the line is open.
///
/// # Errors
/// [`Reject::NoOffer`], [`Reject::AlreadySigned`], [`Reject::OfferExpired`].
pub fn open(
    application: &Application<LineOffer>,
    on: Date,
) -> Result<(Application<LineOffer>, Outcome), Reject> {
    let (offer, signed) = application::take(application, on, |it| it.valid_until)?;
    let available_until = Period::MONTH.after(on, offer.months).ok_or(Reject::DateOutOfRange)?;
    let line = Line {
        borrower: application.borrower,
        product: application.product.clone(),
        version: application.version,
        status: LineStatus::Open,
        currency: application.currency,
        limit: offer.limit,
        temporary: None,
        opened_on: on,
        available_until,
        closed_on: None,
        holds: Vec::new(),
        holds_made: 0,
        drawings: 0,
    };
    let account = offer.statement.clone().map(|terms| cycle::Account {
        holder: line.borrower,
        product: line.product.clone(),
        version: line.version,
        status: cycle::Status::Active,
        currency: line.currency,
        terms,
        opened_on: on,
        ended_on: None,
    });
    let event = Event::LineOpened { on, limit: offer.limit, available_until };
    Ok((signed, Outcome { account, ..told(line, event) }))
}

impl Use {
    /// What the drawings of a line use of it; those that are settled or sold use nothing and may
    /// be left out.
    ///
    /// # Errors
    /// [`Reject::AmountTooLarge`].
    pub fn of<'a>(
        drawings: impl IntoIterator<Item = (&'a Loan, &'a Position)>,
    ) -> Result<Self, Reject> {
        let mut used = Self::default();
        for (loan, position) in drawings {
            let owed = matches!(loan.status, Status::Active | Status::ChargedOff);
            let lost = matches!(loan.status, Status::ChargedOff | Status::WrittenOff);
            if owed {
                used.principal = add(used.principal, position.principal)?;
                used.drawings = used.drawings.saturating_add(1);
            }
            // What was paid since the last close counts at once.
            let closed = position.through.yesterday().unwrap_or(position.through);
            used.overdue |= lost || owed && days_past_due(loan, position, closed) > 0;
        }
        Ok(used)
    }
}

impl Use {
    /// What is used of a line by its account; less than nothing when something was paid in
    /// advance, which lies beside the limit.
    pub fn of_account(account: &cycle::Account, position: &cycle::Position) -> Self {
        let lost = matches!(account.status, cycle::Status::ChargedOff | cycle::Status::WrittenOff);
        Self {
            principal: position.balance(),
            drawings: usize::from(!position.balance().is_zero()),
            overdue: lost || position.days_past_due > 0,
        }
    }
}

impl Line {
    /// The limit on a day.
    pub fn limit_on(&self, day: Date) -> Amount {
        let temporary = self.temporary.filter(|it| day <= it.until).map(|it| it.limit);
        temporary.map_or(self.limit, |it| it.max(self.limit))
    }

    /// What is held.
    ///
    /// # Panics
    /// When it overflows, which the bounds on limits and holds exclude.
    pub fn held(&self) -> Amount {
        let live = self.holds.iter().filter(|it| it.status == HoldStatus::Live);
        live.map(|it| it.amount).sum()
    }

    /// The day at the end of which something of the line ends by itself.
    pub fn timer(&self) -> Option<Date> {
        let live = self.holds.iter().filter(|it| it.status == HoldStatus::Live);
        let holds = live.map(|it| it.until);
        holds.chain(self.temporary.map(|it| it.until)).min()
    }

    /// Ends what ends with a day: holds and the temporary limit.
    #[must_use]
    pub fn close_day(&self, day: Date) -> Outcome {
        let ends = |hold: &Hold| hold.until <= day;
        let expired = self.holds.iter().filter(|it| ends(it) && it.status == HoldStatus::Live);
        let expired = expired.map(|&Hold { number, amount, until: on, .. }| Event::HoldExpired {
            on,
            hold: number,
            amount,
        });
        let ended = self.temporary.filter(|it| it.until <= day);
        let ended = ended.map(|it| Event::TemporaryLimitEnded { on: it.until, limit: it.limit });
        let events = expired.chain(ended).collect();
        let line = Self {
            holds: self.holds.iter().filter(|it| !ends(it)).cloned().collect(),
            temporary: self.temporary.filter(|it| it.until > day),
            ..self.clone()
        };
        Outcome { events, ..Outcome::unchanged(line) }
    }

    /// A hold that can still be captured or released.
    fn live(&self, number: u32) -> Result<&Hold, Reject> {
        if number == 0 || number > self.holds_made {
            return Err(Reject::NoSuchHold);
        }
        let hold = self.holds.iter().find(|it| it.number == number);
        let hold = hold.ok_or(Reject::HoldExpired)?;
        match hold.status {
            HoldStatus::Live => Ok(hold),
            HoldStatus::Captured => Err(Reject::HoldCaptured),
            HoldStatus::Released => Err(Reject::HoldReleased),
        }
    }

    /// The line with a hold that has ended.
    fn without(&self, number: u32, status: HoldStatus) -> Self {
        let mut line = self.clone();
        if let Some(hold) = line.holds.iter_mut().find(|it| it.number == number) {
            hold.status = status;
        }
        line
    }
}

impl Standing<'_> {
    /// What is used of the limit and what is left.
    ///
    /// # Panics
    /// As [`Line::held`].
    pub fn utilisation(&self) -> Utilisation {
        let (limit, drawn, held) = (
            self.line.limit_on(self.today),
            self.used.principal.max(Amount::ZERO),
            self.line.held(),
        );
        let currency = self.line.currency;
        let [used, whole] = [drawn + held, limit].map(|it| it.to_decimal(currency));
        let share = used.checked_div(whole).unwrap_or(Decimal::ONE).round_dp(4);
        let available = self.usable().map_or(Amount::ZERO, |()| self.left());
        Utilisation { limit, drawn, held, available, share }
    }

    /// Draws on the line: the loan is signed and paid out.
    ///
    /// # Errors
    /// [`Reject::LineFrozen`], [`Reject::LineExpired`], [`Reject::LineClosed`],
    /// [`Reject::LineOverdue`], [`Reject::BeyondTheLimit`], [`Reject::TooManyDrawings`];
    /// [`Reject::NotOffered`] and what keeps a loan from being made.
    pub fn draw(&self, drawing: Drawing) -> Result<Outcome, Reject> {
        self.usable()?;
        if drawing.amount > self.left() {
            return Err(Reject::BeyondTheLimit);
        }
        self.drawn(self.line.clone(), drawing, None)
    }

    /// Keeps a part of the limit free through a day, at most as long as the product holds.
    ///
    /// # Errors
    /// As [`Standing::draw`]; [`Reject::NotOffered`] also when it would be held for too long,
    /// [`Reject::DatesNotInOrder`] for a day that is over, [`Reject::TooManyHolds`],
    /// [`Reject::TextTooLong`].
    pub fn hold(
        &self,
        amount: Amount,
        until: Option<Date>,
        purpose: &str,
    ) -> Result<Outcome, Reject> {
        self.usable()?;
        check_text(purpose)?;
        let (line, on) = (self.line, self.today);
        let most = self.product.terms().holds.as_ref().map_or(1, |it| it.days);
        let until = match until {
            Some(until) if until < on => return Err(Reject::DatesNotInOrder),
            Some(until) => until,
            None => last_of(on, most)?,
        };
        self.product.offers_hold(days(on, until)).map_err(Reject::NotOffered)?;
        if let Some(drawing) = self.product.drawing() {
            drawing.lends(amount, drawing.terms().term.chosen()).map_err(Reject::NotOffered)?;
        } else if !amount.is_positive() {
            return Err(Reject::AmountNotPositive);
        }
        if amount > self.left() {
            return Err(Reject::BeyondTheLimit);
        }
        let kept = |it: &&Hold| it.status == HoldStatus::Live || it.until >= on;
        let mut holds: Vec<_> = line.holds.iter().filter(kept).cloned().collect();
        if holds.len() >= HOLDS_MAX {
            // The oldest that ended makes room.
            let ended = holds.iter().position(|it| it.status != HoldStatus::Live);
            holds.remove(ended.ok_or(Reject::TooManyHolds)?);
        }
        let number = line.holds_made.checked_add(1).ok_or(Reject::TooManyHolds)?;
        let (purpose, status) = (purpose.to_owned(), HoldStatus::Live);
        holds.push(Hold { number, amount, until, purpose: purpose.clone(), status });
        let line = Line { holds, holds_made: number, ..line.clone() };
        Ok(told(line, Event::HoldMade { on, hold: number, amount, until, purpose }))
    }

    /// Draws what is held, or a part of it; the rest of the hold is free again.
    ///
    /// # Errors
    /// [`Reject::NoSuchHold`], [`Reject::HoldExpired`], [`Reject::HoldCaptured`],
    /// [`Reject::HoldReleased`], [`Reject::BeyondTheHold`], [`Reject::TooManyDrawings`],
    /// [`Reject::LineClosed`]; [`Reject::NotOffered`] and what keeps a loan from being made.
    pub fn capture(
        &self,
        number: u32,
        drawing: impl FnOnce(&Hold) -> Drawing,
    ) -> Result<Outcome, Reject> {
        self.not_closed()?;
        let hold = self.line.live(number)?;
        let drawing = drawing(hold);
        if self.today > hold.until {
            return Err(Reject::HoldExpired);
        }
        if drawing.amount > hold.amount {
            return Err(Reject::BeyondTheHold);
        }
        self.drawn(self.line.without(number, HoldStatus::Captured), drawing, Some(number))
    }

    /// Lets so much be bought, or drawn in cash with its fee, on the line's account: of what is
    /// left, or of a hold, which is captured by it.
    ///
    /// # Errors
    /// As [`Standing::draw`], or with a hold as [`Standing::capture`].
    pub fn spend(&self, amount: Amount, hold: Option<u32>) -> Result<Outcome, Reject> {
        let Some(number) = hold else {
            self.usable()?;
            return self.take(amount);
        };
        self.not_closed()?;
        let hold = self.line.live(number)?;
        if self.today > hold.until {
            return Err(Reject::HoldExpired);
        }
        if amount > hold.amount {
            return Err(Reject::BeyondTheHold);
        }
        let line = self.line.without(number, HoldStatus::Captured);
        Ok(told(line, Event::HoldCaptured { on: self.today, hold: number, amount }))
    }

    /// Lets so much leave the line's account, also when nothing may be bought. What was paid in
    /// advance lies beside the limit: it can be given back as long as what is held has room.
    ///
    /// # Errors
    /// [`Reject::BeyondTheLimit`].
    pub fn take(&self, amount: Amount) -> Result<Outcome, Reject> {
        if amount > self.left() {
            return Err(Reject::BeyondTheLimit);
        }
        Ok(Outcome::unchanged(self.line.clone()))
    }

    /// Gives a hold up.
    ///
    /// # Errors
    /// [`Reject::NoSuchHold`], [`Reject::HoldExpired`], [`Reject::HoldCaptured`],
    /// [`Reject::HoldReleased`], [`Reject::LineClosed`].
    pub fn release(&self, number: u32) -> Result<Outcome, Reject> {
        self.not_closed()?;
        let amount = self.line.live(number)?.amount;
        let line = self.line.without(number, HoldStatus::Released);
        Ok(told(line, Event::HoldReleased { on: self.today, hold: number, amount }))
    }

    /// Changes the limit, also to less than is used of it: then nothing more can be drawn.
    ///
    /// # Errors
    /// [`Reject::AmountNotPositive`], [`Reject::NotOffered`], [`Reject::LineClosed`].
    pub fn change_limit(&self, limit: Amount) -> Result<Outcome, Reject> {
        self.not_closed()?;
        if !limit.is_positive() {
            return Err(Reject::AmountNotPositive);
        }
        self.product.allows_limit(limit).map_err(Reject::NotOffered)?;
        let event = Event::LimitChanged { on: self.today, from: self.line.limit, to: limit };
        Ok(told(Line { limit, ..self.line.clone() }, event))
    }

    /// Raises the limit through a day, in place of an earlier temporary limit.
    ///
    /// # Errors
    /// [`Reject::TemporaryLimitTooLow`], [`Reject::NotOffered`], [`Reject::DatesNotInOrder`] for a
    /// day that is over, [`Reject::LineClosed`].
    pub fn raise_limit(&self, limit: Amount, until: Date) -> Result<Outcome, Reject> {
        self.not_closed()?;
        if limit <= self.line.limit {
            return Err(Reject::TemporaryLimitTooLow);
        }
        if until < self.today {
            return Err(Reject::DatesNotInOrder);
        }
        let days = days(self.today, until);
        self.product.offers_temporary(limit, days).map_err(Reject::NotOffered)?;
        let temporary = Some(Temporary { limit, until });
        let event = Event::TemporaryLimitGranted { on: self.today, limit, until };
        Ok(told(Line { temporary, ..self.line.clone() }, event))
    }

    /// Lets nothing be drawn for the time being.
    ///
    /// # Errors
    /// [`Reject::LineFrozen`], [`Reject::LineClosed`], [`Reject::TextTooLong`].
    pub fn freeze(&self, reason: &str) -> Result<Outcome, Reject> {
        self.not_closed()?;
        if self.line.status == LineStatus::Frozen {
            return Err(Reject::LineFrozen);
        }
        check_text(reason)?;
        let line = Line { status: LineStatus::Frozen, ..self.line.clone() };
        Ok(told(line, Event::LineFrozen { on: self.today, reason: reason.to_owned() }))
    }

    /// Ends a freeze.
    ///
    /// # Errors
    /// [`Reject::LineNotFrozen`], [`Reject::LineClosed`], [`Reject::TextTooLong`].
    pub fn unfreeze(&self, reason: &str) -> Result<Outcome, Reject> {
        self.not_closed()?;
        if self.line.status != LineStatus::Frozen {
            return Err(Reject::LineNotFrozen);
        }
        check_text(reason)?;
        let line = Line { status: LineStatus::Open, ..self.line.clone() };
        Ok(told(line, Event::LineUnfrozen { on: self.today, reason: reason.to_owned() }))
    }

    /// Lets the line be drawn on for as long from today as a new one is.
    ///
    /// # Errors
    /// [`Reject::LineClosed`], [`Reject::DateOutOfRange`].
    pub fn renew(&self) -> Result<Outcome, Reject> {
        self.not_closed()?;
        let until = self.product.available_until(self.today).ok_or(Reject::DateOutOfRange)?;
        let available_until = until.max(self.line.available_until);
        let line = Line { available_until, ..self.line.clone() };
        Ok(told(line, Event::LineRenewed { on: self.today, available_until }))
    }

    /// Closes the line, on which nothing is drawn or held.
    ///
    /// # Errors
    /// [`Reject::LineInUse`], [`Reject::LineClosed`].
    pub fn close(&self) -> Result<Outcome, Reject> {
        self.not_closed()?;
        if self.used.drawings > 0 || !self.line.held().is_zero() {
            return Err(Reject::LineInUse);
        }
        let on = self.today;
        // Nothing of it ends by itself any more.
        let line = Line {
            status: LineStatus::Closed,
            closed_on: Some(on),
            temporary: None,
            holds: Vec::new(),
            ..self.line.clone()
        };
        Ok(told(line, Event::LineClosed { on }))
    }

    fn not_closed(&self) -> Result<(), Reject> {
        if self.line.status == LineStatus::Closed { Err(Reject::LineClosed) } else { Ok(()) }
    }

    /// Whether more may be drawn or held, if something is left.
    fn usable(&self) -> Result<(), Reject> {
        match self.line.status {
            LineStatus::Closed => Err(Reject::LineClosed),
            LineStatus::Frozen => Err(Reject::LineFrozen),
            LineStatus::Open if self.today > self.line.available_until => Err(Reject::LineExpired),
            LineStatus::Open if self.used.overdue => Err(Reject::LineOverdue),
            LineStatus::Open => Ok(()),
        }
    }

    /// What is left of the limit.
    fn left(&self) -> Amount {
        let used = self.used.principal + self.line.held();
        (self.line.limit_on(self.today) - used).max(Amount::ZERO)
    }

    /// The loan that a drawing makes, paid out.
    fn drawn(&self, line: Line, drawing: Drawing, hold: Option<u32>) -> Result<Outcome, Reject> {
        if self.used.drawings >= DRAWINGS_MAX {
            return Err(Reject::TooManyDrawings);
        }
        let (product, on) = (self.product.drawing().ok_or(Reject::OtherUse)?, self.today);
        let term = drawing.term.unwrap_or_else(|| product.terms().term.chosen());
        product.lends(drawing.amount, term).map_err(Reject::NotOffered)?;
        let rate = product.rate(drawing.reference).map_err(Reject::ScheduleImpossible)?;
        let schedule = product.schedule_terms(drawing.amount, term, on, rate);
        let terms = Terms::of(product, drawing.suspended_after);
        let terms = Terms { ceilings: drawing.ceilings, ..terms };
        let offer = application::offer(product, self.calendar, terms, schedule, term)?;
        offer.disclosure.check(&offer.terms.ceilings)?;
        let signed = Loan {
            borrower: line.borrower,
            product: line.product.clone(),
            version: line.version,
            line: Some(self.id),
            ..offered(&offer, on)
        };
        let rules = Rules::new(product, self.calendar);
        let paid_out = disburse(&signed, rules, None, on)?;
        let drawings = line.drawings.checked_add(1).ok_or(Reject::TooManyDrawings)?;
        let line = Line { drawings, ..line };
        let (loan, principal) = (drawing.loan, drawing.amount);
        let event = Event::LineDrawn { on, loan, principal, hold };
        Ok(Outcome { drawing: Some((signed, paid_out)), ..told(line, event) })
    }
}

fn check_text(text: &str) -> Result<(), Reject> {
    if text.chars().count() <= TEXT_MAX { Ok(()) } else { Err(Reject::TextTooLong) }
}

fn told(line: Line, event: Event) -> Outcome {
    Outcome { events: vec![event], ..Outcome::unchanged(line) }
}

/// How many days there are from one to another, both counted.
fn days(from: Date, to: Date) -> u32 {
    u32::try_from(days_between(from, to).saturating_add(1)).unwrap_or(u32::MAX)
}

/// The last of so many days from one on.
fn last_of(from: Date, days: u32) -> Result<Date, Reject> {
    let later = i64::from(days.saturating_sub(1));
    from.checked_add(jiff::Span::new().days(later)).map_err(|_| Reject::DateOutOfRange)
}
