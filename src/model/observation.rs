//! What one endpoint answered to one question: facts only, no opinion.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::blob::Contact;
use super::digest::Digest;
use super::endpoint::Authority;
use super::fault::{NetFault, RedirectFault, Shut};
use super::manifest::{Manifest, MediaType};

/// One answer, with how it was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What came back.
    pub outcome: Outcome,
    /// Status of the last HTTP answer; `None` if there was none.
    pub http_status: Option<u16>,
    /// Status of a HEAD that said too little, where a GET came after it.
    pub head_status: Option<u16>,
    /// How often the question was put: once, plus retries, plus a GET after a HEAD that said too little.
    pub attempts: u32,
    /// Time to the first byte of the answer that counted.
    pub latency: Option<Duration>,
    /// Who the request that was answered said it was.
    pub asked_as: AskedAs,
    /// Where the answer came from, if that was not where the question went.
    pub redirected_to: Option<Box<str>>,
    /// Who else had a part in it; `None` where only the endpoint itself had.
    pub way: Option<Box<Way>>,
    /// Oddities that do not change the outcome.
    pub notes: Vec<Note>,
    /// When the answer was complete (wall clock).
    pub at: OffsetDateTime,
}

/// The hosts on the way to an answer about a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Way {
    /// Each host once, in the order of first contact, the endpoint's own first. One that did not answer is among
    /// them.
    pub hosts: Vec<Contact>,
    /// Where a redirect led that was answered there.
    pub answered_by: Option<Authority>,
}

/// The kinds of answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The manifest is there.
    Found(Facts),
    /// 404, said by a registry.
    Missing(Answer),
    /// 401 or 403 after what could be tried, or the token service refused.
    Refused(Refusal),
    /// 429 to the end.
    Throttled {
        /// What the server said.
        answer: Answer,
        /// What it asked to wait, if it said so.
        retry_after: Option<Duration>,
        /// The token service that said it, if it was not the registry.
        service: Option<Box<str>>,
    },
    /// An answer that is no answer to the question.
    Broken(Breakage),
    /// No answer.
    Unreached {
        /// Why.
        fault: NetFault,
        /// The host that did not answer.
        host: Box<str>,
    },
    /// The question was not put.
    NotAsked(NotAsked),
}

/// Why a question was not put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotAsked {
    /// The run was interrupted.
    Interrupted,
    /// The mirror cannot express the image's name.
    Name(Box<str>),
    /// Nothing more is asked of the host.
    Shut {
        /// The host, which may be that of a token service.
        host: Box<str>,
        /// Why.
        shut: Shut,
    },
    /// The runtime whose configuration was read takes no images by tag from the mirror.
    NotForTags,
    /// The same, by digest.
    NotForDigests,
}

/// What is known of a manifest that was served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The digest: of the bytes, if there were any, else as the header says.
    pub digest: Digest,
    /// How the digest was come by.
    pub source: DigestSource,
    /// Media type, from the body or the content type; `None` where a HEAD did not say a known one.
    pub media_type: Option<MediaType>,
    /// The parsed document, if the bytes were read.
    pub manifest: Option<Arc<Manifest>>,
    /// How many bytes it has, if they were read.
    pub bytes: Option<u64>,
}

impl Facts {
    /// Whether what was served goes by this digest: by the header's algorithm or, where the bytes were read, by sha256.
    #[must_use]
    pub fn goes_by(&self, digest: &Digest) -> bool {
        let other = if let DigestSource::Named { sha256 } = &self.source { Some(sha256) } else { None };
        self.digest == *digest || other == Some(digest)
    }

    /// Whether this is what was served there too, by whatever digests.
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        let by_sha256 = if let DigestSource::Named { sha256 } = &other.source { Some(sha256) } else { None };
        self.goes_by(&other.digest) || by_sha256.is_some_and(|sha256| self.goes_by(sha256))
    }
}

/// How a digest was come by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DigestSource {
    /// From the `Docker-Content-Digest` header alone.
    Header,
    /// From hashing the bytes; the header was absent or unusable.
    Body,
    /// It was asked for, no header names it, and the bytes cannot be held to it: schema 1.
    Asked,
    /// Both, and they agree.
    Both,
    /// Both, and they agree by another algorithm than sha256: the digest is the name by which the registry knows the
    /// manifest.
    Named {
        /// What the same bytes are called where sha256 is used.
        sha256: Digest,
    },
    /// Both, and the header says something else.
    Contradicted {
        /// What the header says.
        header: Digest,
    },
}

