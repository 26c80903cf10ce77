//! The question itself: does this endpoint serve this manifest, and which one is it?
//!
//! HEAD where it suffices, GET where HEAD says too little (distribution-spec "Checking if content exists";
//! HEAD is not honoured everywhere), tried again where that can help.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, Method, header};
use time::OffsetDateTime;
use url::Url;

use super::authorize::{Authorizer, Session, Wanted};
use super::error_body::{self, Shape};
use super::exchange::{self, Exchange, ExchangeFault};
use super::front;
use super::root::Roots;
use super::token::{TokenFault, Tokens};
use crate::credentials::Sources;
use crate::model::digest::Digest;
use crate::model::endpoint::{Authority, Endpoint, Namespace};
use crate::model::fault::{NetFault, Shut};
use crate::model::image::{ImageRef, ManifestRef};
use crate::model::manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestError, MediaType};
use crate::model::observation::{
    Answer, AskedAs, Breakage, DigestSource, Facts, NotAsked, Note, Observation, Outcome, Refusal, Rejection,
};
use crate::model::plan::Plan;
use crate::net::body::{self, BodyFault, Encoding};
use crate::net::client::{Body, Client};
use crate::net::redirect;
use crate::net::retry::{self, Fault, Next, RetryPolicy};

/// Asks manifest endpoints.
#[derive(Debug)]
pub struct Registries {
    client: Arc<Client>,
    authorizer: Authorizer,
    roots: Roots,
    retry: RetryPolicy,
}

/// Whether the bytes are wanted, or only word of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// HEAD, and GET where that says too little.
    Head,
    /// GET: the bytes.
    Get,
}

/// What came of one attempt.
enum Reading {
    Final(Outcome),
    /// 404, and nothing shows that a registry says so.
    Vague(Answer),
    /// HEAD said too little.
    TryGet,
    /// May be better next time; if not, this is the outcome.
    Again {
        outcome: Outcome,
        why: Trouble,
    },
    /// Nothing more is asked of this host.
    Shut {
        host: Box<str>,
        shut: Shut,
    },
}

/// What a retry is decided on.
enum Trouble {
    Status { status: u16, retry_after: Option<Duration> },
    Net,
}

/// What is gathered on the way to an outcome.
#[derive(Default)]
struct Trail {
    attempts: u32,
    http_status: Option<u16>,
    latency: Option<Duration>,
    asked_as: AskedAs,
    redirected_to: Option<Box<str>>,
    notes: Vec<Note>,
}

impl Registries {
    /// Asks through `client`, as whom `sources` say, trying again as `retry` says. `plan` tells what else
    /// will be asked, so that tokens may be had together.
    #[must_use]
    pub fn new(
        client: Arc<Client>,
        retry: RetryPolicy,
        sources: Arc<Sources>,
        plan: Option<Arc<Plan>>,
    ) -> Self {
        let authorizer = Authorizer::new(Tokens::new(Arc::clone(&client)), sources, plan);
        Self { client, authorizer, roots: Roots::default(), retry }
    }

    /// From now on this plan tells what else will be asked; what is known of hosts and tokens is kept.
    pub fn expect(&self, plan: Arc<Plan>) {
        self.authorizer.expect(plan);
    }

    /// Asks `endpoint` for `image` under `reference`.
    pub async fn observe(
        &self,
        endpoint: &Endpoint,
        image: &ImageRef,
        reference: ManifestRef<'_>,
        ask: Ask,
    ) -> Observation {
        let mut trail = Trail::default();
        // As the image is written: what is asked later to explain an answer goes by other references.
        let wanted = image.manifest_ref();
        let outcome = match endpoint.repository(image) {
            _ if !endpoint.accepts.takes(wanted) => Outcome::NotAsked(match wanted {
                ManifestRef::Tag(_) => NotAsked::NotForTags,
                ManifestRef::Digest(_) => NotAsked::NotForDigests,
            }),
            Err(error) => Outcome::NotAsked(NotAsked::Name(error.name.into())),
            Ok(repository) => {
                let text = endpoint.manifest_url(image, &repository, reference);
                match endpoint.read_url(&text) {
                    Ok(url) => self.put(&mut trail, &url, &repository, reference, ask).await,
                    Err(_) => Outcome::NotAsked(NotAsked::Name(text.into())),
                }
            }
        };
        let outcome = match outcome {
            // Some registries break on `?ns=` (400 or 404); they are asked once more without it.
            Outcome::Missing(_) | Outcome::Broken(Breakage::OddStatus(_) | Breakage::NotARegistry(_))
                if endpoint.namespace == Namespace::Always =>
            {
                self.without_namespace(&mut trail, endpoint, image, reference, ask).await.unwrap_or(outcome)
            }
            other => other,
        };
        Observation {
            outcome,
            http_status: trail.http_status,
            attempts: trail.attempts,
            latency: trail.latency,
            asked_as: trail.asked_as,
            redirected_to: trail.redirected_to,
            notes: trail.notes,
            at: OffsetDateTime::now_utc(),
        }
    }

