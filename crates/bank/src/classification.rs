//! Categories of loans (五级分类), and what is set aside for each (专项准备).
//!
//! Both are found anew from what is there: the category from arrears and restructuring by the
//! pack in force, the allowance by bringing the loan's account of it to what the category asks
//! for. So it does not matter how often it is done, and a loan that was charged off takes what was
//! not set aside for it to expense the next time.

use std::collections::BTreeMap;

use compliance::{
    Entry,
    classification::{Category, Facts, Restructured, Rule, classify},
    cn,
    provisions::special_provision,
};
use futures_util::{StreamExt, stream};
use ledger::Side;
use lending::{Position, Status};
use money::{Amount, Currency};
use product::AccountCode;
use serde::{Deserialize, Serialize};
use stdx::Date;
use store::{PAGE_MAX, Versioned};

use crate::{
    Bank, Call, Done, Refusal, Right,
    books::Books,
    days::LANES_AT_ONCE,
    institutions::institution_lane,
    tables::{GRADES, LOANS, LoanId, POSITIONS},
};

/// What is set aside for a loan is on the account of this accounting event's credit side.
pub(crate) const PROVISION: &str = "provision";

/// In which category a loan is.
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
    /// How many instalments were paid then.
    #[serde(default)]
    pub paid_then: u32,
    /// Why, from the highest floor down: regulation and article.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// The loans of a category, in one currency. Amounts are in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graded {
    /// How many.
    pub loans: u64,
    /// Principal owed on them.
    pub principal: Amount,
    /// What is set aside for them.
    pub allowance: Amount,
}

/// The answer to grading the loans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoansGraded {
    /// The business date.
    pub on: Date,
    /// By currency and category, best first.
    pub categories: BTreeMap<Currency, BTreeMap<Category, Graded>>,
}

impl Bank {
    /// Finds the category of every loan, and sets aside what it asks for.
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
        let mut after = None;
        loop {
            let page = self.store().list(&LOANS, of, after, PAGE_MAX).await?;
            let grading =
                page.data.into_iter().filter(|(_, it)| it.record.status != Status::Signed);
            let grading = grading.map(|(id, _)| self.grade_loan(call, id.cast(), on));
            let mut grading = stream::iter(grading).buffer_unordered(LANES_AT_ONCE);
            while let Some(graded) = grading.next().await {
                let Some((currency, category, principal, allowance)) = graded? else { continue };
                let sum = categories.entry(currency).or_default().entry(category).or_default();
                sum.loans += 1;
                sum.principal += principal;
                sum.allowance += allowance;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
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

    /// Grades one loan: its currency, category, principal and allowance, while it is on the
    /// balance sheet.
    async fn grade_loan(
        &self,
        call: &Call,
        id: LoanId,
        on: Date,
    ) -> Result<Option<(Currency, Category, Amount, Amount)>, Refusal> {
        let of = call.caller.institution;
        let call = &call.within(format!("grade/{on}/{id}"));
        let graded = self.carry_out::<Option<_>, _>(call, move || async move {
            let Versioned { record: loan, lane, .. } = self.need(&LOANS, of, id, "loan").await?;
            let position = self.store().get(&POSITIONS, of, id).await?.map(|it| it.record);
            let before = self.store().get(&GRADES, of, id).await?;
            let product = self.pinned_product(&call.caller, &loan.product, loan.version).await?;
            let product = product.loan()?;
            let active = loan.status == Status::Active;
            let position = position.filter(|_| active);
            let found = position.as_ref().and_then(|position| {
                let was = before.as_ref().map(|it| &it.record);
                grade(position, loan.restructured_on, was, on)
            });
            let (accounting, currency) = (product.accounting(), loan.currency);
            let books = Books { accounting, currency, contract: id.cast(), limited: None };
            let account = books.contract_account(allowance_code(&product)?);
            let set_aside = self.store().account(of, account).await?;
            let set_aside = set_aside.map_or(Amount::ZERO, |it| it.balances.posted(Side::Credit));
            let principal = position.as_ref().map_or(Amount::ZERO, |it| it.principal);
            let category = found.as_ref().map_or(Category::Normal, |it| it.category);
            let target = match cn::provisions().on("guidance", on) {
                Some(ratios) => special_provision(&ratios.value, category, principal),
                None => set_aside,
            };
            let mut commit = call.commit("grade-loan", lane, on);
            let more = target.checked_sub(set_aside).ok_or(lending::Reject::AmountTooLarge)?;
            books.book(&mut commit, PROVISION, &[("amount", more)], on, &mut call.prng());
            if let Some(found) = &found {
                let version = before.as_ref().map_or(0, |it| it.version);
                commit.put(&GRADES, id, version, found);
                if before.is_none_or(|it| it.record.category != found.category) {
                    commit.tell("loan-graded", id, found);
                }
            }
            commit.answer(&found.map(|it| (currency, it.category, principal, target)));
            Ok(commit)
        });
        Ok(graded.await?.answer)
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

/// The account that holds what is set aside.
pub(crate) fn allowance_code(product: &product::LoanProduct) -> Result<AccountCode, Refusal> {
    let rules = product.accounting().rules(PROVISION);
    rules.first().map(|rule| rule.credit).ok_or(Refusal::OtherKind)
}

/// The grade that follows from a position; `None` before the first rule.
fn grade(
    position: &Position,
    restructured_on: Option<Date>,
    before: Option<&Grade>,
    on: Date,
) -> Option<Grade> {
    let past_due = position.days_past_due > 0;
    let held = before.filter(|it| it.normal_since.is_some());
    let (normal_since, paid_then) = match (past_due, held) {
        (true, _) => (None, position.paid),
        (false, Some(held)) => (held.normal_since, held.paid_then),
        (false, None) => (Some(on), position.paid),
    };
    let facts = Facts {
        on,
        was: before.map_or(Category::Normal, |it| it.category),
        days_past_due: position.days_past_due,
        technical: false,
        restructured: restructured_on.map(|first_due| Restructured { first_due, again: false }),
        normal_since,
        due_dates_met: position.paid.saturating_sub(paid_then),
        recovered: !past_due,
        other_floor: None,
    };
    let found = classify(cn::classification_loans(), &facts)?;
    let reasons = found.reasons.iter().filter_map(|it| it.rule);
    let article = |rule: &Entry<Rule>| {
        let source = &rule.source;
        let parts = [source.number.as_deref(), rule.article.as_deref()];
        let parts = [Some(&*source.regulation)].into_iter().chain(parts).flatten();
        parts.collect::<Vec<_>>().join(" ")
    };
    let reasons = reasons.map(article);
    let reasons = reasons.collect();
    Some(Grade { category: found.category, on, normal_since, paid_then, reasons })
}
