//! A simulated Kakao Cloud on loopback for the demo, the test suites and new users: the billing API, the identity
//! service and the Secrets Manager.
//!
//! All data is generated from a seed. The module reads no data of costwarden and shares only the format of the pages.

mod args;
mod catalogue;
mod clock;
mod control;
mod fault;
mod flaw;
mod holidays;
mod incident;
mod noise;
mod response;
mod scenario;
mod secrets_manager;
mod server;
mod service;
mod state;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;

use config_file::secret::Secret;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

pub use self::args::SimulateArgs;
pub use self::catalogue::Catalogue;
pub use self::clock::Clock;
pub use self::fault::{BadBody, Fault};
pub use self::flaw::Flaw;
pub use self::incident::{Change, InjectedIncident};
use self::scenario::Scenario;
pub use self::scenario::{Injection, ScenarioOptions, UnknownService};

use self::state::{CloudState, Shared};

/// Configuration of a simulation.
#[derive(Debug, Clone)]
pub struct SimulateOptions {
    pub scenario: ScenarioOptions,
    pub flaws: Vec<Flaw>,
    pub clock: Clock,
    /// The billing time zone.
    pub zone: TimeZone,
    pub credential_id: Secret,
    pub credential_secret: Secret,
}

/// A simulated API. The server runs until [`Simulation::shutdown`] or a drop.
pub struct Simulation {
    url: String,
    shared: Arc<Shared>,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<()>>,
}

impl Simulation {
    /// Starts the server on a task of the current runtime. Port 0 selects a free port.
    ///
    /// # Errors
    /// The address cannot be bound, or an incident names an unknown service.
    pub async fn start(options: SimulateOptions, address: SocketAddr) -> Result<Self, SimulateError> {
        let mut scenario = Scenario::new(options.scenario)?;
        options.flaws.into_iter().for_each(|flaw| scenario.add_flaw(flaw));
        let cloud = CloudState::new(scenario, options.clock);
        let shared = Arc::new(Shared::new(options.zone, options.credential_id, options.credential_secret, cloud));
        let bind_error = |why| SimulateError::Bind { address, why };
        let listener = TcpListener::bind(address).await.map_err(bind_error)?;
        let url = format!("http://{}", listener.local_addr().map_err(bind_error)?);
        let (stop, stopped) = oneshot::channel();
        let router = server::router(Arc::clone(&shared));
        let serving = axum::serve(listener, router).with_graceful_shutdown(async {
            // The receiver returns an error after a drop of the `Simulation`. A drop is also a reason to stop.
            let _: Result<(), oneshot::error::RecvError> = stopped.await;
        });
        Ok(Self { url, shared, stop, server: tokio::spawn(serving.into_future()) })
    }

    /// Returns the scheme, host and port for the `base_url` of the source.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn set_now(&self, now: jiff::Timestamp) {
        self.shared.cloud().clock = Clock::At(now);
    }

    /// Makes the next answers faulty.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.cloud().fault = fault;
    }

    /// Returns the hidden incidents of the bill.
    pub fn incidents(&self) -> Vec<InjectedIncident> {
        self.shared.cloud().scenario.incidents().to_vec()
    }

    /// Stops the server after all pending answers.
    ///
    /// # Errors
    /// The server failed before the shutdown.
    pub async fn shutdown(self) -> Result<(), SimulateError> {
        // The send fails only after an early end of the server. The result of the task has the reason.
        let _: Result<(), ()> = self.stop.send(());
        self.server.await.map_err(io::Error::other).flatten().map_err(SimulateError::Serve)
    }
}

/// Runs the command `costwarden simulate`: prints the URL on one line and serves until an interrupt.
///
/// # Errors
/// The port is taken, the incidents are unreadable, or an incident names an unknown service.
pub async fn serve(args: SimulateArgs) -> Result<(), SimulateError> {
    let address = SocketAddr::from(([127, 0, 0, 1], args.port));
    let simulation = Simulation::start(args.into_options()?, address).await?;
    writeln!(io::stdout(), "{}", simulation.url()).map_err(SimulateError::Serve)?;
    tokio::signal::ctrl_c().await.map_err(SimulateError::Serve)?;
    simulation.shutdown().await
}

/// A failure to start or to run a simulation.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("cannot serve on {address}: {why}; choose a different port with --port; 0 selects a free port")]
    Bind { address: SocketAddr, why: io::Error },
    #[error("the simulated API stopped: {0}")]
    Serve(io::Error),
    #[error(transparent)]
    UnknownService(#[from] UnknownService),
    #[error("--incidents {file}: {why}; expected on, off, or a file with a JSON array of incidents")]
    IncidentsFile { file: String, why: String },
}

#[cfg(test)]
mod tests;
