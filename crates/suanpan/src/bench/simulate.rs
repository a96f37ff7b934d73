//! The example's synthetic loan book, on one core and on all: contract-months per second. The
//! processor is all it needs, so there is no limit beside it; on a machine that others use, the
//! rate by processor time is the one to compare.

use std::{env, num::NonZero, thread, time::Duration};

use anyhow::ensure;
use clap::Args;
use lending::{
    Rules,
    book::{Book, Scenario},
};
use money::Calendar;
use product::{Chart, Definition, Document, LoanProduct, kinds::instalment_loan::KIND};
use serde_json::{Value, json};

use super::{
    figures::{per_second, ratio, seconds},
    machine::Machine,
};
use crate::book::{refused, tell};

const SCENARIO: &str = include_str!("../../../../examples/books/consumer-instalment.yaml");

/// What is simulated.
#[derive(Args)]
pub(crate) struct Simulate {
    /// Loans of the first month; there are more in every next one.
    #[arg(long, default_value_t = 1_000)]
    loans: u32,
    /// What the borrowers are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Simulate {
    pub(crate) fn json(&self) -> bool {
        self.json
    }

    pub(crate) fn run(self) -> anyhow::Result<Value> {
        let problems = |problems: Vec<_>| anyhow::anyhow!("{problems:?}");
        let definition = Definition::parse(KIND.example, Chart::china()).map_err(problems)?;
        let product = LoanProduct::compile(&definition).map_err(problems)?;
        let mut document = Document::parse(SCENARIO).map_err(|it| anyhow::anyhow!("{it}"))?;
        let loans = self.loans.to_string();
        document.set("loans", &loans).map_err(|it| anyhow::anyhow!("{it}"))?;
        let scenario = Scenario::read(&document, &product).map_err(problems)?;
        let rules = Rules::new(&product, Calendar::china());
        let book = Book::new(&scenario, rules, Some(90), self.seed).map_err(refused)?;
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let one = told(&book, 1)?;
        let all = told(&book, cores)?;
        ensure!(one.digest == all.digest, "the same book came to something else");
        Ok(json!({
            "loans": one.loans,
            "contract_months": one.contract_months,
            "seconds": seconds(one.time),
            "per_second": one.per_second,
            "per_processor_second": one.per_processor_second,
            "cores": cores,
            "all_cores": { "seconds": seconds(all.time), "per_second": all.per_second },
            "speedup": ratio(all.per_second, one.per_second),
            "digest": one.digest,
        }))
    }
}

/// How a book was told.
struct Told {
    loans: u64,
    contract_months: u64,
    time: Duration,
    per_second: u64,
    /// By processor time; the kernel counts hundredths of a second.
    per_processor_second: u64,
    digest: stdx::Digest,
}

fn told(book: &Book<'_>, threads: usize) -> anyhow::Result<Told> {
    let machine = Machine::now(&env::temp_dir());
    let cells = tell(book, threads)?;
    let report = book.report(cells).map_err(refused)?;
    let spent = machine.spent();
    let contract_months = report.contract_months;
    let rate = |time| anyhow::Ok(per_second(usize::try_from(contract_months)?, time));
    Ok(Told {
        loans: report.loans,
        contract_months,
        time: spent.time,
        per_second: rate(spent.time)?,
        per_processor_second: rate(spent.processor())?,
        digest: report.digest,
    })
}
