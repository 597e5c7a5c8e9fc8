//! The text of an error with all causes, on one line.

use std::error::Error;

/// Returns the messages of an error and the causes, outermost first, without repetitions.
pub fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        // Many errors repeat the message of the cause.
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cause_occurs_once() {
        let inner = std::io::Error::other("connection refused");
        let outer = std::io::Error::other(inner);
        assert_eq!(causes(&outer), "connection refused");
        let parse = anyhow::anyhow!("not a number").context("line 3").context("prices.csv");
        assert_eq!(causes(parse.as_ref()), "prices.csv: line 3: not a number");
    }
}