    async fn without_namespace(
        &self,
        trail: &mut Trail,
        endpoint: &Endpoint,
        image: &ImageRef,
        reference: ManifestRef<'_>,
        ask: Ask,
    ) -> Option<Outcome> {
        let repository = endpoint.repository(image).ok()?;
        let mut url = endpoint.read_url(&endpoint.manifest_url(image, &repository, reference)).ok()?;
        url.set_query(None);
        let mut second = Trail::default();
        let outcome = self.put(&mut second, &url, &repository, reference, ask).await;
        second.attempts += trail.attempts;
        if !matches!(outcome, Outcome::Found(_)) {
            trail.attempts = second.attempts;
            return None;
        }
        *trail = second;
        trail.notes.push(Note::WithoutNamespace);
        Some(outcome)
    }

    /// Puts one question until there is an answer or no sense in asking again.
    async fn put(
        &self,
        trail: &mut Trail,
        url: &Url,
        repository: &str,
        reference: ManifestRef<'_>,
        ask: Ask,
    ) -> Outcome {
        let asked = match reference {
            ManifestRef::Digest(digest) => Some(digest),
            ManifestRef::Tag(_) => None,
        };
        let mut method = match ask {
            Ask::Head => Method::HEAD,
            Ask::Get => Method::GET,
        };
        let mut session = Session::default();
        let mut tries = 0;
        let mut last = None;
        loop {
            trail.attempts += 1;
            tries += 1;
            let target = (url, repository);
            let end = exchange::exchange(&self.client, &self.authorizer, &mut session, &method, target).await;
            let reading = match end {
                Ok(mut exchange) => {
                    trail.note(&exchange);
                    let rejection = exchange.rejection.take();
                    let reading = if method == Method::HEAD {
                        read_head(&exchange, asked, &mut trail.notes)
                    } else {
                        read_get(exchange, asked, &mut trail.notes)
                    };
                    with_rejection(reading, rejection, &mut trail.notes)
                }
                Err(fault) => read_fault(fault, trail),
            };
            match reading {
                Reading::Final(outcome) => return outcome,
                Reading::Vague(answer) if self.roots.is_registry(&self.client, url, repository).await => {
                    return Outcome::Missing(answer);
                }
                Reading::Vague(answer) => return Outcome::Broken(Breakage::NotARegistry(answer)),
                Reading::TryGet => {
                    if let Some(status) = trail.http_status.filter(|status| *status >= 400) {
                        trail.notes.push(Note::HeadUnsupported(status));
                    }
                    method = Method::GET;
                    tries = 0;
                }
                Reading::Again { outcome, why } => {
                    let (fault, retry_after) = match (&why, &outcome) {
                        (Trouble::Net, Outcome::Unreached { fault, .. }) => (Fault::Net(fault), None),
                        (Trouble::Status { status, retry_after }, _) => {
                            (Fault::Status(*status), *retry_after)
                        }
                        (Trouble::Net, _) => return outcome,
                    };
                    match retry::next(&self.retry, tries, fault, retry_after, fastrand::f64()) {
                        Next::Stop => return outcome,
                        Next::Wait(pause) => tokio::time::sleep(pause).await,
                        Next::WhenAllowed => {}
                    }
                    last = Some(outcome);
                }
                Reading::Shut { host, shut } => {
                    // A token service may be what is shut; then the registry has been asked.
                    if Authority::of(url).is_some_and(|asked| asked.to_string() == *host) {
                        trail.attempts -= 1;
                    }
                    // What the host said itself tells more.
                    return last.unwrap_or(Outcome::NotAsked(NotAsked::Shut { host, shut }));
                }
            }
        }
    }
}

