//! Bearer tokens: one exchange for each (realm, service, scopes), however many requests wait for it.
//!
//! Source: distribution `docs/content/spec/auth/token.md`. Lifetimes are counted on the monotonic clock from
//! the arrival of the answer, because `issued_at` trusts two clocks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Method;
use serde::Deserialize;
use url::Url;

use super::challenge::Challenge;
use super::error_body;
use super::realm;
use crate::model::endpoint::Authority;
use crate::model::fault::{NetFault, RedirectFault};
use crate::model::observation::Answer;
use crate::model::secret::Secret;
use crate::net::client::{Body, Client, Purpose, Request};
use crate::net::flight::Flight;
use crate::net::redirect;

/// Most bytes of a token service's answer: others read 64 KiB to 1 MiB.
const MAX_TOKEN_BYTES: usize = 256 * 1024;
/// What a token without `expires_in` lives, and the least that any token does.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// Taken off a lifetime, for the way there.
const MARGIN: Duration = Duration::from_secs(10);

/// What a token is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Grant {
    realm: Url,
    service: Option<Box<str>>,
    scopes: Vec<Box<str>>,
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub(super) enum TokenFault {
    /// The realm must not be asked.
    Realm { realm: Box<str>, why: &'static str },
    /// The service answered with an error status.
    Status { host: Box<str>, answer: Answer, retry_after: Option<Box<[u8]>> },
    /// The service answered, but not with a token.
    NoToken { host: Box<str>, why: Box<str> },
    /// The service redirected to where it must not.
    Redirect(RedirectFault),
    /// The service did not answer.
    Net { host: Box<str>, fault: NetFault },
}

#[derive(Debug)]
struct Token {
    authorization: Secret,
    fresh_until: Instant,
}

type Exchanged = Result<Secret, TokenFault>;

/// Tokens of a run.
#[derive(Debug)]
pub(super) struct Tokens {
    client: Arc<Client>,
    cache: Arc<Mutex<HashMap<Grant, Token>>>,
    grants: Mutex<HashMap<(Authority, Box<str>), Grant>>,
    flight: Flight<Grant, Exchanged>,
}

impl Grant {
    /// What the challenge to a request for `repository` at `registry` asks for.
    ///
    /// The scope is built here: challenges carry placeholders (GHCR on `/v2/`) and `*` (Codeberg). The
    /// challenge's own repository scope is asked for as well, reduced to `pull`, because behind a path
    /// prefix a registry may know the repository under another name.
    pub(super) fn of(challenge: &Challenge, repository: &str, registry: &Url) -> Result<Self, TokenFault> {
        let text = challenge.param("realm").unwrap_or_default();
        let refused = |fault: realm::RealmFault| TokenFault::Realm { realm: text.into(), why: fault.why() };
        let realm = realm::resolve(text, registry).map_err(refused)?;
        realm::check(&realm, registry).map_err(|fault| TokenFault::Realm {
            realm: redirect::display(&realm).into(),
            why: fault.why(),
        })?;
        let mut scopes: Vec<Box<str>> = vec![format!("repository:{repository}:pull").into()];
        for scope in challenge.param("scope").unwrap_or_default().split_ascii_whitespace().take(4) {
            let name = scope.strip_prefix("repository:").and_then(|rest| rest.rsplit_once(':'));
            if let Some((name, _)) = name.filter(|(name, _)| name.len() <= 512) {
                let scope: Box<str> = format!("repository:{name}:pull").into();
                if !scopes.contains(&scope) {
                    scopes.push(scope);
                }
            }
        }
        let service = challenge.param("service").filter(|service| !service.is_empty()).map(Into::into);
        Ok(Self { realm, service, scopes })
    }

    fn url(&self) -> Url {
        let mut url = self.realm.clone();
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service {
                query.append_pair("service", service);
            }
            for scope in &self.scopes {
                query.append_pair("scope", scope);
            }
        }
        url
    }
}

