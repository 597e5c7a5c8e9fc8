//! The folder of a golden case.

use std::io;
use std::num::NonZero;
use std::path::Path;

use config_file::toml::{Document, Key, Section};

use super::{CaseMode, GoldenCase, GoldenError};

/// Reads a case from a folder.
///
/// # Errors
/// Fails if there is no input; otherwise returns every fault of `case.toml`.
pub(super) fn read(name: String, folder: &Path) -> Result<GoldenCase, GoldenError> {
    if !folder.join("input.csv").exists() {
        return Err(GoldenError::NoInput(folder.to_owned()));
    }
    let mut case = GoldenCase {
        name,
        input: folder.join("input.csv"),
        expected: folder.join("expected.csv"),
        reference: Some(folder.join("reference")).filter(|reference| reference.is_dir()),
        alerts: None,
        unit: "KRW".to_owned(),
        mode: CaseMode::JudgeFrom(None),
        settings: "{}".to_owned(),
        locale: "en".to_owned(),
        history_days: None,
        excluded: Vec::new(),
    };
    let path = folder.join("case.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(case),
        Err(source) => return Err(GoldenError::Read(path, source)),
    };
    let document = Document::new(&path, &text);
    if let Some(mut root) = document.root() {
        read_keys(&mut case, &mut root);
        root.finish();
    }
    let errors = document.into_errors();
    if errors.is_empty() { Ok(case) } else { Err(GoldenError::Toml(errors)) }
}

fn read_keys(case: &mut GoldenCase, root: &mut Section<'_, '_>) {
    if root.has("judge_from") && root.has("walk") {
        root.fail("walk", "excludes judge_from, expected one of the two keys");
    }
    let from = root.key("judge_from", "The first time to judge.").text();
    let walk = root
        .key("walk", "The number of points between two fits.")
        .whole(1..=1_000_000)
        .and_then(|every| NonZero::new(every as usize));
    case.mode = walk.map_or(CaseMode::JudgeFrom(from), CaseMode::Walk);
    case.history_days = root
        .key("history_days", "The number of days in the history.")
        .whole(1..=3_660)
        .and_then(|days| NonZero::new(days as u16));
    case.alerts = timestamps(root.key("alerts", "The times with an expected anomaly."));
    case.excluded = timestamps(root.key("excluded", "The times that a fit must ignore.")).unwrap_or_default();
    if let Some(settings) = root.key("settings", "The settings of the detector.").json() {
        case.settings = settings.json.to_string();
    }
    if let Some(unit) = root.key("unit", "The unit of the values.").text() {
        case.unit = unit;
    }
    if let Some(locale) = root.key("locale", "The language of the reasons.").text() {
        case.locale = locale;
    }
}

fn timestamps(key: Key<'_, '_, '_>) -> Option<Vec<String>> {
    Some(key.texts()?.into_iter().map(|timestamp| timestamp.text).collect())
}
