//! E-mail to a real SMTP server: TLS, authentication, threads, refusals, and untrusted certificates.

use super::mail_server::{MailServer, PASSWORD, USER};
use crate::backends::bills;
use crate::tls::certificates::{Certificates, Shown};
use costwarden_tests::{Run, Workdir, write_private};

/// A working directory with a mail server as the only receiver, and four quiet weeks.
fn workdir(port: u16, keys: &str) -> Workdir {
    let workdir = bills::workdir("");
    write_private(&workdir.path().join("password"), PASSWORD);
    let receiver = format!(
        "[[receiver]]\nkind = \"email\"\nname = \"mail\"\nhost = \"localhost\"\nport = {port}\ntimeout_seconds = 20\n\
         from = \"costwarden <costwarden@example.com>\"\nto = [\"팀 <team@example.com>\", \"lead@example.com\"]\n{keys}"
    );
    bills::configure(&workdir, "language = \"ko\"", &receiver);
    bills::load(&workdir).expect(0);
    workdir
}

fn login(certificates: &Certificates) -> String {
    let authority = certificates.authority_file();
    format!("username = {USER:?}\npassword = \"file:password\"\nca_file = {authority:?}\n")
}

fn count(run: &Run, count: &str) -> u64 {
    run.report()["counts"][count].as_u64().unwrap_or(0)
}

fn problem(run: &Run) -> String {
    run.report()["problems"][0].as_str().expect("a problem").to_owned()
}

/// Delivers an opening and an end, and returns the server.
fn deliver(mode: &str) -> Option<MailServer> {
    let certificates = Certificates::new()?;
    let server = MailServer::start(mode, &certificates, Shown::Good)?;
    let workdir = workdir(server.port(), &format!("tls = {mode:?}\n{}", login(&certificates)));
    for (index, amount) in [(0, "1500"), (1, "1000"), (1, "1000")] {
        bills::daily(&workdir, index, amount).expect(0);
    }
    let checked = workdir.run(&["check", "--online"]);
    assert!(checked.stdout.contains("받는 곳      mail: 접속됨"), "{checked:?}");
    Some(server)
}

#[test]
fn mails_come_over_starttls_as_text_and_html_in_one_thread() {
    let Some(server) = deliver("starttls") else { return };
    let mails = server.mails();
    let [opened, closed] = &mails[..] else { panic!("{mails:?}") };
    assert!(opened.tls && opened.sender == "costwarden@example.com", "{opened:?}");
    assert_eq!(opened.recipients, ["team@example.com", "lead@example.com"]);
    assert_eq!(
        (opened.from.as_str(), opened.to.as_str()),
        ("costwarden <costwarden@example.com>", "팀 <team@example.com>, lead@example.com")
    );
    assert_eq!(opened.subject, "🟠 우리회사 / 쇼핑몰 · Virtual Machine: 평소보다 약 50% 더 나왔습니다");
    assert_eq!(closed.subject, "✅ 우리회사 / 쇼핑몰 · Virtual Machine: 평소 수준으로 돌아왔습니다");
    assert_eq!((&opened.references, closed.references.as_ref()), (&None, Some(&opened.message_id)));
    assert_eq!(opened.auto_submitted.as_deref(), Some("auto-generated"));
    assert!(opened.text.contains("\n10월 19일(월) 1,500원 · 평소 1,000원 · +500원\n"), "{}", opened.text);
    assert!(opened.html.contains("<strong>10월 19일(월) 1,500원 · 평소 1,000원 · +500원</strong>"), "{}", opened.html);
}

#[test]
fn mails_come_over_implicit_tls() {
    let Some(server) = deliver("implicit") else { return };
    let mails = server.mails();
    assert!(mails.len() == 2 && mails.iter().all(|mail| mail.tls), "{mails:?}");
}

#[test]
fn a_refused_mail_comes_with_the_next_run() {
    let Some(certificates) = Certificates::new() else { return };
    let Some(server) = MailServer::start("starttls", &certificates, Shown::Good) else { return };
    let workdir = workdir(server.port(), &login(&certificates));
    server.answer(Some("451 greylisted,\ntry later"));
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    assert_eq!(count(&run, "undelivered"), 1);
    let target = format!("receiver mail: cannot write to the mail server localhost:{}: ", server.port());
    assert!(problem(&run).starts_with(&target) && problem(&run).contains("451"), "{}", problem(&run));
    server.answer(None);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 1);
    assert_eq!(count(&bills::daily(&workdir, 0, "1500").expect(0), "notifications"), 0);
    assert_eq!(server.mails().len(), 1);
}

#[test]
fn a_wrong_password_or_certificate_sends_nothing() {
    let Some(certificates) = Certificates::new() else { return };
    let Some(server) = MailServer::start("starttls", &certificates, Shown::Good) else { return };
    let workdir = workdir(server.port(), &login(&certificates));
    write_private(&workdir.path().join("password"), "wrong-password");
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    assert!(problem(&run).contains("535") && !format!("{run:?}").contains("wrong-password"), "{run:?}");
    let Some(other) = MailServer::start("starttls", &certificates, Shown::OtherHost) else { return };
    write_private(&workdir.path().join("password"), PASSWORD);
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("the config");
    let port = |port: u16| format!("port = {port}\n");
    workdir.write("costwarden.toml", &config.replace(&port(server.port()), &port(other.port())));
    let run = bills::daily(&workdir, 0, "1500").expect(1);
    assert!(problem(&run).contains("certificate"), "{run:?}");
    assert_eq!((server.mails().len(), other.mails().len()), (0, 0));
}

#[test]
fn a_server_on_this_machine_needs_no_tls() {
    let Some(certificates) = Certificates::new() else { return };
    let Some(server) = MailServer::start("plain", &certificates, Shown::Good) else { return };
    let workdir = workdir(server.port(), "tls = \"none\"\ndaily_total = true\n");
    bills::daily(&workdir, 0, "1000").expect(0);
    let mails = server.mails();
    assert_eq!(
        mails.iter().map(|mail| mail.subject.as_str()).collect::<Vec<_>>(),
        ["🧾 10월 19일(월) 총요금: 1,235원"]
    );
    bills::configure(&workdir, "", "");
    let config = std::fs::read_to_string(workdir.path().join("costwarden.toml")).expect("the config");
    workdir.write("costwarden.toml", &config.replace("host = \"localhost\"", "host = \"mail.example.com\""));
    let run = workdir.run(&["check"]);
    assert!(format!("{run:?}").contains("receiver.tls: \\\"none\\\" is for a mail server on this machine"), "{run:?}");
}
