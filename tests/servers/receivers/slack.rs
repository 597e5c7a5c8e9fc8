//! Slack: an endpoint that checks messages as the Web API documents them, with threads and limits of the rate.

use serde_json::{Value, json};

use super::endpoint::{Answer, Endpoint, Request};
use crate::backends::bills;
use costwarden_tests::replay::{self, Row};
use costwarden_tests::{Run, Workdir, free_port, write_private};

pub(super) const TOKEN: &str = "xoxb-token-of-the-suite";
pub(super) const CHANNEL: &str = "C0123456789";

fn ok(body: &Value) -> Answer {
    Answer { body: body.to_string(), ..Answer::default() }
}

fn limited(seconds: u32) -> Answer {
    let headers = vec![("retry-after", seconds.to_string())];
    Answer {
        status: 429,
        headers,
        body: json!({ "ok": false, "error": "ratelimited" }).to_string(),
        ..Answer::default()
    }
}

/// Answers a request as `chat.postMessage` does. Message number N has the id `1766000000.00000N`.
pub(super) fn web_api(number: usize, request: &Request) -> Answer {
    let error = |code: &str| ok(&json!({ "ok": false, "error": code }));
    if request.header("authorization") != format!("Bearer {TOKEN}") {
        return error("invalid_auth");
    }
    if request.path == "/api/auth.test" {
        return ok(&json!({ "ok": true }));
    }
    let message = request.json();
    if request.path != "/api/chat.postMessage" || message["channel"] != CHANNEL {
        return error("channel_not_found");
    }
    if !blocks_are_valid(&message) {
        return error("invalid_blocks");
    }
    ok(&json!({ "ok": true, "channel": "C0123456789", "ts": id(number) }))
}

fn id(number: usize) -> String {
    format!("1766000000.{number:06}")
}

/// Checks the limits and the escapes of a message: at most 50 blocks and 3000 characters of a text, no raw `<` or `>`,
/// `&` only as an escape; at most 25 buttons with 75 characters and different actions.
fn blocks_are_valid(message: &Value) -> bool {
    let is_escaped = |text: &str| {
        let is_escape = |rest: &str| ["&amp;", "&lt;", "&gt;"].iter().any(|escape| rest.starts_with(escape));
        !text.contains(['<', '>']) && text.match_indices('&').all(|(at, _)| is_escape(&text[at..]))
    };
    let is_text = |text: &Value| {
        let content = text["text"].as_str().unwrap_or_default();
        text["type"] == "mrkdwn" && (1..=3000).contains(&content.chars().count()) && is_escaped(content)
    };
    let is_block = |block: &Value| match block["type"].as_str() {
        Some("section") => is_text(&block["text"]),
        Some("context") => {
            block["elements"].as_array().is_some_and(|texts| texts.len() <= 10 && texts.iter().all(is_text))
        }
        Some("actions") => block["elements"].as_array().is_some_and(|buttons| are_buttons(buttons)),
        _ => false,
    };
    let blocks = message["blocks"].as_array();
    blocks.is_some_and(|blocks| (1..=50).contains(&blocks.len()) && blocks.iter().all(is_block))
        && message["text"].as_str().is_some_and(|text| !text.is_empty() && is_escaped(text))
}

/// Checks the buttons of a block.
fn are_buttons(buttons: &[Value]) -> bool {
    let is_short = |text: &Value, limit| text.as_str().is_some_and(|text| (1..=limit).contains(&text.chars().count()));
    let is_button = |button: &Value| {
        let is_link = button["url"].as_str().is_some_and(|url| url.starts_with("https://"));
        let label = &button["text"];
        let has_label = label["type"] == "plain_text" && is_short(&label["text"], 75);
        button["type"] == "button" && has_label && is_link && is_short(&button["url"], 3_000)
    };
    let actions: std::collections::BTreeSet<&str> = buttons
        .iter()
        .filter(|button| is_short(&button["action_id"], 255))
        .filter_map(|it| it["action_id"].as_str())
        .collect();
    (1..=25).contains(&buttons.len()) && actions.len() == buttons.len() && buttons.iter().all(is_button)
}

