//! A replica set of three mongod processes. A test can stop, kill and restore any member.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::Result;
use mongodb::options::{ClientOptions, ServerAddress};
use mongodb::{Client, Database};
use rustix::process::{Pid, Signal, kill_process};

use crate::{block_on, free_port, service, until};

/// URI options: the driver detects a silent member within two seconds, instead of twenty.
pub const QUICK: &str = "&heartbeatFrequencyMS=500&connectTimeoutMS=1000";

/// Three mongod processes, killed with the value.
pub struct Members {
    program: String,
    folder: tempfile::TempDir,
    members: Vec<Member>,
}

struct Member {
    port: u16,
    process: Child,
}

impl Members {
    /// A new replica set with a primary; `None` without the program.
    pub fn new() -> Option<Self> {
        let program = service("COSTWARDEN_TEST_MONGOD")?;
        let mut set = Self { program, folder: tempfile::tempdir().expect("a folder"), members: Vec::new() };
        let mut ports = BTreeSet::new();
        while ports.len() < 3 {
            ports.insert(free_port());
        }
        for port in ports {
            let process = set.launch(port);
            set.members.push(Member { port, process });
        }
        for member in 0..3 {
            set.until_listening(member);
        }
        let list: Vec<Document> = (0..3).map(|index| doc! { "_id": index, "host": set.host(index as usize) }).collect();
        let settings =
            doc! { "electionTimeoutMillis": 2_000, "heartbeatIntervalMillis": 500, "heartbeatTimeoutSecs": 2 };
        let config = doc! { "_id": "suite", "version": 1, "members": list, "settings": settings };
        set.ask(0, doc! { "replSetInitiate": config }).expect("initiated");
        set.until_whole();
        Some(set)
    }

    /// The URI of all three members, with options.
    pub fn uri(&self, options: &str) -> String {
        let hosts: Vec<String> = (0..3).map(|member| self.host(member)).collect();
        format!("mongodb://{}/?replicaSet=suite{options}", hosts.join(","))
    }

    /// The index of the primary.
    pub fn primary(&self) -> usize {
        let is_primary = |member: &usize| {
            let hello = self.ask(*member, doc! { "hello": 1 });
            hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false))
        };
        let mut primary = None;
        until("a primary answers", || {
            primary = (0..3).find(is_primary);
            primary.is_some()
        });
        primary.expect("just found")
    }

    /// Sends a signal to a member.
    pub fn signal(&self, member: usize, signal: Signal) {
        kill_process(Pid::from_child(&self.members[member].process), signal).expect("ours to signal");
    }

    /// Continues or restarts a member, and waits until all three agree.
    pub fn restore(&mut self, member: usize) {
        self.signal(member, Signal::CONT);
        if self.members[member].process.try_wait().expect("a child").is_some() {
            self.members[member].process = self.launch(self.members[member].port);
            self.until_listening(member);
        }
        self.until_whole();
    }

    fn host(&self, member: usize) -> String {
        format!("127.0.0.1:{}", self.members[member].port)
    }

    fn data(&self, port: u16) -> PathBuf {
        self.folder.path().join(port.to_string())
    }

    fn launch(&self, port: u16) -> Child {
        // A member that has its oplog from one that is silent looks for another at once, instead of after ten seconds.
        const PARAMETERS: [&str; 2] =
            ["oplogNetworkTimeoutBufferSeconds=1", "oplogFetcherSteadyStateMaxFetcherRestarts=0"];
        let mut args = vec!["--replSet", "suite", "--oplogSize", "50"];
        args.extend(PARAMETERS.iter().flat_map(|parameter| ["--setParameter", parameter]));
        mongod(&self.program, &self.data(port), port, &args)
    }

    fn until_listening(&self, member: usize) {
        until("a member listens", || self.ask(member, doc! { "hello": 1 }).is_ok());
    }

    /// Waits until one member is the primary and the secondaries have all of its operations.
    fn until_whole(&self) {
        let is_whole = || -> Option<bool> {
            let status = self.ask(0, doc! { "replSetGetStatus": 1 }).ok()?;
            let members: Vec<&Document> =
                status.get_array("members").ok()?.iter().filter_map(|member| member.as_document()).collect();
            let state = |member: &&Document| member.get_i32("state").unwrap_or(0);
            let mut states: Vec<i32> = members.iter().map(state).collect();
            states.sort_unstable();
            let known: Vec<Option<&Document>> =
                members.iter().map(|member| member.get_document("optime").ok()).collect();
            Some(states == [1, 2, 2] && known.iter().all(|optime| optime.is_some() && *optime == known[0]))
        };
        until("the members agree", || is_whole().unwrap_or(false));
    }

    fn ask(&self, member: usize, command: Document) -> Result<Document> {
        ask(self.members[member].port, command)
    }
}

/// Starts a server on loopback.
pub fn mongod(program: &str, data: &Path, port: u16, args: &[&str]) -> Child {
    let libraries = std::env::var("COSTWARDEN_TEST_MONGOD_LIBRARIES").unwrap_or_default();
    std::fs::create_dir_all(data).expect("a folder");
    let mut command = Command::new(program);
    command.env("LD_LIBRARY_PATH", libraries).args(["--bind_ip", "127.0.0.1", "--nounixsocket"]);
    command.args(["--wiredTigerCacheSizeGB", "0.25", "--setParameter", "diagnosticDataCollectionEnabled=false"]);
    command.args(args).arg("--port").arg(port.to_string());
    command.arg("--logpath").arg(data.with_extension("log")).arg("--logappend").arg("--dbpath").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("mongod starts")
}

/// Runs a command on a single server, independent of the replica set.
pub fn ask(port: u16, command: Document) -> Result<Document> {
    let host = ServerAddress::Tcp { host: "127.0.0.1".to_owned(), port: Some(port) };
    let patience = Duration::from_secs(1);
    let options = ClientOptions::builder()
        .hosts(vec![host])
        .direct_connection(true)
        .server_selection_timeout(patience)
        .connect_timeout(patience)
        .build();
    block_on(async {
        let admin: Database = Client::with_options(options)?.database("admin");
        let answer = tokio::time::timeout(patience * 10, admin.run_command(command)).await;
        answer.unwrap_or_else(|_| Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()))
    })
}

impl Drop for Members {
    fn drop(&mut self) {
        for member in &mut self.members {
            // A killed one is ended already.
            let _ = member.process.kill();
            member.process.wait().expect("ended");
        }
    }
}
