//! Categories of loans and of accounts with statements (五级分类), and what is set aside for each:
//! by its category (专项准备), and of every one (一般准备).
//!
//! All is found anew from what is there: the category from arrears and restructurings by the pack
//! in force, the allowances by bringing the loan's accounts of them to what is asked for. That
//! takes back what the month before asked for and books what this one does, as one difference; so
//! it does not matter on how many days it is done. A loan that was charged off takes what was not
//! set aside for it to expense the next time, and one that has ended gives back what was.

use std::collections::BTreeMap;

use compliance::{
    Entry,
    classification::{Category, Facts, Restructured, Rule, classify},
    cn,
    provisions::{general_provision, special_provision},
};
use futures_util::{StreamExt, stream};
use ledger::{InstitutionId, LaneId, Side};
use lending::{Loan, Status, What, cycle};
use money::{Amount, Currency};
use product::{AccountCode, Accounting};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use stdx::{Date, Id};
use store::{Commit, PAGE_MAX, Table, Versioned};

use crate::{
    Bank, Call, Done, Refusal, Right,
    books::Books,
    days::LANES_AT_ONCE,
    institutions::institution_lane,
    tables::{GRADES, LINE_ACCOUNTS, LINE_GRADES, LOANS, LineId, LoanId, POSITIONS},
};

/// What is set aside for the loss on a loan is on the account of this event's credit side.
pub(crate) const PROVISION: &str = "provision";
/// And so is what is set aside whatever its category.
pub(crate) const GENERAL_PROVISION: &str = "general-provision";

/// In which category a contract is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grade {
    /// The category.
    pub category: Category,
    /// The business date on which it was found.
    pub on: Date,
    /// The business date since which nothing has been past due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal_since: Option<Date>,
    /// How many due dates were met then, or when a restructuring was first seen.
    #[serde(default)]
    pub paid_then: u32,
    /// The last restructuring that was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restructuring: Option<Restructuring>,
    /// Why, from the highest floor down: regulation and article.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The business date on which what was set aside was given back, after the contract had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released_on: Option<Date>,
}

/// A change of terms that the borrower could not keep (重组), as grades count it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restructuring {
    /// The business date of it.
    pub on: Date,
    /// The first due date after it: observation begins there.
    pub first_due: Date,
    /// Whether the loan was under observation from an earlier one.
    #[serde(default)]
    pub again: bool,
    /// Whether it was still under observation when it was graded.
    #[serde(default)]
    pub observed: bool,
}

/// The contracts of a category, in one currency. Amounts are in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graded {
    /// How many.
    pub loans: u64,
    /// Principal owed on them.
    pub principal: Amount,
    /// What is set aside for them, by their category.
    pub allowance: Amount,
    /// What is set aside for them as for every loan.
    #[serde(default)]
    pub general: Amount,
}

/// The answer to grading the loans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoansGraded {
    /// The business date.
    pub on: Date,
    /// By currency and category, best first.
    pub categories: BTreeMap<Currency, BTreeMap<Category, Graded>>,
}

/// What grading one contract adds to which category; nothing for one that is not on the balance
/// sheet.
type Found = Option<(Currency, Category, Graded)>;

/// A contract as grading finds it.
struct Gradable<'c> {
    id: Id<()>,
    lane: LaneId,
    currency: Currency,
    accounting: &'c Accounting,
    /// What counts while it is on the balance sheet.
    owing: Option<Owing>,
    before: Option<Versioned<Grade>>,
}

/// What a category follows from, and what may be lost.
#[derive(Clone, Copy)]
struct Owing {
    principal: Amount,
    days_past_due: u32,
    /// Due dates that were met since the contract began.
    met: u32,
    restructuring: Option<Restructuring>,
}

