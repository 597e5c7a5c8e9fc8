//! The answers of a registry: each input is the sequence of answers to one pull, from a server on loopback.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use model::rule::image::Image;
use plugin::{RegistryOptions, RegistryTransport};
use tokio::runtime::Runtime;

use crate::damage::damaged;

/// The separator of answers in an input.
const SEPARATOR: &[u8] = b"\n---\n";
/// The placeholder of the server's address.
const HOST: &str = "HOST:PORT";
const PLUGIN_BYTES: u64 = 1 << 20;
/// The digest of the blob in the samples.
const DIGEST: &str = "sha256:fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f9674b4d46ac6b8b8";

/// A server with prepared answers.
pub(crate) struct Registry {
    host: String,
    runtime: Runtime,
    /// The answers of the present input, last first.
    answers: Arc<Mutex<Vec<Vec<u8>>>>,
    samples: Vec<Vec<u8>>,
}

impl Registry {
    pub(crate) fn new() -> Result<Self, String> {
        let text = |error: std::io::Error| error.to_string();
        let listener = TcpListener::bind("127.0.0.1:0").map_err(text)?;
        let host = listener.local_addr().map_err(text)?.to_string();
        let answers = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
        let prepared = Arc::clone(&answers);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let answer = prepared.lock().unwrap_or_else(PoisonError::into_inner).pop();
                serve(stream, &answer.unwrap_or_default());
            }
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(text)?;
        Ok(Self { host, runtime, answers, samples: samples() })
    }

    pub(crate) fn input(&self, entropy: &[u8]) -> Option<Vec<u8>> {
        damaged(&self.samples, entropy)
    }

    /// Pulls a plugin from the answers. Any result is permitted.
    pub(crate) fn run(&self, input: &[u8]) -> Result<(), String> {
        let mut answers = split(input, &self.host);
        answers.reverse();
        *self.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
        let image: Image = format!("{}/acme/tutorial:1.0", self.host).parse().map_err(|_| "not an image")?;
        let options = RegistryOptions {
            transport: RegistryTransport::Http,
            timeout: Duration::from_secs(5),
            ..RegistryOptions::new(&self.host)
        };
        match self.runtime.block_on(plugin::pull(&image, &options, PLUGIN_BYTES)) {
            Ok(pulled) if pulled.artifact.bytes.len() as u64 > PLUGIN_BYTES => {
                Err("a plugin above the limit".to_owned())
            }
            Ok(_) => Ok(()),
            Err(error) => match error.to_string() {
                text if text.contains(char::is_control) || text.len() > 4_000 => {
                    Err(format!("unsafe message: {text:?}"))
                }
                _ => Ok(()),
            },
        }
    }
}

/// Answers one request, whatever the request is.
fn serve(mut stream: TcpStream, answer: &[u8]) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let _ = stream.write_all(answer);
    let _ = stream.shutdown(Shutdown::Both);
}

fn split(input: &[u8], host: &str) -> Vec<Vec<u8>> {
    let mut answers = vec![Vec::new()];
    let mut rest = input;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(SEPARATOR) {
            answers.push(Vec::new());
            rest = after;
        } else if let Some(after) = rest.strip_prefix(HOST.as_bytes()) {
            answers.last_mut().expect("never empty").extend_from_slice(host.as_bytes());
            rest = after;
        } else {
            answers.last_mut().expect("never empty").push(*first);
            rest = after;
        }
    }
    answers
}

fn samples() -> Vec<Vec<u8>> {
    let layer = format!(r#"{{"mediaType":"application/wasm","digest":"{DIGEST}","size":4}}"#);
    let config = format!(r#"{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{DIGEST}","size":2}}"#);
    let annotations = r#"{"costwarden.minisig":"\"untrusted comment: x\\n\""}"#;
    let manifest = format!(
        "HTTP/1.1 200 OK\r\n\r\n{{\"schemaVersion\":2,\"config\":{config},\"layers\":[{layer}],\"annotations\":{annotations}}}"
    );
    let blob = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nblob";
    let open = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=\"http://HOST:PORT/token\",service=\"x\",scope=\"a\\\"b\"\r\n\r\n";
    let token = "HTTP/1.1 200 OK\r\n\r\n{\"token\":\"t0ken\",\"access_token\":null,\"expires_in\":300}";
    let redirect = "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://HOST:PORT/elsewhere?a=b\r\n\r\n";
    let refusal = "HTTP/1.1 400 Bad Request\r\n\r\n{\"errors\":[{\"code\":\"MANIFEST_UNKNOWN\",\"message\":\"no\",\"detail\":{}}]}";
    let index = "HTTP/1.1 200 OK\r\n\r\n{\"schemaVersion\":2,\"manifests\":[]}";
    [
        vec![open, &manifest, blob],
        vec![challenge, token, &manifest, redirect, blob],
        vec![open, redirect, redirect, &manifest, blob],
        vec![open, refusal],
        vec![challenge, refusal],
        vec![open, index],
    ]
    .into_iter()
    .map(|answers| answers.iter().map(|answer| answer.as_bytes()).collect::<Vec<_>>().join(SEPARATOR))
    .collect()
}
