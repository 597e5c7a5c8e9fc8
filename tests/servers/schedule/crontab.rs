//! The block in a real crontab.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt};

use super::private_cron::PrivateCron;
use costwarden_tests::{binary, run};

const MINE: &str = "# mine\nMAILTO=\"\"\n\n*/7 * * * *  /usr/bin/true % with input\n#BEGIN other\n";

#[test]
fn jobs_are_installed_once_and_removed_without_a_trace() {
    let Some(cron) = PrivateCron::new() else { return };
    assert_eq!(cron.table(), None);
    cron.schedule(&["show"]).expect(1);
    assert_eq!(cron.install(&[]).expect(0).stdout, "the jobs are in the crontab\n");
    let table = cron.table().expect("a table");
    let folder = cron.workdir.path().display().to_string();
    let times: Vec<_> = table.lines().filter_map(|line| line.split_once(" flock ")).collect();
    assert_eq!(times.iter().map(|(time, _)| *time).collect::<Vec<_>>(), ["10 * * * *"; 2], "{table}");
    for (_, command) in times {
        assert!(command.starts_with(&format!("-F -w 3000 {folder}/state/schedule.lock /")), "{command}");
        assert!(command.ends_with(&format!(" --json >>{folder}/log/costwarden.log 2>&1")), "{command}");
    }
    assert_eq!(cron.install(&[]).expect(0).stdout, "the crontab already contains the jobs\n");
    assert_eq!(cron.table().as_ref(), Some(&table));
    assert_eq!(cron.schedule(&["show"]).expect(0).stdout, table);
    let shown = cron.schedule(&["show", "--json"]).expect(0).report();
    assert_eq!(shown["lines"].as_array().map(Vec::len), Some(table.lines().count()));

    cron.schedule(&["remove"]).expect(0);
    assert_eq!(cron.table(), None, "as before");
    assert_eq!(cron.schedule(&["remove"]).expect(0).stdout, "nothing of costwarden was installed\n");
}

/// The minutes in a line belong to the clock of the machine.
#[test]
fn a_zone_has_a_line_for_each_minute_of_its_hours() {
    let Some(cron) = PrivateCron::new() else { return };
    let config = std::fs::read_to_string(cron.workdir.path().join("costwarden.toml")).expect("a config");
    for (zone, local, times) in [
        ("Europe/Berlin", "UTC", &["30 * * * *"][..]),
        ("Asia/Kolkata", "UTC", &["0 * * * *"]),
        // The clocks change by half an hour.
        ("Australia/Lord_Howe", "UTC", &["0 * * * *", "30 * * * *"]),
    ] {
        cron.workdir.write("costwarden.toml", &format!("time_zone = {zone:?}\n{config}"));
        let args = ["schedule", "install", "--log-dir", "log", "--minute", "30"];
        costwarden_tests::run(cron.command(costwarden_tests::binary(), &args).env("TZ", local)).expect(0);
        let table = cron.table().expect("a table");
        for job in [" daily ", " hourly "] {
            let lines = table.lines().filter(|line| line.contains(job)).filter_map(|line| line.split_once(" flock "));
            assert_eq!(lines.map(|(time, _)| time).collect::<Vec<_>>(), times, "{zone} on {local}: {table}");
        }
    }
}

#[test]
fn other_entries_are_left_byte_for_byte() {
    let Some(cron) = PrivateCron::new() else { return };
    cron.write_table(MINE);
    cron.install(&["--minute", "15"]).expect(0);
    let with_block = cron.table().expect("a table");
    assert!(with_block.starts_with(MINE) && with_block.contains("\n15 * * * * flock "), "{with_block}");
    cron.write_table(&format!("{with_block}@reboot /usr/bin/true\n"));
    cron.install(&["--minute", "20"]).expect(0);
    let table = cron.table().expect("a table");
    let rest = table.strip_prefix(MINE).expect("first").strip_suffix("@reboot /usr/bin/true\n").expect("last");
    assert!(rest.starts_with("# BEGIN costwarden suite\n") && rest.ends_with("# END costwarden suite\n"), "{table}");
    assert!(rest.contains("\n20 * * * * flock ") && !rest.contains("\n15 "), "{table}");
    cron.schedule(&["remove"]).expect(0);
    assert_eq!(cron.table(), Some(format!("{MINE}@reboot /usr/bin/true\n")));
}

#[test]
fn a_broken_block_is_refused() {
    let Some(cron) = PrivateCron::new() else { return };
    let broken = "# mine\n# BEGIN costwarden suite\n1 1 * * * /usr/bin/true\n";
    cron.write_table(broken);
    for args in [&["install", "--log-dir", "log"][..], &["remove"], &["show"]] {
        let run = cron.schedule(args).expect(2);
        let told = "failed: line 2 of the crontab is `# BEGIN costwarden suite` without the matching `# END costwarden suite`: nothing was changed; ";
        assert!(run.stderr.starts_with(told), "{run:?}");
        assert_eq!(cron.table().as_deref(), Some(broken));
    }
}

