//! Credit lines: apply, sign, draw, hold and capture, limits, freeze, renew, close.
//!
//! A line and its drawings lie in one lane, and every command that changes what is used of a line
//! writes the line's record: of two that were decided on the same version, one is decided anew.
//! What a repayment frees is seen by the next command, which reads the positions.

use std::{collections::BTreeMap, sync::Arc};

use ledger::InstitutionId;
use lending::{
    Application, Loan, Position,
    application::Request,
    line::{self, Drawing, LineOffer, LineStatus, Standing, Use, Utilisation},
};
use money::{Amount, Money};
use product::RevolvingProduct;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stdx::{Date, Id};
use store::{Commit, Page, Stored, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    accounts::move_timer,
    days::CLOSE_LINE_DAY,
    institutions::Institution,
    line_accounts::{self, FoundAccount},
    loans::{self, in_currency},
    packs,
    tables::{
        INSTITUTIONS, LINE_APPLICATIONS, LINE_POSITIONS, LINES, LOANS, LineApplicationId, LineId,
        LoanId, PARTIES, POSITIONS, PartyId, borrower, party_lane,
    },
};

/// The most lines of one borrower.
pub const LINES_PER_BORROWER_MAX: usize = 100;
/// The most lines of a page: what is used of each is read with all its drawings.
pub const LINES_PAGE_MAX: usize = 50;

/// Which limit somebody asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApplyForLine {
    /// Who.
    pub party: PartyId,
    /// Under which product.
    pub product: String,
    /// How high.
    pub limit: Money,
    /// What the product asks beside.
    #[serde(default)]
    pub facts: BTreeMap<String, Value>,
}

/// The answer to an application for a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineApplied {
    /// The application.
    pub id: LineApplicationId,
    /// Itself, with the decision.
    #[serde(flatten)]
    pub application: Application<LineOffer>,
}

/// What is drawn of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// How much; of a hold, all of it when absent.
    pub amount: Option<Money>,
    /// In how many instalments; the product's usual number when absent.
    pub term: Option<u32>,
}

/// What is to be held of a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHold {
    /// How much.
    pub amount: Money,
    /// The last day; as late as the product allows when absent.
    pub until: Option<Date>,
    /// What for.
    pub purpose: String,
}

/// The answer to every command on a line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineChanged {
    /// Which line.
    pub line: LineId,
    /// The business date.
    pub on: Date,
    /// Where the line stands now.
    pub status: LineStatus,
    /// The limit of the day.
    pub limit: Money,
    /// Principal owed on its drawings, or the balance of its account.
    pub drawn: Money,
    /// What is held.
    pub held: Money,
    /// What may be drawn or held now.
    pub available: Money,
    /// The loan that was drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loan: Option<LoanId>,
    /// The hold that was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<u32>,
}

/// A line with what is used of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LineState {
    /// The line.
    pub id: LineId,
    /// The contract.
    pub line: line::Line,
    /// What is used and what is left.
    pub utilisation: Utilisation,
    /// Whether its last day to be drawn on is over.
    pub expired: bool,
    /// The version of the record.
    pub version: u64,
}

/// A line as a command finds it.
pub(crate) struct FoundLine {
    pub(crate) id: LineId,
    pub(crate) line: Versioned<line::Line>,
    /// What purchases gather on, if it is not drawn on.
    pub(crate) account: Option<FoundAccount>,
    used: Use,
    pub(crate) product: Arc<RevolvingProduct>,
    pub(crate) institution: Versioned<Institution>,
}

