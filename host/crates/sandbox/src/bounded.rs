//! Lists with a maximum number of elements. An element of a few bytes in a message may take far more bytes in memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Reads a list of at most `MOST` elements.
///
/// # Errors
/// The list has more elements.
pub(crate) fn at_most<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(BoundedList::<T, MOST>(PhantomData))
}

struct BoundedList<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for BoundedList<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {MOST} elements")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            if elements.len() == MOST {
                return Err(A::Error::invalid_length(MOST + 1, &self));
            }
            elements.push(element);
        }
        Ok(elements)
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use crate::protocol::{HEADER_BYTES, decode, encode};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Names(#[serde(deserialize_with = "super::at_most::<_, _, 3>")] Vec<String>);

    #[test]
    fn a_list_with_too_many_elements_is_refused() {
        let sent = |count: usize| encode(&Names(vec![String::new(); count]), None::<()>).expect("short");
        let read = |count: usize| decode::<Names>(&sent(count)[HEADER_BYTES..]);
        assert_eq!(read(3).expect("read").0.len(), 3);
        assert!(read(4).is_err());
        // The length of the list is a lie: ten million elements of which none follows.
        assert!(decode::<Names>(&[0x80, 0xad, 0xe2, 0x04]).is_err());
    }
}
