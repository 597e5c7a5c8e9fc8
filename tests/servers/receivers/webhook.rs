//! A webhook that verifies signatures with the program of the documentation and documents with the schema.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::endpoint::{Answer, Endpoint, Request};
use crate::backends::bills;
use costwarden_tests::{Run, Workdir, repository, service, write_private};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A working directory with a webhook as the only receiver, and four quiet weeks.
fn workdir(url: &str, keys: &str) -> Workdir {
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("secret"), SECRET);
    let receiver = format!("[[receiver]]\nkind = \"webhook\"\nurl = {url:?}\nsecret = \"file:secret\"\n{keys}");
    bills::configure(&workdir, "language = \"en\"", &receiver);
    bills::load(&workdir).expect(0);
    workdir
}

fn accept(_: usize, _: &Request) -> Answer {
    Answer { status: 204, ..Answer::default() }
}

fn count(run: &Run, count: &str) -> u64 {
    run.report()["counts"][count].as_u64().unwrap_or(0)
}

/// Runs a Python program with an input. `modules` is a folder of packages.
fn python(program: &str, input: &Value, modules: &str) -> String {
    let mut command = Command::new("python3");
    command.args(["-c", program]).env("PYTHONPATH", modules).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python3");
    child.stdin.take().expect("piped").write_all(input.to_string().as_bytes()).expect("written");
    let output = child.wait_with_output().expect("ended");
    String::from_utf8(output.stdout).expect("UTF-8").trim().to_owned()
}

/// Verifies a request with the Python program of `docs/receivers/webhook.md`.
fn is_valid(request: &Request, secret: &str) -> bool {
    let page = std::fs::read_to_string(repository().join("docs/receivers/webhook.md")).expect("the page");
    let (_, rest) = page.split_once("```python\n").expect("a program");
    let (program, _) = rest.split_once("```").expect("its end");
    let call =
        "import json, sys\ni = json.load(sys.stdin)\nprint(is_valid(i['secret'], i['headers'], i['body'].encode()))";
    let headers = ["webhook-id", "webhook-timestamp", "webhook-signature"].map(|name| (name, request.header(name)));
    let input = json!({ "secret": secret, "headers": headers.into_iter().collect::<std::collections::BTreeMap<_, _>>(), "body": request.body });
    python(&format!("{program}{call}"), &input, "") == "True"
}

