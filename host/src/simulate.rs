//! A simulated Kakao Cloud on loopback, for the demo, the suites and newcomers: its billing API, and the two services that
//! give secrets.
//!
//! What it serves is made up from a seed; it reads nothing of costwarden's and shares only the form of its pages.

mod args;
mod clock;
mod fault;
mod flaw;
mod incident;
mod noise;
mod scenario;
mod server;
mod service;
mod vault;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub(crate) use args::SimulateArgs;
pub(crate) use clock::Clock;
#[cfg(test)]
pub(crate) use fault::{BadBody, Fault};
pub(crate) use flaw::Flaw;
pub(crate) use incident::{Change, Incident};
pub(crate) use scenario::{Incidents, Scenario, ScenarioOptions, UnknownService};

use crate::config::Secret;

/// What to simulate, and for whom.
#[derive(Debug, Clone)]
pub(crate) struct SimulateOptions {
    pub(crate) scenario: ScenarioOptions,
    pub(crate) flaws: Vec<Flaw>,
    pub(crate) clock: Clock,
    /// The billing time zone.
    pub(crate) zone: TimeZone,
    pub(crate) credential_id: Secret,
    pub(crate) credential_secret: Secret,
}

/// A simulated API that serves until it is shut down or dropped.
pub(crate) struct Simulation {
    url: String,
    shared: Arc<server::Shared>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
}

impl Simulation {
    /// Serves on a task of the current runtime; port 0 takes any that is free.
    ///
    /// # Errors
    /// The address cannot be served on, or an incident names a service that is not there.
    pub(crate) async fn start(options: SimulateOptions, address: SocketAddr) -> Result<Self, SimulateError> {
        let mut scenario = Scenario::new(options.scenario)?;
        options.flaws.into_iter().for_each(|flaw| scenario.spoil(flaw));
        let world = server::World::new(scenario, options.clock);
        let shared =
            Arc::new(server::Shared::new(options.zone, options.credential_id, options.credential_secret, world));
        let bound = |why| SimulateError::Bind { address, why };
        let listener = TcpListener::bind(address).await.map_err(bound)?;
        let url = format!("http://{}", listener.local_addr().map_err(bound)?);
        let (stop, stopped) = oneshot::channel();
        let router = server::router(Arc::clone(&shared));
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            // An error says that the simulation was dropped, which is as good a reason to stop.
            let _: Result<(), oneshot::error::RecvError> = stopped.await;
        });
        Ok(Self { url, shared, stop, served: tokio::spawn(serving.into_future()) })
    }

    /// Scheme, host and port: the `base_url` of the source.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn set_now(&self, now: jiff::Timestamp) {
        self.shared.world().clock = Clock::At(now);
    }

    #[cfg(test)]
    pub(crate) fn set_fault(&self, fault: Fault) {
        self.shared.world().fault = fault;
    }

    /// What is hidden in the bill.
    pub(crate) fn incidents(&self) -> Vec<Incident> {
        self.shared.world().scenario.incidents().to_vec()
    }

    /// Ends when the requests that are being answered are.
    ///
    /// # Errors
    /// The server had failed before.
    pub(crate) async fn shutdown(self) -> Result<(), SimulateError> {
        // The receiver is gone only if the server ended by itself, which its result tells.
        let _: Result<(), ()> = self.stop.send(());
        self.served.await.map_err(io::Error::other).flatten().map_err(SimulateError::Serve)
    }
}

/// The command `costwarden simulate`: prints the URL on one line and serves until interrupted.
///
/// # Errors
/// The port is taken, an incident cannot be read, or it names a service that is not there.
pub(crate) async fn serve(args: SimulateArgs) -> Result<(), SimulateError> {
    let address = SocketAddr::from(([127, 0, 0, 1], args.port));
    let simulation = Simulation::start(args.into_options()?, address).await?;
    writeln!(io::stdout(), "{}", simulation.url()).map_err(SimulateError::Serve)?;
    tokio::signal::ctrl_c().await.map_err(SimulateError::Serve)?;
    simulation.shutdown().await
}

/// There is nothing to simulate with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SimulateError {
    #[error("cannot serve on {address}: {why}; choose another with --port, or 0 for any that is free")]
    Bind { address: SocketAddr, why: io::Error },
    #[error("the simulated API stopped: {0}")]
    Serve(io::Error),
    #[error(transparent)]
    UnknownService(#[from] UnknownService),
    #[error("--incidents {file}: {why}; expected on, off, or a file with a JSON array of incidents")]
    IncidentsFile { file: String, why: String },
}

#[cfg(test)]
pub(crate) mod tests;
