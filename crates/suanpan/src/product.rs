//! `suanpan product`: definitions on the command line.

use std::{
    fmt::Write as _,
    fs,
    io::Read,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use lending::{
    Rules,
    book::{Book, Compared, Scenario},
    simulation::{self, Line, Period, Script},
};
use money::{Amount, Calendar, Decimal};
use product::{
    Chart, Definition, Document, LoanProduct, Problem,
    kinds::{self, Kind, instalment_loan::explain},
    schedule::explain::Component,
    simulate::{AccountTotal, Request, Simulation, simulate},
};
use serde::Serialize;
use stdx::Date;

use crate::{book, institution, system};

/// Checks, simulates and describes product definitions.
#[derive(Subcommand)]
pub(crate) enum Product {
    /// Says everything that is wrong with a definition, and how to mend it.
    Check(Check),
    /// Shows what a contract would do: schedule, cash flows, annual cost, postings.
    Simulate(Box<Simulate>),
    /// Prints the JSON Schema of definitions.
    Schema(Schema),
}

#[derive(Args)]
pub(crate) struct Check {
    /// The definition, YAML or JSON; `-` for standard input.
    file: PathBuf,
    /// The day of the rules of law it is held against, or its first day where that is later; today
    /// when absent.
    #[arg(long)]
    on: Option<Date>,
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
    /// What happens to a loan, YAML or JSON; `amount`, `term` and `date` of it are the contract's
    /// unless they are options.
    #[arg(long, conflicts_with = "price")]
    events: Option<PathBuf>,
    /// A whole synthetic loan book instead of one contract: the scenario, YAML or JSON.
    #[arg(long, value_name = "SCENARIO")]
    #[arg(conflicts_with_all = ["amount", "price", "reference_rate", "term", "date", "events"])]
    book: Option<PathBuf>,
    /// What the borrowers of a book are drawn from.
    #[arg(long, requires = "book", default_value_t = 1)]
    seed: u64,
    /// Another definition, for the same borrowers: shows the difference.
    #[arg(long, requires = "book", value_name = "FILE")]
    against: Option<PathBuf>,
    /// The business date on which a loan with events is shown; what would be booked later is left
    /// out. When absent, the last due date, or the day after the last event where that is later.
    #[arg(long, requires = "events")]
    until: Option<Date>,
    /// Shows instead how a planned amount of a loan came about: of this instalment all that is due,
    /// or `interest`, `principal`, `fees`, `subsidy`, `deferred`, `capitalised` or `balance`.
    #[arg(long, value_name = "NUMBER[.COMPONENT]", conflicts_with = "events")]
    explain: Option<Planned>,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// A planned amount: an instalment, and what of it.
#[derive(Clone, Copy)]
struct Planned {
    instalment: u32,
    component: Component,
}

impl FromStr for Planned {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (number, component) =
            text.split_once('.').unwrap_or((text, Component::Total.name().code));
        let instalment = number.parse().with_context(|| format!("`{number}` is no instalment"))?;
        Ok(Self { instalment, component: component.parse()? })
    }
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
        let on = self.on.unwrap_or_else(|| institution::today(system::now()));
        let problems = bank::packs::read(&text, Chart::china(), on).err().unwrap_or_default();
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
        let definition = self.definition()?;
        let calendar = Calendar::named(&self.calendar).map_err(|it| anyhow::anyhow!("{it}"))?;
        if let Some(scenario) = &self.book {
            return self.print_book(&definition, scenario, calendar);
        }
        if let Some(events) = &self.events {
            let told = self.told(&definition, events, calendar)?;
            return print(&told, self.json, life);
        }
        let Self { amount, price, reference_rate, term, date, .. } = self;
        let request = Request { amount, price, reference_rate, term, date, calendar };
        if let Some(Planned { instalment, component }) = self.explain {
            let explained = explain(&definition, &request, instalment, component)
                .map_err(|reject| anyhow::anyhow!("{reject} ({})", reject.code()))?;
            if !self.json {
                let Definition { product, version, currency, .. } = &definition;
                println!("{product} version {version}, amounts in {currency}\n");
            }
            return print(&explained, self.json, |it| Ok(it.to_string()));
        }
        let simulation = simulate(&definition, &request, Chart::china())
            .map_err(|reject| anyhow::anyhow!("{reject} ({})", reject.code()))?;
        print(&simulation, self.json, rendered)
    }

    fn definition(&self) -> anyhow::Result<Definition> {
        let refused = |problems| refused(&self.file, problems);
        let text = read(&self.file)?;
        let mut document = Document::parse(&text).map_err(|problem| refused(vec![problem]))?;
        for change in &self.changes {
            let (path, value) =
                change.split_once('=').with_context(|| format!("`{change}` is not PATH=VALUE"))?;
            document.set(path, value).map_err(|problem| refused(vec![problem]))?;
        }
        Definition::from_document(&document, Chart::china()).map_err(refused)
    }

    fn told(
        &self,
        definition: &Definition,
        events: &PathBuf,
        calendar: &Calendar,
    ) -> anyhow::Result<simulation::Simulation> {
        let product = LoanProduct::compile(definition).map_err(|it| refused(&self.file, it))?;
        let text = read(events)?;
        let document = Document::parse(&text).map_err(|it| refused(events, vec![it]))?;
        let mut script = Script::read(&document, &product).map_err(|it| refused(events, it))?;
        if let Some(amount) = self.amount {
            script.amount = Amount::exactly(amount, product.currency())
                .map_err(|error| anyhow::anyhow!("--amount {amount}: {error}"))?;
        }
        script.term = self.term.unwrap_or(script.term);
        script.date = self.date.unwrap_or(script.date);
        let request = simulation::Request {
            rules: Rules::new(&product, calendar),
            reference: self.reference_rate,
            suspended_after: suspended_after(script.date),
            until: self.until,
        };
        simulation::simulate(&script, &request)
            .map_err(|reject| anyhow::anyhow!("{reject} ({})", reject.code()))
    }

    fn print_book(
        &self,
        definition: &Definition,
        scenario: &PathBuf,
        calendar: &Calendar,
    ) -> anyhow::Result<()> {
        let product = LoanProduct::compile(definition).map_err(|it| refused(&self.file, it))?;
        let text = read(scenario)?;
        let document = Document::parse(&text).map_err(|it| refused(scenario, vec![it]))?;
        let asked = Scenario::read(&document, &product).map_err(|it| refused(scenario, it))?;
        let tell = |product: &LoanProduct| {
            let rules = Rules::new(product, calendar);
            let book = Book::new(&asked, rules, suspended_after(asked.from()), self.seed);
            book::report(&book.map_err(book::refused)?)
        };
        let report = tell(&product)?;
        let other = self.against.as_ref().map(|file| {
            let refused = |problems| refused(file, problems);
            let other = Definition::parse(&read(file)?, Chart::china()).map_err(refused)?;
            tell(&LoanProduct::compile(&other).map_err(refused)?)
        });
        print(&Compared::of(report, other.transpose()?), self.json, book::shown)
    }
}

