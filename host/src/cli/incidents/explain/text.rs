//! The text of `incidents explain`.

use std::fmt::Write as _;

use bigdecimal::{BigDecimal, ToPrimitive as _, Zero as _};
use model::count::counted;
use model::drivers::{
    BillComparison, ChargeChange, ComparedMoments, Driver, Drivers, Effects, UnknownCause, UsageMeasure, WEEKS,
};
use model::incident::Incident;
use model::language::Language;
use model::moment::Moment;
use model::money;
use notify::Locale;

use crate::cli::present::{self, moment};
use crate::pipeline::{BandExplanation, Explanation, NotReproducible, VerdictFigures};

/// Number of listed drivers.
const LISTED: usize = 10;
/// Number of listed changes of the rest of the project.
const LISTED_OF_PROJECT: usize = 5;

/// Returns the cause of an incident and the repeated verdicts.
pub(super) fn text(incident: &Incident, explanation: &Explanation<'_>, locale: Locale<'_>) -> String {
    let language = locale.language;
    let names = &incident.names;
    let series = present::series_label([&names.account, &names.project, &names.service]);
    let word = language.choose("이상", "incident");
    let mut text = format!("{word} {}: {series} ({})\n\n", incident.id, incident.series);
    match (&explanation.cause, language) {
        (Some(Ok(comparison)), _) => text.push_str(&compared(comparison, locale)),
        (Some(Err(unknown)), Language::Korean) => {
            add(&mut text, format_args!("원인을 알 수 없습니다. {}", reason(*unknown, language)));
        }
        (Some(Err(unknown)), Language::English) => {
            add(&mut text, format_args!("drivers: not known, because {}", reason(*unknown, language)));
        }
        (None, Language::Korean) => text.push_str("원인: 이상에 남은 날이 없습니다\n"),
        (None, Language::English) => text.push_str("drivers: the incident has no day any more\n"),
    }
    for band in &explanation.bands {
        text.push('\n');
        text.push_str(&band_text(band, locale));
    }
    if explanation.bands.is_empty() {
        text.push_str(language.choose(
            "\n판정: 마감된 날에 시작된 이상이 아니므로 다시 계산할 학습 결과가 없습니다\n",
            "\nverdict: no finished day opened the incident, so there is no fit to evaluate again\n",
        ));
    }
    text
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes all that is written");
}

fn add_labelled(text: &mut String, label: &str, value: &str) {
    add(text, format_args!("{}", present::labelled(label, 19, value)));
}

fn reason(unknown: UnknownCause, language: Language) -> String {
    match (language, unknown) {
        (Language::Korean, UnknownCause::ArchiveUnreadable) => "보관소를 읽지 못했습니다".to_owned(),
        (Language::English, UnknownCause::ArchiveUnreadable) => "the archive could not be read".to_owned(),
        (Language::Korean, UnknownCause::NoBill(at)) => {
            format!("보관소에 {} 청구 내역이 없습니다", moment(at, language))
        }
        (Language::English, UnknownCause::NoBill(at)) => {
            format!("the archive has no bill of {}", moment(at, language))
        }
        (Language::Korean, UnknownCause::NoEarlierBill(at)) => format!(
            "보관소에 {} 청구 내역과 비교할 지난 {WEEKS}주 같은 요일의 청구 내역이 없습니다",
            moment(at, language)
        ),
        (Language::English, UnknownCause::NoEarlierBill(at)) => format!(
            "the archive has no bill of the same weekday in the {WEEKS} weeks before the incident to compare with {}",
            moment(at, language)
        ),
        (Language::Korean, UnknownCause::OtherAmounts) => {
            "보관된 청구 내역의 금액이 이상의 금액과 다릅니다. 규칙이 합계의 일부만 고르거나 다른 값을 평가합니다".to_owned()
        }
        (Language::English, UnknownCause::OtherAmounts) => {
            "the archived bill does not have the amounts of the incident: the rule selects a part of the sum or evaluates another measure".to_owned()
        }
    }
}

