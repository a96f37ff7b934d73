//! The interest of an instalment, day by day, and the terms of what is left of a plan.

use money::{Amount, Decimal};
use stdx::Date;

use super::{Carried, Instalment, ScheduleError, SubsidyPart, Terms, dates::Span};
use crate::kinds::instalment_loan::{BrokenPeriod, Method};

impl Terms {
    /// Interest the borrower owes for an instalment of these terms from its first day to `to`,
    /// exclusive, with what it carries from before: exact, in major units.
    ///
    /// It never falls, and stays at the instalment's interest from [`Instalment::to`] on: rounded,
    /// that is its `interest`, or what it has `deferred` or `capitalised`. The plan's balance
    /// counts, not what is overdue.
    ///
    /// # Panics
    /// For an instalment and terms no schedule was made of, when the result has more than 28
    /// digits.
    pub fn exact_interest(&self, it: &Instalment, to: Date) -> Decimal {
        let own = self.own(it, self.borrower_rate(it.number), to);
        it.carried.interest + it.carried.deferred + own
    }

    /// As [`Terms::exact_interest`], what the third party owes; rounded at the end it is the
    /// instalment's `subsidy`.
    ///
    /// # Panics
    /// As there.
    pub fn exact_subsidy(&self, it: &Instalment, to: Date) -> Decimal {
        it.carried.subsidy + self.own(it, self.subsidy_rate(it.number), to)
    }

    /// Interest earned by the start of `to` that is not due yet, in minor units; `rest` are the
    /// instalments of these terms that are not due yet.
    ///
    /// The daily entry is its growth. As it is exact from the first day of an instalment and then
    /// rounded, the roundings of days do not add up. When an instalment becomes due, its
    /// `interest` and `capitalised` leave it.
    ///
    /// # Errors
    /// [`ScheduleError::TotalTooLarge`], for a plan no schedule gave.
    pub fn accrued_interest(&self, rest: &[Instalment], to: Date) -> Result<Amount, ScheduleError> {
        let deferred = |it: &Instalment| it.carried.deferred;
        self.accrued(rest, to, deferred, |it, to| self.exact_interest(it, to))
    }

    /// As [`Terms::accrued_interest`], what the third party owes.
    ///
    /// # Errors
    /// As there.
    pub fn accrued_subsidy(&self, rest: &[Instalment], to: Date) -> Result<Amount, ScheduleError> {
        self.accrued(rest, to, |_| Decimal::ZERO, |it, to| self.exact_subsidy(it, to))
    }

    /// Where interest runs to the regular date and the due date is a later one, two instalments
    /// earn at once. What the first of them defers, the second carries.
    fn accrued(
        &self,
        rest: &[Instalment],
        to: Date,
        deferred: impl Fn(&Instalment) -> Decimal,
        exact: impl Fn(&Instalment, Date) -> Decimal,
    ) -> Result<Amount, ScheduleError> {
        let mut sum = Amount::ZERO;
        for (index, it) in rest.iter().enumerate() {
            if index > 0 && to <= it.from {
                break;
            }
            let before = if index > 0 { self.round(deferred(it))? } else { Amount::ZERO };
            sum += self.round(exact(it, to))? - before;
        }
        Ok(sum)
    }

    /// The terms of what is left on a day within `running`, the first instalment of these terms
    /// that is not due: unchanged but for what happened. Interest earned is carried exactly.
    ///
    /// With nothing changed in them, [`super::schedule`] gives the rest of the plan again if the
    /// level is set (see [`Terms::level_of`]). Otherwise it is computed anew from a rounded
    /// balance: it moves by no more than the last instalment was off, and a minor unit.
    /// After the last day of the instalment's interest, which may be before its due date, they
    /// are those of the last day.
    pub fn rest(&self, running: &Instalment, on: Date) -> Self {
        let on = if on >= running.due { running.to } else { on };
        let on = on.clamp(running.from, running.to);
        let first = running.number == self.first_number;
        let passed = running.number.saturating_sub(self.first_number);
        let passed = match (self.method, self.broken) {
            (Method::Bullet, _) => 0,
            (_, BrokenPeriod::Separate) => passed.saturating_sub(1),
            _ => passed,
        };
        let mut rest = Self {
            principal: running.opening(),
            instalments: self.instalments.saturating_sub(passed),
            first_number: running.number,
            from: on,
            broken: if first { self.broken } else { BrokenPeriod::Spread },
            flat_on: (self.method == Method::Flat).then(|| self.base(running)),
            carried: running.carried,
            ..self.clone()
        };
        if on > running.from {
            rest.carry(self, running);
        }
        rest
    }

