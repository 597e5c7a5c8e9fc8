//! A server of a test on loopback. The server answers as badly as the test asks for.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A request as the server received it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// Method and path, like `GET /v2/`.
    pub(crate) line: String,
    /// The header `Authorization`.
    pub(crate) authorization: Option<String>,
}

/// An answer of the server.
pub(crate) enum Answer {
    /// Head without Content-Length, and body.
    Whole(String, Vec<u8>),
    /// The bytes as they are, then blocks of spaces until the client closes the connection or [`ENDLESS_BYTES`].
    Endless(String),
}

/// A running server. The server ends with the process of the test.
pub(crate) struct Peer {
    /// `HOST:PORT`.
    pub(crate) host: String,
    requests: Arc<Mutex<Vec<Request>>>,
    sent: Arc<AtomicU64>,
}

/// End of an endless answer that the client does not stop.
pub(crate) const ENDLESS_BYTES: u64 = 256 << 20;
/// Upper bound of the bytes between server and client that the client did not read: the buffers of two sockets.
pub(crate) const SOCKET_BYTES: u64 = 32 << 20;

impl Peer {
    /// Starts a server. `answer` receives the address of the server and the request.
    pub(crate) fn start(answer: impl Fn(&str, &Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = listener.local_addr().expect("an address").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let sent = Arc::new(AtomicU64::new(0));
        let peer = Self { host: host.clone(), requests: Arc::clone(&requests), sent: Arc::clone(&sent) };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                if let Some(request) = read(&stream) {
                    requests.lock().expect("no panic").push(request.clone());
                    write(stream, answer(&host, &request), &sent);
                }
            }
        });
        peer
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    /// Bytes of endless answers that the server could write.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }
}

impl Answer {
    /// An answer with a status, further headers and a body.
    pub(crate) fn new(status: &str, headers: &[&str], body: impl Into<Vec<u8>>) -> Self {
        let mut head = format!("HTTP/1.1 {status}\r\n");
        for header in headers {
            head.push_str(&format!("{header}\r\n"));
        }
        Self::Whole(head, body.into())
    }
}

/// Reads a request; `None` if the client closes the connection.
fn read(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = reader.by_ref().lines().map_while(Result::ok);
    let first = lines.next()?;
    let line = first.rsplit_once(' ').map_or(first.as_str(), |(line, _)| line).to_owned();
    let mut authorization = None;
    let mut length = 0;
    for header in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = header.split_once(':').unwrap_or((&header, ""));
        match name.to_lowercase().as_str() {
            "authorization" => authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse().expect("a length"),
            _ => {}
        }
    }
    // An unread body would reset the connection before the client reads the answer.
    std::io::copy(&mut reader.take(length), &mut std::io::sink()).ok()?;
    Some(Request { line, authorization })
}

fn write(mut stream: TcpStream, answer: Answer, sent: &AtomicU64) {
    match answer {
        Answer::Whole(head, body) => {
            let head = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            // A client that has read enough closes the connection.
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
        Answer::Endless(beginning) => {
            let block = vec![b' '; 64 << 10];
            let mut written = stream.write_all(beginning.as_bytes());
            while written.is_ok() && sent.load(Ordering::SeqCst) < ENDLESS_BYTES {
                written = stream.write_all(&block);
                sent.fetch_add(block.len() as u64, Ordering::SeqCst);
            }
        }
    }
    // The client reads the whole answer before the connection is reset.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0; 64]);
}
