//! Products tried before they are published: on the life of one loan, and on a whole synthetic
//! book. Nothing is kept.
//!
//! Both compute for as long as a command never does, so they run beside the threads that serve,
//! within limits of their own.

use std::{panic, sync::Arc};

use lending::{
    Rules,
    book::{Book, Compared, Report, Scenario},
    simulation::{self, Script, Simulation},
};
use money::Calendar;
use product::{Chart, Definition, Document, LoanProduct, Problem};
use serde_json::Value;
use stdx::Date;

use crate::{
    Bank, Caller, Refusal, Right,
    loans::{reference, suspended_after},
};

/// The most events of a life.
pub const LIFE_EVENTS_MAX: usize = 200;
/// The most contract-months of a book, over both definitions: each loan counts from its month to
/// the last, whatever becomes of it.
pub const BOOK_CONTRACT_MONTHS_MAX: u64 = 60_000;

/// The most simulations that are computed at the same time, also of callers that have gone since.
pub const SIMULATIONS_AT_ONCE_MAX: usize = 2;

/// The life of one loan.
#[derive(Clone, Debug, PartialEq)]
pub struct LifeToTell {
    /// The definition: an object, or a text in YAML or JSON.
    pub definition: Value,
    /// What happens, see [`Script::read`]; likewise.
    pub script: Value,
    /// The business date on which it ends.
    pub until: Option<Date>,
}

/// A whole book.
#[derive(Clone, Debug, PartialEq)]
pub struct BookToTell {
    /// The definition: an object, or a text in YAML or JSON.
    pub definition: Value,
    /// What it is made of, see [`Scenario::read`]; likewise.
    pub scenario: Value,
    /// What everything is drawn from.
    pub seed: u64,
    /// Whether the version that is in force is told too, and compared.
    pub against_live: bool,
}

impl Bank {
    /// Tells the life of a loan under a definition.
    ///
    /// # Errors
    /// [`Refusal::Definition`], [`Refusal::Scenario`], [`Refusal::OtherKind`],
    /// [`Refusal::TooMany`]; [`Refusal::Lending`] when there is no such contract.
    pub async fn simulate_life(
        &self,
        caller: &Caller,
        asked: LifeToTell,
    ) -> Result<Simulation, Refusal> {
        let (chart, calendar) = self.to_simulate(caller).await?;
        self.beside(move || {
            let product = compiled(asked.definition, &chart)?;
            let document = document(asked.script);
            let script = document.and_then(|it| Script::read(&it, &product));
            let script = script.map_err(|it| Refusal::Scenario(within("/events", it)))?;
            if script.events.len() > LIFE_EVENTS_MAX {
                return Err(Refusal::TooMany("LIFE_EVENTS_MAX", LIFE_EVENTS_MAX));
            }
            let request = simulation::Request {
                rules: Rules::new(&product, calendar),
                reference: reference(&product, script.date),
                suspended_after: suspended_after(script.date),
                until: asked.until,
            };
            Ok(simulation::simulate(&script, &request)?)
        })
        .await
    }

    /// Tells a synthetic book under a definition, and under the version that is in force.
    ///
    /// # Errors
    /// [`Refusal::Definition`], [`Refusal::Scenario`], [`Refusal::OtherKind`],
    /// [`Refusal::TooMany`]; [`Refusal::NotFound`] when no version is in force;
    /// [`Refusal::Lending`].
    pub async fn simulate_book(
        &self,
        caller: &Caller,
        asked: BookToTell,
    ) -> Result<Compared, Refusal> {
        let (chart, calendar) = self.to_simulate(caller).await?;
        let today = self.institution(caller).await?.record.business_date;
        let product = compiled(asked.definition, &chart)?;
        let live = match asked.against_live {
            true => {
                let name = &product.definition().product;
                Some(self.product_in_force(caller, name, today).await?.loan()?)
            }
            false => None,
        };
        self.beside(move || {
            let scenario = document(asked.scenario);
            let scenario = scenario.and_then(|it| Scenario::read(&it, &product));
            let scenario = scenario.map_err(|it| Refusal::Scenario(within("/scenario", it)))?;
            let books = 1 + u64::from(live.is_some());
            let tell = |product: &LoanProduct| -> Result<Report, Refusal> {
                let rules = Rules::new(product, calendar);
                let reference = reference(product, scenario.from());
                let scenario = scenario.clone().with_reference(reference);
                let suspended_after = suspended_after(scenario.from());
                let book = Book::new(&scenario, rules, suspended_after, asked.seed)?;
                if book.contract_months_max().saturating_mul(books) > BOOK_CONTRACT_MONTHS_MAX {
                    let max = usize::try_from(BOOK_CONTRACT_MONTHS_MAX).unwrap_or(usize::MAX);
                    return Err(Refusal::TooMany("BOOK_CONTRACT_MONTHS_MAX", max));
                }
                Ok(book.report(book.tell(0..book.loans())?)?)
            };
            let report = tell(&product)?;
            let other = live.map(|it| tell(&it)).transpose()?;
            Ok(Compared::of(report, other))
        })
        .await
    }

    async fn to_simulate(
        &self,
        caller: &Caller,
    ) -> Result<(Arc<Chart>, &'static Calendar), Refusal> {
        caller.must(Right::Read)?;
        let institution = self.institution(caller).await?.record;
        Ok((self.chart(caller).await?, institution.calendar()))
    }

    /// Runs what takes long on a thread where nobody else waits. It goes on when its caller has
    /// gone, so it is what runs that is counted.
    async fn beside<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = Arc::clone(&self.0.simulations).try_acquire_owned();
        let turn = turn.map_err(|_| Refusal::Overloaded)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        match done.await {
            Ok(done) => done,
            Err(stopped) => match stopped.try_into_panic() {
                Ok(panic) => panic::resume_unwind(panic),
                // Only while the platform stops.
                Err(_) => Err(Refusal::Busy),
            },
        }
    }
}

fn compiled(definition: Value, chart: &Arc<Chart>) -> Result<LoanProduct, Refusal> {
    let definition = document(definition).and_then(|it| Definition::from_document(&it, chart));
    let definition = definition.map_err(|it| Refusal::Definition(within("/definition", it)))?;
    if definition.kind != product::kinds::instalment_loan::KIND.name {
        return Err(Refusal::OtherKind);
    }
    Ok(LoanProduct::compile(&definition).map_err(Refusal::Definition)?.on(chart))
}

/// What an object holds, or a text says.
fn document(value: Value) -> Result<Document, Vec<Problem>> {
    let read = match value {
        Value::String(text) => Document::parse(&text),
        value => Document::from_value(value),
    };
    read.map_err(|problem| vec![problem])
}

/// The same problems in a larger document.
fn within(place: &str, problems: Vec<Problem>) -> Vec<Problem> {
    let deeper = |it: Problem| Problem { path: format!("{place}{}", it.path), ..it };
    problems.into_iter().map(deeper).collect()
}
