use super::super::crontab::tests::plan;
use super::*;

fn text_of(plan: &Plan, name: &str) -> String {
    units(plan).unwrap().into_iter().find(|unit| unit.name == name).unwrap().text
}

#[test]
fn the_timers_count_in_the_bills_time_zone() {
    insta::assert_snapshot!(text_of(&plan(), "costwarden-daily.timer"), @"
    # Written by `costwarden schedule install --systemd`, which overwrites this file; put changes into a drop-in.
    [Unit]
    Description=Start costwarden daily every hour; a completed day is not repeated
    Documentation=man:costwarden(1)

    [Timer]
    OnCalendar=*-*-* *:10:00 Asia/Seoul
    Persistent=true
    AccuracySec=5s

    [Install]
    WantedBy=timers.target
    ");
    assert!(text_of(&plan(), "costwarden-hourly.timer").contains("\nOnCalendar=*-*-* *:10:00 Asia/Seoul\n"));
    assert!(text_of(&plan(), "costwarden-health.timer").contains("\nOnCalendar=*:0/5\n"));
}

#[test]
fn a_service_may_write_where_the_config_says_and_nowhere_else() {
    let plan = Plan {
        program: "/opt/cost warden/100%".into(),
        state_dir: "/srv/state".into(),
        writable: vec!["/srv/state/archive".into(), "/home/me/archive".into()],
        user: "me".to_owned(),
        ..plan()
    };
    let text = text_of(&plan, "costwarden-hourly.service");
    let lines: Vec<_> = text
        .lines()
        .filter(|line| {
            ["User", "Env", "Exec", "State", "ReadW", "ProtectHome"].iter().any(|start| line.starts_with(start))
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    User=me
    ExecStart=/usr/bin/flock -F -w 3000 /srv/state/schedule.lock "/opt/cost warden/100%%" --config /etc/costwarden/costwarden.toml hourly --json
    ReadWritePaths=-/srv/state
    ReadWritePaths=-/home/me/archive
    ProtectHome=read-only
    "#);
    // The machine code of detectors is written to memory before the code runs.
    assert!(!text.contains("\nMemoryDenyWriteExecute="));
}

#[test]
fn the_units_of_an_account_carry_the_name() {
    let names: Vec<String> =
        units(&Plan { account: "acme".to_owned(), ..plan() }).unwrap().into_iter().map(|unit| unit.name).collect();
    assert_eq!(names[0], "costwarden-acme-daily.service");
    assert_eq!(unit_name("default", Task::Health, UnitKind::Timer), "costwarden-health.timer");
}

#[test]
fn units_of_somebody_else_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let all = units(&plan()).unwrap();
    assert_eq!(write(folder.path(), "default", &all).unwrap(), Change::Written);
    assert_eq!(write(folder.path(), "default", &all).unwrap(), Change::Unchanged);
    assert_eq!(written(folder.path(), "default").unwrap().len(), 6);
    let other = units(&Plan { minute: 15, ..plan() }).unwrap();
    assert_eq!(write(folder.path(), "default", &other).unwrap(), Change::Written);
    assert_eq!(remove(folder.path(), "default").unwrap(), Change::Written);
    assert_eq!(remove(folder.path(), "default").unwrap(), Change::Unchanged);

    let foreign = folder.path().join("costwarden-health.timer");
    fs::write(&foreign, "[Timer]\n").unwrap();
    let error = write(folder.path(), "default", &all).unwrap_err().to_string();
    assert!(
        error.contains("costwarden-health.timer was not written by `costwarden schedule`: nothing was changed"),
        "{error}"
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(remove(folder.path(), "default").is_err() && foreign.exists());
}

#[test]
fn the_units_of_the_weekly_report_come_and_go_with_the_option() {
    let folder = tempfile::tempdir().unwrap();
    let with_report = Plan { weekly_report: crate::schedule::WeeklyReport::Archived, ..plan() };
    assert_eq!(write(folder.path(), "default", &units(&with_report).unwrap()).unwrap(), Change::Written);
    assert_eq!(written(folder.path(), "default").unwrap().len(), 8);
    let timer = text_of(&with_report, "costwarden-report.timer");
    assert!(timer.contains("\nOnCalendar=Mon *-*-* 08:10:00 Asia/Seoul\nPersistent=true\n"), "{timer}");
    let service = text_of(&with_report, "costwarden-report.service");
    assert!(
        service
            .contains(" --config /etc/costwarden/costwarden.toml report --archive --causes --try incidents --json\n"),
        "{service}"
    );
    assert_eq!(write(folder.path(), "default", &units(&plan()).unwrap()).unwrap(), Change::Written);
    assert_eq!(written(folder.path(), "default").unwrap().len(), 6);
}
