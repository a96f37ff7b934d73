//! Institutions: tenants, their business date, their calendar, their chart of accounts.

use std::sync::Arc;

use ledger::{InstitutionId, LaneId};
use money::Calendar;
use product::Chart;
use serde::{Deserialize, Serialize};
use stdx::Date;
use store::{PAGE_MAX, Versioned};

use crate::{
    Bank, Call, Caller, Done, Refusal, Right,
    tables::{CHARTS, INSTITUTIONS, PLATFORM, TENANTS, Tenant},
};

/// An institution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Institution {
    /// Its name.
    pub name: String,
    /// The day being worked on. It moves when the day is closed, never by the clock.
    pub business_date: Date,
    /// The name of its business calendar.
    pub calendar: String,
}

impl Institution {
    /// Its business calendar.
    ///
    /// # Panics
    /// When the calendar is not one of the platform's; creating the institution checked it.
    pub fn calendar(&self) -> &'static Calendar {
        Calendar::named(&self.calendar).expect("checked when the institution was created")
    }
}

/// The chart of accounts an institution has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChartInUse {
    /// Its own; the one that comes with the platform when absent.
    pub own: Option<Chart>,
    /// Whether a product was published, so that contracts may book on it: then it stays.
    pub fixed: bool,
}

/// The answer to bringing a chart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChartBrought {
    /// The rule it says it follows.
    pub source: String,
    /// How many accounts it has.
    pub accounts: usize,
}

/// The lane of what belongs to the institution itself: products, the business date.
pub fn institution_lane(institution: InstitutionId) -> LaneId {
    institution.cast()
}

impl Bank {
    /// Makes the institution the call is for, working on `business_date` first. This is the
    /// platform's own work, like [`Bank::institutions`]: no edge offers it to callers.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] for a calendar that is not the platform's, [`Refusal::Exists`].
    pub async fn create_institution(
        &self,
        call: &Call,
        name: &str,
        business_date: Date,
        calendar: &str,
    ) -> Result<Done<InstitutionId>, Refusal> {
        Calendar::named(calendar).map_err(|_| Refusal::NotFound("calendar"))?;
        let id = call.caller.institution;
        let entered = call.within(format!("enter-institution/{id}"));
        let entered = Call { caller: Caller::platform(PLATFORM), ..entered };
        let entered = &entered;
        self.carry_out::<InstitutionId, _>(entered, move || async move {
            let mut commit = entered.commit("enter-institution", PLATFORM.cast(), business_date);
            let tenant = Tenant { name: name.to_owned(), created_at: call.now };
            commit.put(&TENANTS, id, 0, &tenant);
            commit.answer(&id);
            Ok(commit)
        })
        .await?;
        self.carry_out(call, move || async move {
            if self.store().get(&INSTITUTIONS, id, id).await?.is_some() {
                return Err(Refusal::Exists("institution"));
            }
            let mut commit = call.commit("create-institution", institution_lane(id), business_date);
            let (name, calendar) = (name.to_owned(), calendar.to_owned());
            let institution = Institution { name, business_date, calendar };
            commit.put(&INSTITUTIONS, id, 0, &institution);
            commit.tell("institution-created", id, &institution);
            commit.answer(&id);
            Ok(commit)
        })
        .await
    }

    /// Every institution, for the platform's own work.
    ///
    /// # Errors
    /// [`Refusal::Store`].
    pub async fn institutions(&self) -> Result<Vec<InstitutionId>, Refusal> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = self.store().list(&TENANTS, PLATFORM, after, PAGE_MAX).await?;
            all.extend(page.data.iter().map(|(id, _)| id.cast()));
            after = page.next;
            if after.is_none() {
                return Ok(all);
            }
        }
    }

    /// The chart of accounts of the caller's institution.
    ///
    /// # Errors
    /// [`Refusal::Forbidden`], [`Refusal::Store`].
    pub async fn chart(&self, caller: &Caller) -> Result<Arc<Chart>, Refusal> {
        caller.must(Right::Read)?;
        self.chart_of(caller.institution).await
    }

    pub(crate) async fn chart_of(&self, of: InstitutionId) -> Result<Arc<Chart>, Refusal> {
        let own = self.store().get(&CHARTS, of, of).await?.and_then(|it| it.record.own);
        Ok(own.map_or_else(|| Chart::china().clone(), Arc::new))
    }

    /// Gives the institution a chart of its own, in YAML or JSON, in place of the platform's or of
    /// an earlier one. Drafts are checked against it when they are published.
    ///
    /// # Errors
    /// [`Refusal::Chart`] when it is none; [`Refusal::ChartInUse`] once a product was published
    /// or an account opened.
    pub async fn bring_chart(
        &self,
        call: &Call,
        text: &str,
    ) -> Result<Done<ChartBrought>, Refusal> {
        call.caller.must(Right::DraftProducts)?;
        let of = call.caller.institution;
        self.carry_out(call, move || async move {
            let today = self.institution(&call.caller).await?.record.business_date;
            let chart = Chart::parse(text).map_err(Refusal::Chart)?;
            let before = self.store().get(&CHARTS, of, of).await?;
            let (version, before) = before.map(|it| (it.version, it.record)).unwrap_or_default();
            let opened = !self.store().accounts(of, None, 1).await?.data.is_empty();
            if before.fixed || opened {
                return Err(Refusal::ChartInUse);
            }
            let (source, accounts) = (chart.source().to_owned(), chart.accounts().count());
            let mut commit = call.commit("bring-chart", institution_lane(of), today);
            commit.put(&CHARTS, of, version, &ChartInUse { own: Some(chart), fixed: false });
            let brought = ChartBrought { source, accounts };
            commit.tell("chart-brought", of, &brought);
            commit.answer(&brought);
            Ok(commit)
        })
        .await
    }

    /// The caller's institution, which any caller may know.
    ///
    /// # Errors
    /// [`Refusal::NotFound`], [`Refusal::Store`].
    pub async fn institution(&self, caller: &Caller) -> Result<Versioned<Institution>, Refusal> {
        let id = caller.institution;
        self.need(&INSTITUTIONS, id, id, "institution").await
    }
}