/// More days past due than this suspend interest.
fn suspended_after(on: Date) -> Option<u32> {
    compliance::cn::non_accrual().on("interest", on).map(|rule| rule.value.over_days)
}

fn print<T: Serialize>(
    it: &T,
    json: bool,
    rendered: fn(&T) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let text = if json { serde_json::to_string_pretty(it)? + "\n" } else { rendered(it)? };
    print!("{text}");
    Ok(())
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

fn refused(file: &Path, problems: Vec<Problem>) -> anyhow::Error {
    let (name, counted) = (file.display(), counted(problems.len()));
    anyhow::anyhow!("{name}: {counted}\n{}", listed(&problems))
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
    accounts(&mut out, &simulation.accounts)?;
    Ok(out)
}

fn accounts(out: &mut String, accounts: &[AccountTotal]) -> anyhow::Result<()> {
    writeln!(out, "{:<9}  {:<44}  {:>13}  {:>13}", "account", "", "debit", "credit")?;
    for account in accounts {
        let (code, name) = (account.code.to_string(), &account.en);
        writeln!(out, "{code:<9}  {name:<44}  {:>13}  {:>13}", account.debit, account.credit)?;
    }
    Ok(())
}

/// The life of a loan as people read it.
fn life(told: &simulation::Simulation) -> anyhow::Result<String> {
    let mut out = String::new();
    let simulation::Simulation { product, version, currency, amount, date, until, .. } = told;
    let status = named(&told.status)?;
    writeln!(out, "{product} version {version}: {amount} {currency} on {date}, told to {until}")?;
    match told.ended_on {
        Some(on) => writeln!(out, "{status} on {on}\n")?,
        None => writeln!(out, "{status}, {} days past due\n", told.standing.days_past_due)?,
    }
    happened(&mut out, &told.events)?;
    periods(&mut out, &told.periods)?;
    writeln!(
        out,
        "{:>3}  {:<10}  {:<22}  {:<9}  {:<9}  {:>13}",
        "#", "booked", "", "debit", "credit", "amount"
    )?;
    for it in &told.postings {
        let event = it.event.map_or_else(|| "-".to_owned(), |it| it.to_string());
        let (debit, credit) = (it.debit.to_string(), it.credit.to_string());
        let (date, entry, amount) = (it.date, it.entry, it.amount);
        writeln!(out, "{event:>3}  {date}  {entry:<22}  {debit:<9}  {credit:<9}  {amount:>13}")?;
    }
    out.push('\n');
    accounts(&mut out, &told.accounts)?;
    Ok(out)
}

fn happened(out: &mut String, events: &[Line]) -> anyhow::Result<()> {
    writeln!(
        out,
        "{:>3}  {:<10}  {:<10}  {:<14}  {:>12}  {:>12}  {:>9}  {:>9}  {:>11}  {:>12}  {:>11}  \
        {:>4}",
        "#",
        "on",
        "booked",
        "event",
        "amount",
        "principal",
        "penalty",
        "fee due",
        "interest",
        "due total",
        "prepaid",
        "late"
    )?;
    for line in events {
        let Line { number, on, booked, amount, after, .. } = line;
        let what = match line.of {
            Some(event) => format!("{} of {event}", line.what),
            None => line.what.to_owned(),
        };
        let due = &after.due;
        writeln!(
            out,
            "{number:>3}  {on}  {booked}  {what:<14}  {amount:>12}  {:>12}  {:>9}  {:>9}  {:>11}  \
            {:>12}  {:>11}  {:>4}",
            after.principal,
            due.penalty,
            due.fee,
            due.interest,
            due.total,
            after.prepaid,
            after.days_past_due
        )?;
        if let Some(refusal) = &line.refused {
            writeln!(out, "     refused: {} ({})", refusal.reason, refusal.code)?;
        }
    }
    out.push('\n');
    Ok(())
}

fn periods(out: &mut String, periods: &[Period]) -> anyhow::Result<()> {
    let head = ["from", "due", "principal", "interest", "fees", "paid", "remaining", "status"];
    let [from, due, principal, interest, fees, paid, remaining, status] = head;
    writeln!(
        out,
        "{:>3}  {from:<10}  {due:<10}  {principal:>12}  {interest:>11}  {fees:>9}  {paid:>12}  \
        {remaining:>12}  {status}",
        "#"
    )?;
    for Period { number, from, due, planned, paid, remaining, status } in periods {
        let (principal, interest, fees) = (planned.principal, planned.interest, planned.fee);
        let (paid, remaining, status) = (paid.total, remaining.total, named(status)?);
        writeln!(
            out,
            "{number:>3}  {from}  {due}  {principal:>12}  {interest:>11}  {fees:>9}  {paid:>12}  \
            {remaining:>12}  {status}"
        )?;
    }
    out.push('\n');
    Ok(())
}

/// The name of a status, as in JSON.
fn named(status: &impl Serialize) -> anyhow::Result<String> {
    let value = serde_json::to_value(status)?;
    value.as_str().map(str::to_owned).context("a status is a name")
}
