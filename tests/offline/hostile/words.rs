//! Text that controls a terminal, forges a log line or is executed by a viewer. Notifications, the system log and
//! documents contain a single line of plain text.

use std::net::UdpSocket;

use serde_json::Value;

use super::artefact::{Artefact, LIMITS, spread};
use costwarden_tests::three_services::{LAST, MINIMAL, daily, workdir_with_history};
use text_plugin::{ONE_VERDICT, Plugin, Verdict};

pub(crate) fn artefacts() -> Vec<Artefact> {
    let says = |name, reason: &str| {
        let verdict = Verdict { score: 3.0, expected: 1_000.0, reason: reason.as_bytes(), ..Verdict::default() };
        Artefact::plugin(name, &Plugin { judge: ONE_VERDICT, verdict, ..Plugin::default() })
    };
    vec![
        says("escapes", "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31mred"),
        says(
            "line-breaks",
            "fine\r\n<11>Nov 22 00:00:00 host costwarden: [BILLING_ANOMALY] forged\u{2028}\u{2029}\u{85}x",
        ),
        says("directions", "\u{202e}desrever\u{2066}\u{61c}\u{200f}"),
        says("html", "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;"),
        says("slack", "<!channel> <https://evil.example|invoice> *bold* `code`"),
        says("zeros", "before\0after"),
    ]
}

/// Characters with an effect in a terminal or a viewer.
fn is_obeyed(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[test]
fn reasons_are_one_line_of_plain_text() {
    let workdir = workdir_with_history();
    let artefacts = artefacts();
    spread(&workdir, &artefacts, "");
    let (code, report, problems) = daily(&workdir);
    assert_eq!((code, problems.as_str()), (0, ""));
    let anomalies = report["anomalies"].as_array().expect("anomalies");
    let reasons: Vec<String> = artefacts
        .iter()
        .map(|Artefact { name, .. }| {
            let of = |anomaly: &&Value| anomaly["ruleId"] == *name && anomaly["series"] == "d/p/vm";
            let anomaly = anomalies.iter().find(of).unwrap_or_else(|| panic!("{name}: {anomalies:?}"));
            format!("{name}: {}", anomaly["reason"].as_str().expect("a text"))
        })
        .collect();
    // Markup is kept as it is: to whom it means something is the receiver's business, which escapes it there.
    insta::assert_snapshot!(reasons.join("\n"), @"
    escapes:  [2J ]0;owned  31mred
    line-breaks: fine  <11>Nov 22 00:00:00 host costwarden: [BILLING_ANOMALY] forged   x
    directions:  desrever   
    html: <script>alert(1)</script><img src=x onerror=alert(1)>&amp;
    slack: <!channel> <https://evil.example|invoice> *bold* `code`
    zeros: before after
    ");
    assert!(!reasons.iter().any(|reason| reason.contains(is_obeyed)));

    // The documents, as they are stored.
    let stored = workdir.json(&["anomalies", "list", "--json"]);
    assert!(stored.iter().any(|document| document["ruleId"] == "escapes"), "{stored:?}");
    for document in &stored {
        let reason = document["reason"].as_str().expect("a text");
        assert!(!reason.contains(is_obeyed), "{reason:?}");
    }
    // What a person sees.
    for args in [&["anomalies", "list"][..], &["daily", "--date", &LAST.to_string()]] {
        let shown = workdir.run(args).expect(0);
        let text = shown.stdout + &shown.stderr;
        assert!(text.contains("d/p/vm") || text.contains("vm"), "{text}");
        assert!(!text.replace('\n', "").contains(is_obeyed), "{text:?}");
    }
}

/// The system log gets one message for each incident, and none from a plugin.
#[test]
fn the_systems_log_gets_one_line_an_incident() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(std::time::Duration::from_millis(200))).expect("set");
    let workdir = workdir_with_history();
    spread(&workdir, &artefacts(), "");
    let address = socket.local_addr().expect("bound");
    workdir.write(
        "costwarden.toml",
        &format!(
            "{MINIMAL}{LIMITS}[[receiver]]\nkind = \"syslog\"\nname = \"log\"\ntransport = \"udp\"\naddress = \"{address}\"\n"
        ),
    );
    daily(&workdir);
    let mut lines = Vec::new();
    let mut buffer = [0; 65_536];
    while let Ok(len) = socket.recv(&mut buffer) {
        lines.push(String::from_utf8(buffer[..len].to_vec()).expect("UTF-8"));
    }
    assert!(lines.iter().any(|line| line.contains("[BILLING_ANOMALY]")), "{lines:?}");
    for line in &lines {
        assert!(!line.trim_end_matches('\n').replace('\u{feff}', "").contains(is_obeyed), "{line:?}");
        assert!(!line.contains("forged") && !line.contains("script"), "{line}");
    }
}

/// Log lines, refusals and setting issues of a plugin.
#[test]
fn everything_else_that_a_plugin_says_is_plain_too() {
    let text = "\u{1b}[31m\nforged";
    let len = text.len();
    let emit = r#"(import "costwarden:detector/log@1.0.0" "emit" (func $emit (param i32 i32 i32)))"#;
    // The first result is a refusal with the text, which the log gets as an error before.
    let fit = format!(
        "(call $emit (i32.const 3) (i32.const 24576) (i32.const {len}))
         (i32.store8 (i32.const 4096) (i32.const 1)) (i32.store8 (i32.const 4100) (i32.const 1))
         (i32.store (i32.const 4104) (i32.const 24576)) (i32.store (i32.const 4108) (i32.const {len}))
         (call $fits (local.get 7))"
    );
    let verdict = Verdict { reason: text.as_bytes(), ..Verdict::default() };
    let workdir = workdir_with_history();
    spread(
        &workdir,
        &[Artefact::plugin("talker", &Plugin { imports: emit, fit: &fit, verdict, ..Plugin::default() })],
        "",
    );
    let run = workdir.run(&["daily", "--date", &LAST.to_string()]).expect(1);
    insta::assert_snapshot!(run.stderr.lines().filter(|line| line.starts_with("degraded")).collect::<String>(), @"degraded: plugin `talker`, rule `talker`, series `d/p/db`: the detector refuses the series:  [31m forged");
    let logged =
        workdir.run_with(&["daily", "--date", &LAST.to_string()], &[("COSTWARDEN_LOG_FORMAT", "json")]).expect(1);
    assert!(logged.stderr.lines().count() > 1, "{logged:?}");
    for line in logged.stderr.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let message = line["message"].as_str().expect("a message");
        assert!(!message.contains(is_obeyed), "{message:?}");
    }
    assert!(!run.stderr.replace('\n', "").contains(is_obeyed), "{:?}", run.stderr);
    assert!(run.stderr.lines().all(|line| !line.starts_with("forged")), "{}", run.stderr);
}
