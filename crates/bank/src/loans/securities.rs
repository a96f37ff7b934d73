//! Guarantors and collateral of loans: taken, valued anew, released; noted off the balance sheet.
//!
//! A commit that relies on what stands behind a loan expects all of it unchanged, so that no two
//! releases, and no release and payout, can each be right alone and wrong together. A thing is
//! pledged to loans of one borrower: they share a lane.

use std::{cmp::Ordering, collections::BTreeMap};

use lending::{
    Loan, Outcome, What,
    security::{Collateral, Guarantee, Held, Reject, Security, Valuation},
};
use money::{Amount, Currency, Decimal, Money};
use product::kinds::instalment_loan::{CollateralKind, GuaranteeKind};
use serde::{Deserialize, Serialize};
use stdx::{Date, Id, Prng};
use store::{Commit, PAGE_MAX, Versioned};

use super::{Found, in_currency};
use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    books::Books,
    tables::{LOANS, LoanId, PARTIES, POSITIONS, PartyId, SECURITIES, SecurityId, borrower},
};

/// What is to stand behind a loan.
#[derive(Clone, Debug, PartialEq)]
pub enum NewSecurity {
    /// Somebody answers for the borrower.
    Guarantee {
        /// Who.
        guarantor: PartyId,
        /// When the guarantor has to pay.
        kind: GuaranteeKind,
        /// The most that the guarantor has to pay; all that is owed when absent.
        up_to: Option<Money>,
    },
    /// A thing that is not known yet.
    Collateral {
        /// What sort of thing.
        kind: CollateralKind,
        /// Which.
        description: String,
        /// What it is worth.
        valuation: NewValuation,
        /// The share that is pledged.
        share: Decimal,
    },
    /// A share of a thing that is known.
    Pledge {
        /// Which.
        collateral: SecurityId,
        /// The share that is pledged.
        share: Decimal,
    },
}

/// What a thing is worth.
#[derive(Clone, Debug, PartialEq)]
pub struct NewValuation {
    /// How much.
    pub value: Money,
    /// On which day.
    pub on: Date,
    /// Who valued it.
    pub valuer: String,
}

/// The answer to what changes the security of a loan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecurityChanged {
    /// The security.
    pub security: SecurityId,
    /// The loan.
    pub loan: LoanId,
    /// What is pledged for the loan is worth now.
    pub value: Money,
}

/// What stands behind a loan.
#[derive(Clone, Debug, PartialEq)]
pub struct LoanSecurity {
    /// Currency of the loan.
    pub currency: Currency,
    /// Each guarantee, and each thing of which a share is pledged.
    pub securities: Vec<(SecurityId, Security)>,
    /// What is pledged is worth.
    pub value: Amount,
    /// Principal owed as a part of it; nothing before anything is pledged.
    pub loan_to_value: Option<Decimal>,
    /// The most that the product pays out up to.
    pub limit: Option<Decimal>,
    /// Why nothing more would be paid out.
    pub lacks: Option<Reject>,
}