impl Bank {
    /// Finds the category of every loan and of every account with statements, and sets aside what
    /// it asks for, and what is asked of every one: the posting at the end of a month.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Ledger`], [`Refusal::Store`].
    pub async fn grade_loans(&self, call: &Call) -> Result<Done<LoansGraded>, Refusal> {
        call.caller.must(Right::Days)?;
        if let Some(before) = self.first_answer(call).await? {
            return Ok(before);
        }
        let of = call.caller.institution;
        let on = self.institution(&call.caller).await?.record.business_date;
        let mut categories = BTreeMap::<Currency, BTreeMap<Category, Graded>>::new();
        let active = |it: &Loan| it.status == Status::Active;
        let loan = |id: Id<()>| self.grade_loan(call, id.cast(), on);
        self.grade_each((&LOANS, &GRADES), of, active, loan, &mut categories).await?;
        let active = |it: &cycle::Account| it.status == cycle::Status::Active;
        let account = |id: Id<()>| self.grade_line_account(call, id.cast(), on);
        self.grade_each((&LINE_ACCOUNTS, &LINE_GRADES), of, active, account, &mut categories)
            .await?;
        let graded = LoansGraded { on, categories };
        let graded = &graded;
        self.carry_out(call, move || async move {
            let mut commit = call.commit("grade-loans", institution_lane(of), on);
            commit.tell("loans-graded", of, graded);
            commit.answer(graded);
            Ok(commit)
        })
        .await
    }

