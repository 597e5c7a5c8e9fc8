use super::*;
use jiff::tz::TimeZone;

const ACCOUNT: &str = "default";
const NOW: &str = "2026-11-25T03:00:00Z";

pub(in crate::schedule) fn plan() -> Plan {
    Plan {
        account: ACCOUNT.to_owned(),
        program: "/usr/bin/costwarden".into(),
        config: "/etc/costwarden/costwarden.toml".into(),
        state_dir: "/var/lib/costwarden".into(),
        log_dir: "/var/log/costwarden".into(),
        writable: Vec::new(),
        user: "costwarden".to_owned(),
        weekly_report: WeeklyReport::None,
        minute: 10,
        zone: TimeZone::get("Asia/Seoul").unwrap(),
        local: TimeZone::get("Etc/UTC").unwrap(),
    }
}

fn message(plan: &Plan) -> String {
    block(plan, NOW.parse().unwrap()).unwrap()
}

#[test]
fn both_jobs_start_every_hour() {
    insta::assert_snapshot!(message(&plan()), @r#"
    # BEGIN costwarden default
    # Written by `costwarden schedule install`, which overwrites this block. All other lines stay unchanged.
    # The bill's day begins at 00:00 Asia/Seoul; the minutes below are Etc/UTC. A completed day or hour is not repeated.
    10 * * * * flock -F -w 3000 /var/lib/costwarden/schedule.lock /usr/bin/costwarden --config /etc/costwarden/costwarden.toml daily --json >>/var/log/costwarden/costwarden.log 2>&1
    10 * * * * flock -F -w 3000 /var/lib/costwarden/schedule.lock /usr/bin/costwarden --config /etc/costwarden/costwarden.toml hourly --json >>/var/log/costwarden/costwarden.log 2>&1
    */5 * * * * s=$(/usr/bin/costwarden --config /etc/costwarden/costwarden.toml health --brief --changes 2>&1); [ -z "$s" ] || logger -t costwarden -p user.err -- "$s"
    # END costwarden default
    "#);
}

#[test]
fn a_clock_that_changes_has_a_line_for_each_of_its_times() {
    let local = TimeZone::get("Australia/Lord_Howe").unwrap();
    let lines = message(&Plan { zone: TimeZone::UTC, local, minute: 15, ..plan() });
    let starts: Vec<_> = lines.lines().filter_map(|line| line.split_once(" flock").map(|(start, _)| start)).collect();
    assert_eq!(starts, ["15 * * * *", "15 * * * *", "45 * * * *", "45 * * * *"]);
}

#[test]
fn names_of_any_kind_reach_the_program_as_they_are() {
    let plan = Plan { program: "/opt/it's 100%/costwarden".into(), ..plan() };
    let lines = message(&plan);
    let daily = lines.lines().nth(3).unwrap();
    assert!(daily.contains(r" '/opt/it'\''s 100\%/costwarden' --config "), "{daily}");
    let refused = |plan: Plan| block(&plan, NOW.parse().unwrap()).unwrap_err().to_string();
    insta::assert_snapshot!(refused(Plan { config: "/etc/a\n* * * * * b".into(), ..plan.clone() }), @r#""/etc/a\n* * * * * b" is invalid in a crontab: expected UTF-8 without control characters"#);
    insta::assert_snapshot!(refused(Plan { config: ("/".to_owned() + &"x".repeat(900)).into(), ..plan }), @"the command of daily would have 1048 characters, cron takes 990: use shorter paths");
}

#[test]
fn the_block_is_put_in_replaced_and_taken_out_and_nothing_else_is_touched() {
    let block = message(&plan());
    let other = message(&Plan { minute: 15, ..plan() });
    for table in [
        "",
        "# mine\n\n  \tMAILTO=me\n* * * * * true % input\n",
        "#BEGIN costwarden default\n# end costwarden default\r\n",
    ] {
        let once = with(table, ACCOUNT, &block).unwrap();
        assert_eq!(once, format!("{table}{block}"));
        assert_eq!(with(&once, ACCOUNT, &block).unwrap(), once);
        let more = format!("{once}0 0 * * * after\n");
        assert_eq!(with(&more, ACCOUNT, &other).unwrap(), format!("{table}{other}0 0 * * * after\n"));
        assert_eq!(installed(&more, ACCOUNT).unwrap(), Some(block.as_str()));
        assert_eq!(without(&more, ACCOUNT).unwrap(), format!("{table}0 0 * * * after\n"));
        assert_eq!(without(&once, ACCOUNT).unwrap(), table);
        assert_eq!((without(table, ACCOUNT).unwrap().as_str(), installed(table, ACCOUNT).unwrap()), (table, None));
    }
    assert_eq!(with("* * * * * true", ACCOUNT, &block).unwrap(), format!("* * * * * true\n{block}"));
}

#[test]
fn marks_that_do_not_belong_together_are_refused() {
    let message = |table: &str| {
        let errors = [
            with(table, ACCOUNT, "x\n").unwrap_err(),
            without(table, ACCOUNT).unwrap_err(),
            installed(table, ACCOUNT).unwrap_err(),
        ];
        let [one, two, three] = errors.map(|error| error.to_string());
        assert!(one == two && two == three, "{one}\n{two}\n{three}");
        one
    };
    insta::assert_snapshot!(message("a\n# BEGIN costwarden default\nb\n"), @"line 2 of the crontab is `# BEGIN costwarden default` without the matching `# END costwarden default`: nothing was changed; restore the line, or remove the rest of the block, with `crontab -e`");
    insta::assert_snapshot!(message("a\n # END costwarden default\nb\n"), @"line 2 of the crontab is `# END costwarden default` without the matching `# BEGIN costwarden default`: nothing was changed; restore the line, or remove the rest of the block, with `crontab -e`");
    insta::assert_snapshot!(message("# BEGIN costwarden default\n# BEGIN costwarden default\n# END costwarden default\n"), @"line 1 of the crontab is `# BEGIN costwarden default` without the matching `# END costwarden default`: nothing was changed; restore the line, or remove the rest of the block, with `crontab -e`");
    insta::assert_snapshot!(message("# BEGIN costwarden default\n# END costwarden default\n# BEGIN costwarden default\n# END costwarden default\n"), @"line 3 of the crontab begins a second block of the account: nothing was changed; remove one of the two blocks with `crontab -e`");
}

#[test]
fn each_account_has_a_block_of_its_own() {
    let [one, two] = ["one", "two"].map(|account| message(&Plan { account: account.to_owned(), ..plan() }));
    let table = with(&with("* * * * * true\n", "one", &one).unwrap(), "two", &two).unwrap();
    assert_eq!(table, format!("* * * * * true\n{one}{two}"));
    assert_eq!(installed(&table, "one").unwrap(), Some(one.as_str()));
    assert_eq!(without(&table, "one").unwrap(), format!("* * * * * true\n{two}"));
    assert_eq!(installed(&table, "three").unwrap(), None);
}

#[test]
fn the_log_of_a_block_is_found_again() {
    for folder in ["/var/log/costwarden", "/srv/it's 100%/log"] {
        let block = message(&Plan { log_dir: folder.into(), ..plan() });
        assert_eq!(log_file(&block), Some(PathBuf::from(folder).join("costwarden.log")), "{block}");
    }
    assert_eq!(log_file("# BEGIN costwarden\n# END costwarden\n"), None);
}

#[test]
fn the_weekly_report_has_a_line_of_its_own() {
    let without = message(&plan());
    let with_report = message(&Plan { weekly_report: WeeklyReport::Archived, ..plan() });
    let further: Vec<&str> = with_report.lines().filter(|line| !without.lines().any(|other| other == *line)).collect();
    insta::assert_snapshot!(further.join("\n"), @"10 8 * * 1 flock -F -w 3000 /var/lib/costwarden/schedule.lock /usr/bin/costwarden --config /etc/costwarden/costwarden.toml report --archive --causes --try incidents --json >>/var/log/costwarden/costwarden.log 2>&1");
}
