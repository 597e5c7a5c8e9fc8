//! The tables `[[receiver]]`: the receivers of notifications.

use std::collections::BTreeSet;
use std::path::PathBuf;

use config_file::toml::Section;

/// A receiver of notifications.
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// The key of stored deliveries.
    pub name: String,
    pub words: Words,
    pub kind: ReceiverKind,
}

/// The amount of detail in a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// The exact text of the replaced pipeline, for existing alert policies.
    Short,
    /// Also the start, the total impact, the reason, the rules, and the command for details.
    Full,
}

/// The kind of a receiver.
#[derive(Debug, Clone)]
pub enum ReceiverKind {
    Stdout,
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
        return vec![ReceiverOptions { name: "stdout".to_owned(), words: Words::Short, kind: ReceiverKind::Stdout }];
    }
    let mut taken = BTreeSet::new();
    sections.into_iter().filter_map(|section| receiver(section, &mut taken)).collect()
}

fn receiver(mut section: Section<'_, '_>, taken: &mut BTreeSet<String>) -> Option<ReceiverOptions> {
    #[derive(Clone, Copy)]
    enum Transport {
        Unix,
        Udp,
        Tcp,
    }
    section.need("kind", "\"stdout\" or \"syslog\"");
    let is_syslog = section.choice("kind", &[("stdout", false), ("syslog", true)]);
    let is_key = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let name = section.parse("name", "letters, digits and -", |name| is_key(name).then(|| name.to_owned()));
    let words = section.choice("words", &[("short", Words::Short), ("full", Words::Full)]).unwrap_or(Words::Short);
    let kind = if is_syslog? {
        let transport = section
            .choice("transport", &[("unix", Transport::Unix), ("udp", Transport::Udp), ("tcp", Transport::Tcp)])
            .unwrap_or(Transport::Unix);
        let app_name = section.parse("app_name", "1 to 48 printable ASCII characters without a space", |name| {
            let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
            ((1..=48).contains(&name.len()) && printable).then(|| name.to_owned())
        });
        let transport = match transport {
            Transport::Unix => {
                Some(SyslogTransport::Unix(section.path("path").unwrap_or_else(|| PathBuf::from("/dev/log"))))
            }
            Transport::Udp => address(&mut section).map(SyslogTransport::Udp),
            Transport::Tcp => address(&mut section).map(SyslogTransport::Tcp),
        };
        let app_name = app_name.unwrap_or_else(|| "costwarden".to_owned());
        transport.map(|transport| ReceiverKind::Syslog(SyslogOptions { transport, app_name }))
    } else {
        Some(ReceiverKind::Stdout)
    };
    let name = name.unwrap_or_else(|| if is_syslog == Some(true) { "syslog" } else { "stdout" }.to_owned());
    // Deliveries are stored by name: two receivers with the same name would share deliveries.
    if !taken.insert(name.clone()) {
        section.fail("name", format!("{name:?} is taken, expected a name of its own for each receiver"));
    }
    section.finish();
    Some(ReceiverOptions { name, words, kind: kind? })
}

fn address(section: &mut Section<'_, '_>) -> Option<String> {
    const EXPECTED: &str = "\"HOST:PORT\"";
    section.need("address", EXPECTED);
    section.parse("address", EXPECTED, |text| {
        let (host, port) = text.rsplit_once(':')?;
        (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| text.to_owned())
    })
}
