//! Two hosts with a shared database, archive and log socket, and separate state directories.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};

use jiff::civil::{Date, date};
use rustix::process::{Pid, Signal, kill_process};

use costwarden_tests::mongo::Mongo;
use costwarden_tests::replay::{self, Bills, Row, SeriesKey, after};
use costwarden_tests::{Run, Workdir, repository, until_stopped};

/// The first day after the history.
pub(crate) const NEXT: Date = date(2026, 10, 19);

const MACHINE: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "vm"], names: ["우리회사", "쇼핑몰", "Virtual Machine"] };
const DISK: SeriesKey =
    SeriesKey { ids: ["d-1", "p-1", "disk"], names: ["우리회사", "쇼핑몰", "Block Storage"] };
const QUEUE: SeriesKey = SeriesKey { ids: ["d-1", "p-2", "queue"], names: ["우리회사", "물류", "Queue"] };

/// A lease of one second: long enough for an undisturbed run, and short enough to wait for.
pub(crate) const LEASE: &str = "[lease]\nseconds = 1\nwait_seconds = 60\n";

/// The first or the second host.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Host {
    A,
    B,
}

pub(crate) struct TwoHosts {
    pub(crate) workdir: Workdir,
    pub(crate) mongo: Mongo,
    socket: UnixDatagram,
}

/// A running process.
pub(crate) struct Running(Child);

impl TwoHosts {
    /// Two hosts with a database and raw documents.
    pub(crate) fn new(mongo: Mongo, bills: &Bills, lease: &str) -> Self {
        let rules = repository().join("rules/tutorial");
        let config = |host: &str| {
            format!(
                "language = \"en\"\nstate_dir = \"state-{host}\"\n{}[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n{}{lease}\
                 [rules]\ndirectory = {rules:?}\n[[receiver]]\nkind = \"syslog\"\npath = \"log.sock\"\n",
                replay::source(),
                mongo.store()
            )
        };
        let workdir = Workdir::new(&config("a"));
        let plugins = format!("[plugins]\ndirectory = {:?}\n", costwarden_tests::plugins());
        workdir.write("b.toml", &format!("{}{plugins}", config("b")));
        replay::write_all(&workdir, bills);
        let socket = UnixDatagram::bind(workdir.path().join("log.sock")).expect("a socket");
        Self { workdir, mongo, socket }
    }

    /// Replaces text in the config of a host.
    pub(crate) fn configure(&self, host: Host, from: &str, to: &str) {
        let name = if let Host::A = host { "costwarden.toml" } else { "b.toml" };
        let text = std::fs::read_to_string(self.workdir.path().join(name)).expect("a config");
        assert!(text.contains(from), "{text}");
        self.workdir.write(name, &text.replace(from, to));
    }

    /// Writes the raw document of an hour.
    pub(crate) fn hour(&self, day: Date, hour: u8, rows: &[Row]) {
        replay::write(&self.workdir, "bills", day, Some(hour), rows);
    }

    pub(crate) fn command(&self, host: Host, args: &[&str], rehearsal: &str) -> Command {
        let mut command = self.workdir.command(args, &[]);
        if let Host::B = host {
            command.env("COSTWARDEN_CONFIG", self.workdir.path().join("b.toml"));
        }
        if !rehearsal.is_empty() {
            command.env("COSTWARDEN_FAILPOINT", rehearsal);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn start(&self, host: Host, args: &[&str], rehearsal: &str) -> Running {
        Running(self.command(host, args, rehearsal).spawn().expect("the binary starts"))
    }

    /// Starts a host with a wrong clock, e.g. by `-1d`.
    pub(crate) fn start_at(&self, faketime: &str, offset: &str, host: Host, args: &[&str], rehearsal: &str) -> Running {
        let mut command = self.command(host, args, rehearsal);
        command.env("LD_PRELOAD", faketime).env("FAKETIME", offset).env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Running(command.spawn().expect("the binary starts"))
    }

    pub(crate) fn run(&self, host: Host, args: &[&str]) -> Run {
        self.start(host, args, "").end()
    }

    /// The log lines since the last call, without headers.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.socket.set_nonblocking(true).expect("a socket");
        let mut buffer = vec![0; 8_192];
        let line = |_| {
            let length = self.socket.recv(&mut buffer).ok()?;
            let line = String::from_utf8_lossy(&buffer[..length]).into_owned();
            Some(line.split_once("]: ").expect("a header").1.to_owned())
        };
        (0..).map_while(line).collect()
    }
}

impl Running {
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("ours to signal");
    }

    /// Waits until the process stops at its failpoint.
    pub(crate) fn until_paused(&mut self) {
        until_stopped(&self.0);
    }

    /// Waits for a text on standard error.
    pub(crate) fn until_says(&mut self, text: &str) {
        let stderr = BufReader::new(self.0.stderr.as_mut().expect("piped"));
        let said = stderr.lines().map_while(Result::ok).any(|line| line.contains(text));
        assert!(said, "it has ended and did not say {text:?}");
    }

    /// Waits for the end of the process. A signal gives exit code -1.
    pub(crate) fn end(self) -> Run {
        let output = self.0.wait_with_output().expect("it ends");
        Run {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

pub(crate) fn day(index: i64) -> Date {
    after(NEXT, index)
}

/// The rows of a day: the given costs of machine and queue, and a disk.
pub(crate) fn rows(machine: &str, queue: &str) -> Vec<Row> {
    vec![Row::of(MACHINE, machine), Row::of(DISK, "234.5"), Row::of(QUEUE, queue)]
}

/// More services than fit in one batch of a bulk write.
pub(crate) fn many() -> Vec<Row> {
    let service = |index: usize| {
        let id: &'static str = format!("s-{index:04}").leak();
        Row::of(SeriesKey { ids: ["d-1", "p-9", id], names: ["우리회사", "많은", id] }, "12.5")
    };
    (0..1_100).map(service).collect()
}

/// Four quiet weeks before [`NEXT`].
pub(crate) fn quiet() -> Bills {
    let amount = |index: i64| if index % 2 == 0 { "990" } else { "1010" };
    (1..=28).map(|back| (day(-back), rows(amount(back), amount(back)))).collect()
}

/// Two hosts, with the quiet weeks in the database.
pub(crate) fn learned(mongo: Mongo, bills: &Bills) -> TwoHosts {
    let hosts = TwoHosts::new(mongo, bills, LEASE);
    hosts.run(Host::A, &["backfill", &format!("--from={}", day(-28)), &format!("--to={}", day(-1))]).expect(0);
    hosts
}
