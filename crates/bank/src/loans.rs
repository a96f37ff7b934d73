//! Loans: apply, sign, disburse, repay, settle, change. What two people must do together is in
//! [`proposals`], what is done about arrears in [`dunning`], what stands behind
//! loans in [`securities`].

pub mod dunning;
pub mod proposals;
pub mod securities;

use std::{collections::BTreeMap, sync::Arc};

use compliance::rates::Fixing;
use ledger::{InstitutionId, LaneId};
use lending::{
    Application, Dunning, Fact, History, Loan, Outcome, Owed, Position, Quote, Rules, Status, What,
    application::{Decision, Request},
    fact::RateReason,
    outcome::{Entry, booked},
    security::Security,
};
use money::{Amount, Currency, Decimal, Money};
use product::{
    LoanProduct,
    kinds::instalment_loan::{Reference, Reset},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stdx::{Date, Id};
use store::{Commit, Due, Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    books::Books,
    days::CLOSE_LOAN_DAY,
    institutions::Institution,
    packs,
    tables::{
        APPLICATIONS, ApplicationId, DUNNINGS, INSTITUTIONS, LOAN_FACTS, LOANS, LoanFact, LoanId,
        PARTIES, POSITIONS, PartyId, SecurityId, borrower, party_lane,
    },
};

/// The most loans on which one borrower owes at the same time.
pub const LOANS_PER_BORROWER_MAX: usize = 1_000;

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apply {
    /// Who.
    pub party: PartyId,
    /// Under which product.
    pub product: String,
    /// How much.
    pub amount: Money,
    /// What the purchase costs that the loan pays a part of.
    #[serde(default)]
    pub price: Option<Money>,
    /// In how many instalments; the product's usual number when absent.
    #[serde(default)]
    pub term: Option<u32>,
    /// What the product asks beside.
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
}

/// The answer to an application.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The application.
    pub id: ApplicationId,
    /// Itself, with the decision.
    #[serde(flatten)]
    pub application: Application,
}

/// The answer to signing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signed {
    /// The loan that came of it.
    pub loan: LoanId,
}

/// The answer to what moves a loan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoanMoved {
    /// Which loan.
    pub loan: LoanId,
    /// The business date it was booked on.
    pub on: Date,
    /// The loan's status now.
    pub status: Status,
    /// What moved: paid out, or paid.
    pub amount: Money,
    /// What is due now, by component, in minor units.
    pub due: Owed,
    /// Principal still owed, due or not.
    pub principal: Money,
}

/// A loan with what is owed on it; nothing is owed before it is paid out.
#[derive(Clone, Debug, PartialEq)]
pub struct LoanState {
    /// The loan.
    pub id: LoanId,
    /// The contract.
    pub loan: Loan,
    /// What is owed.
    pub position: Option<Position>,
    /// The version of the contract's record.
    pub version: u64,
}

/// Something that is to happen to a loan.
#[derive(Clone, Debug, PartialEq)]
pub struct Happening {
    /// What.
    pub what: What,
    /// The currency of its amounts, if it has any.
    pub currency: Option<Currency>,
    /// The value date; the business date when absent.
    pub on: Option<Date>,
}

/// What a command would do to a loan.
#[derive(Clone, Debug, PartialEq)]
pub struct LoanPreview {
    /// The loan as it would stand.
    pub state: LoanState,
    /// What would be booked: event, name of the amount, amount; less than was booked is negative.
    pub entries: Vec<(&'static str, &'static str, Money)>,
}

/// A loan as a command finds it.
pub(crate) struct Found {
    id: LoanId,
    pub(crate) loan: Versioned<Loan>,
    /// What is owed; nothing before the loan is paid out.
    pub(crate) position: Option<Versioned<Position>>,
    /// The version of the product it is under now.
    product: Arc<LoanProduct>,
    /// Those it was under before, or is to move to.
    pub(crate) others: Vec<Arc<LoanProduct>>,
    institution: Versioned<Institution>,
    /// Where its dunning stands; nothing before anything was due.
    dunning: Option<Versioned<Dunning>>,
    /// What stands behind it.
    securities: Vec<(SecurityId, Versioned<Security>)>,
}

