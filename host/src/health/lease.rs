//! The check of the write lease: a living owner renews the lease every third of the length.

use jiff::SignedDuration;

use super::jobs::span;
use super::{Check, State};
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
pub(super) fn check(leases: Option<&[HeldLease]>) -> Check {
    let Some(leases) = leases else {
        return Check::new("lease", State::Ok, "the embedded database has one user at a time and no lease");
    };
    let lost: Vec<_> = leases.iter().filter(|lease| !lease.left.is_positive()).collect();
    let text = |leases: &[&HeldLease]| leases.iter().map(|lease| lease_text(lease)).collect::<Vec<_>>().join("; ");
    match (leases, lost.as_slice()) {
        ([], _) => Check::new("lease", State::Ok, "no lease is taken"),
        (held, []) => Check::new("lease", State::Ok, text(&held.iter().collect::<Vec<_>>())),
        (_, lost) => {
            let hint = "the owner died or hangs: check the process; the next run takes over";
            Check::new("lease", State::Warning, format!("{}: {hint}", text(lost)))
        }
    }
    .with("lost_leases", lost.len() as f64, "", None)
}

/// Returns the owner, the job, the expiry and the last renewal of a lease.
pub(super) fn lease_text(lease: &HeldLease) -> String {
    let HeldLease { key, owner, left, renewed } = lease;
    let lease = match (key.job.as_str(), key.period.as_str()) {
        ("writer", "all") => "write lease".to_owned(),
        (job, period) => format!("lease on {job} {period}"),
    };
    let renewed = renewed.map_or_else(String::new, |ago| format!(", renewed {} ago", short(ago)));
    if left.is_positive() {
        format!("{owner} holds the {lease}{renewed}")
    } else {
        format!("the {lease} of {owner} expired {} ago{renewed}", short(-*left))
    }
}

/// Returns a duration of a lease, in seconds below two minutes.
fn short(duration: SignedDuration) -> String {
    if duration.as_mins() < 2 { format!("{} s", duration.as_secs().max(0)) } else { span(duration) }
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
        let check = check(leases);
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
