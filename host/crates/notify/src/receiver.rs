//! An open receiver: one channel per kind of receiver.

mod alertmanager;
mod authorization;
mod email;
mod kakaowork;
pub mod options;
mod post;
mod slack;
mod syslog;
mod teams;
mod terminal;
mod webhook;

use std::io;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use self::alertmanager::Alertmanager;
use self::email::Email;
use self::kakaowork::KakaoWork;
use self::options::{ReceiverKind, ReceiverOptions};
use self::post::PostError;
use self::slack::Slack;
use self::syslog::Syslog;
use self::teams::Teams;
pub use self::terminal::Terminal;
use self::terminal::TerminalReceiver;
use self::webhook::Webhook;
pub use self::webhook::cause_document;
use crate::line::TextStyle;
use crate::notification::Notification;

/// An open receiver.
#[derive(Debug)]
pub struct Receiver {
    /// The key of stored deliveries.
    pub name: String,
    /// Whether the receiver gets the totals of finished days.
    pub daily_total: bool,
    channel: Channel,
    /// Number of accepted notifications since the receiver was opened.
    pub accepted: u64,
    /// Number of notifications not accepted since the receiver was opened.
    pub failed: u64,
    /// Time of the failed attempts since the receiver was opened.
    failed_time: Duration,
}

/// The channel to a receiver, one variant per kind.
#[derive(Debug)]
enum Channel {
    Terminal(TerminalReceiver),
    Syslog(Syslog),
    Slack(Slack),
    Webhook(Webhook),
    Email(Email),
    Alertmanager(Alertmanager),
    Teams(Teams),
    KakaoWork(KakaoWork),
}

/// The confirmation of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Receipt {
    /// The thread of the message, for later notifications of the same incident.
    pub thread: Option<String>,
}

/// The reason why a channel did not accept a notification.
#[derive(Debug, thiserror::Error)]
enum ChannelError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    Post(#[from] PostError),
    /// A refusal in the words of the service.
    #[error("{0}")]
    Answer(String),
}

/// An error of a receiver.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    #[error("receiver {receiver}: cannot write to {target}: {cause}; the next run sends the notification again")]
    NotWritten { receiver: String, target: String, cause: String },
    #[error(
        "receiver {receiver}: {target} has failed for {} s in this run, so no further attempt is made; the next run \
         sends the notification",
        seconds.as_secs()
    )]
    GivenUp { receiver: String, target: String, seconds: Duration },
    #[error(
        "receiver {receiver}: cannot reach {target}: {cause}; check that the service runs and that this user may write \
         to it"
    )]
    Unreachable { receiver: String, target: String, cause: String },
}

/// Time of failed attempts of one receiver in one run. A receiver that does not answer must not delay the run for each
/// of its notifications.
const MAX_FAILED_TIME: Duration = Duration::from_secs(60);

impl Receiver {
    pub fn new(config: &ReceiverOptions, terminal: Terminal) -> Self {
        let channel = match &config.kind {
            ReceiverKind::Terminal(style) => Channel::Terminal(TerminalReceiver { terminal, text_style: *style }),
            ReceiverKind::Syslog(options) => Channel::Syslog(Syslog::new(options)),
            ReceiverKind::Slack(options) => Channel::Slack(Slack::new(options)),
            ReceiverKind::Webhook(options) => Channel::Webhook(Webhook::new(options)),
            ReceiverKind::Email(options) => Channel::Email(Email::new(options, &config.name)),
            ReceiverKind::Alertmanager(options) => Channel::Alertmanager(Alertmanager::new(options)),
            ReceiverKind::Teams(options) => Channel::Teams(Teams::new(options)),
            ReceiverKind::KakaoWork(options) => Channel::KakaoWork(KakaoWork::new(options)),
        };
        Self {
            name: config.name.clone(),
            daily_total: config.daily_total,
            channel,
            accepted: 0,
            failed: 0,
            failed_time: Duration::ZERO,
        }
    }

    /// Reports whether the receiver is reachable, without sending anything. `false` if the transport cannot confirm.
    ///
    /// # Errors
    /// The receiver is down.
    pub async fn probe(&mut self, now: Timestamp) -> Result<bool, ReceiverError> {
        let probed = match &mut self.channel {
            Channel::Terminal(_) => Ok(true),
            Channel::Syslog(syslog) => syslog.probe().map_err(ChannelError::from),
            Channel::Slack(slack) => slack.probe(now).await,
            Channel::Webhook(_) | Channel::Teams(_) | Channel::KakaoWork(_) => Ok(false),
            Channel::Email(email) => email.probe().await,
            Channel::Alertmanager(alertmanager) => alertmanager.probe().await,
        };
        probed.map_err(|error| ReceiverError::Unreachable {
            receiver: self.name.clone(),
            target: self.target(),
            cause: error.to_string(),
        })
    }

