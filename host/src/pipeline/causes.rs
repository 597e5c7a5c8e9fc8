//! The causes of incidents: compares the archived bills of incidents with the bills of earlier days.
//!
//! Each document is read once per round and dropped before the next document.

use std::collections::{BTreeMap, BTreeSet};

use ingest::archive::{Archive, ArchiveError, DocumentKey};
use ingest::source::bill_rows;
use jiff::Timestamp;
use model::bill::BillRow;
use model::drivers::{Cause, ComparedMoments, EarlierPart, IncidentBills, IncidentSpan, Side, UnknownCause, WEEKS};
use model::incident::Incident;
use model::moment::{LAST_HOUR, Moment};
use model::rule::Rule;
use notify::ComparedSpans;

/// The causes of incidents, in the order of the request.
#[derive(Debug)]
pub(crate) struct Causes {
    pub(crate) causes: Vec<Cause>,
    /// The failure of the archive that left causes unknown.
    pub(crate) archive_error: Option<ArchiveError>,
}

/// The causes of incidents by incident id.
#[derive(Debug)]
pub(crate) struct CausesById {
    pub(crate) causes: BTreeMap<String, Cause>,
    /// The failure of the archive that left causes unknown.
    pub(crate) archive_error: Option<ArchiveError>,
}

/// The comparison of one incident in progress.
struct Request {
    bills: IncidentBills,
    /// The missing bills: of the moments of the incident, and for the comparison with these moments.
    open: BTreeSet<(Side, Moment)>,
    compared: Vec<ComparedMoments>,
    unknown: Option<UnknownCause>,
}

/// The use of a document for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Use {
    /// Index of the request.
    request: usize,
    /// The moment of the incident.
    moment: Moment,
    side: Side,
}

/// The bills in the archive.
#[derive(Clone, Copy)]
pub(crate) struct ArchivedBills<'a> {
    pub(crate) archive: &'a Archive,
    /// Currency of the bill.
    pub(crate) currency: &'a str,
}

impl ArchivedBills<'_> {
    /// Reads the usable rows of a bill; `None` without a document.
    async fn rows(self, moment: Moment) -> Result<Option<Vec<BillRow>>, ArchiveError> {
        let key = DocumentKey::document(moment.date, moment.hour);
        let document = self.archive.document(&key, Timestamp::UNIX_EPOCH).await?;
        Ok(document.map(|document| bill_rows(&document, self.currency).flatten().collect()))
    }
}

/// Compares the archived bills of the named incidents, with the rules for the compared parts of days. Returns the causes by
/// incident id, without incidents that have no day.
pub(crate) async fn causes_of(archived: ArchivedBills<'_>, incidents: &[&Incident], rules: &[Rule]) -> CausesById {
    let grain = |id: &String| rules.iter().find(|rule| rule.id == *id).map(|rule| rule.grain);
    let mut ids = Vec::new();
    let mut bills = Vec::new();
    for incident in incidents {
        let spans = ComparedSpans::of(incident.last_seen, incident.rules.iter().map(grain));
        if let Some(span) = IncidentSpan::of(incident, earlier_part(spans)) {
            ids.push(incident.id.clone());
            bills.push(IncidentBills::new(incident.series.clone(), span));
        }
    }
    let causes = read_causes(archived, bills).await;
    CausesById { causes: ids.into_iter().zip(causes.causes).collect(), archive_error: causes.archive_error }
}

/// Compares the archived bills of incidents. After a failure of the archive, no further document is read.
pub(crate) async fn read_causes(archived: ArchivedBills<'_>, bills: Vec<IncidentBills>) -> Causes {
    let request = |bills: IncidentBills| {
        let moments = || bills.span.moments.iter().copied();
        let open =
            [Side::Later, Side::Earlier].into_iter().flat_map(|side| moments().map(move |moment| (side, moment)));
        let open = open.collect();
        Request { bills, open, compared: Vec::new(), unknown: None }
    };
    let mut requests: Vec<Request> = bills.into_iter().map(request).collect();
    let archive_error = read_rounds(archived, &mut requests).await.err();
    Causes {
        causes: requests.into_iter().map(|request| request.cause(archive_error.is_some())).collect(),
        archive_error,
    }
}

async fn read_rounds(archived: ArchivedBills<'_>, requests: &mut [Request]) -> Result<(), ArchiveError> {
    for attempt in 0..WEEKS {
        for (moment, uses) in documents(requests, attempt) {
            let mut rows = archived.rows(moment).await?;
            // A withheld bill of a whole day is evaluated as the last hour. The bill before must end at the same hour.
            let is_of_incident = uses.iter().all(|of| of.side == Side::Later);
            if rows.is_none() && is_of_incident && moment.hour == Some(LAST_HOUR) {
                rows = archived.rows(Moment::finished_day(moment.date)).await?;
            }
            match rows {
                Some(rows) => add_bill(requests, &uses, moment, &rows),
                None => add_missing(requests, &uses),
            }
        }
    }
    Ok(())
}

/// Returns the documents of a round. Each round looks a week earlier for the missing bills of the comparison.
fn documents(requests: &[Request], attempt: u16) -> BTreeMap<Moment, Vec<Use>> {
    let mut documents: BTreeMap<Moment, Vec<Use>> = BTreeMap::new();
    for (index, request) in requests.iter().enumerate().filter(|(_, request)| request.unknown.is_none()) {
        for (side, moment) in request.open.iter().copied() {
            let document = match side {
                Side::Later => moment,
                Side::Earlier => request.bills.span.earlier(moment, attempt),
            };
            documents.entry(document).or_default().push(Use { request: index, moment, side });
        }
    }
    documents
}

fn add_bill(requests: &mut [Request], uses: &[Use], found: Moment, rows: &[BillRow]) {
    for row in rows {
        uses.iter().for_each(|Use { request, side, .. }| requests[*request].bills.add(*side, row));
    }
    for Use { request, moment, side } in uses {
        let request = &mut requests[*request];
        request.open.remove(&(*side, *moment));
        if *side == Side::Earlier {
            request.compared.push(ComparedMoments { moment: *moment, earlier: found });
        }
    }
}

fn add_missing(requests: &mut [Request], uses: &[Use]) {
    for Use { request, moment, side } in uses {
        if *side == Side::Later {
            requests[*request].unknown = Some(UnknownCause::NoBill(*moment));
        }
    }
}

impl Request {
    fn cause(mut self, is_archive_down: bool) -> Cause {
        match (self.unknown, self.open.first()) {
            (Some(unknown), _) => Err(unknown),
            (None, Some(_)) if is_archive_down => Err(UnknownCause::ArchiveUnreadable),
            (None, Some((_, moment))) => Err(UnknownCause::NoEarlierBill(*moment)),
            (None, None) => {
                self.compared.sort_by_key(|compared| compared.moment);
                self.bills.compare(self.compared)
            }
        }
    }
}

/// Returns the part of the earlier day that the rules compare with a part of a day.
pub(crate) fn earlier_part(spans: ComparedSpans) -> EarlierPart {
    match spans {
        ComparedSpans::Day | ComparedSpans::PartOfDay => EarlierPart::Same,
        ComparedSpans::PartAndWholeDay => EarlierPart::WholeDay,
        ComparedSpans::Hour | ComparedSpans::Unknown => EarlierPart::SameWithoutExpectation,
    }
}