fn compared(comparison: &BillComparison, locale: Locale<'_>) -> String {
    let Locale { language, currency } = locale;
    let mut text = String::new();
    let mut line = |korean, english, value: String| {
        add_labelled(&mut text, language.choose(korean, english), &value);
    };
    let moments = |select: fn(&ComparedMoments) -> Moment| {
        ranges(&comparison.moments.iter().map(select).collect::<Vec<_>>(), language)
    };
    let unit = locale.unit();
    let amount = |amount: &BigDecimal| format!("{}{unit}", plain(amount, currency));
    let signed = |amount: &BigDecimal| format!("{}{unit}", signed(amount, currency));
    // The expected cost is no exact amount.
    let rounded = |amount: &BigDecimal| signed(&amount.round(decimals(currency)));
    let drivers = &comparison.drivers;
    line("날짜", "days", moments(|compared| compared.moment));
    line("비교한 날", "compared with", moments(|compared| compared.earlier));
    line("청구 금액", "bill", amount(&drivers.after));
    line("비교한 청구 금액", "compared bill", amount(&drivers.before));
    line("차액", "difference", signed(&drivers.difference()));
    if let Some((variation, excess)) = comparison.usual_variation().zip(comparison.excess()) {
        let of_variation =
            language.choose("(비교한 청구 금액에서 평소 비용을 뺀 값)", "(the compared bill minus the expected cost)");
        let of_excess = language.choose("(차액과 평소의 변동을 더한 값)", "(the difference and the usual variation)");
        line("평소의 변동", "usual variation", format!("{} {of_variation}", rounded(&variation)));
        line("초과액", "excess", format!("{} {of_excess}", rounded(&excess)));
    }
    let effects = &drivers.effects;
    let without_usage = drivers.drivers.iter().filter(|driver| driver.change == ChargeChange::Amount);
    let without_usage: BigDecimal = without_usage.map(Driver::difference).sum();
    let price = signed(&effects.price);
    // Like a fixed fee: the bill does not say whether the price or the quantity has changed.
    let price = match (without_usage.is_zero(), language) {
        (true, _) => price,
        (false, Language::Korean) => format!("{price} (사용량이 청구서에 없는 항목 {})", signed(&without_usage)),
        (false, Language::English) => {
            format!("{price} ({} for charges without a usage on the bill)", signed(&without_usage))
        }
    };
    line("  단가", "  by price", price);
    line("  수량", "  by quantity", signed(&effects.quantity));
    line("  새 항목", "  new resources", signed(&effects.new));
    line("  없어진 항목", "  removed resources", signed(&effects.gone));
    text.push('\n');
    text.push_str(&drivers_table(drivers, LISTED, locale));
    if let Some(rest) = &comparison.rest_of_project {
        text.push_str(&rest_of_project(rest, locale));
    }
    text
}

/// Returns moments as text. Consecutive days are a range.
fn ranges(moments: &[Moment], language: Language) -> String {
    let follows = |one: &Moment, next: &Moment| {
        one.hour.is_none() && next.hour.is_none() && one.date.tomorrow().is_ok_and(|day| day == next.date)
    };
    let range = |run: &[Moment]| match run {
        [one] => moment(*one, language),
        [first, .., last] => {
            let [first, last] = [first, last].map(|at| moment(*at, language));
            format!("{first}{}{last}", language.choose("~", " to "))
        }
        [] => String::new(),
    };
    moments.chunk_by(follows).map(range).collect::<Vec<_>>().join(", ")
}

fn rest_of_project(rest: &Drivers, locale: Locale<'_>) -> String {
    let language = locale.language;
    if rest.drivers.is_empty() {
        return language
            .choose(
                "\n같은 때 프로젝트에서 달라진 다른 항목이 없습니다\n",
                "\nno other charge of the project changed at the same time\n",
            )
            .to_owned();
    }
    let title =
        language.choose("같은 때 프로젝트에서 달라진 다른 항목", "other changes in the project at the same time");
    format!("\n{title}\n{}", drivers_table(rest, LISTED_OF_PROJECT, locale))
}

fn drivers_table(drivers: &Drivers, listed: usize, locale: Locale<'_>) -> String {
    let Locale { language, currency } = locale;
    let whole = drivers.difference();
    let header = language.choose(["항목", "변화", "차액", "비중"], ["charge", "change", "difference", "share"]);
    let mut table = present::table(&header, &[2, 3]);
    (2..4).for_each(|column| table.keep_whole(column));
    for driver in drivers.drivers.iter().take(listed) {
        let difference = driver.difference();
        table.add_row([
            charge(driver),
            change(driver, locale),
            signed(&difference, currency),
            share(&difference, &whole),
        ]);
    }
    let others = drivers.others(listed);
    if others.charges > 0 {
        let name = match language {
            Language::Korean => format!("그 밖의 항목 {}개", others.charges),
            Language::English => counted(others.charges, "more charge"),
        };
        let difference = signed(&others.difference, currency);
        table.add_row([name, String::new(), difference, share(&others.difference, &whole)]);
    }
    format!("{table}\n")
}

/// Returns the names of a charge, with the resource, the region and the pricing category.
fn charge(driver: &Driver) -> String {
    let names = &driver.names;
    let name = format!("{} / {}", names.project, names.service);
    let details: Vec<&str> = driver.charge.details().collect();
    let details = if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) };
    format!("{name}{details}").replace(char::is_control, " ")
}

fn change(driver: &Driver, locale: Locale<'_>) -> String {
    let Locale { language, currency } = locale;
    let costs = format!("{} → {}", plain(&driver.before, currency), plain(&driver.after, currency));
    match &driver.change {
        ChargeChange::New => language.choose("새로 생김", "new").to_owned(),
        ChargeChange::Gone => language.choose("없어짐", "removed").to_owned(),
        ChargeChange::Amount => costs,
        ChargeChange::Usage(usage) => {
            let measure = match usage.measure {
                UsageMeasure::Quantity => language.choose("사용량", "usage quantity"),
                UsageMeasure::Time => language.choose("사용 시간", "usage time"),
            };
            let Effects { price, quantity, .. } = &driver.effects;
            let usages = format!("{measure} {} → {}", plain_number(&usage.before), plain_number(&usage.after));
            let [quantity, price] = [quantity, price].map(|effect| signed(effect, currency));
            format!("{costs}; {usages}: {quantity}; {}: {price}", language.choose("단가", "price"))
        }
    }
}

