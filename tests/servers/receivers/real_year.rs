//! A real year in dollars with the default rules: the lines of the year, and the notifications of a webhook replayed.

use jiff::civil::date;

use super::endpoint::{Answer, Endpoint};
use super::notified_incidents::NotifiedIncidents;
use costwarden_tests::replay::after;
use costwarden_tests::{Workdir, repository, shared, write_private};

/// Returns the working directory after the year, with the short lines of each day.
fn year(folder: &std::path::Path, endpoint: &Endpoint) -> (Workdir, Vec<String>) {
    let rules = repository().join("rules/default");
    let workdir = Workdir::new(&format!(
        "time_zone = \"America/Los_Angeles\"\ncurrency = \"USD\"\nlanguage = \"en\"\n\
         [source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = {folder:?}\n\
         [archive]\nkind = \"directory\"\ndirectory = \"archive\"\n\
         [store]\nkind = \"embedded\"\n[rules]\ndirectory = {rules:?}\n\
         [[receiver]]\nkind = \"stdout\"\nname = \"short\"\ndaily_total = false\n\
         [[receiver]]\nkind = \"webhook\"\nname = \"hook\"\nurl = {:?}\nsecret = \"file:secret\"\ndaily_total = false\n",
        endpoint.url
    ));
    write_private(&workdir.path().join("secret"), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    workdir.run(&["backfill", "--from=2017-12-13", "--to=2018-01-31"]).expect(0);
    let mut lines = Vec::new();
    for index in 0..334 {
        let day = after(date(2018, 2, 1), index);
        let run = workdir.run(&["daily", &format!("--date={day}"), "--json"]);
        let told = run.stderr.lines().filter(|line| line.starts_with("[BILLING_"));
        lines.extend(told.map(|line| format!("{day} {line}")));
    }
    (workdir, lines)
}

#[test]
fn the_notifications_of_a_real_year_replay_to_the_incidents_of_the_store() {
    let Some(folder) = shared("real/mybinder") else { return };
    let endpoint = Endpoint::start(|_, _| Answer { status: 204, ..Answer::default() });
    let (workdir, lines) = year(&folder, &endpoint);
    insta::assert_snapshot!(lines.join("\n"));

    let notified = NotifiedIncidents::since(&endpoint, 0);
    notified.check(&workdir);
    notified.check_excess(&workdir);
    assert!(notified.len() > 10, "{} incidents were notified", notified.len());
}