    /// Sends a notification. `Ok` means that the receiver has the notification.
    ///
    /// # Errors
    /// The receiver did not confirm the notification.
    pub async fn send(&mut self, notification: &Notification<'_>, now: Timestamp) -> Result<Receipt, ReceiverError> {
        if self.failed_time >= MAX_FAILED_TIME {
            self.failed += 1;
            let (receiver, target) = (self.name.clone(), self.target());
            return Err(ReceiverError::GivenUp { receiver, target, seconds: self.failed_time });
        }
        let started = Instant::now();
        let sent = match &mut self.channel {
            Channel::Terminal(terminal) => terminal.send(notification).map_err(ChannelError::from),
            Channel::Syslog(syslog) => syslog.send(notification, now).map_err(ChannelError::from),
            Channel::Slack(slack) => slack.send(notification, now).await,
            Channel::Webhook(webhook) => webhook.send(notification, now).await,
            Channel::Email(email) => email.send(notification, now).await,
            Channel::Alertmanager(alertmanager) => alertmanager.send(notification, now).await,
            Channel::Teams(teams) => teams.send(notification, now).await,
            Channel::KakaoWork(kakaowork) => kakaowork.send(notification, now).await,
        };
        match sent {
            Ok(receipt) => {
                self.accepted += 1;
                Ok(receipt)
            }
            Err(error) => {
                self.failed += 1;
                self.failed_time += started.elapsed();
                let (receiver, target) = (self.name.clone(), self.target());
                Err(ReceiverError::NotWritten { receiver, target, cause: error.to_string() })
            }
        }
    }

    /// Returns whether the texts of the receiver show the costs of recent days.
    pub fn shows_recent_days(&self) -> bool {
        match &self.channel {
            Channel::Terminal(_) | Channel::Syslog(_) | Channel::Alertmanager(_) => false,
            Channel::Slack(_) | Channel::Webhook(_) | Channel::Email(_) | Channel::Teams(_) | Channel::KakaoWork(_) => {
                true
            }
        }
    }

    /// Returns whether the texts of the receiver have details, such as the cause of an incident.
    pub fn has_full_text(&self) -> bool {
        match &self.channel {
            Channel::Slack(_)
            | Channel::Webhook(_)
            | Channel::Email(_)
            | Channel::Alertmanager(_)
            | Channel::Teams(_)
            | Channel::KakaoWork(_) => true,
            Channel::Terminal(terminal) => terminal.text_style == TextStyle::Full,
            Channel::Syslog(syslog) => syslog.text_style() == TextStyle::Full,
        }
    }

    /// Returns whether one text tells the same change of several series. Alert policies match the short line of each
    /// series.
    pub fn groups_incidents(&self) -> bool {
        match &self.channel {
            // Alertmanager groups alerts itself.
            Channel::Alertmanager(_) => false,
            Channel::Slack(_) | Channel::Webhook(_) | Channel::Email(_) | Channel::Teams(_) | Channel::KakaoWork(_) => {
                true
            }
            Channel::Terminal(terminal) => terminal.text_style == TextStyle::Full,
            Channel::Syslog(syslog) => syslog.text_style() == TextStyle::Full,
        }
    }

    /// Returns whether every run must send the open incidents and problems again, because the receiver forgets them.
    pub fn needs_refresh(&self) -> bool {
        matches!(self.channel, Channel::Alertmanager(_))
    }

    /// Returns the display name of the destination.
    fn target(&self) -> String {
        match &self.channel {
            Channel::Terminal(_) => "the terminal".to_owned(),
            Channel::Syslog(syslog) => syslog.target(),
            Channel::Slack(slack) => slack.target(),
            Channel::Webhook(webhook) => webhook.target(),
            Channel::Email(email) => email.target(),
            Channel::Alertmanager(alertmanager) => alertmanager.target(),
            Channel::Teams(teams) => teams.target(),
            Channel::KakaoWork(kakaowork) => kakaowork.target(),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::language::Language;

    use super::*;
    use crate::notification::DailyTotalContent;
    use crate::text::Locale;

    #[tokio::test]
    async fn a_receiver_that_keeps_failing_gets_no_further_attempt() {
        let kind = ReceiverKind::Terminal(TextStyle::Short);
        let options = ReceiverOptions { name: "night".to_owned(), daily_total: true, kind };
        let refuse = |_, _: &str| Err(io::Error::other("closed"));
        let mut receiver = Receiver::new(&options, Terminal::Writer(refuse));
        let locale = Locale { language: Language::English, currency: "KRW" };
        let date = jiff::civil::date(2026, 11, 22);
        let content =
            DailyTotalContent { date, total: "1.00", refused: Default::default(), comparison: None, budgets: &[] };
        let total = Notification::of_daily_total(content, locale);
        let mut errors = Vec::new();
        for failed_time in [Duration::ZERO, MAX_FAILED_TIME] {
            receiver.failed_time += failed_time;
            errors.push(receiver.send(&total, Timestamp::UNIX_EPOCH).await.expect_err("refused").to_string());
        }
        insta::assert_snapshot!(errors.join("\n"), @"
        receiver night: cannot write to the terminal: closed; the next run sends the notification again
        receiver night: the terminal has failed for 60 s in this run, so no further attempt is made; the next run sends the notification
        ");
        assert_eq!((receiver.accepted, receiver.failed), (0, 2));
    }
}
