//! Microsoft Teams: an Adaptive Card to the webhook of a workflow (trigger "When a Teams webhook request is received").

use config_file::secret::{self, Secret, SecretResolver};
use config_file::toml::Section;
use jiff::Timestamp;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::post::{DEFAULT_SECONDS, HttpClient, HttpOptions, JsonRequest, checked_address, secret_address};
use super::{ChannelError, Receipt};
use crate::chat_text::{ChatText, Link};
use crate::notification::Notification;

/// A channel or chat of Teams.
#[derive(Debug, Clone)]
pub struct TeamsOptions {
    pub webhook_url: Secret,
    pub http: HttpOptions,
}

#[derive(Debug)]
pub(super) struct Teams {
    webhook_url: Secret,
    http: HttpClient,
}

/// Reads the keys of a receiver of this kind.
pub(super) fn read(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<TeamsOptions> {
    section.need("webhook_url", "a reference such as \"env:TEAMS_WEBHOOK\"");
    let webhook_url = secret::read(
        section.key("webhook_url", "A reference to the address of a workflow of Microsoft Teams."),
        references,
    );
    let webhook_url = webhook_url.and_then(|address| checked_address(section, "webhook_url", address));
    let http = HttpOptions::read(section, DEFAULT_SECONDS);
    Some(TeamsOptions { webhook_url: webhook_url?, http: http? })
}

impl Teams {
    pub(super) fn new(options: &TeamsOptions) -> Self {
        Self { webhook_url: options.webhook_url.clone(), http: HttpClient::new(&options.http) }
    }

    pub(super) fn target(&self) -> String {
        "the workflow of Teams".to_owned()
    }

    pub(super) async fn send(
        &mut self,
        notification: &Notification<'_>,
        now: Timestamp,
    ) -> Result<Receipt, ChannelError> {
        let url = secret_address(&self.webhook_url, "webhook_url")?;
        let body = message(&ChatText::of(notification)).to_string();
        self.http.post(&JsonRequest { url, headers: HeaderMap::new(), body }, now).await?;
        Ok(Receipt::default())
    }
}

/// Returns the message with one card.
fn message(text: &ChatText) -> Value {
    let mut blocks =
        vec![block(&format!("{} {}", text.symbol, text.title), &json!({ "weight": "bolder", "size": "medium" }))];
    if !text.figures.is_empty() {
        blocks.push(block(&text.figures, &json!({})));
    }
    if let Some(chart) = &text.chart {
        blocks.push(block(&chart.line(), &json!({ "fontType": "monospace", "spacing": "small" })));
        blocks.push(block(&chart.label, &json!({ "size": "small", "isSubtle": true, "spacing": "none" })));
    }
    blocks.extend(text.lines.iter().map(|line| block(line, &json!({}))));
    if !text.footer.is_empty() {
        blocks.push(block(&text.footer, &json!({ "size": "small", "isSubtle": true })));
    }
    let open = |link: &Link| json!({ "type": "Action.OpenUrl", "title": link.label, "url": link.url });
    let actions: Vec<Value> = text.buttons.iter().map(open).collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "msteams": { "width": "Full" },
                "body": blocks,
                "actions": actions,
            },
        }],
    })
}

/// Returns a text block with the properties of `style`.
fn block(text: &str, style: &Value) -> Value {
    let mut block = style.clone();
    block["type"] = json!("TextBlock");
    block["text"] = json!(escape(text));
    block["wrap"] = json!(true);
    block
}

/// Escapes the Markdown of a text block: emphasis, lists, links, code, and the mentions `<at>`.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '(' | ')' | '#' | '~' => escaped.extend(['\\', character]),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use model::incident::NotificationKind;
    use model::language::Language;

    use super::*;
    use crate::notification::IncidentContent;
    use crate::notification::fixtures::{content, lasting_incident, recent_days};
    use crate::text::Locale;

    #[test]
    fn a_card_has_the_parts_of_the_text() {
        let incident = lasting_incident();
        let days = recent_days();
        let link = Some("https://c.example/incidents/1");
        let content = IncidentContent { recent_days: &days, link, ..content(&incident, NotificationKind::Opened) };
        let locale = Locale { language: Language::Korean, currency: "KRW" };
        let card = message(&ChatText::of(&Notification::of_incident(content, locale)));
        let open = |title: &str, query: &str| {
            let url = format!("https://c.example/incidents/1{query}");
            json!({ "type": "Action.OpenUrl", "title": title, "url": url })
        };
        let [accept, dismiss] = [open("새 기준으로", "?action=accept"), open("오탐", "?action=dismiss")];
        assert_eq!(card["attachments"][0]["content"]["actions"], json!([open("이상 보기", ""), accept, dismiss]));
        insta::assert_snapshot!(serde_json::to_string_pretty(&card["attachments"][0]["content"]["body"]).expect("JSON"), @r#"
        [
          {
            "weight": "bolder",
            "size": "medium",
            "type": "TextBlock",
            "text": "🟠 example-corp / 결제 · MySQL: 평소보다 약 94% 더 나왔습니다",
            "wrap": true
          },
          {
            "type": "TextBlock",
            "text": "11월 13일\\(금\\) 498,473원 · 평소 256,916원 · +241,557원",
            "wrap": true
          },
          {
            "fontType": "monospace",
            "spacing": "small",
            "type": "TextBlock",
            "text": "▅▅▅▅▄▅▅▅▅▅▅▄▅▅██",
            "wrap": true
          },
          {
            "size": "small",
            "isSubtle": true,
            "spacing": "none",
            "type": "TextBlock",
            "text": "10/29–11/13 하루 비용",
            "wrap": true
          },
          {
            "type": "TextBlock",
            "text": "11월 12일\\(목\\)부터 11월 13일\\(금\\)까지 평소보다 452,429원 더 나왔습니다.",
            "wrap": true
          },
          {
            "type": "TextBlock",
            "text": "이대로면 11월 말까지 평소보다 약 4,298,076원 더 나옵니다.",
            "wrap": true
          },
          {
            "type": "TextBlock",
            "text": "이유: 평소 하루 215,000\\~298,000원입니다",
            "wrap": true
          },
          {
            "size": "small",
            "isSubtle": true,
            "type": "TextBlock",
            "text": "심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b",
            "wrap": true
          }
        ]
        "#);
    }

    #[test]
    fn a_name_makes_no_link_and_no_mention() {
        assert_eq!(
            escape("[x](https://y) <at>all</at> a_b*c"),
            "\\[x\\]\\(https://y\\) &lt;at&gt;all&lt;/at&gt; a\\_b\\*c"
        );
    }
}
