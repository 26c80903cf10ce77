//! Bearer tokens: one exchange for each (service, scopes, login), however many requests wait for it.
//!
//! Sources: distribution `docs/content/spec/auth/token.md` (GET) and `oauth.md` (POST, for identity
//! tokens). Lifetimes are counted on the monotonic clock from the arrival of the answer, because
//! `issued_at` trusts two clocks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, header};
use serde::Deserialize;
use url::Url;
use url::form_urlencoded::Serializer;

use super::challenge::Challenge;
use super::error_body;
use super::realm;
use crate::credentials::Credential;
use crate::model::endpoint::Authority;
use crate::model::fault::{NetFault, RedirectFault};
use crate::model::observation::{Answer, AskedAs, Rejection};
use crate::model::secret::Secret;
use crate::net::client::{Body, Client, Purpose, Reply, Request, Wish};
use crate::net::flight::Flight;
use crate::net::redirect;

/// Most repositories that one token is asked for: a signed token names each, and headers have limits.
pub(super) const MAX_SCOPES: usize = 16;
/// Most bytes of a token service's answer: others read 64 KiB to 1 MiB.
const MAX_TOKEN_BYTES: usize = 256 * 1024;
/// What a token without `expires_in` lives, and the least that any token does.
const MIN_LIFETIME: Duration = Duration::from_secs(60);
/// Taken off a lifetime, for the way there.
const MARGIN: Duration = Duration::from_secs(10);
/// Who we are to token services.
const CLIENT_ID: &str = "registry-check";

/// A token service, as a challenge names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Service {
    realm: Url,
    service: Option<Box<str>>,
    /// Repositories that the challenge itself names: behind a path prefix a registry may know the
    /// repository under another name than its URL says.
    named: Vec<Box<str>>,
}

/// What a token is asked for, and as whom.
#[derive(Debug)]
pub(super) struct Grant {
    service: Service,
    repositories: Vec<Box<str>>,
    /// Other names of the one repository, as its challenge gave them.
    aliases: Vec<Box<str>>,
    login: Option<Arc<Login>>,
}

/// Credentials, and where they come from.
#[derive(Debug)]
pub(super) struct Login {
    /// The registry that they are for.
    pub(super) registry: Authority,
    pub(super) credential: Credential,
    pub(super) source: Box<str>,
}

impl Login {
    /// What may be told of it.
    pub(super) fn asked_as(&self) -> AskedAs {
        AskedAs::User { user: self.credential.user().into(), source: self.source.clone() }
    }
}

/// What tells two grants apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    service: Service,
    repositories: Vec<Box<str>>,
    aliases: Vec<Box<str>>,
    /// The realm is whatever a host says it is: a mirror that names upstream's must not be handed the token
    /// that upstream's user has there, though both users may be called alike (ECR's `AWS`, `<token>`).
    login: Option<(Authority, AskedAs)>,
}

/// Why there is no token.
#[derive(Clone, Debug)]
pub(super) enum TokenFault {
    /// The realm must not be asked.
    Realm { realm: Box<str>, why: &'static str },
    /// The service answered with an error status.
    Status { host: Box<str>, at: Option<Authority>, answer: Answer, retry_after: Option<Box<[u8]>> },
    /// It refused these credentials, and would not do without.
    Rejected(Rejection),
    /// The service answered, but not with a token.
    NoToken { host: Box<str>, why: Box<str> },
    /// The service redirected to where it must not.
    Redirect { fault: RedirectFault, host: Box<str> },
    /// The service did not answer.
    Net { host: Box<str>, fault: NetFault },
}

impl TokenFault {
    /// Whether the service said no, rather than failing.
    pub(super) fn is_refusal(&self) -> bool {
        match self {
            Self::Status { answer, .. } => matches!(answer.status, 400..=407 | 409..=428 | 430..=499),
            Self::Rejected(_) => true,
            Self::Realm { .. } | Self::NoToken { .. } | Self::Redirect { .. } | Self::Net { .. } => false,
        }
    }

