//! `costwarden serve`: the page and the API on the store, decisions with a token, and clients that attack the server.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Stdio};

use costwarden_tests::{PATIENCE, plugins, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::simulated_bill::{MYSQL, Setup, SimulatedBill, TODAY};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A running server. The process ends with the value.
struct Served {
    child: Child,
    /// Address and port.
    address: String,
}

/// An answer of the server.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Served {
    fn start(simulated: &SimulatedBill) -> Self {
        simulated.workdir.write("tokens", &format!("kim={TOKEN}\n"));
        let tokens = simulated.workdir.path().join("tokens");
        std::fs::set_permissions(&tokens, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("set");
        let args = ["serve", "--listen", "127.0.0.1:0", "--tokens", "tokens"];
        let mut child = simulated.workdir.command(&args, &[]).stdout(Stdio::piped()).spawn().expect("started");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("the address");
        let address = line.strip_prefix("http://").and_then(|line| line.split_once(": the cost report"));
        let address = address.unwrap_or_else(|| panic!("{line}")).0.to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream
    }

    /// Sends bytes and returns everything that the server answers until the server closes the connection.
    fn send(&self, request: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // The server may answer and close before the end of a refused request.
        drop(stream.write_all(request));
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer));
        answer
    }

    fn request(&self, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let host = if headers.starts_with("Host:") { String::new() } else { format!("Host: {}\r\n", self.address) };
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{host}Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        );
        let answer = String::from_utf8(self.send(request.as_bytes())).expect("text");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "")
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).expect("JSON")
    }

    fn decide(&self, id: &str, token: &str, body: &str) -> Answer {
        let authorization = format!("Authorization: Bearer {token}");
        let path = format!("/api/incidents/{id}/history");
        self.request("POST", &path, &["Content-Type: application/json", &authorization], body)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // Already ended after a signal of the test.
        drop(self.child.kill());
        self.child.wait().expect("ended");
    }
}

/// A store with an open incident of [`MYSQL`], and the id of the incident.
fn with_incident() -> (SimulatedBill, String) {
    let simulated = SimulatedBill::with_history(&Setup { keys: "language = \"en\"", ..Setup::default() }, 60);
    simulated.hide(MYSQL, "step", "2026-11-23T00:00:00", r#","factor":3"#);
    simulated.day(TODAY).expect(0);
    let incidents = simulated.run(&["incidents", "list", "--open", "--json"]).json();
    let incident = incidents.iter().find(|incident| incident["series"] == MYSQL).expect("the step is found");
    let id = incident["incident"].as_str().expect("an id").to_owned();
    (simulated, id)
}

/// Returns the state of an incident and the author of its last decision.
fn decided(simulated: &SimulatedBill, id: &str) -> [Value; 2] {
    let incidents = simulated.run(&["incidents", "list", "--json"]).json();
    let incident = incidents.into_iter().find(|incident| incident["incident"] == id).expect("the incident");
    [incident["state"].clone(), incident["history"][0]["author"].clone()]
}

#[test]
fn the_page_and_the_api_have_the_report_of_the_store() {
    let (simulated, id) = with_incident();
    let served = Served::start(&simulated);
    let page = served.get("/");
    assert!(page.status == 200 && page.body.contains(&id) && page.body.contains("<html lang=\"en\">"), "{page:?}");
    assert!(served.get("/?language=ko").body.contains("<html lang=\"ko\">"));
    for header in [
        "x-content-type-options: nosniff",
        "x-frame-options: deny",
        "referrer-policy: same-origin",
        "cache-control: no-store",
        "frame-ancestors 'none'",
    ] {
        assert!(page.head.contains(header), "{header}: {}", page.head);
    }
    let mut report = Value::Null;
    until("the causes are read", || {
        report = served.json("/api/report");
        report["causesState"] == "complete"
    });
    simulated.run(&["report", "--output", "out", "--format", "json", "--causes"]).expect(0);
    let file = std::fs::read_to_string(simulated.workdir.path().join("out/report.json")).expect("written");
    let mut file: Value = serde_json::from_str(&file).expect("JSON");
    file["writtenAt"] = report["writtenAt"].clone();
    assert_eq!(report, file);

    // Each path of the document answers, and only these paths.
    let document = served.json("/api/openapi.json");
    assert_eq!(document["openapi"], "3.1.0");
    for (path, operations) in document["paths"].as_object().expect("paths") {
        let path = path.replace("{id}", &id);
        for method in ["get", "post"] {
            let answer = served.request(&method.to_uppercase(), &path, &["Content-Type: application/json"], "{}");
            assert_eq!(operations.get(method).is_none(), answer.status == 405, "{method} {path}: {answer:?}");
        }
        let required = &operations["get"]["responses"]["200"]["content"]["application/json"]["schema"]["required"];
        for field in required.as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(served.json(&path).get(field).is_some(), "{path}: {field}");
        }
    }
    assert_eq!(served.get("/etc/passwd").status, 404);
}

