//! One request, with all that it takes to be answered: token, redirects, and the 401 that asks for a token.
//!
//! Credentials and tokens belong to the host that is asked, hop by hop: a redirect to another origin starts
//! with nothing.

use http::{HeaderMap, Method, header};
use std::time::Duration;
use url::Url;

use super::challenge::{self, Challenge};
use super::token::{Grant, TokenFault, Tokens};
use crate::model::endpoint::Authority;
use crate::model::fault::{NetFault, RedirectFault};
use crate::model::manifest::{ACCEPT, MAX_MANIFEST_BYTES};
use crate::model::observation::WithToken;
use crate::model::secret::Secret;
use crate::net::client::{Body, Client, Purpose, Reply, Request};
use crate::net::redirect;

/// The end of one exchange: an answer that is neither a redirect nor a challenge that could be met.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
    /// Where the answer came from.
    pub(super) url: Url,
    /// Redirects on the way.
    pub(super) hops: usize,
    pub(super) latency: Duration,
    pub(super) with_token: WithToken,
    /// What a final 401 wanted.
    pub(super) wanted: Option<Wanted>,
}

/// What a 401 wanted that could not be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Nothing that can be understood.
    Nothing,
    /// Credentials, by this scheme.
    Credentials(Box<str>),
}

/// Why an exchange has no answer of the registry's.
#[derive(Debug)]
pub(super) enum ExchangeFault {
    /// The registry did not answer.
    Net { fault: NetFault, host: Box<str> },
    /// A redirect that is not followed, and the status that it came with.
    Redirect { fault: RedirectFault, status: u16 },
    /// No token.
    Token(TokenFault),
}

/// What one question may do only once, across its retries: ask a token service for the same thing.
#[derive(Debug, Default)]
pub(super) struct Session {
    exchanged: Vec<(Authority, Box<str>)>,
}

impl Session {
    fn has_exchanged(&self, authority: &Authority, repository: &str) -> bool {
        self.exchanged.iter().any(|(a, r)| a == authority && **r == *repository)
    }
}

/// Sends a manifest request and follows where it leads.
pub(super) async fn exchange(
    client: &Client,
    tokens: &Tokens,
    session: &mut Session,
    method: &Method,
    target: (&Url, &str),
) -> Result<Exchange, ExchangeFault> {
    let (mut url, mut repository) = (target.0.clone(), target.1.to_owned());
    let mut hops = 0;
    let mut authority = authority_of(&url)?;
    let mut authorization = tokens.known(&authority, &repository).await.map_err(ExchangeFault::Token)?;
    loop {
        let reply = send(client, method, &url, &authority, authorization.as_ref()).await?;
        let location = reply.headers.get(header::LOCATION).map(http::HeaderValue::as_bytes);
        let next = redirect::next(&url, reply.status, location, hops)
            .map_err(|fault| ExchangeFault::Redirect { fault, status: reply.status })?;
        if let Some(next) = next {
            hops += 1;
            // Harbor redirects to another repository of the same host: its token must name that one.
            if let Some(name) = repository_in(&next) {
                repository = name;
            }
            url = next;
            authority = authority_of(&url)?;
            authorization = tokens.known(&authority, &repository).await.map_err(ExchangeFault::Token)?;
            continue;
        }
        let mut wanted = None;
        if reply.status == 401 {
            if let Some(rejected) = &authorization {
                tokens.reject(rejected);
            }
            let values = reply.headers.get_all(header::WWW_AUTHENTICATE);
            let challenges = challenge::parse(values.iter().map(http::HeaderValue::as_bytes));
            match challenge::preferred(&challenges) {
                Some(bearer) if is_bearer(bearer) => {
                    if !session.has_exchanged(&authority, &repository) {
                        let grant = Grant::of(bearer, &repository, &url).map_err(ExchangeFault::Token)?;
                        let token = tokens.answer(&authority, &repository, grant).await;
                        authorization = Some(token.map_err(ExchangeFault::Token)?);
                        session.exchanged.push((authority.clone(), repository.clone().into()));
                        continue;
                    }
                }
                Some(other) => wanted = Some(Wanted::Credentials(other.scheme.clone())),
                None => wanted = Some(Wanted::Nothing),
            }
        }
        let with_token = if authorization.is_some() { WithToken::Yes } else { WithToken::No };
        let Reply { status, headers, body, first_byte } = reply;
        return Ok(Exchange { status, headers, body, url, hops, latency: first_byte, with_token, wanted });
    }
}

fn is_bearer(challenge: &Challenge) -> bool {
    &*challenge.scheme == "bearer" && challenge.param("realm").is_some()
}

async fn send(
    client: &Client,
    method: &Method,
    url: &Url,
    authority: &Authority,
    authorization: Option<&Secret>,
) -> Result<Reply, ExchangeFault> {
    let request = Request {
        method: method.clone(),
        url,
        accept: ACCEPT,
        authorization,
        body_limit: MAX_MANIFEST_BYTES,
        purpose: Purpose::Registry,
    };
    let host = || authority.to_string().into();
    client.send(request).await.map_err(|fault| ExchangeFault::Net { fault, host: host() })
}

fn authority_of(url: &Url) -> Result<Authority, ExchangeFault> {
    Authority::of(url).ok_or_else(|| ExchangeFault::Net {
        fault: NetFault::Protocol("the URL names no host".into()),
        host: "?".into(),
    })
}

/// The repository in a manifest URL, wherever its `/v2/` stands.
fn repository_in(url: &Url) -> Option<String> {
    let (before, _) = url.path().rsplit_once("/manifests/")?;
    let (_, name) = before.split_once("/v2/")?;
    crate::model::image::is_repository(name).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_found_in_a_redirected_url() {
        for (url, name) in [
            ("https://h/v2/proj/library/nginx/manifests/1.25", Some("proj/library/nginx")),
            ("https://h/p/v2/a/b/manifests/sha256:00", Some("a/b")),
            ("https://h/v2/Bad/manifests/1", None),
            ("https://h/login?next=/v2/a/manifests/1", None),
            ("https://h/a/manifests/1", None),
        ] {
            assert_eq!(repository_in(&Url::parse(url).unwrap()).as_deref(), name, "{url}");
        }
    }
}