impl Tokens {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Self { client, cache: Arc::default(), grants: Mutex::default(), flight: Flight::default() }
    }

    /// The `Authorization` for `repository` at `authority`, if an earlier challenge told what it needs.
    ///
    /// # Errors
    /// The token had to be renewed, and could not be.
    pub(super) async fn known(
        &self,
        authority: &Authority,
        repository: &str,
    ) -> Result<Option<Secret>, TokenFault> {
        let grant = {
            let grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
            // Most registries never challenge: no key need be made to find nothing.
            if grants.is_empty() {
                return Ok(None);
            }
            grants.get(&(authority.clone(), repository.into())).cloned()
        };
        match grant {
            Some(grant) => self.obtain(grant).await.map(Some),
            None => Ok(None),
        }
    }

    /// The `Authorization` that answers `grant`, remembered for `repository` at `authority`.
    ///
    /// # Errors
    /// There is no token to be had.
    pub(super) async fn answer(
        &self,
        authority: &Authority,
        repository: &str,
        grant: Grant,
    ) -> Result<Secret, TokenFault> {
        let authorization = self.obtain(grant.clone()).await?;
        let mut grants = self.grants.lock().unwrap_or_else(PoisonError::into_inner);
        grants.insert((authority.clone(), repository.into()), grant);
        Ok(authorization)
    }

    /// Forgets a token that a registry did not take.
    pub(super) fn reject(&self, rejected: &Secret) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, token| token.authorization != *rejected);
    }

    async fn obtain(&self, grant: Grant) -> Exchanged {
        {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(token) = cache.get(&grant).filter(|token| token.fresh_until > Instant::now()) {
                return Ok(token.authorization.clone());
            }
        }
        let (client, cache, wanted) = (Arc::clone(&self.client), Arc::clone(&self.cache), grant.clone());
        self.flight
            .run(grant, || async move {
                let (authorization, lifetime) = exchange(&client, &wanted).await?;
                let token = Token {
                    authorization: authorization.clone(),
                    fresh_until: Instant::now() + lifetime.max(MIN_LIFETIME) - MARGIN,
                };
                cache.lock().unwrap_or_else(PoisonError::into_inner).insert(wanted, token);
                Ok(authorization)
            })
            .await
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
}

async fn exchange(client: &Client, grant: &Grant) -> Result<(Secret, Duration), TokenFault> {
    let mut url = grant.url();
    let host = |url: &Url| -> Box<str> {
        Authority::of(url).map_or_else(|| "?".into(), |authority| authority.to_string().into())
    };
    let mut hops = 0;
    let reply = loop {
        let request = Request {
            method: Method::GET,
            url: &url,
            accept: "application/json",
            authorization: None,
            body_limit: MAX_TOKEN_BYTES,
            purpose: Purpose::Token,
        };
        let reply =
            client.send(request).await.map_err(|fault| TokenFault::Net { host: host(&url), fault })?;
        let location = reply.headers.get(http::header::LOCATION).map(http::HeaderValue::as_bytes);
        match redirect::next(&url, reply.status, location, hops).map_err(TokenFault::Redirect)? {
            Some(next) => {
                // A redirect must not lead where the realm itself could not have.
                realm::check(&next, &url).map_err(|fault| TokenFault::Realm {
                    realm: redirect::display(&next).into(),
                    why: fault.why(),
                })?;
                url = next;
                hops += 1;
            }
            None => break reply,
        }
    };
    let host = host(&url);
    let content_type = reply.headers.get(http::header::CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let no_token = |why: &str| TokenFault::NoToken { host: host.clone(), why: why.into() };
    let Body::Read(body) = reply.body else {
        return Err(no_token("its answer is longer than any token"));
    };
    if !(200..300).contains(&reply.status) {
        let answer = error_body::parse(reply.status, content_type, &body).answer;
        let retry_after = reply.headers.get(http::header::RETRY_AFTER).map(|value| value.as_bytes().into());
        return Err(TokenFault::Status { host, answer, retry_after });
    }
    let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|_| {
        if error_body::looks_like_html(content_type, &body) {
            no_token("it answered with a web page")
        } else if body.is_empty() {
            no_token("its answer is empty")
        } else {
            no_token("its answer is not the JSON of a token")
        }
    })?;
    let token = [answer.token, answer.access_token].into_iter().flatten().find(|token| !token.is_empty());
    let Some(token) = token else {
        return Err(no_token("its answer holds neither token nor access_token"));
    };
    if !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(no_token("its token cannot stand in a header"));
    }
    let seconds = answer.expires_in.and_then(|number| number.as_f64()).unwrap_or(0.0);
    let lifetime = Duration::try_from_secs_f64(seconds.clamp(0.0, 86_400.0)).unwrap_or_default();
    Ok((Secret::new(format!("Bearer {token}")), lifetime))
}
