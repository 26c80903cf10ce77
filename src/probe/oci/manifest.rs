//! The question itself: does this endpoint serve this manifest, and which one is it?
//!
//! HEAD where it suffices, GET where HEAD says too little (distribution-spec "Checking if content exists";
//! HEAD is not honoured everywhere), tried again where that can help.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, Method, header};
use url::Url;

use super::attempts::{Again, Attempts};
use super::authorize::{Authorizer, Session};
use super::blob::GivenUp;
use super::error_body;
use super::exchange::{self, Call, Exchange};
use super::ping::Pings;
use super::reading::{self, Failure, Reading, Trail, content_type};
use super::root::Roots;
use super::token::Tokens;
use crate::credentials::Sources;
use crate::model::budget::ByteBudget;
use crate::model::digest::{Algorithm, Digest};
use crate::model::endpoint::{Endpoint, Namespace};
use crate::model::image::{ImageRef, ManifestRef};
use crate::model::manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestError, MediaType};
use crate::model::observation::{
    Answer, Breakage, DigestSource, Facts, NotAsked, Note, Observation, Outcome,
};
use crate::model::plan::Plan;
use crate::net::body::{self, BodyFault, Encoding};
use crate::net::client::{Body, Client};
use crate::net::retry::RetryPolicy;

/// Asks registries.
#[derive(Debug)]
pub struct Registries {
    pub(super) client: Arc<Client>,
    pub(super) authorizer: Authorizer,
    pub(super) roots: Roots,
    pub(super) pings: Pings,
    pub(super) retry: RetryPolicy,
    pub(super) given_up: Mutex<Vec<GivenUp>>,
    pub(super) budget: Option<Arc<ByteBudget>>,
}

/// Whether the bytes are wanted, or only word of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// HEAD, and GET where that says too little.
    Head,
    /// GET: the bytes.
    Get,
    /// GET, the first request with what the host's [ping](Registries::ping) asked for, and no other without it.
    AsPinged,
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Missing(answer) => Self::Missing(answer),
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Throttled { answer, retry_after, service } => {
                Self::Throttled { answer, retry_after, service }
            }
            Failure::Broken(breakage) => Self::Broken(breakage),
            Failure::Unreached { fault, host } => Self::Unreached { fault, host },
            Failure::NotAsked(why) => Self::NotAsked(why),
        }
    }
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
        Self {
            client,
            authorizer,
            roots: Roots::default(),
            pings: Pings::default(),
            retry,
            given_up: Mutex::default(),
            budget: None,
        }
    }

    /// Where the bytes of blobs are limited, and one must be read again from its beginning, what is read twice is
    /// taken from `budget`.
    #[must_use]
    pub fn within(self, budget: Option<Arc<ByteBudget>>) -> Self {
        Self { budget, ..self }
    }

    /// From now on this plan tells what else will be asked; what is known of hosts and tokens is kept.
    pub fn expect(&self, plan: &Arc<Plan>) {
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
        trail.into_observation(outcome)
    }

    /// Asks for one page of a list, which is a manifest too; where it goes on comes with it.
    pub(super) async fn observe_list(&self, url: &Url, repository: &str) -> (Observation, Option<Box<str>>) {
        let mut trail = Trail::default();
        let outcome = self.put(&mut trail, url, repository, ManifestRef::Tag(""), Ask::Get).await;
        let next = trail.next_page.take();
        (trail.into_observation(outcome), next)
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
        let mut session = match ask {
            Ask::Head | Ask::Get => Session::default(),
            Ask::AsPinged => self.pings.session(url),
        };
        let outcome = self.put_in(&mut session, trail, (url, repository), reference, ask).await;
        trail.way.hosts = session.into_contacts();
        outcome
    }

    async fn put_in(
        &self,
        session: &mut Session,
        trail: &mut Trail,
        (url, repository): (&Url, &str),
        reference: ManifestRef<'_>,
        ask: Ask,
    ) -> Outcome {
        let asked = match reference {
            ManifestRef::Digest(digest) => Some(digest),
            ManifestRef::Tag(_) => None,
        };
        let mut method = match ask {
            Ask::Head => Method::HEAD,
            Ask::Get | Ask::AsPinged => Method::GET,
        };
        let mut attempts = Attempts::new(self, (url, repository));
        loop {
            attempts.begin(trail);
            let call = Call::manifest(&method);
            let target = (url, repository);
            let end = exchange::exchange(&self.client, &self.authorizer, session, &call, target).await;
            let reading = match end {
                Ok(mut exchange) => {
                    trail.note(&exchange);
                    let rejection = exchange.rejection.take();
                    let reading = if method == Method::HEAD {
                        read_head(&exchange, asked, trail)
                    } else {
                        read_get(exchange, asked, trail)
                    };
                    reading::with_rejection(reading, rejection, trail)
                }
                Err(fault) => reading::read_fault(fault, trail),
            };
            match attempts.follow(reading, trail).await {
                ControlFlow::Break(Ok(facts)) => return Outcome::Found(facts),
                ControlFlow::Break(Err(failure)) => return failure.into(),
                ControlFlow::Continue(Again::Alike) => {}
                ControlFlow::Continue(Again::ByGet) => {
                    trail.head_status = trail.http_status;
                    if let Some(status) = trail.http_status.filter(|status| *status >= 400) {
                        trail.notes.push(Note::HeadUnsupported(status));
                    }
                    method = Method::GET;
                }
            }
        }
    }
}

