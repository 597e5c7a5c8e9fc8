//! Tools for detector authors: projects, builds, golden cases and trials.

mod batch_position;
pub mod build;
pub mod golden;
pub mod language;
pub mod peak_usage;
pub mod project;
pub mod rule_template;
pub mod score;
pub mod series_file;
pub mod settings_schema;
pub mod sources;
pub mod synthetic;
pub mod trial_figure;
pub mod tuning;
pub mod verdict_csv;
pub mod walk;
