//! KakaoWork: an endpoint that accepts messages like the Web API.

use serde_json::{Value, json};

use super::endpoint::{Answer, Endpoint, Request};
use crate::backends::bills;
use costwarden_tests::write_private;

/// Accepts a message with the app key, a room and a text, as `messages.send` does. The second request is refused.
fn web_api(number: usize, request: &Request) -> Answer {
    let message = request.json();
    let is_text = message["text"].as_str().is_some_and(|text| !text.is_empty());
    let is_accepted = request.path == "/v1/messages.send"
        && request.header("authorization") == "Bearer secret-key"
        && message["conversation_id"] == "123456"
        && is_text
        && number != 1;
    let body = if is_accepted {
        json!({ "success": true, "message": { "id": "1", "conversation_id": "123456" } })
    } else {
        json!({ "success": false, "error": { "code": "invalid_authentication", "message": "no key" } })
    };
    Answer { body: body.to_string(), ..Answer::default() }
}

#[test]
fn a_refused_message_comes_with_the_next_run() {
    let endpoint = Endpoint::start(web_api);
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("key"), "secret-key");
    let receiver = format!(
        "[[receiver]]\nkind = \"kakaowork\"\napp_key = \"file:key\"\nconversation_id = \"123456\"\nendpoint = {:?}\n",
        endpoint.url
    );
    bills::configure(&workdir, "language = \"ko\"", &receiver);
    bills::load(&workdir).expect(0);
    bills::daily(&workdir, 0, "1500").expect(0);
    let refused = bills::daily(&workdir, 1, "1000").expect(1).report();
    insta::assert_snapshot!(refused["problems"][0].as_str().expect("a problem"), @"receiver kakaowork: cannot write to the KakaoWork chat room 123456: KakaoWork answers invalid_authentication: no key; the next run sends the notification again");
    bills::daily(&workdir, 1, "1000").expect(0);
    let first_line = |request: &Request| {
        let message: Value = request.json();
        message["text"].as_str().and_then(|text| text.lines().next()).map(str::to_owned)
    };
    let lines: Vec<String> = endpoint.requests().iter().filter_map(first_line).collect();
    assert_eq!(
        lines,
        [
            "🟠 우리회사 / 쇼핑몰 · Virtual Machine: 평소보다 약 50% 더 나왔습니다",
            "✅ 우리회사 / 쇼핑몰 · Virtual Machine: 평소 수준으로 돌아왔습니다",
            "✅ 우리회사 / 쇼핑몰 · Virtual Machine: 평소 수준으로 돌아왔습니다"
        ]
    );
}