impl Bank {
    /// Applies for a loan: the product's rules decide, and an approval comes with an offer.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for the party or the product, [`Refusal::OtherKind`],
    /// [`Refusal::OtherCurrency`], [`Refusal::TooMany`] loans, [`Refusal::Lending`].
    pub async fn apply(&self, call: &Call, apply: &Apply) -> Result<Done<Applied>, Refusal> {
        call.caller.must(Right::Contracts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?.record;
            let today = institution.business_date;
            let party = self.need(&PARTIES, of, apply.party, "party").await?;
            let product = self.product_in_force(&call.caller, &apply.product, today).await?;
            let product = product.instalment_loan()?;
            let amount = in_currency(apply.amount, product.currency())?;
            let request = Request {
                borrower: borrower(apply.party),
                amount,
                price: apply.price.map(|it| in_currency(it, product.currency())).transpose()?,
                term: apply.term,
                applicant: self.applicant(call, &party.record, product.currency(), today).await?,
                facts: apply.facts.clone(),
                reference: reference(&product, today),
                suspended_after: suspended_after(today),
                ceilings: packs::ceilings(product.definition(), today),
            };
            let outcome =
                lending::application::apply(&product, institution.calendar(), request, today)?;
            let application = outcome.application.clone().expect("an application was decided");
            let id = Id::new(call.now, &mut call.prng());
            let mut commit = call.commit("apply", party_lane(apply.party), today);
            commit.expect(&PARTIES, apply.party, party.version);
            commit.put(&APPLICATIONS, id, 0, &application);
            tell(&mut commit, id, &outcome);
            commit.answer(&Applied { id, application });
            Ok(commit)
        })
        .await
    }

    /// Takes an offer: the application becomes a contract.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`] when there is no offer or it is too late.
    pub async fn sign(&self, call: &Call, id: ApplicationId) -> Result<Done<Signed>, Refusal> {
        call.caller.must(Right::Contracts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let application = self.need(&APPLICATIONS, of, id, "application").await?;
            let outcome = lending::contract::sign(&application.record, today)?;
            let loan: LoanId = Id::new(call.now, &mut call.prng());
            let mut commit = call.commit("sign", application.lane, today);
            if let Some(signed) = &outcome.application {
                commit.put(&APPLICATIONS, id, application.version, signed);
            }
            if let Some(contract) = &outcome.loan {
                commit.put(&LOANS, loan, 0, contract);
            }
            tell(&mut commit, loan, &outcome);
            commit.answer(&Signed { loan });
            Ok(commit)
        })
        .await
    }

    /// Pays a signed loan out, or of a product that pays in parts the first part.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Lending`],
    /// [`Refusal::Ledger`]; [`Refusal::Security`] when too little stands behind it.
    pub async fn disburse(
        &self,
        call: &Call,
        id: LoanId,
        part: Option<Money>,
    ) -> Result<Done<LoanMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let (loan, today) = (&found.loan.record, found.today());
            let part = part.map(|it| in_currency(it, loan.currency)).transpose()?;
            let outcome = lending::disburse(loan, found.rules(), part, today)?;
            found.check_payout(&outcome)?;
            let mut commit = call.commit("disburse", found.loan.lane, today);
            // The business date must not move under the first day of interest.
            commit.expect(&INSTITUTIONS, of, found.institution.version);
            found.record(call, &mut commit, &outcome);
            let paid_out = part.unwrap_or(loan.principal) - loan.upfront_fees;
            commit.answer(&found.moved(&outcome, paid_out, today));
            Ok(commit)
        })
        .await
    }

    /// Takes a payment.
    ///
    /// # Errors
    /// As [`Bank::loan_happens`].
    pub async fn repay(
        &self,
        call: &Call,
        id: LoanId,
        payment: Money,
    ) -> Result<Done<LoanMoved>, Refusal> {
        let what = |amount| What::Repayment { amount };
        self.pay(call, "repay", id, payment, what).await
    }

    /// What settles a loan on a day; today when absent.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`].
    pub async fn settlement_quote(
        &self,
        caller: &Caller,
        id: LoanId,
        on: Option<Date>,
    ) -> Result<Quote, Refusal> {
        caller.must(Right::Read)?;
        let found = self.find_loan(caller, id).await?;
        let (loan, position) = found.active()?;
        Ok(lending::quote(loan, position, found.rules(), on.unwrap_or(position.through))?)
    }

    /// Settles a loan with exactly the quoted amount.
    ///
    /// # Errors
    /// As [`Bank::loan_happens`].
    pub async fn settle(
        &self,
        call: &Call,
        id: LoanId,
        payment: Money,
    ) -> Result<Done<LoanMoved>, Refusal> {
        let what = |amount| What::Settlement { amount, fee: Amount::ZERO };
        self.pay(call, "settle", id, payment, what).await
    }

    async fn pay(
        &self,
        call: &Call,
        command: &'static str,
        id: LoanId,
        payment: Money,
        what: impl Fn(Amount) -> What,
    ) -> Result<Done<LoanMoved>, Refusal> {
        call.caller.must(Right::Payments)?;
        let what = &what;
        self.move_loan(call, command, id, |found| {
            let (loan, position) = found.active()?;
            let amount = in_currency(payment, loan.currency)?;
            let on = found.business_date();
            Ok((lending::happen(loan, position, found.rules(), what(amount), on)?, amount))
        })
        .await
    }

    /// Lets something happen to a loan, on an earlier value date if one is named.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Lending`],
    /// [`Refusal::Ledger`]; [`Refusal::Proposal`] for what one person alone may not do.
    pub async fn loan_happens(
        &self,
        call: &Call,
        id: LoanId,
        happening: &Happening,
    ) -> Result<Done<LoanMoved>, Refusal> {
        call.caller.must(right_for(&happening.what))?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            found.check_direct(happening)?;
            let outcome = self.decide(of, &found, happening).await?;
            Ok(found.commit(call, "loan-fact", &outcome))
        })
        .await
    }

    /// What [`Bank::loan_happens`] would do now.
    ///
    /// # Errors
    /// As there.
    pub async fn preview_loan(
        &self,
        caller: &Caller,
        id: LoanId,
        happening: &Happening,
    ) -> Result<LoanPreview, Refusal> {
        caller.must(Right::Read)?;
        let found = self.find_loan(caller, id).await?;
        let outcome = self.decide(caller.institution, &found, happening).await?;
        Ok(found.preview(outcome))
    }

    /// Takes back what happened to a loan.
    ///
    /// # Errors
    /// As [`Bank::loan_happens`].
    pub async fn reverse_loan_fact(
        &self,
        call: &Call,
        id: LoanId,
        number: u32,
    ) -> Result<Done<LoanMoved>, Refusal> {
        call.caller.must(Right::Approve)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            found.check_direct_reversal()?;
            let facts = self.all_facts(of, id).await?;
            let outcome = found.reversal(&facts, number)?;
            Ok(found.commit(call, "reverse-loan-fact", &outcome))
        })
        .await
    }

    /// What happened to a loan, in the order in which it was booked.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Store`].
    pub async fn loan_facts(&self, caller: &Caller, id: LoanId) -> Result<Vec<Fact>, Refusal> {
        caller.must(Right::Read)?;
        self.need(&LOANS, caller.institution, id, "loan").await?;
        self.all_facts(caller.institution, id).await
    }

    pub(crate) async fn all_facts(
        &self,
        of: InstitutionId,
        id: LoanId,
    ) -> Result<Vec<Fact>, Refusal> {
        let found = self.linked(&LOAN_FACTS, of, ("loan", &id.to_string())).await?;
        let mut facts: Vec<_> = found.into_iter().map(|(_, it)| it.record.fact).collect();
        facts.sort_by_key(|it| it.number);
        Ok(facts)
    }

    async fn decide(
        &self,
        of: InstitutionId,
        found: &Found,
        happening: &Happening,
    ) -> Result<Outcome, Refusal> {
        let (loan, position) = found.active()?;
        let Happening { what, currency, on } = happening;
        if currency.is_some_and(|it| it != loan.currency) {
            return Err(Refusal::OtherCurrency);
        }
        let (rules, today) = (found.rules(), found.business_date());
        let outcome = match on.filter(|on| *on != today) {
            None => lending::happen(loan, position, rules, what.clone(), today)?,
            Some(on) => {
                let facts = self.all_facts(of, found.id).await?;
                let history = History { loan, position, facts: &facts, rules, today };
                history.book_late(what.clone(), on)?
            }
        };
        found.check_payout(&outcome)?;
        Ok(outcome)
    }

    /// A command that moves an active loan on its business date, which is that of the institution
    /// except while days are being closed.
    async fn move_loan(
        &self,
        call: &Call,
        command: &'static str,
        id: LoanId,
        decide: impl Fn(&Found) -> Result<(Outcome, Amount), Refusal>,
    ) -> Result<Done<LoanMoved>, Refusal> {
        let decide = &decide;
        self.carry_out(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let (outcome, amount) = decide(&found)?;
            let on = found.business_date();
            let mut commit = call.commit(command, found.loan.lane, on);
            found.record(call, &mut commit, &outcome);
            commit.answer(&found.moved(&outcome, amount, on));
            Ok(commit)
        })
        .await
    }

    /// Closes a loan's business day: interest, penalty, what becomes due. Answers the day to be
    /// closed next, if there is one.
    pub(crate) async fn close_loan_day(
        &self,
        call: &Call,
        id: LoanId,
        day: Date,
    ) -> Result<Option<Date>, Refusal> {
        let done = self.carry_out::<Option<Date>, _>(call, move || async move {
            let found = self.find_loan(&call.caller, id).await?;
            let outcome = found.close_day(day)?;
            let mut commit = call.commit("close-loan-day", found.loan.lane, day);
            found.record(call, &mut commit, &outcome);
            commit.answer(&outcome.timer);
            Ok(commit)
        });
        match done.await {
            // Settled after its timer was read: no day is left.
            Err(Refusal::Lending(lending::Reject::NotActive)) => Ok(None),
            done => Ok(done?.answer),
        }
    }

    pub(crate) async fn find_loan(&self, caller: &Caller, id: LoanId) -> Result<Found, Refusal> {
        let of = caller.institution;
        let institution = self.institution(caller).await?;
        let loan = self.need(&LOANS, of, id, "loan").await?;
        let position = self.store().get(&POSITIONS, of, id).await?;
        let Loan { product, version, .. } = &loan.record;
        let product = self.pinned_product(caller, product, *version).await?.loan()?;
        let others = self.earlier_versions(caller, &loan.record).await?;
        let never_dunned =
            product.terms().dunning.is_empty() && loan.record.before_migration.is_none();
        let dunning = match never_dunned {
            true => None,
            false => self.store().get(&DUNNINGS, of, id).await?,
        };
        let securities = match loan.record.secured {
            true => self.securities_of(caller, id).await?,
            false => Vec::new(),
        };
        Ok(Found { id, loan, position, product, others, institution, dunning, securities })
    }

    /// The versions of its product a loan was under before the one it is under now.
    pub(crate) async fn earlier_versions(
        &self,
        caller: &Caller,
        loan: &Loan,
    ) -> Result<Vec<Arc<LoanProduct>>, Refusal> {
        let mut earlier = Vec::new();
        for version in loan.before_migration.iter().flat_map(|it| &it.versions) {
            earlier.push(self.pinned_product(caller, &loan.product, *version).await?.loan()?);
        }
        Ok(earlier)
    }

    /// A loan.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn loan(&self, caller: &Caller, id: LoanId) -> Result<LoanState, Refusal> {
        caller.must(Right::Read)?;
        let loan = self.need(&LOANS, caller.institution, id, "loan").await?;
        self.state(caller, (id.cast(), loan)).await
    }

    /// Loans, oldest first; of one borrower, or all.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn loans(
        &self,
        caller: &Caller,
        of_party: Option<PartyId>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<LoanState, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let of = caller.institution;
        let page = match of_party {
            None => self.store().list(&LOANS, of, after, limit).await?,
            Some(party) => {
                let link = ("borrower", &*party.to_string());
                self.store().find(&LOANS, of, link, after, limit).await?
            }
        };
        let mut data = Vec::with_capacity(page.data.len());
        for stored in page.data {
            data.push(self.state(caller, stored).await?);
        }
        Ok(Page { data, next: page.next })
    }

    async fn state(&self, caller: &Caller, stored: Stored<Loan>) -> Result<LoanState, Refusal> {
        let (id, loan) = stored;
        let position = self.store().get(&POSITIONS, caller.institution, id).await?;
        let position = position.map(|it| it.record);
        Ok(LoanState { id: id.cast(), loan: loan.record, position, version: loan.version })
    }

    /// An application.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn application(
        &self,
        caller: &Caller,
        id: ApplicationId,
    ) -> Result<Versioned<Application>, Refusal> {
        caller.must(Right::Read)?;
        self.need(&APPLICATIONS, caller.institution, id, "application").await
    }

    /// What a party owes on all its loans in a currency, paid out or about to be, with what its
    /// lines hold, and the worst days past due on any.
    pub(crate) async fn exposure(
        &self,
        call: &Call,
        party: PartyId,
        currency: Currency,
    ) -> Result<(Amount, u32), Refusal> {
        let of = call.caller.institution;
        let link = ("debtor", &*party.to_string());
        let loans = self.store().find(&LOANS, of, link, None, LOANS_PER_BORROWER_MAX).await?;
        if loans.next.is_some() {
            return Err(Refusal::LimitReached("LOANS_PER_BORROWER_MAX", LOANS_PER_BORROWER_MAX));
        }
        let (mut outstanding, mut days_past_due) = self.line_exposure(of, party, currency).await?;
        for (id, loan) in loans.data {
            let position = self.store().get(&POSITIONS, of, id).await?.map(|it| it.record);
            let owed = position.as_ref().map_or(loan.record.principal, |it| it.principal);
            if loan.record.currency == currency {
                outstanding += owed;
            }
            days_past_due = days_past_due.max(position.map_or(0, |it| it.days_past_due));
        }
        Ok((outstanding, days_past_due))
    }
}

