//! The folder of a golden case.

use std::io;
use std::num::NonZero;
use std::path::Path;

use config_file::toml::{Document, Section};

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
    let from = root.text("judge_from");
    let walk = root.whole("walk", 1..=1_000_000).and_then(|every| NonZero::new(every as usize));
    case.mode = walk.map_or(CaseMode::JudgeFrom(from), CaseMode::Walk);
    case.history_days = root.whole("history_days", 1..=3_660).and_then(|days| NonZero::new(days as u16));
    case.alerts = timestamps(root, "alerts");
    case.excluded = timestamps(root, "excluded").unwrap_or_default();
    if let Some(settings) = root.json("settings") {
        case.settings = settings.json.to_string();
    }
    if let Some(unit) = root.text("unit") {
        case.unit = unit;
    }
    if let Some(locale) = root.text("locale") {
        case.locale = locale;
    }
}

fn timestamps(root: &mut Section<'_, '_>, key: &'static str) -> Option<Vec<String>> {
    Some(root.texts(key)?.into_iter().map(|(text, _)| text).collect())
}
