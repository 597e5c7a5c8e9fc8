//! The encoding of a message: the length of the payload, then the payload.

use std::io;

use serde::{Deserialize, Serialize};

/// Bytes of the length before a payload.
pub(crate) const HEADER_BYTES: usize = 4;

/// Returns a message as bytes, followed by the given elements.
///
/// # Errors
/// The message is longer than 4 GiB.
pub(crate) fn encode<E: Serialize>(
    message: &impl Serialize,
    elements: impl IntoIterator<Item = E>,
) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEADER_BYTES];
    bytes = postcard::to_extend(message, bytes).map_err(io::Error::other)?;
    for element in elements {
        bytes = postcard::to_extend(&element, bytes).map_err(io::Error::other)?;
    }
    let length = u32::try_from(bytes.len() - HEADER_BYTES).map_err(io::Error::other)?;
    bytes[..HEADER_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// Returns the length of the payload behind a header.
pub(crate) fn payload_bytes(header: [u8; HEADER_BYTES]) -> usize {
    u32::from_le_bytes(header) as usize
}

/// Decodes a payload that holds exactly one message.
pub(crate) fn decode<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> io::Result<T> {
    let (message, rest) = split(payload)?;
    if rest.is_empty() { Ok(message) } else { Err(io::Error::other("bytes follow the message")) }
}

/// Decodes the first message of the bytes. Returns the message and the bytes behind it.
pub(crate) fn split<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> io::Result<(T, &'a [u8])> {
    postcard::take_from_bytes(bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_its_elements_are_read_again() {
        let bytes = encode(&"two", [1_u8, 2]).expect("short");
        let (header, payload) = bytes.split_first_chunk().expect("a header");
        assert_eq!(payload_bytes(*header), payload.len());
        let (message, rest): (&str, _) = split(payload).expect("intact");
        assert_eq!((message, rest), ("two", &[1, 2][..]));
        assert!(decode::<&str>(payload).is_err(), "the elements are not a part of the message");
    }

    #[test]
    fn a_false_length_inside_a_message_is_refused() {
        // The length of the text: a number of five bytes, far beyond the end.
        assert!(decode::<&str>(&[0xff, 0xff, 0xff, 0xff, 0x0f, b'a']).is_err());
    }
}