/// Facts of a loan lie together.
pub(crate) fn fact_id(loan: LoanId, number: u32) -> Id<LoanFact> {
    Id::derived_beside(loan.cast::<()>(), &[&number.to_be_bytes()])
}

/// Money is moved by those who move money; what is given up or agreed anew needs other eyes.
fn right_for(what: &What) -> Right {
    match what {
        What::Disbursal { .. }
        | What::Drawing { .. }
        | What::Repayment { .. }
        | What::Prepayment { .. }
        | What::Settlement { .. }
        | What::Refund { .. }
        | What::Subsidy { .. }
        | What::ThirdPartyFee { .. } => Right::Payments,
        What::RateChange { .. }
        | What::InterestPause { .. }
        | What::Rescheduling(_)
        | What::Waiver { .. }
        | What::ChargeOff
        | What::WriteOff
        | What::Sale { .. } => Right::Approve,
        What::Migration { .. } => Right::ReleaseProducts,
    }
}

/// The reference rate of a day, for a product whose rate follows one.
pub(crate) fn reference(product: &LoanProduct, day: Date) -> Option<Decimal> {
    let floating = product.terms().interest.floating.as_ref()?;
    fixing(floating.reference, day).map(|it| it.value.0)
}

/// The fixing of a reference rate in force on a day.
pub(crate) fn fixing(reference: Reference, day: Date) -> Option<&'static Fixing> {
    let key = match reference {
        Reference::Lpr1y => "lpr-1y",
        Reference::Lpr5y => "lpr-over-5y",
    };
    compliance::cn::lpr().on(key, day)
}

