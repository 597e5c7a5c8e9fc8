//! The answers of the billing API and of Secrets Manager have limits, and the client stops reading there.

use costwarden_tests::Workdir;

use super::peer::{Answer, ENDLESS_BYTES, Peer, Request, SOCKET_BYTES};

/// The limits that the messages state.
const PAGE_BYTES: u64 = 128 << 20;
const SECRET_BYTES: u64 = 1 << 20;

/// Runs a daily job with a billing API at the server. Returns the output, with the address of the server replaced.
fn daily(peer: &Peer, secret: &str, more: &str) -> String {
    let workdir = Workdir::new(&format!(
        "[source]\nkind = \"kakao\"\nendpoint = \"http://{}\"\ncredential_id = \"id\"\ncredential_secret = {secret:?}\n\
         retry_seconds = 0\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n{more}",
        peer.host
    ));
    let run = workdir.run_with(&["daily", "--date", "2026-11-22"], &[("SUITE_SECRET", "secret")]);
    assert!(run.code == 1 || run.code == 2, "{run:?}");
    format!("{}{}", run.stdout, run.stderr).replace(&peer.host, "[api]")
}

fn api(peer: &Peer) -> String {
    daily(peer, "env:SUITE_SECRET", "")
}

#[track_caller]
fn assert_stopped(peer: &Peer, limit: u64) {
    let sent = peer.sent();
    assert!(sent <= limit + SOCKET_BYTES && sent < ENDLESS_BYTES, "the client read on: {sent} bytes");
}

#[test]
fn an_endless_page_is_not_read_to_the_end() {
    let peer = Peer::start(|_, _: &Request| Answer::Endless("HTTP/1.1 200 OK\r\n\r\n".to_owned()));
    let text = api(&peer);
    let expected = "page 0 of 2026-11-22 from http://[api]/open/billing/public/v2/cost/resources is larger than \
                    134217728 bytes: lower source.page_size, or check source.endpoint";
    assert!(text.contains(expected), "{text}");
    assert_stopped(&peer, PAGE_BYTES);
}

#[test]
fn an_endless_refusal_is_cut() {
    let peer = Peer::start(|_, _| Answer::Endless("HTTP/1.1 400 Bad\r\n\r\nno such day".to_owned()));
    let text = api(&peer);
    assert!(text.contains("answered 400 for 2026-11-22, and a retry does not help: no such day"), "{text}");
    assert_stopped(&peer, 0);
}

/// A page of the permitted size with rows without content.
#[test]
fn a_page_with_too_many_rows_is_refused() {
    let peer = Peer::start(|_, _| {
        let rows = vec!["0"; 1_000_000].join(",");
        Answer::new("200 OK", &[], format!(r#"{{"result":{{"content":[{rows}]}}}}"#))
    });
    let text = api(&peer);
    assert!(text.contains("more than 100000 rows"), "{text}");
}

#[test]
fn an_endless_secret_is_not_read_to_the_end() {
    let peer = Peer::start(|_, request| match request.line.starts_with("GET ") {
        true => Answer::Endless("HTTP/1.1 200 OK\r\n\r\n".to_owned()),
        false => Answer::new("201 Created", &["X-Subject-Token: t0ken"], "{}"),
    });
    let tables = format!(
        "[secrets]\niam_endpoint = \"http://{0}\"\nendpoint = \"http://{0}\"\ncredential_id = \"id\"\n\
         credential_secret = \"env:SUITE_SECRET\"\nattempts = 1\n",
        peer.host
    );
    let text = daily(&peer, "kakao-secret:bill", &tables);
    assert!(text.contains("it answered with more than 1048576 bytes"), "{text}");
    assert_stopped(&peer, SECRET_BYTES);
}

#[test]
fn a_large_config_is_not_parsed() {
    let workdir = Workdir::new(&"# a comment\n".repeat(400_000));
    let run = workdir.run(&["check"]).expect(2);
    assert!(run.stderr.contains("costwarden.toml:1: larger than 4194304 bytes"), "{run:?}");
}
