//! Broken registries: an answer from another server, or an answer without an end.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener};

use costwarden_tests::plugin_files::said;
use costwarden_tests::three_services::workdir;

const MANIFEST: &str = r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"mediaType": "application/vnd.wasm.config.v0+json", "size": 2,
               "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
    "layers": [{"mediaType": "application/wasm", "size": 9,
                "digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}"#;

/// Starts a server on loopback until the end of the test process. Each connection gets one answer, depending on the
/// request.
fn serve(answer: fn(&str) -> String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = BufReader::new(stream.try_clone().expect("cloned")).lines().map_while(Result::ok);
            let asked = head.next().unwrap_or_default();
            // To the end of the head, so that nothing is left unread when the connection is closed.
            head.find(String::is_empty);
            // A client that has heard enough may be gone.
            let _ = stream.write_all(answer(&asked).as_bytes());
        }
    });
    address
}

fn response(status: &str, length: usize, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Pulls from a server with a valid manifest and the given answer for the layer. Returns the output.
fn pulled(answer: fn(&str) -> String) -> String {
    let workdir = workdir();
    let address = serve(answer);
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("a config");
    let registry = format!("[[plugins.registry]]\nhost = \"{address}\"\ntransport = \"http\"\n");
    workdir.write("costwarden.toml", &(config + &registry));
    let (code, text) = said(&workdir, &["plugin", "pull", &format!("{address}/acme/tutorial:1.0")]);
    assert_eq!((code, workdir.path().join("state/plugins").exists()), (2, false), "{text}");
    text.replace(&address.to_string(), "[registry]")
}

#[test]
fn an_answer_that_ends_in_the_middle_is_told() {
    let layer = |asked: &str| match asked {
        asked if asked.contains("/blobs/") => response("200 OK", 9, "half"),
        asked if asked.contains("/manifests/") => response("200 OK", MANIFEST.len(), MANIFEST),
        _ => response("200 OK", 2, "{}"),
    };
    insta::assert_snapshot!(pulled(layer), @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] closed the connection during a response, try again: end of file before message length reached");
    let manifest = |asked: &str| match asked {
        asked if asked.contains("/manifests/") => response("200 OK", MANIFEST.len(), "{"),
        _ => response("200 OK", 2, "{}"),
    };
    insta::assert_snapshot!(pulled(manifest), @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] closed the connection during a response, try again: end of file before message length reached");
}

#[test]
fn a_status_is_told_with_what_was_said() {
    let overloaded = |asked: &str| match asked {
        asked if asked.contains("/manifests/") => response("503 Service Unavailable", 12, "too\x1b[2J busy"),
        _ => response("200 OK", 2, "{}"),
    };
    insta::assert_snapshot!(pulled(overloaded), @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] responds with status 503, try again later or ask its operator: too [2J busy");
    let broken = |asked: &str| match asked {
        asked if asked.contains("/blobs/") => response("500 Internal Server Error", 0, ""),
        asked if asked.contains("/manifests/") => response("200 OK", MANIFEST.len(), MANIFEST),
        _ => response("200 OK", 2, "{}"),
    };
    insta::assert_snapshot!(pulled(broken), @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] responds with status 500, try again later or ask its operator");
}

#[test]
fn a_page_of_the_web_is_no_registry() {
    insta::assert_snapshot!(pulled(|_| response("200 OK", 13, "<html></html>")), @"failed: oci://[registry]/acme/tutorial:1.0: the server at [registry] is not an OCI registry, check the name and the port: the manifest cannot be read: expected value at line 1 column 1");
}