fn share(part: &BigDecimal, whole: &BigDecimal) -> String {
    if whole.is_zero() {
        return String::new();
    }
    format!("{:.0}%", (part / whole).to_f64().unwrap_or(f64::NAN) * 100.0)
}

fn decimals(currency: &str) -> i64 {
    money::decimals(currency).unwrap_or(2).into()
}

/// Returns an amount with all its digits and at least the decimals of the currency.
fn plain(amount: &BigDecimal, currency: &str) -> String {
    let normalized = amount.normalized();
    let digits = normalized.fractional_digit_count().max(decimals(currency));
    money::grouped(&normalized.with_scale(digits).to_plain_string())
}

fn plain_number(number: &BigDecimal) -> String {
    money::grouped(&number.normalized().to_plain_string())
}

fn signed(amount: &BigDecimal, currency: &str) -> String {
    let text = plain(amount, currency);
    if text.starts_with('-') { text } else { format!("+{text}") }
}

fn band_text(band: &BandExplanation<'_>, locale: Locale<'_>) -> String {
    let language = locale.language;
    let mut text = String::new();
    let mut line = |korean: &str, english: &str, value: String| {
        add_labelled(&mut text, language.choose(korean, english), &value);
    };
    line("규칙", "rule", band.rule.to_owned());
    line("플러그인", "plugin", format!("sha256 {}", band.band.detector));
    let settings = band.settings.unwrap_or(language.choose("지금은 다른 설정", "other settings now"));
    line("설정", "settings", format!("sha256 {} ({settings})", band.band.settings));
    line("학습한 마지막 날", "trained through", band.band.through.to_string());
    let figures = band.band.figures.iter().map(|(name, figure)| format!("{name} {}", money::text(*figure)));
    line("학습한 값", "figures", figures.collect::<Vec<_>>().join(", "));
    let stored = |verdict: &Option<VerdictFigures>| {
        let none = language.choose("이상 없음", "no anomaly");
        verdict.as_ref().map_or(none.to_owned(), |verdict| figures_text(verdict, locale))
    };
    line(&format!("{} 판정", band.date), &format!("on {}", band.date), stored(&band.stored));
    let again = match (&band.again, language) {
        (Ok(again), _) if *again == band.stored => language
            .choose(
                "보관된 청구 내역과 학습 결과로 같은 판정이 나옵니다",
                "the archived bill and the fit give the same verdict",
            )
            .to_owned(),
        (Ok(again), Language::Korean) => format!("다른 판정: {}", stored(again)),
        (Ok(again), Language::English) => format!("another verdict: {}", stored(again)),
        (Err(why), Language::Korean) => format!("할 수 없음: {}", not_reproducible(why, language)),
        (Err(why), Language::English) => format!("not possible: {}", not_reproducible(why, language)),
    };
    line("다시 계산", "evaluated again", again);
    text
}

fn figures_text(verdict: &VerdictFigures, locale: Locale<'_>) -> String {
    let Locale { language, currency } = locale;
    let bound = |bound: Option<f64>| {
        bound.map_or_else(|| language.choose("없음", "none").to_owned(), |bound| money::amount(bound, currency))
    };
    let [observed, expected] = [verdict.observed, verdict.expected].map(|amount| money::amount(amount, currency));
    let [lower, upper] = [verdict.lower, verdict.upper].map(bound);
    let score = money::text(verdict.score);
    let unit = locale.unit();
    match language {
        Language::Korean => format!("비용 {observed}, 평소 {expected}, 범위 {lower}~{upper}{unit}, 점수 {score}"),
        Language::English => {
            format!("observed {observed}, expected {expected}, bounds {lower} to {upper}{unit}, score {score}")
        }
    }
}

/// Returns the reason why a verdict cannot be repeated.
pub(super) fn not_reproducible(why: &NotReproducible, language: Language) -> String {
    match why {
        NotReproducible::RuleGone => {
            language.choose("이 ID의 규칙이 지금은 없습니다", "no present rule has the id").to_owned()
        }
        NotReproducible::RuleChanged => language
            .choose("규칙의 플러그인이나 설정이 바뀌었습니다", "the rule has another plugin or other settings now")
            .to_owned(),
        NotReproducible::ComparesPeers => language
            .choose(
                "탐지기가 여러 시리즈를 한 번에 비교합니다",
                "the detector compares the series of a group in one call",
            )
            .to_owned(),
        NotReproducible::NoArchivedBill(date) => match language {
            Language::Korean => format!("보관소에서 {date} 청구 내역을 읽지 못했습니다"),
            Language::English => format!("the bill of {date} could not be read from the archive"),
        },
        NotReproducible::NoSeries => language
            .choose("그날 규칙이 보는 시리즈가 아닙니다", "the rule does not see the series on the day")
            .to_owned(),
        NotReproducible::Failed(problem) => problem.clone(),
    }
}
