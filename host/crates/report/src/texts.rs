//! The texts that several formats share: amounts, places and scopes.

use model::forecast::MonthForecast;
use model::incident::Incident;
use model::moment::Moment;
use model::series::{ALL, Names, SeriesKey};
use notify::{amount_text, one_line, signed_amount_text};

use crate::report::{CostRow, Report, ReportedBudget};
use crate::words::{Words, words};

/// The texts of a report.
pub(crate) struct Texts<'r, 'a> {
    pub(crate) report: &'r Report<'a>,
    pub(crate) words: &'static Words,
}

impl<'r, 'a> Texts<'r, 'a> {
    pub(crate) fn of(report: &'r Report<'a>) -> Self {
        Self { report, words: words(report.facts.locale.language) }
    }

    pub(crate) fn amount(&self, amount: f64) -> String {
        amount_text(amount, self.report.facts.locale)
    }

    /// Returns an amount with a sign.
    pub(crate) fn difference(&self, amount: f64) -> String {
        signed_amount_text(amount, self.report.facts.locale)
    }

    /// Returns the cost of the same days of the month before; empty if not known.
    pub(crate) fn before(&self, row: &CostRow) -> String {
        row.same_days_before.map_or_else(String::new, |cost| self.amount(cost))
    }

    /// Returns the difference from the same days of the month before; empty if not known.
    pub(crate) fn change(&self, row: &CostRow) -> String {
        row.change().map_or_else(String::new, |change| self.difference(change))
    }

    /// Returns the forecast of a row; empty without a forecast.
    pub(crate) fn month_end(&self, row: &CostRow) -> String {
        row.forecast.map_or_else(String::new, |forecast| self.amount(forecast.month_end))
    }

    /// Returns the range of the forecast of a row; empty without a range.
    pub(crate) fn range(&self, row: &CostRow) -> String {
        self.forecast_range(row.forecast)
    }

    fn forecast_range(&self, forecast: Option<MonthForecast>) -> String {
        let range = forecast.and_then(|forecast| forecast.range);
        range.map_or_else(String::new, |range| format!("{} – {}", self.amount(range.lower), self.amount(range.upper)))
    }

    /// Returns the names of the columns of [`Self::budget`].
    pub(crate) fn budget_columns(&self) -> [&'static str; 6] {
        let Words { budget, scope, budget_amount, spent, month_end, range, .. } = self.words;
        [budget, scope, budget_amount, spent, month_end, range]
    }

    /// Returns the name, the scope, the amount, the spent cost, the forecast and its range.
    pub(crate) fn budget(&self, reported: &ReportedBudget) -> [String; 6] {
        let ReportedBudget { month, has_services } = reported;
        let state = &month.state;
        let part = |amount: f64| format!("{} ({}%)", self.amount(amount), month.percent(amount));
        let scope = match &month.budget.scope {
            scope if scope.is_empty() => self.words.total.to_owned(),
            scope => one_line(&scope.to_string()),
        };
        let mut spent = part(state.spent);
        if !has_services {
            spent = format!("{spent}: {}", self.words.no_services);
        } else if state.unknown_days > 0 {
            spent = format!("{spent}: {} {}", self.words.unknown_days, state.unknown_days);
        }
        [
            one_line(&month.budget.name),
            scope,
            self.amount(month.budget.amount),
            spent,
            state.forecast.map_or_else(String::new, |forecast| part(forecast.month_end)),
            self.forecast_range(state.forecast),
        ]
    }

    /// Returns the name of the finest dimension of an incident.
    pub(crate) fn what(&self, incident: &Incident) -> String {
        finest(self.words, &incident.series, &incident.names)
    }

    /// Returns the names of the account and the project of an incident; empty for the total.
    pub(crate) fn place(&self, incident: &Incident) -> String {
        container(&incident.series, &incident.names)
    }

    /// Returns the address of the page of an incident; `None` without a report server.
    pub(crate) fn incident_page(&self, incident: &Incident) -> Option<String> {
        let base = self.report.facts.incident_pages?;
        Some(format!("{base}{}", incident.id))
    }

    /// Returns the day and the outcome of the last run.
    pub(crate) fn run(&self) -> Option<String> {
        let run = self.report.facts.last_run.as_ref()?;
        let outcome = self.words.outcome(&run.outcome);
        Some(run.day.map_or_else(|| outcome.to_owned(), |day| format!("{day}: {outcome}")))
    }

    pub(crate) fn freshness(&self) -> String {
        let facts = &self.report.facts;
        let written = facts.now.to_zoned(facts.zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        let Words { bills_through, written_at, last_run, .. } = self.words;
        let run = self.run().map(|run| format!(" · {last_run} {run}")).unwrap_or_default();
        format!("{bills_through} {} · {written_at} {written}{run}", facts.to)
    }
}

/// Returns a moment: `2026-11-23` or `2026-11-23 10:00`.
pub(crate) fn moment(moment: Moment) -> String {
    match moment.hour {
        Some(hour) => format!("{} {hour:02}:00", moment.date),
        None => moment.date.to_string(),
    }
}

/// Returns the name of the finest dimension of a series.
pub(crate) fn finest(words: &Words, key: &SeriesKey, names: &Names) -> String {
    let names = [(&key.service, &names.service), (&key.project, &names.project), (&key.account, &names.account)];
    let finest = names.into_iter().find(|(id, _)| &***id != ALL);
    finest.map_or_else(|| words.total.to_owned(), |(_, name)| one_line(name))
}

/// Returns the names of the account and the project of a series; empty for the total.
pub(crate) fn container(key: &SeriesKey, names: &Names) -> String {
    let names = [(&key.account, &names.account), (&key.project, &names.project)];
    let named: Vec<String> =
        names.into_iter().filter(|(id, _)| &***id != ALL).map(|(_, name)| one_line(name)).collect();
    named.join(" / ")
}
