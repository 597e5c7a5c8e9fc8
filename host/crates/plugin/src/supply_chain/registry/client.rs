//! The requests to a registry. Credentials and tokens go to the registry and to the named token realms only.
//!
//! This module follows redirects by itself, because a redirect must not carry credentials to another host, and must not
//! lead from https to http.

use model::rule::image::Image;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{RequestBuilder, Response, StatusCode, Url};
use transport::body::{self, BodyError};
use transport::http::{self, is_loopback};

use super::answer;
use super::error::RegistryError;
use super::options::{RegistryOptions, RegistryTransport};
use super::token::{self, Access, Authorization};

/// A client of one registry, for one image.
pub(super) struct Client<'a> {
    pub(super) image: &'a Image,
    pub(super) options: &'a RegistryOptions,
    pub(super) http: reqwest::Client,
    /// Scheme, host and port of the registry.
    pub(super) origin: Url,
    /// For requests to the registry itself; `None` without authentication.
    authorization: Option<Authorization>,
}

/// A limited part of a registry's answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) limit_bytes: u64,
}

/// Number of redirects that one request follows.
const MAX_REDIRECTS: usize = 5;

impl<'a> Client<'a> {
    /// Connects to the registry of an image, and authenticates for the access.
    pub(super) async fn connect(
        image: &'a Image,
        options: &'a RegistryOptions,
        access: Access,
    ) -> Result<Self, RegistryError> {
        let other = |cause: String| RegistryError::Other { image: image.clone(), cause };
        let scheme = match options.transport {
            RegistryTransport::Https => "https",
            RegistryTransport::Http => "http",
        };
        let host = image.reference().resolve_registry();
        let origin = Url::parse(&format!("{scheme}://{host}/")).map_err(|error| other(error.to_string()))?;
        let http = http::client(&origin, options.authority.as_ref(), options.timeout);
        let http = http.build().map_err(|error| other(error.to_string()))?;
        let mut client = Self { image, options, http, origin, authorization: None };
        client.authorization = token::authorization(&client, access).await?;
        Ok(client)
    }

    /// Returns the address of an endpoint of the image's repository, like `manifests/1.0`.
    pub(super) fn endpoint(&self, endpoint: &str) -> Url {
        let mut url = self.origin.clone();
        // The syntax of an image permits no `?` and no `#` in the repository.
        url.set_path(&format!("/v2/{}/{endpoint}", self.image.reference().repository()));
        url
    }

