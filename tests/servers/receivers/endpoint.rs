//! An HTTP server of a test on a free port. A function of the test answers each request.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

/// A received request.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// An answer to a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    /// 200 if 0.
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
    /// Time before the answer.
    pub(super) delay: Duration,
}

/// A running server. The server ends with the process of the test.
pub(super) struct Endpoint {
    pub(super) url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Request {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

impl Endpoint {
    /// Starts a server. `answer` gets the number of the request, from 0, and the request.
    pub(super) fn start(answer: impl FnMut(usize, &Request) -> Answer + Send + 'static) -> Self {
        Self::listen(TcpListener::bind("127.0.0.1:0").expect("a port"), answer)
    }

    /// Starts a server on a port.
    pub(super) fn start_at(port: u16, answer: impl FnMut(usize, &Request) -> Answer + Send + 'static) -> Self {
        Self::listen(TcpListener::bind(("127.0.0.1", port)).expect("the port"), answer)
    }

    fn listen(listener: TcpListener, answer: impl FnMut(usize, &Request) -> Answer + Send + 'static) -> Self {
        listener.set_nonblocking(true).expect("set");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        let answer = Arc::new(Mutex::new(answer));
        std::thread::spawn(move || {
            costwarden_tests::block_on(async move {
                let handle = move |uri: Uri, headers: HeaderMap, body: Bytes| {
                    let body = String::from_utf8(body.to_vec()).expect("UTF-8");
                    let request = Request { path: uri.path().to_owned(), headers, body };
                    let mut received = received.lock().expect("no panic of another request");
                    let answer = answer.lock().expect("no panic of another request")(received.len(), &request);
                    received.push(request);
                    respond(answer)
                };
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, Router::new().fallback(handle)).await.expect("served");
            });
        });
        Self { url, requests }
    }

    /// All requests up to now.
    pub(super) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic of a request").clone()
    }
}

async fn respond(answer: Answer) -> (StatusCode, HeaderMap, String) {
    tokio::time::sleep(answer.delay).await;
    let mut headers = HeaderMap::new();
    for (name, value) in answer.headers {
        headers.insert(name, value.parse().expect("a header"));
    }
    let status = if answer.status == 0 { 200 } else { answer.status };
    (StatusCode::from_u16(status).expect("a status"), headers, answer.body)
}
