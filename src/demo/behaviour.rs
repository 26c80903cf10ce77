//! The ways in which real registries, mirrors and portals were seen to misbehave, and for whom they do.
//!
//! A rule is a [`Scope`], a [`Behaviour`] and how often it holds ([`Times`]). Rules apply in the order in
//! which they were set, each to what the one before made of the answer, so they compose. Authentication
//! comes before them: a request that gets a challenge is not bent any further.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::StatusCode;

use super::answer::{Answer, Fate};
use super::request::{Asked, Route};
use super::store::Store;

/// Which requests a behaviour is for. Those to the token service belong to [`Scope::Token`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All but the token service.
    All,
    /// The API root.
    Ping,
    /// Manifests of every repository.
    Manifests,
    /// Blobs of every repository.
    Blobs,
    /// The lists of what refers to manifests.
    Referrers,
    /// Everything of one repository.
    Repository(String),
    /// One tag or digest of one repository, manifests and blobs alike. Behaviours that are about a tag
    /// and its digest also see requests for the digest that the tag points at.
    Reference(String, String),
    /// The token service.
    Token,
}

impl Scope {
    /// One repository.
    #[must_use]
    pub fn repository(name: &str) -> Self {
        Self::Repository(name.to_owned())
    }

    /// One tag or digest of one repository.
    #[must_use]
    pub fn reference(repository: &str, reference: &str) -> Self {
        Self::Reference(repository.to_owned(), reference.to_owned())
    }
}

/// How often a behaviour holds, counting only the requests that it changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// Each time.
    Always,
    /// The first so many times; well-behaved from then on.
    First(u64),
    /// Not for the first so many times; always from then on.
    After(u64),
}

/// A failing answer, spelled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Status code.
    pub code: u16,
    /// `Retry-After`, verbatim: seconds, an HTTP date or rubbish.
    pub retry_after: Option<String>,
    /// Body.
    pub body: String,
    /// `Content-Type`; none is sent if empty.
    pub content_type: String,
}

impl Failure {
    /// An error document as a registry sends it.
    #[must_use]
    pub fn registry(code: u16, error: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": error, "message": message}]}).to_string();
        Self { code, retry_after: None, body, content_type: "application/json".to_owned() }
    }

    /// A page, or any other text.
    #[must_use]
    pub fn text(code: u16, content_type: &str, body: &str) -> Self {
        Self { code, retry_after: None, body: body.to_owned(), content_type: content_type.to_owned() }
    }

    /// 429 as Docker Hub sends it.
    #[must_use]
    pub fn throttled(retry_after: Option<&str>) -> Self {
        let message = "You have reached your pull rate limit.";
        Self {
            retry_after: retry_after.map(str::to_owned),
            ..Self::registry(429, "TOOMANYREQUESTS", message)
        }
    }
}

/// One way to misbehave. Those that only bend an answer leave failing answers as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behaviour {
    /// No `Docker-Content-Digest`, nor the `ETag` that repeats it.
    NoDigestHeader,
    /// `Docker-Content-Digest: sha256:bbbb…`, on HEAD and GET.
    WrongDigestHeader,
    /// Another `Content-Type`.
    ContentType(String),
    /// No `Content-Type`.
    NoContentType,
    /// One more header, replacing one of that name. An illegal name is left out.
    Header {
        /// Name.
        name: String,
        /// Value.
        value: String,
    },
    /// One more line break at the end of the body than the digest covers.
    WrongBody,
    /// The last byte is another: the length is right, the digest is not.
    WrongByte,
    /// Another platform's bytes under the same headers: the body is this, whatever the digest says.
    Body(Vec<u8>),
    /// 200 with an HTML page, to HEAD too.
    Html,
    /// 302 to a login page, which is 200 HTML.
    LoginPage,
    /// 200 without a byte.
    Empty200,
    /// 200 with an error document.
    Errors200,
    /// `Content-Encoding: gzip`, whatever was asked for.
    Gzip,
    /// `Content-Encoding: gzip` over plain bytes.
    FalseGzip,
    /// JSON padded with blanks to so many bytes, under the digest of the padded bytes.
    Big(usize),
    /// So many bytes fewer than `Content-Length` promised, then the connection closes.
    Short(usize),
    /// `Content-Length: 0` to HEAD.
    HeadLengthZero,
    /// This `Content-Length` to HEAD.
    HeadLength(usize),
    /// No `Content-Length`: the end of the body tells its length.
    NoLength,
    /// No `Content-Length`, and after the body zeros without end.
    Endless,
    /// All bytes, whichever were asked for.
    IgnoreRange,
    /// HEAD fails so, without any registry header; GET is served.
    HeadStatus(u16),
    /// 307 to the same path and query under another base (`http://host:port`).
    RedirectTo(String),
    /// 307 to the same place.
    RedirectLoop,
    /// 301 to another repository of this registry, as Harbor does for `library/`.
    MovedTo(String),
    /// This failure.
    Status(Failure),
    /// The connection is kept open, nothing is ever answered.
    Silent,
    /// The connection closes without an answer.
    Reset,
    /// Headers and so many bytes of the body, then never more.
    Stall(usize),
    /// Headers, then a byte at a time with this pause after each.
    Trickle(Duration),
    /// The answer waits so long before it starts.
    Delay(Duration),
    /// 404 with an HTML page.
    NotFoundHtml,
    /// 404 with plain text, as a router sends it.
    NotFoundPlain,
    /// A tag serves this platform's manifest out of its index (`os/architecture[/variant]`).
    ChildOf(String),
    /// A tag serves its document written with other white space, which then is also found by its digest.
    Reserialised,
    /// The tag is served; its manifest by digest is 404.
    TagWithoutDigest,
    /// A pull-through cache hiding the cause: tags are 404, digests tell the truth.
    HideBehind404 {
        /// Status of requests by digest.
        digest_status: u16,
    },
    /// 404 without `?ns=`.
    RequireNamespace,
    /// 400 with `?ns=`.
    HateNamespace,
    /// An error of this status whose message is [`HOSTILE_MESSAGE`].
    HostileError(u16),
    /// 401 for ever, with these `WWW-Authenticate` lines verbatim.
    Challenge(Vec<String>),
    /// Reads only the first `Accept` line, and is 404 if the type held is not in it.
    StrictAccept,
}

