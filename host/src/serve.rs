//! The server of the cost report: the page on live data, a small API, and the entries of people with a token
//! in the history of incidents.
//!
//! The server keeps no state on disk: each request opens the store, and an entry takes the write lease like the command
//! line. The server reads no clock; the caller passes the clock.

mod connections;
mod history;
mod page;
mod rate;
mod router;
mod supplements;
mod tokens;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use self::rate::Bucket;
use self::supplements::SupplementCache;
pub(crate) use self::supplements::SupplementSources;
pub(crate) use self::tokens::Tokens;
use crate::config::StoreConfig;

/// The settings of a server.
pub(crate) struct ServeOptions {
    pub(crate) config: StoreConfig,
    /// `None` for pages without causes and trials.
    pub(crate) supplements: Option<SupplementSources>,
    /// The people who may write.
    pub(crate) tokens: Tokens,
    /// The accepted names in the header `Host`, beside the address of the listener and the names of loopback.
    pub(crate) hosts: Vec<String>,
    pub(crate) now: fn() -> Timestamp,
}

/// Largest number of reports and entries in progress. Each opens the store.
const MAX_STORE_READERS: usize = 2;

/// The shared parts of all requests.
struct Server {
    options: ServeOptions,
    supplements: SupplementCache,
    local: SocketAddr,
    rate: Mutex<Bucket>,
    readers: Semaphore,
}

/// Serves until a stop is requested.
///
/// # Errors
/// The listener has no address.
pub(crate) async fn serve(listener: TcpListener, mut options: ServeOptions) -> std::io::Result<()> {
    let local = listener.local_addr()?;
    let rate = Mutex::new(Bucket::full(Instant::now()));
    let supplements = SupplementCache::new(options.supplements.take());
    let server = Arc::new(Server { options, supplements, local, rate, readers: Semaphore::new(MAX_STORE_READERS) });
    connections::accept(listener, router::router(server)).await;
    Ok(())
}
