//! The documents that the jobs leave, read back with a plain MongoDB client and through the command line: the replaced
//! pipeline's values, the same after a second run, the same in both stores, the same in any order of rows; and real
//! bills, day by day.

mod again;
mod agree;
mod formulas;
mod order;
mod real;
mod takeover;
mod tutorial;

use serde_json::Value;

/// JSON without when and by which run it was written.
fn timeless(mut values: Vec<Value>) -> Vec<Value> {
    for value in &mut values {
        let fields = value.as_object_mut().expect("an object");
        for time in ["createdAt", "updatedAt", "durationsMs", "runId"] {
            fields.remove(time);
        }
    }
    values
}

/// The lines that people are told, where a run's own output is JSON.
fn told(run: &costwarden_tests::Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.starts_with("[BILLING_")).collect()
}
