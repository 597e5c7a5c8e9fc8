//! Servers with TLS, stopped with their value.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::certificates::{Certificates, Shown};
use costwarden_tests::{free_port, service};

/// A process with an address on 127.0.0.1.
pub(crate) struct TlsServer {
    child: Child,
    pub(crate) port: u16,
    /// The data folder.
    pub(crate) folder: tempfile::TempDir,
}

/// Whether mongod requires client certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clients {
    Anybody,
    Certified,
}

pub(crate) const KEY: &str = "access-key-of-the-suite";
pub(crate) const SECRET: &str = "secret-key-of-the-suite";
pub(crate) const BUCKET: &str = "bills";

/// A mongod with TLS only; `None` without the program.
pub(crate) fn mongod(certificates: &Certificates, shown: Shown, clients: Clients) -> Option<TlsServer> {
    let program = service("COSTWARDEN_TEST_MONGOD")?;
    let libraries = std::env::var("COSTWARDEN_TEST_MONGOD_LIBRARIES").unwrap_or_default();
    Some(serving("Waiting for connections", |folder, port| {
        let mut command = Command::new(&program);
        command.env("LD_LIBRARY_PATH", &libraries);
        command.args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--wiredTigerCacheSizeGB", "0.25"]);
        command.args(["--setParameter", "diagnosticDataCollectionEnabled=false", "--tlsMode", "requireTLS"]);
        command.arg("--port").arg(port.to_string()).arg("--dbpath").arg(folder);
        command.arg("--tlsCertificateKeyFile").arg(certificates.both(shown));
        command.arg("--tlsCAFile").arg(certificates.authority_file());
        if clients == Clients::Anybody {
            command.arg("--tlsAllowConnectionsWithoutCertificates");
        }
        command
    }))
}

/// An S3 server with one bucket; `None` without the program.
pub(crate) fn storage(certificates: &Certificates, shown: Shown) -> Option<TlsServer> {
    let program = service("COSTWARDEN_TEST_RCLONE")?;
    Some(serving("Starting s3 server", |folder, port| {
        std::fs::create_dir_all(folder.join("buckets").join(BUCKET)).expect("a bucket");
        let mut command = Command::new(&program);
        command.env_clear().env("HOME", folder).args(["serve", "s3"]);
        command.arg("--config").arg(folder.join("rclone.conf")).arg("--cache-dir").arg(folder.join("cache"));
        command.args(["--auth-key", &format!("{KEY},{SECRET}"), "--addr", &format!("127.0.0.1:{port}")]);
        command.arg("--cert").arg(certificates.certificate(shown)).arg("--key").arg(certificates.key(shown));
        command.arg(folder.join("buckets"));
        command
    }))
}

/// A TLS proxy with OpenSSL, written in Python, for a server without TLS.
pub(crate) fn in_front_of(address: &str, certificates: &Certificates, shown: Shown) -> TlsServer {
    serving("serving", |_, port| {
        let mut command = Command::new("python3");
        command.args(["-u", "-c", RELAY, &port.to_string(), address]);
        command.arg(certificates.certificate(shown)).arg(certificates.key(shown));
        command
    })
}

const RELAY: &str = r#"
import socket, ssl, sys, threading
port, address, certificate, key = sys.argv[1:]
host, _, there = address.rpartition(":")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
listener = socket.create_server(("127.0.0.1", int(port)))
print("serving")

def pump(source, receiver):
    try:
        while chunk := source.recv(65536):
            receiver.sendall(chunk)
    except OSError:
        pass
    for end in (source, receiver):
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

def serve(client):
    try:
        client = context.wrap_socket(client, server_side=True)
    except OSError:
        return
    server = socket.create_connection((host, int(there)))
    threading.Thread(target=pump, args=(server, client), daemon=True).start()
    pump(client, server)

while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"#;

/// Starts a server and waits for the log line `ready`. If another process takes the port first, the start is repeated
/// with a new port.
pub(crate) fn serving(ready: &str, command: impl Fn(&Path, u16) -> Command) -> TlsServer {
    let mut log = String::new();
    for _ in 0..3 {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let output = folder.path().join("output.log");
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut command = command(folder.path(), port);
        command.stdin(Stdio::null()).stdout(writer.try_clone().expect("a pipe")).stderr(writer);
        let child = command.spawn().expect("the server starts");
        // The command holds the pipe's other end: without it, the output ends when the server does.
        drop(command);
        let mut server = TlsServer { child, port, folder };
        let mut lines = BufReader::new(reader).lines();
        log.clear();
        for line in lines.by_ref().map_while(Result::ok) {
            log.push_str(&line);
            log.push('\n');
            if line.contains(ready) {
                // A pipe that nobody reads would fill, and the server wait.
                std::thread::spawn(move || for _ in lines {});
                return server;
            }
        }
        server.child.wait().expect("it has ended");
        std::fs::write(output, &log).expect("written");
        if !log.to_lowercase().contains("address already in use") {
            break;
        }
    }
    panic!("the server did not come up:\n{log}");
}

impl TlsServer {
    /// `HOST:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<std::process::ExitStatus> = self.child.wait();
    }
}