    /// Requests an endpoint, and follows a limited number of redirects.
    pub(super) async fn get(&self, endpoint: &str, accept: &'static str) -> Result<Response, RegistryError> {
        let mut url = self.endpoint(endpoint);
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(self.http.get(url.clone()).header(ACCEPT, accept), &url).await?;
            match self.redirect(&response)? {
                Some(target) => url = target,
                None => return answer::success(self.image, response).await,
            }
        }
        Err(RegistryError::Redirects { image: self.image.clone(), limit: MAX_REDIRECTS })
    }

    /// Uploads a blob in one request.
    pub(super) async fn upload(&self, digest: &str, bytes: impl Into<reqwest::Body>) -> Result<(), RegistryError> {
        let start = self.endpoint("blobs/uploads/");
        let request = self.http.post(start.clone()).header(CONTENT_LENGTH, 0);
        let response = answer::success(self.image, self.send(request, &start).await?).await?;
        let mut url = self.location(&response)?.ok_or_else(|| RegistryError::NotARegistry {
            image: self.image.clone(),
            cause: "the answer to an upload has no Location".to_owned(),
        })?;
        url.query_pairs_mut().append_pair("digest", digest);
        let request = self.http.put(url.clone()).header(CONTENT_TYPE, "application/octet-stream").body(bytes);
        answer::success(self.image, self.send(request, &url).await?).await.map(drop)
    }

    /// Puts a manifest under the tag or the digest of the image.
    pub(super) async fn put_manifest(&self, media_type: &str, bytes: Vec<u8>) -> Result<(), RegistryError> {
        let url = self.endpoint(&format!("manifests/{}", self.version()));
        let request = self.http.put(url.clone()).header(CONTENT_TYPE, media_type).body(bytes);
        answer::success(self.image, self.send(request, &url).await?).await.map(drop)
    }

    /// Returns the digest of the image, or the tag without a digest.
    pub(super) fn version(&self) -> &str {
        let reference = self.image.reference();
        reference.digest().or_else(|| reference.tag()).unwrap_or_default()
    }

    /// Reads a whole answer.
    pub(super) async fn read(&self, response: Response, part: Part) -> Result<Vec<u8>, RegistryError> {
        let Part { name, limit_bytes } = part;
        body::read(response, limit_bytes).await.map_err(|error| match error {
            BodyError::TooLarge(limit) => {
                RegistryError::AnswerTooLarge { image: self.image.clone(), part: name, limit }
            }
            BodyError::Interrupted(error) => answer::failure(self.image, error),
        })
    }

    /// Returns whether the transport of the registry permits a connection to a URL.
    pub(super) fn permits(&self, url: &Url) -> bool {
        is_permitted(url, &self.origin, self.options.transport)
    }

    /// Sends a request, with the authorization only to the registry itself.
    async fn send(&self, request: RequestBuilder, url: &Url) -> Result<Response, RegistryError> {
        let request = match &self.authorization {
            Some(authorization) if url.origin() == self.origin.origin() => authorization.add(request),
            _ => request,
        };
        request.send().await.map_err(|error| answer::failure(self.image, error))
    }

    /// Returns the target of a redirect; `None` for another answer.
    fn redirect(&self, response: &Response) -> Result<Option<Url>, RegistryError> {
        const REDIRECTS: [StatusCode; 5] = [
            StatusCode::MOVED_PERMANENTLY,
            StatusCode::FOUND,
            StatusCode::SEE_OTHER,
            StatusCode::TEMPORARY_REDIRECT,
            StatusCode::PERMANENT_REDIRECT,
        ];
        if REDIRECTS.contains(&response.status()) { self.location(response) } else { Ok(None) }
    }

    /// Returns the address in the header `Location`; `None` without the header.
    fn location(&self, response: &Response) -> Result<Option<Url>, RegistryError> {
        let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
        let url = location.to_str().ok().and_then(|location| response.url().join(location).ok());
        match url {
            Some(url) if self.permits(&url) => Ok(Some(url)),
            Some(url) => Err(RegistryError::LocationTransport {
                image: self.image.clone(),
                address: answer::single_line(&url.origin().ascii_serialization()),
            }),
            None => Err(RegistryError::NotARegistry {
                image: self.image.clone(),
                cause: "the header Location is not an address".to_owned(),
            }),
        }
    }
}

/// Returns whether a transport permits a connection to a URL that the registry at `origin` names.
fn is_permitted(url: &Url, origin: &Url, transport: RegistryTransport) -> bool {
    match (url.scheme(), transport) {
        ("https", _) => true,
        ("http", RegistryTransport::Http) => url.host() == origin.host() || (is_loopback(url) && is_loopback(origin)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_over_https_names_no_plain_http() {
        let is_permitted = |url: &str, transport| {
            let [url, origin] = [url, "https://registry.example/v2/"].map(|url| url.parse().expect("a URL"));
            is_permitted(&url, &origin, transport)
        };
        assert!(is_permitted("https://auth.example/token", RegistryTransport::Https));
        assert!(!is_permitted("http://auth.example/token", RegistryTransport::Https));
        assert!(!is_permitted("http://registry.example/token", RegistryTransport::Https));
        assert!(is_permitted("http://registry.example/token", RegistryTransport::Http));
        assert!(!is_permitted("http://auth.example/token", RegistryTransport::Http));
        assert!(!is_permitted("ftp://registry.example/token", RegistryTransport::Http));
    }
}
