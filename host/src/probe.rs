//! A door for the repository's own benches and fuzz targets into rooms that have none. No part of the program.

pub mod boundary;
pub mod fuzzing;
pub mod volume;
