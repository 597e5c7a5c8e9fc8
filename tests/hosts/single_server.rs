//! A mongod without a replica set. A test can stop, kill and restore the server.

use std::process::Child;

use mongodb::bson::doc;
use rustix::process::{Pid, Signal, kill_process};

use costwarden_tests::members::{ask, mongod};
use costwarden_tests::{free_port, service, until};

/// A mongod process, killed with the value.
pub(crate) struct SingleServer {
    program: String,
    folder: tempfile::TempDir,
    port: u16,
    process: Child,
}

impl SingleServer {
    /// A new server; `None` without the program.
    pub(crate) fn new() -> Option<Self> {
        let program = service("COSTWARDEN_TEST_MONGOD")?;
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let process = mongod(&program, &folder.path().join("data"), port, &[]);
        let single = Self { program, folder, port, process };
        single.until_listening();
        Some(single)
    }

    /// The URI, with the timeouts of the driver.
    pub(crate) fn uri(&self) -> String {
        format!("mongodb://127.0.0.1:{}/", self.port)
    }

    /// The URI, with timeouts of a second.
    pub(crate) fn impatient_uri(&self) -> String {
        format!("{}?serverSelectionTimeoutMS=1000&connectTimeoutMS=1000", self.uri())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).expect("ours to signal");
    }

    /// Kills the server.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("ours to end");
        self.process.wait().expect("ended");
    }

    /// Continues or restarts the server.
    pub(crate) fn restore(&mut self) {
        if self.process.try_wait().expect("a child").is_some() {
            self.process = mongod(&self.program, &self.folder.path().join("data"), self.port, &[]);
        } else {
            self.signal(Signal::CONT);
        }
        self.until_listening();
    }

    fn until_listening(&self) {
        until("mongod listens", || ask(self.port, doc! { "hello": 1 }).is_ok());
    }
}

impl Drop for SingleServer {
    fn drop(&mut self) {
        // A killed one is ended already.
        let _ = self.process.kill();
        self.process.wait().expect("ended");
    }
}