impl Bank {
    /// Takes something to stand behind a loan.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Security`],
    /// [`Refusal::Ledger`].
    pub async fn add_security(
        &self,
        call: &Call,
        id: LoanId,
        new: &NewSecurity,
    ) -> Result<Done<SecurityChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let mut prng = call.prng();
            let (security, version, after) = match new {
                NewSecurity::Guarantee { guarantor, kind, up_to } => {
                    self.need(&PARTIES, of, *guarantor, "party").await?;
                    let security = guarantee_id(id, *guarantor);
                    // Who was free once may answer for the loan again.
                    let before = self.store().get(&SECURITIES, of, security).await?;
                    let after = found.guarantee(*guarantor, *kind, *up_to)?;
                    (security, before.map_or(0, |it| it.version), after)
                }
                NewSecurity::Collateral { kind, description, valuation, share } => {
                    let collateral = Collateral {
                        kind: *kind,
                        description: description.clone(),
                        currency: found.loan.record.currency,
                        valuations: vec![found.valuation(valuation)?],
                        pledges: BTreeMap::new(),
                    };
                    let security = Id::new(call.now, &mut prng);
                    (security, 0, found.pledge(collateral, *share)?)
                }
                NewSecurity::Pledge { collateral, share } => {
                    let before = self.need(&SECURITIES, of, *collateral, "collateral").await?;
                    let Versioned { record: Security::Collateral(thing), version, lane } = before
                    else {
                        return Err(Refusal::NotFound("collateral"));
                    };
                    if lane != found.loan.lane {
                        return Err(Refusal::NotFound("collateral of this borrower"));
                    }
                    (*collateral, version, found.pledge(thing, *share)?)
                }
            };
            let today = found.business_date();
            let mut commit = call.commit("add-security", found.loan.lane, today);
            // Written each time, so that of two that are taken at once, or of one and the end of
            // the loan, one sees the other.
            let secured = Loan { secured: true, ..found.loan.record.clone() };
            commit.put(&LOANS, id, found.loan.version, &secured);
            let held = found.with(security, &after);
            let (event, place) = ("security-taken", (security, version));
            found.change_security(&mut commit, &mut prng, event, place, &after);
            commit.answer(&found.security_changed(security, &held));
            Ok(commit)
        })
        .await
    }

    /// Values a thing anew that is pledged for a loan, and with it for the others.
    ///
    /// # Errors
    /// As [`Bank::add_security`].
    pub async fn revalue_security(
        &self,
        call: &Call,
        id: LoanId,
        security: SecurityId,
        valuation: &NewValuation,
    ) -> Result<Done<SecurityChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let today = found.business_date();
            let Versioned { record, version, .. } = found.security(security)?.clone();
            let Security::Collateral(thing) = record else {
                return Err(Reject::NotCollateral.into());
            };
            let thing = thing.revalue(found.valuation(valuation)?, today)?;
            let loans: Vec<_> = thing.pledges.keys().copied().collect();
            let after = Security::Collateral(thing);
            let mut commit = call.commit("revalue-security", found.loan.lane, today);
            let mut prng = call.prng();
            for loan in loans.into_iter().filter(|it| *it != id) {
                let other = self.find_loan(&call.caller, loan).await?;
                // Whether it is still noted for that loan.
                commit.expect(&LOANS, loan, other.loan.version);
                other.note_security(&mut commit, &mut prng, &other.with(security, &after));
            }
            commit.expect(&LOANS, id, found.loan.version);
            let held = found.with(security, &after);
            let event = "security-revalued";
            found.change_security(&mut commit, &mut prng, event, (security, version), &after);
            commit.answer(&found.security_changed(security, &held));
            Ok(commit)
        })
        .await
    }

    /// Releases a guarantor, or the share of a thing that is pledged for a loan.
    ///
    /// # Errors
    /// [`Refusal::Security`] while something is owed that the rest is not enough for; as
    /// [`Bank::add_security`].
    pub async fn release_security(
        &self,
        call: &Call,
        id: LoanId,
        security: SecurityId,
    ) -> Result<Done<SecurityChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let today = found.business_date();
            let Versioned { record, version, .. } = found.security(security)?.clone();
            let after = match record {
                Security::Guarantee(it) => {
                    Security::Guarantee(Guarantee { released_on: Some(today), ..it })
                }
                Security::Collateral(mut it) => {
                    it.pledges.remove(&id);
                    Security::Collateral(it)
                }
            };
            let held = found.with(security, &after);
            let (loan, position) = (&found.loan, &found.position);
            let principal = position.as_ref().map_or(Amount::ZERO, |it| it.record.principal);
            held.check_release(found.secured_by(), &loan.record, principal, today)?;
            let mut commit = call.commit("release-security", loan.lane, today);
            let mut prng = call.prng();
            // What the rest was enough for.
            commit.expect(&LOANS, id, loan.version);
            commit.expect(&POSITIONS, id, position.as_ref().map_or(0, |it| it.version));
            found.expect_securities(&mut commit, Some(security));
            let event = "security-released";
            found.change_security(&mut commit, &mut prng, event, (security, version), &after);
            commit.answer(&found.security_changed(security, &held));
            Ok(commit)
        })
        .await
    }

    /// What stands behind a loan.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Store`].
    pub async fn loan_security(
        &self,
        caller: &Caller,
        id: LoanId,
    ) -> Result<LoanSecurity, Refusal> {
        caller.must(Right::Read)?;
        let found = self.find_loan(caller, id).await?;
        let (held, loan) = (found.held(), &found.loan.record);
        let (currency, today) = (loan.currency, found.business_date());
        let position = found.position.as_ref().map(|it| it.record.principal);
        let owed = position.unwrap_or(loan.principal);
        let terms = found.secured_by();
        let value = held.value();
        let loan_to_value = held.loan_to_value(owed, currency);
        let limit = terms.and_then(|it| it.collateral.as_ref()).map(|it| it.loan_to_value);
        let lacks = held.suffices(terms, owed, currency, today).err();
        let lacks = lacks.filter(|_| !loan.status.has_ended());
        let securities = found.securities.into_iter().map(|(id, it)| (id, it.record)).collect();
        Ok(LoanSecurity { currency, securities, value, loan_to_value, limit, lacks })
    }

    pub(super) async fn securities_of(
        &self,
        caller: &Caller,
        id: LoanId,
    ) -> Result<Vec<(SecurityId, Versioned<Security>)>, Refusal> {
        let link = ("loan", &*id.to_string());
        let page = self.store().find(&SECURITIES, caller.institution, link, None, PAGE_MAX).await?;
        Ok(page.data.into_iter().map(|(id, it)| (id.cast(), it)).collect())
    }
}

/// A party answers once for a loan.
fn guarantee_id(loan: LoanId, guarantor: PartyId) -> SecurityId {
    Id::derived_beside(loan.cast::<()>(), &[guarantor.as_bytes()])
}

impl Found {
    /// What the product asks for.
    fn secured_by(&self) -> Option<&product::kinds::instalment_loan::Security> {
        self.product.terms().security.as_ref()
    }

