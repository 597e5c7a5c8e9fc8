//! Bills that a test writes: a tree of raw documents for `kind = "replay"`.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use serde_json::value::RawValue;

use crate::Workdir;

/// The key of a series: ids and names of account, project and service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesKey {
    /// The ids of account, project and service.
    pub ids: [&'static str; 3],
    /// The names. Rows omit empty names.
    pub names: [&'static str; 3],
}

/// One billing row. The fields are JSON texts, so a decimal reaches the document unchanged.
#[derive(Debug, Clone)]
pub struct Row {
    /// The key of the series.
    pub series_key: SeriesKey,
    /// Name and JSON text of each further field.
    pub fields: Vec<(&'static str, String)>,
}

/// The rows of each day.
pub type Bills = BTreeMap<Date, Vec<Row>>;

impl Row {
    /// A row with the given fields.
    pub fn new(series_key: SeriesKey, fields: &[(&'static str, &str)]) -> Self {
        Self { series_key, fields: fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() }
    }

    /// A row with nothing but an amount.
    pub fn of(series_key: SeriesKey, amount: &str) -> Self {
        Self::new(series_key, &[("expectAmount", amount)])
    }

    fn json(&self, date: Date) -> String {
        let SeriesKey { ids: [account, project, service], names } = self.series_key;
        let mut text = format!(
            r#"{{"meteringDate":"{}","domainId":"{account}","projectId":"{project}","serviceId":"{service}""#,
            compact(date)
        );
        for (field, name) in ["domainName", "projectName", "serviceName"].iter().zip(names) {
            if !name.is_empty() {
                text.push_str(&format!(",{field:?}:{name:?}"));
            }
        }
        for (field, value) in &self.fields {
            text.push_str(&format!(",{field:?}:{value}"));
        }
        text.push('}');
        text
    }
}

/// Formats a day as `YYYYMMDD`.
pub fn compact(date: Date) -> String {
    format!("{:04}{:02}{:02}", date.year(), date.month(), date.day())
}

/// The day `days` after `date`, or before it if negative.
pub fn after(date: Date, days: i64) -> Date {
    date.checked_add(days.days()).expect("a day")
}

/// The key of a raw document: of a day as in the replaced pipeline, or of an hour.
pub fn key(date: Date, hour: Option<u8>) -> String {
    let (year, month, day, compact) = (date.year(), date.month(), date.day(), compact(date));
    let folder = format!("raw/year={year:04}/month={month:02}/day={day:02}");
    match hour {
        None => format!("{folder}/billing_{compact}.json"),
        Some(hour) => format!("{folder}/hour={hour:02}/billing_{compact}_{hour:02}.json"),
    }
}

/// Writes the raw document of a day, or of a day until an hour, below a folder of the working directory.
pub fn write(workdir: &Workdir, folder: &str, date: Date, hour: Option<u8>, rows: &[Row]) {
    let rows: Vec<String> = rows.iter().map(|row| row.json(date)).collect();
    let text = format!("{{\"result\":{{\"content\":[{}]}}}}", rows.join(","));
    workdir.write(&format!("{folder}/{}", key(date, hour)), &text);
}

/// Writes the raw documents of finished days to `bills`, the folder of [`source`].
pub fn write_all(workdir: &Workdir, bills: &Bills) {
    for (date, rows) in bills {
        write(workdir, "bills", *date, None, rows);
    }
}

/// The `[source]` table that replays `bills`.
pub fn source() -> &'static str {
    "[source]\naccount = \"suite\"\nkind = \"replay\"\ndirectory = \"bills\"\n"
}

/// The rows of a raw document as JSON texts.
pub fn rows_of(document: &str) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Document {
        result: Content,
    }
    #[derive(serde::Deserialize)]
    struct Content {
        content: Vec<Box<RawValue>>,
    }
    let document: Document = serde_json::from_str(document).expect("a raw document");
    document.result.content.iter().map(|row| row.get().to_owned()).collect()
}
