//! The tables `[[receiver]]`: the receivers of notifications.

use std::collections::BTreeSet;
use std::path::PathBuf;

use config_file::toml::Section;

/// A receiver of notifications.
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// The key of stored deliveries.
    pub name: String,
    pub text_style: TextStyle,
    pub kind: ReceiverKind,
}

/// The amount of text in a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextStyle {
    /// The exact text of the replaced pipeline, for existing alert policies.
    Short,
    /// Also the start, the total impact, the reason, the rules, and the command for details.
    Full,
}

/// The kind of a receiver.
#[derive(Debug, Clone)]
pub enum ReceiverKind {
    Terminal,
    Syslog(SyslogOptions),
}

/// The system log.
#[derive(Debug, Clone)]
pub struct SyslogOptions {
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

/// Reads the receivers. Without a table the terminal is the receiver.
pub fn read(sections: Vec<Section<'_, '_>>) -> Vec<ReceiverOptions> {
    if sections.is_empty() {
        let name = "stdout".to_owned();
        return vec![ReceiverOptions { name, text_style: TextStyle::Short, kind: ReceiverKind::Terminal }];
    }
    let mut names = BTreeSet::new();
    sections.into_iter().filter_map(|section| receiver(section, &mut names)).collect()
}

/// Reads a receiver. `names` are the names of the earlier receivers.
fn receiver(mut section: Section<'_, '_>, names: &mut BTreeSet<String>) -> Option<ReceiverOptions> {
    section.need("kind", "\"stdout\" or \"syslog\"");
    let kind = section.choice("kind", &[("stdout", KindWord::Terminal), ("syslog", KindWord::Syslog)]);
    let is_key = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let name = section.parse("name", "letters, digits and -", |name| is_key(name).then(|| name.to_owned()));
    let text_style = section.choice("text", &[("short", TextStyle::Short), ("full", TextStyle::Full)]);
    // Without a usable kind, the keys of the receiver cannot be checked.
    let kind_word = kind?;
    let kind = match kind_word {
        KindWord::Terminal => Some(ReceiverKind::Terminal),
        KindWord::Syslog => syslog(&mut section).map(ReceiverKind::Syslog),
    };
    let name = name.unwrap_or_else(|| kind_word.default_name().to_owned());
    // Deliveries are stored by name: two receivers with the same name would share deliveries.
    if !names.insert(name.clone()) {
        section.fail("name", format!("{name:?} is the name of another receiver, expected a unique name"));
    }
    section.finish();
    Some(ReceiverOptions { name, text_style: text_style.unwrap_or(TextStyle::Short), kind: kind? })
}

/// The words for the kinds in a config.
#[derive(Clone, Copy)]
enum KindWord {
    Terminal,
    Syslog,
}

impl KindWord {
    fn default_name(self) -> &'static str {
        match self {
            Self::Terminal => "stdout",
            Self::Syslog => "syslog",
        }
    }
}

fn syslog(section: &mut Section<'_, '_>) -> Option<SyslogOptions> {
    #[derive(Clone, Copy)]
    enum TransportWord {
        Unix,
        Udp,
        Tcp,
    }
    let transports = [("unix", TransportWord::Unix), ("udp", TransportWord::Udp), ("tcp", TransportWord::Tcp)];
    let transport = section.choice("transport", &transports).unwrap_or(TransportWord::Unix);
    let app_name = section.parse("app_name", "1 to 48 printable ASCII characters without a space", |name| {
        let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
        ((1..=48).contains(&name.len()) && printable).then(|| name.to_owned())
    });
    let transport = match transport {
        TransportWord::Unix => {
            Some(SyslogTransport::Unix(section.path("path").unwrap_or_else(|| PathBuf::from("/dev/log"))))
        }
        TransportWord::Udp => address(section).map(SyslogTransport::Udp),
        TransportWord::Tcp => address(section).map(SyslogTransport::Tcp),
    };
    let app_name = app_name.unwrap_or_else(|| "costwarden".to_owned());
    transport.map(|transport| SyslogOptions { transport, app_name })
}

fn address(section: &mut Section<'_, '_>) -> Option<String> {
    const EXPECTED: &str = "\"HOST:PORT\"";
    section.need("address", EXPECTED);
    section.parse("address", EXPECTED, |text| {
        let (host, port) = text.rsplit_once(':')?;
        (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
    })
}
