//! Connections: HTTP/1 on a listener, with bounds on what a client may hold, and an orderly end.
//!
//! `axum::serve` bounds neither the time a request's head may take nor the number of connections,
//! so a client that sends nothing would hold what others need.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::{Router, serve::Listener};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time,
};
use tracing::{debug, error};

/// The most connections at once; a further one waits to be accepted.
const CONNECTIONS_MAX: usize = 4_096;
/// How long the head of a request may take, from the answer before it; so an idle connection is
/// closed after it too.
const HEAD_TIME_MAX: Duration = Duration::from_secs(15);
/// The longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// How long requests in flight may take to finish once the end has been asked for.
const GRACE: Duration = Duration::from_secs(30);

/// Serves until the end comes; then takes nothing new and lets requests in flight finish.
pub(crate) async fn serve(
    mut listener: TcpListener,
    router: Router,
    end: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new());
    http.header_read_timeout(HEAD_TIME_MAX).max_buf_size(HEAD_BYTES_MAX);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let open = GracefulShutdown::new();
    let mut end = pin!(end);
    loop {
        let (permit, stream) = tokio::select! {
            next = next(&mut listener, &permits) => next,
            () = &mut end => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = open.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A connection that breaks is its client's affair.
            if let Err(error) = connection.await {
                debug!(%error, "connection");
            }
            drop(permit);
        });
    }
    drop(listener);
    if time::timeout(GRACE, open.shutdown()).await.is_err() {
        error!("requests were still in flight after {} s", GRACE.as_secs());
    }
}

/// The next connection, once there is room for it.
async fn next(
    listener: &mut TcpListener,
    permits: &Arc<Semaphore>,
) -> (OwnedSemaphorePermit, TcpStream) {
    let permit = Arc::clone(permits).acquire_owned().await.expect("it is never closed");
    // The trait's, which waits and tries again when the machine has no connection left to give.
    let (stream, _) = Listener::accept(listener).await;
    (permit, stream)
}
