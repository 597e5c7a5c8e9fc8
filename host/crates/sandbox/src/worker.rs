//! A worker: the process that runs a single plugin for costwarden, and holds no secret, file or network connection.
//!
//! [`run_worker`] locks the process into its jail and serves the calls of the parent process. The parent side is
//! [`crate::run`].

mod contract_calls;
mod fuel;
mod fuel_gauge;
mod imports;
pub(crate) mod jail;
mod link;
mod log;
mod machine_code;
mod memory;
mod plugin;
mod process;
mod serve;
mod store_data;

pub use self::jail::Jail;
#[cfg(test)]
pub(crate) use self::process::serve_in_jail;
pub use self::process::{WorkerOptions, run_worker};
pub(crate) use self::serve::serve;
