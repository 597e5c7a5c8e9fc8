//! The system log: RFC 3164 on the local socket, for rsyslog's `imuxsock`; RFC 5424 on the network, over TCP with the
//! octet counting of RFC 6587.
//!
//! UDP reports no loss. Use the local socket or TCP if no message may be lost.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use config_file::toml::Section;

use super::Receipt;
use super::options::text_style;
use crate::line::{TextStyle, line};
use crate::notification::{Level, Notification};

/// The system log.
#[derive(Debug, Clone)]
pub struct SyslogOptions {
    pub text_style: TextStyle,
    pub transport: SyslogTransport,
    /// `APP-NAME` of RFC 5424, or the tag of RFC 3164.
    pub app_name: String,
}

/// The transport: RFC 3164 on the local socket, RFC 5424 on the network.
#[derive(Debug, Clone)]
pub enum SyslogTransport {
    Unix(PathBuf),
    Udp(String),
    Tcp(String),
}

const TIMEOUT: Duration = Duration::from_secs(5);
/// The facility `user`, like the logger of the replaced pipeline.
const FACILITY: u8 = 1;

/// A line with its priority.
struct Entry<'a> {
    level: Level,
    text: &'a str,
}

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

    pub(super) fn text_style(&self) -> TextStyle {
        self.options.text_style
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

    pub(super) fn send(&mut self, notification: &Notification<'_>, now: Timestamp) -> io::Result<Receipt> {
        let text = line(notification, self.options.text_style);
        self.write(&Entry { level: notification.level(), text: &text }, now)?;
        Ok(Receipt::default())
    }

    fn write(&mut self, entry: &Entry<'_>, now: Timestamp) -> io::Result<()> {
        let app = &self.options.app_name;
        match &self.options.transport {
            SyslogTransport::Unix(path) => {
                let socket = UnixDatagram::unbound()?;
                // A stalled daemon must not block the run.
                socket.set_write_timeout(Some(TIMEOUT))?;
                socket.send_to(rfc3164(entry, app, now, &TimeZone::system()).as_bytes(), path).map(drop)
            }
            SyslogTransport::Udp(address) => {
                let destination = resolve(address)?;
                // The address family of the destination.
                let socket = UdpSocket::bind(if destination.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
                socket.send_to(rfc5424(entry, app, now, &host()).as_bytes(), destination).map(drop)
            }
            SyslogTransport::Tcp(address) => {
                let frame = rfc5424(entry, app, now, &host());
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

/// Formats an entry without the host, for the local socket.
fn rfc3164(entry: &Entry<'_>, app: &str, now: Timestamp, zone: &TimeZone) -> String {
    let stamp = now.to_zoned(zone.clone()).strftime("%b %e %H:%M:%S").to_string();
    format!("<{}>{stamp} {app}[{}]: {}", priority(entry.level), std::process::id(), entry.text)
}

/// Formats an entry without the byte order mark before UTF-8: the RFC allows the mark, but receivers would keep the mark
/// in the message.
fn rfc5424(entry: &Entry<'_>, app: &str, now: Timestamp, host: &str) -> String {
    format!("<{}>1 {now:.6} {host} {app} {} - - {}", priority(entry.level), std::process::id(), entry.text)
}

/// Reads the keys of a receiver of this kind.
pub(super) fn read(section: &mut Section<'_, '_>) -> Option<SyslogOptions> {
    #[derive(Clone, Copy)]
    enum TransportWord {
        Unix,
        Udp,
        Tcp,
    }
    let transports = [("unix", TransportWord::Unix), ("udp", TransportWord::Udp), ("tcp", TransportWord::Tcp)];
    let transport = section
        .key("transport", "\"unix\" (RFC 3164), or \"udp\" or \"tcp\" (RFC 5424).")
        .variant_or(&transports, "unix");
    let text_style = text_style(section);
    let app_name = section
        .key("app_name", "The name of the program in each line.")
        .default("costwarden")
        .pattern("^[!-~]{1,48}$")
        .parse("1 to 48 printable ASCII characters without a space", |name| {
            let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
            ((1..=48).contains(&name.len()) && printable).then(|| name.to_owned())
        });
    let transport = match transport {
        TransportWord::Unix => Some(SyslogTransport::Unix(
            section
                .key("path", "The path of the Unix socket.")
                .default("/dev/log")
                .path()
                .unwrap_or_else(|| PathBuf::from("/dev/log")),
        )),
        TransportWord::Udp => address(section).map(SyslogTransport::Udp),
        TransportWord::Tcp => address(section).map(SyslogTransport::Tcp),
    };
    let app_name = app_name.unwrap_or_else(|| "costwarden".to_owned());
    transport.map(|transport| SyslogOptions { text_style, transport, app_name })
}

fn address(section: &mut Section<'_, '_>) -> Option<String> {
    const EXPECTED: &str = "\"HOST:PORT\"";
    section.need("address", EXPECTED);
    section.key("address", "The server: \"HOST:PORT\".").pattern("^.+:[0-9]{1,5}$").parse(EXPECTED, |text| {
        let (host, port) = text.rsplit_once(':')?;
        (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_follow_the_rfcs() {
        let entry = Entry { level: Level::Error, text: "현재 1.00원" };
        let now: Timestamp = "2026-11-03T01:02:03.5Z".parse().expect("a time");
        let pid = std::process::id();
        assert_eq!(
            rfc3164(&entry, "costwarden", now, &TimeZone::UTC),
            format!("<11>Nov  3 01:02:03 costwarden[{pid}]: 현재 1.00원")
        );
        assert_eq!(
            rfc5424(&entry, "costwarden", now, "vm-1"),
            format!("<11>1 2026-11-03T01:02:03.500000Z vm-1 costwarden {pid} - - 현재 1.00원")
        );
    }

    #[test]
    fn a_missing_socket_is_an_error() {
        let path = tempfile::tempdir().expect("a folder").path().join("log");
        let options = SyslogOptions {
            text_style: TextStyle::Short,
            transport: SyslogTransport::Unix(path),
            app_name: "costwarden".to_owned(),
        };
        let entry = Entry { level: Level::Info, text: "" };
        let error = Syslog::new(&options).write(&entry, Timestamp::UNIX_EPOCH).expect_err("nobody listens");
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
