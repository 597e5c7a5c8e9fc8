//! The addresses of the test servers that `tests/services.sh` starts.
//!
//! A test without its server prints `skipped` and passes. With `COSTWARDEN_TEST_ALL=1`, the test fails instead. The reasons
//! are also appended to the file `COSTWARDEN_SKIPPED`, if set.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Returns the address of a server from the environment, or skips the test.
#[track_caller]
pub fn service(variable: &str) -> Option<String> {
    services([variable]).map(|[value]| value)
}

/// Returns the addresses of several servers from the environment, or skips the test.
#[track_caller]
pub fn services<const N: usize>(variables: [&str; N]) -> Option<[String; N]> {
    // An empty variable counts as missing.
    let value = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let values = variables.map(value);
    if values.iter().all(Option::is_some) {
        return Some(values.map(Option::unwrap_or_default));
    }
    skipped(&format!("{} is not set; run the suites with tests/services.sh run -- or make test", variables.join(", ")));
    None
}

/// Prints the reason for a skipped test.
///
/// # Panics
/// `COSTWARDEN_TEST_ALL` is 1.
#[track_caller]
pub fn skipped(reason: &str) {
    let all = std::env::var_os("COSTWARDEN_TEST_ALL").is_some_and(|all| all == "1");
    assert!(!all, "COSTWARDEN_TEST_ALL is 1, but {reason}");
    eprintln!("skipped: {reason}");
    // The output of a test that passes is hidden.
    if let Some(file) = std::env::var_os("COSTWARDEN_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(file);
        file.and_then(|mut file| writeln!(file, "test: SKIPPED, {reason}"))
            .expect("the list of skipped tests is writable");
    }
}