/// A working directory with an app of Slack as the only receiver, and four quiet weeks.
fn workdir(endpoint: &str, keys: &str) -> Workdir {
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("token"), TOKEN);
    let receiver = format!(
        "[[receiver]]\nkind = \"slack\"\nname = \"team\"\nendpoint = {endpoint:?}\nbot_token = \"file:token\"\n\
         channel = \"C0123456789\"\n{keys}"
    );
    bills::configure(&workdir, "language = \"ko\"", &receiver);
    bills::load(&workdir).expect(0);
    workdir
}

fn count(run: &Run, count: &str) -> u64 {
    run.report()["counts"][count].as_u64().unwrap_or(0)
}

/// The text of the blocks of a message.
pub(super) fn text(message: &Value) -> String {
    let text = |block: &Value| {
        let elements = block["elements"].as_array().into_iter().flatten();
        let texts = elements.chain(block.get("text")).filter_map(|text| text["text"].as_str());
        texts.collect::<Vec<_>>().join("\n")
    };
    message["blocks"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>().join("\n")
}

/// Replaces the id of the incident.
fn without_id(text: &str) -> String {
    let (before, _) = text.split_once("ID ").expect("an id");
    format!("{before}ID ...")
}

#[test]
fn growth_and_the_end_follow_in_the_thread_of_the_opening() {
    let endpoint = Endpoint::start(web_api);
    let workdir = workdir(&endpoint.url, "");
    for (index, amount) in [(0, "1500"), (1, "2200"), (2, "1000")] {
        assert_eq!(count(&bills::daily(&workdir, index, amount).expect(0), "notifications"), 1, "{index}");
    }
    assert_eq!(count(&bills::daily(&workdir, 2, "1000").expect(0), "notifications"), 0);
    let messages: Vec<Value> = endpoint.requests().iter().map(Request::json).collect();
    let threads: Vec<Value> = messages.iter().map(|message| message["thread_ts"].clone()).collect();
    assert_eq!(threads, [Value::Null, json!(id(0)), json!(id(0))]);
    let texts: Vec<String> = messages.iter().map(|message| without_id(&text(message))).collect();
    insta::assert_snapshot!(texts.join("\n\n"), @"
    🟠 *우리회사 / 쇼핑몰 · Virtual Machine: 평소보다 약 50% 더 나왔습니다*
    10월 19일(월) 1,500원 · 평소 1,000원 · +500원
    `▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆█` 9/22–10/19 하루 비용
    이유: 1,500원: 평균 1,000원의 1.5배이고 표준편차의 49.1배만큼 높습니다
    원인(10월 12일(월) 대비): Virtual Machine 1,010원 → 1,500원, +490원(전체 차이의 100%)
    심각도 주의 · 규칙 tutorial · ID ...

    🟠 *우리회사 / 쇼핑몰 · Virtual Machine: 지난 알림 뒤 하루 차이가 500원에서 1,200원으로 커졌습니다*
    10월 20일(화) 2,200원 · 평소 1,000원 · +1,200원
    `▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▆█` 9/23–10/20 하루 비용
    10월 19일(월)부터 10월 20일(화)까지 평소보다 1,700원 더 나왔습니다.
    이대로면 10월 말까지 평소보다 약 11,050원 더 나옵니다.
    이유: 2,200원: 평균 1,000원의 2.2배이고 표준편차의 117.8배만큼 높습니다
    원인(10월 12일(월)~10월 13일(화) 대비): Virtual Machine 2,000원 → 3,700원, +1,700원(전체 차이의 100%)
    심각도 주의 · 규칙 tutorial · ID ...

    ✅ *우리회사 / 쇼핑몰 · Virtual Machine: 평소 수준으로 돌아왔습니다*
    10월 21일(수) 하루 1,000원
    `▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▆█▄` 9/24–10/21 하루 비용
    10월 19일(월)부터 10월 20일(화)까지 평소보다 1,700원 더 나왔습니다.
    원인(10월 12일(월)~10월 13일(화) 대비): Virtual Machine 2,000원 → 3,700원, +1,700원(전체 차이의 100%)
    심각도 주의 · 규칙 tutorial · ID ...
    ");
}

#[test]
fn the_buttons_open_the_pages_of_the_report_server() {
    let endpoint = Endpoint::start(web_api);
    let workdir = workdir(&endpoint.url, "daily_total = true\n");
    bills::configure(&workdir, "report_url = \"https://costs.example.com/team\"", "");
    for (index, amount) in [(0, "1500"), (1, "1000")] {
        assert_eq!(count(&bills::daily(&workdir, index, amount).expect(0), "notifications"), 2, "{index}");
    }
    let listed = workdir.run(&["incidents", "list", "--json"]).expect(0).report();
    let id = listed["incident"].as_str().expect("an id");
    let buttons = |request: &Request| {
        let message = request.json();
        let blocks = message["blocks"].as_array().expect("blocks").clone();
        let block = blocks.into_iter().find(|block| block["type"] == "actions").expect("buttons");
        let link = |button: &Value| {
            format!("{}: {}", button["text"]["text"], button["url"]).replace(id, "ID").replace('"', "")
        };
        block["elements"].as_array().expect("buttons").iter().map(link).collect::<Vec<_>>().join(", ")
    };
    let buttons: Vec<String> = endpoint.requests().iter().map(buttons).collect();
    insta::assert_snapshot!(buttons.join("\n"), @"
    이상 보기: https://costs.example.com/team/incidents/ID, 새 기준으로: https://costs.example.com/team/incidents/ID?action=accept, 오탐: https://costs.example.com/team/incidents/ID?action=dismiss
    비용 보고서 보기: https://costs.example.com/team/
    이상 보기: https://costs.example.com/team/incidents/ID
    비용 보고서 보기: https://costs.example.com/team/
    ");
}

#[test]
fn a_pause_that_slack_asks_for_is_made_and_the_message_comes_once() {
    let endpoint = Endpoint::start(|number, request| if number == 0 { limited(1) } else { web_api(number, request) });
    let workdir = workdir(&endpoint.url, "");
    let run = bills::daily(&workdir, 0, "1500").expect(0);
    assert_eq!((count(&run, "notifications"), endpoint.requests().len()), (1, 2));
    assert_eq!(endpoint.requests()[0].body, endpoint.requests()[1].body);
    bills::daily(&workdir, 0, "1500").expect(0);
    assert_eq!(endpoint.requests().len(), 2);
}

#[test]
fn a_long_pause_is_left_to_the_next_run() {
    let endpoint =
        Endpoint::start(|number, request| if number == 0 { limited(3_600) } else { web_api(number, request) });
    let workdir = workdir(&endpoint.url, "");
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    assert_eq!((count(&run, "undelivered"), endpoint.requests().len()), (1, 1));
    assert_eq!(
        run.report()["problems"][0],
        "receiver team: cannot write to the Slack channel C0123456789: the answer is 429 and asks for a pause of 3600 s; \
         the next run sends the notification again"
    );
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 1);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 0);
    assert_eq!(endpoint.requests().len(), 2);
}

#[test]
fn a_refusal_names_the_code_of_slack_and_not_the_token() {
    let endpoint = Endpoint::start(web_api);
    let workdir = workdir(&endpoint.url, "");
    write_private(&workdir.path().join("token"), "xoxb-wrong");
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    let problem = run.report()["problems"][0].as_str().expect("a problem").to_owned();
    assert!(problem.contains("the Slack channel C0123456789: Slack answers invalid_auth; "), "{problem}");
    assert!(!format!("{run:?}").contains("xoxb-wrong"), "{run:?}");
    let checked = workdir.run(&["check", "--online"]);
    assert!(
        checked
            .stdout
            .contains("receiver team: cannot reach the Slack channel C0123456789: Slack answers invalid_auth"),
        "{checked:?}"
    );
    write_private(&workdir.path().join("token"), TOKEN);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 1);
    let checked = workdir.run(&["check", "--online"]);
    assert!(checked.stdout.contains("받는 곳      team: 접속됨"), "{checked:?}");
}

