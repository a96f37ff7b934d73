//! Serving: the API on a listener, holds that expire, an orderly end.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use anyhow::Context;
use bank::{Bank, Call, Caller, Refusal};
use clap::Args;
use stdx::Digest;
use tokio::{net::TcpListener, signal::unix, sync::watch, time};
use tracing::{error, info};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    connections,
    data::{Data, Key},
    system,
};

/// How often timers of the wall clock are looked at.
const MOMENTS_EVERY: Duration = Duration::from_secs(1);

/// Serves the API.
#[derive(Args, Clone)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "SUANPAN_LISTEN", default_value = "127.0.0.1:7878")]
    pub(crate) listen: SocketAddr,
}

impl Serve {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        log_to_stderr();
        runtime()?.block_on(async {
            let ending = ending()?;
            let bank = self.data.bank(Key::Brought)?;
            let listener = self.bind().await?;
            serve(bank, listener, ending).await
        })
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
    log_to(std::io::stderr);
}

/// The same to another place.
pub(crate) fn log_to<W>(place: W)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let logs = tracing_subscriber::fmt().json().with_env_filter(filter);
    logs.with_writer(place).init();
}

/// Tells when the end is asked for, by Ctrl-C or SIGTERM. From here on neither kills.
pub(crate) fn ending() -> anyhow::Result<watch::Receiver<bool>> {
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let (end, ending) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        info!("ending");
        end.send_replace(true);
    });
    Ok(ending)
}

/// Serves until the end is asked for. Requests in flight finish.
pub(crate) async fn serve(
    bank: Bank,
    listener: TcpListener,
    mut ending: watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let timers = tokio::spawn(run_moments(bank.clone(), ending.clone()));
    let router =
        api::router(bank, Arc::new(system::now), Arc::new(system::seed), api::Settings::default());
    info!(address = %listener.local_addr()?, "ready");

    connections::serve(listener, router, until(&mut ending)).await;
    timers.await?;
    Ok(())
}

async fn until(ending: &mut watch::Receiver<bool>) {
    if ending.wait_for(|ended| *ended).await.is_err() {
        // Nobody is left to ask: the process itself is ending.
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