    /// Grades the contracts of a table that are active, and once more those that have ended since
    /// they were graded, and adds it up.
    async fn grade_each<T, G>(
        &self,
        (table, grades): (&Table<T>, &Table<Grade>),
        of: InstitutionId,
        is_active: impl Fn(&T) -> bool,
        grade: impl Fn(Id<()>) -> G,
        categories: &mut BTreeMap<Currency, BTreeMap<Category, Graded>>,
    ) -> Result<(), Refusal>
    where
        T: Serialize + DeserializeOwned,
        G: Future<Output = Result<Found, Refusal>>,
    {
        let mut after = None;
        loop {
            let page = self.store().list(table, of, after, PAGE_MAX).await?;
            let mut left = Vec::with_capacity(page.data.len());
            for (id, contract) in page.data {
                if is_active(&contract.record) || self.is_to_be_released(grades, of, id).await? {
                    left.push(id);
                }
            }
            let grading = left.into_iter().map(&grade);
            let mut grading = stream::iter(grading).buffer_unordered(LANES_AT_ONCE);
            while let Some(graded) = grading.next().await {
                let Some((currency, category, graded)) = graded? else { continue };
                let sum = categories.entry(currency).or_default().entry(category).or_default();
                sum.loans += graded.loans;
                sum.principal += graded.principal;
                sum.allowance += graded.allowance;
                sum.general += graded.general;
            }
            after = page.next;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Whether something may still be set aside for a contract that has ended.
    async fn is_to_be_released(
        &self,
        grades: &Table<Grade>,
        of: InstitutionId,
        id: Id<()>,
    ) -> Result<bool, Refusal> {
        let grade = self.store().get(grades, of, id).await?;
        Ok(grade.is_some_and(|it| it.record.released_on.is_none()))
    }

    async fn grade_loan(&self, call: &Call, id: LoanId, on: Date) -> Result<Found, Refusal> {
        let of = call.caller.institution;
        let call = &call.within(format!("grade/{on}/{id}"));
        let graded = self.carry_out::<Found, _>(call, move || async move {
            let Versioned { record: loan, lane, .. } = self.need(&LOANS, of, id, "loan").await?;
            let position = self.store().get(&POSITIONS, of, id).await?.map(|it| it.record);
            let before = self.store().get(&GRADES, of, id).await?;
            let product = self.pinned_product(&call.caller, &loan.product, loan.version).await?;
            let product = product.loan()?;
            let position = position.filter(|_| loan.status == Status::Active);
            let was = before.as_ref().map(|it| &it.record);
            let restructuring = match (&position, loan.restructured_on) {
                (Some(_), Some(last)) => self.restructuring(of, id, last, was).await?,
                _ => None,
            };
            let owing = position.map(|it| Owing {
                principal: it.principal,
                days_past_due: it.days_past_due,
                met: it.paid,
                restructuring,
            });
            let (accounting, currency) = (product.accounting(), loan.currency);
            let loan = Gradable { id: id.cast(), lane, currency, accounting, owing, before };
            self.grade(call, ("grade-loan", "loan-graded"), &GRADES, loan, on).await
        });
        Ok(graded.await?.answer)
    }

    /// Grades the account of a line, once something was owed on it. A due date is met when nothing
    /// of the minimum is unpaid.
    async fn grade_line_account(
        &self,
        call: &Call,
        id: LineId,
        on: Date,
    ) -> Result<Found, Refusal> {
        let of = call.caller.institution;
        let grade = self.store().get(&LINE_GRADES, of, id).await?;
        if grade.is_none() && self.find_line_account(of, id).await?.position.record.owed().is_zero()
        {
            return Ok(None);
        }
        let call = &call.within(format!("grade/{on}/{id}"));
        let graded = self.carry_out::<Found, _>(call, move || async move {
            let found = self.find_line_account(of, id).await?;
            let Versioned { record: account, lane, .. } = found.account;
            let position = found.position.record;
            let before = self.store().get(&LINE_GRADES, of, id).await?;
            let product = &account.product;
            let product = self.pinned_product(&call.caller, product, account.version).await?;
            let product = product.revolving()?;
            let unmet = u32::try_from(position.minimums.len()).unwrap_or(u32::MAX);
            let owed = position.owed();
            let owes = before.is_some() || !owed.is_zero();
            let owing = (owes && account.status == cycle::Status::Active).then_some(Owing {
                principal: owed.principal,
                days_past_due: position.days_past_due,
                met: position.statements.saturating_sub(unmet),
                restructuring: None,
            });
            let (accounting, currency) = (product.accounting(), account.currency);
            let account = Gradable { id: id.cast(), lane, currency, accounting, owing, before };
            let names = ("grade-line-account", "line-account-graded");
            self.grade(call, names, &LINE_GRADES, account, on).await
        });
        Ok(graded.await?.answer)
    }

    /// The commit of a grade, and of what is set aside with it; with the names of the command and
    /// of the event that tells of another category.
    async fn grade(
        &self,
        call: &Call,
        (command, event): (&'static str, &'static str),
        grades: &Table<Grade>,
        contract: Gradable<'_>,
        on: Date,
    ) -> Result<Commit, Refusal> {
        let of = call.caller.institution;
        let Gradable { id, lane, currency, accounting, owing, before } = contract;
        let was = before.as_ref().map(|it| &it.record);
        let found = owing.and_then(|it| grade(it, was, on));
        let books = Books { accounting, currency, contract: id, limited: None };
        let principal = owing.map_or(Amount::ZERO, |it| it.principal);
        let category = found.as_ref().map_or(Category::Normal, |it| it.category);
        let ratios = cn::provisions().on("guidance", on).map(|it| it.value);
        let asked = ratios.map(|ratios| {
            let special = special_provision(&ratios, category, principal);
            (special, general_provision(&ratios, principal))
        });
        let (special, general) = asked.unzip();
        let mut commit = call.commit(command, lane, on);
        let mut prng = call.prng();
        let mut set_aside = [Amount::ZERO; 2];
        let provisions = [(PROVISION, special), (GENERAL_PROVISION, general)];
        for ((event, asked), after) in provisions.into_iter().zip(&mut set_aside) {
            let account = books.contract_account(allowance_code(accounting, event)?);
            let there = self.store().account(of, account).await?;
            let there = there.map_or(Amount::ZERO, |it| it.balances.posted(Side::Credit));
            *after = asked.unwrap_or(there);
            let more = after.checked_sub(there).ok_or(lending::Reject::AmountTooLarge)?;
            let amount = match there.checked_sub(*after) {
                Some(less) if less.is_positive() && event == GENERAL_PROVISION => {
                    ("released", less)
                }
                _ => ("amount", more),
            };
            books.book(&mut commit, event, &[amount], on, &mut prng);
        }
        let version = before.as_ref().map_or(0, |it| it.version);
        match (&found, before) {
            (Some(found), before) => {
                commit.put(grades, id, version, found);
                if before.is_none_or(|it| it.record.category != found.category) {
                    commit.tell(event, id, found);
                }
            }
            // What has ended keeps its last grade; it names the contract that gives back.
            (None, Some(last)) => {
                commit.put(grades, id, version, &Grade { released_on: Some(on), ..last.record });
            }
            (None, None) => {}
        }
        let [allowance, general] = set_aside;
        let graded = Graded { loans: 1, principal, allowance, general };
        commit.answer(&found.map(|it| (currency, it.category, graded)));
        Ok(commit)
    }

    /// The last restructuring of a loan: what was seen of it before, or what its facts say.
    async fn restructuring(
        &self,
        of: InstitutionId,
        id: LoanId,
        last: Date,
        before: Option<&Grade>,
    ) -> Result<Option<Restructuring>, Refusal> {
        let seen = before.and_then(|it| it.restructuring);
        if seen.is_some_and(|it| it.on == last) {
            return Ok(seen);
        }
        let facts = self.all_facts(of, id).await?;
        let first_dues = facts.iter().filter(|it| it.reversed_on.is_none()).filter_map(|fact| {
            let What::Rescheduling(it) = &fact.what else { return None };
            Some((fact.on, *it.due.first()?)).filter(|_| it.distressed)
        });
        let unseen = first_dues.filter(|(on, _)| seen.is_none_or(|seen| seen.on < *on));
        let unseen: Vec<_> = unseen.collect();
        let first_due = unseen.iter().find(|(on, _)| *on == last).map_or(last, |(_, due)| *due);
        // Two that were never graded apart lie within one observation.
        let again = seen.is_some_and(|it| it.observed) || unseen.len() > 1;
        Ok(Some(Restructuring { on: last, first_due, again, observed: true }))
    }

    /// The grade of the account of a line, once it was graded.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn line_grade(
        &self,
        caller: &crate::Caller,
        id: LineId,
    ) -> Result<Option<Grade>, Refusal> {
        caller.must(Right::Read)?;
        Ok(self.store().get(&LINE_GRADES, caller.institution, id).await?.map(|it| it.record))
    }

    /// The grade of a loan, once it was graded.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn loan_grade(
        &self,
        caller: &crate::Caller,
        id: LoanId,
    ) -> Result<Option<Grade>, Refusal> {
        caller.must(Right::Read)?;
        Ok(self.store().get(&GRADES, caller.institution, id).await?.map(|it| it.record))
    }
}