impl Trail {
    fn note(&mut self, exchange: &Exchange) {
        self.http_status = Some(exchange.status);
        self.latency = Some(exchange.latency);
        self.asked_as = exchange.asked_as.clone();
        if exchange.hops > 0 {
            self.redirected_to = Some(redirect::display(&exchange.url).into());
        }
        for value in exchange.headers.get_all(header::WARNING).iter().take(3) {
            let text = String::from_utf8_lossy(value.as_bytes());
            if let Some(text) = text.strip_prefix("299 - ") {
                let note = Note::Warning(text.trim_matches('"').chars().take(200).collect());
                if !self.notes.contains(&note) {
                    self.notes.push(note);
                }
            }
        }
    }
}

fn read_head(exchange: &Exchange, asked: Option<&Digest>, notes: &mut Vec<Note>) -> Reading {
    if let (401, Some(Wanted::Credentials(scheme))) = (exchange.status, &exchange.wanted) {
        let answer = Answer { status: 401, ..Answer::default() };
        return Reading::Final(Outcome::Refused(Refusal::CredentialsNeeded {
            answer,
            scheme: scheme.clone(),
        }));
    }
    match exchange.status {
        200..300 => {
            let content_type = content_type(&exchange.headers);
            if error_body::looks_like_html(content_type, b"") {
                return Reading::TryGet;
            }
            let Some(digest) = digest_header(&exchange.headers) else {
                return Reading::TryGet;
            };
            if asked.is_some_and(|asked| *asked != digest) {
                return Reading::TryGet;
            }
            let media_type = media_type(content_type);
            note_content_type(content_type, media_type, notes);
            Reading::Final(Outcome::Found(Facts {
                digest,
                source: DigestSource::Header,
                media_type,
                manifest: None,
                bytes: None,
            }))
        }
        404 if is_registry(&exchange.headers) => {
            Reading::Final(Outcome::Missing(Answer { status: 404, ..Answer::default() }))
        }
        status if is_transient(status) => {
            let answer = Answer { status, ..Answer::default() };
            transient(exchange, answer)
        }
        // No body comes with a HEAD: the reason, or the manifest, may come with a GET.
        _ => Reading::TryGet,
    }
}

/// Credentials were refused on the way: what was had without them is told so, and so is what was not.
fn with_rejection(reading: Reading, rejection: Option<Rejection>, notes: &mut Vec<Note>) -> Reading {
    match (reading, rejection) {
        (Reading::Final(Outcome::Refused(_)), Some(rejection)) => {
            Reading::Final(Outcome::Refused(Refusal::Credentials(rejection)))
        }
        (Reading::Final(outcome @ Outcome::Found(_)), Some(rejection)) => {
            let note = Note::CredentialsRejected(rejection);
            if !notes.contains(&note) {
                notes.push(note);
            }
            Reading::Final(outcome)
        }
        (reading, _) => reading,
    }
}

/// Statuses that GET would not explain, only repeat.
const fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502..=504 | 520..=530)
}

fn transient(exchange: &Exchange, answer: Answer) -> Reading {
    let status = exchange.status;
    let retry_after = exchange
        .headers
        .get(header::RETRY_AFTER)
        .and_then(|value| retry::parse_retry_after(value.as_bytes(), SystemTime::now()));
    let outcome = if status == 429 {
        Outcome::Throttled { answer, retry_after, service: None }
    } else {
        Outcome::Broken(Breakage::ServerError(answer))
    };
    Reading::Again { outcome, why: Trouble::Status { status, retry_after } }
}

