//! The message of a notification in blocks, with a plain text for lists of notifications.

use serde_json::{Value, json};

use crate::chat_text::{ChatText, Link};
use crate::notification::Notification;

/// Limit of the characters of a text in a block is 3000. An escaped character has at most 5.
const SECTION_CHARACTERS: usize = 2_900;

/// Returns the message without a channel and a thread.
pub(super) fn message(notification: &Notification<'_>) -> Value {
    let text = ChatText::of(notification);
    let title = escape(&text.title);
    let mut lines = vec![format!("{} *{title}*", text.symbol)];
    if !text.figures.is_empty() {
        lines.push(escape(&text.figures));
    }
    if let Some(chart) = &text.chart {
        lines.push(format!("`{}` {}", chart.line(), escape(&chart.label)));
    }
    lines.extend(text.lines.iter().map(|line| escape(line)));
    let mut blocks = vec![json!({ "type": "section", "text": markup(&lines.join("\n")) })];
    if !text.buttons.is_empty() {
        let buttons = text.buttons.iter().enumerate().map(|(index, link)| button(index, link));
        blocks.push(json!({ "type": "actions", "elements": buttons.collect::<Vec<_>>() }));
    }
    if !text.footer.is_empty() {
        blocks.push(json!({ "type": "context", "elements": [markup(&escape(&text.footer))] }));
    }
    json!({
        "text": shortened(&format!("{} {title}", text.symbol)),
        "blocks": blocks,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

/// Returns a button that opens a page. Each button of a message needs another `action_id`.
fn button(index: usize, link: &Link) -> Value {
    json!({
        "type": "button",
        "action_id": format!("open-{index}"),
        "url": link.url,
        "text": { "type": "plain_text", "text": link.label, "emoji": false },
    })
}

/// Returns a text object. `verbatim` keeps Slack from making links and mentions.
fn markup(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": shortened(text), "verbatim": true })
}

/// Escapes the characters of links, and separates the names of mentions to all people from their sign.
fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('@') {
        let (before, after) = rest.split_at(at + 1);
        escaped.push_str(before);
        if is_mention_of_all(after) {
            // A word joiner has no width.
            escaped.push('\u{2060}');
        }
        rest = after;
    }
    escaped + rest
}

fn is_mention_of_all(text: &str) -> bool {
    let begins_with = |word: &str| text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    ["channel", "here", "everyone"].iter().any(|word| begins_with(word))
}

/// Shortens a text to the limit. An escaped character is not cut.
fn shortened(text: &str) -> String {
    if text.chars().count() <= SECTION_CHARACTERS {
        return text.to_owned();
    }
    let mut beginning: String = text.chars().take(SECTION_CHARACTERS - 1).collect();
    if let Some(open) = beginning.rfind('&').filter(|open| !beginning[*open..].contains(';')) {
        beginning.truncate(open);
    }
    beginning + "…"
}

#[cfg(test)]
mod tests {
    use model::incident::NotificationKind;
    use model::language::Language;

    use super::*;
    use crate::notification::IncidentContent;
    use crate::notification::fixtures::{content, lasting_incident};
    use crate::text::Locale;

    #[test]
    fn a_name_mentions_nobody_and_links_nothing() {
        assert_eq!(escape("<!channel> & <https://x|y>"), "&lt;!channel&gt; &amp; &lt;https://x|y&gt;");
        assert_eq!(
            escape("@channel @Here a@everyone @team"),
            "@\u{2060}channel @\u{2060}Here a@\u{2060}everyone @team"
        );
    }

    #[test]
    fn the_buttons_open_the_page_of_the_incident() {
        let incident = lasting_incident();
        let content = IncidentContent {
            link: Some("https://c.example/incidents/1"),
            ..content(&incident, NotificationKind::Opened)
        };
        let locale = Locale { language: Language::English, currency: "KRW" };
        let message = message(&Notification::of_incident(content, locale));
        let button = |button: &Value| {
            assert_eq!((&button["type"], &button["text"]["type"]), (&json!("button"), &json!("plain_text")));
            format!("{} {} {}", button["action_id"], button["text"]["text"], button["url"])
        };
        let buttons = message["blocks"][1]["elements"].as_array().expect("buttons").iter().map(button);
        insta::assert_snapshot!(buttons.collect::<Vec<_>>().join("\n"), @r#"
        "open-0" "Show the incident" "https://c.example/incidents/1"
        "open-1" "Accept as the usual cost" "https://c.example/incidents/1?action=accept"
        "open-2" "Dismiss as a false alarm" "https://c.example/incidents/1?action=dismiss"
        "#);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = shortened(&escape(&"&".repeat(1_000)));
        assert!(text.chars().count() <= SECTION_CHARACTERS && text.ends_with("&amp;…"), "{text}");
        assert_eq!(shortened("short"), "short");
    }
}
