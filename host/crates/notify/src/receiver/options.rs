//! The tables `[[receiver]]`: the receivers of notifications.

use std::collections::BTreeSet;

use config_file::secret::SecretResolver;
use config_file::toml::Section;

pub use super::alertmanager::AlertmanagerOptions;
pub use super::authorization::Login;
pub use super::email::{EmailOptions, SmtpSecurity};
pub use super::kakaowork::KakaoWorkOptions;
pub use super::post::{HttpOptions, read_address};
pub use super::slack::{SlackApp, SlackDestination, SlackOptions};
pub use super::syslog::{SyslogOptions, SyslogTransport};
pub use super::teams::TeamsOptions;
pub use super::webhook::WebhookOptions;
use super::{alertmanager, email, kakaowork, slack, syslog, teams, webhook};
use crate::line::TextStyle;

/// A receiver of notifications.
#[derive(Debug, Clone)]
pub struct ReceiverOptions {
    /// The key of stored deliveries.
    pub name: String,
    /// Whether the receiver gets the totals of finished days.
    pub daily_total: bool,
    pub kind: ReceiverKind,
}

/// The kind of a receiver.
#[derive(Debug, Clone)]
pub enum ReceiverKind {
    Terminal(TextStyle),
    Syslog(SyslogOptions),
    Slack(SlackOptions),
    Webhook(WebhookOptions),
    Email(Box<EmailOptions>),
    Alertmanager(AlertmanagerOptions),
    Teams(TeamsOptions),
    KakaoWork(KakaoWorkOptions),
}

/// The words for the kinds in a config.
#[derive(Clone, Copy, PartialEq)]
enum KindWord {
    Terminal,
    Syslog,
    Slack,
    Webhook,
    Email,
    Alertmanager,
    Teams,
    KakaoWork,
}

const KINDS: [(&str, KindWord); 8] = [
    ("stdout", KindWord::Terminal),
    ("syslog", KindWord::Syslog),
    ("slack", KindWord::Slack),
    ("webhook", KindWord::Webhook),
    ("email", KindWord::Email),
    ("alertmanager", KindWord::Alertmanager),
    ("teams", KindWord::Teams),
    ("kakaowork", KindWord::KakaoWork),
];

impl KindWord {
    fn as_str(self) -> &'static str {
        KINDS.iter().find(|(_, kind)| *kind == self).map(|(word, _)| *word).expect("every kind has a word")
    }

    /// Reads the key `daily_total`. A person does not need a message per day, and a total is no alert.
    fn daily_total(self, section: &mut Section<'_, '_>) -> bool {
        match self {
            Self::Terminal | Self::Syslog | Self::Webhook => section.key("daily_total", TOTAL).flag_or(true),
            Self::Slack | Self::Email | Self::Teams | Self::KakaoWork => {
                section.key("daily_total", TOTAL).flag_or(false)
            }
            Self::Alertmanager => false,
        }
    }
}

const TOTAL: &str = "Whether the receiver gets the total of each finished day.";
const TEXT: &str = "\"short\": the text that alert policies of the replaced pipeline match. \"full\": also the beginning, the total difference, the reason and the next steps.";

/// Reads the receivers. Without a table the terminal is the receiver.
pub fn read(sections: Vec<Section<'_, '_>>, references: &SecretResolver<'_>) -> Vec<ReceiverOptions> {
    if sections.is_empty() {
        let kind = ReceiverKind::Terminal(TextStyle::Short);
        return vec![ReceiverOptions { name: "stdout".to_owned(), daily_total: true, kind }];
    }
    let mut names = BTreeSet::new();
    sections.into_iter().filter_map(|section| receiver(section, references, &mut names)).collect()
}

/// Reads a receiver. `names` are the names of the earlier receivers.
fn receiver(
    mut section: Section<'_, '_>,
    references: &SecretResolver<'_>,
    names: &mut BTreeSet<String>,
) -> Option<ReceiverOptions> {
    let words: Vec<String> = KINDS.iter().map(|(word, _)| format!("{word:?}")).collect();
    section.need("kind", &words.join(" or "));
    let kind = section.key("kind", "The kind of the receiver.").variant(&KINDS);
    let is_key = |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let name = section
        .key("name", "The name, under which deliveries are stored. Without the key: the kind.")
        .pattern("^[A-Za-z0-9-]+$")
        .parse("letters, digits and -", |name| is_key(name).then(|| name.to_owned()));
    // Without a usable kind, the keys of the receiver cannot be checked.
    let word = kind?;
    let kind = match word {
        KindWord::Terminal => Some(ReceiverKind::Terminal(text_style(&mut section))),
        KindWord::Syslog => syslog::read(&mut section).map(ReceiverKind::Syslog),
        KindWord::Slack => slack::read(&mut section, references).map(ReceiverKind::Slack),
        KindWord::Webhook => webhook::read(&mut section, references).map(ReceiverKind::Webhook),
        KindWord::Email => email::read(&mut section, references).map(|options| ReceiverKind::Email(Box::new(options))),
        KindWord::Alertmanager => alertmanager::read(&mut section, references).map(ReceiverKind::Alertmanager),
        KindWord::Teams => teams::read(&mut section, references).map(ReceiverKind::Teams),
        KindWord::KakaoWork => kakaowork::read(&mut section, references).map(ReceiverKind::KakaoWork),
    };
    let daily_total = word.daily_total(&mut section);
    let name = name.unwrap_or_else(|| word.as_str().to_owned());
    // Deliveries are stored by name: two receivers with the same name would share deliveries.
    if !names.insert(name.clone()) {
        section.fail("name", format!("{name:?} is the name of another receiver, expected a unique name"));
    }
    section.finish();
    Some(ReceiverOptions { name, daily_total, kind: kind? })
}

/// Reads the key `text` of a receiver of lines.
pub(super) fn text_style(section: &mut Section<'_, '_>) -> TextStyle {
    section.key("text", TEXT).choice_or(&[("short", TextStyle::Short), ("full", TextStyle::Full)], "short")
}
