//! Conversion between the records of the contract and [`Detector`]: settings from JSON, state to and from bytes, panics
//! to the log. Both [`export!`](crate::export) and [`native`](crate::native) call these functions.

use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::bindings::costwarden::detector::types;
use crate::{Context, Detector, Issue, Manifest, Refusal, Series, Verdict, Window};

type Judged = Result<Vec<Verdict>, Refusal>;

pub fn describe<D: Detector>(version: &str) -> Manifest {
    panics_to_log();
    let schema =
        schemars::generate::SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<D::Settings>();
    Manifest {
        name: D::NAME.to_owned(),
        version: version.to_owned(),
        summary: D::SUMMARY.to_owned(),
        settings_schema: serde_json::to_string(&schema).expect("a JSON Schema is JSON"),
        min_points: D::MIN_POINTS,
        scope: D::SCOPE,
    }
}

pub fn check_settings<D: Detector>(settings: &str) -> Vec<Issue> {
    panics_to_log();
    parse::<D::Settings>(settings).map_or_else(|issue| vec![issue], |settings| D::check(&settings))
}

pub fn fit<D: Detector>(context: &Context, mut history: Vec<Series>) -> Vec<Result<types::Baseline, Refusal>> {
    panics_to_log();
    let settings = match parse::<D::Settings>(&context.settings) {
        Ok(settings) => settings,
        Err(issue) => return history.iter().map(|_| Err(refused(&issue))).collect(),
    };
    history.iter_mut().for_each(in_order);
    let fitted = D::fit_all(context, &settings, &history);
    // States of one detector have similar sizes: reserve the largest size so far.
    let mut size = 0;
    let packed = fitted.into_iter().map(|result| {
        let baseline = result?;
        let state = postcard::to_extend(&baseline.state, Vec::with_capacity(size))
            .map_err(|error| Refusal::Failed(format!("state cannot be packed: {error}")))?;
        size = state.len().max(size);
        Ok(types::Baseline { state, figures: baseline.figures })
    });
    packed.collect()
}

pub fn judge<D: Detector>(context: &Context, windows: Vec<types::Window>) -> Vec<Judged> {
    panics_to_log();
    let settings = match parse::<D::Settings>(&context.settings) {
        Ok(settings) => settings,
        Err(issue) => return windows.iter().map(|_| Err(refused(&issue))).collect(),
    };
    let mut readable = Vec::with_capacity(windows.len());
    let mut unreadable = Vec::new();
    for (i, mut window) in windows.into_iter().enumerate() {
        match postcard::from_bytes(&window.state) {
            Ok(state) => {
                in_order(&mut window.series);
                readable.push((Window { series: window.series, judge_from: window.judge_from as usize }, state));
            }
            Err(error) => unreadable.push((i, Refusal::Failed(format!("state cannot be read: {error}")))),
        }
    }
    let mut judged = D::judge_all(context, &settings, readable);
    for (i, refusal) in unreadable {
        // Ascending indices restore the order of the windows. A detector may return too few results; the host refuses
        // these.
        judged.insert(i.min(judged.len()), Err(refusal));
    }
    judged
}

fn parse<S: DeserializeOwned>(settings: &str) -> Result<S, Issue> {
    let mut json = serde_json::Deserializer::from_str(settings);
    let parsed = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| Issue { pointer: pointer(error.path()), message: plain(error.inner()) })?;
    json.end().map_err(|error| Issue { pointer: String::new(), message: plain(&error) })?;
    Ok(parsed)
}

/// Formats a JSON pointer (RFC 6901).
fn pointer(path: &Path) -> String {
    let mut pointer = String::new();
    for segment in path {
        let name = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => key.replace('~', "~0").replace('/', "~1"),
            // Enum variants and unknown segments have no place in the JSON.
            Segment::Enum { .. } | Segment::Unknown => continue,
        };
        pointer.push('/');
        pointer.push_str(&name);
    }
    pointer
}

/// The message without line and column, and without Rust types. Operators write settings in TOML, and the pointer names
/// the place.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rfind(" at line ").map_or(&*text, |end| &text[..end]);
    match text.rsplit_once(", expected ") {
        Some((found, expected)) => format!("{found}, expected {}", in_words(expected)),
        None => text.to_owned(),
    }
}

fn in_words(expected: &str) -> String {
    match expected {
        "f32" | "f64" => "a number".to_owned(),
        "u8" => format!("a whole number from 0 to {}", u8::MAX),
        "u16" => format!("a whole number from 0 to {}", u16::MAX),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

fn refused(issue: &Issue) -> Refusal {
    Refusal::Failed(format!("settings {}: {}", issue.pointer, issue.message))
}

/// Sorts the excluded indices for [`Series::is_excluded`]; the contract does not promise an order.
fn in_order(series: &mut Series) {
    if !series.excluded.is_sorted() {
        series.excluded.sort_unstable();
    }
}

#[cfg(target_family = "wasm")]
fn panics_to_log() {
    static SET: std::sync::Once = std::sync::Once::new();
    SET.call_once(|| {
        std::panic::set_hook(Box::new(|panic| {
            let message = panic.payload_as_str().unwrap_or("panic without a message");
            match panic.location() {
                Some(place) => crate::log::error(format!("{message} ({}:{})", place.file(), place.line())),
                None => crate::log::error(message),
            }
        }));
    });
}

/// Does nothing: the default hook prints panics of native code.
#[cfg(not(target_family = "wasm"))]
fn panics_to_log() {}
