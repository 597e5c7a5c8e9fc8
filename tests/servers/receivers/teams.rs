//! Teams: an endpoint that accepts Adaptive Cards like a workflow.

use serde_json::Value;

use super::endpoint::{Answer, Endpoint, Request};
use crate::backends::bills;
use costwarden_tests::write_private;

/// Accepts a message with one card of text blocks, as the trigger of a workflow does.
fn workflow(_: usize, request: &Request) -> Answer {
    let message = request.json();
    let attachments = message["attachments"].as_array().cloned().unwrap_or_default();
    let is_block =
        |block: &Value| block["type"] == "TextBlock" && block["text"].as_str().is_some_and(|text| !text.is_empty());
    let is_card = |attachment: &Value| {
        let card = &attachment["content"];
        attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
            && card["type"] == "AdaptiveCard"
            && card["body"].as_array().is_some_and(|blocks| blocks.iter().all(is_block))
    };
    let is_accepted = message["type"] == "message" && attachments.len() == 1 && attachments.iter().all(is_card);
    Answer { status: if is_accepted { 202 } else { 400 }, ..Answer::default() }
}

#[test]
fn a_card_comes_for_the_opening_and_the_end() {
    let endpoint = Endpoint::start(workflow);
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("address"), &format!("{}/workflows/1?sig=secret", endpoint.url));
    bills::configure(&workdir, "language = \"ko\"", "[[receiver]]\nkind = \"teams\"\nwebhook_url = \"file:address\"\n");
    bills::load(&workdir).expect(0);
    for (index, amount) in [(0, "1500"), (1, "1000"), (1, "1000")] {
        bills::daily(&workdir, index, amount).expect(0);
    }
    let title =
        |request: &Request| request.json()["attachments"][0]["content"]["body"][0]["text"].as_str().map(str::to_owned);
    let titles: Vec<String> = endpoint.requests().iter().filter_map(title).collect();
    assert_eq!(
        titles,
        [
            "🟠 우리회사 / 쇼핑몰 · Virtual Machine: 평소보다 약 50% 더 나왔습니다",
            "✅ 우리회사 / 쇼핑몰 · Virtual Machine: 평소 수준으로 돌아왔습니다"
        ]
    );
}
