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
    Watches cloud bills: fetches them, keeps them, runs sandboxed detectors over them, and tells people.

    Exit codes: 0 done (anomalies are data, not failures); 1 done but degraded, nothing is lost; 2 could not do the job.

    Usage: costwarden [OPTIONS] <COMMAND>

    Commands:
      daily      Fetch, judge and tell a finished day, and learn from it. Run it once a day
      hourly     Fetch and judge today as it stands. Run it every hour
      backfill   Load past days, in their order, without telling people; goes on where it was interrupted
      check      Check config, rules and plugins without touching the network. Every error is told at once
      plugin     Make, try out, sign, share and lock detectors
      rules      Try rule sets on what is remembered, and list them
      archive    Look after the raw documents: how long they are kept, whether they agree with the ledger, and rebuild from them
      anomalies  Look at what was found
      incidents  Look at incidents, and say that one is known about
      series     Look at what is remembered of series
      health     Say whether jobs, store, archive, rules and disk are well; exit codes as monitoring plugins have them
      schedule   Let cron or systemd start the jobs
      simulate   Serve a made-up Kakao Cloud billing API on loopback, until it is interrupted
      demo       Show the whole job on a made-up bill: what was hidden in it, and what was found
      help       Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>
              The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --json
              Print JSON, one object a line, for machines

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version
    ");
    assert_eq!(costwarden(&["--version"]).expect(0).stdout, concat!("costwarden ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn of_what_keeps_the_archive() {
    insta::assert_snapshot!(help(&["archive", "lifecycle"]), @"
    Have the bucket move raw documents to a cheap storage class, and delete them in the end, by itself.

    Without --apply it only shows what would be set. Rules of others stay as they are.

    Usage: costwarden archive lifecycle [OPTIONS]

    Options:
          --apply
              Set it

          --config <FILE>
              The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --json
              Print JSON, one object a line, for machines

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["archive", "prune"]), @"
    Delete raw documents that are old enough, and their predecessors. For storages without lifecycle rules.

    Without --apply it only shows what would be deleted.

    Usage: costwarden archive prune [OPTIONS]

    Options:
          --before <BEFORE>
              Delete documents of days before this one; without it, of days older than archive.lifecycle.delete_after_days

          --config <FILE>
              The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --apply
              Delete them

          --json
              Print JSON, one object a line, for machines

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["archive", "verify"]), @"
    Compare raw documents with the ledger: every day and hour has its own, and the sums are the same.

    Exit codes: 0 they agree; 1 they differ somewhere; 2 they could not be compared.

    Usage: costwarden archive verify [OPTIONS]

    Options:
          --config <FILE>
              The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --from <FROM>
              The first day

          --json
              Print JSON, one object a line, for machines

          --to <TO>
              The last day

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["archive", "rebuild"]), @"
    Rebuild an empty database out of the archive alone. Nobody is told of anything

    Usage: costwarden archive rebuild [OPTIONS]

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object a line, for machines
      -h, --help           Print help
    ");
}

#[test]
fn of_what_an_author_works_with() {
    insta::assert_snapshot!(help(&["plugin", "inspect"]), @"
    Show what a plugin's file says of itself, without running it

    Usage: costwarden plugin inspect [OPTIONS] <FILE>

    Arguments:
      <FILE>  The plugin

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object a line, for machines
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["plugin", "run"]), @"
    Let a plugin judge a series from a CSV file, in the sandbox, under the limits of production

    Usage: costwarden plugin run [OPTIONS] --input <CSV> <FILE>

    Arguments:
      <FILE>
              The plugin

    Options:
          --config <FILE>
              The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --input <CSV>
              The series: CSV with the columns timestamp and value, at any step.

              Timestamps are days, times of the bill's clock, times with an offset, or unix seconds. A value that is empty or NaN is not known, and so is what no row stands for.

          --json
              Print JSON, one object a line, for machines

          --settings <JSON>
              The rule's settings: JSON, or @FILE

              [default: {}]

          --judge-from <WHEN>
              The first point to judge: its timestamp, or its row counted from 0; the last tenth without it. The fit sees the points before it

          --walk <N>
              Play production: fit on what is past, judge the next N points, fit again, on to the end.

              Each point is judged from earlier ones only. A point that alerted is a known incident, which later fits are told to exclude. Where points are days (or longer), a deviation that has lasted for accept_after_days of the config, with at most three days between, is the new level and is learned from, as in a run.

          --incidents <INCIDENTS>
              What later fits make of points that alerted in a walk

              [default: exclude]
              [possible values: exclude, learn]

          --history-days <DAYS>
              Days of history that a fit sees; without it 90 points, or 28 days but at most 4032 points where these are shorter than a day

          --format <FORMAT>
              How verdicts are printed; with a table, what they cost beside the limits

              [default: table]
              [possible values: table, json, csv]

          --unit <UNIT>
              The unit of the values

              [default: KRW]

          --locale <LOCALE>
              The language of reasons, like ko or en

              [default: en]

          --reference <DIR>
              Grant the files of this folder as reference data; what the config grants without it

          --no-cache
              Compile the plugin anew, and keep nothing of it in the user's cache folder

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["plugin", "test"]), @"
    Run the golden cases of a project

    Usage: costwarden plugin test [OPTIONS] [DIRECTORY]

    Arguments:
      [DIRECTORY]  The project's folder: its cases are in golden/CASE/, as input.csv, expected.csv and, for settings, case.toml [default: .]

    Options:
          --config <FILE>    The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --plugin <FILE>    The plugin; the .wasm file in the folder, in its dist or in the dist beside it without it
          --json             Print JSON, one object a line, for machines
          --update           Write what the plugin gives now as what is expected
          --reference <DIR>  Grant the files of this folder as reference data; what the config grants without it
          --no-cache         Compile the plugin anew, and keep nothing of it in the user's cache folder
      -h, --help             Print help
    ");
    insta::assert_snapshot!(help(&["plugin", "bench"]), @"
    Measure a plugin: time and fuel per point, by series length and batch size, against the limits

    Usage: costwarden plugin bench [OPTIONS] <FILE>

    Arguments:
      <FILE>  The plugin

    Options:
          --config <FILE>    The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --settings <JSON>  The rule's settings: JSON, or @FILE [default: {}]
          --against <FILE>   Measure this plugin too, an earlier build say, and show the cost as times its
          --json             Print JSON, one object a line, for machines
          --reference <DIR>  Grant the files of this folder as reference data; what the config grants without it
          --no-cache         Compile the plugin anew, and keep nothing of it in the user's cache folder
      -h, --help             Print help
    ");
}

