//! The check of the write lease: a living owner renews the lease every third of the length.

use jiff::SignedDuration;

use super::jobs::span;
use super::{Check, State};
use model::language::Language;
use store::{HeldLease, RunRecord};

/// The state of the lease of an unfinished run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum LeaseState<'l> {
    /// The owner renews the lease.
    Renewed,
    /// The lease of the owner has expired.
    Expired(&'l HeldLease),
    /// The owner has no lease: another run has taken over, or the store has no leases.
    None,
}

pub(super) fn lease_state<'l>(run: &RunRecord, leases: Option<&'l [HeldLease]>) -> LeaseState<'l> {
    let own = leases.unwrap_or_default().iter().filter(|lease| lease.owner == run.owner);
    // An owner may have several leases: the longest decides.
    match own.max_by_key(|lease| lease.left) {
        Some(lease) if lease.left.is_positive() => LeaseState::Renewed,
        Some(lease) => LeaseState::Expired(lease),
        None => LeaseState::None,
    }
}

/// Warns of expired leases without a release. The work of the owner, for example a backfill, stays unfinished until
/// another run takes over.
pub(super) fn check(leases: Option<&[HeldLease]>, language: Language) -> Check {
    let Some(leases) = leases else {
        let message = language.choose(
            "내장 데이터베이스는 한 번에 한 프로세스만 쓰므로 쓰기 권한이 따로 없습니다",
            "the embedded database has one user at a time and no lease",
        );
        return Check::new("lease", State::Ok, message);
    };
    let lost: Vec<_> = leases.iter().filter(|lease| !lease.left.is_positive()).collect();
    let text =
        |leases: &[&HeldLease]| leases.iter().map(|lease| lease_text(lease, language)).collect::<Vec<_>>().join("; ");
    match (leases, lost.as_slice()) {
        ([], _) => Check::new("lease", State::Ok, language.choose("아무도 쓰고 있지 않습니다", "no lease is taken")),
        (held, []) => Check::new("lease", State::Ok, text(&held.iter().collect::<Vec<_>>())),
        (_, lost) => {
            let hint = language.choose(
                ". 프로세스가 죽었거나 멈췄으니 확인하세요. 다음 실행이 이어받습니다",
                ": the owner died or hangs: check the process; the next run takes over",
            );
            Check::new("lease", State::Warning, format!("{}{hint}", text(lost)))
        }
    }
    .with("lost_leases", lost.len() as f64, "", None)
}

/// Returns the owner, the job, the expiry and the last renewal of a lease.
pub(super) fn lease_text(lease: &HeldLease, language: Language) -> String {
    let HeldLease { key, owner, left, renewed } = lease;
    let short = |duration| short(duration, language);
    let lease = match (language, key.job.as_str(), key.period.as_str()) {
        (Language::Korean, "writer", "all") => "쓰기 권한".to_owned(),
        (Language::English, "writer", "all") => "write lease".to_owned(),
        (Language::Korean, job, period) => format!("{job} {period} 권한"),
        (Language::English, job, period) => format!("lease on {job} {period}"),
    };
    match language {
        Language::Korean => {
            let renewed = renewed.map_or_else(String::new, |ago| format!(", {} 전 갱신", short(ago)));
            match left.is_positive() {
                true => format!("{owner}: {lease} 사용 중{renewed}"),
                false => format!("{owner}: {lease} {} 전 만료{renewed}", short(-*left)),
            }
        }
        Language::English => {
            let renewed = renewed.map_or_else(String::new, |ago| format!(", renewed {} ago", short(ago)));
            match left.is_positive() {
                true => format!("{owner} holds the {lease}{renewed}"),
                false => format!("the {lease} of {owner} expired {} ago{renewed}", short(-*left)),
            }
        }
    }
}

/// Returns a duration of a lease, in seconds below two minutes.
fn short(duration: SignedDuration, language: Language) -> String {
    match duration.as_mins() {
        minutes if minutes >= 2 => span(duration, language),
        _ => format!("{}{}", duration.as_secs().max(0), language.choose("초", " s")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::jobs::tests::run;
    use super::*;
    use store::LeaseKey;

    fn held(job: &str, owner: &str, left: i64, renewed: Option<i64>) -> HeldLease {
        HeldLease {
            key: LeaseKey { job: job.to_owned(), period: "all".to_owned() },
            owner: owner.to_owned(),
            left: SignedDuration::from_secs(left),
            renewed: renewed.map(SignedDuration::from_secs),
        }
    }

    fn text(leases: Option<&[HeldLease]>) -> String {
        let check = check(leases, Language::English);
        format!("{} {}", check.state.as_str(), check.message)
    }

    #[test]
    fn a_lease_that_ran_out_is_told_with_its_owner() {
        assert_eq!(text(Some(&[])), "OK no lease is taken");
        assert_eq!(text(None), "OK the embedded database has one user at a time and no lease");
        let alive = held("writer", "vm-1:7:a", 40, Some(20));
        assert_eq!(text(Some(std::slice::from_ref(&alive))), "OK vm-1:7:a holds the write lease, renewed 20 s ago");
        let dead = held("backfill", "vm-2:9:b", -600, Some(660));
        assert_eq!(
            text(Some(&[alive, dead])),
            "WARNING the lease on backfill all of vm-2:9:b expired 10 minutes ago, renewed 11 minutes ago: \
             the owner died or hangs: check the process; the next run takes over"
        );
        let old = held("writer", "vm-1:7:a", 0, None);
        assert!(text(Some(&[old])).starts_with("WARNING the write lease of vm-1:7:a expired 0 s ago: "));
    }

    #[test]
    fn a_run_is_alive_while_its_owner_renews_a_lease() {
        let run = run("running", 10, &[]);
        let [firm, lost, other] = [
            held("writer", "vm-1:7", 1, None),
            held("backfill", "vm-1:7", -1, None),
            held("writer", "vm-2:9", 1, None),
        ];
        assert_eq!(lease_state(&run, Some(&[firm.clone(), lost.clone()])), LeaseState::Renewed);
        assert_eq!(lease_state(&run, Some(std::slice::from_ref(&lost))), LeaseState::Expired(&lost));
        assert_eq!((lease_state(&run, Some(&[other])), lease_state(&run, None)), (LeaseState::None, LeaseState::None));
    }
}