/// An error message that attacks whatever prints it: a terminal, a spreadsheet, Markdown, HTML, a CI log.
pub const HOSTILE_MESSAGE: &str = "=HYPERLINK(\"http://evil.test\")\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31m\r\n::error::owned\n\
     ##[error]owned | a | b |\n<script>alert(1)</script>\n-->\u{202e}\u{0}`x` \u{9b}31m %0A\u{200b}";

impl Behaviour {
    /// Whether a rule for a tag is also for the digest that the tag points at.
    const fn is_two_sided(&self) -> bool {
        matches!(self, Self::TagWithoutDigest | Self::HideBehind404 { .. })
    }

    /// Whether this would change `answer` to `asked`.
    pub(super) fn concerns(&self, asked: &Asked, answer: &Answer, store: &Store) -> bool {
        match self {
            Self::NoDigestHeader
            | Self::WrongDigestHeader
            | Self::ContentType(_)
            | Self::NoContentType
            | Self::WrongBody
            | Self::WrongByte
            | Self::NoLength
            | Self::Endless
            | Self::Body(_)
            | Self::Gzip
            | Self::FalseGzip
            | Self::Big(_)
            | Self::Short(_)
            | Self::Stall(_)
            | Self::Trickle(_) => answer.status.is_success(),
            Self::IgnoreRange => asked.range().is_some(),
            Self::HeadLengthZero | Self::HeadLength(_) => asked.is_head() && answer.status.is_success(),
            Self::HeadStatus(_) => asked.is_head(),
            Self::ChildOf(_) | Self::Reserialised => {
                answer.status.is_success() && asked.manifest_tag().is_some()
            }
            Self::StrictAccept => answer.status.is_success() && matches!(asked.route, Route::Manifest { .. }),
            Self::TagWithoutDigest => asked.manifest_digest().is_some_and(|digest| {
                let repository = asked.route.repository().unwrap_or_default();
                store.tags(repository).is_some_and(|mut tags| tags.any(|(_, tagged)| *tagged == digest))
            }),
            Self::HideBehind404 { .. } => matches!(asked.route, Route::Manifest { .. }),
            Self::RequireNamespace => !asked.has_namespace(),
            Self::HateNamespace => asked.has_namespace(),
            Self::MovedTo(to) => asked.route.repository().is_some_and(|repository| repository != to),
            _ => true,
        }
    }
}

#[derive(Debug)]
struct Rule {
    scope: Scope,
    behaviour: Behaviour,
    times: Times,
    /// How often it concerned a request.
    used: AtomicU64,
}

impl Rule {
    fn covers(&self, asked: &Asked, store: &Store) -> bool {
        let route = &asked.route;
        match &self.scope {
            Scope::All => !matches!(route, Route::Token | Route::Login),
            Scope::Ping => *route == Route::Ping,
            Scope::Manifests => matches!(route, Route::Manifest { .. }),
            Scope::Blobs => matches!(route, Route::Blob { .. }),
            Scope::Referrers => matches!(route, Route::Referrers { .. }),
            Scope::Repository(name) => route.repository() == Some(name),
            Scope::Reference(name, reference) => {
                route.repository() == Some(name)
                    && (route.reference() == Some(reference)
                        || self.behaviour.is_two_sided()
                            && asked.manifest_digest().as_ref() == store.tagged(name, reference)
                            && asked.manifest_digest().is_some())
            }
            Scope::Token => *route == Route::Token,
        }
    }

    /// Whether it is in force for the request that now concerns it.
    fn take(&self) -> bool {
        let before = self.used.fetch_add(1, Ordering::Relaxed);
        match self.times {
            Times::Always => true,
            Times::First(times) => before < times,
            Times::After(times) => before >= times,
        }
    }
}

/// The rules in force.
#[derive(Debug, Default)]
pub(super) struct Rules(RwLock<Vec<Arc<Rule>>>);

impl Rules {
    pub(super) fn add(&self, scope: Scope, behaviour: Behaviour, times: Times) {
        let rule = Rule { scope, behaviour, times, used: AtomicU64::new(0) };
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(rule));
    }

    pub(super) fn clear(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Bends `answer` as the rules say.
    pub(super) fn bend(&self, asked: &Asked, answer: &mut Answer, store: &mut Store) {
        let rules = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        for rule in rules {
            if answer.fate != Fate::Sent {
                return;
            }
            if rule.covers(asked, store) && rule.behaviour.concerns(asked, answer, store) && rule.take() {
                rule.behaviour.bend(asked, answer, store);
            }
        }
    }
}

/// `code` as a status; 500 where it is none.
pub(super) fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
