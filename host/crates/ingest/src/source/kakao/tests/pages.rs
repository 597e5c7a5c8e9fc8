//! The pages of a bill.

use super::*;

#[tokio::test]
async fn all_pages_give_one_document() {
    let simulation = start().await;
    let paged = source(options(&simulation));
    let whole = source(KakaoOptions { page_size: 10_000, ..options(&simulation) });
    let document = paged.fetch(DAY, None, now()).await.unwrap();
    let expected = whole.fetch(DAY, None, now()).await.unwrap();
    assert!(document.rows.len() > 50);
    assert_eq!(texts(&document), texts(&expected));
    assert_eq!(document.problems, []);
    // The last page is empty.
    assert_eq!(calls_and_retries(paged.traffic()), (document.rows.len().div_ceil(7) as u64 + 1, 0));
    assert_eq!(calls_and_retries(whole.traffic()), (2, 0));
    assert_eq!((document.date, document.hour, document.fetched_at), (DAY, None, now()));
    assert_eq!(
        Value::Object(document.api_params),
        serde_json::json!({ "from": "20261122", "to": "20261122", "size": 7 })
    );
}

#[tokio::test]
async fn a_full_last_page_is_followed_by_an_empty_one() {
    let simulation = start().await;
    let rows = source(options(&simulation)).fetch(DAY, Some(10), now()).await.unwrap().rows.len();
    let exact = source(KakaoOptions { page_size: u32::try_from(rows).unwrap(), ..options(&simulation) });
    let document = exact.fetch(DAY, Some(10), now()).await.unwrap();
    assert_eq!((document.rows.len(), document.hour, exact.traffic().calls), (rows, Some(10), 2));
}

#[tokio::test]
async fn pages_below_the_requested_size_are_followed() {
    let simulation = start().await;
    let expected = source(options(&simulation)).fetch(DAY, None, now()).await.unwrap();
    simulation.set_fault(body(BadBody::ShortPages));
    let source = source(options(&simulation));
    let document = source.fetch(DAY, None, now()).await.unwrap();
    assert_eq!(texts(&document), texts(&expected));
    assert_eq!(calls_and_retries(source.traffic()).0, document.rows.len().div_ceil(4) as u64 + 1);
}

#[tokio::test]
async fn a_row_on_both_sides_of_a_page_seam_counts_once() {
    let simulation = start().await;
    let expected = source(options(&simulation)).fetch(DAY, None, now()).await.unwrap();
    simulation.set_fault(body(BadBody::Overlap));
    for page_size in [9, 20, 100] {
        let paged = source(KakaoOptions { page_size, ..options(&simulation) });
        let document = paged.fetch(DAY, None, now()).await.unwrap();
        let seams = expected.rows.iter().enumerate().skip(1).filter(|(index, _)| index % (page_size as usize - 1) == 0);
        // A row without an id is reported, not removed.
        let kept = seams.filter(|(_, row)| !row.get().contains("resourceId")).count();
        assert_eq!(document.rows.len(), expected.rows.len() + kept, "{page_size}");
        assert_eq!(document.problems.len(), kept.min(1), "{page_size}: {:?}", document.problems);
    }
}

#[tokio::test]
async fn a_wrong_total_and_repeated_rows_are_problems() {
    let simulation = start().await;
    let source = source(options(&simulation));
    let expected = source.fetch(DAY, None, now()).await.unwrap();
    let received = expected.rows.len() as u64;
    simulation.set_fault(body(BadBody::WrongTotal));
    let document = source.fetch(DAY, None, now()).await.unwrap();
    assert_eq!(texts(&document), texts(&expected));
    assert_eq!(document.problems, [DocumentProblem::WrongTotal { reported: received + 1, received }]);
    assert_eq!(
        document.problems[0].to_string(),
        format!(
            "the billing API reports {} rows of the day, and its pages have {received}: expected the same number; the \
             next fetch of the day requests the rows again",
            received + 1
        )
    );
    simulation.set_fault(body(BadBody::RepeatedRow));
    let document = source.fetch(DAY, None, now()).await.unwrap();
    assert_eq!(document.rows.len() as u64, received + 1);
    assert_eq!(document.problems, [DocumentProblem::RepeatedRows { rows: 1, first: 1 }]);
}

#[tokio::test]
async fn reported_rows_on_empty_pages_are_an_error() {
    let empty = r#"{"result":{"content":[],"totalElements":3}}"#;
    let server = Answers::serve(vec![answer(200, "", empty); 2]);
    let source = source(KakaoOptions { base_url: server.url(), ..options(&start().await) });
    assert_eq!(
        source.fetch(DAY, None, now()).await.unwrap_err().to_string().replace(&server.url(), "URL"),
        "the billing API at URL/open/billing/public/v2/cost/resources reports 3 rows of 2026-11-22 and returns only empty \
         pages: expected the rows; run the job again when the API returns the rows"
    );
}

#[tokio::test]
async fn a_refused_page_after_a_short_page_is_the_end() {
    let page = r#"{"result":{"content":[{"resourceId":"a"},{"resourceId":"b"}]}}"#;
    let answers = [answer(200, "", page), answer(404, "", "")];
    let server = Answers::serve(answers.to_vec());
    let base = KakaoOptions { base_url: server.url(), ..options(&start().await) };
    assert_eq!(source(base.clone()).fetch(DAY, None, now()).await.unwrap().rows.len(), 2);
    let requests = server.requests();
    assert!(requests[0].contains("page=0&size=7") && requests[1].contains("page=1&size=7"), "{requests:?}");

    let server = Answers::serve(answers.to_vec());
    let full = source(KakaoOptions { base_url: server.url(), page_size: 2, ..base });
    let message = full.fetch(DAY, None, now()).await.unwrap_err().to_string();
    assert!(message.ends_with("answered 404 for 2026-11-22, and a retry does not help: (an empty body)"), "{message}");
}

#[tokio::test]
async fn endless_pages_are_an_error() {
    let (message, traffic) = failure(body(BadBody::Endless)).await;
    assert_eq!(
        message,
        "the pages of 2026-11-22 from URL/open/billing/public/v2/cost/resources do not end: 50 pages of up to 7 rows \
         are followed by another; raise source.max_pages if the bill is that long"
    );
    assert_eq!(traffic.calls, 51);
}

#[tokio::test]
async fn a_repeated_page_is_an_error() {
    let (message, traffic) = failure(body(BadBody::Repeated)).await;
    assert_eq!(
        message,
        "page 1 of 2026-11-22 from URL/open/billing/public/v2/cost/resources equals the previous page of 7 rows: \
         expected different rows, or an empty page after the last row"
    );
    assert_eq!(traffic.calls, 2);
}
