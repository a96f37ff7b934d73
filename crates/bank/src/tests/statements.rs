//! Statements: against tables an accountant made, and against a naive sum of random histories.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{AccountId, Code, Side, Transfer, TransferId};
use money::{Amount, Currency};
use stdx::{Date, Prng, table};

use super::{
    command::Command,
    replays::{new_account, transfer},
    world::{FIRST, World},
};
use crate::{
    Refusal,
    plain::NewAccount,
    statements::{
        Columns, Earnings, EntriesOf, EntryCursor, GeneralLedger, IncomeStatement, Section, Sheet,
    },
};

fn day(month: i8, day: i8) -> Date {
    jiff::civil::date(2025, month, day)
}

fn code(text: &str) -> Code {
    text.parse().unwrap()
}

/// A plain account of a code, and one more of it for each `number`.
pub(super) fn account_of(currency: &str, text: &str, number: u64) -> NewAccount {
    let name = format!("{currency} {text} {number}");
    let (code, currency) = (code(text), currency.parse().unwrap());
    NewAccount { code, currency, ..new_account(&name) }
}

/// A transfer between two of them.
pub(super) fn moves(
    name: &str,
    on: Date,
    debit: &NewAccount,
    credit: &NewAccount,
    amount: Amount,
) -> Transfer {
    let (debit, credit) = (debit.id, credit.id);
    Transfer { debit, credit, amount, value_date: on, ..transfer(name, "A", "B", 1) }
}

/// The month of the tables.
async fn month() -> World {
    let world = World::new().await;
    let (borrower, saver) = (world.person(1).await, world.person(2).await);
    let loan = world.lend("loan", borrower, 9_000_00, 6).await;
    let account = world.account("account", saver).await;
    world.ok("deposit", Command::Deposit(account, 10_000_00)).await;
    world.close_until(day(1, 27)).await;
    world.ok("prepay", Command::Repay(loan, 98_00)).await;
    world.close_until(day(2, 5)).await;
    let mut accounts = BTreeMap::new();
    let mut transfers = Vec::new();
    for row in table::parse(include_str!("../../testdata/postings.txt")) {
        let sides = ["debit", "credit"].map(|side| {
            let account = account_of(row.text("currency"), row.text(side), 0);
            accounts.insert(account.id, account.clone());
            account
        });
        let amount = Amount::parse(row.text("amount"), sides[0].currency).unwrap();
        let name = format!("line {}", row.line);
        transfers.push(moves(&name, row.get("day"), &sides[0], &sides[1], amount));
    }
    let accounts = accounts.into_values().collect();
    world.ok("accounts", Command::OpenLedgerAccounts(accounts)).await;
    let count = transfers.len();
    let results = world.ok("postings", Command::Book(transfers)).await;
    assert_eq!(results, format!("[{}]", vec!["Ok(Created)"; count].join(", ")));
    world.check().await;
    world
}

/// Section and code to both columns as texts; `total` is the code of a sum.
type Lines = BTreeMap<(String, String), (String, String)>;

fn add_sum(lines: &mut Lines, section: &str, code: &str, columns: Columns, currency: Currency) {
    let text = |it: Amount| it.text(currency);
    let compared = columns.compared.map_or_else(|| "-".to_owned(), text);
    lines.insert((section.to_owned(), code.to_owned()), (text(columns.amount), compared));
}

fn add_section(lines: &mut Lines, name: &str, section: &Section, currency: Currency) {
    for line in &section.lines {
        add_sum(lines, name, line.account.code.as_str(), line.columns, currency);
    }
    add_sum(lines, name, "total", section.total, currency);
}

fn lines_of_sheet(sheet: &Sheet) -> Lines {
    let mut lines = Lines::new();
    let Sheet { currency, assets, liabilities, equity, unlisted, memo, .. } = sheet;
    for (name, section) in [
        ("assets", assets),
        ("liabilities", liabilities),
        ("equity", equity),
        ("unlisted", unlisted),
        ("memo", memo),
    ] {
        add_section(&mut lines, name, section, *currency);
    }
    add_sum(&mut lines, "result", "total", sheet.result, *currency);
    lines
}

