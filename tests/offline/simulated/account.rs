//! A config with another account than the account of the database.

use super::simulated_bill::{Setup, SimulatedBill};

#[test]
fn another_account_is_refused_with_both_names() {
    let simulated = SimulatedBill::with_history(&Setup::default(), 20);
    let config = simulated.workdir.path().join("costwarden.toml");
    let text = std::fs::read_to_string(&config).expect("read");
    let archived = || std::fs::read_dir(simulated.workdir.path().join("archive")).expect("a folder").count();
    let before = archived();
    simulated.workdir.write("costwarden.toml", &text.replace("account = \"suite\"", "account = \"other\""));
    for args in [&["daily", "--date", "2026-11-22"][..], &["hourly"], &["health"]] {
        let run = simulated.run(args);
        let said = format!("{}{}", run.stdout, run.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(run.code, 2, "{said}");
        assert!(said.contains("belongs to the account `suite`, but [source] account is `other`"), "{said}");
    }
    assert_eq!(archived(), before, "nothing was archived");
    simulated.workdir.write("costwarden.toml", &text);
    simulated.run(&["daily", "--date", "2026-11-22"]).expect(0);
}
