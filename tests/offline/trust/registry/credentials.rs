//! Credentials go to the registry and to named realms only.

use costwarden_tests::Run;
use costwarden_tests::plugin_files::configure;
use costwarden_tests::three_services::workdir;

use crate::trust::peer::{Answer, Peer};

/// `ada:hunter2` in the scheme `Basic`.
const BASIC: &str = "Basic YWRhOmh1bnRlcjI=";

/// Pulls an image with credentials. `more` is further keys of the table of the registry.
fn pull(registry: &Peer, more: &str) -> Run {
    let workdir = workdir();
    configure(
        &workdir,
        &format!(
            "[[plugins.registry]]\nhost = {:?}\ntransport = \"http\"\nusername = \"ada\"\n\
             password = \"env:SUITE_PASSWORD\"\n{more}",
            registry.host
        ),
    );
    let image = format!("{}/acme/tutorial:1.0", registry.host);
    workdir.run_with(&["plugin", "pull", &image], &[("SUITE_PASSWORD", "hunter2")]).expect(2)
}

fn challenge(realm: &str) -> Answer {
    Answer::new("401 Unauthorized", &[&format!("WWW-Authenticate: Bearer realm=\"{realm}\",service=\"suite\"")], "")
}

/// A registry that names a realm, and accepts no token.
fn with_realm(realm: String) -> Peer {
    Peer::start(move |_, request| match request.line.as_str() {
        "GET /v2/" => challenge(&realm),
        _ => Answer::new("404 Not Found", &[], "{}"),
    })
}

