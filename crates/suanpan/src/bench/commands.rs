//! Business commands over HTTP: loan repayments on the real router and real sockets.
//!
//! Each is a whole command: a key is checked, a request read, the loan allocated, and one commit
//! made of a record, a transfer, an event and the idempotent answer. The server has threads of its
//! own, and the load generator one; both share the processors of the machine.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow, ensure};
use bank::{Bank, PAGE_MAX, Role, loans::Apply, products::Step, tables::LoanId};
use clap::Args;
use futures_util::{StreamExt, TryStreamExt, stream};
use ledger::AccountId;
use money::{Amount, Currency, Money};
use party::{Kind, MasterKey, Mobile, Personal, Registration, ResidentId};
use serde_json::{Value, json};
use stdx::{Date, Id};
use tokio::{net::TcpListener, sync::watch, task::JoinSet, time};

use super::{
    Place, Scratch,
    client::Client,
    figures::{Latencies, join, per_second, ratio},
    limit::Limit,
    machine::{Machine, Spent},
    progress,
    traffic::Shape,
};
use crate::{
    institution::{self, Made, first_call},
    serve, system,
};

/// The product of the loans: an instalment a day, so that something is due after one close.
const PRODUCT: &str = include_str!("loan.yaml");
const PRODUCT_NAME: &str = "bench-loan";
/// What is lent; the interest of the first day alone lasts for half a million repayments.
const LENT: Money = Money::new(Amount::from_minor(2_000_000_000), Currency::CNY);
/// The business date of the set-up, a Thursday: its close covers one day.
const FIRST_DAY: Date = Date::constant(2025, 1, 2);
/// A repayment of the smallest amount there is.
const PAYMENT: &str = r#"{"amount":{"amount":"0.01","currency":"CNY"}}"#;
/// How many commands of the set-up are under way at once.
const SET_UP_AT_ONCE: usize = 256;
/// How long the server is watched doing nothing.
const IDLE: Duration = Duration::from_secs(2);

/// Loan repayments over HTTP, with a load generator of its own.
#[derive(Args)]
pub(crate) struct Commands {
    #[command(flatten)]
    place: Place,
    /// How many loans are repaid, each by a borrower of its own.
    #[arg(long, default_value_t = 2_000)]
    loans: usize,
    /// How many connections are open; each has one command under way at most.
    #[arg(long, default_value_t = 128)]
    connections: usize,
    /// How many commands are given as fast as they are answered. Half as many follow, at half the
    /// rate that was reached.
    #[arg(long, default_value_t = 200_000)]
    commands: usize,
    /// How many commands are given one after the other before that, for the time of a single one.
    #[arg(long, default_value_t = 500)]
    alone: usize,
}

/// What the load generator does.
#[derive(Clone)]
struct Load {
    host: SocketAddr,
    /// The operator's.
    key: String,
    loans: Arc<[LoanId]>,
    name: &'static str,
    connections: usize,
    commands: usize,
    /// The time from a command to the next one of the same connection; as soon as it is answered
    /// when absent.
    every: Option<Duration>,
}

/// What came of it.
#[derive(Default)]
struct Loaded {
    latencies: Latencies,
    errors: usize,
    /// The first answer that was not one.
    error: Option<String>,
    time: Duration,
}

impl Commands {
    pub(crate) fn json(&self) -> bool {
        self.place.json
    }

    pub(crate) fn run(self) -> anyhow::Result<Value> {
        ensure!(self.connections > 0 && self.alone > 0, "there is nothing to do");
        ensure!(self.commands >= 2 * self.connections, "a connection needs two commands at least");
        ensure!(self.loans >= self.connections, "each connection needs a loan of its own");
        let scratch = self.place.scratch()?;
        // A server writes a line for each request; so does this one.
        serve::log_to(Arc::new(File::create(scratch.path().join("log"))?));
        let mut server = tokio::runtime::Builder::new_multi_thread();
        let server = server.enable_all().thread_name("server").build()?;
        server.block_on(self.measure(&scratch))
    }

