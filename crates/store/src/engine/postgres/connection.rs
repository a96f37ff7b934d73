//! Connections to PostgreSQL for callers who wait.
//!
//! Sockets are driven by one thread of the engine. Whoever asks parks until the answer is there:
//! the writer on its own thread, a reader on a thread of the edge, which gives its other tasks away
//! for that time. Many questions can be on their way at once, a *flight*; the server answers them
//! in order.

use std::{
    collections::BTreeMap,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, JoinHandle, Thread},
    time::Duration,
};

use futures_util::future::{join_all, join3};
use tokio::{
    runtime::{Builder, Handle, RuntimeFlavor},
    sync::oneshot,
    task,
};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, Error, NoTls, Row, SimpleQueryMessage, Socket,
    Statement,
    config::{SslMode, TargetSessionAttrs},
    error::Severity,
    tls::NoTlsStream,
    types::ToSql,
};

use super::lock;
use crate::StoreError;

/// How long a server may take to accept a connection, and then to acknowledge what it was sent.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// Plans that do not depend on statistics: every statement goes through the key it names, on the
/// emptiest table as on the largest, and is planned once. Then how long others are waited for. No
/// statement has a time limit of the server's, since a wait for a standby that is cancelled is
/// answered as a commit.
const SESSION: &str = "
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
SET enable_mergejoin = off; SET enable_material = off; SET jit = off;
SET statement_timeout = 0;
SET lock_timeout = '5s';
SET client_min_messages = warning;
SELECT current_setting('fsync', true), current_setting('synchronous_commit', true),
    current_setting('server_encoding', true)";

/// Levels of `synchronous_commit` at which a commit may be lost with the server, or with it and
/// the standby it waits for.
const SYNCHRONOUS_BELOW_ON: [&str; 3] = ["off", "local", "remote_write"];

/// One parameter of a statement; an array is a column of many rows.
pub(super) type Param<'a> = Box<dyn ToSql + Sync + 'a>;
/// A statement and its parameters.
pub(super) type Ask<'a> = (&'static str, Vec<Param<'a>>);

/// What is said in the URL, and what else every connection needs.
pub(super) fn config(url: &str) -> Result<Config, StoreError> {
    let not_one = |error: Error| {
        // Not the URL itself: it may hold a password.
        StoreError::Unavailable(format!("the URL of the database: {}", text(&error)))
    };
    let mut config: Config = url.parse().map_err(not_one)?;
    if config.get_ssl_mode() == SslMode::Require {
        let why = "sslmode=require: there is no TLS to the database; use a socket or a tunnel";
        return Err(StoreError::Unavailable(why.to_owned()));
    }
    config.connect_timeout(*config.get_connect_timeout().unwrap_or(&ANSWERED_WITHIN));
    config.tcp_user_timeout(*config.get_tcp_user_timeout().unwrap_or(&ANSWERED_WITHIN));
    config.keepalives_idle(ANSWERED_WITHIN);
    if config.get_application_name().is_none() {
        config.application_name("suanpan");
    }
    // Of several hosts the one that is not a standby, also after another one was promoted.
    if config.get_target_session_attrs() == TargetSessionAttrs::Any {
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
    }
    Ok(config)
}

/// Drives all connections of an engine.
pub(super) struct Driver {
    handle: Handle,
    /// Dropped, the thread ends and with it every connection.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Driver {
    pub(super) fn start() -> std::io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || drop(runtime.block_on(stopped));
        let thread = thread::Builder::new().name("store-postgres".to_owned()).spawn(run)?;
        Ok(Self { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Runs beside the connections, for as long as they.
    pub(super) fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(future));
    }

    /// A new session, refused when what is committed in it could be lost.
    pub(super) fn connect(&self, config: &Config) -> Result<Session, StoreError> {
        let (config, (tell, told)) = (config.clone(), oneshot::channel());
        self.spawn(async move { drop(tell.send(connect(&config).await)) });
        let stopped = |_| StoreError::Unavailable("the driver has stopped".to_owned());
        wait(told).map_err(stopped)?
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap_or_default();
        }
    }
}

async fn connect(config: &Config) -> Result<Session, StoreError> {
    let unavailable = |error: Error| StoreError::Unavailable(text(&error));
    let (client, connection) = config.connect(NoTls).await.map_err(unavailable)?;
    let warnings = Arc::new(AtomicU32::new(0));
    drop(tokio::spawn(drive(connection, Arc::clone(&warnings))));
    let said = client.simple_query(SESSION).await.map_err(unavailable)?;
    let row = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let setting = |index| row.and_then(|row| row.try_get(index).ok().flatten());
    let (fsync, synchronous, encoding) = (setting(0), setting(1), setting(2));
    if fsync == Some("off") {
        return Err(StoreError::Unavailable("the database has fsync = off".to_owned()));
    }
    if let Some(encoding) = encoding.filter(|it| *it != "UTF8") {
        let why = format!("the database has the encoding {encoding}, not UTF8");
        return Err(StoreError::Unavailable(why));
    }
    if synchronous.is_some_and(|level| SYNCHRONOUS_BELOW_ON.contains(&level)) {
        client.batch_execute("SET synchronous_commit = on").await.map_err(unavailable)?;
    }
    Ok(Session { client, warnings, statements: Mutex::default() })
}