#[tokio::test]
async fn balance_sheets_are_those_of_the_accountant() {
    let world = month().await;
    let reader = world.reader();
    let mut expected = BTreeMap::<(Date, Option<Date>, String), Lines>::new();
    for row in table::parse(include_str!("../../testdata/balance-sheet.txt")) {
        let sheet = (row.get("as_of"), row.option("with"), row.text("currency").to_owned());
        let key = (row.text("section").to_owned(), row.text("code").to_owned());
        let columns = (row.text("amount").to_owned(), row.text("compared").to_owned());
        expected.entry(sheet).or_default().insert(key, columns);
    }
    for ((as_of, compared, currency), expected) in expected {
        let report = world.bank.balance_sheet(&reader, as_of, compared).await.unwrap();
        let sheets = report.sheets.iter();
        let sheet = sheets.clone().find(|it| it.currency.to_string() == currency).unwrap();
        assert_eq!(lines_of_sheet(sheet), expected, "{currency} as of {as_of}");
        for sheet in sheets {
            assert!(sheet.difference.amount.is_zero(), "{sheet:?}");
            assert!(sheet.difference.compared.is_none_or(|it| it.is_zero()), "{sheet:?}");
        }
    }
    let names = world.bank.balance_sheet(&reader, day(1, 31), None).await.unwrap();
    let first = &names.sheets[0].assets.lines[0].account;
    assert_eq!((first.zh.as_deref(), first.level), (Some("存放中央银行款项"), 1));
}

#[tokio::test]
async fn income_statements_are_those_of_the_accountant() {
    let world = month().await;
    let reader = world.reader();
    type Periods = ((Date, Date), Option<(Date, Date)>);
    let mut expected = BTreeMap::<Periods, Lines>::new();
    for row in table::parse(include_str!("../../testdata/income-statement.txt")) {
        let compared = row.option("with_from").zip(row.option("with_through"));
        let periods = ((row.get("from"), row.get("through")), compared);
        let key = (row.text("section").to_owned(), row.text("code").to_owned());
        let columns = (row.text("amount").to_owned(), row.text("compared").to_owned());
        expected.entry(periods).or_default().insert(key, columns);
    }
    for ((period, compared), expected) in expected {
        let report = world.bank.income_statement(&reader, period, compared).await.unwrap();
        let of_yuan = report.earnings.iter().find(|it| it.currency == Currency::CNY).unwrap();
        let mut lines = Lines::new();
        add_section(&mut lines, "income", &of_yuan.income, Currency::CNY);
        add_section(&mut lines, "expense", &of_yuan.expense, Currency::CNY);
        add_sum(&mut lines, "result", "total", of_yuan.result, Currency::CNY);
        assert_eq!(lines, expected, "{period:?} with {compared:?}");
    }
}

#[tokio::test]
async fn the_general_ledger_is_that_of_the_accountant() {
    let world = month().await;
    let reader = world.reader();
    let mut expected = BTreeMap::<(String, Date, Date), BTreeSet<Vec<String>>>::new();
    for row in table::parse(include_str!("../../testdata/general-ledger.txt")) {
        let columns = ["line", "date", "opening", "debits", "credits", "closing"];
        let report = (row.text("code").to_owned(), row.get("from"), row.get("through"));
        let line = columns.map(|it| row.text(it).to_owned()).to_vec();
        expected.entry(report).or_default().insert(line);
    }
    for ((of, from, through), expected) in expected {
        let report = world.bank.general_ledger(&reader, (from, through), Some(code(&of))).await;
        let mut lines = BTreeSet::new();
        for line in report.unwrap().lines.iter().filter(|it| it.currency == Currency::CNY) {
            let row = |date: String, amounts: [Amount; 4]| {
                let amounts = amounts.map(|it| it.text(Currency::CNY));
                [vec![line.account.code.to_string(), date], amounts.to_vec()].concat()
            };
            let whole = [line.opening, line.debits, line.credits, line.closing];
            lines.insert(row("-".to_owned(), whole));
            for it in &line.days {
                let amounts = [it.opening, it.debits, it.credits, it.closing];
                lines.insert(row(it.date.to_string(), amounts));
            }
        }
        assert_eq!(lines, expected, "{of}");
    }
}

#[tokio::test]
async fn spans_have_limits() {
    let world = World::new().await;
    let reader = world.reader();
    let bank = &world.bank;
    let backwards = (day(2, 1), day(1, 31));
    let ledger = async |span, code| {
        bank.general_ledger(&reader, span, code).await.map(|_| ()).map_err(|it| it.code())
    };
    assert_eq!(ledger(backwards, None).await, Err("from-after-through"));
    assert_eq!(ledger((day(1, 1), day(1, 31)), None).await, Ok(()));
    assert_eq!(ledger((day(1, 1), day(2, 1)), None).await, Err("too-many"));
    assert_eq!(ledger((day(1, 1), day(12, 31)), Some(code("1003"))).await, Ok(()));
    assert_eq!(ledger((Date::MIN, Date::MAX), Some(code("1003"))).await, Err("too-many"));
    let sheet = bank.balance_sheet(&reader, day(1, 1), Some(day(1, 2))).await;
    assert_eq!(sheet, Err(Refusal::FromAfterThrough));
    assert!(bank.balance_sheet(&reader, Date::MAX, None).await.is_ok());
    assert!(bank.balance_sheet(&reader, Date::MIN, None).await.is_ok());
    let income = bank.income_statement(&reader, (day(1, 1), day(1, 2)), Some(backwards)).await;
    assert_eq!(income, Err(Refusal::FromAfterThrough));
}

