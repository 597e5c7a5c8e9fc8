//! The usable fits of a rule for an hour, from the same detector digest and settings.

use std::collections::{HashMap, HashSet};

use jiff::civil::Date;
use model::count::one_or;
use model::moment::BillingHour;
use model::series::{Grain, Names, SeriesKey};
use store::{Baseline, FitRequest, FitState};

use crate::pipeline::rules::PreparedRule;
use crate::pipeline::run::{Count, Remark, Report, days_before};

/// Maximum age of a fit, in days.
pub(super) const MAX_FIT_AGE_DAYS: u16 = 7;

/// The usable fits of a rule.
#[derive(Debug, Default)]
pub(super) struct UsableFits<'b> {
    pub(super) fits: HashMap<&'b SeriesKey, SeriesFit<'b>>,
    /// Series with an unusable fit: of another detector, or trained with the hour.
    pub(super) unusable: HashSet<&'b SeriesKey>,
    /// Last day of the newest training. `None` without a recent training.
    pub(super) trained_through: Option<Date>,
}

/// The fit of a series.
#[derive(Debug)]
pub(super) struct SeriesFit<'b> {
    pub(super) through: Date,
    pub(super) state: &'b FitState,
    pub(super) names: &'b Names,
}

/// Numbers of unusable fits.
#[derive(Debug, Default)]
struct UnusableFits {
    foreign: u64,
    old: u64,
    already_trained: u64,
}

/// The request for the fits of a rule at an hour.
pub(super) fn fit_request(prepared: &PreparedRule, hour: u8) -> FitRequest {
    let hour = (prepared.rule.grain == Grain::DayToDate).then_some(hour);
    FitRequest { rule: prepared.rule.id.clone(), hour }
}

impl<'b> UsableFits<'b> {
    /// Selects the fits for an hour, and reports the unusable fits.
    pub(super) fn select(
        prepared: &PreparedRule,
        baselines: &'b [Baseline],
        hour: BillingHour,
        report: &mut Report,
    ) -> Self {
        let date = hour.date;
        let state_hour = fit_request(prepared, hour.hour).hour;
        let oldest = days_before(date, MAX_FIT_AGE_DAYS);
        let mut usable = Self::default();
        let mut unusable = UnusableFits::default();
        let mut newest = None;
        for baseline in baselines {
            let Some(fit) = baseline.fits.get(&prepared.rule.id) else { continue };
            let Some(state) = fit.states.get(&state_hour) else { continue };
            if fit.detector != prepared.detector.digest || fit.settings != prepared.settings_digest {
                unusable.foreign += 1;
                usable.unusable.insert(&baseline.key);
                continue;
            }
            newest = newest.max(Some(fit.through));
            if fit.through < oldest {
                unusable.old += 1;
            } else if fit.through >= date {
                unusable.already_trained += 1;
                usable.unusable.insert(&baseline.key);
            } else {
                let fit = SeriesFit { through: fit.through, state, names: &baseline.names };
                usable.fits.insert(&baseline.key, fit);
            }
        }
        let recent = newest.filter(|newest| *newest >= oldest);
        // An old fit beside recent fits belongs to a series without recent cost. Only old fits alone are a problem.
        if recent.is_some() {
            unusable.old = 0;
        }
        unusable.report(prepared, date, report);
        usable.trained_through = recent.filter(|newest| *newest < date);
        usable
    }
}

impl UnusableFits {
    fn report(&self, prepared: &PreparedRule, date: Date, report: &mut Report) {
        let rule = &prepared.rule.id;
        let Self { foreign, old, already_trained } = *self;
        if foreign > 0 {
            let have = one_or(foreign, "has", "have");
            report.add(Count::ForeignFits, foreign);
            report.add_problem(Remark::new(
                format!(
                    "규칙 {rule}: 시리즈 {foreign}개의 학습 결과가 다른 탐지기나 다른 설정의 것입니다. 다음 daily 실행이 다시 학습합니다"
                ),
                format!(
                    "rule {rule}: {foreign} series {have} a fit of another detector or of other settings; the next daily run trains the series again"
                ),
            ));
        }
        if already_trained > 0 {
            report.add(Count::AlreadyTrained, already_trained);
            report.add_problem(Remark::new(
                format!(
                    "{date}: 이미 마감되어 학습에 쓰인 날이라 시간별로 평가하지 않습니다. costwarden daily --date {date} 명령으로 하루를 평가하세요"
                ),
                format!(
                    "{date} is finished and is already in the training data, so its hours are not evaluated: evaluate the day with costwarden daily --date {date}"
                ),
            ));
        }
        // The daily job renews the fits of a rule over hours only with enough hourly history, so a pause of the hourly
        // job is like a new installation.
        if old > 0 && prepared.rule.grain != Grain::Daily {
            report.add(Count::InsufficientHistory, old);
        } else if old > 0 {
            let have = one_or(old, "has", "have");
            report.add(Count::OldFits, old);
            report.add_problem(Remark::new(
                format!(
                    "규칙 {rule}: 시리즈 {old}개의 학습 결과가 {MAX_FIT_AGE_DAYS}일보다 오래되어 평가할 수 없습니다. daily 작업을 실행하세요"
                ),
                format!(
                    "rule {rule}: {old} series {have} only a fit older than {MAX_FIT_AGE_DAYS} days, too old for an evaluation; run the daily job"
                ),
            ));
        }
    }
}
