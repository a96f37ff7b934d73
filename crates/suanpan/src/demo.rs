//! The whole story on real data: a thousand applicants, three products, a year of business days.
//!
//! Everything goes through the commands the API uses, each under an idempotency key that follows
//! from what it is. So a demo that was killed is continued by running it again: what was done
//! answers as it did, what was not is done now. Ids, keys and moments follow from the seed, so the
//! same seed ends in the same state hash on every machine.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::{Context, bail, ensure};
use bank::{
    Bank, Call, Caller, Done, Refusal, Role,
    loans::{Apply, is_approved},
    products::Step,
    reports::Portfolio,
    tables::{LoanId, PartyId},
};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use ledger::InstitutionId;
use lending::{Bucket, Loan, Status};
use money::{Amount, Calendar, Currency, Money, Roll};
use party::MasterKey;
use serde_json::json;
use stdx::{Date, Digest, Id, Prng, Timestamp};
use store::Store;

use crate::{
    keyfile,
    sample::{self, Applicant, PRODUCTS},
};

/// The first business date of the year that is told.
const FIRST_DAY: Date = jiff::civil::date(2025, 1, 2);
/// The last one.
const LAST_DAY: Date = jiff::civil::date(2025, 12, 31);
/// How many apply on a business day.
const APPLICANTS_A_DAY: usize = 20;
/// How many commands are under way at once.
const COMMANDS_AT_ONCE: usize = 256;

/// Tells the whole story on real data: a year of loans in under a minute.
#[derive(Args)]
pub(crate) struct Demo {
    /// Where the data goes. A demo that was stopped there is continued.
    #[arg(long, default_value = "data/demo")]
    data: PathBuf,
    /// Ids, keys, and who pays late follow from it.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many of the 1,000 applicants apply.
    #[arg(long, default_value_t = 1_000)]
    applicants: usize,
    /// Starts over.
    #[arg(long)]
    fresh: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

impl Demo {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        // Its key is no secret, and its books are made up: they do not belong beside others.
        let others = self.data.join(keyfile::NAME).exists();
        ensure!(!others, "{} holds data that is not a demo; it stays", self.data.display());
        if self.fresh {
            Store::remove_from(&self.data)?;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(self.tell())
    }

    async fn tell(self) -> anyhow::Result<()> {
        let bar = progress_bar()?;
        let store = Store::in_directory(&self.data)?;
        // The demo's key is no secret: it has to be the same on every machine.
        let key = MasterKey::new(Prng::stream(self.seed, "demo/master-key").bytes());
        let bank = Bank::new(store, Box::new(key));
        let institution = Id::derived(&[b"demo", &self.seed.to_be_bytes()]);
        let story = Story { bank, seed: self.seed, institution };
        story.open().await?;
        let mut applicants = sample::applicants()?;
        applicants.truncate(self.applicants);
        story.year(&applicants, &bar).await?;
        let summary = story.summary(applicants.len(), bar.elapsed()).await?;
        bar.finish_and_clear();
        if self.json {
            println!("{}", summary.json());
        } else {
            print!("{summary}");
        }
        Ok(())
    }
}

fn progress_bar() -> anyhow::Result<ProgressBar> {
    let bar = ProgressBar::new(0);
    bar.set_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} days {elapsed}")?);
    Ok(bar)
}

/// Who tells it, where.
struct Story {
    bank: Bank,
    seed: u64,
    institution: InstitutionId,
}

/// A loan in the story, and what its borrower will do.
struct Borrower {
    number: usize,
    loan: LoanId,
    /// What is done on which day, in order.
    plans: Vec<(Date, Plan)>,
}

/// What a borrower does on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// Pays what is due with an instalment.
    Pay(u32),
    /// Settles the loan early.
    Settle,
}

impl Story {
    /// A command under a key of its own. Its request follows from the key, so the key is the
    /// digest of the request too.
    fn call(&self, role: Role, key: String, now: Timestamp) -> Call {
        let institution = self.institution;
        let actor = format!("demo-{}", role.name());
        let caller = Caller { institution, actor, role, sees_personal_data: false };
        let digest = Digest::of(&[key.as_bytes()]);
        let seed = Prng::stream(self.seed, &key).bytes();
        Call { caller, key, digest, now, seed }
    }

