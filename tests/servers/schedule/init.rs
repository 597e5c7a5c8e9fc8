//! `init` with the jobs in a real crontab: by a flag, and by answers on a terminal.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use super::private_cron::PrivateCron;
use costwarden_tests::{Simulator, binary, plugins, run};

/// Checks the crontab, and the file of the variables that the jobs read.
fn expect_jobs(cron: &PrivateCron) {
    let folder = cron.workdir.path().join("new");
    let table = cron.table().expect("a table");
    for job in [" daily --json ", " hourly --json ", " health "] {
        assert!(table.contains(job), "{table}");
    }
    assert!(table.contains(&format!(" >>{}/log/costwarden.log 2>&1", folder.display())), "{table}");
    let environment = folder.join("environment");
    let (name, value) = Simulator::ENV;
    assert_eq!(std::fs::read_to_string(&environment).expect("variables"), format!("{name}='{value}'\n"));
    assert_eq!(std::fs::metadata(environment).expect("a file").permissions().mode() & 0o777, 0o600);
    let config = folder.join("costwarden.toml").display().to_string();
    let mut check = cron.command(binary(), &["--config", &config, "check", "--online"]);
    let checked = run(check.env_remove(name)).expect(0);
    assert!(checked.stdout.contains("the jobs are in this user's crontab"), "{checked:?}");
}

#[test]
fn a_flag_installs_the_jobs() {
    let Some(cron) = PrivateCron::new() else { return };
    let simulator = Simulator::start(&[]);
    let plugins = plugins().display().to_string();
    let place = ["init", "new", "--language", "en", "--plugins", &plugins, "--endpoint", &simulator.url];
    let bill = ["--credential-id", "simulated-id", "--credential-secret", "env:SIMULATED_SECRET", "--schedule"];
    let mut init = cron.command(binary(), &[&place[..], &bill].concat());
    let made = run(init.envs([Simulator::ENV])).expect(0);
    assert!(made.stdout.contains("the jobs are in the crontab\n"), "{made:?}");
    assert!(!made.stdout.contains("schedule install"), "{made:?}");
    expect_jobs(&cron);
}

/// Without options, `init` asks on a terminal. `script` makes a pseudo terminal for the program.
#[test]
fn answers_on_a_terminal_install_the_jobs() {
    let Some(cron) = PrivateCron::new() else { return };
    let simulator = Simulator::start(&[]);
    let init = format!("{} init new --plugins {}", binary(), plugins().display());
    let mut script = cron.command("script", &["-q", "-e", "-c", &init, "/dev/null"]);
    script.envs([Simulator::ENV]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut script = script.spawn().expect("script of the Debian package bsdutils");
    let bill = ["en", "acme", "", &simulator.url, "simulated-id", "env:SIMULATED_SECRET"];
    let rest = ["", "", "-", "0", "yes", ""];
    let answers = [&bill[..], &rest].concat().join("\n");
    script.stdin.take().expect("piped").write_all(answers.as_bytes()).expect("read");
    let told = script.wait_with_output().expect("ended");
    let told = String::from_utf8(told.stdout).expect("UTF-8");
    assert!(told.contains("Name of the billing account [default]: "), "{told}");
    assert!(told.contains("Install the jobs in the crontab of this user, yes or no [no]: "), "{told}");
    assert!(told.contains("the jobs are in the crontab"), "{told}");
    expect_jobs(&cron);
}

#[test]
fn a_failed_installation_keeps_the_files() {
    let Some(cron) = PrivateCron::new() else { return };
    let simulator = Simulator::start(&[]);
    let plugins = plugins().display().to_string();
    let place = ["init", "new", "--language", "en", "--plugins", &plugins, "--endpoint", &simulator.url];
    let bill = ["--credential-id", "simulated-id", "--credential-secret", "env:SIMULATED_SECRET", "--schedule"];
    // The log folder cannot be created: a file has the name.
    std::fs::create_dir(cron.workdir.path().join("new")).expect("a folder");
    std::fs::write(cron.workdir.path().join("new/log"), "").expect("written");
    let mut init = cron.command(binary(), &[&place[..], &bill].concat());
    let failed = run(init.envs([Simulator::ENV])).expect(2);
    let told = "failed: the files are written, but the jobs are not in the crontab: cannot create or write the folder";
    assert!(failed.stderr.contains(told), "{failed:?}");
    assert!(cron.workdir.path().join("new/costwarden.toml").exists() && cron.table().is_none());
}
