//! aiosmtpd with TLS and a user, and the received mails.

use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use crate::tls::certificates::{Certificates, Shown};
use crate::tls::servers::{TlsServer, serving};

pub(super) const USER: &str = "costwarden";
pub(super) const PASSWORD: &str = "password-of-the-suite";

/// A running mail server.
pub(super) struct MailServer {
    server: TlsServer,
}

/// A received mail, parsed by Python.
#[derive(Debug, Deserialize)]
pub(super) struct Mail {
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) message_id: String,
    pub(super) references: Option<String>,
    pub(super) auto_submitted: Option<String>,
    pub(super) text: String,
    pub(super) html: String,
    /// Whether the mail came over TLS.
    pub(super) tls: bool,
}

const SERVER: &str = r#"
import asyncio, email, email.policy, json, os, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

port, folder, mode, certificate, key, user, password = sys.argv[1:]

class Handler:
    async def handle_DATA(self, server, session, envelope):
        answer = os.path.join(folder, "answer")
        if os.path.exists(answer):
            return open(answer).read()
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        mails = os.path.join(folder, "mails")
        os.makedirs(mails, exist_ok=True)
        body = lambda kind: mail.get_body((kind,)).get_content().replace("\r\n", "\n")
        parsed = {
            "sender": envelope.mail_from, "recipients": envelope.rcpt_tos, "from": mail["from"], "to": mail["to"],
            "subject": mail["subject"], "message_id": mail["message-id"], "references": mail["references"],
            "auto_submitted": mail["auto-submitted"], "text": body("plain"), "html": body("html"),
            "tls": session.ssl is not None or mode == "implicit",
        }
        name = os.path.join(mails, f"{len(os.listdir(mails)):03}.json")
        with open(name, "w") as file:
            json.dump(parsed, file)
        return "250 accepted"

def authenticate(server, session, envelope, mechanism, data):
    # `handled` is False: the server itself answers a failure.
    success = data.login.decode() == user and data.password.decode() == password
    return AuthResult(success=success, handled=False)

def smtp():
    options = {"hostname": "localhost", "enable_SMTPUTF8": True}
    if mode != "plain":
        options |= {"authenticator": authenticate, "auth_required": True, "auth_require_tls": mode == "starttls"}
    if mode == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    return SMTP(Handler(), **options)

async def main():
    secure = context if mode == "implicit" else None
    server = await asyncio.get_running_loop().create_server(smtp, "127.0.0.1", int(port), ssl=secure)
    print("serving", flush=True)
    await server.serve_forever()

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
asyncio.run(main())
"#;

impl MailServer {
    /// Starts a server. `mode` is `implicit`, `starttls` or `plain`. `None` without aiosmtpd.
    pub(super) fn start(mode: &str, certificates: &Certificates, shown: Shown) -> Option<Self> {
        let modules = costwarden_tests::download("mail")?;
        let server = serving("serving", |folder, port| {
            let mut command = Command::new("python3");
            command.env("PYTHONPATH", &modules).args(["-u", "-W", "ignore", "-c", SERVER, &port.to_string()]);
            command.arg(folder).arg(mode).arg(certificates.certificate(shown)).arg(certificates.key(shown));
            command.args([USER, PASSWORD]);
            command
        });
        Some(Self { server })
    }

    pub(super) fn port(&self) -> u16 {
        self.server.port
    }

    /// The received mails, oldest first.
    pub(super) fn mails(&self) -> Vec<Mail> {
        let folder = self.folder().join("mails");
        let mut files: Vec<_> =
            std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        let read = |file: &std::path::PathBuf| std::fs::read_to_string(file).expect("a mail");
        files.iter().map(|file| serde_json::from_str(&read(file)).expect("a mail")).collect()
    }

    /// Sets the answer to the next mails; `None` accepts them.
    pub(super) fn answer(&self, answer: Option<&str>) {
        let file = self.folder().join("answer");
        match answer {
            Some(answer) => std::fs::write(file, answer).expect("written"),
            None => std::fs::remove_file(file).expect("removed"),
        }
    }

    fn folder(&self) -> &Path {
        self.server.folder.path()
    }
}
