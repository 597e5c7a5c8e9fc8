//! Bills that people complained about, played day by day with the default rules: the short lines, the messages of Slack and
//! the mails of each bill.
//!
//! The bills stand beside the repository in `shared/cases`, each with the kind of the event and the right behaviour. The
//! script `play.sh` there plays the same days.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use jiff::ToSpan as _;
use jiff::civil::Date;

use super::endpoint::{Endpoint, Request};
use super::mail_server::MailServer;
use super::slack;
use crate::tls::certificates::{Certificates, Shown};
use costwarden_tests::{Run, Workdir, plugins, repository, service, shared, write_private};

/// A bill with the days to play: the file `case.env`.
struct Case {
    folder: PathBuf,
    keys: BTreeMap<String, String>,
}

/// A case, the receivers and the working directory.
struct Player {
    case: Case,
    workdir: Workdir,
    slack: Endpoint,
    mail: MailServer,
    /// The library that shows another time to a process; `None` for a case that names each day.
    faketime: Option<String>,
}

impl Case {
    fn read(folder: PathBuf) -> Self {
        let text = std::fs::read_to_string(folder.join("case.env")).expect("parameters");
        let keys = text.lines().filter_map(|line| line.split_once('='));
        let keys = keys.map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned())).collect();
        Self { folder, keys }
    }

    fn text(&self, key: &str) -> &str {
        &self.keys[key]
    }

    fn date(&self, key: &str) -> Date {
        self.text(key).parse().expect("a day")
    }
}

/// A moment of the clock in Seoul, `2026-09-07 00:10`.
fn moment(day: Date, time: &str) -> String {
    format!("{day} {time}")
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).expect("copied");
        }
    }
}

impl Player {
    /// `None` without the cases or a server.
    fn new(name: &str) -> Option<Self> {
        let case = Case::read(shared("cases")?.join(name));
        let faketime = if case.text("clock") == "yes" { Some(service("COSTWARDEN_TEST_FAKETIME")?) } else { None };
        let certificates = Certificates::new()?;
        let mail = MailServer::start("plain", &certificates, Shown::Good)?;
        let slack = Endpoint::start(slack::web_api);
        let workdir = Workdir::new(&format!(
            "currency = {:?}\nlanguage = \"en\"\n[source]\nkind = \"replay\"\ndirectory = \"source\"\n[archive]\n\
             kind = \"directory\"\ndirectory = \"archive\"\n[store]\nkind = \"embedded\"\n[plugins]\ndirectory = {:?}\n\
             [rules]\ndirectory = {:?}\n[[receiver]]\nkind = \"stdout\"\nname = \"short\"\ndaily_total = false\n\
             [[receiver]]\nkind = \"slack\"\nname = \"slack\"\nendpoint = {:?}\nbot_token = \"file:token\"\n\
             channel = {:?}\n[[receiver]]\nkind = \"email\"\nname = \"mail\"\nhost = \"localhost\"\nport = {}\n\
             tls = \"none\"\nfrom = \"costwarden@example.com\"\nto = [\"team@example.com\"]\n",
            case.text("currency"),
            plugins(),
            repository().join("rules/default"),
            slack.url,
            slack::CHANNEL,
            mail.port(),
        ));
        write_private(&workdir.path().join("token"), slack::TOKEN);
        copy(&case.folder.join("raw"), &workdir.path().join("source/raw"));
        Some(Self { case, workdir, slack, mail, faketime })
    }

