//! Read-only reference data, such as holiday calendars and price lists.
//!
//! A plugin that calls [`read`] needs a grant of the operator; one that never does has no such import.

/// The whole of one file that the operator granted. Natively, what the test granted with
/// [`native::grant`](crate::native::grant).
///
/// # Errors
/// Says why there is no such data: the name is not granted, or it cannot be read.
#[cfg(target_family = "wasm")]
pub fn read(name: &str) -> Result<Vec<u8>, String> {
    crate::bindings::costwarden::detector::reference::read(name)
}

/// The whole of one file that the operator granted. Natively, what the test granted with
/// [`native::grant`](crate::native::grant).
///
/// # Errors
/// Says why there is no such data: the name is not granted, or it cannot be read.
#[cfg(not(target_family = "wasm"))]
pub fn read(name: &str) -> Result<Vec<u8>, String> {
    crate::native::granted(name).ok_or_else(|| format!("`{name}` is not granted"))
}