fn read_get(exchange: Exchange, asked: Option<&Digest>, notes: &mut Vec<Note>) -> Reading {
    if (200..300).contains(&exchange.status) {
        return Reading::Final(read_manifest(exchange, asked, notes));
    }
    let body = match &exchange.body {
        Body::Read(body) => body.as_slice(),
        Body::OverLimit => &[],
    };
    if let Some(fault) = front::fault(exchange.url.scheme(), exchange.status, body) {
        let host = Authority::of(&exchange.url).map_or_else(String::new, |host| host.to_string()).into();
        return Reading::Final(Outcome::Unreached { fault: NetFault::Tls(fault), host });
    }
    let parsed = error_body::parse(exchange.status, content_type(&exchange.headers), body);
    let mut answer = parsed.answer;
    let is_vague = answer.code.as_deref().is_none_or(|code| code == "UNKNOWN");
    let inner = parsed.inner_codes.into_iter().next();
    let is_settled =
        inner.as_deref().is_some_and(|code| matches!(code, "DENIED" | "UNAUTHORIZED" | "MANIFEST_UNKNOWN"));
    if is_vague && exchange.status >= 500 {
        answer.code = inner.or(answer.code);
    }
    match exchange.status {
        404 | 410 if is_registry(&exchange.headers) || parsed.shape == Shape::Registry => {
            Reading::Final(Outcome::Missing(answer))
        }
        // Static registries say no more; neither does an API gateway without a route.
        404 | 410 if matches!(parsed.shape, Shape::Json | Shape::Empty) => Reading::Vague(answer),
        404 | 410 => Reading::Final(Outcome::Broken(Breakage::NotARegistry(answer))),
        401 => Reading::Final(Outcome::Refused(match exchange.wanted {
            Some(Wanted::Credentials(scheme)) => Refusal::CredentialsNeeded { answer, scheme },
            Some(Wanted::Nothing) if exchange.asked_as == AskedAs::Nobody => Refusal::NoChallenge(answer),
            _ => Refusal::Registry { answer, asked_as: exchange.asked_as },
        })),
        // Quay answers 405 DENIED for a disabled namespace.
        403 | 451 => refused(answer, exchange.asked_as),
        405 if answer.code.as_deref() == Some("DENIED") => refused(answer, exchange.asked_as),
        // A cache that turns upstream's clear answer into its own failure: the same again next time.
        500..600 if is_settled => Reading::Final(Outcome::Broken(Breakage::ServerError(answer))),
        408 | 429 | 500..600 => transient(&exchange, answer),
        _ => Reading::Final(Outcome::Broken(Breakage::OddStatus(answer))),
    }
}

fn refused(answer: Answer, asked_as: AskedAs) -> Reading {
    Reading::Final(Outcome::Refused(Refusal::Registry { answer, asked_as }))
}

fn read_manifest(exchange: Exchange, asked: Option<&Digest>, notes: &mut Vec<Note>) -> Outcome {
    let too_large = || Outcome::Broken(Breakage::TooLarge { limit_bytes: MAX_MANIFEST_BYTES as u64 });
    let not_a_manifest = |why: String| Outcome::Broken(Breakage::NotAManifest { why: why.into() });
    let Exchange { headers, body, status, .. } = exchange;
    let Body::Read(body) = body else { return too_large() };
    let encoding = headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes);
    let bytes = match body::decode(encoding, body, MAX_MANIFEST_BYTES) {
        Ok(decoded) => {
            if decoded.encoding != Encoding::Identity {
                let named = String::from_utf8_lossy(encoding.unwrap_or_default());
                notes.push(Note::Encoded(named.chars().take(40).collect()));
            }
            decoded.bytes
        }
        Err(BodyFault::TooLarge { .. }) => return too_large(),
        Err(fault) => return not_a_manifest(fault.to_string()),
    };
    let content_type = content_type(&headers);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Outcome::Broken(Breakage::Empty);
    }
    if error_body::looks_like_html(content_type, &bytes) {
        return Outcome::Broken(Breakage::Html { title: error_body::html_title(&bytes) });
    }
    let declared = media_type(content_type);
    let manifest = match Manifest::parse(&bytes, declared) {
        Ok(manifest) => manifest,
        Err(ManifestError::ErrorDocument) => {
            let answer = error_body::parse(status, content_type, &bytes).answer;
            return Outcome::Broken(Breakage::ErrorDocument(answer));
        }
        Err(error) => return not_a_manifest(error.to_string()),
    };
    note_content_type(content_type, declared, notes);
    let header = digest_header(&headers);
    if header.is_none() {
        notes.push(Note::NoDigestHeader);
    }
    let media_type = Some(manifest.media_type);
    let is_schema1 = manifest.media_type.is_schema1();
    let manifest = Some(Arc::new(manifest));
    let length = Some(bytes.len() as u64);
    if is_schema1 {
        // The digest of schema 1 is of a part of the bytes: the header is all there is.
        let source = if header.is_some() { DigestSource::Header } else { DigestSource::Body };
        let digest = header.unwrap_or_else(|| Digest::sha256(&bytes));
        return Outcome::Found(Facts { digest, source, media_type, manifest, bytes: length });
    }
    let digest = match asked {
        Some(asked) => {
            let found = asked.algorithm().digest(&bytes);
            if found != *asked {
                return Outcome::Broken(Breakage::WrongBytes { asked: asked.clone(), found });
            }
            found
        }
        None => Digest::sha256(&bytes),
    };
    let source = match header {
        None => DigestSource::Body,
        Some(header) if header.matches(&bytes) => DigestSource::Both,
        Some(header) => DigestSource::Contradicted { header },
    };
    Outcome::Found(Facts { digest, source, media_type, manifest, bytes: length })
}

