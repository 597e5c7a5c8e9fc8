//! `costwarden demo` finds its hidden incidents.

#[test]
fn the_demo_finds_its_hidden_incidents() {
    let workdir = costwarden_tests::Workdir::new("");
    std::os::unix::fs::symlink(costwarden_tests::plugins(), workdir.path().join("dist")).expect("a link");
    let run = workdir.run(&["demo", "--plugins", "dist", "--keep", "kept"]).expect(0);
    assert!(run.stdout.contains("  cd kept\n  costwarden incidents list\n"), "{}", run.stdout);
    let lines: Vec<&str> = run.stdout.lines().collect();
    let table = lines.iter().position(|line| line.starts_with("Hidden incidents and")).expect("a table");
    let incidents = |end: &str| lines[table..].iter().filter(|line| line.contains(end)).count();
    let is_sum = |line: &&&str| line.contains(" false alarm");
    let last = lines[table..].iter().rfind(is_sum).expect("a line");
    let numbers: Vec<u32> = last.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [found, hidden, _false_alarms, series_days] = numbers[..] else { panic!("{last}") };
    assert_eq!((hidden, series_days), (8, 4_800), "{last}");
    assert!(found >= 7, "{}", run.stdout);
    assert_eq!(incidents("NOT FOUND"), (hidden - found) as usize);
    assert!(lines.iter().any(|line| line.starts_with("[BILLING_ANOMALY] ")), "what people are told is shown");
    // The kept store has a config, and the report needs no secret.
    workdir.run(&["report", "--config", "kept/costwarden.toml", "--output", "page"]).expect(0);
    let page = std::fs::read_to_string(workdir.path().join("page/report.html")).expect("written");
    assert!(page.contains("GPU Instance") && page.contains("costwarden incidents explain 2026"), "the open runaway");
}

#[test]
fn plugins_that_are_not_there_are_named() {
    let workdir = costwarden_tests::Workdir::new("");
    let run = workdir.run(&["demo", "--plugins", "elsewhere"]).expect(2);
    assert!(run.stderr.contains("elsewhere/daily-level.wasm"), "{}", run.stderr);
}