#[test]
fn a_server_that_is_down_loses_no_message() {
    let port = free_port();
    let workdir = workdir(&format!("http://127.0.0.1:{port}"), "daily_total = true\n");
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    assert_eq!(count(&run, "undelivered"), 2);
    let problem = run.report()["problems"][0].as_str().expect("a problem").to_owned();
    assert!(problem.contains("the Slack channel C0123456789: no answer: "), "{problem}");
    let health = workdir.run(&["health"]);
    assert!(health.stdout.contains("전달되지 않은 알림이 2건"), "{health:?}");
    let endpoint = Endpoint::start_at(port, web_api);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 2);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 0);
    assert_eq!(endpoint.requests().len(), 2);
    let total = "🧾 *10월 19일(월) 총요금: 1,735원*\n\
                 10월 12일(월) 1,245원(+490원) · 10월 18일(일) 1,245원(+490원) · 이달 누계 23,956원\n\
                 10월 12일(월) 대비 변화가 큰 항목: 우리회사 / 쇼핑몰 · Virtual Machine +490원.";
    assert_eq!(text(&endpoint.requests()[1].json()), total);
}

#[test]
fn a_webhook_gets_each_message_and_its_address_stays_secret() {
    let secret_path = "/services/T0/B0/secret-path";
    let endpoint = Endpoint::start(move |number, request| match request.path == secret_path && number > 0 {
        true => Answer { body: "ok".to_owned(), ..Answer::default() },
        false => Answer { status: 404, body: "no_service".to_owned(), ..Answer::default() },
    });
    let workdir = bills::workdir("");
    let receiver = "[[receiver]]\nkind = \"slack\"\nwebhook_url = \"env:SLACK_WEBHOOK\"\n";
    bills::configure(&workdir, "env_file = \"variables\"\nlanguage = \"en\"", receiver);
    let variable = format!("SLACK_WEBHOOK={}{secret_path}\n", endpoint.url);
    write_private(&workdir.path().join("variables"), &variable);
    bills::load(&workdir).expect(0);
    let daily = |index, amount| bills::daily(&workdir, index, amount);
    let run = daily(0, "1500").expect(1);
    assert_eq!(
        run.report()["problems"][0],
        "receiver slack: cannot write to the webhook of Slack: the answer is 404: no_service; the next run sends the \
         notification again"
    );
    assert!(!format!("{run:?}").contains("secret-path"), "{run:?}");
    assert_eq!(count(&daily(1, "1000").expect(0), "notifications"), 2);
    let messages: Vec<Value> = endpoint.requests().iter().skip(1).map(Request::json).collect();
    assert!(messages.iter().all(blocks_are_valid), "{messages:?}");
    let texts: Vec<String> = messages.iter().map(|message| without_id(&text(message))).collect();
    insta::assert_snapshot!(texts.join("\n\n"), @"
    🟠 *우리회사 / 쇼핑몰 · Virtual Machine: 50% more than usual*
    19 Oct (Mon): 1,500 KRW · usual 1,000 KRW · +500 KRW
    `▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆█▆` cost per day, 23 Sep–20 Oct
    Reason: 1,500 KRW is 1.5 times the mean of 1,000 KRW and 49.1 standard deviations above it
    Cause, compared with 12 Oct (Mon): Virtual Machine, 1,010 KRW → 1,500 KRW, +490 KRW (100% of the difference).
    severity warning · rules tutorial · ID ...

    ✅ *우리회사 / 쇼핑몰 · Virtual Machine: back at the usual cost*
    20 Oct (Tue), whole day: 1,000 KRW
    `▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆▆█▆` cost per day, 23 Sep–20 Oct
    On 19 Oct (Mon): 500 KRW more than usual.
    Cause, compared with 12 Oct (Mon): Virtual Machine, 1,010 KRW → 1,500 KRW, +490 KRW (100% of the difference).
    severity warning · rules tutorial · ID ...
    ");
}

#[test]
fn a_name_in_a_bill_mentions_nobody() {
    let endpoint = Endpoint::start(web_api);
    let workdir = workdir(&endpoint.url, "");
    let mut service = bills::MACHINE;
    service.names[2] = "<!channel> & @here";
    for (index, amount) in [(0, "1500"), (1, "1000")] {
        let rows = [Row::of(service, amount)];
        replay::write(&workdir, "bills", bills::day(index), None, &rows);
        workdir.run(&["daily", &format!("--date={}", bills::day(index)), "--json"]).expect(0);
    }
    let messages: Vec<Value> = endpoint.requests().iter().map(Request::json).collect();
    assert!(!messages.is_empty() && messages.iter().all(blocks_are_valid), "{messages:?}");
    let opened = text(&messages[0]);
    assert!(opened.contains("· &lt;!channel&gt; &amp; @\u{2060}here: "), "{opened}");
}
