//! The history of the hourly job: a new installation, and a pause.

use super::simulated_bill::{JobOutput, Setup, SimulatedBill, ago, later, moment};

const NEEDED: i32 = 14;

fn notes(told: &JobOutput) -> Vec<&str> {
    let notes = told.report["notes"].as_array().expect("notes");
    notes.iter().filter_map(|note| note.as_str()).filter(|note| note.contains("hourly history")).collect()
}

fn note(days: i32) -> String {
    format!("rule service-today is not evaluated by the hour yet: {days} of {NEEDED} days of hourly history")
}

#[test]
fn a_pause_of_the_hourly_job_is_like_a_new_installation() {
    let simulated = SimulatedBill::new(&Setup::default());
    simulated.load(ago(40), ago(1)).expect(0);
    for day in 0..NEEDED {
        simulated.hour(later(day), 11).expect(0);
        let told = simulated.day(later(day)).expect(0);
        let expected = if day + 1 < NEEDED { vec![note(day + 1)] } else { Vec::new() };
        assert_eq!(notes(&told), expected, "{told:#?}");
    }
    let told = simulated.hour(later(NEEDED), 11).expect(0);
    assert_eq!(told.count("insufficient_history"), 0, "{told:#?}");

    // The history of the rule has 90 days, so a pause of 89 days leaves one day.
    let pause = 89;
    simulated.bill.set_now(&moment(later(NEEDED + pause), 0));
    simulated.load(later(NEEDED), later(NEEDED + pause - 1)).expect(0);
    let told = simulated.hour(later(NEEDED + pause), 11).expect(0);
    assert!(told.count("insufficient_history") > 0, "{told:#?}");
    let told = simulated.day(later(NEEDED + pause)).expect(0);
    assert_eq!(notes(&told), [note(2)], "{told:#?}");
}
