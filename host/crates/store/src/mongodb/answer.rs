//! Time limits for the server's answers. The driver has no time limit for an open but silent connection: only the
//! heartbeats detect the silence, and a stuck server may still answer heartbeats.

use std::io;
use std::time::Duration;

use mongodb::error::{Error, ErrorKind, Result};

use super::Mongodb;

/// Factor on the time limit for the creation of indexes: the duration grows with the collection.
const INDEX_FACTOR: u32 = 10;

impl Mongodb {
    /// Waits for an answer for at most `[store] timeout_seconds`.
    ///
    /// # Errors
    /// Fails on an error of the driver or after the time limit. The server may have executed the command.
    pub(super) async fn answer<T>(&self, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
        within(self.timeout, call).await
    }

    /// Waits like [`Mongodb::answer`], but [`INDEX_FACTOR`] times longer.
    pub(super) async fn index_answer<T>(&self, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
        within(self.timeout * INDEX_FACTOR, call).await
    }

    /// Waits like [`Mongodb::answer`], but at most for `limit`: a later answer has no use.
    pub(super) async fn answer_within<T>(
        &self,
        limit: Duration,
        call: impl IntoFuture<Output = Result<T>>,
    ) -> Result<T> {
        within(self.timeout.min(limit), call).await
    }
}

/// Waits for a call up to a time limit. The dropped call makes the driver close the connection, so a late answer cannot
/// be taken for the answer to a later command.
async fn within<T>(limit: Duration, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    let timeout = |_| {
        let text = format!("no answer within {} s", limit.as_secs_f64());
        Err(Error::from(io::Error::new(io::ErrorKind::TimedOut, text)))
    };
    tokio::time::timeout(limit, call.into_future()).await.unwrap_or_else(timeout)
}

/// Returns the text of a timeout, detected by the time limit or by the driver's heartbeats; `None` for another error.
pub(super) fn timeout_text(error: &Error) -> Option<String> {
    match &*error.kind {
        ErrorKind::Io(error) if error.kind() == io::ErrorKind::TimedOut => Some(error.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(call: impl Future<Output = Result<i32>>) -> Result<i32> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(within(Duration::from_millis(10), call))
    }

    #[test]
    fn a_missing_answer_is_a_timeout() {
        assert_eq!(check(async { Ok(7) }).ok(), Some(7));
        let timeout = check(std::future::pending()).expect_err("no answer");
        assert_eq!(timeout_text(&timeout).as_deref(), Some("no answer within 0.01 s"));
        let broken = Error::from(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(timeout_text(&check(async { Err(broken) }).expect_err("a broken connection")), None);
    }
}
