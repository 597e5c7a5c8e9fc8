//! The command line in Korean: the texts of all commands have no English word outside a list of names and stored words.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use costwarden_tests::rules::PLAIN;
use costwarden_tests::{Simulator, repository};

use super::simulated_bill::{MYSQL, Setup, SimulatedBill, TODAY, ago};

/// Widest line of a table, in columns.
const COLUMNS: usize = 80;

/// Names of the simulated bill, of receivers and of people.
const NAMES: [&str; 9] = ["Engine", "IP", "Kubernetes", "Machine", "MySQL", "Public", "Virtual", "kim", "stdout"];

/// Words of configs, options, stored documents, monitoring and commands.
const STORED: [&str; 31] = [
    "API",
    "COSTWARDEN",
    "CRITICAL",
    "ID",
    "KRW",
    "NEW",
    "NTP",
    "OLD",
    "RESERVED",
    "anomalies",
    "anomalous",
    "backfill",
    "backtest",
    "costwarden",
    "daily",
    "deviation",
    "diff",
    "disable",
    "disk",
    "enable",
    "hourly",
    "incidents",
    "level",
    "list",
    "live",
    "plain",
    "rules",
    "run",
    "spool",
    "systemctl",
    "undelivered",
];

/// Returns the words of Latin letters alone. Keys, paths, addresses and ids have other characters.
fn words(text: &str) -> BTreeSet<String> {
    let is_border = |c: char| c.is_whitespace() || "()[]\"'`=·,;~".contains(c) || !c.is_ascii();
    let words = text.split(is_border).map(|word| word.trim_matches(['.', ':']));
    let is_word = |word: &&str| word.len() > 1 && word.chars().all(|letter| letter.is_ascii_alphabetic());
    words.filter(is_word).map(str::to_owned).collect()
}

/// Returns the columns of a line. A letter of Hangul has two.
fn width(line: &str) -> usize {
    line.chars().map(|letter| if ('가'..='힣').contains(&letter) { 2 } else { 1 }).sum()
}

