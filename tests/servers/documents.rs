//! The documents of the jobs, read with a plain MongoDB client and through the command line: the replaced pipeline's
//! values, the same after a second run, in both stores and in any order of rows; and real bills, day by day.

mod again;
mod agree;
mod formulas;
mod order;
mod real;
mod takeover;
mod tutorial;

use serde_json::Value;

/// Removes times and run ids.
fn timeless(mut values: Vec<Value>) -> Vec<Value> {
    for value in &mut values {
        let fields = value.as_object_mut().expect("an object");
        for time in ["createdAt", "updatedAt", "durationsMs", "runId"] {
            fields.remove(time);
        }
    }
    values
}

/// The notifications on standard error.
fn told(run: &costwarden_tests::Run) -> Vec<&str> {
    run.stderr.lines().filter(|line| line.starts_with("[BILLING_")).collect()
}
