//! The example's synthetic loan book, on one core and on all: contract-months per second. The limit
//! is the processor alone, so there is none beside it.

use std::{num::NonZero, thread, time::Instant};

use anyhow::ensure;
use clap::Args;
use lending::{
    Rules,
    book::{Book, Scenario},
};
use money::Calendar;
use product::{Chart, Definition, Document, LoanProduct, kinds::instalment_loan::KIND};
use serde_json::{Value, json};

use super::figures::{per_second, ratio, seconds};
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
        let rules = Rules { product: &product, calendar: Calendar::china() };
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
    time: std::time::Duration,
    per_second: u64,
    digest: stdx::Digest,
}

fn told(book: &Book<'_>, threads: usize) -> anyhow::Result<Told> {
    let start = Instant::now();
    let cells = tell(book, threads)?;
    let report = book.report(cells).map_err(refused)?;
    let time = start.elapsed();
    let contract_months = report.contract_months;
    let rate = per_second(usize::try_from(contract_months)?, time);
    Ok(Told { loans: report.loans, contract_months, time, per_second: rate, digest: report.digest })
}
