//! The report as one JSON object, with the figures as numbers.

use model::forecast::MonthForecast;
use serde_json::{Value, json};

use crate::report::{CostRow, Report, ReportedBudget, ReportedIncident};

pub(crate) fn object(report: &Report<'_>) -> Value {
    let facts = &report.facts;
    json!({
        "from": facts.from,
        "to": facts.to,
        "writtenAt": facts.now.to_string(),
        "currency": facts.locale.currency,
        "total": cost(&report.total),
        "unknownDaysOfMonth": report.unknown_days,
        "budgets": report.budgets.iter().map(budget).collect::<Vec<_>>(),
        "days": report.days.iter().map(|day| json!({
            "date": day.date,
            "cost": day.cost,
            "usualLower": day.usual.map(|usual| usual.lower),
            "usualUpper": day.usual.map(|usual| usual.upper),
        })).collect::<Vec<_>>(),
        "causesState": facts.causes_state.as_str(),
        "incidents": report.incidents.iter().map(incident).collect::<Vec<_>>(),
        "costs": report.rows.iter().map(cost).collect::<Vec<_>>(),
        "plannedEvents": facts.planned_events.iter().map(|event| json!({
            "event": event.id, "name": event.plan.name, "from": event.plan.from, "to": event.plan.to,
            "dailyEffect": event.plan.daily_effect, "scope": event.plan.scope.to_string(),
        })).collect::<Vec<_>>(),
        "silences": facts.silences.iter().map(|silence| json!({
            "silence": silence.id, "scope": silence.scope.to_string(), "until": silence.until.to_string(),
            "reason": silence.reason,
        })).collect::<Vec<_>>(),
        "lastRun": facts.last_run.as_ref().map(|run| json!({
            "day": run.day, "outcome": run.outcome, "counts": run.counts,
        })),
    })
}

fn cost(row: &CostRow) -> Value {
    json!({
        "series": row.key.to_string(),
        "domainName": &*row.names.account,
        "projectName": &*row.names.project,
        "serviceName": &*row.names.service,
        "cost": row.in_range,
        "monthSoFar": row.month_so_far,
        "sameDaysBefore": row.same_days_before,
        "forecast": row.forecast.as_ref().map(forecast),
    })
}

fn budget(reported: &ReportedBudget) -> Value {
    let ReportedBudget { month, has_services } = reported;
    json!({
        "budget": month.budget.name,
        "scope": month.budget.scope.to_string(),
        "amount": month.budget.amount,
        "spent": month.state.spent,
        "unknownDaysOfMonth": month.state.unknown_days,
        "hasServices": has_services,
        "forecast": month.state.forecast.as_ref().map(forecast),
    })
}

fn forecast(forecast: &MonthForecast) -> Value {
    json!({
        "monthEnd": forecast.month_end,
        "lower": forecast.range.map(|range| range.lower),
        "upper": forecast.range.map(|range| range.upper),
    })
}

fn incident(reported: &ReportedIncident<'_>) -> Value {
    let incident = reported.incident;
    json!({
        "incident": incident.id,
        "series": incident.series.to_string(),
        "state": crate::words::words(model::language::Language::English).state(incident.state),
        "severity": incident.severity.as_str(),
        "since": incident.first_seen.date,
        "until": incident.last_seen.date,
        "newestImpact": reported.newest(),
        "impact": reported.so_far(),
        "impactUntilMonthEnd": reported.until_month_end,
        "explained": incident.is_explained,
        "reason": incident.reason,
        "cause": reported.cause,
    })
}
