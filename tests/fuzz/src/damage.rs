//! Damage to a valid input: a few changed, repeated, removed or inserted pieces.

use arbitrary::Unstructured;

/// Pieces with a meaning in JSON, TOML, HTTP or WebAssembly.
const PIECES: [&[u8]; 16] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b"=",
    b",",
    b"\r\n",
    b"\0",
    b"\xff\xff\xff\xff\x0f",
    b"1e999999999",
    b"-1",
    b"null",
    b"[[",
    b"..",
    b"\xed\xa0\x80",
];

/// Returns one of the samples with damage.
pub(crate) fn damaged(samples: &[Vec<u8>], entropy: &[u8]) -> Option<Vec<u8>> {
    let mut entropy = Unstructured::new(entropy);
    let mut bytes = entropy.choose(samples).ok()?.clone();
    for _ in 0..entropy.int_in_range(0..=6).ok()? {
        damage(&mut bytes, &mut entropy).ok()?;
    }
    Some(bytes)
}

fn damage(bytes: &mut Vec<u8>, entropy: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let place = entropy.int_in_range(0..=bytes.len())?;
    let end = (place + entropy.int_in_range(0..=40)?).min(bytes.len());
    match entropy.int_in_range(0..=5)? {
        0 => bytes.truncate(place),
        1 => drop(bytes.drain(place..end)),
        2 => {
            let piece = bytes[place..end].repeat(entropy.int_in_range(1..=2_000)?);
            bytes.splice(place..place, piece).for_each(drop);
        }
        3 => bytes.splice(place..end, entropy.choose(&PIECES)?.iter().copied()).for_each(drop),
        4 => {
            let piece = entropy.choose(&PIECES)?.repeat(entropy.int_in_range(1..=5_000)?);
            bytes.splice(place..place, piece).for_each(drop);
        }
        _ => {
            if let Some(byte) = bytes.get_mut(place) {
                *byte = entropy.arbitrary()?;
            }
        }
    }
    Ok(())
}
