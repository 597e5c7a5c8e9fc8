//! The keys before the first table.

use config_file::toml::Section;
use jiff::tz::TimeZone;
use model::language::Language;
use model::money;
use notify::Locale;

use super::{Config, StoreConfig};

/// The keys before the first table of a config, with defaults.
pub(super) struct General {
    pub(super) zone: Option<TimeZone>,
    pub(super) currency: String,
    pub(super) language: Language,
    pub(super) renotify_factor: f64,
}

impl General {
    pub(super) fn read(root: &mut Section<'_, '_>) -> Self {
        let zone = root
            .key("time_zone", "The time zone of the bill: a name of the IANA time zone database.")
            .default("Asia/Seoul")
            .parse("an IANA time zone like \"Asia/Seoul\"", |name| TimeZone::get(name).ok());
        let currency = currency(root);
        let language = root
            .key("language", "The language of notifications and of the command line.")
            .choice_or(&[("ko", Language::Korean), ("en", Language::English)], "ko");
        let renotify_factor = root
            .key("renotify_factor", "The growth of the impact that sends another notification of an incident.")
            .default(2)
            .above(1.0, "a factor above 1, like 2");
        Self {
            zone: zone.or_else(|| TimeZone::get("Asia/Seoul").ok()),
            currency,
            language,
            renotify_factor: renotify_factor.unwrap_or(2.0),
        }
    }
}

pub(super) fn currency(root: &mut Section<'_, '_>) -> String {
    let currency = root
        .key("currency", "The currency of the bill: an ISO 4217 code.")
        .default("KRW")
        .pattern("^[A-Z]{3}$")
        .parse("an ISO 4217 code like \"KRW\"", |code| money::decimals(code).map(|_| code.to_owned()));
    currency.unwrap_or_else(|| "KRW".to_owned())
}

impl Config {
    /// The language and the currency of texts.
    pub(crate) fn locale(&self) -> Locale<'_> {
        Locale { language: self.language, currency: &self.currency }
    }
}

impl StoreConfig {
    /// The language and the currency of texts.
    pub(crate) fn locale(&self) -> Locale<'_> {
        Locale { language: self.language, currency: &self.currency }
    }
}
