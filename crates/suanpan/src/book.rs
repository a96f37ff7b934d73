//! Whole synthetic books: told on every core, and shown to people.

use std::{
    fmt::Write as _,
    num::NonZero,
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use anyhow::Context;
use lending::{
    Bucket, Reject,
    book::{Account, Book, Cells, Compared, Difference, Line, Month, Report, Spread},
};
use money::Decimal;
use stdx::Date;

/// How many loans a thread takes at a time.
const CHUNK: u32 = 64;

/// Tells all loans of a book on so many threads.
pub(crate) fn tell(book: &Book<'_>, threads: usize) -> anyhow::Result<Cells> {
    let next = AtomicU32::new(0);
    let chunk = || -> Option<Range<u32>> {
        let first = next.fetch_add(CHUNK, Ordering::Relaxed);
        (first < book.loans()).then(|| first..first.saturating_add(CHUNK))
    };
    let work = || -> Result<Cells, Reject> {
        let mut cells = Cells::default();
        while let Some(loans) = chunk() {
            cells = cells.merge(book.tell(loans)?)?;
        }
        Ok(cells)
    };
    let told = thread::scope(|scope| {
        let working: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        working.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>()
    });
    let mut cells = Cells::default();
    for one in told {
        let one = one.ok().context("a thread stopped")?;
        cells = one.and_then(|one| cells.merge(one)).map_err(refused)?;
    }
    Ok(cells)
}

/// What all loans of a book come to, told on every core.
pub(crate) fn report(book: &Book<'_>) -> anyhow::Result<Report> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    book.report(tell(book, cores)?).map_err(refused)
}

#[allow(clippy::needless_pass_by_value, reason = "it maps errors")]
pub(crate) fn refused(reject: Reject) -> anyhow::Error {
    anyhow::anyhow!("{reject} ({})", reject.code())
}

/// A book, and how it differs from another one, as people read it.
pub(crate) fn shown(it: &Compared) -> anyhow::Result<String> {
    let mut out = told(&it.report)?;
    if let (Some(other), Some(difference)) = (&it.other, &it.difference) {
        compared(&mut out, other, difference)?;
    }
    Ok(out)
}

/// The tables by month are in whole units of the currency.
fn told(report: &Report) -> anyhow::Result<String> {
    let mut out = String::new();
    let Report { product, version, currency, seed, .. } = report;
    writeln!(out, "{product} version {version}, seed {seed}, in whole {currency}\n")?;
    let by_month = |numbers: fn(&Month) -> Numbers| {
        let months = report.months.iter();
        months.map(|it| (it.month, numbers(it))).collect::<Vec<_>>()
    };
    table(&mut out, "", &by_month(|it| named(&it.lines())))?;
    table(&mut out, "outstanding by days past due", &by_month(arrears))?;
    table(&mut out, "income by account", &by_month(income))?;
    if let Some(last) = report.months.last() {
        trial_balance(&mut out, &last.accounts)?;
    }
    summary(&mut out, report)?;
    Ok(out)
}

fn compared(out: &mut String, other: &Report, difference: &Difference) -> anyhow::Result<()> {
    let Report { product, version, currency, .. } = other;
    writeln!(
        out,
        "\nagainst {product} version {version}, this less the other, in whole {currency}\n"
    )?;
    let less = |lines: &[Line]| lines.iter().map(|it| (words(it.name), it.difference)).collect();
    let months = difference.months.iter().map(|it| (it.month, less(&it.lines)));
    table(out, "", &months.collect::<Vec<_>>())?;
    writeln!(out, "{:<30}  {:>16}  {:>16}  {:>16}", "", "this", "other", "difference")?;
    for Line { name, this, other, difference } in &difference.total {
        writeln!(out, "{:<30}  {this:>16}  {other:>16}  {difference:>16}", words(name))?;
    }
    Ok(())
}

/// The columns of a month, by their heads.
type Numbers = Vec<(String, Decimal)>;

fn named(lines: &[(&str, Decimal)]) -> Numbers {
    lines.iter().map(|(name, number)| (words(name), *number)).collect()
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

fn arrears(month: &Month) -> Numbers {
    let buckets = Bucket::ALL.iter().zip(&month.arrears);
    buckets.map(|((_, name), it)| ((*name).to_owned(), it.principal)).collect()
}

fn income(month: &Month) -> Numbers {
    month.income.iter().map(|it| (it.code.to_string(), it.amount)).collect()
}

/// A line for each month. A column is there when any month has it.
fn table(out: &mut String, title: &str, months: &[(Date, Numbers)]) -> anyhow::Result<()> {
    let mut heads: Vec<&str> = Vec::new();
    for (head, _) in months.iter().flat_map(|(_, numbers)| numbers) {
        if !heads.contains(&head.as_str()) {
            heads.push(head);
        }
    }
    if !title.is_empty() {
        writeln!(out, "{title}")?;
    }
    let width = |head: &str| if head == "loans" { 6 } else { head.len().max(9) };
    let columns = heads.iter().map(|head| format!("  {head:>width$}", width = width(head)));
    writeln!(out, "{:<7}{}", "month", columns.collect::<String>())?;
    for (month, numbers) in months {
        write!(out, "{}", month.strftime("%Y-%m"))?;
        for head in &heads {
            let number = numbers.iter().find(|(it, _)| it == head);
            let number = number.map_or(Decimal::ZERO, |(_, number)| number.round());
            write!(out, "  {number:>width$}", width = width(head))?;
        }
        out.push('\n');
    }
    out.push('\n');
    Ok(())
}

fn trial_balance(out: &mut String, accounts: &[Account]) -> anyhow::Result<()> {
    writeln!(out, "{:<9}  {:<44}  {:>16}", "account", "", "balance")?;
    for Account { code, en, balance, .. } in accounts {
        writeln!(out, "{:<9}  {en:<44}  {balance:>16}", code.to_string())?;
    }
    let sum: Decimal = accounts.iter().map(|it| it.balance).sum();
    writeln!(out, "{:<9}  {:<44}  {sum:>16}\n", "Σ", "")?;
    Ok(())
}

fn summary(out: &mut String, report: &Report) -> anyhow::Result<()> {
    let percent = |rate: Decimal| (rate * Decimal::ONE_HUNDRED).round_dp(2);
    for (name, number) in report.lines().iter().filter(|(name, _)| !name.contains("annual")) {
        writeln!(out, "{:<30}  {number:>16}", words(name))?;
    }
    for (status, count) in &report.contracts {
        writeln!(out, "{:<30}  {count:>16}", format!("loans {status} at the end"))?;
    }
    for (code, count) in &report.refused {
        writeln!(out, "{:<30}  {count:>16}", format!("refused: {code}"))?;
    }
    let costs = report.annual_cost.map(|it| [("simple", it.simple), ("compound", it.compound)]);
    for (name, Spread { min, p5, median, p95, max }) in costs.into_iter().flatten() {
        let [min, p5, median, p95, max] = [min, p5, median, p95, max].map(percent);
        writeln!(
            out,
            "annual cost, {name:<8} %  min {min}, 5 % of loans up to {p5}, half up to {median}, \
            95 % up to {p95}, max {max}"
        )?;
    }
    writeln!(out, "digest {}", report.digest)?;
    Ok(())
}
