//! KakaoWork: a message of a bot to a chat room, by the Web API (`messages.send`).
//!
//! <https://docs.kakaoi.ai/kakao_work/webapireference/messages/>

use config_file::secret::{self, Secret, SecretResolver};
use config_file::toml::Section;
use jiff::Timestamp;
use reqwest::Url;
use serde::Deserialize;
use serde_json::json;

use super::authorization::bearer;
use super::post::{DEFAULT_SECONDS, HttpClient, HttpOptions, JsonRequest, PostError, read_endpoint};
use super::{ChannelError, Receipt};
use crate::chat_text::ChatText;
use crate::notification::Notification;

/// A chat room of KakaoWork.
#[derive(Debug, Clone)]
pub struct KakaoWorkOptions {
    /// The Web API.
    pub endpoint: Url,
    pub app_key: Secret,
    /// The id of the chat room.
    pub conversation: String,
    pub http: HttpOptions,
}

#[derive(Debug)]
pub(super) struct KakaoWork {
    options: KakaoWorkOptions,
    http: HttpClient,
}

/// An answer of the Web API.
#[derive(Deserialize)]
struct Answer {
    success: bool,
    error: Option<AnswerError>,
}

#[derive(Deserialize)]
struct AnswerError {
    code: String,
    message: Option<String>,
}

/// Reads the keys of a receiver of this kind.
pub(super) fn read(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<KakaoWorkOptions> {
    section.need("app_key", "a reference such as \"env:KAKAOWORK_APP_KEY\"");
    section.need("conversation_id", "the id of a chat room, like \"123456\"");
    let app_key = secret::read(section.key("app_key", "A reference to the app key of a bot."), references);
    let conversation = section
        .key("conversation_id", "The id of the chat room, from conversations.open or conversations.list.")
        .pattern("^[0-9]+$")
        .parse("the id of a chat room, like \"123456\"", |text| {
            (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
        });
    let endpoint = read_endpoint(section, "https://api.kakaowork.com");
    let http = HttpOptions::read(section, DEFAULT_SECONDS);
    Some(KakaoWorkOptions { endpoint: endpoint?, app_key: app_key?, conversation: conversation?, http: http? })
}

impl KakaoWork {
    pub(super) fn new(options: &KakaoWorkOptions) -> Self {
        Self { options: options.clone(), http: HttpClient::new(&options.http) }
    }

    pub(super) fn target(&self) -> String {
        format!("the KakaoWork chat room {}", self.options.conversation)
    }

    /// Sends a message. An answer without `"success": true` is an error, although its status may be 200.
    pub(super) async fn send(
        &mut self,
        notification: &Notification<'_>,
        now: Timestamp,
    ) -> Result<Receipt, ChannelError> {
        let KakaoWorkOptions { endpoint, app_key, conversation, .. } = &self.options;
        let mut url = endpoint.clone();
        url.set_path(&format!("{}/v1/messages.send", url.path().trim_end_matches('/')));
        let body = json!({ "conversation_id": conversation, "text": text(&ChatText::of(notification)) }).to_string();
        let request = JsonRequest { url, headers: bearer(app_key, "app_key")?, body };
        let answer = self.http.post(&request, now).await?;
        let Answer { success, error } = serde_json::from_str(&answer).map_err(|_| PostError::unexpected(&answer))?;
        if success {
            return Ok(Receipt::default());
        }
        let cause = error.map_or_else(
            || "an error without a code".to_owned(),
            |AnswerError { code, message }| format!("{code}: {}", message.unwrap_or_default()),
        );
        Err(ChannelError::Answer(format!("KakaoWork answers {}", cause.escape_debug())))
    }
}

/// Returns the text of a message.
fn text(text: &ChatText) -> String {
    let mut lines = vec![format!("{} {}", text.symbol, text.title)];
    lines.extend(text.plain_lines());
    lines.extend((!text.footer.is_empty()).then(|| text.footer.clone()));
    lines.join("\n")
}