    /// The refusal, told of `login`'s credentials.
    pub(super) fn rejection(&self, login: &Login) -> Rejection {
        let (host, answer) = match self {
            Self::Status { host, answer, .. } => (host.clone(), answer.clone()),
            _ => ("?".into(), Answer::default()),
        };
        Rejection { host, answer, credentials: login.asked_as() }
    }
}

impl Service {
    /// The service that the challenge to a request to `registry` names.
    pub(super) fn of(challenge: &Challenge, registry: &Url) -> Result<Self, TokenFault> {
        let text = challenge.param("realm").unwrap_or_default();
        let refused = |fault: realm::RealmFault| TokenFault::Realm {
            realm: text.chars().take(200).collect(),
            why: fault.why(),
        };
        let realm = realm::resolve(text, registry).map_err(refused)?;
        realm::check(&realm, registry).map_err(|fault| TokenFault::Realm {
            realm: redirect::display(&realm).into(),
            why: fault.why(),
        })?;
        // Only repositories, and only to pull: Codeberg says `*`, and a mirror could ask for anything.
        let scopes = challenge.param("scope").unwrap_or_default().split_ascii_whitespace().take(4);
        let named = scopes.filter_map(|scope| {
            let (name, _) = scope.strip_prefix("repository:")?.rsplit_once(':')?;
            (name.len() <= 512).then(|| name.into())
        });
        let service = challenge.param("service").filter(|service| !service.is_empty()).map(Into::into);
        Ok(Self { realm, service, named: named.collect() })
    }

    /// Its host.
    pub(super) fn authority(&self) -> Option<Authority> {
        Authority::of(&self.realm)
    }

    /// The names in a challenge are those of its own repository.
    pub(super) fn forget_names(&mut self) {
        self.named.clear();
    }

    /// Whether the challenge knows the repository under another name.
    pub(super) fn names_another(&self, repository: &str) -> bool {
        self.named.iter().any(|name| **name != *repository)
    }
}

impl Grant {
    /// A token for these repositories. Names that the challenge gave count for the challenged one alone.
    pub(super) fn new(mut service: Service, repositories: Vec<Box<str>>, login: Option<Arc<Login>>) -> Self {
        let mut aliases = std::mem::take(&mut service.named);
        aliases.retain(|name| repositories.len() == 1 && !repositories.contains(name));
        aliases.dedup();
        Self { service, repositories, aliases, login }
    }

    /// Who gives it.
    pub(super) const fn service(&self) -> &Service {
        &self.service
    }

    pub(super) fn is_together(&self) -> bool {
        self.repositories.len() > 1
    }

    pub(super) fn is_first(&self, repository: &str) -> bool {
        self.repositories.first().is_some_and(|first| **first == *repository)
    }

    /// The same for one repository.
    pub(super) fn alone(&self, repository: &str) -> Self {
        Self {
            service: self.service.clone(),
            repositories: vec![repository.into()],
            aliases: Vec::new(),
            login: self.login.clone(),
        }
    }

    /// The same without credentials.
    pub(super) fn anonymous(&self) -> Self {
        Self {
            service: self.service.clone(),
            repositories: self.repositories.clone(),
            aliases: self.aliases.clone(),
            login: None,
        }
    }

    /// As whom the token is asked for.
    pub(super) fn asked_as(&self) -> AskedAs {
        self.login.as_ref().map_or(AskedAs::Anonymous, |login| login.asked_as())
    }

    fn key(&self) -> Key {
        Key {
            service: self.service.clone(),
            repositories: self.repositories.clone(),
            aliases: self.aliases.clone(),
            login: self.login.as_ref().map(|login| (login.registry.clone(), login.asked_as())),
        }
    }

    fn scopes(&self) -> impl Iterator<Item = String> + '_ {
        self.repositories
            .iter()
            .chain(&self.aliases)
            .map(|repository| format!("repository:{repository}:pull"))
    }

    /// URL and form of the request: GET for everybody, POST for identity tokens.
    fn question(&self) -> Question {
        if let Some(login) = &self.login
            && let Credential::Identity { token, .. } = &login.credential
        {
            let mut form = Serializer::new(String::new());
            form.append_pair("grant_type", "refresh_token");
            if let Some(service) = &self.service.service {
                form.append_pair("service", service);
            }
            form.append_pair("client_id", CLIENT_ID);
            form.append_pair("scope", &self.scopes().collect::<Vec<_>>().join(" "));
            form.append_pair("refresh_token", token.expose());
            return Question {
                url: self.service.realm.clone(),
                form: Some(Secret::new(form.finish())),
                basic: None,
            };
        }
        let mut url = self.service.realm.clone();
        let mut basic = None;
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &self.service.service {
                query.append_pair("service", service);
            }
            for scope in self.scopes() {
                query.append_pair("scope", &scope);
            }
            if let Some(login) = &self.login
                && let Credential::Basic { user, password } = &login.credential
            {
                query.append_pair("account", user);
                query.append_pair("client_id", CLIENT_ID);
                basic = Some(basic_line(user, password));
            }
        }
        Question { url, form: None, basic }
    }
}

struct Question {
    url: Url,
    form: Option<Secret>,
    basic: Option<Secret>,
}

/// The `Authorization` line of Basic authentication (RFC 7617).
pub(super) fn basic_line(user: &str, password: &Secret) -> Secret {
    Secret::new(format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.expose()))))
}

#[derive(Debug)]
struct Token {
    line: Secret,
    fresh_until: Instant,
}

