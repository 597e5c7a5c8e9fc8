//! The addresses of the test servers that `tests/services.sh` starts.

/// Returns the server addresses in the environment. If a variable is missing, prints the reason and returns `None`;
/// with `COSTWARDEN_TEST_ALL=1`, fails the test instead.
#[track_caller]
pub fn services<const N: usize>(variables: [&str; N]) -> Option<[String; N]> {
    // An empty variable counts as missing.
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