    async fn measure(&self, scratch: &Scratch) -> anyhow::Result<Value> {
        let bar = progress();
        let limit = Limit {
            accounts: (0..2 * self.loans).map(|_| account_id()).collect(),
            shape: Shape::Plain,
            transfers: self.commands,
            batch: self.connections,
        };
        bar.set_message("the limit");
        let mut best = limit.measure(scratch.path())?;

        bar.set_message("making loans");
        let store = self.place.open(scratch)?;
        let bank = Bank::new(store, Box::new(MasterKey::new(system::seed())));
        let (made, loans) = self.set_up(&bank).await?;
        let due = due_on_all(&bank, &made).await?;
        let (end, ending) = watch::channel(false);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let host = listener.local_addr()?;
        let serving = tokio::spawn(serve::serve(bank.clone(), listener, ending));

        let idle = Machine::now(scratch.path());
        time::timeout(IDLE, std::future::pending::<()>()).await.unwrap_or_default();
        let idle = idle.spent();
        let key = made.keys.get(&Role::Operator).context("an operator")?.clone();
        let (name, connections, commands, every) = ("alone", 1, self.alone, None);
        let alone = Load { host, key, loans, name, connections, commands, every };
        let (connections, commands) = (self.connections, self.commands);
        let full = Load { name: "full", connections, commands, ..alone.clone() };
        let half = Load { name: "half", commands: commands / 2, ..full.clone() };

        bar.set_message("one after the other");
        let alone = alone.run(scratch.path()).await?;
        bar.set_message("as fast as they are answered");
        let full = full.run(scratch.path()).await?;
        let rate = full.0.per_second();
        bar.set_message("at half that rate");
        let every = Duration::from_secs(connections as u64) / u32::try_from(rate / 2)?.max(1);
        let half = Load { every: Some(every), ..half }.run(scratch.path()).await?;

        end.send_replace(true);
        serving.await??;
        bar.set_message("the limit");
        best = best.better(limit.measure(scratch.path())?);
        let runs = [&alone.0, &full.0, &half.0];
        let answered: usize = runs.iter().map(|it| it.latencies.count()).sum();
        let errors: usize = runs.iter().map(|it| it.errors).sum();
        if let Some(error) = runs.iter().find_map(|it| it.error.as_deref()) {
            eprintln!("the first of {errors} errors: {error}");
        }
        // What the answers say must be what the loans say.
        let booked = usize::try_from((due - due_on_all(&bank, &made).await?).minor())?;
        ensure!(booked == answered, "{answered} were answered, {booked} are booked");
        bar.finish_and_clear();
        let size = json!({
            "engine": self.place.engine(),
            "loans": self.loans,
            "connections": self.connections,
            "commands": full.0.latencies.count(),
            "errors": errors,
            "booked": booked,
        });
        let limits = json!({
            "limit_per_second": best.durable,
            "ratio_to_limit": ratio(rate, best.durable),
            "memory_per_second": best.memory,
        });
        let asked = json!({ "asked_per_second": rate / 2 });
        let others = json!({
            "half": join([asked, figures(half)]),
            "alone": figures(alone),
            "idle_cpu": idle.load(),
        });
        Ok(join([size, figures(full), limits, others]))
    }

    /// An institution with loans on which an instalment is due.
    async fn set_up(&self, bank: &Bank) -> anyhow::Result<(Made, Arc<[LoanId]>)> {
        let now = system::now();
        let roles = [Role::Operator, Role::Approver];
        let made =
            institution::make(bank, now, "Bench (sample)", FIRST_DAY, "china", &roles).await?;
        let call = |role, key: &str| first_call(made.institution, role, key, now);
        let version =
            bank.draft_product(&call(Role::Operator, "draft"), PRODUCT).await?.answer.version;
        for (key, step) in [("approve", Step::Approve), ("publish", Step::Publish(FIRST_DAY))] {
            bank.step_product(&call(Role::Approver, key), PRODUCT_NAME, version, step).await?;
        }
        let lent = stream::iter((0..self.loans).map(|number| lend(bank, &made, number)));
        let loans: Vec<_> = lent.buffered(SET_UP_AT_ONCE).try_collect().await?;
        bank.close_business_date(&call(Role::Operator, "close"), FIRST_DAY).await?;
        Ok((made, loans.into()))
    }
}

fn account_id() -> AccountId {
    Id::new(system::now(), &mut system::prng())
}

/// From a person to a disbursed loan.
async fn lend(bank: &Bank, made: &Made, number: usize) -> anyhow::Result<LoanId> {
    let call = |verb: &str| {
        let key = format!("{verb}/{number}");
        first_call(made.institution, Role::Operator, &key, system::now())
    };
    // A thousand people are born a day.
    let born = jiff::Span::new().days(i64::try_from(number / 1_000)?);
    let birth = Date::constant(1990, 1, 1).checked_add(born)?;
    let id = ResidentId::sample(110_105, birth, u16::try_from(number % 1_000)?);
    let registration = Registration {
        kind: Kind::Person,
        name: Personal::new(format!("样例{number}")),
        id_number: Personal::new(id.reveal().to_owned()),
        mobile: Personal::new(Mobile::sample(u32::try_from(number)?).reveal().to_owned()),
        address: None,
        bank_card: None,
    };
    let party = bank.register_party(&call("register"), &registration).await?.answer.id;
    let product = PRODUCT_NAME.to_owned();
    let (price, term, facts) = (None, None, Default::default());
    let apply = Apply { party, product, amount: LENT, price, term, facts };
    let applied = bank.apply(&call("apply"), &apply).await?.answer;
    let loan = bank.sign(&call("sign"), applied.id).await?.answer.loan;
    bank.disburse(&call("disburse"), loan, None).await?;
    Ok(loan)
}

