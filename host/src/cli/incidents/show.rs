//! The output of `incidents show`.

use std::fmt::Write as _;

use jiff::civil::Date;
use model::anomaly::Direction;
use model::count::counted;
use model::incident::{Delivery, DeliveryFailure, Incident, IncidentState, NormalDay, Suppression};
use model::language::Language;
use notify::Locale;
use serde_json::Value;

use super::super::present::{self, Form, moment};
use super::{history, json};
use crate::config::StoreConfig;

/// An incident with the anomalies in the store.
pub(super) struct Shown<'i> {
    pub(super) incident: &'i Incident,
    /// The newest day of the ledger.
    pub(super) newest: Date,
    pub(super) anomalies: Vec<Value>,
}

impl Shown<'_> {
    /// Returns the last day of the month of the newest cost, as in a report, and the impact until then; `None` for an ended incident.
    fn until_month_end(&self) -> Option<(Date, f64)> {
        let last = self.newest.max(self.incident.last_seen.date).last_of_month();
        (self.incident.state == IncidentState::Open).then(|| (last, self.incident.impact_until(last)))
    }
}

/// Prints an incident.
pub(super) fn show(shown: Shown<'_>, config: &StoreConfig, form: Form) {
    let until_month_end = shown.until_month_end();
    let Shown { incident, anomalies, .. } = shown;
    if form == Form::Json {
        let mut whole = json(incident);
        whole["impactUntilMonthEnd"] = until_month_end.map(|(_, impact)| impact).into();
        whole["anomalies"] = anomalies.into();
        return present::out(&whole.to_string());
    }
    let mut lines = Lines { locale: config.locale(), text: String::new() };
    lines.add_state(incident);
    lines.add_cost(incident, until_month_end);
    lines.add_notifications(incident);
    lines.add("이상 징후", "anomalies", &anomalies.len().to_string());
    present::out(lines.text.trim_end());
}

/// The lines about an incident, in the language of the config.
struct Lines<'c> {
    locale: Locale<'c>,
    text: String,
}

