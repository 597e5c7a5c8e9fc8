//! Slack: an incoming webhook, or messages of an app with the later notifications of an incident in the thread of its
//! opening.

mod message;

use config_file::secret::{self, Secret, SecretResolver};
use config_file::toml::Section;
use jiff::Timestamp;
use reqwest::Url;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::json;

use super::authorization::bearer;
use super::post::{
    DEFAULT_SECONDS, HttpClient, HttpOptions, JsonRequest, PostError, checked_address, read_endpoint, secret_address,
};
use super::{ChannelError, Receipt};
use crate::notification::Notification;

/// A channel of Slack.
#[derive(Debug, Clone)]
pub struct SlackOptions {
    pub destination: SlackDestination,
    pub http: HttpOptions,
}

/// The way to a channel.
#[derive(Debug, Clone)]
pub enum SlackDestination {
    /// An incoming webhook, without threads.
    Webhook(Secret),
    App(SlackApp),
}

/// An app with the right `chat:write`.
#[derive(Debug, Clone)]
pub struct SlackApp {
    /// The Web API.
    pub endpoint: Url,
    pub bot_token: Secret,
    /// The id of a channel, or its name.
    pub channel: String,
}

#[derive(Debug)]
pub(super) struct Slack {
    destination: SlackDestination,
    http: HttpClient,
}

/// An answer of the Web API.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
    /// The id of the message in its channel.
    ts: Option<String>,
}

/// Reads the keys of a receiver of this kind.
pub(super) fn read(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<SlackOptions> {
    let http = HttpOptions::read(section, DEFAULT_SECONDS);
    let destination =
        match section.alternative(&[(&["bot_token", "channel"], Way::App), (&["webhook_url"], Way::Webhook)]) {
            Some(Way::Webhook) => webhook(section, references).map(SlackDestination::Webhook),
            Some(Way::App) => app(section, references).map(SlackDestination::App),
            None => {
                section.fail("kind", "expected either webhook_url, or bot_token and channel");
                // One error for the pair: a key that is read is no unknown key.
                for key in ["webhook_url", "bot_token", "channel"] {
                    section.key(key, "").text();
                }
                None
            }
        };
    Some(SlackOptions { destination: destination?, http: http? })
}

/// The keys that select the way to a channel.
#[derive(Clone, Copy)]
enum Way {
    Webhook,
    App,
}

fn webhook(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<Secret> {
    section.need("webhook_url", "a reference such as \"env:SLACK_WEBHOOK\"");
    let address =
        secret::read(section.key("webhook_url", "A reference to an incoming webhook, without threads."), references);
    address.and_then(|address| checked_address(section, "webhook_url", address))
}

fn app(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<SlackApp> {
    section.need("bot_token", "a reference such as \"env:SLACK_BOT_TOKEN\"");
    section.need("channel", "the id of a channel, like \"C0123456789\"");
    let bot_token = secret::read(
        section.key("bot_token", "A reference to the token of an app with the scope chat:write."),
        references,
    );
    let channel = section
        .key("channel", "The id of the channel.")
        .pattern("\\S")
        .parse("the id of a channel, like \"C0123456789\"", |text| (!text.trim().is_empty()).then(|| text.to_owned()));
    let endpoint = read_endpoint(section, "https://slack.com");
    Some(SlackApp { endpoint: endpoint?, bot_token: bot_token?, channel: channel? })
}

impl Slack {
    pub(super) fn new(options: &SlackOptions) -> Self {
        Self { destination: options.destination.clone(), http: HttpClient::new(&options.http) }
    }

    pub(super) fn target(&self) -> String {
        match &self.destination {
            SlackDestination::Webhook(_) => "the webhook of Slack".to_owned(),
            SlackDestination::App(app) => format!("the Slack channel {}", app.channel),
        }
    }

    /// Checks the token of an app. A webhook can only be checked with a message.
    pub(super) async fn probe(&mut self, now: Timestamp) -> Result<bool, ChannelError> {
        match self.destination.clone() {
            SlackDestination::App(app) if app.bot_token.known().is_some() => {
                self.call(&app, "auth.test", String::new(), now).await.map(|_| true)
            }
            _ => Ok(false),
        }
    }

    pub(super) async fn send(
        &mut self,
        notification: &Notification<'_>,
        now: Timestamp,
    ) -> Result<Receipt, ChannelError> {
        let mut message = message::message(notification);
        match self.destination.clone() {
            SlackDestination::Webhook(secret) => {
                let url = secret_address(&secret, "webhook_url")?;
                let request = JsonRequest { url, headers: HeaderMap::new(), body: message.to_string() };
                self.http.post(&request, now).await?;
                Ok(Receipt::default())
            }
            SlackDestination::App(app) => {
                message["channel"] = json!(app.channel);
                let thread = notification.thread();
                if let Some(thread) = thread {
                    message["thread_ts"] = json!(thread);
                }
                let answer = self.call(&app, "chat.postMessage", message.to_string(), now).await?;
                Ok(Receipt { thread: answer.ts.filter(|_| thread.is_none()) })
            }
        }
    }

    /// Calls a method of the Web API. An answer without `"ok": true` is an error, although its status is 200.
    async fn call(
        &mut self,
        app: &SlackApp,
        method: &str,
        body: String,
        now: Timestamp,
    ) -> Result<Answer, ChannelError> {
        let mut url = app.endpoint.clone();
        url.set_path(&format!("{}/api/{method}", url.path().trim_end_matches('/')));
        let headers = bearer(&app.bot_token, "bot_token")?;
        let text = self.http.post(&JsonRequest { url, headers, body }, now).await?;
        let answer: Answer = serde_json::from_str(&text).map_err(|_| PostError::unexpected(&text))?;
        if answer.ok {
            return Ok(answer);
        }
        let code = answer.error.unwrap_or_else(|| "an error without a code".to_owned());
        Err(ChannelError::Answer(format!("Slack answers {}", code.escape_debug())))
    }
}
