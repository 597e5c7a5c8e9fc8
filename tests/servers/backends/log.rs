//! rsyslogd and its output file.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use costwarden_tests::service;

/// Number of reads of the file before a line counts as lost, and the pause between two reads.
const LOOKS: u32 = 1_200;
const APART: Duration = Duration::from_millis(25);

/// The lines of rsyslogd with the application name of one test.
pub(crate) struct Log {
    pub(crate) socket: PathBuf,
    pub(crate) udp: String,
    pub(crate) tcp: String,
    file: PathBuf,
    pub(crate) app: String,
}

/// A received line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    /// Facility and severity.
    pub(crate) priority: u8,
    pub(crate) text: String,
}

impl Log {
    /// The log of a test; `None` without rsyslogd. The application name comes from the working directory, so tests do
    /// not read each other's lines.
    pub(crate) fn new(workdir: &Path) -> Option<Self> {
        let name = workdir.file_name().and_then(|name| name.to_str()).expect("a name").trim_start_matches('.');
        Some(Self {
            socket: service("COSTWARDEN_TEST_SYSLOG_SOCKET")?.into(),
            udp: service("COSTWARDEN_TEST_SYSLOG_UDP")?,
            tcp: service("COSTWARDEN_TEST_SYSLOG_TCP")?,
            file: service("COSTWARDEN_TEST_SYSLOG_FILE")?.into(),
            app: format!("cw-{name}"),
        })
    }

    /// Waits for `count` lines, at most [`LOOKS`] reads, and returns all lines.
    pub(crate) fn lines(&self, count: usize) -> Vec<Received> {
        for _ in 0..LOOKS {
            let lines = self.read();
            if lines.len() >= count {
                return lines;
            }
            std::thread::sleep(APART);
        }
        self.read()
    }

    /// Returns all lines sent before this call: sends an end line through the same socket and waits for the line.
    pub(crate) fn all(&self) -> Vec<Received> {
        let end = format!("end of {}", self.app);
        let socket = UnixDatagram::unbound().expect("a socket");
        let line = format!("<14>Jan  1 00:00:00 {}: {end}", self.app);
        socket.send_to(line.as_bytes(), &self.socket).expect("sent");
        for _ in 0..LOOKS {
            let mut lines = self.read();
            if lines.last().is_some_and(|line| line.text == end) {
                lines.retain(|line| line.text != end);
                return lines;
            }
            std::thread::sleep(APART);
        }
        panic!("rsyslogd does not write to {}", self.file.display());
    }

    fn read(&self) -> Vec<Received> {
        let text = std::fs::read(&self.file).expect("rsyslogd's file");
        // The last line may not be whole yet.
        let text = String::from_utf8_lossy(&text);
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole.lines().filter_map(|line| self.received(line)).collect()
    }

    /// Parses `<PRI> HOSTNAME APP-NAME: MESSAGE`.
    fn received(&self, line: &str) -> Option<Received> {
        let (priority, rest) = line.strip_prefix('<')?.split_once("> ")?;
        let (_, rest) = rest.split_once(' ')?;
        let text = rest.strip_prefix(&self.app)?.strip_prefix(": ")?;
        Some(Received { priority: priority.parse().ok()?, text: text.to_owned() })
    }
}