#[test]
fn of_the_jobs() {
    insta::assert_snapshot!(help(&["daily"]), @"
    Fetch, judge and tell a finished day, and learn from it. Run it once a day

    Usage: costwarden daily [OPTIONS]

    Options:
          --config <FILE>      The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --date <DATE>        This day, which must be over, and where it has changed, later ones that look back to it; without any, yesterday, what is missing before it, and what was corrected since
          --json               Print JSON, one object a line, for machines
          --through <THROUGH>  As without any day, with this day for yesterday
          --from <FROM>        The first of several days
          --to <TO>            The last of several days
          --dry-run            Fetch and judge, but archive, remember and tell nothing
          --once               Do nothing where the day is done already, by whichever host. Without --date that is so anyway
      -h, --help               Print help
    ");
    insta::assert_snapshot!(help(&["hourly"]), @"
    Fetch and judge today as it stands. Run it every hour

    Usage: costwarden hourly [OPTIONS]

    Options:
          --at <AT>        The moment to judge, like 2026-11-23T10:10 in the bill's time zone or 2026-11-23T01:10Z; now without it
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --dry-run        Fetch and judge, but archive, remember and tell nothing
          --json           Print JSON, one object a line, for machines
          --once           Do nothing where the hour is done already, by whichever host. Without --at that is so anyway
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["backfill"]), @"
    Load past days, in their order, without telling people; goes on where it was interrupted

    Usage: costwarden backfill [OPTIONS] --from <FROM>

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --from <FROM>    The first day
          --json           Print JSON, one object a line, for machines
          --to <TO>        The last day; without it yesterday in the bill's time zone, as it was when the backfill began
          --alert          Tell people of what is found, as if it were happening now
          --dry-run        Fetch and judge, but archive, remember and tell nothing
      -h, --help           Print help
    ");
}

#[test]
fn of_what_looks() {
    insta::assert_snapshot!(help(&["check"]), @"
    Check config, rules and plugins without touching the network. Every error is told at once

    Usage: costwarden check [OPTIONS]

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --online         Also go through the checklist before going live: the billing API and the clock, the archive, the store and the rights there, secrets, folders, receivers, the schedule, and the registries of plugins that were not pulled yet
          --json           Print JSON, one object a line, for machines
          --notify           Also send a test notification to every receiver
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["anomalies"]), @"
    Look at what was found

    Usage: costwarden anomalies [OPTIONS] <COMMAND>

    Commands:
      list  List anomalies, oldest first
      help  Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object a line, for machines
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["anomalies", "list"]), @"
    List anomalies, oldest first

    Usage: costwarden anomalies list [OPTIONS]

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --from <FROM>    The first day
          --json           Print JSON, one object a line, for machines
          --to <TO>        The last day
      -h, --help           Print help
    ");
    for command in ["list", "show", "accept"] {
        assert!(help(&["incidents"]).contains(&format!("\n  {command}")), "{command}");
    }
    insta::assert_snapshot!(help(&["incidents", "list"]), @"
    List incidents, oldest first

    Usage: costwarden incidents list [OPTIONS]

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --open           Only those that are open
          --json           Print JSON, one object a line, for machines
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["incidents", "show"]), @"
    Show one: why, by which rules, on which days, and who was told

    Usage: costwarden incidents show [OPTIONS] <ID>

    Arguments:
      <ID>  As `incidents list` and anomalies name it

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object a line, for machines
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["incidents", "accept"]), @"
    End one that is known about: nobody hears of it again

    Usage: costwarden incidents accept [OPTIONS] <ID>

    Arguments:
      <ID>
              As `incidents list` and anomalies name it

    Options:
          --as <WHAT>
              What it is

              Possible values:
              - new-level: How things are from now on: it is learned from, from its start on
              - expected:  A one-off: it is never learned from

              [default: new-level]

          --config <FILE>
              The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --json
              Print JSON, one object a line, for machines

          --note <TEXT>
              Why, for whoever looks at it later

      -h, --help
              Print help (see a summary with '-h')
    ");
    insta::assert_snapshot!(help(&["series"]), @"
    Look at what is remembered of series

    Usage: costwarden series [OPTIONS] <COMMAND>

    Commands:
      list  List the series of a day, by their ids and names, the dearest first
      show  Show the days of one series as the ledger holds them
      help  Print this message or the help of the given subcommand(s)

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --json           Print JSON, one object a line, for machines
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["series", "list"]), @"
    List the series of a day, by their ids and names, the dearest first

    Usage: costwarden series list [OPTIONS]

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --date <DATE>    The day; the newest that there is without it
          --json           Print JSON, one object a line, for machines
      -h, --help           Print help
    ");
    insta::assert_snapshot!(help(&["series", "show"]), @"
    Show the days of one series as the ledger holds them

    Usage: costwarden series show [OPTIONS] --series <SERIES>

    Options:
          --config <FILE>       The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --series <SERIES>     domainId/projectId/serviceId, as anomalies and `series list` name it
          --as-of <DAY|MOMENT>  As they were known at the end of a day, or at a moment
          --json                Print JSON, one object a line, for machines
          --from <FROM>         The first day
          --to <TO>             The last day
      -h, --help                Print help
    ");
}

