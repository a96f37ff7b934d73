//! Sockets and workers: the API on a listener, holds that expire, a graceful end.

use std::{
    fs, future::IntoFuture, net::SocketAddr, os::unix::fs::DirBuilderExt, path::PathBuf, pin::pin,
    sync::Arc, time::Duration,
};

use anyhow::Context;
use bank::{Bank, Call, Caller, Refusal};
use clap::Args;
use stdx::Digest;
use store::Store;
use tokio::{net::TcpListener, signal::unix, sync::watch, time};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

use crate::{keyfile, system};

/// How often timers of the wall clock are looked at.
const MOMENTS_EVERY: Duration = Duration::from_secs(1);
/// How long requests in flight may take to finish once the end has been asked for.
const GRACE: Duration = Duration::from_secs(30);

/// Serves the API.
#[derive(Args, Clone)]
pub(crate) struct Serve {
    /// Where the data is.
    #[arg(long, env = "SUANPAN_DATA", default_value = "data")]
    pub(crate) data: PathBuf,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "SUANPAN_LISTEN", default_value = "127.0.0.1:7878")]
    pub(crate) listen: SocketAddr,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        log_to_stderr();
        runtime()?.block_on(async {
            let bank = self.bank()?;
            let listener = self.bind().await?;
            serve(bank, listener).await
        })
    }

    /// The bank on the data directory.
    pub(crate) fn bank(&self) -> anyhow::Result<Bank> {
        let new = !self.data.join("suanpan.db").exists();
        // What is in it is nobody else's business.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.data)?;
        // The store is locked first, so that no second process makes another key.
        let store = Store::in_directory(&self.data)?;
        let key = keyfile::open(&self.data, new)?;
        Ok(Bank::new(store, Box::new(key)))
    }

    pub(crate) async fn bind(&self) -> anyhow::Result<TcpListener> {
        let listener = TcpListener::bind(self.listen).await;
        listener.with_context(|| format!("cannot listen on {}", self.listen))
    }
}

pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Structured logs, one JSON object a line; `RUST_LOG` chooses.
pub(crate) fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().json().with_env_filter(filter);
    logs.with_writer(std::io::stderr).init();
}

/// Serves until the end is asked for, by Ctrl-C or SIGTERM. Requests in flight finish.
pub(crate) async fn serve(bank: Bank, listener: TcpListener) -> anyhow::Result<()> {
    let (end, ending) = watch::channel(false);
    let signals = tokio::spawn(async move {
        asked_to_end().await;
        info!("ending");
        end.send_replace(true);
    });
    let timers = tokio::spawn(run_moments(bank.clone(), ending.clone()));
    let router =
        api::router(bank, Arc::new(system::now), Arc::new(system::seed), api::Settings::default());
    info!(address = %listener.local_addr()?, "ready");

    let mut closing = ending.clone();
    let server = axum::serve(listener, router).with_graceful_shutdown({
        let mut ending = ending;
        async move { until(&mut ending).await }
    });
    let mut server = pin!(server.into_future());
    tokio::select! {
        served = &mut server => served?,
        () = until(&mut closing) => match time::timeout(GRACE, server).await {
            Ok(served) => served?,
            Err(_) => error!("requests were still in flight after {} s", GRACE.as_secs()),
        },
    }
    timers.await?;
    signals.abort();
    Ok(())
}

async fn until(ending: &mut watch::Receiver<bool>) {
    if ending.wait_for(|ended| *ended).await.is_err() {
        // Nobody is left to ask: the process itself is ending.
    }
}

async fn asked_to_end() {
    let mut terminate = unix::signal(unix::SignalKind::terminate());
    let terminated = async {
        match &mut terminate {
            Ok(signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = terminated => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

/// Lets holds expire, institution by institution.
async fn run_moments(bank: Bank, mut ending: watch::Receiver<bool>) {
    let mut ticks = time::interval(MOMENTS_EVERY);
    ticks.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = until(&mut ending) => return,
        }
        if let Err(refusal) = run_moments_once(&bank).await {
            error!(%refusal, "timers");
        }
    }
}

async fn run_moments_once(bank: &Bank) -> Result<(), Refusal> {
    for institution in bank.institutions().await? {
        let (caller, key) = (Caller::platform(institution), "run-moments".to_owned());
        let (digest, now, seed) = (Digest::ZERO, system::now(), system::seed());
        bank.run_moments(&Call { caller, key, digest, now, seed }).await?;
    }
    Ok(())
}