/// A server that gives a token to any client.
fn token_server() -> Peer {
    Peer::start(|_, _| Answer::new("200 OK", &[], r#"{"token":"t0ken"}"#))
}

#[test]
fn a_realm_on_another_host_receives_nothing() {
    let elsewhere = token_server();
    let registry = with_realm(format!("http://{}/token", elsewhere.host));
    let text = pull(&registry, "").stderr.replace(&registry.host, "[registry]").replace(&elsewhere.host, "[elsewhere]");
    insta::assert_snapshot!(text, @r#"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] names the token realm http://[elsewhere] on another host: if the operator of the registry confirms the realm, set `realm_hosts = ["[elsewhere]"]` under [[plugins.registry]] with host = "[registry]""#);
    assert_eq!(elsewhere.requests(), []);
    assert_eq!(registry.requests().len(), 1, "nothing is pulled without the token");
}

#[test]
fn a_named_realm_receives_the_credentials_and_the_registry_the_token() {
    let realm = token_server();
    let registry = with_realm(format!("http://{}/token", realm.host));
    let text = pull(&registry, &format!("realm_hosts = [{:?}]\n", realm.host)).stderr;
    assert!(text.contains("the registry does not have this image"), "{text}");
    let [request] = realm.requests().try_into().expect("one request");
    assert_eq!(request.line, "GET /token?scope=repository%3Aacme%2Ftutorial%3Apull&service=suite");
    assert_eq!(request.authorization.as_deref(), Some(BASIC));
    let authorizations: Vec<Option<String>> = registry.requests().into_iter().map(|it| it.authorization).collect();
    assert_eq!(authorizations, [None, Some("Bearer t0ken".to_owned())]);
}

/// The address is reserved for documentation, and no request is sent.
#[test]
fn a_realm_with_plain_http_on_another_machine_is_refused() {
    let registry = with_realm("http://192.0.2.1/token".to_owned());
    let text = pull(&registry, "realm_hosts = [\"192.0.2.1\"]\n").stderr.replace(&registry.host, "[registry]");
    insta::assert_snapshot!(text, @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] names the token realm http://192.0.2.1, and plain http is not permitted there: expected https; ask the operator of the registry");
}

#[test]
fn a_realm_that_is_no_address_is_refused() {
    for realm in ["", "token", "file:///etc/passwd", "http://ada:secret@127.0.0.1/token", "//127.0.0.1/token"] {
        let registry = with_realm(realm.to_owned());
        let text = pull(&registry, "").stderr;
        assert!(
            text.contains(" is not an OCI registry, ") || text.contains(" names the token realm "),
            "{realm}: {text}"
        );
        assert_eq!(registry.requests().len(), 1, "{realm}");
    }
}

#[test]
fn a_redirect_carries_no_authorization_to_another_host() {
    let storage = Peer::start(|_, _| Answer::new("404 Not Found", &[], ""));
    let location = format!("Location: http://{}/stored", storage.host);
    let registry = Peer::start(move |_, request| match request.line.as_str() {
        "GET /v2/" => Answer::new("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"suite\""], ""),
        _ => Answer::new("307 Temporary Redirect", &[&location], ""),
    });
    pull(&registry, "");
    let authorizations: Vec<Option<String>> = registry.requests().into_iter().map(|it| it.authorization).collect();
    assert_eq!(authorizations, [None, Some(BASIC.to_owned())]);
    let [request] = storage.requests().try_into().expect("one request");
    assert_eq!((request.line.as_str(), request.authorization), ("GET /stored", None));
}

/// An upload goes to the address that the registry names: the plugin, but not the password.
#[test]
fn an_upload_carries_no_authorization_to_another_host() {
    let storage = Peer::start(|_, _| Answer::new("404 Not Found", &[], ""));
    let location = format!("Location: http://{}/upload", storage.host);
    let registry = Peer::start(move |_, request| match request.line.as_str() {
        "GET /v2/" => Answer::new("401 Unauthorized", &["WWW-Authenticate: Basic realm=\"suite\""], ""),
        _ => Answer::new("202 Accepted", &[&location], ""),
    });
    let workdir = workdir();
    configure(
        &workdir,
        &format!(
            "[[plugins.registry]]\nhost = {:?}\ntransport = \"http\"\nusername = \"ada\"\npassword = \"env:SUITE_PASSWORD\"\n",
            registry.host
        ),
    );
    let image = format!("{}/acme/tutorial:1.0", registry.host);
    let push = ["plugin", "push", "plugins/tutorial.wasm", &image];
    workdir.run_with(&push, &[("SUITE_PASSWORD", "hunter2")]).expect(2);
    let authorizations: Vec<Option<String>> = registry.requests().into_iter().map(|it| it.authorization).collect();
    assert_eq!(authorizations, [None, Some(BASIC.to_owned())]);
    let [request] = storage.requests().try_into().expect("one request");
    assert!(request.line.starts_with("PUT /upload?digest=sha256%3A"), "{request:?}");
    assert_eq!(request.authorization, None);
}

#[test]
fn a_redirect_to_plain_http_on_another_machine_is_refused() {
    let registry = Peer::start(|_, request| match request.line.as_str() {
        "GET /v2/" => Answer::new("200 OK", &[], "{}"),
        _ => Answer::new("307 Temporary Redirect", &["Location: http://192.0.2.1/stored"], ""),
    });
    let text = pull(&registry, "").stderr.replace(&registry.host, "[registry]");
    insta::assert_snapshot!(text, @"failed: oci://[registry]/acme/tutorial:1.0: the registry [registry] redirects to http://192.0.2.1, and plain http is not permitted there: expected https; ask the operator of the registry");
}

#[test]
fn a_malformed_realm_host_is_refused() {
    let workdir = workdir();
    configure(
        &workdir,
        "[[plugins.registry]]\nhost = \"registry.example.com\"\nrealm_hosts = [\"https://auth.example.com\"]\n",
    );
    let text = costwarden_tests::plugin_files::said(&workdir, &["check"]).1;
    insta::assert_snapshot!(text, @r#"
    error: [workdir]/costwarden.toml:16: plugins.registry.realm_hosts: expected "HOST" or "HOST:PORT" of a token realm, found "https://auth.example.com"
    [workdir]/costwarden.toml: the rules were not read, 1 error
    "#);
}