    pub(super) fn held(&self) -> Held {
        Held::of(self.id, self.securities.iter().map(|(_, it)| &it.record))
    }

    /// What is held once one security is another.
    fn with(&self, changed: SecurityId, after: &Security) -> Held {
        let others = self.securities.iter().filter(|(id, _)| *id != changed);
        Held::of(self.id, others.map(|(_, it)| &it.record).chain([after]))
    }

    fn security(&self, id: SecurityId) -> Result<&Versioned<Security>, Refusal> {
        let found = self.securities.iter().find(|(it, _)| *it == id);
        found.map(|(_, it)| it).ok_or(Refusal::NotFound("security of this loan"))
    }

    fn guarantee(
        &self,
        guarantor: PartyId,
        kind: GuaranteeKind,
        up_to: Option<Money>,
    ) -> Result<Security, Refusal> {
        let loan = &self.loan.record;
        let up_to = up_to.map(|it| in_currency(it, loan.currency)).transpose()?;
        let guarantor = borrower(guarantor);
        let new = Guarantee { loan: self.id, guarantor, kind, up_to, released_on: None };
        Ok(Security::Guarantee(new.take(self.secured_by(), loan, &self.held())?))
    }

    fn pledge(&self, thing: Collateral, share: Decimal) -> Result<Security, Refusal> {
        let loan = (self.id, &self.loan.record);
        let today = self.business_date();
        Ok(Security::Collateral(thing.pledge(
            self.secured_by(),
            loan,
            share,
            &self.held(),
            today,
        )?))
    }

    fn valuation(&self, new: &NewValuation) -> Result<Valuation, Refusal> {
        let value = in_currency(new.value, self.loan.record.currency)?;
        Ok(Valuation { value, on: new.on, valuer: new.valuer.clone() })
    }

    /// Refuses a payout for which too little stands behind the loan now, or did on its value date.
    pub(super) fn check_payout(&self, outcome: &Outcome) -> Result<(), Refusal> {
        let (Some(position), Some(on)) = (&outcome.position, pays_out(outcome)) else {
            return Ok(());
        };
        let (held, terms) = (self.held(), self.secured_by());
        for day in [on, self.business_date()] {
            held.suffices(terms, position.principal, self.loan.record.currency, day)?;
        }
        Ok(())
    }

    /// Lets what is noted of a loan's security follow its status. That, and a payout, expect all of
    /// it unchanged.
    pub(super) fn follow_security(&self, commit: &mut Commit, prng: &mut Prng, outcome: &Outcome) {
        let (held, before) = (self.held(), self.loan.record.status);
        let after = outcome.loan.as_ref().map_or(before, |it| it.status);
        if after != before || pays_out(outcome).is_some() {
            self.expect_securities(commit, None);
        }
        self.note(commit, prng, held.noted(before), held.noted(after));
    }

    fn expect_securities(&self, commit: &mut Commit, but: Option<SecurityId>) {
        for (id, it) in self.securities.iter().filter(|(id, _)| Some(*id) != but) {
            commit.expect(&SECURITIES, *id, it.version);
        }
    }

    /// Puts a security that became another into a commit, and notes what it is worth.
    fn change_security(
        &self,
        commit: &mut Commit,
        prng: &mut Prng,
        event: &str,
        (id, version): (SecurityId, u64),
        after: &Security,
    ) {
        commit.put(&SECURITIES, id, version, after);
        self.note_security(commit, prng, &self.with(id, after));
        commit.tell(event, id, &(self.id, after));
    }

    fn note_security(&self, commit: &mut Commit, prng: &mut Prng, after: &Held) {
        let status = self.loan.record.status;
        self.note(commit, prng, self.held().noted(status), after.noted(status));
    }

    /// Notes what is pledged off the balance sheet.
    fn note(&self, commit: &mut Commit, prng: &mut Prng, before: Amount, after: Amount) {
        let (event, amount) = match after.cmp(&before) {
            Ordering::Greater => ("collateral-pledged", after - before),
            Ordering::Less => ("collateral-released", before - after),
            Ordering::Equal => return,
        };
        let (accounting, currency) = (self.product.accounting(), self.loan.record.currency);
        let books = Books { accounting, currency, contract: self.id.cast(), limited: None };
        let today = commit.at.today;
        books.book(commit, event, &[("value", amount)], today, prng);
    }

    fn security_changed(&self, security: SecurityId, held: &Held) -> SecurityChanged {
        let value = Money::new(held.value(), self.loan.record.currency);
        SecurityChanged { security, loan: self.id, value }
    }
}

/// The value date of the payout to the borrower, when there is one.
fn pays_out(outcome: &Outcome) -> Option<Date> {
    let mut now = outcome.facts.iter().filter(|it| it.reversed_on.is_none());
    let is_payout = |what: &What| matches!(what, What::Disbursal { .. } | What::Drawing { .. });
    now.find(|it| is_payout(&it.what)).map(|it| it.on)
}
