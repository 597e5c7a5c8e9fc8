//! Starts worker processes from a thread that lives as long as the sandbox.
//!
//! The kernel ends a worker with the thread that started the worker, not with the process of the thread. So a thread
//! that makes a few calls must not start workers.

use std::fs::File;
use std::io;
use std::process::{Child, Command};
use std::sync::mpsc::{self, Sender};
use std::thread;

/// The thread that starts processes. Ends when the starter is dropped.
pub(super) struct Starter(Sender<Order>);

struct Order {
    command: Command,
    started: Sender<io::Result<StartedProcess>>,
}

/// A process, and its memory and processor time in `/proc`.
pub(super) struct StartedProcess {
    pub(super) process: Child,
    /// `None` if the system does not show the process.
    pub(super) memory: Option<File>,
    /// `None` if the system does not show the process.
    pub(super) time: Option<File>,
}

impl StartedProcess {
    /// Opens the files at once: a worker hides itself soon, and some systems then do not show it any more.
    pub(super) fn new(process: Child) -> Self {
        let open = |name: &str| File::open(format!("/proc/{}/{name}", process.id())).ok();
        let memory = open("statm");
        let time = open("stat");
        Self { process, memory, time }
    }
}

impl Starter {
    /// Starts the thread.
    pub(super) fn new() -> io::Result<Self> {
        let (sender, orders) = mpsc::channel::<Order>();
        let work = move || {
            for Order { mut command, started } in orders {
                // Nobody waits for the answer if the asking thread panicked.
                let _ = started.send(command.spawn().map(StartedProcess::new));
            }
        };
        thread::Builder::new().name("worker starter".to_owned()).spawn(work)?;
        Ok(Self(sender))
    }

    /// Starts a process.
    pub(super) fn start(&self, command: Command) -> io::Result<StartedProcess> {
        let (started, answer) = mpsc::channel();
        let order = Order { command, started };
        self.0.send(order).map_err(|_| io::Error::other("the thread that starts workers ended"))?;
        answer.recv().map_err(|_| io::Error::other("the thread that starts workers ended"))?
    }
}
