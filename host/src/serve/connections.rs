//! The connections: a limit of their number, of the time for the headers, and of the whole time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::stop;

const MAX_CONNECTIONS: usize = 64;
/// Time for the headers of a request, also on a connection that is kept open.
const HEADER_TIME: Duration = Duration::from_secs(5);
/// Time of a connection, with all its requests and answers.
const CONNECTION_TIME: Duration = Duration::from_secs(120);
/// Time for the answers in progress after a stop.
const STOP_TIME: Duration = Duration::from_secs(5);
/// Largest head of a request, in bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// Pause after a failed accept: without a free file descriptor, the next attempt fails too.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections until a stop is requested, and waits for the answers in progress. At the limit, further
/// connections wait in the queue of the system.
pub(super) async fn accept(listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&permits).acquire_owned() => permit.expect("the semaphore is never closed"),
            () = stop::when_asked() => break,
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection is not accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            () = stop::when_asked() => break,
        };
        let router = router.clone();
        tokio::spawn(async move {
            drop(timeout(CONNECTION_TIME, answer(stream, router)).await);
            drop(permit);
        });
    }
    drop(listener);
    let all = u32::try_from(MAX_CONNECTIONS).unwrap_or(u32::MAX);
    drop(timeout(STOP_TIME, permits.acquire_many(all)).await);
}

/// Answers the requests of a connection. A fault of the client ends the connection.
async fn answer(stream: TcpStream, router: Router) {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIME).max_buf_size(HEAD_BYTES);
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop::when_asked() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
