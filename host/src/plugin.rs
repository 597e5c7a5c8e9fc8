//! Plugins as files: how they are made, packed, tried out, signed, locked and shared. What a run does with their
//! detectors is the business of [`crate::detector`] and [`crate::job`].

pub(crate) mod build;
pub(crate) mod language;
pub(crate) mod packed;
pub(crate) mod project;
