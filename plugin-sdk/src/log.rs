//! Lines for the operator's log, named after plugin and rule by the host, which limits how many it takes.
//!
//! Natively they go to standard error.

#[doc(no_inline)]
pub use crate::bindings::costwarden::detector::log::Level;

/// For whoever debugs the detector.
pub fn debug(message: impl AsRef<str>) {
    emit(Level::Debug, message.as_ref());
}

/// What is worth knowing.
pub fn info(message: impl AsRef<str>) {
    emit(Level::Info, message.as_ref());
}

/// What the operator should look at some time.
pub fn warn(message: impl AsRef<str>) {
    emit(Level::Warn, message.as_ref());
}

/// What went wrong.
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