/// Returns the violations of the schema.
pub(super) fn violations(documents: &[Value]) -> Option<String> {
    let modules = service("COSTWARDEN_TEST_DEPLOY_TOOLS")?;
    let schema = std::fs::read_to_string(repository().join("docs/receivers/webhook.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let program = "import json, sys, jsonschema\ni = json.load(sys.stdin)\njsonschema.Draft202012Validator.check_schema(i['schema'])\n\
                   v = jsonschema.Draft202012Validator(i['schema'])\n\
                   print([[e.json_path, e.message] for d in i['documents'] for e in v.iter_errors(d)])";
    Some(python(program, &json!({ "schema": schema, "documents": documents }), &modules))
}

#[test]
fn each_document_is_signed_and_follows_the_schema() {
    let endpoint = Endpoint::start(accept);
    let workdir = workdir(&endpoint.url, "");
    for (index, amount) in [(0, "1500"), (1, "2200"), (2, "1000")] {
        bills::daily(&workdir, index, amount).expect(0);
    }
    bills::hourly(&workdir, 3, 10, "1200").expect(0);
    workdir.run(&["check", "--online", "--notify"]);
    let requests = endpoint.requests();
    assert!(requests.iter().all(|request| is_valid(request, SECRET)), "{requests:?}");
    assert!(!is_valid(&requests[0], "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    let changed = Request { body: requests[0].body.replace("1500", "1501"), ..requests[0].clone() };
    assert!(changed.body != requests[0].body && !is_valid(&changed, SECRET));

    let documents: Vec<Value> = requests.iter().map(Request::json).collect();
    let summary = |document: &Value| {
        let amount = &document["total"]["amount"];
        let comparison = &document["incidents"][0]["comparison"];
        let figures = json!([comparison["observed"], comparison["expected"], comparison["spans"], comparison["hour"]]);
        format!("{} {} {amount} {figures}", document["type"], document["kind"])
    };
    insta::assert_snapshot!(documents.iter().map(summary).collect::<Vec<_>>().join("\n"), @r#"
    "incident" "opened" null [1500.0,1000.0,"day",null]
    "daily-total" null "1734.50" [null,null,null,null]
    "incident" "grown" null [2200.0,1000.0,"day",null]
    "daily-total" null "2434.50" [null,null,null,null]
    "incident" "resolved" null [2200.0,1000.0,"day",null]
    "daily-total" null "1234.50" [null,null,null,null]
    "problem" null null [null,null,null,null]
    "#);
    let ids: BTreeSet<&str> = requests.iter().map(|request| request.header("webhook-id")).collect();
    assert_eq!(ids.len(), requests.len(), "each notification has its own id");
    let days = documents[0]["incidents"][0]["recentDays"].as_array().expect("days");
    assert_eq!((days.len(), &days[27]["cost"]), (28, &json!(1500.0)));
    let Some(violations) = violations(&documents) else { return };
    assert_eq!(violations, "[]");
}

#[test]
fn a_slow_answer_counts_and_a_lost_answer_repeats_the_id() {
    let slow = Answer { delay: Duration::from_millis(300), ..Answer::default() };
    let lost = Answer { delay: Duration::from_secs(5), ..Answer::default() };
    let endpoint = Endpoint::start(move |number, _| if number == 1 { lost.clone() } else { slow.clone() });
    let workdir = workdir(&endpoint.url, "timeout_seconds = 2\ndaily_total = false\n");
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 1);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 0);
    let run = bills::daily(&workdir, 1, "1000").expect(1);
    assert_eq!(
        (count(&run, "undelivered"), endpoint.requests().len()),
        (1, 2),
        "a timeout is not tried again in the run"
    );
    let problem = run.report()["problems"][0].as_str().expect("a problem").to_owned();
    assert!(
        problem.starts_with("receiver webhook: cannot write to the webhook: no answer: ")
            && problem.contains("timed out"),
        "{problem}"
    );
    assert_eq!(count(&bills::daily(&workdir, 1, "1000").expect(0), "notifications"), 1);
    let requests = endpoint.requests();
    assert_eq!(requests[1].header("webhook-id"), requests[2].header("webhook-id"));
    assert_eq!(requests.len(), 3);
}

#[test]
fn a_server_out_of_order_is_tried_three_times_and_again_by_the_next_run() {
    let endpoint = Endpoint::start(|number, _| Answer {
        status: if number < 4 { 503 } else { 200 },
        headers: vec![("retry-after", "0".to_owned())],
        ..Answer::default()
    });
    let workdir = workdir(&endpoint.url, "daily_total = false\n");
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    assert_eq!((count(&run, "undelivered"), endpoint.requests().len()), (1, 3));
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 1);
    let ids: BTreeSet<String> =
        endpoint.requests().iter().map(|request| request.header("webhook-id").to_owned()).collect();
    assert_eq!((endpoint.requests().len(), ids.len()), (5, 1));
}

#[test]
fn addresses_and_keys_are_checked_when_the_config_is_read() {
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("secret"), "too short");
    write_private(&workdir.path().join("address"), "http://hooks.example.com/secret-path");
    let tables = "[[receiver]]\nkind = \"webhook\"\nurl = \"http://hooks.example.com/\"\nsecret = \"file:secret\"\n\
                  [[receiver]]\nkind = \"slack\"\nwebhook_url = \"file:address\"\n\
                  [[receiver]]\nkind = \"slack\"\nname = \"both\"\nwebhook_url = \"file:address\"\nbot_token = \"file:secret\"\n\
                  [[receiver]]\nkind = \"webhook\"\nname = \"none\"\n";
    bills::configure(&workdir, "", tables);
    let run = workdir.run(&["check"]);
    assert!(run.code == 2 && !format!("{run:?}").contains("secret-path"), "{run:?}");
    let errors: Vec<&str> = run
        .stdout
        .lines()
        .chain(run.stderr.lines())
        .filter_map(|line| line.split_once("receiver"))
        .map(|(_, error)| error)
        .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    .url: is no usable address, expected an address with https://, or http:// to this machine
    .secret: is no usable key, expected 24 to 64 random bytes in base64, like the output of: openssl rand -base64 32
    .webhook_url: is no usable address, expected an address with https://, or http:// to this machine
    .kind: expected either webhook_url, or bot_token and channel
    .url: is missing, expected an address with https://, or a reference such as "env:WEBHOOK_URL"
    .secret: is missing, expected a reference such as "env:WEBHOOK_SECRET"
    "#);
}
