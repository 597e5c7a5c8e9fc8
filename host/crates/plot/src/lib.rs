//! Plots of cost series: one figure, drawn in the terminal or as SVG.
//!
//! The same figure gives the same bytes on every machine. The crate reads no files, and does not know detectors, rules
//! or stores.

mod amount_axis;
mod figure;
mod svg;
mod terminal;
mod time_axis;

pub use self::figure::{Band, Figure, Point};
pub use self::svg::svg;
pub use self::terminal::terminal;
