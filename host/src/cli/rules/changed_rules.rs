//! The rules that differ between two backtests.

use std::collections::BTreeMap;

use model::count::counted;
use model::language::Language;
use model::rule::RuleMode;

use crate::pipeline::RuleFigures;

/// The figures of a rule in two rule sets.
#[derive(Debug, Clone, Copy, Default)]
struct ComparedRule<'a> {
    old: Option<&'a RuleFigures>,
    new: Option<&'a RuleFigures>,
}

/// Returns a line for each new or removed rule, for each rule with another mode, and for each shadow rule with another number of
/// anomalies. The incidents show the other changes.
pub(super) fn changed_rules(old: &[RuleFigures], new: &[RuleFigures], language: Language) -> Vec<String> {
    let mut rules: BTreeMap<&str, ComparedRule<'_>> = BTreeMap::new();
    old.iter().for_each(|figures| rules.entry(&figures.rule).or_default().old = Some(figures));
    new.iter().for_each(|figures| rules.entry(&figures.rule).or_default().new = Some(figures));
    let changed = rules.into_iter().filter(|(_, rule)| rule.is_changed());
    changed.map(|(id, rule)| rule.text(id, language)).collect()
}

impl ComparedRule<'_> {
    fn is_changed(self) -> bool {
        let (Some(old), Some(new)) = (self.old, self.new) else { return true };
        old.mode != new.mode || (new.mode == RuleMode::Shadow && old.anomalies != new.anomalies)
    }

    fn text(self, rule: &str, language: Language) -> String {
        let side = |name: &str, figures: Option<&RuleFigures>| {
            let RuleFigures { mode, anomalies, incidents, .. } = figures?;
            let mode = mode.as_str();
            Some(match language {
                Language::Korean => format!("{name} {mode}, 이상 징후 {anomalies}건, 이상 {incidents}건"),
                Language::English => {
                    let [anomalies, incidents] = [counted(*anomalies, "anomaly"), counted(*incidents, "incident")];
                    format!("{mode} in {name}, {anomalies}, {incidents}")
                }
            })
        };
        let sides: Vec<String> = [side("OLD", self.old), side("NEW", self.new)].into_iter().flatten().collect();
        format!("{} {rule}: {}", language.choose("규칙", "rule"), sides.join("; "))
    }
}
