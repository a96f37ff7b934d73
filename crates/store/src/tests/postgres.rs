//! What only a shared database can do: several nodes at once, servers that go away, a second wall
//! between institutions, tables of two versions.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
};

use ledger::InstitutionId;
use testdb::Postgres;

use super::{
    AccountChange, Commit, LOANS, Loan, Outcome, Store, account, balance, bank, by_lane, commit,
    committed, database, lane, loan, moving, nth, open_accounts, replayed, transfer, verify,
};
use crate::{
    Due, LogRow, PAGE_MAX, StoreError,
    engine::{
        Batch, Engine, LaneHead, LaneOf, Read, Snapshot, Turn,
        postgres::{PostgresEngine, tests::Sql},
    },
};

const NODES: usize = 2;
const TASKS: u64 = 4;

fn open(url: &str) -> Store {
    Store::in_postgres(url).unwrap()
}

fn nodes(url: &str) -> [Store; NODES] {
    std::array::from_fn(|_| open(url))
}

/// Commits on each node at the same moment.
async fn at_once(nodes: &[Store; NODES], commits: [Commit; NODES]) -> [Outcome; NODES] {
    let [first, second] = commits;
    let (first, second) = tokio::join!(nodes[0].commit(first), nodes[1].commit(second));
    [first.unwrap(), second.unwrap()]
}

/// What a task of [`hammer`] commits: a transfer in lane 1, which all write, or in a lane of its
/// own, or from one to the other.
fn order(task: u64, number: u64) -> Commit {
    let id = 1_000_000 * (task + 1) + number;
    let own = 10 + task;
    let (debit, credit) = match number % 3 {
        0 => (1, 2),
        1 => (own, own + 100),
        _ => (1, own),
    };
    let mut order = moving(&format!("order {id}"), [transfer(id, debit, credit, 1)]);
    order.lane = if number % 3 == 1 { lane(own) } else { lane(1) };
    order.put(&LOANS, nth::<Loan>(id), 0, &loan("ann", "new"));
    order
}

/// Opens what [`order`] needs.
async fn prepare(store: &Store) {
    let mut opening = commit("open");
    let of_tasks = (0..TASKS).flat_map(|it| [(10 + it, 10 + it), (110 + it, 10 + it)]);
    let accounts = [(1, 1), (2, 1)].into_iter().chain(of_tasks);
    opening.accounts.extend(accounts.map(|(id, lane)| AccountChange::Open(account(id, lane))));
    committed(store, opening).await;
}

