//! Messages for the operator's log. The host adds the plugin and rule names, and limits the number of messages.
//!
//! Native code writes to standard error.

#[doc(no_inline)]
pub use crate::bindings::costwarden::detector::log::Level;

/// Logs a message for the developer of the detector.
pub fn debug(message: impl AsRef<str>) {
    emit(Level::Debug, message.as_ref());
}

/// Logs useful information.
pub fn info(message: impl AsRef<str>) {
    emit(Level::Info, message.as_ref());
}

/// Logs a condition for the operator to check later.
pub fn warn(message: impl AsRef<str>) {
    emit(Level::Warn, message.as_ref());
}

/// Logs a failure.
pub fn error(message: impl AsRef<str>) {
    emit(Level::Error, message.as_ref());
}

#[cfg(target_family = "wasm")]
fn emit(level: Level, message: &str) {
    crate::bindings::costwarden::detector::log::emit(level, message);
}

#[cfg(not(target_family = "wasm"))]
fn emit(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
}