/// All entries, page by page.
async fn entries(world: &World, wanted: EntriesOf, limit: usize) -> Vec<(AccountId, TransferId)> {
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = world.bank.entries(&world.reader(), wanted, after, limit).await.unwrap();
        assert!(page.data.len() <= limit, "{}", page.data.len());
        found.extend(page.data.iter().map(|it| (it.account, it.posted.transfer.id)));
        let Some(next) = page.next else { return found };
        // As it goes over the wire.
        after = Some(next.to_string().parse::<EntryCursor>().unwrap());
        assert_eq!(after, Some(next));
    }
}

#[tokio::test]
async fn what_is_behind_a_day_is_found() {
    let world = month().await;
    let on = |text: &str, day| EntriesOf { code: code(text), currency: Currency::CNY, day };
    // The disbursal and the deposit on an account each, the capital on another.
    assert_eq!(entries(&world, on("1003", FIRST), 1).await.len(), 3);
    assert_eq!(entries(&world, on("1132", day(1, 20)), 9).await.len(), 1);
    assert_eq!(entries(&world, on("2241", day(1, 27)), 9).await.len(), 1);
    assert_eq!(entries(&world, on("224", day(1, 27)), 9).await, []);
    let page = world.bank.entries(&world.reader(), on("1003", day(1, 24)), None, 9).await.unwrap();
    let entry = |it: &crate::statements::Entry| (it.side, it.posted.transfer.amount.minor());
    let mut found: Vec<_> = page.data.iter().map(entry).collect();
    found.sort_unstable_by_key(|it| it.1);
    assert_eq!(found, [(Side::Credit, 30_00), (Side::Credit, 40_00)]);
    for text in ["", "x", "1.2", "00000000-0000-0000-0000-000000000001.2.3"] {
        assert!(text.parse::<EntryCursor>().is_err(), "{text}");
    }
}

/// The codes random histories book on, from every class, and one that is not listed.
const CODES: [&str; 12] = [
    "1003", "1132.01", "1132", "1304", "2011.01", "3001", "4001", "6011.01", "6061", "6602",
    "7001", "9000",
];
/// How many days they have.
const DAYS: u64 = 25;

/// Debits and credits by code and day, added up one by one.
type Naive = BTreeMap<(String, Date), [i64; 2]>;

/// Random transfers on random value dates, and their naive sums.
async fn history(seed: u64) -> (World, Naive, Vec<Transfer>) {
    let world = World::seeded(seed).await;
    world.close_until(day(2, 5)).await;
    let mut prng = Prng::stream(seed, "statements");
    let number = |code: usize, number: u64| account_of("CNY", CODES[code], number);
    let all = (0..CODES.len()).flat_map(|code| (0..3).map(move |it| number(code, it)));
    world.ok("open", Command::OpenLedgerAccounts(all.collect())).await;
    let (mut naive, mut booked) = (Naive::new(), Vec::new());
    for round in 0..6 {
        let mut transfers = Vec::new();
        for it in 0..40 {
            let [debit, credit] = [0, 1].map(|_| {
                let at = usize::try_from(prng.below(CODES.len() as u64)).unwrap();
                (CODES[at], number(at, prng.below(3)))
            });
            // Memo accounts move against memo accounts, which a product's check sees to.
            let is_mixed = (debit.0 == "7001") != (credit.0 == "7001");
            if debit.1.id == credit.1.id || is_mixed {
                continue;
            }
            let on = FIRST.saturating_add(jiff::Span::new().days(prng.below(DAYS).cast_signed()));
            let minor = 1 + prng.below(100_000).cast_signed();
            let amount = Amount::from_minor(minor);
            transfers.push(moves(&format!("{round}/{it}"), on, &debit.1, &credit.1, amount));
            naive.entry((debit.0.to_owned(), on)).or_default()[0] += minor;
            naive.entry((credit.0.to_owned(), on)).or_default()[1] += minor;
        }
        world.ok(&format!("book/{round}"), Command::Book(transfers.clone())).await;
        booked.extend(transfers);
    }
    (world, naive, booked)
}

/// Debits less credits of a code through a day.
fn through(naive: &Naive, of: &str, day: Date) -> i64 {
    let days = naive.iter().filter(|((code, on), _)| code == of && *on <= day);
    days.map(|(_, [debits, credits])| debits - credits).sum()
}

