//! Read-only reference data, e.g. holiday calendars and price lists.
//!
//! A plugin that calls [`read`] needs a grant from the operator. A plugin without a call to [`read`] has no such
//! import.

/// Reads one granted file completely. Native code reads the data from [`native::grant`](crate::native::grant).
///
/// # Errors
/// A message if the name is not granted or the file cannot be read.
#[cfg(target_family = "wasm")]
pub fn read(name: &str) -> Result<Vec<u8>, String> {
    crate::bindings::costwarden::detector::reference::read(name)
}

/// Reads one granted file completely. Native code reads the data from [`native::grant`](crate::native::grant).
///
/// # Errors
/// A message if the name is not granted or the file cannot be read.
#[cfg(not(target_family = "wasm"))]
pub fn read(name: &str) -> Result<Vec<u8>, String> {
    crate::native::granted(name).ok_or_else(|| format!("`{name}` is not granted"))
}
