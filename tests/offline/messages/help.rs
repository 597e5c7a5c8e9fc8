//! The help of every command, and the exit codes of invalid arguments.

use std::process::Command;

use costwarden_tests::{Run, binary, run};

fn costwarden(args: &[&str]) -> Run {
    run(Command::new(binary()).args(args).env_remove("COSTWARDEN_CONFIG").env("COSTWARDEN_LOG_FORMAT", "text"))
}

fn help(command: &[&str]) -> String {
    let text = costwarden(&[command, &["--help"]].concat()).expect(0).stdout;
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn of_the_program() {
    insta::assert_snapshot!(help(&[]), @"
    Watches cloud bills: fetches and archives bills, runs sandboxed detectors on every cost series, and notifies people.

    Exit codes: 0 done (anomalies are data, not failures); 1 degraded, nothing is lost; 2 failed. `--version --verbose` also prints the commit, the engine and the date of the last advisory check.

    Usage: costwarden [OPTIONS] <COMMAND>

    Commands:
      init       Write a first config and rule set, after a trial of the billing API, the archive and the store
      daily      Ingest and evaluate finished days, notify people, and train the detectors. Start every hour
      hourly     Ingest and evaluate the current day up to now. Start every hour
      backfill   Load past days in order, without notifications. An interrupted backfill resumes
      check      Check the config, rules and plugins without the network. Print all errors at once
      plugin     Create, build, test, sign, share and lock detector plugins
      rules      List the rules, or evaluate a rule set on stored days
      archive    Maintain the raw documents: set the retention, compare with the ledger, rebuild the database
      anomalies  List anomalies
      incidents  List, show, explain and decide incidents
      silences   Silence incidents for a time: add, list and expire silences
      events     Plan changes of cost: add and list planned events
      routes     Test the routes: show the receivers of an incident
      series     List series, or show, draw, export or forecast the stored days of a series
      report     Write a report for cost owners: the month, the forecast, the incidents, and the costs of every service
      serve      Serve the cost report on live data, with a small API, until a signal. People with a token decide and comment
      health     Report the health of jobs, store, archive, rules and disk, with the exit codes of monitoring plugins
      schedule   Install, remove or show the cron or systemd schedule of the jobs
      schema     Print the JSON Schema of a file, for editors
      simulate   Serve a simulated Kakao Cloud billing API on loopback until interrupted
      demo       Run all jobs on a simulated bill, and compare the incidents found with the incidents hidden in the bill
      help       Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>
              Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --json
              Print JSON, one object per line

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    ");
    let build = costwarden(&["--version", "--verbose"]).expect(0).stdout;
    for line in [
        concat!("costwarden ", env!("CARGO_PKG_VERSION"), "\n"),
        "\ncommit: ",
        "\nengine: wasmtime ",
        "\nadvisory check: ",
    ] {
        assert!(build.contains(line), "{line:?} is missing: {build}");
    }
    assert_eq!(costwarden(&["--version"]).expect(0).stdout, concat!("costwarden ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn of_what_keeps_the_archive() {
    insta::assert_snapshot!(help(&["archive", "lifecycle"]), @"
    Set the bucket's lifecycle rules: move raw documents to a cheap storage class, later delete them.

    Without --apply, show the change only. Rules of other owners stay unchanged.

    Usage: costwarden archive lifecycle [OPTIONS]

    Options:
          --apply
              Write the rules

          --config <FILE>
              Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --json
              Print JSON, one object per line

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["archive", "prune"]), @"
    Delete old raw documents and their superseded versions. For storages without lifecycle rules.

    Without --apply, show the documents only.

    Usage: costwarden archive prune [OPTIONS]

    Options:
          --before <BEFORE>
              First day to keep: delete documents of days before. Default: archive.lifecycle.delete_after_days before today

          --config <FILE>
              Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --apply
              Delete the documents

          --json
              Print JSON, one object per line

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["archive", "verify"]), @"
    Compare raw documents with the ledger: a document for every day and hour, and equal sums.

    Exit codes: 0 equal; 1 different; 2 not comparable.

    Usage: costwarden archive verify [OPTIONS]

    Options:
          --config <FILE>
              Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --from <FROM>
              First day

          --json
              Print JSON, one object per line

          --to <TO>
              Last day

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["archive", "rebuild"]), @"
    Rebuild an empty database from the archive alone, without notifications

    Usage: costwarden archive rebuild [OPTIONS]

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object per line
      -h, --help           Print help
    ");
}

#[test]
fn of_what_an_author_works_with() {
    insta::assert_snapshot!(help(&["plugin", "inspect"]), @"
    Show the manifest and digest of a plugin without running the code

    Usage: costwarden plugin inspect [OPTIONS] <FILE>

    Arguments:
      <FILE>  Plugin file

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object per line
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["plugin", "run"]), @r#"
    Evaluate series from CSV files with a plugin, in the sandbox, under production limits

    Usage: costwarden plugin run [OPTIONS] <--input <CSV|DIR>|--series <KEY>> <FILE>

    Arguments:
      <FILE>
              Plugin file

    Options:
          --config <FILE>
              Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --input <CSV|DIR>
              Series: a CSV file with the columns timestamp and value, at any step, or a folder of CSV files.

              Timestamps are days, local times of the bill, times with an offset, or Unix seconds. An empty value, NaN or a missing row means "not known". With a column label, the verdicts are scored: 0 is a usual row, a number is the number of the event that the row belongs to.

          --json
              Print JSON, one object per line

          --series <KEY>
              Series of the store in the config: domainId/projectId/serviceId. The incidents are the labels

          --settings <JSON>
              Settings of the rule: JSON, or @FILE

              [default: {}]

          --judge-from <POINT>
              First point to judge: a timestamp, or a row number from 0. The fit sees the points before. Default: the last tenth of the series

          --walk <N>
              Points per step of a simulated production run: fit on the past, judge the next N points, fit again, until the end.

              The detector sees no points after the judged point. Later fits exclude anomalous points as known incidents. With a step of a day or longer, a deviation over accept_after_days of the config, with gaps of at most three days, becomes the new level, and later fits include the points again, as in a run.

          --incidents <INCIDENTS>
              Use of anomalous points in later fits of a walk

              [default: exclude]
              [possible values: exclude, include]

          --history-days <DAYS>
              Days of history per fit. Default: 90 points; for steps shorter than a day, 28 days and at most 4032 points

          --unit <UNIT>
              Unit of the values. Default: the currency of the config, or KRW without a config

          --locale <LOCALE>
              Language of reasons, like ko or en

              [default: en]

          --alerts
              Print anomalous points only

          --plot [<FILE.svg>]
              Draw the series and the verdicts in the terminal instead of a table, or write an SVG file

          --format <FORMAT>
              Output format of verdicts. The table also compares the resource usage with the limits

              [default: table]
              [possible values: table, json, csv]

          --reference <DIR>
              Folder of reference data to grant. Default: the grant in the config

          --no-cache
              Compile the plugin again, and store nothing in the user's cache folder

      -h, --help
              Print help (see a summary with '-h')
    "#);
    insta::assert_snapshot!(help(&["plugin", "test"]), @"
    Run the golden cases of a project

    Usage: costwarden plugin test [OPTIONS] [DIRECTORY]

    Arguments:
      [DIRECTORY]  Folder of the project, with cases in golden/CASE/: input.csv, expected.csv and, for settings and intents, case.toml [default: .]

    Options:
          --config <FILE>    Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --plugin <FILE>    Plugin file. Default: the .wasm file in the folder, in its dist folder, or in the neighbouring dist folder, built again if a source file of the project is newer
          --json             Print JSON, one object per line
          --update           Write the current verdicts to expected.csv
          --reference <DIR>  Folder of reference data to grant. Default: the grant in the config
          --no-cache         Compile the plugin again, and store nothing in the user's cache folder
      -h, --help             Print help
    ");
    insta::assert_snapshot!(help(&["plugin", "bench"]), @"
    Measure time and fuel per point, by series length and batch size, and compare with the limits

    Usage: costwarden plugin bench [OPTIONS] <FILE>

    Arguments:
      <FILE>  Plugin file

    Options:
          --config <FILE>    Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --settings <JSON>  Settings of the rule: JSON, or @FILE [default: {}]
          --against <FILE>   Second plugin, for example an earlier build. Time and fuel are also shown as multiples of the second plugin's time and fuel
          --json             Print JSON, one object per line
          --reference <DIR>  Folder of reference data to grant. Default: the grant in the config
          --no-cache         Compile the plugin again, and store nothing in the user's cache folder
      -h, --help             Print help
    ");
}

#[test]
fn of_the_jobs() {
    insta::assert_snapshot!(help(&["daily"]), @"
    Ingest and evaluate finished days, notify people, and train the detectors. Start every hour

    Usage: costwarden daily [OPTIONS]

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --date <DATE>    Finished day to process, like 2026-11-23. If the bill of the day has changed, later days with the day in their history are processed too. Default: yesterday, missing days before yesterday, and restated days
          --from <FROM>    First of several days
          --json           Print JSON, one object per line
          --to <TO>        Last of several days. Without --from: the last day of the default run, instead of yesterday
          --dry-run        Fetch and evaluate only: archive, store and send nothing
          --once           Skip the run if any host has completed the day. Default without --date, --from and --to
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["hourly"]), @"
    Ingest and evaluate the current day up to now. Start every hour

    Usage: costwarden hourly [OPTIONS]

    Options:
          --at <AT>        Moment to evaluate, like 2026-11-23T10:10 in the bill's time zone or 2026-11-23T01:10Z. Default: now
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --dry-run        Fetch and evaluate only: archive, store and send nothing
          --json           Print JSON, one object per line
          --once           Skip the run if any host has completed the hour. Default without --at
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["backfill"]), @"
    Load past days in order, without notifications. An interrupted backfill resumes

    Usage: costwarden backfill [OPTIONS] --from <FROM>

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --from <FROM>    First day
          --json           Print JSON, one object per line
          --to <TO>        Last day. Default: yesterday in the bill's time zone when the backfill began
          --alert          Notify people of incidents, like a run at the time of the bill
          --dry-run        Fetch and evaluate only: archive, store and send nothing
      -h, --help           Print help
    ");
}

#[test]
fn of_what_looks() {
    insta::assert_snapshot!(help(&["check"]), @"
    Check the config, rules and plugins without the network. Print all errors at once

    Usage: costwarden check [OPTIONS]

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --online         Also run the go-live checklist: the billing API and the clock, the archive, the store and the access rights in the store, secrets, folders, receivers, the schedule, and the registries of plugins not pulled yet
          --json           Print JSON, one object per line
          --notify         Also send a test notification to every receiver
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["anomalies"]), @"
    List anomalies

    Usage: costwarden anomalies [OPTIONS] <COMMAND>

    Commands:
      list  List anomalies, oldest first
      help  Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object per line
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["anomalies", "list"]), @"
    List anomalies, oldest first

    Usage: costwarden anomalies list [OPTIONS]

    Options:
          --config <FILE>        Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --from <FROM>          First day
          --json                 Print JSON, one object per line
          --to <TO>              Last day
          --project <PROJECT>    Project, by id or by name
          --service <SERVICE>    Service, by id or by name
          --rule <RULE>          Rule, by id
          --severity <SEVERITY>  Severity [possible values: info, warning, critical]
          --limit <N>            Maximum number of rows: the newest rows are listed
          --state <STATE>        State of the anomaly, like NEW
      -h, --help                 Print help
    ");
    for command in ["list", "show", "accept", "dismiss"] {
        assert!(help(&["incidents"]).contains(&format!("\n  {command}")), "{command}");
    }
    insta::assert_snapshot!(help(&["incidents", "list"]), @"
    List incidents, oldest first

    Usage: costwarden incidents list [OPTIONS]

    Options:
          --config <FILE>        Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --from <FROM>          First day
          --json                 Print JSON, one object per line
          --to <TO>              Last day
          --project <PROJECT>    Project, by id or by name
          --service <SERVICE>    Service, by id or by name
          --rule <RULE>          Rule, by id
          --severity <SEVERITY>  Severity [possible values: info, warning, critical]
          --limit <N>            Maximum number of rows: the newest rows are listed
          --state <STATE>        State of the incident [possible values: open, over, new-level, expected, dismissed, retracted, not-verifiable]
          --open                 Open incidents only: the same as --state open
      -h, --help                 Print help
    ");
    insta::assert_snapshot!(help(&["incidents", "show"]), @"
    Show an incident: the reason, the rules, the days, and the notifications sent

    Usage: costwarden incidents show [OPTIONS] <ID>

    Arguments:
      <ID>  Id from `incidents list` or from an anomaly; the first characters suffice

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object per line
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["incidents", "accept"]), @"
    Accept a change: no further alerts about the incident.

    The new cost is the usual cost, and detectors train on the days from the start of the incident on.

    Usage: costwarden incidents accept [OPTIONS] <ID>

    Arguments:
      <ID>
              Id from `incidents list` or from an anomaly; the first characters suffice

    Options:
          --as <NAME>
              Author of the entry. Default: the user of the system

          --config <FILE>
              Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --json
              Print JSON, one object per line

          --note <TEXT>
              Reason, for later readers

          --once
              The change does not last, e.g. a load test: detectors never train on the days of the incident

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["series"]), @"
    List series, or show, draw, export or forecast the stored days of a series

    Usage: costwarden series [OPTIONS] <COMMAND>

    Commands:
      list      List the series of a day with keys and names, most expensive first
      show      Show the days of a series in the ledger
      export    Write the days of a series as CSV with the columns timestamp, value and label, for `plugin run --input`
      forecast  Forecast the cost of a series at the end of the month, with a range
      help      Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object per line
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["series", "list"]), @"
    List the series of a day with keys and names, most expensive first

    Usage: costwarden series list [OPTIONS]

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --date <DATE>    Day, like 2026-11-23. Default: the newest day in the store
          --json           Print JSON, one object per line
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["series", "show"]), @"
    Show the days of a series in the ledger

    Usage: costwarden series show [OPTIONS] --series <SERIES>

    Options:
          --config <FILE>       Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --series <SERIES>     Series key domainId/projectId/serviceId, from `series list` or from an anomaly
          --as-of <DAY|MOMENT>  Moment of knowledge: show the amounts known at the end of a day, or at a moment
          --json                Print JSON, one object per line
          --plot [<FILE.svg>]   Draw the cost, the anomalies and the incidents in the terminal instead of a table, or write an SVG file. An id `*` sums over all ids
          --from <FROM>         First day
          --to <TO>             Last day
      -h, --help                Print help
    ");
}