    /// Runs a command; with a faked clock, at a moment and with the documents of that moment.
    fn run(&self, moment: &str, args: &[&str]) -> Run {
        let Some(library) = &self.faketime else { return self.workdir.run(args) };
        let source = self.workdir.path().join("source/raw");
        copy(&self.case.folder.join("raw"), &source);
        for before in std::fs::read_dir(self.case.folder.join("before")).into_iter().flatten() {
            let before = before.expect("an entry").path();
            let until = before.file_name().and_then(|name| name.to_str()).expect("a moment").replace('T', " ");
            if *moment < *until {
                copy(&before.join("raw"), &source);
            }
        }
        let seoul: jiff::civil::DateTime = moment.parse().expect("a moment");
        let utc = seoul.checked_sub(9.hours()).expect("a moment").strftime("@%F %T").to_string();
        let env = [("LD_PRELOAD", library.as_str()), ("FAKETIME", &utc), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")];
        self.workdir.run_with(args, &env)
    }

    /// Plays the case and returns the messages of each run.
    fn play(&self) -> String {
        let [from, to] = ["backfill_from", "backfill_to"].map(|key| self.case.date(key));
        let is_clocked = self.faketime.is_some();
        let loaded = if is_clocked { to.saturating_sub(1.day()) } else { to };
        let backfill = ["backfill", "--from", &from.to_string(), "--to", &loaded.to_string()];
        let backfill = self.run(&moment(to, "23:59"), &backfill);
        assert!(backfill.code < 2, "{backfill:?}");
        let mut told = String::new();
        for day in loaded.tomorrow().expect("a day").series(1.day()).take_while(|day| *day <= self.case.date("last")) {
            let next = day.tomorrow().expect("a day");
            let runs: &[(&str, &str)] = if self.case.folder.ends_with("empty-bill") {
                &[("00:10", "daily"), ("13:10", "hourly"), ("19:10", "hourly")]
            } else {
                &[("00:10", "daily")]
            };
            for (time, job) in runs {
                let date = format!("--date={day}");
                let args: &[&str] = if is_clocked { &[job] } else { &[job, &date] };
                let when = if is_clocked { moment(next, time) } else { day.to_string() };
                let messages = self.messages(|| self.run(&when, args));
                if !messages.is_empty() {
                    write!(told, "# {when} {job}\n{messages}").expect("written");
                }
            }
        }
        told
    }

    /// Returns the messages of a run.
    fn messages(&self, run: impl FnOnce() -> Run) -> String {
        let posted = |request: &Request| request.path == "/api/chat.postMessage";
        let before = [self.slack.requests().len(), self.mail.mails().len()];
        let run = run();
        let mut messages: Vec<String> =
            run.stdout.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect();
        let slack = self.slack.requests().split_off(before[0]);
        messages.extend(
            slack
                .iter()
                .filter(|request| posted(request))
                .map(|request| format!("\nSlack\n{}", slack::text(&request.json()))),
        );
        let mails = self.mail.mails().split_off(before[1]);
        messages.extend(mails.iter().map(|mail| format!("\nMail: {}\n{}", mail.subject, mail.text.trim_end())));
        messages.iter().map(|message| message.clone() + "\n").collect::<String>()
    }
}

#[track_caller]
fn check(name: &str) {
    let Some(player) = Player::new(name) else { return };
    insta::assert_snapshot!(name, player.play());
}

#[test]
fn a_steady_credit_is_no_news() {
    check("credit-steady");
}

#[test]
fn a_slow_growth_is_reported_within_two_weeks() {
    check("creep-3-percent");
}

#[test]
fn the_minimum_impact_follows_a_bill_in_dollars() {
    check("dollars");
}

#[test]
fn a_bill_with_every_row_twice_gives_one_notification() {
    check("duplicated-rows");
}

#[test]
fn an_empty_bill_is_missing_until_the_bill_has_rows() {
    check("empty-bill");
}

#[test]
fn a_withheld_bill_does_not_hide_a_runaway_cost() {
    check("held-hides-runaway");
}

#[test]
fn a_lasting_step_is_never_reported_as_over() {
    check("lasting-step");
}

#[test]
fn many_small_rises_are_one_large_rise_of_the_sum() {
    check("many-small-rises");
}

#[test]
fn a_monthly_fee_is_no_news_from_the_third_time_on() {
    check("monthly-fee");
}

#[test]
fn money_without_a_project_is_part_of_the_bill() {
    check("no-project");
}

#[test]
fn amounts_with_separators_are_read() {
    check("amount-as-text");
}

#[test]
fn a_bill_that_is_short_every_night_is_no_news() {
    check("partial-every-night");
}

#[test]
fn a_refund_is_called_a_refund() {
    check("refund");
}

#[test]
fn series_with_the_same_name_are_told_apart() {
    check("same-name");
}

#[test]
fn a_weekly_charge_has_stopped_after_the_second_missing_charge() {
    check("weekly-backup-stops");
}