#[test]
fn a_crontab_of_another_user_is_asked_for_by_name() {
    let Some(cron) = PrivateCron::new() else { return };
    let workdir = cron.workdir.path();
    let open = |folder: &str, mode| {
        std::fs::create_dir_all(workdir.join(folder)).expect("a folder");
        std::fs::set_permissions(workdir.join(folder), PermissionsExt::from_mode(mode)).expect("its mode");
    };
    open("", 0o755);
    open("log", 0o755);
    let run = cron.install(&["--user", "nobody"]).expect(2);
    let told = format!(
        "failed: nobody may not write to {}: change the owner of the folder to that user",
        workdir.join("log").display()
    );
    assert!(run.stderr.starts_with(&told), "{run:?}");
    let run = cron.install(&["--user", "no-such-user"]).expect(2);
    assert!(run.stderr.starts_with("failed: there is no user no-such-user: "), "{run:?}");
    let run = cron.schedule(&["remove", "--user", "no-such-user"]).expect(2);
    let told = "`crontab` did not read the crontab of no-such-user: crontab:  user `no-such-user' unknown";
    assert!(run.stderr.contains(told), "{run:?}");

    open("log", 0o777);
    let ours = std::fs::metadata(workdir).expect("the workdir").uid();
    cron.install(&["--user", "nobody"]).expect(0);
    assert_ne!(std::fs::metadata(workdir.join("state")).expect("was made").uid(), ours, "it is nobody's");
    assert_eq!(cron.table(), None, "root's own");
    assert!(workdir.join("spool/crontabs/nobody").exists());
    cron.schedule(&["remove", "--user", "nobody"]).expect(0);
    assert!(!workdir.join("spool/crontabs/nobody").exists());
}

#[test]
fn secrets_have_to_be_where_jobs_find_them() {
    let Some(cron) = PrivateCron::new() else { return };
    let config = std::fs::read_to_string(cron.workdir.path().join("costwarden.toml")).expect("a config");
    let config = config.replace("kind = \"embedded\"", "kind = \"mongodb\"\nuri = \"env:MONGODB_URI\"");
    cron.workdir.write("costwarden.toml", &config);
    let run = costwarden_tests::run(
        cron.command(costwarden_tests::binary(), &["schedule", "install", "--log-dir", "log"])
            .env("MONGODB_URI", "here"),
    )
    .expect(2);
    assert!(run.stderr.contains("store.uri: the environment variable MONGODB_URI is not set"), "{run:?}");
    assert!(run.stderr.contains("jobs do not inherit the variables of this shell: "), "{run:?}");
    cron.workdir.write("environment", "# secrets\nMONGODB_URI=mongodb://127.0.0.1\n");
    cron.workdir.write("costwarden.toml", &format!("env_file = \"environment\"\n{config}"));
    cron.install(&[]).expect(0);
    assert!(cron.table().expect("a table").contains(" daily --json "));
}

#[test]
fn without_cron_it_is_said_what_to_do() {
    let Some(cron) = PrivateCron::new() else { return };
    let mut command = cron.command(costwarden_tests::binary(), &["schedule", "show"]);
    let run = costwarden_tests::run(command.env("PATH", "/usr/sbin:/sbin:/bin:/nowhere")).expect(2);
    let cron_is_installed = std::path::Path::new("/bin/crontab").exists();
    assert!(cron_is_installed || run.stderr.contains("cannot run `crontab`"), "{run:?}");
}

/// The log of the jobs is a part of the checklist before going live.
#[test]
fn a_log_that_no_job_could_open_is_told_before_cron_finds_out() {
    let Some(cron) = PrivateCron::new() else { return };
    cron.install(&[]).expect(0);
    let check = || {
        let run = run(&mut cron.command(binary(), &["check", "--online", "--json"]));
        let lines = run.json();
        let of = |what: &str| lines.iter().find(|line| line["check"] == what).cloned().unwrap_or_default();
        assert_eq!(of("schedule")["message"], "the jobs are in this user's crontab", "{lines:?}");
        of("log")
    };
    let log = cron.workdir.path().join("log");
    let well = check();
    let file = log.join("costwarden.log").display().to_string();
    assert_eq!((&well["level"], &well["message"]), (&"ok".into(), &format!("{file}: may be written").into()));
    assert!(!log.join("costwarden.log").exists(), "a check leaves no trace");
    std::fs::remove_dir(&log).expect("empty");
    let gone = check();
    let message = format!(
        "{} does not exist, and cron starts no job without the folder: create the folder with the user of the jobs as owner",
        log.display()
    );
    assert_eq!((&gone["level"], &gone["message"]), (&"error".into(), &message.into()));
}
