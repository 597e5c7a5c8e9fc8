//! Plugin files: creation, packing, trials, signatures, plugins.lock and registries.
//!
//! The use of detectors in a run is the responsibility of [`crate::detector`] and [`crate::job`].

pub(crate) mod build;
pub(crate) mod costs;
pub(crate) mod disuse;
pub(crate) mod golden;
pub(crate) mod held;
pub(crate) mod inspect;
pub(crate) mod language;
pub(crate) mod packed;
pub(crate) mod points;
pub(crate) mod project;
pub(crate) mod sample;
pub(crate) mod schema;
pub(crate) mod starter;
pub(crate) mod verdicts;
pub(crate) mod walk;

mod image;
mod lock;
mod registry;
mod shelf;
mod signature;

pub(crate) use self::image::{Image, SCHEME};
pub(crate) use self::lock::{Change, Entry, Lock, LockFile, Mismatch};
pub(crate) use self::registry::{Pulled, RegistryError, RegistryOptions, Transport, is_loopback, pull, push};
pub(crate) use self::shelf::{Shelf, ShelfError};
pub(crate) use self::signature::{
    Signature, SignatureError, TrustedKey, beside, generate, public_key, sign, signature_path, verify, verify_file,
};
