use super::*;
use jiff::tz::TimeZone;

const NOW: &str = "2026-11-25T03:00:00Z";

pub(in crate::schedule) fn plan() -> Plan {
    Plan {
        program: "/usr/bin/costwarden".into(),
        config: "/etc/costwarden/costwarden.toml".into(),
        env_file: None,
        state_dir: "/var/lib/costwarden".into(),
        log_dir: "/var/log/costwarden".into(),
        writable: Vec::new(),
        user: "costwarden".to_owned(),
        minute: 10,
        zone: TimeZone::get("Asia/Seoul").unwrap(),
        local: TimeZone::get("Etc/UTC").unwrap(),
    }
}

fn message(plan: &Plan) -> String {
    block(plan, NOW.parse().unwrap()).unwrap()
}

#[test]
fn the_jobs_run_after_the_bills_midnight_and_every_hour() {
    insta::assert_snapshot!(message(&plan()), @r#"
    # BEGIN costwarden
    # Written by `costwarden schedule install`, which overwrites this block. All other lines stay unchanged.
    # The bill's day begins at 00:00 Asia/Seoul; the times below are Etc/UTC.
    10 15 * * * flock -F -w 3000 /var/lib/costwarden/schedule.lock /usr/bin/costwarden --config /etc/costwarden/costwarden.toml daily --json >>/var/log/costwarden/costwarden.log 2>&1
    10 * * * * flock -F -w 3000 /var/lib/costwarden/schedule.lock /usr/bin/costwarden --config /etc/costwarden/costwarden.toml hourly --json >>/var/log/costwarden/costwarden.log 2>&1
    */5 * * * * s=$(/usr/bin/costwarden --config /etc/costwarden/costwarden.toml health --brief 2>&1) || logger -t costwarden -p user.err -- "$s"
    # END costwarden
    "#);
}

#[test]
fn a_clock_that_changes_has_a_line_for_each_of_its_times() {
    let local = TimeZone::get("Australia/Lord_Howe").unwrap();
    let lines = message(&Plan { zone: TimeZone::UTC, local, minute: 15, ..plan() });
    let starts: Vec<_> = lines.lines().filter_map(|line| line.split_once(" flock").map(|(start, _)| start)).collect();
    assert_eq!(starts, ["45 10 * * *", "15 11 * * *", "15 * * * *", "45 * * * *"]);
}

#[test]
fn names_of_any_kind_reach_the_program_as_they_are() {
    let plan =
        Plan { program: "/opt/it's 100%/costwarden".into(), env_file: Some("/etc/costwarden/$env".into()), ..plan() };
    let lines = message(&plan);
    let daily = lines.lines().nth(3).unwrap();
    assert!(
        daily.starts_with(
            "10 15 * * * set -a; [ ! -r '/etc/costwarden/$env' ] || . '/etc/costwarden/$env'; set +a; flock "
        ),
        "{daily}"
    );
    assert!(daily.contains(r" '/opt/it'\''s 100\%/costwarden' --config "), "{daily}");
    let refused = |plan: Plan| block(&plan, NOW.parse().unwrap()).unwrap_err().to_string();
    insta::assert_snapshot!(refused(Plan { config: "/etc/a\n* * * * * b".into(), ..plan.clone() }), @r#""/etc/a\n* * * * * b" is invalid in a crontab: expected UTF-8 without control characters"#);
    insta::assert_snapshot!(refused(Plan { config: ("/".to_owned() + &"x".repeat(900)).into(), ..plan }), @"the command of daily would have 1125 characters, cron takes 990: use shorter paths");
}

#[test]
fn the_block_is_put_in_replaced_and_taken_out_and_nothing_else_is_touched() {
    let block = message(&plan());
    let other = message(&Plan { minute: 15, ..plan() });
    for table in ["", "# mine\n\n  \tMAILTO=me\n* * * * * true % input\n", "#BEGIN costwarden\n# end costwarden\r\n"] {
        let once = with(table, &block).unwrap();
        assert_eq!(once, format!("{table}{block}"));
        assert_eq!(with(&once, &block).unwrap(), once);
        let more = format!("{once}0 0 * * * after\n");
        assert_eq!(with(&more, &other).unwrap(), format!("{table}{other}0 0 * * * after\n"));
        assert_eq!(installed(&more).unwrap(), Some(block.as_str()));
        assert_eq!(without(&more).unwrap(), format!("{table}0 0 * * * after\n"));
        assert_eq!(without(&once).unwrap(), table);
        assert_eq!((without(table).unwrap().as_str(), installed(table).unwrap()), (table, None));
    }
    assert_eq!(with("* * * * * true", &block).unwrap(), format!("* * * * * true\n{block}"));
}

#[test]
fn marks_that_do_not_belong_together_are_refused() {
    let message = |table: &str| {
        let errors = [with(table, "x\n").unwrap_err(), without(table).unwrap_err(), installed(table).unwrap_err()];
        let [one, two, three] = errors.map(|error| error.to_string());
        assert!(one == two && two == three, "{one}\n{two}\n{three}");
        one
    };
    insta::assert_snapshot!(message("a\n# BEGIN costwarden\nb\n"), @"line 2 of the crontab is `# BEGIN costwarden` without the matching `# END costwarden`: nothing was changed; restore the line, or remove the rest of the block, with `crontab -e`");
    insta::assert_snapshot!(message("a\n # END costwarden\nb\n"), @"line 2 of the crontab is `# END costwarden` without the matching `# BEGIN costwarden`: nothing was changed; restore the line, or remove the rest of the block, with `crontab -e`");
    insta::assert_snapshot!(message("# BEGIN costwarden\n# BEGIN costwarden\n# END costwarden\n"), @"line 1 of the crontab is `# BEGIN costwarden` without the matching `# END costwarden`: nothing was changed; restore the line, or remove the rest of the block, with `crontab -e`");
    insta::assert_snapshot!(message("# BEGIN costwarden\n# END costwarden\n# BEGIN costwarden\n# END costwarden\n"), @"line 3 of the crontab begins a second block of costwarden: nothing was changed; take one of them out with `crontab -e`");
}

#[test]
fn the_log_of_a_block_is_found_again() {
    for folder in ["/var/log/costwarden", "/srv/it's 100%/log"] {
        let block = message(&Plan { log_dir: folder.into(), ..plan() });
        assert_eq!(log_file(&block), Some(PathBuf::from(folder).join("costwarden.log")), "{block}");
    }
    assert_eq!(log_file("# BEGIN costwarden\n# END costwarden\n"), None);
}