/// After how many days past due interest is not income before it is paid.
pub(crate) fn suspended_after(day: Date) -> Option<u32> {
    compliance::cn::non_accrual().on("interest", day).map(|rule| rule.value.over_days)
}

/// What entries say, in money: event, name of the amount, amount.
pub(crate) fn in_money(
    entries: &[Entry],
    currency: Currency,
) -> Vec<(&'static str, &'static str, Money)> {
    booked(entries).map(|(event, name, it)| (event, name, Money::new(it, currency))).collect()
}

pub(crate) fn in_currency(money: Money, currency: Currency) -> Result<Amount, Refusal> {
    if money.currency == currency { Ok(money.amount) } else { Err(Refusal::OtherCurrency) }
}

fn tell<I>(commit: &mut Commit, subject: Id<I>, outcome: &Outcome) {
    for event in &outcome.events {
        commit.tell(event.name(), subject, event);
    }
}

impl Found {
    /// A loan that is signed by the commit it is put into.
    pub(crate) fn signed(
        id: LoanId,
        loan: &Loan,
        lane: LaneId,
        product: &Arc<LoanProduct>,
        institution: &Versioned<Institution>,
    ) -> Self {
        let loan = Versioned { version: 0, lane, record: loan.clone() };
        let (product, institution) = (product.clone(), institution.clone());
        let (others, dunning, securities) = (Vec::new(), None, Vec::new());
        Self { id, loan, position: None, product, others, institution, dunning, securities }
    }

