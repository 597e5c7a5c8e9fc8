//! Bodies of answers, limited in size. A server may send without end, and Content-Length is only a claim.

use reqwest::Response;

/// Errors of reading a body.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The number is the limit in bytes.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(u64),
    #[error(transparent)]
    Interrupted(#[from] reqwest::Error),
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// The body is larger, or the connection fails before the end.
pub async fn read(mut response: Response, limit: u64) -> Result<Vec<u8>, BodyError> {
    // A large claim needs no reading. A small claim proves nothing.
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(BodyError::TooLarge(limit));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() as u64 + chunk.len() as u64 > limit {
            return Err(BodyError::TooLarge(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// Reads at most `limit` bytes of a body, for a message. A failure ends the body.
pub async fn read_beginning(mut response: Response, limit: usize) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < limit
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(limit);
    body
}