fn read_head(exchange: &Exchange, asked: Option<&Digest>, trail: &mut Trail) -> Reading<Facts> {
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
            note_content_type(content_type, media_type, trail);
            Reading::Have(Facts {
                digest,
                source: DigestSource::Header,
                media_type,
                manifest: None,
                bytes: None,
            })
        }
        404 if reading::is_registry(&exchange.headers) => {
            Reading::Failed(Failure::Missing(Answer { status: 404, ..Answer::default() }))
        }
        _ => reading::read_head_error(exchange),
    }
}

fn read_get(exchange: Exchange, asked: Option<&Digest>, trail: &mut Trail) -> Reading<Facts> {
    if !(200..300).contains(&exchange.status) {
        return reading::read_error(&exchange);
    }
    match read_manifest(exchange, asked, trail) {
        Ok(facts) => Reading::Have(facts),
        Err(breakage) => Reading::Failed(Failure::Broken(breakage)),
    }
}

fn read_manifest(exchange: Exchange, asked: Option<&Digest>, trail: &mut Trail) -> Result<Facts, Breakage> {
    let too_large = || Breakage::TooLarge { limit_bytes: MAX_MANIFEST_BYTES as u64 };
    let not_a_manifest = |why: String| Breakage::NotAManifest { why: why.into() };
    let Exchange { headers, body, status, .. } = exchange;
    let Body::Read(body) = body else { return Err(too_large()) };
    let encoding = headers.get(header::CONTENT_ENCODING).map(http::HeaderValue::as_bytes);
    let bytes = match body::decode(encoding, body, MAX_MANIFEST_BYTES) {
        Ok(decoded) => {
            if decoded.encoding != Encoding::Identity {
                let named = String::from_utf8_lossy(encoding.unwrap_or_default());
                trail.notes.push(Note::Encoded(named.chars().take(40).collect()));
            }
            decoded.bytes
        }
        Err(BodyFault::TooLarge { .. }) => return Err(too_large()),
        Err(fault) => return Err(not_a_manifest(fault.to_string())),
    };
    let content_type = content_type(&headers);
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Breakage::Empty);
    }
    if error_body::looks_like_html(content_type, &bytes) {
        return Err(Breakage::Html { title: error_body::html_title(&bytes) });
    }
    let declared = media_type(content_type);
    let manifest = match Manifest::parse(&bytes, declared) {
        Ok(manifest) => manifest,
        Err(ManifestError::ErrorDocument) => {
            let answer = error_body::parse(status, content_type, &bytes).answer;
            return Err(Breakage::ErrorDocument(answer));
        }
        Err(error) => return Err(not_a_manifest(error.to_string())),
    };
    note_content_type(content_type, declared, trail);
    let header = digest_header(&headers);
    let media_type = Some(manifest.media_type);
    let is_schema1 = manifest.media_type.is_schema1();
    // Of schema 1 that was asked for by digest nothing is hashed.
    if header.is_none() && !(is_schema1 && asked.is_some()) {
        trail.notes.push(Note::NoDigestHeader);
    }
    let manifest = Some(Arc::new(manifest));
    let length = Some(bytes.len() as u64);
    if is_schema1 {
        // The digest of schema 1 is of a part of the bytes: the header is all there is.
        let (digest, source) = match (header, asked) {
            (Some(header), _) => (header, DigestSource::Header),
            (None, Some(asked)) => (asked.clone(), DigestSource::Asked),
            (None, None) => (Digest::sha256(&bytes), DigestSource::Body),
        };
        return Ok(Facts { digest, source, media_type, manifest, bytes: length });
    }
    let digest = match asked {
        Some(asked) => {
            let found = asked.algorithm().digest(&bytes);
            if found != *asked {
                return Err(Breakage::WrongBytes { asked: asked.clone(), found });
            }
            found
        }
        // By the algorithm of the registry's own name for it: digests of two cannot be compared.
        None => header.as_ref().map_or(Algorithm::Sha256, Digest::algorithm).digest(&bytes),
    };
    let source = match header {
        None => DigestSource::Body,
        Some(header) if header == digest && digest.algorithm() != Algorithm::Sha256 => {
            DigestSource::Named { sha256: Digest::sha256(&bytes) }
        }
        Some(header) if header.matches(&bytes) => DigestSource::Both,
        Some(header) => DigestSource::Contradicted { header },
    };
    Ok(Facts { digest, source, media_type, manifest, bytes: length })
}

fn media_type(content_type: Option<&[u8]>) -> Option<MediaType> {
    MediaType::parse(std::str::from_utf8(content_type?).ok()?)
}

fn note_content_type(content_type: Option<&[u8]>, known: Option<MediaType>, trail: &mut Trail) {
    if known.is_none() {
        let text = String::from_utf8_lossy(content_type.unwrap_or_default());
        trail.add(Note::ContentType(text.chars().take(100).collect()));
    }
}

static DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");

/// `Docker-Content-Digest`, if it is a digest; rubbish counts as absent.
fn digest_header(headers: &HeaderMap) -> Option<Digest> {
    let mut values = headers.get_all(&DOCKER_CONTENT_DIGEST).iter();
    let value = values.next()?;
    // Of two that differ, neither can be believed.
    if values.any(|other| other != value) {
        return None;
    }
    std::str::from_utf8(value.as_bytes()).ok()?.trim().parse().ok()
}