    fn operator(&self, key: String, day: Date) -> Call {
        self.call(Role::Operator, key, morning(day))
    }

    fn caller(&self) -> Caller {
        self.operator(String::new(), FIRST_DAY).caller
    }

    /// The institution and its products.
    async fn open(&self) -> Result<(), Refusal> {
        let call = self.operator("demo/institution".to_owned(), FIRST_DAY);
        self.bank.create_institution(&call, "演示机构 (sample)", FIRST_DAY, "china").await?;
        for (name, text) in PRODUCTS {
            let draft = self.operator(format!("demo/draft/{name}"), FIRST_DAY);
            let drafted = self.bank.draft_product(&draft, text).await?.answer;
            for (verb, step) in [("approve", Step::Approve), ("publish", Step::Publish(FIRST_DAY))]
            {
                let key = format!("demo/{verb}/{name}");
                let call = self.call(Role::Approver, key, morning(FIRST_DAY));
                self.bank.step_product(&call, name, drafted.version, step).await?;
            }
        }
        Ok(())
    }

    /// Twelve months of business days.
    async fn year(&self, applicants: &[Applicant], bar: &ProgressBar) -> anyhow::Result<()> {
        let calendar = Calendar::china();
        let days: Vec<Date> = FIRST_DAY
            .series(jiff::Span::new().days(1))
            .take_while(|day| *day <= LAST_DAY)
            .filter(|day| calendar.is_business_day(*day))
            .collect();
        bar.set_length(days.len() as u64);
        let mut coming = applicants.chunks(APPLICANTS_A_DAY);
        let mut borrowers: Vec<Borrower> = Vec::new();
        for day in days {
            bar.set_message(day.to_string());
            // Those of a day that is over answer as they did.
            let today = coming.next().unwrap_or_default();
            let lent = stream::iter(today.iter().map(|it| self.lend(it, day)));
            let lent: Vec<_> = lent.buffered(COMMANDS_AT_ONCE).try_collect().await?;
            borrowers.extend(lent.into_iter().flatten());
            let current = self.bank.institution(&self.caller()).await?.record.business_date;
            if day == current {
                self.pay_all(&borrowers, day).await?;
                let key = format!("demo/close/{day}");
                let close = self.call(Role::Operator, key, evening(day));
                self.bank.close_business_date(&close, day).await?;
            } else if day > current {
                bail!("the business date is {current}, the story is at {day}");
            }
            bar.inc(1);
        }
        Ok(())
    }

    /// From a person to a disbursed loan, unless the product says no.
    async fn lend(&self, who: &Applicant, day: Date) -> anyhow::Result<Option<Borrower>> {
        let key = |verb: &str| format!("demo/{verb}/{}", who.number);
        let mut prng = Prng::stream(self.seed, &key("person"));
        let registration = who.registration(day, &mut prng)?;
        let call = self.operator(key("register"), day);
        let party: PartyId = self.bank.register_party(&call, &registration).await?.answer.id;
        let apply = Apply {
            party,
            product: who.product.to_owned(),
            amount: who.amount,
            price: None,
            term: Some(who.term),
            facts: who.facts.clone(),
        };
        let call = self.operator(key("apply"), day);
        let applied = self.bank.apply(&call, &apply).await?.answer;
        if !is_approved(&applied.application) {
            return Ok(None);
        }
        let call = self.operator(key("sign"), day);
        let loan = self.bank.sign(&call, applied.id).await?.answer.loan;
        let call = self.operator(key("disburse"), day);
        self.bank.disburse(&call, loan, None).await?;
        let contract = self.bank.loan(&self.caller(), loan).await?.loan;
        let plans = behavior(who, &contract, &mut prng);
        Ok(Some(Borrower { number: who.number, loan, plans }))
    }

    async fn pay_all(&self, borrowers: &[Borrower], day: Date) -> anyhow::Result<()> {
        let due = borrowers.iter().flat_map(|borrower| {
            let today = borrower.plans.iter().filter(move |(on, _)| *on == day);
            today.map(move |(_, plan)| self.pay(borrower, *plan, day))
        });
        let due = stream::iter(due.collect::<Vec<_>>());
        due.buffer_unordered(COMMANDS_AT_ONCE).try_collect::<()>().await
    }