/// What is due on all loans.
async fn due_on_all(bank: &Bank, made: &Made) -> anyhow::Result<Amount> {
    let caller = first_call(made.institution, Role::Operator, "due", system::now()).caller;
    let (mut due, mut after) = (Amount::ZERO, None);
    loop {
        let page = bank.loans(&caller, None, after, PAGE_MAX).await?;
        due += page
            .data
            .iter()
            .filter_map(|it| it.position.as_ref())
            .map(|it| it.due().total())
            .sum::<Amount>();
        after = page.next;
        if after.is_none() {
            return Ok(due);
        }
    }
}

impl Load {
    /// Runs it on a thread of its own, so that the kernel tells its work from the server's.
    async fn run(self, directory: &Path) -> anyhow::Result<(Loaded, Spent)> {
        let machine = Machine::now(directory);
        let (done, loaded) = tokio::sync::oneshot::channel();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let generator = thread::Builder::new().name("load".to_owned()).spawn(move || {
            // Nobody waits any more when this is not heard.
            done.send(self.on_this_thread()).unwrap_or_default();
            // A thread that has ended is no longer counted by name.
            stopped.recv().unwrap_or_default();
        })?;
        let loaded = loaded.await?;
        let spent = machine.spent();
        drop(stop);
        generator.join().map_err(|_| anyhow!("the load generator panicked"))?;
        Ok((loaded?, spent))
    }

    fn on_this_thread(self) -> anyhow::Result<Loaded> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.all())
    }

    async fn all(self) -> anyhow::Result<Loaded> {
        let mut connected = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            connected.push(Client::connect(self.host, &self.key).await?);
        }
        let start = Instant::now();
        let mut working = JoinSet::new();
        for (number, client) in connected.into_iter().enumerate() {
            working.spawn(self.clone().connection(number, client));
        }
        let mut all = Loaded::default();
        while let Some(loaded) = working.join_next().await {
            all.append(loaded??);
        }
        all.time = start.elapsed();
        Ok(all)
    }

    /// One connection's share of the commands, on loans that are its own.
    async fn connection(self, number: usize, mut client: Client) -> anyhow::Result<Loaded> {
        let mut loaded = Loaded::default();
        let own: Vec<_> = self.loans.iter().skip(number).step_by(self.connections).collect();
        let own: Vec<_> = own.iter().map(|loan| format!("/v1/loans/{loan}/repayments")).collect();
        let mut ticks = self.ticks(number);
        let commands = (number..self.commands).step_by(self.connections);
        for (command, path) in commands.zip(own.iter().cycle()) {
            // A command that is late counts from when it should have been given: else a slow
            // server would slow the clock that measures it.
            let start = match &mut ticks {
                Some(ticks) => ticks.tick().await.into_std(),
                None => Instant::now(),
            };
            let key = format!("bench-{}-{command}", self.name);
            match client.command(path, &key, PAYMENT).await? {
                Ok(()) => loaded.latencies.note(start.elapsed()),
                Err(error) => {
                    loaded.errors += 1;
                    loaded.error.get_or_insert(error);
                }
            }
        }
        Ok(loaded)
    }

    /// When this connection gives its commands: evenly, and not all connections at once.
    fn ticks(&self, number: usize) -> Option<time::Interval> {
        let every = self.every?;
        let (number, connections) =
            (u32::try_from(number).ok()?, u32::try_from(self.connections).ok()?);
        let mut ticks =
            time::interval_at(time::Instant::now() + every / connections * number, every);
        ticks.set_missed_tick_behavior(time::MissedTickBehavior::Burst);
        Some(ticks)
    }
}

impl Loaded {
    fn append(&mut self, other: Self) {
        self.latencies.append(other.latencies);
        self.errors += other.errors;
        self.error = self.error.take().or(other.error);
    }

    fn per_second(&self) -> u64 {
        per_second(self.latencies.count(), self.time)
    }
}

/// The rate and the times of commands, and what the machine spent on them.
fn figures((loaded, spent): (Loaded, Spent)) -> Value {
    let (count, rate) = (loaded.latencies.count() as u64, loaded.per_second());
    let spent = json!({
        "written_bytes_per_command": spent.written.and_then(|it| it.checked_div(count)),
        "disk_flushes_per_command": spent.flushes.and_then(|it| ratio(it, count)),
        "cpu": spent.cpu(),
    });
    join([json!({ "per_second": rate }), loaded.latencies.figures(), spent])
}