impl Bank {
    /// Applies for a line: the product's rules decide, and an approval comes with an offer.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for the party or the product, [`Refusal::OtherKind`],
    /// [`Refusal::OtherCurrency`], [`Refusal::TooMany`] loans or lines, [`Refusal::Lending`].
    pub async fn apply_for_line(
        &self,
        call: &Call,
        apply: &ApplyForLine,
    ) -> Result<Done<LineApplied>, Refusal> {
        call.caller.must(Right::Contracts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?.record;
            let today = institution.business_date;
            let party = self.need(&PARTIES, of, apply.party, "party").await?;
            let product = self.product_in_force(&call.caller, &apply.product, today).await?;
            let product = product.revolving()?;
            let currency = product.currency();
            let request = Request {
                borrower: borrower(apply.party),
                amount: in_currency(apply.limit, currency)?,
                term: None,
                applicant: self.applicant(call, &party.record, currency, today).await?,
                facts: apply.facts.clone(),
                reference: product.drawing().and_then(|it| loans::reference(it, today)),
                suspended_after: loans::suspended_after(today),
                price: None,
                ceilings: packs::ceilings(product.definition(), today),
            };
            let (application, events) =
                line::apply(&product, institution.calendar(), request, today)?;
            let id = Id::new(call.now, &mut call.prng());
            let mut commit = call.commit("apply-for-line", party_lane(apply.party), today);
            commit.expect(&PARTIES, apply.party, party.version);
            commit.put(&LINE_APPLICATIONS, id, 0, &application);
            for event in &events {
                commit.tell(event.name(), id, event);
            }
            commit.answer(&LineApplied { id, application });
            Ok(commit)
        })
        .await
    }

    /// Takes an offer: the line is open.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`] when there is no offer or it is too late.
    pub async fn sign_line(
        &self,
        call: &Call,
        id: LineApplicationId,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Contracts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let institution = self.institution(&call.caller).await?;
            let today = institution.record.business_date;
            let application = self.need(&LINE_APPLICATIONS, of, id, "application").await?;
            let (signed, opened) = line::open(&application.record, today)?;
            let mut commit = call.commit("sign-line", application.lane, today);
            commit.put(&LINE_APPLICATIONS, id, application.version, &signed);
            let line: LineId = Id::new(call.now, &mut call.prng());
            let record = opened.line.clone();
            let product = &record.product;
            let product = self.pinned_product(&call.caller, product, record.version).await?;
            let found = FoundLine {
                id: line,
                line: Versioned { version: 0, lane: application.lane, record },
                account: None,
                used: Use::default(),
                product: product.revolving()?,
                institution,
            };
            found.record(call, &mut commit, &opened, None);
            Ok(commit)
        })
        .await
    }

    /// Draws on a line: a loan is made and paid out.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Lending`],
    /// [`Refusal::Ledger`].
    pub async fn draw(
        &self,
        call: &Call,
        id: LineId,
        draw: Draw,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        let loan: LoanId = Id::new(call.now, &mut call.prng());
        self.change_line(call, "draw", id, Some(loan), |found| {
            let amount = found.amount(draw.amount)?.unwrap_or(Amount::ZERO);
            Ok(found.standing().draw(found.drawing(loan, amount, draw.term))?)
        })
        .await
    }

    /// Keeps a part of the limit free for a purchase.
    ///
    /// # Errors
    /// As [`Bank::draw`].
    pub async fn hold_limit(
        &self,
        call: &Call,
        id: LineId,
        new: &NewHold,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.change_line(call, "hold-limit", id, None, |found| {
            let amount = in_currency(new.amount, found.line.record.currency)?;
            Ok(found.standing().hold(amount, new.until, &new.purpose)?)
        })
        .await
    }

    /// Draws what is held, or a part of it, the rest being free again.
    ///
    /// # Errors
    /// As [`Bank::draw`].
    pub async fn capture_hold(
        &self,
        call: &Call,
        id: LineId,
        number: u32,
        draw: Draw,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        let loan: LoanId = Id::new(call.now, &mut call.prng());
        self.change_line(call, "capture-hold", id, Some(loan), |found| {
            let part = found.amount(draw.amount)?;
            let drawing =
                |hold: &line::Hold| found.drawing(loan, part.unwrap_or(hold.amount), draw.term);
            Ok(found.standing().capture(number, drawing)?)
        })
        .await
    }

    /// Gives a hold up.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`].
    pub async fn release_hold(
        &self,
        call: &Call,
        id: LineId,
        number: u32,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        self.change_line(call, "release-hold", id, None, |found| {
            Ok(found.standing().release(number)?)
        })
        .await
    }

    /// Changes the limit, also to less than is used of it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::OtherCurrency`], [`Refusal::Lending`].
    pub async fn change_limit(
        &self,
        call: &Call,
        id: LineId,
        limit: Money,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Approve)?;
        self.change_line(call, "change-limit", id, None, |found| {
            let limit = in_currency(limit, found.line.record.currency)?;
            Ok(found.standing().change_limit(limit)?)
        })
        .await
    }

    /// Raises the limit through a day.
    ///
    /// # Errors
    /// As [`Bank::change_limit`].
    pub async fn raise_limit(
        &self,
        call: &Call,
        id: LineId,
        limit: Money,
        until: Date,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Approve)?;
        self.change_line(call, "raise-limit", id, None, |found| {
            let limit = in_currency(limit, found.line.record.currency)?;
            Ok(found.standing().raise_limit(limit, until)?)
        })
        .await
    }

    /// Lets nothing be drawn for the time being.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`].
    pub async fn freeze_line(
        &self,
        call: &Call,
        id: LineId,
        reason: &str,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Payments)?;
        let freeze = |found: &FoundLine| Ok(found.standing().freeze(reason)?);
        self.change_line(call, "freeze-line", id, None, freeze).await
    }

    /// Lets a frozen line be drawn on again.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`].
    pub async fn unfreeze_line(
        &self,
        call: &Call,
        id: LineId,
        reason: &str,
    ) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Approve)?;
        let unfreeze = |found: &FoundLine| Ok(found.standing().unfreeze(reason)?);
        self.change_line(call, "unfreeze-line", id, None, unfreeze).await
    }

    /// Lets a line be drawn on for as long from today as a new one is.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`].
    pub async fn renew_line(&self, call: &Call, id: LineId) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Approve)?;
        self.change_line(call, "renew-line", id, None, |found| Ok(found.standing().renew()?)).await
    }

    /// Closes a line on which nothing is drawn or held, with its account. That lives on when
    /// something is owed again because a payment was taken back, and is closed once more.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Lending`].
    pub async fn close_line(&self, call: &Call, id: LineId) -> Result<Done<LineChanged>, Refusal> {
        call.caller.must(Right::Contracts)?;
        self.carry_out(call, move || async move {
            let found = self.find_line(&call.caller, id).await?;
            let (line, account) = (&found.line.record, found.close_account()?);
            let closed = match (line.status, &account) {
                (LineStatus::Closed, Some(_)) => line::Outcome::unchanged(line.clone()),
                _ => found.standing().close()?,
            };
            let mut commit = call.commit("close-line", found.line.lane, found.today());
            if let Some(outcome) = account {
                self.record_account(call, &mut commit, &found, &outcome).await?;
            }
            found.record(call, &mut commit, &closed, None);
            Ok(commit)
        })
        .await
    }

    /// A command on a line; `loan` is the one that it draws.
    async fn change_line(
        &self,
        call: &Call,
        command: &'static str,
        id: LineId,
        loan: Option<LoanId>,
        decide: impl Fn(&FoundLine) -> Result<line::Outcome, Refusal>,
    ) -> Result<Done<LineChanged>, Refusal> {
        let decide = &decide;
        self.carry_out(call, move || async move {
            let found = self.find_line(&call.caller, id).await?;
            let outcome = decide(&found)?;
            let mut commit = call.commit(command, found.line.lane, found.today());
            found.record(call, &mut commit, &outcome, loan);
            Ok(commit)
        })
        .await
    }

    /// Ends what of a line ends with a day. Answers the day on which something ends next.
    pub(crate) async fn close_line_day(
        &self,
        call: &Call,
        id: LineId,
        day: Date,
    ) -> Result<Option<Date>, Refusal> {
        let of = call.caller.institution;
        // What is held until a day that was closed, but whose date stands, ends with it as well:
        // closing it again is not a repetition when the line is another.
        let version = self.need(&LINES, of, id, "line").await?.version;
        let call = &call.within(format!("{CLOSE_LINE_DAY}/{day}/{id}/{version}"));
        let done = self.carry_out::<Option<Date>, _>(call, move || async move {
            let line = self.need(&LINES, of, id, "line").await?;
            let outcome = line.record.close_day(day);
            let mut commit = call.commit("close-line-day", line.lane, day);
            put(&mut commit, id, &line, &outcome);
            commit.answer(&outcome.line.timer());
            Ok(commit)
        });
        Ok(done.await?.answer)
    }

    pub(crate) async fn find_line(
        &self,
        caller: &Caller,
        id: LineId,
    ) -> Result<FoundLine, Refusal> {
        let institution = self.institution(caller).await?;
        let line = self.need(&LINES, caller.institution, id, "line").await?;
        self.found_line(caller, id, line, institution).await
    }

    async fn found_line(
        &self,
        caller: &Caller,
        id: LineId,
        line: Versioned<line::Line>,
        institution: Versioned<Institution>,
    ) -> Result<FoundLine, Refusal> {
        let line::Line { product, version, .. } = &line.record;
        let product = self.pinned_product(caller, product, *version).await?.revolving()?;
        let of = caller.institution;
        let (account, used) = if product.drawing().is_some() {
            let drawings = self.drawings(of, id).await?;
            (None, Use::of(drawings.iter().map(|(loan, position)| (loan, position)))?)
        } else {
            let found = self.find_line_account(of, id).await?;
            let used = Use::of_account(&found.account.record, &found.position.record);
            (Some(found), used)
        };
        Ok(FoundLine { id, line, account, used, product, institution })
    }

    /// The drawings of a line that may use something of it.
    async fn drawings(
        &self,
        of: InstitutionId,
        line: LineId,
    ) -> Result<Vec<(Loan, Position)>, Refusal> {
        let mut drawings = Vec::new();
        for (id, loan) in self.linked(&LOANS, of, ("line", &line.to_string())).await? {
            let position = self.need(&POSITIONS, of, id, "position").await?.record;
            drawings.push((loan.record, position));
        }
        Ok(drawings)
    }

    /// A line with what is used of it.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn line(&self, caller: &Caller, id: LineId) -> Result<LineState, Refusal> {
        caller.must(Right::Read)?;
        Ok(self.find_line(caller, id).await?.state())
    }

    /// Lines, oldest first, at most [`LINES_PAGE_MAX`]; of one borrower, or all.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn lines(
        &self,
        caller: &Caller,
        of_party: Option<PartyId>,
        after: Option<Id<()>>,
        limit: usize,
    ) -> Result<Page<LineState, Id<()>>, Refusal> {
        caller.must(Right::Read)?;
        let (of, limit) = (caller.institution, limit.min(LINES_PAGE_MAX));
        let page: Page<Stored<line::Line>, _> = match of_party {
            None => self.store().list(&LINES, of, after, limit).await?,
            Some(party) => {
                let link = ("borrower", &*party.to_string());
                self.store().find(&LINES, of, link, after, limit).await?
            }
        };
        let institution = self.institution(caller).await?;
        let mut data = Vec::with_capacity(page.data.len());
        for (id, line) in page.data {
            let found = self.found_line(caller, id.cast(), line, institution.clone()).await?;
            data.push(found.state());
        }
        Ok(Page { data, next: page.next })
    }

    /// An application for a line.
    ///
    /// # Errors
    /// [`Refusal::NotFound`].
    pub async fn line_application(
        &self,
        caller: &Caller,
        id: LineApplicationId,
    ) -> Result<Versioned<Application<LineOffer>>, Refusal> {
        caller.must(Right::Read)?;
        self.need(&LINE_APPLICATIONS, caller.institution, id, "application").await
    }

    /// What a party's lines hold in a currency, which is as good as owed, with what is owed on
    /// their accounts, and the worst days past due on any.
    pub(crate) async fn line_exposure(
        &self,
        of: InstitutionId,
        party: PartyId,
        currency: money::Currency,
    ) -> Result<(Amount, u32), Refusal> {
        let link = ("borrower", &*party.to_string());
        let lines = self.store().find(&LINES, of, link, None, LINES_PER_BORROWER_MAX).await?;
        if lines.next.is_some() {
            return Err(Refusal::LimitReached("LINES_PER_BORROWER_MAX", LINES_PER_BORROWER_MAX));
        }
        let (mut outstanding, mut days_past_due) = (Amount::ZERO, 0);
        for (id, Versioned { record: line, .. }) in lines.data {
            let account = self.store().get(&LINE_POSITIONS, of, id).await?.map(|it| it.record);
            if line.currency == currency {
                let owed = account.as_ref().map_or(Amount::ZERO, |it| it.owed().principal);
                outstanding += line.held() + owed;
            }
            days_past_due = days_past_due.max(account.map_or(0, |it| it.days_past_due));
        }
        Ok((outstanding, days_past_due))
    }
}