#[test]
fn of_what_simulates() {
    insta::assert_snapshot!(help(&["simulate"]), @r#"
    Serve a simulated Kakao Cloud billing API on loopback until interrupted.

    Control endpoints: `PUT /simulate/now {"now":"2026-11-23T10:10:00+09:00"}` sets the clock, `PUT /simulate/faults {"status":429,"times":3,"retryAfter":1}` makes the next responses fail, `POST /simulate/flaws` adds flaws (the values of --flaw), and `GET /simulate/incidents` lists the incidents hidden in the bill. A request with a body needs the header `Content-Type: application/json`.

    Usage: costwarden simulate [OPTIONS]

    Options:
          --config <FILE>
              Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --port <PORT>
              Port on 127.0.0.1; 0 selects a free port

              [default: 8787]

          --json
              Print JSON, one object per line

          --seed <SEED>
              Seed of the bill; the same seed gives the same bill

              [default: 1]

          --services <SERVICES>
              Number of services in the bill

              [default: 40]

          --catalogue <CATALOGUE>
              Kinds of services in the bill

              Possible values:
              - plain:     Services with weekends, growth, flat fees and batches
              - calendar:  Also monthly fees, public holidays, and bills that change after a day
              - irregular: Also weekly and fortnightly batches, sparse services, credits, bursts, new services and rapid growth

              [default: plain]

          --days <DAYS>
              Number of days of history before today

              [default: 120]

          --now <NOW>
              Current time of the API with a UTC offset (2026-11-23T10:10:00+09:00); the default is the real clock

          --time-zone <TIME_ZONE>
              Billing time zone

              [default: Asia/Seoul]

          --incidents <on|off|FILE>
              Hidden incidents: on, off, or a file with a JSON array of incidents

              [default: on]

          --incident <JSON>
              Additional incident in JSON: {"service":"dom-01/prj-01/mysql","kind":"runaway","from":"2026-11-23T09:00:00", "amount":50000}. Kinds: spike, step, ramp, drop (with factor), stop, new-service (amount per day), runaway (amount per hour)

          --flaw <JSON>
              Temporary defect in the bill of a day, in JSON: {"date":"2026-11-22","kind":"late", "until":"2026-11-24T09:00:00"}. Kinds: late (no rows before until), missing-rows (before until, keep 0.3 of the services), still (between from and until, the bill stays in the state at from), corrected (every amount times factor, starting at from)

          --credential-id <CREDENTIAL_ID>
              Accepted Credential-ID

              [default: simulated-id]

          --credential-secret <CREDENTIAL_SECRET>
              Accepted Credential-Secret; the value protects nothing

              [default: simulated-secret]

      -h, --help
              Print help (see a summary with '-h')
    "#);
    insta::assert_snapshot!(help(&["demo"]), @"
    Run all jobs on a simulated bill, and compare the incidents found with the incidents hidden in the bill

    Usage: costwarden demo [OPTIONS]

    Options:
          --config <FILE>  Config file. Default: costwarden.toml in the current folder, then /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --plugins <DIR>  Folder with the .wasm files of the bundled plugins
          --json           Print JSON, one object per line
          --keep <DIR>     Folder for the archive and the database of the demo. Default: a temporary folder, deleted at the end
      -h, --help           Print help
    ");
}

#[test]
fn invalid_arguments_are_refused() {
    let refused = |args: &[&str]| costwarden(args).expect(2).stderr.lines().next().map(str::to_owned).expect("a line");
    insta::assert_snapshot!(refused(&["weekly"]), @"error: unrecognized subcommand 'weekly'");
    insta::assert_snapshot!(refused(&["daily", "--date", "2026-13-01"]), @"error: invalid value '2026-13-01' for '--date <DATE>': expected a day like 2026-11-23 or 20261123");
    insta::assert_snapshot!(refused(&["daily", "--date", "yesterday"]), @"error: invalid value 'yesterday' for '--date <DATE>': expected a day like 2026-11-23 or 20261123");
    insta::assert_snapshot!(refused(&["daily", "--date", "20261122", "--from", "20261101"]), @"error: the argument '--date <DATE>' cannot be used with '--from <FROM>'");
    insta::assert_snapshot!(refused(&["daily", "--from", "2026-11-01"]), @"error: the following required arguments were not provided:");
    insta::assert_snapshot!(refused(&["hourly", "--at", "10:10"]), @"error: invalid value '10:10' for '--at <AT>': expected a moment like 2026-11-23T10:10 or 2026-11-23T01:10Z");
    insta::assert_snapshot!(refused(&["backfill"]), @"error: the following required arguments were not provided:");
    insta::assert_snapshot!(refused(&["series", "show", "--series", "vm"]), @"error: invalid value 'vm' for '--series <SERIES>': expected domainId/projectId/serviceId");
    insta::assert_snapshot!(refused(&["simulate", "--now", "today"]), @"error: invalid value 'today' for '--now <NOW>': failed to parse four digit integer as year: invalid digit, expected 0-9 but got t");
    let incident = refused(&["simulate", "--incident", "spike"]);
    assert!(incident.contains("; expected JSON like {\"service\":\"dom-01/prj-01/mysql\","), "{incident}");
    let flaw = refused(&["simulate", "--flaw", "late"]);
    assert!(flaw.contains("; expected JSON like {\"date\":\"2026-11-22\","), "{flaw}");
    costwarden(&[]).expect(2);
    // Help is text, whoever reads it.
    let archive = run(Command::new(binary()).arg("archive").env_remove("COSTWARDEN_LOG_FORMAT")).expect(2);
    assert!(archive.stderr.starts_with("Maintain the raw documents"), "{archive:?}");
}
