//! `suanpan product`: definitions on the command line.

use std::{fmt::Write as _, fs, io::Read, path::PathBuf};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use money::{Calendar, Decimal};
use product::{
    Chart, Definition, Document, Problem,
    kinds::{self, Kind},
    simulate::{Request, Simulation, simulate},
};
use stdx::Date;

/// Checks, simulates and describes product definitions.
#[derive(Subcommand)]
pub(crate) enum Product {
    /// Says everything that is wrong with a definition, and how to mend it.
    Check(Check),
    /// Shows what a contract would do: schedule, cash flows, annual cost, postings.
    Simulate(Simulate),
    /// Prints the JSON Schema of definitions.
    Schema(Schema),
}

#[derive(Args)]
pub(crate) struct Check {
    /// The definition, YAML or JSON; `-` for standard input.
    file: PathBuf,
    /// Prints one JSON object: `{"problems": [...]}`.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Simulate {
    /// The definition, YAML or JSON; `-` for standard input.
    file: PathBuf,
    /// How much, in major units; the largest the product offers when absent.
    #[arg(long)]
    amount: Option<Decimal>,
    /// The price of a purchase; the customer pays what the loan does not.
    #[arg(long)]
    price: Option<Decimal>,
    /// The yearly reference rate of a floating rate, as a fraction.
    #[arg(long)]
    reference_rate: Option<Decimal>,
    /// How many instalments; the product's default when absent.
    #[arg(long)]
    term: Option<u32>,
    /// The day of the contract; the first day of the product when absent.
    #[arg(long)]
    date: Option<Date>,
    /// Changes the definition first, such as `terms.interest.rate=0.12`. Can be repeated.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    changes: Vec<String>,
    /// The business calendar that rolls due dates.
    #[arg(long, default_value = "china")]
    calendar: String,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
pub(crate) struct Schema {
    /// Of this kind; when absent, one object with every kind's schema under its name.
    kind: Option<String>,
}

impl Product {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        match self {
            Self::Check(command) => command.run(),
            Self::Simulate(command) => command.run(),
            Self::Schema(command) => command.run(),
        }
    }
}

impl Check {
    fn run(self) -> anyhow::Result<()> {
        let text = read(&self.file)?;
        let problems = match Document::parse(&text) {
            Ok(document) => product::check::check(&document, Chart::china()),
            Err(problem) => vec![problem],
        };
        if self.json {
            let answer = serde_json::json!({ "problems": problems });
            println!("{}", serde_json::to_string_pretty(&answer)?);
        } else if problems.is_empty() {
            println!("{}: no problems", self.file.display());
        } else {
            print!("{}", listed(&problems));
        }
        if problems.is_empty() {
            return Ok(());
        }
        bail!("{}: {}", self.file.display(), counted(problems.len()))
    }
}

impl Simulate {
    fn run(self) -> anyhow::Result<()> {
        let simulation = self.simulation()?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&simulation)?);
        } else {
            print!("{}", rendered(&simulation)?);
        }
        Ok(())
    }

    fn simulation(&self) -> anyhow::Result<Simulation> {
        let name = self.file.display();
        let refused = |problems: Vec<Problem>| {
            anyhow::anyhow!("{name}: {}\n{}", counted(problems.len()), listed(&problems))
        };
        let text = read(&self.file)?;
        let mut document = Document::parse(&text).map_err(|problem| refused(vec![problem]))?;
        for change in &self.changes {
            let (path, value) =
                change.split_once('=').with_context(|| format!("`{change}` is not PATH=VALUE"))?;
            document.set(path, value).map_err(|problem| refused(vec![problem]))?;
        }
        let chart = Chart::china();
        let definition = Definition::from_document(&document, chart).map_err(refused)?;
        let calendar = Calendar::named(&self.calendar).map_err(|it| anyhow::anyhow!("{it}"))?;
        let Self { amount, price, reference_rate, term, date, .. } = *self;
        let request = Request { amount, price, reference_rate, term, date, calendar };
        simulate(&definition, &request, chart)
            .map_err(|reject| anyhow::anyhow!("{reject} ({})", reject.code()))
    }
}

impl Schema {
    fn run(self) -> anyhow::Result<()> {
        let schema = match &self.kind {
            Some(name) => {
                let names: Vec<_> = kinds::ALL.iter().map(|kind| kind.name).collect();
                let kind = Kind::named(name)
                    .with_context(|| format!("no kind `{name}`; there are {}", names.join(", ")))?;
                product::schema::schema(kind)
            }
            None => {
                let all = kinds::ALL.iter();
                all.map(|kind| (kind.name.to_owned(), product::schema::schema(kind))).collect()
            }
        };
        println!("{}", serde_json::to_string_pretty(&schema)?);
        Ok(())
    }
}

fn read(file: &PathBuf) -> anyhow::Result<String> {
    if file.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

fn counted(problems: usize) -> String {
    format!("{problems} {}", if problems == 1 { "problem" } else { "problems" })
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().fold(String::new(), |text, problem| text + &format!("{problem}\n"))
}

/// The simulation as people read it.
fn rendered(simulation: &Simulation) -> anyhow::Result<String> {
    let mut out = String::new();
    let Simulation { product, version, kind, currency, amount, date, .. } = simulation;
    writeln!(out, "{product} version {version} ({kind}): {amount} {currency} on {date}\n")?;
    if let (Some(price), Some(down_payment)) = (simulation.price, simulation.down_payment) {
        writeln!(out, "price: {price}, down payment: {down_payment}\n")?;
    }
    let head = ["from", "due", "days", "principal", "interest", "fees", "due total", "balance"];
    let [from, due, days, principal, interest, fees, total, balance] = head;
    writeln!(
        out,
        "{:>3}  {from:<10}  {due:<10}  {days:>4}  {principal:>12}  {interest:>11}  {fees:>9}  \
        {total:>12}  {balance:>13}",
        "#"
    )?;
    for line in &simulation.periods {
        writeln!(
            out,
            "{:>3}  {}  {}  {:>4}  {:>12}  {:>11}  {:>9}  {:>12}  {:>13}",
            line.number,
            line.from,
            line.due,
            line.days,
            line.principal,
            line.interest,
            line.fees,
            line.total,
            line.balance
        )?;
    }
    let totals = &simulation.totals;
    writeln!(
        out,
        "{:>3}  {:<10}  {:<10}  {:>4}  {:>12}  {:>11}  {:>9}  {:>12}\n",
        "Σ", "", "", "", totals.principal, totals.interest, totals.fees, totals.total
    )?;
    if !totals.subsidy.is_zero() {
        writeln!(out, "interest a third party pays: {}\n", totals.subsidy)?;
    }
    if let Some(cost) = &simulation.annual_cost {
        let percent = |rate: Decimal| (rate * Decimal::ONE_HUNDRED).round_dp(2);
        let (simple, compound) = (percent(cost.simple), percent(cost.compound));
        writeln!(out, "annual cost: {simple} % simple, {compound} % compound\n")?;
    }
    writeln!(out, "{:<9}  {:<44}  {:>13}  {:>13}", "account", "", "debit", "credit")?;
    for account in &simulation.accounts {
        let (code, name) = (account.code.to_string(), &account.en);
        writeln!(out, "{code:<9}  {name:<44}  {:>13}  {:>13}", account.debit, account.credit)?;
    }
    Ok(out)
}