/// Puts the new state of a line into a commit, with its one timer and what is told of it.
pub(crate) fn put(
    commit: &mut Commit,
    id: LineId,
    before: &Versioned<line::Line>,
    outcome: &line::Outcome,
) {
    commit.put(&LINES, id, before.version, &outcome.line);
    // A line that is being opened has none.
    let timer = Some(before.record.timer()).filter(|_| before.version > 0).flatten();
    move_timer(commit, CLOSE_LINE_DAY, id, timer, outcome.line.timer());
    for event in &outcome.events {
        commit.tell(event.name(), id, event);
    }
}

impl FoundLine {
    fn today(&self) -> Date {
        self.institution.record.business_date
    }

    pub(crate) fn standing(&self) -> Standing<'_> {
        self.standing_as(&self.line.record, self.used)
    }

    fn standing_as<'a>(&'a self, line: &'a line::Line, used: Use) -> Standing<'a> {
        let (product, calendar) = (&*self.product, self.institution.record.calendar());
        Standing { id: self.id, line, used, product, calendar, today: self.today() }
    }

    fn amount(&self, money: Option<Money>) -> Result<Option<Amount>, Refusal> {
        money.map(|it| in_currency(it, self.line.record.currency)).transpose()
    }

    fn drawing(&self, loan: LoanId, amount: Amount, term: Option<u32>) -> Drawing {
        let today = self.today();
        let reference = self.product.drawing().and_then(|it| loans::reference(it, today));
        let suspended_after = loans::suspended_after(today);
        let ceilings = packs::ceilings(self.product.definition(), today);
        Drawing { loan, amount, term, reference, suspended_after, ceilings }
    }

    fn state(self) -> LineState {
        let utilisation = self.standing().utilisation();
        let expired = self.today() > self.line.record.available_until;
        let Versioned { version, record, .. } = self.line;
        LineState { id: self.id, line: record, utilisation, expired, version }
    }

    /// Puts an outcome into a commit, with the loan that was drawn, and the answer.
    fn record(
        &self,
        call: &Call,
        commit: &mut Commit,
        outcome: &line::Outcome,
        loan: Option<LoanId>,
    ) {
        put(commit, self.id, &self.line, outcome);
        if let Some(account) = &outcome.account {
            // The business date must not move under the first day.
            commit.expect(&INSTITUTIONS, call.caller.institution, self.institution.version);
            line_accounts::open(commit, self.id, account);
        }
        let mut used = self.used;
        let drawn = outcome.drawing.as_ref().zip(loan).zip(self.product.drawing());
        if let Some((((signed, paid_out), id), product)) = drawn {
            // The business date must not move under the first day of interest.
            commit.expect(&INSTITUTIONS, call.caller.institution, self.institution.version);
            loans::Found::signed(id, signed, commit.lane, product, &self.institution)
                .record(call, commit, paid_out);
            used.principal += signed.principal;
        }
        let now = self.standing_as(&outcome.line, used).utilisation();
        let money = |amount| Money::new(amount, outcome.line.currency);
        let made = outcome.line.holds_made;
        commit.answer(&LineChanged {
            line: self.id,
            on: self.today(),
            status: outcome.line.status,
            limit: money(now.limit),
            drawn: money(now.drawn),
            held: money(now.held),
            available: money(now.available),
            loan,
            hold: Some(made).filter(|made| *made > self.line.record.holds_made),
        });
    }
}
