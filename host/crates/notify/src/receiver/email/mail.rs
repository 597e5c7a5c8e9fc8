//! The mail of a notification.

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::Message;
use lettre::message::MultiPart;
use lettre::message::header::{HeaderName, HeaderValue};

use super::{EmailOptions, chart, failed};
use crate::chat_text::{ChatText, Link};
use crate::notification::Notification;
use crate::receiver::ChannelError;

/// Returns the mail. The id of the mail follows from the id of the notification, so that a repeated mail is recognizable,
/// and the later mails about an incident refer to the first mail.
pub(super) fn mail(
    notification: &Notification<'_>,
    options: &EmailOptions,
    receiver: &str,
    now: Timestamp,
) -> Result<Message, ChannelError> {
    let text = ChatText::of(notification);
    let mut builder = Message::builder()
        .from(options.from.clone())
        .subject(format!("{} {}", text.symbol, text.title))
        .date(SystemTime::from(now))
        .message_id(Some(own_id(notification, options, receiver)));
    for recipient in &options.to {
        builder = builder.to(recipient.clone());
    }
    if let Some(thread) = notification.thread() {
        builder = builder.in_reply_to(thread.to_owned()).references(thread.to_owned());
    }
    let body = MultiPart::alternative_plain_html(plain(&text), html(&text));
    let mut mail = builder.multipart(body).map_err(|error| failed(&error))?;
    // Keeps programs for absences from answering (RFC 3834).
    let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
    mail.headers_mut().insert_raw(HeaderValue::new(automatic, "auto-generated".to_owned()));
    Ok(mail)
}

/// Returns the message id of a notification.
pub(super) fn own_id(notification: &Notification<'_>, options: &EmailOptions, receiver: &str) -> String {
    message_id(&notification.id, receiver, options.from.email.domain())
}

/// Returns a message id of RFC 5322 of allowed characters.
fn message_id(id: &str, receiver: &str, domain: &str) -> String {
    let id: String = id.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    format!("<{id}.{receiver}@{domain}>")
}

fn plain(text: &ChatText) -> String {
    let mut lines = vec![format!("{} {}", text.symbol, text.title), String::new()];
    lines.extend(text.plain_lines());
    lines.extend((!text.footer.is_empty()).then(|| format!("\n{}", text.footer)));
    lines.join("\n") + "\n"
}

fn html(text: &ChatText) -> String {
    let mut parts = vec![format!("<h2 style=\"font-size:1.2em\">{} {}</h2>", text.symbol, escape(&text.title))];
    if !text.figures.is_empty() {
        parts.push(format!("<p><strong>{}</strong></p>", escape(&text.figures)));
    }
    if let Some(chart) = &text.chart {
        parts.push(chart::html(chart));
    }
    parts.extend(text.lines.iter().map(|line| format!("<p>{}</p>", escape(line))));
    if !text.buttons.is_empty() {
        parts.push(format!("<p>{}</p>", text.buttons.iter().map(button).collect::<Vec<_>>().join(" ")));
    }
    if !text.footer.is_empty() {
        parts.push(format!("<p style=\"color:#595959\"><small>{}</small></p>", escape(&text.footer)));
    }
    format!("<!DOCTYPE html>\n<html><body>\n{}\n</body></html>\n", parts.join("\n"))
}

/// Returns a link in the form of a button. Programs that remove the style show a link.
fn button(link: &Link) -> String {
    const STYLE: &str = "display:inline-block;margin:4px 8px 4px 0;padding:8px 14px;border:1px solid #0b57d0;\
                         border-radius:4px;color:#0b57d0;text-decoration:none";
    format!("<a href=\"{}\" style=\"{STYLE}\">{}</a>", escape(&link.url), escape(link.label))
}

pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
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
    fn both_parts_have_the_same_text_and_html_is_escaped() {
        let mut incident = lasting_incident();
        incident.names.service = "<script>&\"x\"".into();
        let days = recent_days();
        let link = Some("https://c.example/incidents/1");
        let content = IncidentContent { recent_days: &days, link, ..content(&incident, NotificationKind::Opened) };
        let locale = Locale { language: Language::Korean, currency: "KRW" };
        let text = ChatText::of(&Notification::of_incident(content, locale));
        insta::assert_snapshot!(format!("{}\n{}", plain(&text), html(&text)), @r##"
        🟠 example-corp / 결제 · <script>&"x": 평소보다 약 94% 더 나왔습니다

        11월 13일(금) 498,473원 · 평소 256,916원 · +241,557원
        ▅▅▅▅▄▅▅▅▅▅▅▄▅▅██ 10/29–11/13 하루 비용
        11월 12일(목)부터 11월 13일(금)까지 평소보다 452,429원 더 나왔습니다.
        이대로면 11월 말까지 평소보다 약 4,298,076원 더 나옵니다.
        이유: 평소 하루 215,000~298,000원입니다
        이상 보기, 결정 남기기: https://c.example/incidents/1

        심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b

        <!DOCTYPE html>
        <html><body>
        <h2 style="font-size:1.2em">🟠 example-corp / 결제 · &lt;script&gt;&amp;&quot;x&quot;: 평소보다 약 94% 더 나왔습니다</h2>
        <p><strong>11월 13일(금) 498,473원 · 평소 256,916원 · +241,557원</strong></p>
        <table role="img" aria-label="10/29–11/13 하루 비용" cellspacing="1" cellpadding="0"><tr valign="bottom"><td><table width="8" height="31" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="32" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="32" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="31" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="30" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="31" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="32" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="31" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="32" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="32" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="31" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="30" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="31" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="32" bgcolor="#6b7f99" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="57" bgcolor="#c2410c" cellspacing="0"><tr><td></td></tr></table></td><td><table width="8" height="60" bgcolor="#c2410c" cellspacing="0"><tr><td></td></tr></table></td></tr></table>
        <p><small>10/29–11/13 하루 비용</small></p>
        <p>11월 12일(목)부터 11월 13일(금)까지 평소보다 452,429원 더 나왔습니다.</p>
        <p>이대로면 11월 말까지 평소보다 약 4,298,076원 더 나옵니다.</p>
        <p>이유: 평소 하루 215,000~298,000원입니다</p>
        <p><a href="https://c.example/incidents/1" style="display:inline-block;margin:4px 8px 4px 0;padding:8px 14px;border:1px solid #0b57d0;border-radius:4px;color:#0b57d0;text-decoration:none">이상 보기</a> <a href="https://c.example/incidents/1?action=accept" style="display:inline-block;margin:4px 8px 4px 0;padding:8px 14px;border:1px solid #0b57d0;border-radius:4px;color:#0b57d0;text-decoration:none">새 기준으로</a> <a href="https://c.example/incidents/1?action=dismiss" style="display:inline-block;margin:4px 8px 4px 0;padding:8px 14px;border:1px solid #0b57d0;border-radius:4px;color:#0b57d0;text-decoration:none">오탐</a></p>
        <p style="color:#595959"><small>심각도 주의 · 규칙 new-cost, service-daily · ID 20261112-ff2b</small></p>
        </body></html>
        "##);
    }

    #[test]
    fn a_message_id_has_allowed_characters_only() {
        let id = message_id("failing:daily-17 <x>", "mail", "example.com");
        assert_eq!(id, "<failing-daily-17--x-.mail@example.com>");
    }
}
