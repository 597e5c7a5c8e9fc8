//! The servers that tests of this crate talk to, as `tests/services.sh` brings them.

/// Their addresses out of the environment; none, said aloud, where one is absent. Where `COSTWARDEN_TEST_ALL` is 1, that
/// fails the test.
#[track_caller]
pub(crate) fn services<const N: usize>(variables: [&str; N]) -> Option<[String; N]> {
    let value = |variable: &str| std::env::var(variable).ok().filter(|value| !value.is_empty());
    let values = variables.map(value);
    if values.iter().all(Option::is_some) {
        return Some(values.map(Option::unwrap_or_default));
    }
    let why = format!("{} is not set; run the tests with tests/services.sh run -- or make test", variables.join(", "));
    let all = std::env::var_os("COSTWARDEN_TEST_ALL").is_some_and(|all| all == "1");
    assert!(!all, "COSTWARDEN_TEST_ALL is 1, but {why}");
    eprintln!("skipped: {why}");
    None
}
