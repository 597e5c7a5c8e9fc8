//! The rows of the billing API.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::Arc;

use bigdecimal::BigDecimal;
use jiff::civil::Date;
use model::bill::{Amounts, BillRow};
use model::intern::Interner;
use model::ledger::{NamedSeries, RefusedBillRow, RowDefect};
use model::series::{self, NO_SERVICE, Names, SeriesKey};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::document::RawDocument;

/// The ids of rows without an account, a project or a service.
const NO_ACCOUNT: &str = "(no account)";
const NO_PROJECT: &str = "(no project)";

/// The used fields of a billing row. Unknown fields are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KakaoRow<'a> {
    #[serde(borrow, default)]
    metering_date: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    domain_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    domain_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    project_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    project_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    service_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pricing_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    region: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    currency: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    resource_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    expect_amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    general_amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    discount_amount: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage_time: Option<&'a RawValue>,
    #[serde(borrow, default)]
    usage_size: Option<&'a RawValue>,
}

/// Reads the rows of a raw document with amounts in a currency.
pub(crate) fn bill_rows(
    document: &RawDocument,
    currency: &str,
) -> impl Iterator<Item = Result<BillRow, RefusedBillRow>> {
    let mut reader = RowReader { date: document.date, currency: currency.to_owned(), texts: Interner::default() };
    document.rows.iter().map(move |raw| reader.read(raw))
}

/// The reader of the rows of a day.
struct RowReader {
    date: Date,
    currency: String,
    texts: Interner,
}

impl RowReader {
    fn read(&mut self, raw: &RawValue) -> Result<BillRow, RefusedBillRow> {
        let unknown = |defect| RefusedBillRow { defect, series: None, amount: None };
        let not_a_row = |cause| unknown(RowDefect::NotARow { cause });
        // Serde would also accept a JSON array for the struct.
        if !raw.get().starts_with('{') {
            return Err(not_a_row("expected a JSON object".to_owned()));
        }
        let row: KakaoRow<'_> = serde_json::from_str(raw.get()).map_err(|error| not_a_row(error.to_string()))?;
        let date = row.metering_date.as_deref().unwrap_or_default();
        if series::parse_day(date) != Some(self.date) {
            let expected = self.date.strftime("%Y%m%d").to_string();
            return Err(unknown(RowDefect::OtherDay { field: "meteringDate", found: date.to_owned(), expected }));
        }
        let series = self.series(&row);
        let billed_cost = amount("expectAmount", row.expect_amount);
        let refused = |defect| RefusedBillRow {
            defect,
            series: Some(Box::new(series.clone())),
            amount: billed_cost.clone().ok(),
        };
        let currency = row.currency.as_deref().filter(|currency| !currency.is_empty());
        if let Some(other) = currency.filter(|currency| *currency != self.currency) {
            let defect = RowDefect::OtherCurrency { found: other.to_owned(), expected: self.currency.clone() };
            return Err(RefusedBillRow { amount: None, ..refused(defect) });
        }
        if &*series.key.service == NO_SERVICE {
            return Err(refused(RowDefect::Missing { field: "serviceId" }));
        }
        let amounts = amounts(&row).map_err(refused)?;
        let text = |value: Option<Cow<'_, str>>| value.filter(|text| !text.is_empty()).map(Cow::into_owned);
        let pricing_category = text(row.pricing_type);
        let region = text(row.region);
        let resource = text(row.resource_id);
        let NamedSeries { key, names } = series;
        Ok(BillRow { key, names, amounts, pricing_category, region, resource })
    }

    /// Money without a project or an account is part of the bill; a charge without a service is not readable.
    fn series(&mut self, row: &KakaoRow<'_>) -> NamedSeries {
        let mut id = |value: &Option<Cow<'_, str>>, missing: &str| {
            let id = value.as_deref().map(str::trim).filter(|id| !id.is_empty());
            self.texts.get(id.unwrap_or(missing))
        };
        let key = SeriesKey {
            account: id(&row.domain_id, NO_ACCOUNT),
            project: id(&row.project_id, NO_PROJECT),
            service: id(&row.service_id, NO_SERVICE),
        };
        let mut name = |value: &Option<Cow<'_, str>>, id: &Arc<str>| match value.as_deref() {
            Some(name) if !name.is_empty() => self.texts.get(name),
            _ => id.clone(),
        };
        let names = Names {
            account: name(&row.domain_name, &key.account),
            project: name(&row.project_name, &key.project),
            service: name(&row.service_name, &key.service),
        };
        NamedSeries { key, names }
    }
}

/// Parses the figures of a row. An error names the field.
fn amounts(row: &KakaoRow<'_>) -> Result<Amounts<BigDecimal>, RowDefect> {
    Ok(Amounts {
        billed_cost: amount("expectAmount", row.expect_amount)?,
        list_cost: amount("generalAmount", row.general_amount)?,
        discount: amount("discountAmount", row.discount_amount)?,
        usage_time: amount("usageTime", row.usage_time)?,
        usage_quantity: amount("usageSize", row.usage_size)?,
    })
}

/// Removes the commas of a number like `1,234,567.89`. Any other text stays unchanged.
fn without_separators(text: &str) -> Cow<'_, str> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let whole = unsigned.split_once('.').map_or(unsigned, |(whole, _)| whole);
    let mut groups = whole.split(',');
    let is_digits = |group: &str| group.bytes().all(|byte| byte.is_ascii_digit());
    let has_first = groups.next().is_some_and(|first| (1..=3).contains(&first.len()) && is_digits(first));
    let has_groups = whole.contains(',') && groups.all(|group| group.len() == 3 && is_digits(group));
    if has_first && has_groups { Cow::Owned(text.replace(',', "")) } else { Cow::Borrowed(text) }
}

