//! A detector whose first worker answers with given bytes, for the fuzzing of the protocol and of the checks of results.

use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread;

use crate::compile::MachineCode;
use crate::detector::Detector;
use crate::isolation::Isolation;
use crate::limits::Limits;
use crate::manifest::{Manifest, Scope};
use crate::run::batch::Batching;
use crate::run::time_account::TimeAccount;
use crate::run::{Image, Plugin, Workers};

/// Returns a detector whose worker sends the bytes, and closes its socket at their end. Further workers cannot start.
///
/// # Errors
/// The system has no socket or thread.
pub fn detector_with_worker_output(output: Vec<u8>) -> io::Result<Detector> {
    let limits = Arc::new(Limits { call_seconds: 5, ..Limits::default() });
    let workers = Workers::new(Arc::clone(&limits), Isolation::InProcess).map_err(io::Error::other)?;
    let image = Arc::new(Image::new(MachineCode::from_this_host(Vec::new())));
    let (ours, mut theirs) = UnixStream::pair()?;
    // The thread ends when this side closes the socket.
    thread::Builder::new().spawn(move || {
        theirs.write_all(&output)?;
        theirs.shutdown(Shutdown::Write)?;
        io::copy(&mut theirs, &mut io::sink())
    })?;
    workers.add_idle(&image, ours)?;
    let plugin = Plugin {
        name: "damaged".into(),
        image,
        time: TimeAccount::new(limits.all_calls_seconds()),
        limits,
        reference: None,
        workers: Arc::new(workers),
    };
    let manifest = Manifest {
        name: "damaged".to_owned(),
        version: "1.0.0".to_owned(),
        summary: String::new(),
        settings_schema: "{}".to_owned(),
        min_points: 1,
        scope: Scope::Each,
    };
    let batching = Batching { series: 2, threads: 1 };
    Ok(Detector { manifest, digest: String::new(), cache_entry: String::new(), plugin, stored: None, batching })
}