/// Sends and receives until the connection ends; counts warnings.
async fn drive(mut connection: Connection<Socket, NoTlsStream>, warnings: Arc<AtomicU32>) {
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message
            && notice.parsed_severity() == Some(Severity::Warning)
        {
            warnings.fetch_add(1, Relaxed);
        }
    }
}

/// A connection with the statements that are prepared on it.
pub(super) struct Session {
    client: Client,
    warnings: Arc<AtomicU32>,
    statements: Mutex<BTreeMap<&'static str, Statement>>,
}

impl Session {
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// How often the server has warned so far.
    pub(super) fn warnings(&self) -> u32 {
        self.warnings.load(Relaxed)
    }

    /// Sends all at once, some words before and after the statements, and waits for every answer:
    /// one that is not good makes all of them worth nothing.
    pub(super) fn flight(
        &self,
        before: &str,
        asks: &[Ask<'_>],
        after: &str,
    ) -> Result<Vec<Vec<Row>>, Error> {
        wait(async {
            let mut answers = Vec::with_capacity(asks.len());
            let statements = self.prepare(asks).await?;
            let asked = asks.iter().zip(&statements).map(|((_, params), statement)| async move {
                let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|it| &**it).collect();
                self.client.query(statement, &params).await
            });
            // Each is sent when it is first looked at, and so in this order.
            let flight = join3(self.say(before), join_all(asked), self.say(after));
            let (began, answered, ended) = flight.await;
            began?;
            for rows in answered {
                answers.push(rows?);
            }
            ended.map(|()| answers)
        })
    }

    /// Sends words whose answer nobody waits for; what is sent later is done later.
    pub(super) fn throw(&self, words: &str) {
        let words = pin!(self.client.batch_execute(words));
        // The first look sends it.
        drop(words.poll(&mut Context::from_waker(Waker::noop())));
    }

    /// What a statement answers, the first column as texts.
    #[cfg(test)]
    pub(super) fn run(&self, sql: &str) -> Result<Vec<String>, Error> {
        let messages = wait(self.client.simple_query(sql))?;
        let texts = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        Ok(texts.collect())
    }

    async fn say(&self, words: &str) -> Result<(), Error> {
        if words.is_empty() { Ok(()) } else { self.client.batch_execute(words).await }
    }

    async fn prepare(&self, asks: &[Ask<'_>]) -> Result<Vec<Statement>, Error> {
        let mut missing: Vec<&'static str> = asks.iter().map(|ask| ask.0).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.retain(|sql| !lock(&self.statements).contains_key(sql));
        let prepared = join_all(missing.iter().map(|sql| self.client.prepare(sql))).await;
        let mut statements = lock(&self.statements);
        for (sql, statement) in missing.into_iter().zip(prepared) {
            statements.insert(sql, statement?);
        }
        Ok(asks.iter().map(|ask| statements[ask.0].clone()).collect())
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits for what the driver brings.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    // Asked again on the same thread, a budget of the edge's would never be filled.
    let future = task::unconstrained(future);
    let on_edge =
        Handle::try_current().is_ok_and(|it| it.runtime_flavor() == RuntimeFlavor::MultiThread);
    if on_edge { task::block_in_place(|| park(future)) } else { park(future) }
}

fn park<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        thread::park();
    }
}

/// Whether the connection is gone, or about to be.
pub(super) fn is_lost(error: &Error) -> bool {
    match error.code() {
        // Connection, intervention of an operator, system; and a transaction that idled too long.
        Some(code) => ["08", "57", "58"].contains(&&code.code()[..2]) || code.code() == "25P03",
        None => error.is_closed() || is_io(error),
    }
}

fn is_io(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(|cause| cause.is::<std::io::Error>())
}

/// Serialization, deadlock, a lock not given in time, and a key that another node was faster to
/// write: nothing has happened, and the same may succeed now.
fn is_contended(error: &Error) -> bool {
    let codes = ["40001", "40P01", "55P03", "23505"];
    error.code().is_some_and(|code| codes.contains(&code.code()))
}

/// What the failure of a read means.
pub(super) fn failed(error: &Error) -> StoreError {
    match error.code() {
        _ if is_contended(error) => StoreError::Contended,
        // Internal errors; what is stored is damaged.
        Some(code) if code.code().starts_with("XX") => StoreError::Corrupt(text(error)),
        Some(_) => StoreError::Unavailable(text(error)),
        None if is_lost(error) => StoreError::Unavailable(text(error)),
        // Not from the server: what it holds is not what we wrote.
        None => StoreError::Corrupt(text(error)),
    }
}

/// What a failure means before COMMIT was sent: without the connection nothing has happened.
pub(super) fn failed_before_commit(error: &Error) -> StoreError {
    if is_lost(error) { StoreError::Contended } else { failed(error) }
}

/// With its causes, which tell more than it does.
fn text(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(it) = cause {
        let more = it.to_string();
        if text.find(&more).is_none() {
            text = format!("{text}: {more}");
        }
        cause = it.source();
    }
    text
}