type Exchanged = Result<Secret, TokenFault>;

/// Tokens of a run.
#[derive(Debug)]
pub(super) struct Tokens {
    client: Arc<Client>,
    cache: Arc<Mutex<HashMap<Key, Token>>>,
    flight: Flight<Key, Exchanged>,
}

impl Tokens {
    pub(super) fn new(client: Arc<Client>) -> Self {
        Self { client, cache: Arc::default(), flight: Flight::default() }
    }

    /// Forgets a token that a registry did not take.
    pub(super) fn reject(&self, rejected: &Secret) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.retain(|_, token| token.line != *rejected);
    }

    /// The `Authorization` line that answers `grant`.
    ///
    /// # Errors
    /// There is no token to be had.
    pub(super) async fn obtain(&self, grant: &Arc<Grant>) -> Exchanged {
        let key = grant.key();
        if let Some(line) = fresh(&self.cache, &key) {
            return Ok(line);
        }
        let (client, cache) = (Arc::clone(&self.client), Arc::clone(&self.cache));
        let (grant, wanted) = (Arc::clone(grant), key.clone());
        self.flight
            .run(key, || async move {
                // Another flight may have landed between the look above and the start of this one.
                if let Some(line) = fresh(&cache, &wanted) {
                    return Ok(line);
                }
                let (line, lifetime) = exchange(&client, &grant.question()).await?;
                let fresh_until = Instant::now() + lifetime.max(MIN_LIFETIME) - MARGIN;
                let token = Token { line: line.clone(), fresh_until };
                cache.lock().unwrap_or_else(PoisonError::into_inner).insert(wanted, token);
                Ok(line)
            })
            .await
    }
}

fn fresh(cache: &Mutex<HashMap<Key, Token>>, key: &Key) -> Option<Secret> {
    let cache = cache.lock().unwrap_or_else(PoisonError::into_inner);
    let token = cache.get(key).filter(|token| token.fresh_until > Instant::now())?;
    Some(token.line.clone())
}

#[derive(Deserialize)]
struct TokenAnswer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
}

async fn exchange(client: &Client, question: &Question) -> Result<(Secret, Duration), TokenFault> {
    let (url, reply) = ask(client, question).await?;
    let host = host(&url);
    let content_type = reply.headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let no_token = |why: &str| TokenFault::NoToken { host: host.clone(), why: why.into() };
    let Body::Read(body) = reply.body else {
        return Err(no_token("its answer is longer than any token"));
    };
    if !(200..300).contains(&reply.status) {
        let answer = error_body::parse(reply.status, content_type, &body).answer;
        let retry_after = reply.headers.get(header::RETRY_AFTER).map(|value| value.as_bytes().into());
        return Err(TokenFault::Status { host, at: Authority::of(&url), answer, retry_after });
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

/// Sends the question, and follows redirects that lead nowhere worse; credentials stay with the realm's
/// own origin.
async fn ask(client: &Client, question: &Question) -> Result<(Url, Reply), TokenFault> {
    let mut url = question.url.clone();
    let mut hops = 0;
    loop {
        let is_home = redirect::same_origin(&url, &question.url);
        let form = question.form.as_ref();
        if form.is_some() && !is_home {
            return Err(TokenFault::NoToken {
                host: host(&question.url),
                why: "it redirects to another host, which gets no credentials".into(),
            });
        }
        let Some(authority) = Authority::of(&url) else {
            let fault = NetFault::Protocol("the URL names no host".into());
            return Err(TokenFault::Net { host: host(&url), fault });
        };
        let request = Request {
            method: if form.is_some() { Method::POST } else { Method::GET },
            url: &url,
            authority: &authority,
            accept: "application/json",
            authorization: question.basic.as_ref().filter(|_| is_home),
            form,
            range: None,
            body: Wish::UpTo(MAX_TOKEN_BYTES),
            purpose: Purpose::Token,
        };
        let reply =
            client.send(request).await.map_err(|fault| TokenFault::Net { host: host(&url), fault })?;
        let location = reply.headers.get(header::LOCATION).map(HeaderValue::as_bytes);
        let next = redirect::next(&url, reply.status, location, hops)
            .map_err(|fault| TokenFault::Redirect { fault, host: host(&url) })?;
        let Some(next) = next else {
            return Ok((url, reply));
        };
        // A redirect must not lead where the realm itself could not have.
        realm::check(&next, &url).map_err(|fault| TokenFault::Realm {
            realm: redirect::display(&next).into(),
            why: fault.why(),
        })?;
        url = next;
        hops += 1;
    }
}

fn host(url: &Url) -> Box<str> {
    Authority::of(url).map_or_else(|| "?".into(), |authority| authority.to_string().into())
}
