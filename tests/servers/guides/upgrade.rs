//! The guide for the upgrade: the steps, with the same program as the new one.

use super::play::Machine;
use costwarden_tests::repository;

#[test]
fn the_steps_keep_the_jobs_and_the_documents() {
    let Some(machine) = Machine::new() else { return };
    let flags = format!(
        "export KAKAO_CREDENTIAL_ID=simulated-id KAKAO_CREDENTIAL_SECRET=simulated-secret\n\
         costwarden init billing --account acme --language en --endpoint {} --backfill 40 --schedule\n",
        machine.simulator.url
    );
    machine.play(&flags, &[]).expect(0);
    let before = machine.cron.table();

    let text = std::fs::read_to_string(repository().join("docs/upgrade.md")).expect("the guide");
    let spans = text.split('`').filter(|span| span.starts_with("costwarden "));
    let commands: Vec<&str> = spans.map(|span| span.lines().next().unwrap_or(span)).collect();
    let [remove, rebuild, online, lock, install] = commands.as_slice() else { panic!("{commands:?}") };
    let check = text.lines().map(str::trim).find(|line| line.starts_with("costwarden check --config /etc/costwarden/"));
    let check = check.expect("the check with the new program").replace("/etc/costwarden/", "");
    let script = format!(
        "cd billing\n{check}\n{remove}\ncp state/costwarden.redb copy\n{online} || [ $? = 1 ]\n{lock}\n{install} --log-dir log\n\
         costwarden series list >before\nrm state/costwarden.redb\n{rebuild}\ncostwarden series list >rebuilt\n\
         cp copy state/costwarden.redb\ncostwarden series list >after\ntest -s before\ncmp before rebuilt\ncmp before after\n"
    );
    machine.play(&script, &[]).expect(0);
    assert_eq!(machine.cron.table(), before);
}