    async fn pay(&self, borrower: &Borrower, plan: Plan, day: Date) -> anyhow::Result<()> {
        let Borrower { number, loan, .. } = *borrower;
        let state = self.bank.loan(&self.caller(), loan).await?;
        let Some(position) = state.position.filter(|_| state.loan.status == Status::Active) else {
            return Ok(());
        };
        let done: Result<Done<_>, Refusal> = match plan {
            Plan::Pay(instalment) => {
                let amount = if position.opened < instalment {
                    let planned = state.loan.plan.get(instalment as usize - 1);
                    planned.map_or(Amount::ZERO, |it| it.total()) - position.prepaid
                } else {
                    position.due().total()
                };
                if !amount.is_positive() {
                    return Ok(());
                }
                let call = self.operator(format!("demo/pay/{number}/{instalment}"), day);
                self.bank.repay(&call, loan, Money::new(amount, state.loan.currency)).await
            }
            Plan::Settle => match self.bank.settlement_quote(&self.caller(), loan, None).await {
                Ok(quote) => {
                    let call = self.operator(format!("demo/settle/{number}"), day);
                    self.bank
                        .settle(&call, loan, Money::new(quote.total, state.loan.currency))
                        .await
                }
                // What was paid in advance covers it: it settles by itself.
                Err(Refusal::Lending(lending::Reject::PrepaidCovers)) => return Ok(()),
                Err(refusal) => Err(refusal),
            },
        };
        done.map(|_| ()).with_context(|| format!("{plan:?} of loan {loan} on {day}"))
    }

    async fn summary(&self, applications: usize, elapsed: Duration) -> Result<Summary, Refusal> {
        let caller = self.caller();
        let portfolios = self.bank.portfolio(&caller).await?;
        let currency = Currency::CNY;
        let income = self.bank.turnover(&caller, "6011").await?;
        let earned = |(debits, credits): &(Money, Money)| {
            Money::new(credits.amount - debits.amount, currency)
        };
        let interest_earned = income
            .iter()
            .find(|it| it.0.currency == currency)
            .map_or(Money::new(Amount::ZERO, currency), earned);
        let balance = self.bank.trial_balance(&caller, None).await?;
        let business_date = self.bank.institution(&caller).await?.record.business_date;
        Ok(Summary {
            applications,
            portfolios,
            interest_earned,
            trial_balance: balance.difference,
            state_hash: self.bank.state_hash(&caller).await?,
            business_date,
            seconds: elapsed,
        })
    }
}

/// What a borrower will do: the good pay, a few of them late, a few of them all at once; the bad
/// stop at some point.
fn behavior(who: &Applicant, loan: &Loan, prng: &mut Prng) -> Vec<(Date, Plan)> {
    let calendar = Calendar::china();
    let stops_after = if who.bad { prng.below(6) } else { u64::MAX };
    let settles_after = if !who.bad && prng.chance(12) { 2 + prng.below(8) } else { u64::MAX };
    let mut plans = Vec::new();
    for (paid, instalment) in (0..).zip(&loan.plan) {
        if paid >= stops_after {
            break;
        }
        let late = if prng.chance(6) { 1 + prng.below(25) } else { 0 };
        let wanted = instalment.due.saturating_add(jiff::Span::new().days(late.cast_signed()));
        // Who is on time pays before a holiday, who is late after it.
        let roll = if late == 0 { Roll::Preceding } else { Roll::Following };
        let day = calendar.roll(wanted, roll);
        if paid >= settles_after {
            plans.push((day, Plan::Settle));
            break;
        }
        plans.push((day, Plan::Pay(instalment.number)));
    }
    plans
}

/// When a day's commands are given.
fn morning(day: Date) -> Timestamp {
    at(day, 1)
}

/// When a day is closed.
fn evening(day: Date) -> Timestamp {
    at(day, 15)
}

fn at(day: Date, hour: i8) -> Timestamp {
    let zoned = day.at(hour, 0, 0, 0).to_zoned(jiff::tz::TimeZone::UTC);
    zoned.expect("a day of the story has a time").timestamp()
}

