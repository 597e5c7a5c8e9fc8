//! The system log: RFC 3164 on the local socket, for rsyslog's `imuxsock`; RFC 5424 on the network, over TCP with the
//! octet counting of RFC 6587.
//!
//! UDP reports no loss. Use the local socket or TCP if no message may be lost.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::message::{Level, Message};
use crate::options::{SyslogOptions, SyslogTransport};

const TIMEOUT: Duration = Duration::from_secs(5);
/// The facility `user`, like the logger of the replaced pipeline.
const FACILITY: u8 = 1;

#[derive(Debug)]
pub(super) struct Syslog {
    options: SyslogOptions,
    /// An open connection, reused until the end of the run.
    stream: Option<TcpStream>,
}

impl Syslog {
    pub(super) fn new(options: &SyslogOptions) -> Self {
        Self { options: options.clone(), stream: None }
    }

    pub(super) fn target(&self) -> String {
        match &self.options.transport {
            SyslogTransport::Unix(path) => format!("the socket {}", path.display()),
            SyslogTransport::Udp(address) => format!("udp {address}"),
            SyslogTransport::Tcp(address) => format!("tcp {address}"),
        }
    }

    /// Connects to the socket or TCP server. UDP only resolves the address and returns `false`.
    pub(super) fn probe(&mut self) -> io::Result<bool> {
        match &self.options.transport {
            SyslogTransport::Unix(path) => UnixDatagram::unbound()?.connect(path).map(|()| true),
            SyslogTransport::Udp(address) => resolve(address).map(|_| false),
            SyslogTransport::Tcp(address) => {
                self.stream = Some(connect(address)?);
                Ok(true)
            }
        }
    }

    pub(super) fn send(&mut self, message: &Message, now: Timestamp) -> io::Result<()> {
        let app = &self.options.app_name;
        match &self.options.transport {
            SyslogTransport::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                // A stalled daemon must not block the run.
                socket.set_write_timeout(Some(TIMEOUT))?;
                socket.send_to(rfc3164(message, app, now, &TimeZone::system()).as_bytes(), path).map(drop)
            }
            SyslogTransport::Udp(address) => {
                let destination = resolve(address)?;
                // The address family of the destination.
                let socket = UdpSocket::bind(if destination.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
                socket.send_to(rfc5424(message, app, now, &host()).as_bytes(), destination).map(drop)
            }
            SyslogTransport::Tcp(address) => {
                let frame = rfc5424(message, app, now, &host());
                let mut stream = match self.stream.take() {
                    Some(stream) => stream,
                    None => connect(address)?,
                };
                write!(stream, "{} {frame}", frame.len())?;
                // Only after success: a broken connection is dropped, and the next message connects again.
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
    address.to_socket_addrs()?.next().ok_or_else(|| io::Error::other("the host name has no address"))
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

/// Formats a message without the host, for the local socket.
fn rfc3164(message: &Message, app: &str, now: Timestamp, zone: &TimeZone) -> String {
    let stamp = now.to_zoned(zone.clone()).strftime("%b %e %H:%M:%S").to_string();
    format!("<{}>{stamp} {app}[{}]: {}", priority(message.level), std::process::id(), message.text)
}

/// Formats a message without the byte order mark before UTF-8: the RFC allows the mark, but receivers would keep the mark
/// in the message.
fn rfc5424(message: &Message, app: &str, now: Timestamp, host: &str) -> String {
    format!("<{}>1 {now:.6} {host} {app} {} - - {}", priority(message.level), std::process::id(), message.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_follow_the_rfcs() {
        let message = Message { level: Level::Error, text: "현재 1.00원".to_owned() };
        let now: Timestamp = "2026-11-03T01:02:03.5Z".parse().expect("a time");
        let pid = std::process::id();
        assert_eq!(
            rfc3164(&message, "costwarden", now, &TimeZone::UTC),
            format!("<11>Nov  3 01:02:03 costwarden[{pid}]: 현재 1.00원")
        );
        assert_eq!(
            rfc5424(&message, "costwarden", now, "vm-1"),
            format!("<11>1 2026-11-03T01:02:03.500000Z vm-1 costwarden {pid} - - 현재 1.00원")
        );
    }

    #[test]
    fn a_missing_socket_is_an_error() {
        let path = tempfile::tempdir().expect("a folder").path().join("log");
        let options = SyslogOptions { transport: SyslogTransport::Unix(path), app_name: "costwarden".to_owned() };
        let message = Message { level: Level::Info, text: String::new() };
        let error = Syslog::new(&options).send(&message, Timestamp::UNIX_EPOCH).expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
