use std::path::Path;

use config_file::toml::Document;
use jiff::civil::time;
use model::anomaly::{Direction, Severity};
use model::incident::Delivery;
use model::series::{Names, SeriesKey};

use super::*;
use crate::notification::fixtures::incident;

const RECEIVERS: [&str; 4] = ["payments", "finance", "pager", "log"];

fn routing(routes: &str, owners: &str) -> Routing {
    let receivers = RECEIVERS.into();
    let document = Document::new(Path::new("costwarden.toml"), routes);
    let routes = read_routes(document.root().expect("TOML").key("route", "The routes.").sections(), &receivers);
    assert_eq!(document.into_errors(), []);
    let document = Document::new(Path::new("owners.toml"), owners);
    let owners = read_owners(document.root().expect("TOML").key("owner", "The owners.").sections(), &receivers);
    assert_eq!(document.into_errors(), []);
    Routing { routes, owners, hints: Vec::new(), report_url: None }
}

/// Returns the treatment of a warning about the project `쇼핑몰` at each receiver.
fn dispatched(routing: &Routing, change: impl Fn(&mut Incident), hour: i8) -> [Dispatch; 4] {
    let mut incident = incident(Direction::Up, 20_000.0, 10_000.0);
    incident.rules = ["service-daily".to_owned()].into();
    change(&mut incident);
    RECEIVERS.map(|receiver| routing.dispatch(receiver, &incident, time(hour, 0, 0, 0)))
}

#[test]
fn a_receiver_without_a_route_gets_everything() {
    assert_eq!(dispatched(&Routing::default(), |_| {}, 3), [Dispatch::Send; 4]);
}

#[test]
fn the_first_matching_route_decides_and_the_owner_has_receivers() {
    let routing = routing(
        "[[route]]\nowner = \"team-*\"\nquiet_hours = \"22:00-07:00\"\n\
         [[route]]\nreceivers = [\"pager\"]\nseverity = \"critical\"\n\
         [[route]]\nreceivers = [\"finance\", \"payments\"]\nsend = \"weekly\"\nmin_impact = 1000\nrule = \"service-*\"\n",
        "[[owner]]\nname = \"team-shop\"\nprojects = [\"쇼핑*\"]\nreceivers = [\"payments\"]\npeople = [\"@kim\"]\n",
    );
    let weekly = Dispatch::Digest(DigestPeriod::Weekly);
    assert_eq!(dispatched(&routing, |_| {}, 12), [Dispatch::Send, weekly, Dispatch::NotRouted, Dispatch::Send]);
    assert_eq!(dispatched(&routing, |_| {}, 3), [Dispatch::Quiet, weekly, Dispatch::NotRouted, Dispatch::Send]);
    let critical = |incident: &mut Incident| incident.severity = Severity::Critical;
    assert_eq!(dispatched(&routing, critical, 3), [Dispatch::Send, weekly, Dispatch::Send, Dispatch::Send]);
    let other_project = |incident: &mut Incident| {
        incident.names.project = "결제".into();
        incident.by_day.clear();
    };
    let expected = [Dispatch::NotRouted, Dispatch::NotRouted, Dispatch::NotRouted, Dispatch::Send];
    assert_eq!(dispatched(&routing, other_project, 12), expected);
    let known = |incident: &mut Incident| {
        other_project(incident);
        incident.deliveries.insert("payments".to_owned(), Delivery::default());
    };
    assert_eq!(dispatched(&routing, known, 12)[0], Dispatch::Send, "the end follows the opening");
    assert_eq!(routing.digest("finance"), Some(DigestPeriod::Weekly));
}

#[test]
fn a_budget_goes_to_the_routes_that_contain_its_services() {
    let routing = routing(
        "[[route]]\nowner = \"team-*\"\nquiet_hours = \"22:00-07:00\"\n\
         [[route]]\nreceivers = [\"pager\"]\nseverity = \"warning\"\n\
         [[route]]\nreceivers = [\"finance\"]\nrule = \"*\"\n\
         [[route]]\nreceivers = [\"finance\"]\nsend = \"weekly\"\nservice = \"vm\"\nmin_impact = 1000\n",
        "[[owner]]\nname = \"team-shop\"\nprojects = [\"쇼핑*\"]\nreceivers = [\"payments\"]\n",
    );
    let series = |project: &str, service: &str| {
        let names = Names { account: "우리회사".into(), project: project.into(), service: service.into() };
        (SeriesKey::new("d", project, service), names)
    };
    let dispatched = |series: &[_], severity, hour| {
        let budget = RoutedBudget { series, severity };
        RECEIVERS.map(|receiver| routing.budget_dispatch(receiver, budget, time(hour, 0, 0, 0)))
    };
    let shop = [series("쇼핑몰", "vm"), series("쇼핑몰2", "vm")];
    let weekly = Dispatch::Digest(DigestPeriod::Weekly);
    assert_eq!(dispatched(&shop, Severity::Info, 12), [Dispatch::Send, weekly, Dispatch::NotRouted, Dispatch::Send]);
    assert_eq!(dispatched(&shop, Severity::Warning, 3), [Dispatch::Quiet, weekly, Dispatch::Send, Dispatch::Send]);
    // Another project has no owner, and another service is outside of the scope.
    let wider = [series("쇼핑몰", "vm"), series("결제", "disk")];
    let expected = [Dispatch::NotRouted, Dispatch::NotRouted, Dispatch::NotRouted, Dispatch::Send];
    assert_eq!(dispatched(&wider, Severity::Info, 12), expected);
}

#[test]
fn quiet_hours_may_pass_midnight() {
    let night = QuietHours::parse("22:00-07:00").expect("hours");
    let hours = [21, 22, 0, 6, 7].map(|hour| night.contain(time(hour, 0, 0, 0)));
    assert_eq!(hours, [false, true, true, true, false]);
    let noon = QuietHours::parse("12:00-13:30").expect("hours");
    assert!(noon.contain(time(13, 29, 59, 0)) && !noon.contain(time(13, 30, 0, 0)));
    assert_eq!(["22-7", "22:00", "07:00-07:00", "25:00-01:00"].map(QuietHours::parse), [None; 4]);
}

#[test]
fn each_error_of_a_route_names_the_key() {
    let text =
        "[[route]]\nreceivers = [\"pagr\"]\nsend = \"monthly\"\nquiet_hours = \"night\"\nproject = \"[\"\nwho = 1\n";
    let document = Document::new(Path::new("costwarden.toml"), text);
    read_routes(document.root().expect("TOML").key("route", "The routes.").sections(), &RECEIVERS.into());
    let errors: Vec<String> = document.into_errors().iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    costwarden.toml:2: route.receivers: "pagr" is no receiver, expected one of finance, log, pager, payments
    costwarden.toml:3: route.send: expected "immediate" or "daily" or "weekly", found "monthly"
    costwarden.toml:4: route.quiet_hours: expected hours like "22:00-07:00", found "night"
    costwarden.toml:5: route.project: expected a name or a glob like "shop-*", found "["
    costwarden.toml:6: route.who: unknown key, expected one of receivers, account, project, service, rule, owner, severity, direction, min_impact, send, quiet_hours, daily_total
    "#);
}