/// Returns the content security policy in a page.
fn policy(page: &str) -> &str {
    let policy = page.split_once("Content-Security-Policy\" content=\"").expect("a policy").1;
    policy.split_once('"').expect("the end").0
}

/// Returns the trials in a page; `None` without trials.
fn trials(page: &str) -> Option<Value> {
    let data = page.split_once(r#"id="trials">"#)?.1.split_once("</script>").expect("the end").0;
    Some(serde_json::from_str(data).expect("JSON"))
}

#[test]
fn the_pages_have_the_causes_and_the_trials_of_the_open_incidents() {
    let (simulated, id) = with_incident();
    let served = Served::start(&simulated);
    let mut page = String::new();
    until("the trials are computed", || {
        page = served.get("/").body;
        trials(&page).is_some()
    });
    let data = trials(&page).expect("trials");
    let tried = data["trials"].as_array().expect("a list");
    let trial = tried.iter().find(|trial| trial["id"] == MYSQL).expect("the trial of the incident");
    let digest = trial["detector"].as_str().expect("a digest");
    assert!(data["detectors"][digest]["module"].is_string(), "{trial}");
    // The page compiles the module and requests nothing.
    let allowed = policy(&page);
    assert!(allowed.contains("default-src 'none'") && allowed.contains(" 'wasm-unsafe-eval'"), "{allowed}");
    assert!(!allowed.contains("connect-src") && !allowed.contains("'unsafe-eval'"), "{allowed}");
    assert!(page.contains("Cause, compared with"), "{page}");
    assert!(page.contains(&format!("<a href=\"incidents/{id}\"")), "{page}");

    // The page of the incident has the cause, and no script.
    let path = format!("/incidents/{id}");
    let incident = served.get(&path).body;
    assert!(incident.contains("Cause, compared with") && !incident.contains("<script"), "{incident}");
    assert_eq!(policy(&incident), "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'");

    // The computation starts again after a decision: the closed incident has no trial.
    served.decide(&id, TOKEN, r#"{"action":"dismiss"}"#);
    until("the trials are computed again", || {
        page = served.get("/").body;
        !page.contains("are being computed")
    });
    let is_tried = |data: Value| data["trials"].as_array().is_some_and(|all| all.iter().any(|it| it["id"] == MYSQL));
    assert!(!trials(&page).is_some_and(is_tried), "{page}");
}

#[test]
fn a_page_says_that_the_archive_and_the_plugins_are_unreadable() {
    let (simulated, id) = with_incident();
    let archive = simulated.workdir.path().join("archive");
    std::fs::rename(&archive, simulated.workdir.path().join("moved")).expect("moved");
    simulated.workdir.write("archive", "no folder");
    let config = std::fs::read_to_string(simulated.workdir.path().join("costwarden.toml")).expect("the config");
    simulated.workdir.write("costwarden.toml", &config.replace(&format!("{:?}", plugins()), "\"nowhere\""));
    let served = Served::start(&simulated);
    let mut page = String::new();
    until("the supplements are computed", || {
        page = served.get("/").body;
        !page.contains("are being")
    });
    assert!(page.contains("Causes are missing here, because the archived bills cannot be read."), "{page}");
    assert!(page.contains("Trials are missing here: a rule or a detector failed"), "{page}");
    assert_eq!(served.json("/api/report")["causesState"], "incomplete");
    let incident = served.get(&format!("/incidents/{id}")).body;
    assert!(incident.contains("Cause: not known, because the archive could not be read."), "{incident}");
}

#[test]
fn a_link_selects_a_decision_and_decides_nothing() {
    let (simulated, id) = with_incident();
    let served = Served::start(&simulated);
    for action in ["accept", "accept-once", "dismiss", "comment"] {
        let page = served.get(&format!("/incidents/{id}?action={action}"));
        assert_eq!(page.body.matches(" checked").count(), 1, "{page:?}");
        assert!(page.body.contains(&format!("value=\"{action}\" required checked")), "{page:?}");
    }
    for query in ["action=delete", &format!("action=dismiss&token={TOKEN}")] {
        assert_eq!(served.get(&format!("/incidents/{id}?{query}")).status, 200);
    }
    assert_eq!(decided(&simulated, &id), [Value::from("open"), Value::Null]);
}

#[test]
fn a_person_with_a_token_decides() {
    let (simulated, id) = with_incident();
    let served = Served::start(&simulated);
    let body = r#"{"action":"dismiss","note":"a test"}"#;
    assert_eq!(served.decide(&id, "wrong", body).status, 403);
    assert_eq!(served.decide(&id, "", body).status, 403);
    assert_eq!(served.decide("20000101-0", TOKEN, body).status, 404);
    assert_eq!(served.decide(&id, TOKEN, r#"{"action":"delete"}"#).status, 422);
    assert_eq!(served.decide(&id, TOKEN, r#"{"action":"comment","note":" "}"#).status, 422);
    assert_eq!(
        served.decide(&id, TOKEN, &format!(r#"{{"action":"dismiss","note":"{}"}}"#, "n".repeat(1_001))).status,
        422
    );
    let get = served.get(&format!("/api/incidents/{id}/history?action=dismiss&token={TOKEN}"));
    assert_eq!(get.status, 405);
    assert_eq!(decided(&simulated, &id)[0], "open");

    // The form of the page: a wrong token shows the form again, another site is refused.
    let path = format!("/incidents/{id}");
    assert!(served.get(&path).body.contains("<form method=\"post\">"));
    let form = |headers: &[&str], token: &str| {
        let headers = [headers, &["Content-Type: application/x-www-form-urlencoded"]].concat();
        served.request("POST", &path, &headers, &format!("token={token}&action=accept&note=ok"))
    };
    let wrong = form(&[], "wrong");
    assert!(wrong.status == 403 && wrong.body.contains("The token is not known."), "{wrong:?}");
    assert_eq!(form(&["Origin: https://example.com"], TOKEN).status, 403);
    assert_eq!(decided(&simulated, &id)[0], "open");
    let own = format!("Origin: http://{}", served.address);
    let accepted = form(&[&own], TOKEN);
    assert!(accepted.status == 200 && accepted.body.contains("kim"), "{accepted:?}");
    assert_eq!(decided(&simulated, &id), ["new level", "kim"]);
    let answer = served.decide(&id, TOKEN, body);
    let recorded: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!((answer.status, recorded), (200, serde_json::json!({ "incident": id, "author": "kim" })));
    assert_eq!(decided(&simulated, &id)[0], "dismissed");
    assert_eq!(served.decide(&id, TOKEN, r#"{"action":"comment","note":"late"}"#).status, 200);
    assert!(served.get(&path).body.contains(" kim: late"), "the comment");
}

#[test]
fn hostile_requests_are_refused_and_the_server_goes_on() {
    let (simulated, id) = with_incident();
    let served = Served::start(&simulated);
    // A name of another site that resolves to loopback.
    assert_eq!(served.request("GET", "/", &["Host: evil.example"], "").status, 421);
    assert_eq!(served.request("GET", "/", &["Host: localhost:1"], "").status, 200);
    let large = format!(r#"{{"action":"dismiss","note":"{}"}}"#, "n".repeat(20_000));
    assert_eq!(served.decide(&id, TOKEN, &large).status, 413);
    let head = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 100_000], b"\r\n\r\n"].concat();
    for bytes in [b"\x16\x03\x01\x02\x00\x01\x00\x01".as_slice(), b"GET\r\n\r\n", &head] {
        let answer = String::from_utf8_lossy(&served.send(bytes)).into_owned();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    let escaped = served.get("/incidents/%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    assert!(escaped.status == 404 && !escaped.body.contains("<script>"), "{escaped:?}");
    // A client that sends half of a head is disconnected by the server.
    assert_eq!(served.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n"), b"");
    assert_eq!(served.get("/api/openapi.json").status, 200);
}

#[test]
fn too_many_requests_are_refused() {
    let simulated = SimulatedBill::new(&Setup::default());
    let served = Served::start(&simulated);
    let request = "GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(300);
    let last = "GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut writer = served.connect();
    let mut reader = writer.try_clone().expect("a handle");
    let answers = std::thread::spawn(move || {
        let mut answers = Vec::new();
        reader.read_to_end(&mut answers).map(|_| String::from_utf8_lossy(&answers).into_owned())
    });
    writer.write_all(format!("{request}{last}").as_bytes()).expect("sent");
    let answers = answers.join().expect("joined").expect("answers");
    let number = |status: &str| answers.matches(&format!("HTTP/1.1 {status} ")).count();
    assert_eq!(number("200") + number("429"), 301);
    assert!(number("200") >= 40 && number("429") > 0, "{} and {}", number("200"), number("429"));
    assert!(answers.to_ascii_lowercase().contains("retry-after: 1"));
}

#[test]
fn a_signal_ends_the_server_beside_an_open_connection() {
    let simulated = SimulatedBill::new(&Setup::default());
    let mut served = Served::start(&simulated);
    let mut open = served.connect();
    open.write_all(b"GET / HTTP/1.1\r\n").expect("sent");
    let pid = Pid::from_child(&served.child);
    kill_process(pid, Signal::TERM).expect("sent");
    let mut code = None;
    until("the server ends", || {
        code = served.child.try_wait().expect("a child");
        code.is_some()
    });
    assert_eq!(code.and_then(|code| code.code()), Some(0));
}