impl Lines<'_> {
    /// Adds a line with a label in Korean and in English.
    fn add(&mut self, korean: &str, english: &str, value: &str) {
        let label = self.locale.language.choose(korean, english);
        writeln!(self.text, "{}", present::labelled(label, 10, value)).expect("a string takes all that is written");
    }

    fn amount(&self, amount: f64) -> String {
        present::amount(amount, self.locale)
    }

    /// Adds the names, the state and the history.
    fn add_state(&mut self, incident: &Incident) {
        let language = self.locale.language;
        let names = &incident.names;
        let [first, opened, last] =
            [incident.first_seen, incident.opened_at, incident.last_seen].map(|time| moment(time, language));
        let state = incident.state.text(language);
        self.add("이상", "incident", &incident.id);
        let series = format!("{} ({}/{}/{})", incident.series, names.account, names.project, names.service);
        self.add("시리즈", "series", &series);
        self.add("상태", "state", state);
        self.add("시작", "since", &format!("{first}, {} {opened}", language.choose("발견", "opened")));
        self.add(
            "최근",
            "last seen",
            &format!("{last}, {}", language.choose("마지막 이상 징후", "the newest anomaly")),
        );
        if let Some(closed) = incident.closed_at {
            let closed = moment(closed, language);
            let day = incident.resolved_by.map(|NormalDay { observed, expected }| {
                let usual = language.choose("평소", "expected");
                let expected = expected.map(|it| format!(", {usual} {}", self.amount(it))).unwrap_or_default();
                format!(": {}{expected}", self.amount(observed))
            });
            let day = day.unwrap_or_default();
            self.add("종료", "closed", &format!("{closed}{}{state}{day}", language.choose(", ", " as ")));
        }
        for entry in &incident.history {
            let label = history::label(&entry.action, language);
            self.add(label, label, &history::text(entry, language));
        }
    }

    /// Adds the rules, the reason and the amounts.
    fn add_cost(&mut self, incident: &Incident, until_month_end: Option<(Date, f64)>) {
        let language = self.locale.language;
        self.add("규칙", "rules", &incident.rules.iter().cloned().collect::<Vec<_>>().join(", "));
        self.add("이유", "why", &incident.reason);
        let [observed, expected] = [incident.observed, incident.expected].map(|amount| self.amount(amount));
        self.add("비용", "now", &format!("{observed}, {} {expected}", language.choose("평소", "expected")));
        self.add("차액", "impact", &self.impact(incident));
        if let Some((last, impact)) = until_month_end {
            let impact = self.amount(impact);
            self.add(
                "",
                "",
                &match language {
                    Language::Korean => format!("{last}까지 {impact}(남은 날이 최근 사흘과 같을 때)"),
                    Language::English => format!("{impact} until {last}, if each later day is like the last three"),
                },
            );
        }
        for (date, seen) in &incident.by_day {
            let so_far = match seen.finished_day {
                Some(_) => "",
                None => language.choose(" (지금까지)", " so far"),
            };
            self.add("", "", &format!("{date} {}{so_far}", self.amount(seen.impact())));
        }
    }

    /// Returns the sum of the differences from the expected cost, with the number of days.
    fn impact(&self, incident: &Incident) -> String {
        let amount = self.amount(incident.impact());
        let days = incident.by_day.len() as u64;
        match (self.locale.language, incident.direction) {
            (Language::Korean, Direction::Up) => format!("이상이 있던 {days}일 동안 평소보다 {amount} 더 나왔습니다:"),
            (Language::Korean, Direction::Down) => {
                format!("이상이 있던 {days}일 동안 평소보다 {amount} 덜 나왔습니다:")
            }
            (Language::English, direction) => {
                let direction = if direction == Direction::Up { "more" } else { "less" };
                format!("{amount} {direction} than expected on {}:", counted(days, "anomalous day"))
            }
        }
    }

    fn add_notifications(&mut self, incident: &Incident) {
        let language = self.locale.language;
        for (receiver, Delivery { notifications, notified_impact, end_notified, .. }) in &incident.deliveries {
            let amount = self.amount(*notified_impact);
            let end = if *end_notified { language.choose(", 종료 알림 포함", ", including the end") } else { "" };
            self.add(
                "알림",
                "notified",
                &match language {
                    Language::Korean => format!("{receiver} {notifications}회, 마지막 차액 {amount}{end}"),
                    Language::English => {
                        format!("{receiver} {}, last at {amount}{end}", counted(*notifications, "time"))
                    }
                },
            );
        }
        for (receiver, DeliveryFailure { at, cause }) in &incident.failures {
            let at = language.choose(format!("{receiver} {at}"), format!("{receiver} at {at}"));
            self.add("전달 실패", "failed", &format!("{at}: {cause}"));
        }
        if let Some(reason) = reason_without_notification(incident, language) {
            self.add("알림", "notified", &reason);
        }
    }
}

/// Returns the reason why nobody is notified of an incident; `None` if receivers are notified.
pub(in crate::cli) fn reason_without_notification(incident: &Incident, language: Language) -> Option<String> {
    Some(match (language, &incident.suppressed_by) {
        (Language::Korean, _) if incident.muted => "없음: 과거 데이터로 불러온 이상입니다".to_owned(),
        (Language::English, _) if incident.muted => "nobody: the incident was loaded as history".to_owned(),
        (Language::Korean, _) if incident.is_explained => "없음: 더 작은 범위의 이상들로 설명됩니다".to_owned(),
        (Language::English, _) if incident.is_explained => {
            "nobody: incidents of finer series explain the incident".to_owned()
        }
        (Language::Korean, Some(Suppression::Silence(id))) => format!("지금은 없음: 알림 끄기 {id}"),
        (Language::English, Some(Suppression::Silence(id))) => format!("nobody at present: silence {id}"),
        (Language::Korean, Some(Suppression::PlannedEvent(id))) => format!("지금은 없음: 예정된 변경 {id}"),
        (Language::English, Some(Suppression::PlannedEvent(id))) => format!("nobody at present: planned event {id}"),
        (_, None) => return None,
    })
}
