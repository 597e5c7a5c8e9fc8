//! E-mail over SMTP with TLS, as text and HTML. The mails about one incident form a thread.

mod chart;
mod mail;

use config_file::secret::SecretResolver;
use config_file::toml::{ListText, Section};
use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use transport::causes::causes;
use transport::http;

use super::authorization::Login;
use super::post::HttpOptions;
use super::{ChannelError, Receipt};
use crate::notification::Notification;

/// A mail server with the sender and the recipients.
#[derive(Debug, Clone)]
pub struct EmailOptions {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    /// `None` sends without authentication.
    pub login: Option<Login>,
    pub from: Mailbox,
    pub to: Vec<Mailbox>,
    /// Timeout and certificate authority.
    pub connection: HttpOptions,
}

/// The encryption of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// TLS from the first byte.
    Implicit,
    /// TLS after the command STARTTLS, which the server must offer.
    StartTls,
    /// No encryption, for a server on this machine.
    Local,
}

#[derive(Debug)]
pub(super) struct Email {
    options: EmailOptions,
    /// Part of the ids of mails.
    receiver: String,
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Reads the keys of a receiver of this kind.
pub(super) fn read(section: &mut Section<'_, '_>, references: &SecretResolver<'_>) -> Option<EmailOptions> {
    section.need("host", "the name of a mail server");
    section.need("from", "an address like \"costwarden <costwarden@example.com>\"");
    section.need("to", "a list of addresses");
    let host = section.key("host", "The name of the mail server.").pattern("^[A-Za-z0-9.:-]+$").parse(
        "the name of a mail server without a port",
        |text| {
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':');
            (!text.is_empty() && text.bytes().all(is_name)).then(|| text.to_owned())
        },
    );
    let security = security(section, host.as_deref().unwrap_or_default());
    let default_port = match security {
        Some(SmtpSecurity::Implicit) => 465,
        Some(SmtpSecurity::StartTls) | None => 587,
        Some(SmtpSecurity::Local) => 25,
    };
    let port = section
        .key("port", "The port. Without the key: 587 with \"starttls\", 465 with \"implicit\", 25 with \"none\".")
        .whole(1..=65_535)
        .and_then(|port| u16::try_from(port).ok())
        .unwrap_or(default_port);
    let login = Login::read(section, references);
    let from = section
        .key("from", "The sender.")
        .pattern("@")
        .parse("an address like \"costwarden <costwarden@example.com>\"", |text| text.parse().ok());
    let to = recipients(section);
    let connection = HttpOptions::read(section, 30);
    Some(EmailOptions {
        host: host?,
        port,
        security: security?,
        login: login?,
        from: from?,
        to: to?,
        connection: connection?,
    })
}

fn security(section: &mut Section<'_, '_>, host: &str) -> Option<SmtpSecurity> {
    const CHOICES: [(&str, SmtpSecurity); 3] =
        [("implicit", SmtpSecurity::Implicit), ("starttls", SmtpSecurity::StartTls), ("none", SmtpSecurity::Local)];
    let has_key = section.has("tls");
    let security = section
        .key("tls", "The encryption. \"none\" is for a server on this machine.")
        .default("starttls")
        .choice(&CHOICES);
    if security == Some(SmtpSecurity::Local) && !http::is_loopback_host(host) {
        section.fail("tls", "\"none\" is for a mail server on this machine, expected \"implicit\" or \"starttls\"");
        return None;
    }
    if has_key { security } else { Some(SmtpSecurity::StartTls) }
}

fn recipients(section: &mut Section<'_, '_>) -> Option<Vec<Mailbox>> {
    let texts = section.key("to", "The addresses of the recipients.").not_empty().texts()?;
    if texts.is_empty() {
        section.fail("to", "expected at least one address");
        return None;
    }
    let mut recipients = Vec::new();
    for ListText { text, offset } in texts {
        match text.parse() {
            Ok(mailbox) => recipients.push(mailbox),
            Err(_) => {
                section.fail_at("to", offset, format!("expected an address like \"team@example.com\", found {text:?}"));
                return None;
            }
        }
    }
    Some(recipients)
}

impl Email {
    pub(super) fn new(options: &EmailOptions, receiver: &str) -> Self {
        Self { options: options.clone(), receiver: receiver.to_owned() }
    }

    pub(super) fn target(&self) -> String {
        format!("the mail server {}:{}", self.options.host, self.options.port)
    }

    /// Connects and authenticates. Without the password, the authentication is left out.
    pub(super) async fn probe(&self) -> Result<bool, ChannelError> {
        let transport = self.transport()?;
        self.in_time(transport.test_connection()).await
    }

    pub(super) async fn send(&self, notification: &Notification<'_>, now: Timestamp) -> Result<Receipt, ChannelError> {
        let mail = mail::mail(notification, &self.options, &self.receiver, now)?;
        let transport = self.transport()?;
        self.in_time(transport.send(mail)).await?;
        let thread = notification.thread().is_none().then(|| mail::own_id(notification, &self.options, &self.receiver));
        Ok(Receipt { thread })
    }

    /// Ends a conversation with the server after the timeout. The timeout of the transport is for the connection only.
    async fn in_time<T>(
        &self,
        conversation: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
    ) -> Result<T, ChannelError> {
        let timeout = self.options.connection.timeout;
        match tokio::time::timeout(timeout, conversation).await {
            Ok(ended) => ended.map_err(|error| failed(&error)),
            Err(_) => Err(ChannelError::Answer(format!("no confirmation within {} s", timeout.as_secs()))),
        }
    }

    fn transport(&self) -> Result<Transport, ChannelError> {
        let EmailOptions { host, port, login, connection, .. } = &self.options;
        let hello = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mut builder = Transport::builder_dangerous(host)
            .port(*port)
            .timeout(Some(connection.timeout))
            .hello_name(ClientId::Domain(hello))
            .tls(self.tls()?);
        if let Some(Login { username, password }) = login
            && let Some(password) = password.known()
        {
            builder = builder.credentials(Credentials::new(username.clone(), password.to_owned()));
        }
        Ok(builder.build())
    }

    fn tls(&self) -> Result<Tls, ChannelError> {
        let mut parameters = TlsParameters::builder(self.options.host.clone());
        if let Some(authority) = &self.options.connection.authority {
            let certificates = Certificate::from_pem(authority.pem()).map_err(|error| failed(&error))?;
            // The private authority replaces the public authorities.
            parameters = parameters.certificate_store(CertificateStore::None).add_root_certificate(certificates);
        }
        let parameters = parameters.build().map_err(|error| failed(&error))?;
        Ok(match self.options.security {
            SmtpSecurity::Implicit => Tls::Wrapper(parameters),
            SmtpSecurity::StartTls => Tls::Required(parameters),
            SmtpSecurity::Local => Tls::None,
        })
    }
}

/// Returns the text of an error on one line: the answer of a server has line breaks.
fn failed(error: &dyn std::error::Error) -> ChannelError {
    ChannelError::Answer(causes(error).escape_debug().to_string())
}