/// Parses a figure. Null and missing count as 0; a quoted number is valid, also with thousands separators.
fn amount(field: &'static str, raw: Option<&RawValue>) -> Result<BigDecimal, RowDefect> {
    let Some(text) = raw.map(|raw| raw.get().trim_matches('"').trim()).filter(|text| *text != "null") else {
        return Ok(BigDecimal::default());
    };
    // The limit is far above any bill and prevents a gigabyte of digits for 1e999999999.
    let is_reasonable = |number: &BigDecimal| number.fractional_digit_count().abs() <= 64 && number.digits() <= 64;
    let plain = without_separators(text);
    BigDecimal::from_str(&plain)
        .ok()
        .filter(is_reasonable)
        .ok_or_else(|| RowDefect::NotANumber { field, found: text.chars().take(40).collect() })
}

#[cfg(test)]
mod tests {
    use bigdecimal::ToPrimitive as _;
    use jiff::Timestamp;
    use model::language::Language;

    use super::*;

    fn document(rows: &[&str]) -> RawDocument {
        RawDocument {
            date: jiff::civil::date(2026, 11, 22),
            hour: None,
            rows: rows.iter().map(|row| RawValue::from_string((*row).to_owned()).expect("JSON")).collect(),
            fetched_at: Timestamp::UNIX_EPOCH,
            api_params: serde_json::Map::new(),
            problems: Vec::new(),
        }
    }

    fn row(service: &str, amount: &str) -> String {
        format!(
            r#"{{"meteringDate":"20261122","domainId":"d","projectId":"p","serviceId":"{service}","expectAmount":{amount}}}"#
        )
    }

    #[test]
    fn a_refused_row_names_the_field_and_the_expectation() {
        let good = row("s", "1");
        let document = document(&[
            "[]",
            &good,
            r#"{"meteringDate":"20261122","domainId":"d","projectId":" ","serviceId":"s"}"#,
            r#"{"meteringDate":"20261121","domainId":"d","projectId":"p","serviceId":"s"}"#,
            &row("s", "\"many\""),
            &row("s", "1e999999999"),
            &row("s", "\"12.5\""),
            &row("s", "null"),
            &row("s", "\"-1,234,567.89\""),
            &row("s", "\"12,34\""),
            r#"{"meteringDate":"20261122","projectId":"p","expectAmount":7}"#,
            r#"{"meteringDate":"20261122","serviceId":"s","currency":"USD","expectAmount":7}"#,
            r#"{"meteringDate":"20261122","serviceId":"s","generalAmount":"x","expectAmount":7}"#,
        ]);
        let rows: Vec<_> = bill_rows(&document, "KRW").collect();
        let reasons =
            rows.iter().enumerate().filter_map(|(index, row)| Some(format!("{index}: {}", row.as_ref().err()?)));
        let english = reasons.collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(english, @r#"
        0: not a billing row: expected a JSON object
        3: meteringDate is "20261121", expected "20261122"
        4: expectAmount is "many", expected a number
        5: expectAmount is "1e999999999", expected a number
        9: expectAmount is "12,34", expected a number
        10: serviceId is missing or empty
        11: currency is "USD", expected "KRW", the currency of the config
        12: generalAmount is "x", expected a number
        "#);
        let korean = rows.iter().filter_map(|row| Some(row.as_ref().err()?.defect.text(Language::Korean)));
        insta::assert_snapshot!(korean.collect::<Vec<_>>().join("\n"), @r#"
        청구 행이 아닙니다(expected a JSON object)
        meteringDate 값이 "20261121"이지만 청구서의 날짜는 "20261122"입니다
        expectAmount 값이 숫자가 아닙니다("many")
        expectAmount 값이 숫자가 아닙니다("1e999999999")
        expectAmount 값이 숫자가 아닙니다("12,34")
        serviceId 값이 없습니다
        currency 값이 "USD"이지만 설정의 통화는 "KRW"입니다
        generalAmount 값이 숫자가 아닙니다("x")
        "#);
        let known = |index: usize| {
            let refused = rows[index].as_ref().expect_err("a refused row");
            let series = refused.series.as_ref().map(|series| series.key.to_string());
            (series, refused.amount.as_ref().and_then(BigDecimal::to_f64))
        };
        let of = |series: &str, amount| (Some(series.to_owned()), amount);
        assert_eq!([known(0), known(3)], [(None, None), (None, None)]);
        assert_eq!([known(4), known(10)], [of("d/p/s", None), of("(no account)/p/(no service)", Some(7.0))]);
        let no_project = "(no account)/(no project)/s";
        assert_eq!([known(11), known(12)], [of(no_project, None), of(no_project, Some(7.0))]);
        let costs: Vec<f64> = rows.iter().flatten().filter_map(|row| row.amounts.billed_cost.to_f64()).collect();
        assert_eq!(costs, [1.0, 0.0, 12.5, 0.0, -1_234_567.89]);
        let without_project = rows[2].as_ref().expect("a row");
        assert_eq!(without_project.key, SeriesKey::new("d", "(no project)", "s"));
    }
}
