//! Authentication: the registry names a scheme, and for `Bearer` a realm that gives a token.

use http_auth::{ChallengeParser, ChallengeRef};
use reqwest::header::{AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{RequestBuilder, Response, Url};
use serde::Deserialize;

use super::answer;
use super::client::{Client, Part};
use super::error::RegistryError;
use super::options::{Credentials, RegistryOptions};

/// The access to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Pull,
    Push,
}

/// The credentials of requests to the registry.
pub(super) enum Authorization {
    Basic(Credentials),
    /// The whole header.
    Bearer(HeaderValue),
}

/// The realm of the scheme `Bearer`.
#[derive(Debug, PartialEq, Eq)]
struct Realm {
    address: String,
    service: Option<String>,
}

/// The answer of a realm. Realms use either name.
#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
}

const TOKEN: Part = Part { name: "token", limit_bytes: 64 << 10 };

impl Authorization {
    /// Adds the header to a request.
    pub(super) fn add(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic(Credentials { username, password }) => request.basic_auth(username, Some(password.expose())),
            Self::Bearer(header) => request.header(AUTHORIZATION, header.clone()),
        }
    }
}

/// Returns the authorization that the registry asks for; `None` if the registry asks for none, or if the config has no
/// credentials.
pub(super) async fn authorization(client: &Client<'_>, access: Access) -> Result<Option<Authorization>, RegistryError> {
    let mut versions = client.origin.clone();
    versions.set_path("/v2/");
    let response = client.http.get(versions).send().await.map_err(|error| answer::failure(client.image, error))?;
    if !response.headers().contains_key(WWW_AUTHENTICATE) {
        return Ok(None);
    }
    match realm(&response) {
        Some(realm) => Ok(Some(Authorization::Bearer(token(client, &realm, access).await?))),
        None => Ok(client.options.credentials.clone().map(Authorization::Basic)),
    }
}

/// Requests a token for the image's repository.
async fn token(client: &Client<'_>, realm: &Realm, access: Access) -> Result<HeaderValue, RegistryError> {
    let mut url = checked_address(client, realm)?;
    let actions = match access {
        Access::Pull => "pull",
        Access::Push => "pull,push",
    };
    let scope = format!("repository:{}:{actions}", client.image.reference().repository());
    url.query_pairs_mut().append_pair("scope", &scope);
    if let Some(service) = &realm.service {
        url.query_pairs_mut().append_pair("service", service);
    }
    let mut request = client.http.get(url);
    if let Some(credentials) = &client.options.credentials {
        request = Authorization::Basic(credentials.clone()).add(request);
    }
    let response = request.send().await.map_err(|error| answer::failure(client.image, error))?;
    let body = client.read(answer::success(client.image, response).await?, TOKEN).await?;
    bearer(&body).ok_or_else(|| RegistryError::NotARegistry {
        image: client.image.clone(),
        cause: "the answer of the token realm has no token".to_owned(),
    })
}

/// Returns the address of a realm if the realm may receive the credentials.
fn checked_address(client: &Client<'_>, realm: &Realm) -> Result<Url, RegistryError> {
    let image = client.image.clone();
    let url = Url::parse(&realm.address).ok().filter(|url| url.has_host() && url.username().is_empty());
    let Some(url) = url else {
        return Err(RegistryError::NotARegistry { image, cause: "the token realm is not an address".to_owned() });
    };
    let origin = answer::single_line(&url.origin().ascii_serialization());
    if !is_named(client, &url) {
        let host = authority(&url);
        return Err(RegistryError::RealmHost { image, origin, host });
    }
    if !client.permits(&url) {
        return Err(RegistryError::RealmTransport { image, origin });
    }
    Ok(url)
}

/// Returns whether a realm is on the host and port of the registry, or on a host in the config.
fn is_named(client: &Client<'_>, url: &Url) -> bool {
    let RegistryOptions { host, realm_hosts, .. } = client.options;
    let own_hosts = [host.as_str(), client.image.reference().resolve_registry()];
    own_hosts.into_iter().chain(realm_hosts.iter().map(String::as_str)).any(|host| is_at(url, host))
}

/// Returns whether a URL is at `HOST` or `HOST:PORT`.
fn is_at(url: &Url, host: &str) -> bool {
    Url::parse(&format!("{}://{host}/", url.scheme())).is_ok_and(|named| named.origin() == url.origin())
}

/// Returns `HOST` or `HOST:PORT`.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    answer::single_line(&authority)
}

/// Returns the first realm of the scheme `Bearer`.
fn realm(response: &Response) -> Option<Realm> {
    let headers = response.headers().get_all(WWW_AUTHENTICATE);
    headers.iter().filter_map(|header| header.to_str().ok()).find_map(parse_realm)
}

fn parse_realm(header: &str) -> Option<Realm> {
    // The parser ends at the first fault.
    let mut challenges = ChallengeParser::new(header).map_while(Result::ok);
    challenges.find_map(|challenge| {
        let address = parameter(&challenge, "realm")?;
        let service = parameter(&challenge, "service");
        challenge.scheme.eq_ignore_ascii_case("Bearer").then_some(Realm { address, service })
    })
}

fn parameter(challenge: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.to_unescaped())
}

/// Returns the header with the token of an answer; `None` without a usable token.
fn bearer(body: &[u8]) -> Option<HeaderValue> {
    let TokenAnswer { token, access_token } = serde_json::from_slice(body).ok()?;
    let token = token.or(access_token).filter(|token| !token.is_empty())?;
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    // Hides the token in debug output.
    header.set_sensitive(true);
    Some(header)
}