/// The account that holds what an event sets aside.
pub(crate) fn allowance_code(accounting: &Accounting, event: &str) -> Result<AccountCode, Refusal> {
    let rules = accounting.rules(event);
    rules.first().map(|rule| rule.credit).ok_or(Refusal::OtherKind)
}

/// The grade of what is owed; `None` before the first rule.
fn grade(owing: Owing, before: Option<&Grade>, on: Date) -> Option<Grade> {
    let Owing { days_past_due, met, restructuring, .. } = owing;
    let past_due = days_past_due > 0;
    let held = before.filter(|it| it.normal_since.is_some());
    let (normal_since, mut paid_then) = match (past_due, held) {
        (true, _) => (None, met),
        (false, Some(held)) => (held.normal_since, held.paid_then),
        (false, None) => (Some(on), met),
    };
    let seen = before.and_then(|it| it.restructuring).map(|it| it.on);
    if restructuring.is_some_and(|it| seen != Some(it.on)) {
        // Due dates are those of the contract as it is now.
        paid_then = met;
    }
    let counted = |it: Restructuring| Restructured { first_due: it.first_due, again: it.again };
    let facts = Facts {
        on,
        was: before.map_or(Category::Normal, |it| it.category),
        days_past_due,
        technical: false,
        restructured: restructuring.map(counted),
        normal_since,
        due_dates_met: met.saturating_sub(paid_then),
        recovered: !past_due,
        other_floor: None,
    };
    let found = classify(cn::classification_loans(), &facts)?;
    let rules = || found.reasons.iter().filter_map(|it| it.rule);
    let observed = rules()
        .any(|it| matches!(it.value, Rule::Restructured { .. } | Rule::RestructuredAgain { .. }));
    let restructuring = restructuring.map(|it| Restructuring { observed, ..it });
    let reasons = rules().map(cited).collect();
    Some(Grade {
        category: found.category,
        on,
        normal_since,
        paid_then,
        restructuring,
        reasons,
        released_on: None,
    })
}

/// Regulation, number and article of a rule.
fn cited(rule: &Entry<Rule>) -> String {
    let source = &rule.source;
    let parts = [source.number.as_deref(), rule.article.as_deref()];
    let parts = [Some(&*source.regulation)].into_iter().chain(parts).flatten();
    parts.collect::<Vec<_>>().join(" ")
}