#[test]
fn of_what_simulates() {
    insta::assert_snapshot!(help(&["simulate"]), @r#"
    Serve a made-up Kakao Cloud billing API on loopback, until it is interrupted.

    While it runs, `PUT /simulate/now {"now":"2026-11-23T10:10:00+09:00"}` changes its clock, `PUT /simulate/faults {"status":429,"times":3,"retryAfter":1}` lets its next answers fail, `POST /simulate/flaws` adds what --flaw takes, and `GET /simulate/incidents` tells what is hidden in the bill.

    Usage: costwarden simulate [OPTIONS]

    Options:
          --config <FILE>
              The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml

              [env: COSTWARDEN_CONFIG=]

          --port <PORT>
              Port on 127.0.0.1; 0 takes any that is free

              [default: 8787]

          --json
              Print JSON, one object a line, for machines

          --seed <SEED>
              The same seed makes the same bill

              [default: 1]

          --services <SERVICES>
              Services in the bill

              [default: 40]

          --days <DAYS>
              Days of history before today

              [default: 120]

          --now <NOW>
              What the API takes for now, with its UTC offset (2026-11-23T10:10:00+09:00); without it, the real clock

          --time-zone <TIME_ZONE>
              The billing time zone

              [default: Asia/Seoul]

          --incidents <on|off|FILE>
              Hidden incidents: on, off, or a file with a JSON array of them

              [default: on]

          --incident <JSON>
              One more incident, as JSON: {"service":"dom-01/prj-01/mysql","kind":"runaway","from":"2026-11-23T09:00:00", "amount":50000}. Kinds: spike, step, ramp, drop (with factor), stop, new-service (amount a day), runaway (amount an hour)

          --flaw <JSON>
              What is wrong with the bill of a day for a while, as JSON: {"date":"2026-11-22","kind":"late", "until":"2026-11-24T09:00:00"}. Kinds: late (no row until then), missing-rows (keep 0.3 of the services until then), still (as it stood at from, until then), corrected (every amount times factor from then on)

          --credential-id <CREDENTIAL_ID>
              The Credential-ID that is accepted

              [default: simulated-id]

          --credential-secret <CREDENTIAL_SECRET>
              The Credential-Secret that is accepted; it guards nothing

              [default: simulated-secret]

      -h, --help
              Print help (see a summary with '-h')
    "#);
    insta::assert_snapshot!(help(&["demo"]), @"
    Show the whole job on a made-up bill: what was hidden in it, and what was found

    Usage: costwarden demo [OPTIONS]

    Options:
          --config <FILE>  The config file. Without it: costwarden.toml here, or /etc/costwarden/costwarden.toml [env: COSTWARDEN_CONFIG=]
          --plugins <DIR>  The folder of the bundled plugins' .wasm files
          --json           Print JSON, one object a line, for machines
          --keep <DIR>     Keep the demo's archive and database in this folder instead of throwing them away
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