    /// Takes over what an instalment of the `old` terms has earned.
    fn carry(&mut self, old: &Self, running: &Instalment) {
        let on = self.from;
        let earned = old.exact_interest(running, on);
        let level = old.level_period(running);
        // In the broken part of a first period, all that is earned is beyond the full period.
        let in_broken_part = level.is_some_and(|level| on < level.from);
        let on_top = if in_broken_part { earned } else { old.on_top(running, level.as_ref()) };
        if self.broken == BrokenPeriod::First && !in_broken_part {
            self.broken = BrokenPeriod::Spread;
        }
        self.carried = Carried {
            period_from: Some(running.carried.period_from.unwrap_or(running.from)),
            interest: earned - on_top,
            deferred: on_top,
            subsidy: old.exact_subsidy(running, on),
        };
    }

    /// What an instalment of these terms repays as [`Terms::level`] counts it: to be set where
    /// instalments stay as they are and their number changes. The last one, and one in grace, has
    /// no level.
    ///
    /// # Errors
    /// [`ScheduleError::TotalTooLarge`], for an instalment no schedule gave.
    pub fn level_of(&self, it: &Instalment) -> Result<Amount, ScheduleError> {
        if self.method != Method::EqualInstalment {
            return Ok(it.principal);
        }
        let on_top = self.on_top(it, self.level_period(it).as_ref());
        Ok(it.principal + self.round(self.exact_interest(it, it.to) - on_top)?)
    }

    /// What interest rounds to.
    ///
    /// # Errors
    /// [`ScheduleError::TotalTooLarge`], when it is no amount.
    pub fn round(&self, exact: Decimal) -> Result<Amount, ScheduleError> {
        let rounded = Amount::round(exact, self.currency, self.rounding);
        rounded.map_err(|_| ScheduleError::TotalTooLarge)
    }

    /// The part of the rate the borrower pays with an instalment.
    pub(super) fn borrower_rate(&self, number: u32) -> Decimal {
        self.rate - self.subsidy_rate(number)
    }

    /// The part of the rate a third party pays with an instalment.
    fn subsidy_rate(&self, number: u32) -> Decimal {
        match self.subsidy.filter(|it| number <= it.until).map(|it| it.part) {
            Some(SubsidyPart::Share(share)) => self.rate * share,
            Some(SubsidyPart::Points(points)) => points.min(self.rate),
            None => Decimal::ZERO,
        }
    }

    /// What the interest of an instalment is taken on.
    fn base(&self, it: &Instalment) -> Amount {
        match self.method {
            Method::Flat => self.flat_on.unwrap_or(self.principal),
            _ => it.opening(),
        }
    }

    /// Interest of an instalment from its first day to `to`. Of one that is due before the regular
    /// date its interest runs to, all is earned on the due date.
    fn own(&self, it: &Instalment, rate: Decimal, to: Date) -> Decimal {
        let to = if to >= it.due { it.to } else { to };
        self.simple(&Span::of(it), self.base(it), rate, to)
    }

    /// Interest on `base` from the first day of a span to `to`, or the end of the span.
    fn simple(&self, span: &Span, base: Amount, rate: Decimal, to: Date) -> Decimal {
        if rate.is_zero() || to <= span.from {
            return Decimal::ZERO;
        }
        let yearly = base.to_decimal(self.currency) * rate;
        span.years(self, to.min(span.to)).of(yearly)
    }

    /// Interest of an instalment that is not part of a level instalment: what was deferred to it,
    /// and under [`BrokenPeriod::First`] that of the days beyond the full period `level`.
    pub(super) fn on_top(&self, it: &Instalment, level: Option<&Span>) -> Decimal {
        let Some(level) = level else { return it.carried.deferred };
        let own = self.simple(level, self.base(it), self.borrower_rate(it.number), level.to);
        self.exact_interest(it, it.to) - it.carried.interest - own
    }

    /// The full period of an instalment whose own is broken, under [`BrokenPeriod::First`].
    fn level_period(&self, it: &Instalment) -> Option<Span> {
        let first = it.number == self.first_number && self.broken == BrokenPeriod::First;
        let slot = it.number.checked_add(self.step())?.checked_sub(1)?;
        if first { self.level_span(&Span::of(it), slot) } else { None }
    }
}
