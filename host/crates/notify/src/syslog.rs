//! The system log: RFC 3164 on the local socket, for rsyslog's `imuxsock`; RFC 5424 on the network, over TCP with the
//! octet counting of RFC 6587.
//!
//! UDP reports no loss. Use the local socket or TCP if no line may be lost.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::line::{Level, Line};
use crate::options::{SyslogOptions, SyslogTransport};

const TIMEOUT: Duration = Duration::from_secs(5);
/// The facility `user`, like the logger of the replaced pipeline.
const FACILITY: u8 = 1;

#[derive(Debug)]
pub(super) struct Syslog {
    config: SyslogOptions,
    /// An open connection, reused until the end of the run.
    stream: Option<TcpStream>,
}

impl Syslog {
    pub(super) fn new(config: &SyslogOptions) -> Self {
        Self { config: config.clone(), stream: None }
    }

    pub(super) fn target(&self) -> String {
        match &self.config.transport {
            SyslogTransport::Unix(path) => format!("the socket {}", path.display()),
            SyslogTransport::Udp(address) => format!("udp {address}"),
            SyslogTransport::Tcp(address) => format!("tcp {address}"),
        }
    }

    /// Connects to the socket or TCP server. UDP only resolves the address and returns `false`.
    pub(super) fn probe(&mut self) -> io::Result<bool> {
        match &self.config.transport {
            SyslogTransport::Unix(path) => UnixDatagram::unbound()?.connect(path).map(|()| true),
            SyslogTransport::Udp(address) => resolve(address).map(|_| false),
            SyslogTransport::Tcp(address) => {
                self.stream = Some(connect(address)?);
                Ok(true)
            }
        }
    }

    pub(super) fn tell(&mut self, line: &Line, now: Timestamp) -> io::Result<()> {
        let app = &self.config.app_name;
        match &self.config.transport {
            SyslogTransport::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                // A stalled daemon must not block the run.
                socket.set_write_timeout(Some(TIMEOUT))?;
                socket.send_to(rfc3164(line, app, now, &TimeZone::system()).as_bytes(), path).map(drop)
            }
            SyslogTransport::Udp(address) => {
                let to = resolve(address)?;
                // The address family of the destination.
                let socket = UdpSocket::bind(if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
                socket.send_to(rfc5424(line, app, now, &host()).as_bytes(), to).map(drop)
            }
            SyslogTransport::Tcp(address) => {
                let frame = rfc5424(line, app, now, &host());
                let mut stream = match self.stream.take() {
                    Some(stream) => stream,
                    None => connect(address)?,
                };
                write!(stream, "{} {frame}", frame.len())?;
                // Only after success: a broken connection is dropped, and the next line connects again.
                self.stream = Some(stream);
                Ok(())
            }
        }
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&resolve(address)?, TIMEOUT)?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn resolve(address: &str) -> io::Result<SocketAddr> {
    address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the name has no address"))
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn priority(level: Level) -> u8 {
    let severity = match level {
        Level::Critical => 2,
        Level::Error => 3,
        Level::Info => 6,
    };
    FACILITY * 8 + severity
}

/// Formats a line without the host, for the local socket.
fn rfc3164(line: &Line, app: &str, now: Timestamp, zone: &TimeZone) -> String {
    let stamp = now.to_zoned(zone.clone()).strftime("%b %e %H:%M:%S").to_string();
    format!("<{}>{stamp} {app}[{}]: {}", priority(line.level), std::process::id(), line.text)
}

/// Formats a line without the byte order mark before UTF-8: the RFC allows the mark, but receivers would keep the mark
/// in the message.
fn rfc5424(line: &Line, app: &str, now: Timestamp, host: &str) -> String {
    format!("<{}>1 {now:.6} {host} {app} {} - - {}", priority(line.level), std::process::id(), line.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_as_the_rfcs_say() {
        let line = Line { level: Level::Error, text: "현재 1.00원".to_owned() };
        let now: Timestamp = "2026-11-03T01:02:03.5Z".parse().expect("a time");
        let pid = std::process::id();
        assert_eq!(
            rfc3164(&line, "costwarden", now, &TimeZone::UTC),
            format!("<11>Nov  3 01:02:03 costwarden[{pid}]: 현재 1.00원")
        );
        assert_eq!(
            rfc5424(&line, "costwarden", now, "vm-1"),
            format!("<11>1 2026-11-03T01:02:03.500000Z vm-1 costwarden {pid} - - 현재 1.00원")
        );
    }

    #[test]
    fn a_socket_that_is_not_there_is_an_error() {
        let path = tempfile::tempdir().expect("a folder").path().join("log");
        let config = SyslogOptions { transport: SyslogTransport::Unix(path), app_name: "costwarden".to_owned() };
        let line = Line { level: Level::Info, text: String::new() };
        let error = Syslog::new(&config).tell(&line, Timestamp::UNIX_EPOCH).expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