/// Lets tasks work on the nodes until the end is asked for, each on any of them; what failed is
/// repeated until it is answered. Answers how many orders each task has.
async fn hammer(nodes: &[Store], end: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) -> Vec<u64> {
    let task = |task: u64| {
        let (nodes, end, acknowledged) = (nodes.to_vec(), end.clone(), acknowledged.clone());
        async move {
            let mut number = 0;
            while !end.load(Relaxed) {
                let mut attempt = task + number;
                loop {
                    let node = &nodes[usize::try_from(attempt).unwrap() % nodes.len()];
                    attempt += 1;
                    match node.commit(order(task, number)).await {
                        Ok(Outcome::Committed(_) | Outcome::Replayed(_)) => break,
                        Ok(other) => panic!("{other:?}"),
                        Err(StoreError::Unavailable(_) | StoreError::Contended) => {
                            tokio::task::yield_now().await;
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
                acknowledged.fetch_add(1, Relaxed);
                number += 1;
            }
            number
        }
    };
    let tasks: Vec<_> = (0..TASKS).map(|it| tokio::spawn(task(it))).collect();
    let mut done = Vec::new();
    for task in tasks {
        done.push(task.await.unwrap());
    }
    done
}

/// Waits until so many more orders were acknowledged.
fn more(acknowledged: &AtomicU64, count: u64) {
    let start = acknowledged.load(Relaxed);
    while acknowledged.load(Relaxed) < start + count {
        thread::yield_now();
    }
}

/// Everything that was acknowledged is there once.
async fn check(nodes: &[Store], done: &[u64]) {
    let mut moved = BTreeMap::<u64, i64>::new();
    for (task, count) in (0..).zip(done) {
        for number in 0..*count {
            let order = order(task, number);
            let found = nodes[0].transfer(bank(), order.transfers[0].id).await.unwrap();
            assert_eq!(found.unwrap().posted.transfer.amount.minor(), 1, "{}", order.key);
            assert_eq!(replayed(&nodes[1], order).await.results.len(), 1);
            let credit = [2, 110 + task, 10 + task][usize::try_from(number % 3).unwrap()];
            *moved.entry(credit).or_default() += 1;
            let debit = if number % 3 == 1 { 10 + task } else { 1 };
            *moved.entry(debit).or_default() -= 1;
        }
    }
    for (account, moved) in moved {
        assert_eq!(balance(&nodes[0], account).await, moved, "account {account}");
        assert_eq!(balance(&nodes[1], account).await, moved, "account {account}");
    }
    verify(&nodes[0]).await;
}

async fn log(store: &Store) -> Vec<LogRow> {
    log_after(store, 0).await
}

async fn log_after(store: &Store, after: u64) -> Vec<LogRow> {
    let (mut rows, mut next) = (Vec::new(), Some(after));
    while let Some(after) = next {
        let page = store.log(bank(), after, PAGE_MAX).await.unwrap();
        (next, _) = (page.next, rows.extend(page.data));
    }
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_write_the_same_lanes_and_others_at_once() {
    let nodes = nodes(&database());
    prepare(&nodes[0]).await;
    let (end, acknowledged) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
    let load = tokio::spawn({
        let (nodes, end, acknowledged) = (nodes.to_vec(), end.clone(), acknowledged.clone());
        async move { hammer(&nodes, end, acknowledged).await }
    });
    // Meanwhile somebody reads on where they stopped, on either node, and never too early.
    let (mut read, mut turn) = (Vec::<LogRow>::new(), 0);
    while acknowledged.load(Relaxed) < 300 {
        let after = read.last().map_or(0, |row| row.position);
        turn += 1;
        read.extend(nodes[turn % NODES].log(bank(), after, PAGE_MAX).await.unwrap().data);
        nodes[turn % NODES].seal(bank()).await.unwrap();
    }
    end.store(true, Relaxed);
    let done = load.await.unwrap();
    assert!(done.iter().all(|count| *count > 3), "{done:?}");
    check(&nodes, &done).await;
    let after = read.last().map_or(0, |row| row.position);
    read.extend(log_after(&nodes[0], after).await);
    let all = log(&nodes[1]).await;
    let missed = all.iter().filter(|row| !read.contains(row)).map(|row| row.position);
    assert_eq!((missed.collect::<Vec<_>>(), read.len()), (Vec::new(), all.len()));
    // Rows of a commit are together, as backups want them.
    let mut telling = 0;
    for row in &all {
        telling = if row.told_at == 0 { row.position } else { telling };
        assert!(row.told_at == 0 || row.told_at == telling, "{}", row.position);
    }
    assert_eq!(nodes[0].seal(bank()).await.unwrap().size, all.len() as u64);
    let used: BTreeSet<u64> = all.iter().map(|row| row.position >> 16 & 0xff).collect();
    assert_eq!(used.len(), NODES);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_on_two_nodes_is_carried_out_once() {
    let nodes = nodes(&database());
    prepare(&nodes[0]).await;
    for round in 0..40 {
        // Now in one lane, now in two, where no lane keeps them apart.
        let order = |node: u64| {
            let mut order = order(0, 3 * round);
            order.lane = lane(1 + node * (round % 2));
            order
        };
        let outcomes = at_once(&nodes, [0, 1].map(order)).await;
        let is = |committed| {
            outcomes.iter().filter(move |it| matches!(it, Outcome::Committed(_)) == committed)
        };
        assert_eq!(is(true).count(), 1, "{outcomes:?}");
        assert!(is(false).all(|it| matches!(it, Outcome::Replayed(_))), "{outcomes:?}");
    }
    assert_eq!(balance(&nodes[0], 2).await, 40);
    verify(&nodes[1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_transfer_id_in_two_lanes_is_booked_once() {
    let nodes = nodes(&database());
    prepare(&nodes[0]).await;
    for round in 0..20 {
        let order = |node: u64| {
            let (own, id) = (10 + node, 5_000 + round);
            let mut order = moving(&format!("{node} {id}"), [transfer(id, own, own + 100, 1)]);
            order.lane = lane(own);
            order
        };
        let outcomes = at_once(&nodes, [0, 1].map(order)).await;
        let refused = outcomes.iter().filter(|it| matches!(it, Outcome::Rejected { .. }));
        assert_eq!(refused.count(), 1, "{outcomes:?}");
    }
    verify(&nodes[1]).await;
}

#[tokio::test]
async fn what_was_seen_of_another_lane_comes_before() {
    let nodes = nodes(&database());
    for version in 0..60 {
        let mut put = commit(&format!("version {version}"));
        put.lane = lane(1 + version % 7);
        put.put(&LOANS, nth::<Loan>(1), version, &loan("ann", &version.to_string()));
        committed(&nodes[usize::from(version % 2 == 0)], put).await;
    }
    let keys: Vec<_> = log(&nodes[0]).await.into_iter().map(|row| row.key).collect();
    assert_eq!(keys, Vec::from_iter((0..60).map(|it| format!("version {it}"))));
    verify(&nodes[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_expected_does_not_move() {
    let nodes = nodes(&database());
    for round in 0..30 {
        let (one, other) = (nth::<Loan>(2 * round + 1), nth::<Loan>(2 * round + 2));
        // Each expects that what the other one writes is not there, or as it was before.
        let before = round % 2;
        if before == 1 {
            let mut both = commit(&format!("both {round}"));
            both.put(&LOANS, one, 0, &loan("ann", "new"));
            both.put(&LOANS, other, 0, &loan("ann", "new"));
            committed(&nodes[0], both).await;
        }
        let order = |node: u64| {
            let mut order = commit(&format!("{node} {round}"));
            order.lane = lane(1 + node);
            let (read, written) = if node == 0 { (one, other) } else { (other, one) };
            order.expect(&LOANS, read, before);
            order.put(&LOANS, written, before, &loan("bob", "new"));
            order
        };
        let outcomes = at_once(&nodes, [0, 1].map(order)).await;
        let conflicts = outcomes.iter().filter(|it| matches!(it, Outcome::Conflict(_)));
        assert_eq!(conflicts.count(), 1, "{round}: {outcomes:?}");
    }
    verify(&nodes[0]).await;
}

/// Ends every other connection to the database.
fn kill_connections(sql: &Sql) {
    sql.run(
        "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
}

/// An engine whose connections end before a step of a turn.
struct Cut {
    engine: PostgresEngine,
    sql: Mutex<Sql>,
    before: Mutex<Option<&'static str>>,
}

impl Cut {
    fn step(&self, name: &str) {
        let mut before = self.before.lock().unwrap();
        if *before == Some(name) {
            *before = None;
            kill_connections(&self.sql.lock().unwrap());
        }
    }
}

impl Engine for Cut {
    fn is_shared(&self) -> bool {
        true
    }

    fn snapshot(&self, of: InstitutionId) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.step("snapshot");
        self.engine.snapshot(of)
    }

    fn snapshot_of_all(&self) -> Result<Box<dyn Snapshot + '_>, StoreError> {
        self.engine.snapshot_of_all()
    }

    fn turn(&self, of: &BTreeSet<InstitutionId>) -> Result<Box<dyn Turn + '_>, StoreError> {
        self.step("turn");
        let turn = self.engine.turn(of)?;
        self.step("look");
        Ok(Box::new(CutTurn { cut: self, turn }))
    }
}

struct CutTurn<'e> {
    cut: &'e Cut,
    turn: Box<dyn Turn + 'e>,
}

impl Snapshot for CutTurn<'_> {
    fn read(&self) -> &dyn Read {
        self.turn.read()
    }
}

impl Turn for CutTurn<'_> {
    fn lock(&self, lanes: &[LaneOf]) -> Result<Vec<(LaneOf, LaneHead)>, StoreError> {
        self.cut.step("lock");
        let heads = self.turn.lock(lanes)?;
        self.cut.step("read");
        Ok(heads)
    }

    fn next_position(&self, after: Option<u64>) -> Result<u64, StoreError> {
        self.cut.step("decide");
        self.turn.next_position(after)
    }

    fn commit(self: Box<Self>, batch: &Batch) -> Result<(), StoreError> {
        self.cut.step("commit");
        let Self { cut, turn } = *self;
        turn.commit(batch)?;
        cut.step("answer");
        Ok(())
    }
}

#[tokio::test]
async fn a_connection_that_ends_at_any_step_costs_nothing() {
    let url = database();
    let (sql, engine) = (Mutex::new(Sql::connect(&url)), PostgresEngine::open(&url).unwrap());
    let cut = Arc::new(Cut { engine, sql, before: Mutex::default() });
    let store = Store::on(Arc::<Cut>::clone(&cut)).unwrap();
    open_accounts(&store, 2).await;
    let steps = ["turn", "look", "lock", "read", "decide", "commit", "answer", "snapshot"];
    for (number, step) in (1..).zip(steps) {
        *cut.before.lock().unwrap() = Some(step);
        let pay = || moving(step, [transfer(number, 1, 2, 1)]);
        // COMMIT goes out with what is written: whether it arrived, nobody can know.
        match store.commit(pay()).await {
            Err(StoreError::Unavailable(_)) if ["decide", "commit"].contains(&step) => {}
            outcome => assert!(matches!(outcome, Ok(Outcome::Committed(_))), "{step}: {outcome:?}"),
        }
        let again = store.commit(pay()).await.unwrap();
        assert!(matches!(again, Outcome::Committed(_) | Outcome::Replayed(_)), "{step}: {again:?}");
        assert!(matches!(store.commit(pay()).await, Ok(Outcome::Replayed(_))), "{step}");
        assert_eq!(balance(&store, 2).await, i64::try_from(number).unwrap(), "{step}");
        assert_eq!(*cut.before.lock().unwrap(), None, "{step} was not met");
    }
    verify(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_ends_while_it_commits_leaves_nothing_half_done() {
    let url = database();
    let store = open(&url);
    open_accounts(&store, 2).await;
    let sql = Sql::connect(&url);
    // Who else writes this timer is waited for, in the middle of the write.
    sql.run(&format!(
        "BEGIN; SET LOCAL suanpan.institutions = '{{{}}}'; INSERT INTO timer
        (institution, due, kind, subject, lane)
        VALUES ('{}', 'd2026-04-01', 'collect', '{}', '{}')",
        bank(),
        bank(),
        nth::<Loan>(1),
        lane(1)
    ));
    let pay = || {
        let mut pay = moving("pay", [transfer(1, 1, 2, 5)]);
        pay.set_timer(Due::Day(super::day("2026-04-01")), "collect", nth::<Loan>(1));
        pay
    };
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.commit(pay()).await }
    });
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sql.number(waits) == 0 {
        thread::yield_now();
    }
    kill_connections(&sql);
    let outcome = waiting.await.unwrap();
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    sql.run("ROLLBACK");
    assert_eq!(balance(&store, 2).await, 0);
    assert_eq!(committed(&store, pay()).await.seq, 2);
    assert_eq!(balance(&store, 2).await, 5);
    verify(&store).await;
}

/// Orders while something happens to the server; so often.
async fn survive(nodes: &[Store], mut blow: impl FnMut(u64)) {
    const BLOWS: u64 = 5;
    let (end, acknowledged) = <(Arc<AtomicBool>, Arc<AtomicU64>)>::default();
    let load = tokio::spawn({
        let (nodes, end, acknowledged) = (nodes.to_vec(), end.clone(), acknowledged.clone());
        async move { hammer(&nodes, end, acknowledged).await }
    });
    for number in 0..BLOWS {
        more(&acknowledged, 20);
        blow(number);
        more(&acknowledged, 20);
    }
    end.store(true, Relaxed);
    check(nodes, &load.await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_that_end_under_load_lose_nothing() {
    let url = database();
    let nodes = nodes(&url);
    prepare(&nodes[0]).await;
    let sql = Sql::connect(&url);
    survive(&nodes, |_| kill_connections(&sql)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_killed_server_loses_nothing() {
    let mut server = Postgres::start().unwrap();
    let url = server.database().unwrap();
    Store::migrate_postgres(&url, false).unwrap();
    let nodes = nodes(&url);
    prepare(&nodes[0]).await;
    survive(&nodes, |_| {
        server.kill().unwrap();
        server.restart().unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_promoted_standby_has_everything_that_was_acknowledged() {
    let mut primary = Postgres::start().unwrap();
    let url = primary.database().unwrap();
    Store::migrate_postgres(&url, false).unwrap();
    let standby = primary.standby().unwrap();
    let host = |url: &str| {
        let (hosts, _) = url.strip_prefix("postgres://suanpan@").unwrap().split_once('/').unwrap();
        hosts.to_owned()
    };
    let both = format!("{},{}", host(&url), host(&standby.url(&url)));
    let nodes = nodes(&url.replace(&host(&url), &both));
    prepare(&nodes[0]).await;
    survive(&nodes, |number| {
        if number == 2 {
            primary.kill().unwrap();
            standby.promote().unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn a_transaction_sees_only_the_institutions_it_names() {
    let url = database();
    let store = open(&url);
    for of in [bank(), nth(2)] {
        let mut all = commit("all");
        all.institution = of;
        all.accounts.extend([1, 2].map(|it| AccountChange::Open(account(it, it))));
        all.transfers.extend((1..10).map(|it| transfer(it, 1, 2, 1)));
        all.transfers.extend([super::hold(10, 1, 2, 1)]);
        all.put(&LOANS, nth::<Loan>(1), 0, &loan("ann", "new"));
        all.set_timer(Due::Day(super::day("2026-04-01")), "collect", nth::<Loan>(1));
        all.close_period = Some(super::day("2026-02-28"));
        committed(&store, all).await;
        let mut more = moving("more", [super::about(11, ledger::Kind::Post, 10)]);
        more.institution = of;
        let backdated = super::day("2026-03-01");
        more.transfers.extend([super::Transfer { value_date: backdated, ..transfer(12, 1, 2, 1) }]);
        committed(&store, more).await;
        store.seal(of).await.unwrap();
    }
    drop(store);
    let sql = Sql::connect(&url);
    let tables = "SELECT c.relname::text FROM pg_class c WHERE c.relkind = 'r'
        AND c.relnamespace = current_schema::regnamespace AND EXISTS (SELECT FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attname = 'institution') ORDER BY 1";
    let tables = sql.texts(tables);
    assert_eq!(tables.len(), 16, "{tables:?}");
    let see = |of: InstitutionId| {
        sql.run(&format!("BEGIN; SET LOCAL suanpan.institutions = '{{{of}}}'"));
    };
    for table in &tables {
        let count = |what: &str| sql.number(&format!("SELECT count(*) FROM {table}{what}"));
        let theirs = format!(" WHERE institution = '{}'", nth::<()>(2));
        assert_eq!(count(""), 0, "{table} without a name");
        see(bank());
        assert!(count("") > 0, "{table} has nothing to see");
        assert_eq!(count(&theirs), 0, "{table}");
        let others = "SELECT '00000000-0000-0000-0000-000000000002'::uuid";
        let change = format!("UPDATE {table} SET institution = ({others})");
        assert_eq!(sql.error(&change), "42501", "{table}: a row is given away");
        sql.run("ROLLBACK");
        see(bank());
        sql.run(&format!("CREATE TEMP TABLE made ON COMMIT DROP AS SELECT * FROM {table}"));
        sql.run(&format!("UPDATE made SET institution = ({others})"));
        assert_eq!(sql.error(&format!("INSERT INTO {table} SELECT * FROM made")), "42501");
        sql.run("ROLLBACK");
        see(bank());
        sql.run(&format!("DELETE FROM {table}"));
        sql.run("COMMIT");
        see(nth(2));
        assert!(count("") > 0, "{table}: others' rows were removed");
        sql.run("ROLLBACK");
        // A backup sees the log of all, and changes nothing.
        sql.run("BEGIN; SET LOCAL suanpan.backup = 'yes'");
        let seen = count("") > 0;
        assert_eq!(seen, ["log", "chunk"].contains(&&**table), "{table}");
        sql.run(&format!("DELETE FROM {table}"));
        assert_eq!(count("") > 0, seen, "{table}");
        sql.run("ROLLBACK");
    }
}

#[test]
fn a_database_that_would_lose_or_show_too_much_is_refused() {
    let server = Postgres::start().unwrap();
    let url = server.database().unwrap();
    let refusal = |url: &str| Store::in_postgres(url).err().map(|it| it.to_string());
    let says = |url: &str, words: &str| {
        let refusal = refusal(url);
        assert!(refusal.as_ref().is_some_and(|it| it.contains(words)), "{refusal:?}");
    };
    says(&url, "run `suanpan migrate`");
    Store::migrate_postgres(&url, false).unwrap();
    assert_eq!(refusal(&url), None);
    let superuser = url.replace("suanpan@", "postgres@");
    says(&superuser, "row-level security");
    says(&format!("{url}?sslmode=require"), "TLS");
    says("a letter, not a URL", "URL");
    says(&url.replace("test_", "no_"), "does not exist");

    let sql = Sql::connect(&superuser);
    sql.run("ALTER ROLE suanpan SET synchronous_commit = off");
    assert_eq!(Sql::connect(&url).texts("SHOW synchronous_commit"), ["on"]);
    sql.run("ALTER ROLE suanpan SET synchronous_commit = remote_apply");
    assert_eq!(Sql::connect(&url).texts("SHOW synchronous_commit"), ["remote_apply"]);
    sql.run("ALTER SYSTEM SET fsync = off");
    sql.run("SELECT pg_reload_conf()");
    while refusal(&url).is_none() {
        thread::yield_now();
    }
    says(&url, "fsync");
}

#[tokio::test]
async fn a_node_that_was_taken_for_dead_goes_on_under_another_number() {
    let url = database();
    let (silent, sql) = (open(&url), Sql::connect(&url));
    open_accounts(&silent, 2).await;
    let numbers = || sql.texts("SELECT node::text FROM node WHERE claim IS NOT NULL ORDER BY node");
    assert_eq!(numbers(), ["1"]);
    let second = open(&url);
    assert_eq!(numbers(), ["1", "2"]);
    drop(second);
    assert_eq!(numbers(), ["1"]);
    sql.run("UPDATE node SET seen_at = seen_at - interval '1 hour' WHERE node = 1");
    let other = open(&url);
    assert_eq!(numbers(), ["1"]);
    committed(&silent, moving("silent", [transfer(1, 1, 2, 5)])).await;
    committed(&other, moving("other", [transfer(2, 1, 2, 5)])).await;
    assert_eq!(numbers(), ["1", "2"]);
    let used: Vec<u64> = log(&other).await.iter().map(|row| row.position >> 16 & 0xff).collect();
    assert_eq!(used, [1, 2, 1]);
    verify(&silent).await;
}

#[tokio::test]
async fn a_store_that_was_restored_goes_on_above_what_it_has() {
    let (from, to) = (open(&database()), open(&database()));
    open_accounts(&from, 2).await;
    committed(&from, moving("pay", [transfer(1, 1, 2, 5)])).await;
    // Its clock was ahead.
    let ahead =
        |row: LogRow| LogRow { position: row.position << 1, previous: row.previous << 1, ..row };
    let rows: Vec<LogRow> = log(&from).await.into_iter().map(ahead).collect();
    to.restore(rows.clone()).await.unwrap();
    assert_eq!(log(&to).await, rows);
    let mut elsewhere = commit("elsewhere");
    elsewhere.lane = lane(9);
    committed(&to, elsewhere).await;
    let after = log(&to).await;
    assert!(after[2].position > rows[1].position && after[2].lane == lane(9));
    assert_eq!(by_lane(after[..2].to_vec()), by_lane(log(&from).await));
    verify(&to).await;
}