fn read_fault(fault: ExchangeFault, trail: &mut Trail) -> Reading {
    match fault {
        ExchangeFault::Net { fault: NetFault::Shut(shut), host } => Reading::Shut { host, shut },
        ExchangeFault::Net { fault, host } => {
            Reading::Again { outcome: Outcome::Unreached { fault, host }, why: Trouble::Net }
        }
        ExchangeFault::Redirect { fault, status } => {
            trail.http_status = Some(status);
            Reading::Final(Outcome::Broken(Breakage::Redirect(fault)))
        }
        ExchangeFault::Token(fault) => read_token_fault(fault),
    }
}

fn read_token_fault(fault: TokenFault) -> Reading {
    match fault {
        TokenFault::Net { host, fault: NetFault::Shut(shut) } => Reading::Shut { host, shut },
        TokenFault::Net { host, fault } => {
            Reading::Again { outcome: Outcome::Unreached { fault, host }, why: Trouble::Net }
        }
        TokenFault::Realm { realm, why } => Reading::Final(Outcome::Refused(Refusal::Realm { realm, why })),
        TokenFault::Rejected(rejection) => Reading::Final(Outcome::Refused(Refusal::Credentials(rejection))),
        TokenFault::NoToken { host, why } => {
            Reading::Final(Outcome::Broken(Breakage::TokenService { host, why }))
        }
        TokenFault::Redirect(fault) => Reading::Final(Outcome::Broken(Breakage::Redirect(fault))),
        TokenFault::Status { host, answer, retry_after } => {
            let status = answer.status;
            let retry_after =
                retry_after.and_then(|value| retry::parse_retry_after(&value, SystemTime::now()));
            let outcome = match status {
                429 => Outcome::Throttled { answer, retry_after, service: Some(host) },
                408 | 500..600 => {
                    let why = format!("it answered {}", in_words(&answer));
                    Outcome::Broken(Breakage::TokenService { host, why: why.into() })
                }
                _ => return Reading::Final(Outcome::Refused(Refusal::Token { host, answer })),
            };
            Reading::Again { outcome, why: Trouble::Status { status, retry_after } }
        }
    }
}

fn in_words(answer: &Answer) -> String {
    match &*answer.message {
        "" => answer.status.to_string(),
        message => format!("{}: {message}", answer.status),
    }
}

/// Whether a registry wrote this answer, and not a web server in front of it.
fn is_registry(headers: &HeaderMap) -> bool {
    headers.contains_key("docker-distribution-api-version")
}

fn content_type(headers: &HeaderMap) -> Option<&[u8]> {
    headers.get(header::CONTENT_TYPE).map(http::HeaderValue::as_bytes)
}

fn media_type(content_type: Option<&[u8]>) -> Option<MediaType> {
    MediaType::parse(std::str::from_utf8(content_type?).ok()?)
}

fn note_content_type(content_type: Option<&[u8]>, known: Option<MediaType>, notes: &mut Vec<Note>) {
    if known.is_none() {
        let text = String::from_utf8_lossy(content_type.unwrap_or_default());
        let note = Note::ContentType(text.chars().take(100).collect());
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
}

/// `Docker-Content-Digest`, if it is a digest; rubbish counts as absent.
fn digest_header(headers: &HeaderMap) -> Option<Digest> {
    let mut values = headers.get_all("docker-content-digest").iter();
    let value = values.next()?;
    // Of two that differ, neither can be believed.
    if values.any(|other| other != value) {
        return None;
    }
    std::str::from_utf8(value.as_bytes()).ok()?.trim().parse().ok()
}
