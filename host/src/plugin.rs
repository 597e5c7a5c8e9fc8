//! Plugins as files: how they are made, packed, tried out, signed, locked and shared. What a run does with their
//! detectors is the business of [`crate::detector`] and [`crate::job`].

pub(crate) mod build;
pub(crate) mod costs;
pub(crate) mod golden;
pub(crate) mod inspect;
pub(crate) mod language;
pub(crate) mod packed;
pub(crate) mod points;
pub(crate) mod project;
pub(crate) mod sample;
pub(crate) mod schema;
pub(crate) mod verdicts;
pub(crate) mod walk;
