//! Waiting for the server's answers, but not for ever. The driver has no time limit of its own for a connection that is open
//! and silent: it finds out by its heartbeats alone, which a server that is merely stuck may go on to answer.

use std::io;
use std::time::Duration;

use mongodb::error::{Error, ErrorKind, Result};

use super::Mongodb;

/// An index takes so many times as long: it grows with its collection.
const INDEX: u32 = 10;

impl Mongodb {
    /// The answer, or the error of a connection on which nothing came for `[store] timeout_seconds`. The server may have
    /// done what it was asked to do.
    pub(super) async fn answer<T>(&self, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
        within(self.timeout, call).await
    }

    /// [`Mongodb::answer`] of what takes long.
    pub(super) async fn late_answer<T>(&self, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
        within(self.timeout * INDEX, call).await
    }

    /// [`Mongodb::answer`] of what is of no use later than that.
    pub(super) async fn answer_within<T>(
        &self,
        limit: Duration,
        call: impl IntoFuture<Output = Result<T>>,
    ) -> Result<T> {
        within(self.timeout.min(limit), call).await
    }
}

/// Dropping a call makes the driver close its connection: an answer that comes later meets nobody.
async fn within<T>(limit: Duration, call: impl IntoFuture<Output = Result<T>>) -> Result<T> {
    let silent = |_| {
        let text = format!("no answer within {} s", limit.as_secs_f64());
        Err(Error::from(io::Error::new(io::ErrorKind::TimedOut, text)))
    };
    tokio::time::timeout(limit, call.into_future()).await.unwrap_or_else(silent)
}

/// What there was no answer to, in words: found out here, or by the driver's heartbeats.
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
