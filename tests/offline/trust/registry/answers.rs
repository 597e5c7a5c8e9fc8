//! Every answer of a registry has a limit, and the client stops reading there.

use costwarden_tests::Workdir;
use costwarden_tests::plugin_files::configure;
use costwarden_tests::three_services::workdir;

use crate::trust::peer::{Answer, ENDLESS_BYTES, Peer, Request, SOCKET_BYTES};

/// The limits that the messages state.
const MANIFEST_BYTES: u64 = 4 << 20;
const TOKEN_BYTES: u64 = 64 << 10;

/// Pulls an image from a server. Returns the output, with the address of the server replaced.
fn pull(peer: &Peer) -> String {
    let workdir: Workdir = workdir();
    configure(&workdir, &format!("[[plugins.registry]]\nhost = {:?}\ntransport = \"http\"\n", peer.host));
    let run = workdir.run(&["plugin", "pull", &format!("{}/acme/tutorial:1.0", peer.host)]).expect(2);
    assert!(!workdir.path().join("state/plugins").exists(), "nothing is kept");
    run.stderr.replace(&peer.host, "[registry]")
}

/// Serves `/v2/` without authentication, and every other path with the answer.
fn registry(answer: impl Fn(&str, &Request) -> Answer + Send + Sync + 'static) -> Peer {
    Peer::start(move |host, request| match request.line.as_str() {
        "GET /v2/" => Answer::new("200 OK", &[], "{}"),
        _ => answer(host, request),
    })
}

#[track_caller]
fn assert_stopped(peer: &Peer, limit: u64) {
    let sent = peer.sent();
    assert!(sent > 0 && sent <= limit + SOCKET_BYTES && sent < ENDLESS_BYTES, "the client read on: {sent} bytes");
}

#[test]
fn an_endless_manifest_is_not_read_to_the_end() {
    let peer = registry(|_, _| Answer::Endless("HTTP/1.1 200 OK\r\n\r\n".to_owned()));
    insta::assert_snapshot!(pull(&peer), @"failed: oci://[registry]/acme/tutorial:1.0: the manifest from the registry [registry] is larger than 4194304 bytes, check the name and the port");
    assert_stopped(&peer, MANIFEST_BYTES);
}

#[test]
fn a_manifest_of_a_wrong_length_is_refused() {
    let of_length = |length: u64| {
        pull(&registry(move |_, _| Answer::Endless(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"))))
    };
    // Too large by its own claim, and larger than its claim.
    insta::assert_snapshot!(of_length(1 << 40), @"failed: oci://[registry]/acme/tutorial:1.0: the manifest from the registry [registry] is larger than 4194304 bytes, check the name and the port");
    insta::assert_snapshot!(of_length(10), @"failed: oci://[registry]/acme/tutorial:1.0: the server at [registry] is not an OCI registry, check the name and the port: the manifest cannot be read: EOF while parsing a value at line 1 column 10");
}

#[test]
fn an_endless_error_is_cut() {
    let peer = registry(|_, _| Answer::Endless(format!("HTTP/1.1 500 Broken\r\n\r\n{}", "x\u{1b}".repeat(500))));
    let text = pull(&peer);
    insta::assert_snapshot!(text.replace(&"x ".repeat(99), "[x]"), @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] responds with status 500, try again later or ask its operator: [x]x");
    assert_stopped(&peer, 0);
}

#[test]
fn an_endless_token_is_not_read_to_the_end() {
    let peer = Peer::start(|host, request| match request.line.as_str() {
        "GET /v2/" => {
            let challenge = format!("WWW-Authenticate: Bearer realm=\"http://{host}/token\"");
            Answer::new("401 Unauthorized", &[&challenge], "")
        }
        _ => Answer::Endless("HTTP/1.1 200 OK\r\n\r\n{\"token\":\"".to_owned()),
    });
    insta::assert_snapshot!(pull(&peer), @"failed: oci://[registry]/acme/tutorial:1.0: the token from the registry [registry] is larger than 65536 bytes, check the name and the port");
    assert_stopped(&peer, TOKEN_BYTES);
}

#[test]
fn a_plugin_larger_than_its_manifest_says_is_refused() {
    let digest = format!("sha256:{}", "0".repeat(64));
    let layer = format!(r#"{{"mediaType":"application/wasm","digest":"{digest}","size":1000}}"#);
    let config = format!(r#"{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{digest}","size":2}}"#);
    let manifest = format!(r#"{{"schemaVersion":2,"config":{config},"layers":[{layer}]}}"#);
    let peer = registry(move |_, request| match request.line.contains("/manifests/") {
        true => Answer::new("200 OK", &[], manifest.clone()),
        false => Answer::Endless("HTTP/1.1 200 OK\r\n\r\n".to_owned()),
    });
    insta::assert_snapshot!(pull(&peer), @"failed: oci://[registry]/acme/tutorial:1.0: damaged in the registry or in transit, push the plugin again: the plugin is larger than 1000 bytes, the size in the manifest");
    assert_stopped(&peer, 1000);
}

#[test]
fn a_circle_of_redirects_ends() {
    let peer = registry(|host, request| {
        let (_, path) = request.line.split_once(' ').expect("a path");
        Answer::new("307 Temporary Redirect", &[&format!("Location: http://{host}{path}/again")], "")
    });
    insta::assert_snapshot!(pull(&peer), @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] redirects more than 5 times, ask its operator");
    assert_eq!(peer.requests().len(), 7, "the versions, the manifest and five redirects");
}