/// Returns the default rules with Korean purposes.
fn rules() -> String {
    let text = std::fs::read_to_string(repository().join("rules/default/default.toml")).expect("the default rules");
    let line = |line: &str| {
        if line.starts_with("why = ") { "why = \"비용을 봅니다.\"".to_owned() } else { line.to_owned() }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// An installation with open and decided incidents, a silence, a planned event and two rule sets.
struct Demo {
    simulated: SimulatedBill,
    incident: String,
}

impl Demo {
    fn new() -> Self {
        let rules = rules();
        let keys = "language = \"ko\"\nenv_file = \"environment\"";
        let simulated = SimulatedBill::new(&Setup { keys, rules: &rules, ..Setup::default() });
        // `schedule install` refuses secrets that the jobs would not have.
        let (name, value) = Simulator::ENV;
        let environment = simulated.workdir.path().join("environment");
        std::fs::write(&environment, format!("{name}={value}\n")).expect("written");
        std::fs::set_permissions(environment, Permissions::from_mode(0o600)).expect("a mode");
        std::fs::create_dir(simulated.workdir.path().join("units")).expect("a folder");
        simulated.load(ago(60), ago(5)).expect(0);
        simulated.hide(MYSQL, "spike", "2026-11-20T00:00:00", r#","factor":2"#);
        simulated.hide("dom-01/prj-01/virtual-machine", "spike", "2026-11-23T00:00:00", r#","factor":3"#);
        simulated.load(ago(4), ago(1)).expect(0);
        simulated.day(TODAY).expect(0);
        simulated.workdir.write("one/rules.toml", PLAIN);
        simulated
            .workdir
            .write("two/rules.toml", &PLAIN.replace("\"plain\"", "\"plain-2\"").replace("mysql", "virtual-machine"));
        let open = simulated.run(&["incidents", "list", "--open", "--rule", "service-daily", "--json"]).expect(0);
        let incident = open.json()[0]["incident"].as_str().expect("an id").to_owned();
        Self { simulated, incident }
    }

    /// Runs a command and returns the output without the paths of the demo and without error messages, which are English.
    fn text(&self, args: &[&str]) -> String {
        let run = self.simulated.run(args);
        // The clock of the simulated bill is in the past, and a machine may have no crontab: the checks report errors.
        let is_check = ["health", "check"].contains(&args[0]);
        assert!(run.code < 2 || is_check, "{args:?}: {run:?}");
        let path = self.simulated.workdir.path().display().to_string();
        let text = format!("{}{}", run.stdout, run.stderr).replace(&path, "");
        let is_error =
            |line: &&str| line.starts_with("error: ") || line.starts_with("warning: ") || line.contains(" 예약 ");
        text.lines().filter(|line| !is_error(line)).collect::<Vec<_>>().join("\n")
    }
}

/// The commands in the order of the walk. `ID` is the open incident.
const COMMANDS: [&[&str]; 36] = [
    &["incidents", "list"],
    &["incidents", "show", "ID"],
    &["incidents", "explain", "ID"],
    &["incidents", "assign", "ID", "kim", "--as", "kim"],
    &["incidents", "comment", "ID", "확인 중", "--as", "kim"],
    &["anomalies", "list"],
    &["silences", "add", "--project", "prj-09", "--until", "2099-12-31", "--reason", "이전", "--as", "kim"],
    &["silences", "list", "--all"],
    &[
        "events",
        "add",
        "이전",
        "--project=prj-01",
        "--from=2099-12-01",
        "--to=2099-12-03",
        "--daily-effect=1",
        "--owner=kim",
    ],
    &["events", "list"],
    &["routes", "test", "ID"],
    &["daily", "--date", "2026-11-23"],
    &["hourly", "--at", "2026-11-24T00:10"],
    &["backfill", "--from", "2026-11-22", "--to", "2026-11-23"],
    &["rules", "run"],
    &["health"],
    &["health", "--brief"],
    &["series", "list"],
    &["series", "show", "--series", MYSQL, "--from", "2026-11-20"],
    &["series", "forecast", "--series", MYSQL],
    &["report", "--output", "report", "--to", "2026-11-23"],
    &["check"],
    &["check", "--online"],
    &["rules", "list"],
    &["rules", "backtest", "--rules", "one", "--from", "2026-11-15"],
    &["rules", "diff", "one", "two"],
    &["rules", "tune", "plain", "--rules", "one", "--notifications-per-month", "9"],
    &["archive", "prune", "--before", "2026-10-01"],
    &["archive", "verify"],
    &["schedule", "install", "--systemd", "--dir", "units"],
    &["schedule", "install", "--systemd", "--dir", "units"],
    &["schedule", "remove", "--systemd", "--dir", "units"],
    &["schedule", "show", "--systemd", "--dir", "units"],
    &["incidents", "accept", "ID", "--as", "kim"],
    &["incidents", "show", "ID"],
    &["routes", "test", "ID"],
];

/// Commands with a snapshot: their output depends on the bill alone.
const SNAPSHOTS: [&[&str]; 13] = [
    &["incidents", "list"],
    &["incidents", "show"],
    &["incidents", "explain"],
    &["incidents", "assign"],
    &["incidents", "comment"],
    &["incidents", "accept"],
    &["anomalies", "list"],
    &["routes", "test"],
    &["daily"],
    &["series", "show"],
    &["series", "forecast"],
    &["rules", "list"],
    &["rules", "diff"],
];

/// Replaces the times of entries and the digests of plugins, and removes the cost until the end of the present month.
fn without_changing_words(text: &str) -> String {
    let is_digest = |word: &str| word.len() == 64 && word.chars().all(|digit| digit.is_ascii_hexdigit());
    let is_time = |word: &str| word.starts_with("20") && word.ends_with('Z');
    let word = |word: &str| match word {
        digest if is_digest(digest) => "DIGEST".to_owned(),
        time if is_time(time) => "TIME".to_owned(),
        other => other.to_owned(),
    };
    let line = |line: &str| line.split(' ').map(word).collect::<Vec<_>>().join(" ");
    let lines = text.lines().filter(|line| !line.contains("(남은 날이 최근 사흘과 같을 때)"));
    lines.map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_command_prints_an_english_word() {
    let demo = Demo::new();
    let known: BTreeSet<&str> = NAMES.into_iter().chain(STORED).collect();
    let mut failures = Vec::new();
    let mut seen = BTreeSet::new();
    for (number, command) in COMMANDS.iter().enumerate() {
        let args: Vec<&str> = command.iter().map(|arg| if *arg == "ID" { &demo.incident } else { *arg }).collect();
        let text = demo.text(&args);
        assert!(text.chars().any(|c| ('가'..='힣').contains(&c)), "{args:?} prints no Korean:\n{text}");
        let found = words(&text);
        let unknown: BTreeSet<&String> = found.iter().filter(|word| !known.contains(word.as_str())).collect();
        if !unknown.is_empty() {
            failures.push(format!("{args:?} prints {unknown:?}:\n{text}"));
        }
        seen.extend(found);
        let widest = text.lines().filter(|line| line.starts_with([' ', '─'])).map(width).max();
        assert!(widest <= Some(COLUMNS), "{args:?} has {widest:?} columns:\n{text}");
        if SNAPSHOTS.iter().any(|wanted| command.starts_with(wanted)) {
            let words = command.iter().take_while(|word| word.chars().all(|letter| letter.is_ascii_lowercase()));
            let name = words.copied().collect::<Vec<_>>().join("-");
            insta::assert_snapshot!(format!("{number:02}-{name}"), without_changing_words(&text));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    let unused: Vec<&str> = known.into_iter().filter(|word| !seen.contains(*word)).collect();
    assert!(unused.is_empty(), "listed words that no command prints: {unused:?}");
}
