//! Time limits for the server's answers. The driver has no time limit for an open but silent connection: only the
//! heartbeats detect the silence, and a stuck server may still answer heartbeats.

use std::io;
use std::time::Duration;

use mongodb::error::{Error, ErrorKind, Result};

use super::Mongodb;

/// Factor on the time limit for the creation of indexes: the duration grows with the collection.
const INDEX: u32 = 10;

impl Mongodb {
    /// Waits for an answer for at most `[store] timeout_seconds`.
    ///
    /// # Errors
    /// Fails on an error of the driver or after the time limit. The server may have executed the command.
    pub(super) async fn answer<T>(&self, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
        within(self.timeout, call).await
    }

    /// Waits like [`Mongodb::answer`], but [`INDEX`] times longer.
    pub(super) async fn late_answer<T>(&self, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
        within(self.timeout * INDEX, call).await
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
    let silent = |_| {
        let text = format!("no answer within {} s", limit.as_secs_f64());
        Err(Error::from(io::Error::new(io::ErrorKind::TimedOut, text)))
    };
    tokio::time::timeout(limit, call.into_future()).await.unwrap_or_else(silent)
}

/// Returns the error text if an error means silence, detected by the time limit or by the driver's heartbeats.
pub(super) fn silence(error: &Error) -> Option<String> {
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
    fn an_answer_that_never_comes_is_an_error() {
        assert_eq!(check(async { Ok(7) }).ok(), Some(7));
        let silent = check(std::future::pending()).expect_err("nothing comes");
        assert_eq!(silence(&silent).as_deref(), Some("no answer within 0.01 s"));
        let broken = Error::from(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!(silence(&check(async { Err(broken) }).expect_err("it broke")), None);
    }
}