/// What holds in any books on each day: the sheet balances, its result is that of the income
/// statement so far, adjacent periods add up, and the days of the general ledger lead from one
/// trial balance to the next.
pub(super) async fn hold(world: &World, from: Date, through: Date) {
    let (bank, reader) = (&world.bank, world.reader());
    let days = || from.series(jiff::Span::new().days(1)).take_while(|it| *it <= through);
    let income = async |from, through| -> IncomeStatement {
        bank.income_statement(&reader, (from, through), None).await.unwrap()
    };
    let ledger: GeneralLedger = bank.general_ledger(&reader, (from, through), None).await.unwrap();
    for day in days() {
        let sheet =
            bank.balance_sheet(&reader, day, Some(from.yesterday().unwrap())).await.unwrap();
        for it in &sheet.sheets {
            assert!(it.difference.amount.is_zero(), "{day} {it:?}");
            assert_eq!(it.difference.compared, Some(Amount::ZERO), "{day} {it:?}");
            assert!(it.memo.total.amount.is_zero(), "{day} {it:?}");
        }
        let so_far = income(from, day).await;
        let rest = match day < through {
            true => income(day.tomorrow().unwrap(), through).await.earnings,
            false => Vec::new(),
        };
        for it in &income(from, through).await.earnings {
            let of = |earnings: &[Earnings]| {
                let found = earnings.iter().find(|other| other.currency == it.currency);
                found.map_or(Amount::ZERO, |it| it.result.amount)
            };
            let of_day = of(&so_far.earnings);
            assert_eq!(of_day + of(&rest), it.result.amount, "{day}");
            let sheet = sheet.sheets.iter().find(|sheet| sheet.currency == it.currency).unwrap();
            assert_eq!(sheet.result.amount - sheet.result.compared.unwrap(), of_day, "{day}");
        }
        let trial = bank.trial_balance(&reader, Some(day)).await.unwrap();
        for line in ledger.lines.iter().filter(|it| it.account.level == 1) {
            let here = line.days.iter().rfind(|it| it.date <= day);
            let balance = here.map_or(line.opening, |it| it.closing);
            let of = line.account.code.as_str();
            let parts = trial.lines.iter().filter(|it| {
                let rest = it.code.as_str().strip_prefix(of);
                it.currency == line.currency
                    && rest.is_some_and(|it| it.is_empty() || it.starts_with('.'))
            });
            let parts: Amount = parts.map(|it| it.debits - it.credits).sum();
            assert_eq!(parts, balance, "{of} on {day}");
        }
    }
}

#[tokio::test]
async fn random_books_balance_every_day() {
    for seed in 1..=4 {
        let (world, naive, booked) = history(seed).await;
        let reader = world.reader();
        let last = day(1, 30);
        hold(&world, FIRST, last).await;
        let report = world.bank.general_ledger(&reader, (FIRST, last), None).await.unwrap();
        for of in CODES.iter().filter(|it| **it != "1132") {
            let line = report.lines.iter().find(|it| it.account.code == code(of)).unwrap();
            let found: Naive = line
                .days
                .iter()
                .map(|it| ((*of).to_owned(), it.date, [it.debits.minor(), it.credits.minor()]))
                .map(|(code, date, sums)| ((code, date), sums))
                .collect();
            let own = naive.iter().filter(|((code, _), _)| code == of);
            let own: Naive = own.map(|(key, sums)| (key.clone(), *sums)).collect();
            assert_eq!(found, own, "seed {seed} {of}");
            assert_eq!(line.closing.minor(), through(&naive, of, last), "seed {seed} {of}");
        }
        let above = report.lines.iter().find(|it| it.account.code == code("1132")).unwrap();
        let both = through(&naive, "1132", last) + through(&naive, "1132.01", last);
        assert_eq!(above.closing.minor(), both, "seed {seed}");

        // Behind every day of a code are its transfers, each side once.
        let mut prng = Prng::stream(seed, "entries");
        for _ in 0..12 {
            let of = *prng.pick(&CODES);
            let on = FIRST.saturating_add(jiff::Span::new().days(prng.below(DAYS).cast_signed()));
            let limit = 1 + usize::try_from(prng.below(5)).unwrap();
            let wanted = EntriesOf { code: code(of), currency: Currency::CNY, day: on };
            let found = entries(&world, wanted, limit).await;
            let parts = CODES.iter().filter(|it| it.split('.').next() == Some(of) || **it == of);
            let accounts: BTreeSet<AccountId> =
                parts.flat_map(|it| (0..3).map(|n| account_of("CNY", it, n).id)).collect();
            let mut own = Vec::new();
            for it in booked.iter().filter(|it| it.value_date == on) {
                let sides = [it.debit, it.credit].into_iter().filter(|it| accounts.contains(it));
                own.extend(sides.map(|account| (account, it.id)));
            }
            let unique: BTreeSet<_> = found.iter().copied().collect();
            assert_eq!(unique.len(), found.len(), "seed {seed} {of} {on}");
            assert_eq!(unique, own.into_iter().collect(), "seed {seed} {of} {on}");
        }
        world.check().await;
    }
}
