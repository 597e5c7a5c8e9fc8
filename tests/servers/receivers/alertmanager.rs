//! Debian's Alertmanager: an open incident fires in every run, and the end resolves the alert.

use std::process::Command;

use serde_json::Value;

use crate::backends::bills;
use crate::tls::servers::{TlsServer, serving};
use costwarden_tests::{Run, Workdir, block_on, until, write_private};

const USER: &str = "costwarden";
const PASSWORD: &str = "päss:wort";
/// The user with the bcrypt hash of the password.
const USERS: &str = "basic_auth_users: { costwarden: $2b$04$abcdefghijklmnopqrstuu10dizIEH490iejFXSRrWZC9bVi.Upc2 }\n";

/// A running Alertmanager.
struct Alertmanager {
    server: TlsServer,
}

impl Alertmanager {
    /// Starts an Alertmanager without alerts; `None` without the program.
    fn start() -> Option<Self> {
        Self::start_with("")
    }

    /// Starts an Alertmanager with a configuration of its web server.
    fn start_with(web_config: &str) -> Option<Self> {
        let programs = costwarden_tests::download("alertmanager")?;
        let server = serving("Listening on", |folder, port| {
            let config = folder.join("alertmanager.yml");
            std::fs::write(&config, "route: { receiver: nobody }\nreceivers: [{ name: nobody }]\n").expect("written");
            let web = folder.join("web.yml");
            std::fs::write(&web, web_config).expect("written");
            let mut command = Command::new(programs.join("usr/bin/prometheus-alertmanager"));
            // The folder with `default.tmpl`.
            command.current_dir(programs.join("usr/share/prometheus/alertmanager"));
            command.arg(format!("--config.file={}", config.display()));
            command.arg(format!("--web.config.file={}", web.display()));
            command.arg(format!("--storage.path={}", folder.display()));
            command.args([&format!("--web.listen-address=127.0.0.1:{port}"), "--cluster.listen-address="]);
            command
        });
        let alertmanager = Self { server };
        until("Alertmanager is ready", || alertmanager.get("/-/ready").is_some());
        Some(alertmanager)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.server.port)
    }

    fn get(&self, path: &str) -> Option<String> {
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let url = format!("{}{path}", self.url());
        block_on(async {
            client
                .get(url)
                .basic_auth(USER, Some(PASSWORD))
                .send()
                .await
                .ok()?
                .error_for_status()
                .ok()?
                .text()
                .await
                .ok()
        })
    }

    /// The firing alerts.
    fn alerts(&self) -> Vec<Value> {
        let text = self.get("/api/v2/alerts").expect("alerts");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn workdir(alertmanager: &Alertmanager) -> Workdir {
    let workdir = bills::workdir("");
    let receiver = format!("[[receiver]]\nkind = \"alertmanager\"\nendpoint = {:?}\n", alertmanager.url());
    bills::configure(&workdir, "language = \"en\"", &receiver);
    bills::load(&workdir).expect(0);
    workdir
}

fn notifications(run: &Run) -> u64 {
    run.report()["counts"]["notifications"].as_u64().unwrap_or(0)
}

/// Points the config at another Alertmanager.
fn move_to(workdir: &Workdir, from: &Alertmanager, to: &Alertmanager) {
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("the config");
    workdir.write("costwarden.toml", &config.replace(&from.url(), &to.url()));
}

#[test]
fn an_open_incident_fires_in_every_run_until_its_end() {
    let Some(first) = Alertmanager::start() else { return };
    let workdir = workdir(&first);
    assert_eq!(notifications(&bills::daily(&workdir, 0, "1500").expect(0)), 1, "and no daily total");
    let alerts = first.alerts();
    let [alert] = &alerts[..] else { panic!("{alerts:?}") };
    let labels = &alert["labels"];
    let id = labels["incident"].as_str().expect("an id").to_owned();
    assert!(workdir.run(&["incidents", "show", &id]).code == 0, "{labels}");
    insta::assert_snapshot!(serde_json::to_string_pretty(labels).expect("JSON").replace(&id, "ID"), @r#"
    {
      "account": "d-1",
      "alertname": "CostIncident",
      "direction": "up",
      "incident": "ID",
      "project": "p-1",
      "service": "vm",
      "severity": "warning"
    }
    "#);
    insta::assert_snapshot!(serde_json::to_string_pretty(&alert["annotations"]).expect("JSON"), @r#"
    {
      "account_name": "우리회사",
      "description": "19 Oct (Mon): 1,500 KRW · usual 1,000 KRW · +500 KRW\nReason: 1,500 KRW is 1.5 times the mean of 1,000 KRW and 49.1 standard deviations above it\nCause, compared with 12 Oct (Mon): Virtual Machine, 1,010 KRW → 1,500 KRW, +490 KRW (100% of the difference).",
      "project_name": "쇼핑몰",
      "rules": "tutorial",
      "service_name": "Virtual Machine",
      "summary": "우리회사 / 쇼핑몰 · Virtual Machine: 50% more than usual"
    }
    "#);
    let time =
        |alert: &Value, field: &str| alert[field].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    assert_eq!(time(alert, "endsAt").duration_since(time(alert, "startsAt")).as_hours(), 50);

    // Another run sends the alert again, and counts no notification.
    assert_eq!(notifications(&bills::hourly(&workdir, 1, 1, "40").expect(0)), 0);
    let again = first.alerts();
    assert_eq!(again.len(), 1, "{again:?}");
    assert!(
        time(&again[0], "endsAt") > time(alert, "endsAt") && again[0]["startsAt"] == alert["startsAt"],
        "{again:?}"
    );

    // An Alertmanager that lost its alerts gets the open incident from the next run.
    let Some(second) = Alertmanager::start() else { return };
    move_to(&workdir, &first, &second);
    assert_eq!((second.alerts().len(), notifications(&bills::hourly(&workdir, 1, 2, "80").expect(0))), (0, 0));
    assert_eq!(second.alerts().len(), 1);

    assert_eq!(notifications(&bills::daily(&workdir, 1, "1000").expect(0)), 1);
    assert_eq!(second.alerts(), [] as [Value; 0]);
    bills::hourly(&workdir, 2, 1, "40").expect(0);
    assert_eq!(second.alerts(), [] as [Value; 0], "no run fires again");
}

#[test]
fn a_problem_of_costwarden_is_an_alert_until_it_ends() {
    let Some(alertmanager) = Alertmanager::start() else { return };
    let workdir = workdir(&alertmanager);
    std::fs::create_dir_all(workdir.path().join("gone")).expect("a folder");
    for _ in 0..3 {
        // No bill of this day exists.
        workdir.run(&["daily", &format!("--date={}", bills::day(0)), "--json"]);
    }
    let problems = |alerts: Vec<Value>| -> Vec<String> {
        alerts.iter().map(|alert| format!("{} {}", alert["labels"]["problem"], alert["labels"]["severity"])).collect()
    };
    assert_eq!(problems(alertmanager.alerts()), ["\"failing:daily\" \"critical\""]);
    bills::daily(&workdir, 0, "1000").expect(0);
    assert_eq!(alertmanager.alerts(), [] as [Value; 0]);
    let checked = workdir.run(&["check", "--online"]);
    assert!(checked.stdout.contains("receiver   alertmanager: reached"), "{checked:?}");
}

#[test]
fn an_alertmanager_with_users_needs_user_name_and_password() {
    let Some(alertmanager) = Alertmanager::start_with(USERS) else { return };
    let workdir = bills::workdir("");
    let write_password = |password| write_private(&workdir.path().join("password"), password);
    write_password("wrong");
    let login = format!("username = {USER:?}\npassword = \"file:password\"\n");
    let receiver = format!("[[receiver]]\nkind = \"alertmanager\"\nendpoint = {:?}\n{login}", alertmanager.url());
    bills::configure(&workdir, "language = \"en\"", &receiver);
    bills::load(&workdir).expect(0);
    let problems = bills::daily(&workdir, 0, "1500").expect(1).report()["problems"].to_string();
    assert!(problems.contains("the answer is 401"), "{problems}");
    assert!(!problems.contains("wrong"), "no message contains a password: {problems}");
    write_password(PASSWORD);
    bills::daily(&workdir, 0, "1500").expect(0);
    assert_eq!(alertmanager.alerts().len(), 1);
}