    pub(crate) fn rules(&self) -> Rules<'_> {
        let calendar = self.institution.record.calendar();
        Rules { product: &self.product, others: &self.others, calendar }
    }

    /// The business date of the institution.
    fn today(&self) -> Date {
        self.institution.record.business_date
    }

    /// The loan's own, which is ahead while days are being closed; of a loan that has ended, the
    /// institution's.
    pub(crate) fn business_date(&self) -> Date {
        let through = self.position.as_ref().map(|it| it.record.through);
        match self.loan.record.status {
            Status::Active => through.unwrap_or(self.today()),
            _ => through.map_or(self.today(), |through| through.max(self.today())),
        }
    }

    /// Closes a day of the loan. A rate that is taken anew on it counts from its start.
    fn close_day(&self, day: Date) -> Result<Outcome, Refusal> {
        let (loan, position) = self.active()?;
        let rules = self.rules();
        let Some(rate) = self.reset(loan, day) else {
            return Ok(lending::close_day(loan, position, rules, day)?);
        };
        let what = What::RateChange { rate, reason: RateReason::Reset };
        let reset = lending::happen(loan, position, rules, what, day)?;
        let loan = reset.loan.clone().unwrap_or_else(|| loan.clone());
        let position = reset.position.clone().unwrap_or_else(|| position.clone());
        let closed = lending::close_day(&loan, &position, rules, day)?;
        Ok(reset.then(closed))
    }

    /// The rate from a day on, when it is taken anew on that day and is another.
    fn reset(&self, loan: &Loan, day: Date) -> Option<Decimal> {
        let floating = self.product.terms().interest.floating.as_ref()?;
        let disbursed_on = loan.disbursed_on.filter(|first| *first < day)?;
        let is_due = match floating.reset {
            Reset::FirstOfJanuary => (day.month(), day.day()) == (1, 1),
            Reset::Anniversary => {
                let years = i64::from(day.year()).checked_sub(i64::from(disbursed_on.year()))?;
                disbursed_on.checked_add(jiff::Span::new().years(years)).ok()? == day
            }
            Reset::EachFixing => fixing(floating.reference, day)?.from == day,
        };
        let rate = self.product.rate(reference(&self.product, day)).ok().filter(|_| is_due)?;
        let rate = lending::capped(loan, &self.product, self.rules().calendar, rate);
        (rate != loan.schedule.rate && !loan.plan.is_empty()).then_some(rate)
    }

    /// The commit of something that happened.
    fn commit(&self, call: &Call, command: &'static str, outcome: &Outcome) -> Commit {
        let on = self.business_date();
        let mut commit = call.commit(command, self.loan.lane, on);
        self.record(call, &mut commit, outcome);
        let amount = outcome.facts.iter().map(|fact| fact.what.amount()).sum();
        commit.answer(&self.moved(outcome, amount, on));
        commit
    }

    fn preview(&self, outcome: Outcome) -> LoanPreview {
        let currency = self.loan.record.currency;
        let entries = in_money(&outcome.entries, currency);
        let loan = outcome.loan.unwrap_or_else(|| self.loan.record.clone());
        let (id, version) = (self.id, self.loan.version);
        let state = LoanState { id, loan, position: outcome.position, version };
        LoanPreview { state, entries }
    }

    /// The loan with what happened to it.
    pub(crate) fn history<'h>(&'h self, facts: &'h [Fact]) -> Result<History<'h>, Refusal> {
        let (loan, position) = self.active()?;
        Ok(History { loan, position, facts, rules: self.rules(), today: self.business_date() })
    }

    /// What taking a fact back does. A move to another version goes back with its migration, which
    /// keeps count of it.
    fn reversal(&self, facts: &[Fact], number: u32) -> Result<Outcome, Refusal> {
        let history = self.history(facts)?;
        let moved = |it: &Fact| it.number == number && matches!(it.what, What::Migration { .. });
        if facts.iter().any(moved) {
            return Err(lending::Reject::NotReversible.into());
        }
        Ok(history.reverse(number)?)
    }

    /// The contract and what is owed on it.
    pub(crate) fn active(&self) -> Result<(&Loan, &Position), Refusal> {
        let position = self.position.as_ref().ok_or(lending::Reject::NotActive)?;
        Ok((&self.loan.record, &position.record))
    }

    /// Puts an outcome into a commit: records, transfers, events, the loan's timer of the day
    /// and that of its dunning.
    ///
    /// A contract that is paid out changes only together with its position. So the version of the
    /// position guards both, and the daily commit leaves the contract, which is long, alone.
    pub(crate) fn record(&self, call: &Call, commit: &mut Commit, outcome: &Outcome) {
        let Self { id, loan, position, product, .. } = self;
        if let Some(after) = &outcome.loan {
            commit.put(&LOANS, *id, loan.version, after);
        }
        if let Some(after) = &outcome.position {
            commit.put(&POSITIONS, *id, position.as_ref().map_or(0, |it| it.version), after);
        }
        for fact in &outcome.facts {
            // It is written when it happens, and once more when it is taken back.
            let version = u64::from(fact.reversed_on.is_some());
            let record = LoanFact { loan: *id, fact: fact.clone() };
            commit.put(&LOAN_FACTS, fact_id(*id, fact.number), version, &record);
        }
        let (accounting, currency) = (product.accounting(), loan.record.currency);
        let books = Books { accounting, currency, contract: id.cast(), limited: None };
        let mut prng = call.prng();
        books.book_all(commit, &outcome.entries, &mut prng);
        tell(commit, *id, outcome);
        self.follow_dunning(commit, outcome);
        self.follow_security(commit, &mut prng, outcome);
        let active = self.loan.record.status == Status::Active;
        let timer = position.as_ref().map(|it| it.record.through).filter(|_| active);
        if timer != outcome.timer {
            if let Some(day) = timer {
                commit.clear_timer(Due::Day(day), CLOSE_LOAN_DAY, *id);
            }
            if let Some(day) = outcome.timer {
                commit.set_timer(Due::Day(day), CLOSE_LOAN_DAY, *id);
            }
        }
    }

    /// The answer to what moved the loan.
    fn moved(&self, outcome: &Outcome, amount: Amount, on: Date) -> LoanMoved {
        let loan = outcome.loan.as_ref().unwrap_or(&self.loan.record);
        let position = outcome.position.as_ref().expect("what moves a loan moves its position");
        LoanMoved {
            loan: self.id,
            on,
            status: loan.status,
            amount: Money::new(amount, loan.currency),
            due: position.due(),
            principal: Money::new(position.principal, loan.currency),
        }
    }
}

/// Whether an application was approved.
pub fn is_approved<O>(application: &Application<O>) -> bool {
    matches!(application.decision, Decision::Approved { .. })
}
