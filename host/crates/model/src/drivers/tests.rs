use std::time::Duration;

use bigdecimal::Zero as _;

use super::*;
use crate::bill::{Amounts, BillRow};
use crate::moment::Moment;
use crate::series::{ALL, Names, SeriesKey};

/// A row of a service: the cost, the usage quantity and the usage time.
struct TestRow {
    service: &'static str,
    region: Option<&'static str>,
    figures: [&'static str; 3],
}

fn row(service: &'static str, cost: &'static str, quantity: &'static str, time: &'static str) -> TestRow {
    TestRow { service, region: None, figures: [cost, quantity, time] }
}

fn charges(rows: &[TestRow]) -> Charges {
    let mut charges = Charges::default();
    for TestRow { service, region, figures } in rows {
        let [billed_cost, usage_quantity, usage_time] = figures.map(|figure| figure.parse().expect("a decimal"));
        charges.add(&BillRow {
            key: SeriesKey::new("d", "p", service),
            names: Names::default(),
            amounts: Amounts { billed_cost, usage_quantity, usage_time, ..Amounts::default() },
            pricing_category: None,
            region: region.map(str::to_owned),
            resource: None,
        });
    }
    charges
}

/// Compares two bills. Returns a line per driver, and a line with the sums.
fn compared(before: &[TestRow], after: &[TestRow]) -> String {
    let drivers = compare(&charges(before), &charges(after));
    assert_eq!(drivers.effects.sum(), drivers.difference(), "the effects equal the difference");
    let text = |effects: &Effects| {
        let Effects { price, quantity, new, gone } = effects;
        [price, quantity, new, gone].map(|effect| effect.normalized().to_plain_string()).join(" ")
    };
    let line = |driver: &Driver| {
        assert_eq!(driver.effects.sum(), driver.difference());
        let change = match &driver.change {
            ChargeChange::Usage(usage) => format!("{:?}", usage.measure),
            other => format!("{other:?}"),
        };
        format!("{} {change}: {}", driver.charge.series.service, text(&driver.effects))
    };
    let lines = drivers.drivers.iter().map(line);
    lines.chain([format!("sum: {}", text(&drivers.effects))]).collect::<Vec<_>>().join("\n")
}

#[test]
fn each_charge_is_split_into_price_and_quantity() {
    let before = [row("twice", "120", "1", "24"), row("dearer", "100", "10", "0"), row("both", "10", "3", "0")];
    let after = [row("twice", "240", "1", "48"), row("dearer", "110", "10", "0"), row("both", "22", "7", "0")];
    // The quantity of a machine stays, and the time explains the whole difference.
    insta::assert_snapshot!(compared(&before, &after), @"
    twice Time: 0 120 0 0
    both Quantity: -1 13 0 0
    dearer Quantity: 10 0 0 0
    sum: 9 133 0 0
    ");
}

#[test]
fn charges_that_begin_end_or_have_no_usage_are_whole_effects() {
    let before = [row("gone", "70.5", "1", "1"), row("fee", "10", "0", "0"), row("same", "1", "1", "1")];
    let after = [row("new", "38.25", "1", "1"), row("fee", "12", "0", "0"), row("same", "1", "1", "1")];
    insta::assert_snapshot!(compared(&before, &after), @"
    gone Gone: 0 0 0 -70.5
    new New: 0 0 38.25 0
    fee Amount: 2 0 0 0
    sum: 2 0 38.25 -70.5
    ");
}

#[test]
fn a_region_is_a_charge_of_its_own() {
    let row = |region, cost| TestRow { service: "vm", region: Some(region), figures: [cost, "1", "0"] };
    let drivers = compare(&charges(&[row("a", "1"), row("b", "5")]), &charges(&[row("a", "3"), row("b", "5")]));
    let regions: Vec<_> = drivers.drivers.iter().filter_map(|driver| driver.charge.region.as_deref()).collect();
    assert_eq!(regions, ["a"]);
}

/// Random bills: the effects equal the difference to the last digit, and the listed charges with the others too.
#[test]
fn effects_equal_the_difference_of_any_bill() {
    let mut random = fastrand::Rng::with_seed(19);
    let services = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for _ in 0..200 {
        let mut bill = || {
            let mut bill = Charges::default();
            for service in services {
                if random.u8(..4) == 0 {
                    continue;
                }
                let mut figure = |digits: i64| BigDecimal::new(random.i64(-50..100_000_000_000).into(), digits);
                let billed_cost = figure(7);
                let usage_quantity = figure(3);
                let usage_time = figure(5);
                bill.add(&BillRow {
                    key: SeriesKey::new("d", "p", service),
                    names: Names::default(),
                    amounts: Amounts { billed_cost, usage_quantity, usage_time, ..Amounts::default() },
                    pricing_category: None,
                    region: None,
                    resource: None,
                });
            }
            bill
        };
        let drivers = compare(&bill(), &bill());
        assert_eq!(drivers.effects.sum(), drivers.difference());
        let listed: BigDecimal = drivers.drivers.iter().take(3).map(Driver::difference).sum();
        assert_eq!(listed + drivers.others(3).difference, drivers.difference());
        assert!(drivers.drivers.is_sorted_by(|one, other| one.difference().abs() >= other.difference().abs()));
    }
}

#[test]
fn the_largest_driver_has_the_direction() {
    let before = charges(&[row("down", "900", "0", "0"), row("up", "1", "0", "0")]);
    let after = charges(&[row("down", "1", "0", "0"), row("up", "5", "0", "0")]);
    let drivers = compare(&before, &after);
    let largest = |direction| drivers.largest(direction).map(|driver| &*driver.charge.series.service);
    assert_eq!([largest(Direction::Up), largest(Direction::Down)], [Some("up"), Some("down")]);
    assert_eq!(compare(&before, &before).largest(Direction::Up), None);
    assert!(compare(&before, &before).difference().is_zero());
}

/// Compares two bills of resources with their costs, through the rows of an incident.
fn resources(before: &[(&str, &str)], after: &[(&str, &str)]) -> String {
    let day = Moment::finished_day(jiff::civil::date(2026, 11, 13));
    let costs = |rows: &[(&str, &str)]| rows.iter().map(|(_, cost)| cost.parse::<f64>().expect("a number")).sum();
    let span = IncidentSpan::of_day(day, costs(after));
    let mut bills = IncidentBills::new(SeriesKey::new("d", "p", "vm"), span);
    for (side, rows) in [(Side::Earlier, before), (Side::Later, after)] {
        for (resource, cost) in rows {
            bills.add(
                side,
                &BillRow {
                    key: SeriesKey::new("d", "p", "vm"),
                    names: Names::default(),
                    amounts: Amounts { billed_cost: cost.parse().expect("a decimal"), ..Amounts::default() },
                    pricing_category: None,
                    region: Some("r".to_owned()),
                    resource: Some((*resource).to_owned()),
                },
            );
        }
    }
    let comparison = bills.compare(Vec::new()).expect("the amounts of the incident");
    let details = |driver: &Driver| driver.charge.details().collect::<Vec<_>>().join(" ");
    comparison.drivers.drivers.iter().map(details).collect::<Vec<_>>().join(", ")
}

#[test]
fn resources_are_named_if_one_explains_half_of_the_difference() {
    assert_eq!(resources(&[("a", "10"), ("b", "10")], &[("a", "30"), ("b", "11")]), "a r, b r");
    assert_eq!(resources(&[("a", "10")], &[("b", "10"), ("c", "10"), ("d", "10"), ("e", "10")]), "r");
}

#[test]
fn the_usual_variation_closes_the_gap_to_the_expected_cost() {
    let drivers = compare(&charges(&[row("vm", "1010.1", "1", "1")]), &charges(&[row("vm", "1500", "1", "1")]));
    let expected = "1000.25".parse().ok();
    let comparison = BillComparison { moments: Vec::new(), drivers, expected, rest_of_project: None };
    let sum = comparison.drivers.difference() + comparison.usual_variation().expect("expected");
    assert_eq!(Some(sum), comparison.excess());
}

/// Returns the shortest processor time of three attempts. The load of the machine does not count.
fn shortest(mut work: impl FnMut()) -> Duration {
    let time = |_| {
        let started = processor_time();
        work();
        processor_time() - started
    };
    (0..3).map(time).min().expect("three attempts")
}

/// Returns the time of the thread on a processor.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux has the file");
    let nanoseconds = statistics.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.expect("the first field is a time"))
}

/// The comparison of two days of 10,000 resources against the aggregation of one such day, which every run does. The
/// limit has room for a build without optimization.
#[test]
fn a_comparison_takes_a_small_multiple_of_an_aggregation() {
    let row = |index: u32, more: u32| BillRow {
        key: SeriesKey::new("d", &format!("p{}", index % 100), "vm"),
        names: Names::default(),
        amounts: Amounts {
            billed_cost: BigDecimal::new((index + more).into(), 2),
            usage_quantity: BigDecimal::new((index * 3 + more + 1).into(), 3),
            usage_time: 24.into(),
            ..Amounts::default()
        },
        pricing_category: Some("on-demand".to_owned()),
        region: Some("kr-1".to_owned()),
        resource: Some(format!("vm-{index}")),
    };
    let [before, after]: [Vec<BillRow>; 2] = [0, 1_000].map(|more| (0..10_000).map(|index| row(index, more)).collect());
    let date = jiff::civil::date(2026, 11, 13);
    let aggregation = shortest(|| drop(crate::ledger::sum(date, after.iter().cloned().map(Ok))));
    let comparison = shortest(|| {
        let span = IncidentSpan::of_day(Moment::finished_day(date), 599_950.0);
        let mut bills = IncidentBills::new(SeriesKey::new(ALL, ALL, ALL), span);
        before.iter().for_each(|row| bills.add(Side::Earlier, row));
        after.iter().for_each(|row| bills.add(Side::Later, row));
        let comparison = bills.compare(Vec::new()).expect("the amounts of the incident");
        assert_eq!(comparison.drivers.drivers.len(), 100, "the sums of the resources");
    });
    assert!(comparison < aggregation * 100, "{comparison:?} for two days, {aggregation:?} for an aggregation");
}
