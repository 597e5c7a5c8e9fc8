//! The encoding of many numbers as one block of bytes, which is faster than number by number.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserializer, Serializer};

const NUMBER_BYTES: usize = size_of::<f64>();

pub(super) fn serialize<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<[u8; NUMBER_BYTES]> = numbers.iter().map(|number| number.to_le_bytes()).collect();
    serializer.serialize_bytes(bytes.as_flattened())
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, [f64]>, D::Error> {
    deserializer.deserialize_bytes(Numbers).map(Cow::Owned)
}

struct Numbers;

impl Visitor<'_> for Numbers {
    type Value = Vec<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a block of numbers")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<f64>, E> {
        match bytes.as_chunks::<NUMBER_BYTES>() {
            (numbers, []) => Ok(numbers.iter().map(|number| f64::from_le_bytes(*number)).collect()),
            _ => Err(E::invalid_length(bytes.len(), &self)),
        }
    }
}
