//! Bills: documents of the billing API, damaged, up to the neutral rows.

use ingest::document::{self, RawDocument};
use ingest::source::bill_rows;
use jiff::Timestamp;
use jiff::civil::date;

use crate::damage::damaged;

/// A document with the fields of Kakao Cloud.
const SAMPLE: &str = r#"{"result":{"content":[
{"meteringDate":"20261122","domainId":"d","domainName":"이름","projectId":"p","projectName":"P","serviceId":"vm","serviceName":"VM","pricingType":"OnDemand","region":"kr-central-2","expectAmount":1234.5678,"generalAmount":"1,234.5","discountAmount":-0.5,"usageTime":24,"usageSize":1e3},
{"meteringDate":"20261122","domainId":null,"projectId":" ","serviceId":"db","expectAmount":"0","usageTime":null}
],"totalElements":2},"_metadata":{"fetchedAt":"2026-11-23T00:10:00Z","apiParams":{"from":"20261122"}}}"#;

/// Decodes a bill and converts the rows. An amount must stay short: a sum of long amounts would use up the memory.
pub(crate) fn run(input: &[u8]) -> Result<(), String> {
    let Ok(content) = document::decode(input) else { return Ok(()) };
    let document = RawDocument {
        date: date(2026, 11, 22),
        hour: None,
        rows: content.rows,
        fetched_at: content.fetched_at.unwrap_or(Timestamp::UNIX_EPOCH),
        api_params: content.api_params,
        problems: Vec::new(),
    };
    for row in bill_rows(&document, "KRW").flatten() {
        let text = row.amounts.billed_cost.to_string();
        if text.len() > 200 {
            return Err(format!("an amount of {} digits", text.len()));
        }
    }
    Ok(())
}

pub(crate) fn input(entropy: &[u8]) -> Option<Vec<u8>> {
    damaged(&[SAMPLE.as_bytes().to_vec()], entropy)
}