/// What the year came to.
struct Summary {
    applications: usize,
    portfolios: BTreeMap<(String, Currency), Portfolio>,
    interest_earned: Money,
    trial_balance: BTreeMap<Currency, Amount>,
    state_hash: Digest,
    business_date: Date,
    seconds: Duration,
}

impl Summary {
    fn total<T: std::iter::Sum>(&self, of: impl Fn(&Portfolio) -> T) -> T {
        self.portfolios.values().map(of).sum()
    }

    /// Loans and principal by bucket, over all products, from current to worst.
    fn arrears(&self) -> Vec<(&'static str, (u64, Amount))> {
        let sum = |name: &str| {
            let of_products = self.portfolios.values().filter_map(|it| it.arrears.get(name));
            of_products.fold((0, Amount::ZERO), |sum, it| (sum.0 + it.0, sum.1 + it.1))
        };
        Bucket::ALL.into_iter().map(|(_, name)| (name, sum(name))).collect()
    }

    fn json(&self) -> serde_json::Value {
        let text = |amount: Amount| amount.text(Currency::CNY);
        let products = self.portfolios.iter().map(|((name, currency), it)| {
            let amount = |amount: Amount| amount.text(*currency);
            json!({
                "product": name,
                "currency": currency,
                "loans": it.loans,
                "settled": it.settled,
                "disbursed": amount(it.disbursed),
                "outstanding": amount(it.outstanding),
            })
        });
        let arrears = self.arrears().into_iter().map(|(bucket, (loans, principal))| {
            (bucket.to_owned(), json!({ "loans": loans, "outstanding": text(principal) }))
        });
        let difference = self.trial_balance.iter();
        let difference =
            difference.map(|(currency, sum)| (currency.to_string(), json!(sum.text(*currency))));
        json!({
            "applications": self.applications,
            "loans": self.total(|it| it.loans),
            "settled": self.total(|it| it.settled),
            "disbursed": text(self.total(|it| it.disbursed)),
            "outstanding": text(self.total(|it| it.outstanding)),
            "currency": "CNY",
            "products": products.collect::<Vec<_>>(),
            "arrears": arrears.collect::<serde_json::Map<_, _>>(),
            "interest_earned": self.interest_earned.amount.text(self.interest_earned.currency),
            "trial_balance": difference.collect::<serde_json::Map<_, _>>(),
            "business_date": self.business_date,
            "state_hash": self.state_hash,
            "seconds": self.seconds.as_secs_f64(),
        })
    }
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |amount: Amount| amount.text(Currency::CNY);
        writeln!(
            f,
            "A year of loans from {} applications of the German credit data\n",
            self.applications
        )?;
        let head = ["product", "loans", "settled", "disbursed", "outstanding"];
        writeln!(
            f,
            "{:<22} {:>6} {:>8} {:>16} {:>16}",
            head[0], head[1], head[2], head[3], head[4]
        )?;
        for ((name, _), it) in &self.portfolios {
            let (disbursed, outstanding) = (text(it.disbursed), text(it.outstanding));
            writeln!(
                f,
                "{name:<22} {:>6} {:>8} {disbursed:>16} {outstanding:>16}",
                it.loans, it.settled
            )?;
        }
        writeln!(
            f,
            "{:<22} {:>6} {:>8} {:>16} {:>16}\n",
            "all",
            self.total(|it| it.loans),
            self.total(|it| it.settled),
            text(self.total(|it| it.disbursed)),
            text(self.total(|it| it.outstanding)),
        )?;
        writeln!(f, "{:<22} {:>6} {:>8} {:>16}", "days past due", "loans", "", "outstanding")?;
        for (bucket, (loans, principal)) in self.arrears() {
            writeln!(f, "{bucket:<22} {loans:>6} {:>8} {:>16}", "", text(principal))?;
        }
        writeln!(f, "\ninterest earned        {}", self.interest_earned)?;
        for (currency, difference) in &self.trial_balance {
            writeln!(f, "trial balance          {} {currency}", difference.text(*currency))?;
        }
        writeln!(f, "business date          {}", self.business_date)?;
        writeln!(f, "state hash             {}", self.state_hash)?;
        writeln!(f, "time                   {:.1} s", self.seconds.as_secs_f64())
    }
}