/// What a server said in words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// First error code of the body (`MANIFEST_UNKNOWN`), as sent.
    pub code: Option<Box<str>>,
    /// First message of the body, as sent; empty if none. Not escaped.
    pub message: Box<str>,
}

/// Who refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The registry answered 401 or 403 to the request itself.
    Registry {
        /// What it said.
        answer: Answer,
        /// Who it was told that we are.
        asked_as: AskedAs,
    },
    /// 401 without a challenge that can be answered.
    NoChallenge(Answer),
    /// The challenge asks for credentials, and there are none.
    CredentialsNeeded {
        /// What the registry said.
        answer: Answer,
        /// Authentication scheme asked for.
        scheme: Box<str>,
    },
    /// Credentials were refused, and without them there is no access.
    Credentials(Rejection),
    /// The token service refused.
    Token {
        /// Host of the token service.
        host: Box<str>,
        /// What it said.
        answer: Answer,
    },
    /// The challenge names a token service that must not be asked.
    Realm {
        /// The realm, without its query.
        realm: Box<str>,
        /// Why it must not be asked.
        why: &'static str,
    },
}

/// Who a request said it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum AskedAs {
    /// Nobody: no `Authorization` was sent.
    #[default]
    Nobody,
    /// Anybody: a token that takes no credentials to get.
    Anonymous,
    /// Somebody.
    User {
        /// The name stored with the credentials; `<token>` where there is none.
        user: Box<str>,
        /// Where the credentials come from.
        source: Box<str>,
    },
}

/// Credentials that were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// Who refused: a registry, or its token service.
    pub host: Box<str>,
    /// What it said.
    pub answer: Answer,
    /// Whose they were.
    pub credentials: AskedAs,
}

/// Answers that are no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breakage {
    /// 5xx to the end.
    ServerError(Answer),
    /// A web page with a success status.
    Html {
        /// Its `<title>`, if there was one. Not escaped.
        title: Option<Box<str>>,
    },
    /// Success without a body.
    Empty,
    /// Success with an error document.
    ErrorDocument(Answer),
    /// Success with a body that is no manifest.
    NotAManifest {
        /// What is wrong with it.
        why: Box<str>,
    },
    /// The manifest is larger than is read.
    TooLarge {
        /// The limit.
        limit_bytes: u64,
    },
    /// Asked for by digest, and the bytes are others.
    WrongBytes {
        /// What was asked for.
        asked: Digest,
        /// What the bytes hash to.
        found: Digest,
    },
    /// A redirect that is not followed.
    Redirect {
        /// Why not.
        fault: RedirectFault,
        /// The host that sent it, where that is not the one that was asked first.
        by: Option<Box<str>>,
    },
    /// 404 with a page that no registry writes: probably not a registry's path.
    NotARegistry(Answer),
    /// A status that fits no rule.
    OddStatus(Answer),
    /// The token service answered, but with no token.
    TokenService {
        /// Its host.
        host: Box<str>,
        /// What is wrong.
        why: Box<str>,
    },
}

/// Oddities worth telling that change no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The content type is not the manifest's own; its media type was taken from the body.
    ContentType(Box<str>),
    /// HEAD failed, GET worked.
    HeadUnsupported(u16),
    /// No usable `Docker-Content-Digest`; the body was hashed.
    NoDigestHeader,
    /// Said to be compressed, although it was asked not to be.
    Encoded(Box<str>),
    /// `Warning: 299` of the registry.
    Warning(Box<str>),
    /// Answered only after `?ns=` was left out.
    WithoutNamespace,
    /// The credentials for this host were refused; public access works.
    CredentialsRejected(Rejection),
}

impl Observation {
    /// What is known without a request: this outcome, at this time.
    #[must_use]
    pub const fn unasked(outcome: Outcome, at: OffsetDateTime) -> Self {
        Self {
            outcome,
            http_status: None,
            head_status: None,
            attempts: 0,
            latency: None,
            asked_as: AskedAs::Nobody,
            redirected_to: None,
            way: None,
            notes: Vec::new(),
            at,
        }
    }

    /// The facts, if the manifest was found.
    #[must_use]
    pub const fn facts(&self) -> Option<&Facts> {
        match &self.outcome {
            Outcome::Found(facts) => Some(facts),
            _ => None,
        }
    }

    /// The digest, if the manifest was found.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.facts().map(|facts| &facts.digest)
    }

    /// The parsed document, if the manifest was found and read.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.facts().and_then(|facts| facts.manifest.as_deref())
    }
}
