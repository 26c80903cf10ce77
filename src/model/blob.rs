//! What one endpoint answered for one blob (a config or a layer), and which hosts had a part in it: facts only.
//!
//! What an answer means for the image is judged elsewhere. Sizes are those of descriptors (image-spec
//! `descriptor.md`); an answer of another size is an answer with another blob.

use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use super::digest::Digest;
use super::endpoint::Authority;
use super::fault::NetFault;
use super::observation::{Answer, AskedAs, Breakage, NotAsked, Note, Refusal};
use super::platform::Platform;

/// The largest blob that is read, in bytes: beyond what any image has, and what a hostile registry can cost
/// where nothing else bounds it.
pub const MAX_BLOB_BYTES: u64 = 128 << 30;

/// A blob that a manifest names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Blob {
    /// Its digest.
    pub digest: Digest,
    /// Its size in bytes; `None` where the manifest's is absent, negative or beyond what can be.
    pub size: Option<u64>,
    /// For which platform its image is, where this is a config and the index that leads to it says so.
    pub platform: Option<Arc<Platform>>,
}

/// One answer about one blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobObservation {
    /// What came back.
    pub outcome: BlobOutcome,
    /// Status of the last HTTP answer; `None` if there was none.
    pub http_status: Option<u16>,
    /// How often the question was put: once, plus retries, plus a GET after a HEAD that said too little, plus
    /// a resumption.
    pub attempts: u32,
    /// Time to the first byte of the answer that counted.
    pub latency: Option<Duration>,
    /// Who gave the last answer: the registry, or where it redirected to. `None` if nobody did.
    pub answered_by: Option<Authority>,
    /// Who the request that was answered said it was.
    pub asked_as: AskedAs,
    /// Every host that a pull of this blob would have to reach, as far as it was found out, each once, in the
    /// order of first contact. One that did not answer, or was not asked after all, is among them.
    pub hosts: Vec<Contact>,
    /// When the image was made, where this is a config that was read for what it says, and it says so.
    pub created: Option<OffsetDateTime>,
    /// The same for the platform.
    pub platform: Option<Box<Platform>>,
    /// What was read of the blob, piece by piece: one, or two where it was resumed; none where only its
    /// presence was asked for.
    pub transfers: Vec<Transfer>,
    /// Oddities that do not change the outcome.
    pub notes: Vec<Note>,
    /// When the answer was complete (wall clock).
    pub at: OffsetDateTime,
}

/// The kinds of answer about a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobOutcome {
    /// It is there; its bytes were not read.
    Present {
        /// Its size as the server says, in bytes; `None` if it did not say.
        size: Option<u64>,
    },
    /// All its bytes were read, and they are of the right number and digest.
    Read {
        /// How many they are.
        bytes: u64,
    },
    /// 404 to HEAD and GET alike.
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
    /// An answer that is not this blob.
    Broken(BlobBreakage),
    /// No answer, or one that ended early or came too slowly.
    Unreached {
        /// Why.
        fault: NetFault,
        /// The host that failed: where there was a redirect, the one that it led to.
        host: Box<str>,
    },
    /// The question was not put.
    NotAsked(NotAsked),
    /// Its bytes were not read: they are more than is left of the budget.
    OverBudget,
}

impl BlobOutcome {
    /// Whether it is what whoever gave the last answer said of the blob, rather than a token service's word, a
    /// silence, or nothing at all.
    #[must_use]
    pub const fn is_of_answerer(&self) -> bool {
        match self {
            Self::Present { .. } | Self::Read { .. } | Self::Missing(_) => true,
            Self::Refused(refusal) => matches!(
                refusal,
                Refusal::Registry { .. } | Refusal::NoChallenge(_) | Refusal::CredentialsNeeded { .. }
            ),
            Self::Throttled { service, .. } => service.is_none(),
            Self::Broken(BlobBreakage::Answer(breakage)) => {
                !matches!(breakage, Breakage::Redirect { .. } | Breakage::TokenService { .. })
            }
            Self::Broken(_) => true,
            Self::Unreached { .. } | Self::NotAsked(_) | Self::OverBudget => false,
        }
    }
}

/// Answers that are not this blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlobBreakage {
    /// The size is not the manifest's.
    WrongSize {
        /// By the manifest, in bytes.
        declared: u64,
        /// By the answer's headers or its end, in bytes.
        found: u64,
    },
    /// More bytes came than the manifest declares, and nothing had said how many there would be.
    Endless {
        /// By the manifest, in bytes; reading ended there.
        declared: u64,
    },
    /// The bytes, of which there are as many as declared, hash to another digest.
    WrongBytes {
        /// What they hash to.
        found: Digest,
    },
    /// No answer to such a question: a web page, 5xx to the end, a redirect that is not followed, …
    Answer(Breakage),
}

/// One host on the way to a blob or manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// The host, with scheme and port: what a firewall would have to let through.
    pub authority: Authority,
    /// What it is there for.
    pub part: Part,
}

/// What a host is there for when an image is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// Asked first: the mirror or registry itself.
    Registry,
    /// Gives tokens.
    TokenService,
    /// A redirect led there for a blob.
    BlobStore,
    /// A redirect led there for a manifest.
    ManifestStore,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Registry, Self::TokenService, Self::BlobStore, Self::ManifestStore];

    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Registry => "registry",
            Self::TokenService => "token_service",
            Self::BlobStore => "blob_store",
            Self::ManifestStore => "manifest_store",
        }
    }
}

/// Bytes that came from one host in one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// From whom.
    pub from: Authority,
    /// How many.
    pub bytes: u64,
    /// When they were asked for, counted from the same moment for all transfers of a run.
    pub began: Duration,
    /// From then to the last byte that came.
    pub took: Duration,
}

impl BlobObservation {
    /// What is known without a request: this outcome, at this time.
    #[must_use]
    pub const fn unasked(outcome: BlobOutcome, at: OffsetDateTime) -> Self {
        Self {
            outcome,
            http_status: None,
            attempts: 0,
            latency: None,
            answered_by: None,
            asked_as: AskedAs::Nobody,
            hosts: Vec::new(),
            created: None,
            platform: None,
            transfers: Vec::new(),
            notes: Vec::new(),
            at,
        }
    }

    /// The same for another image that shares the blob: its bytes were not read again.
    #[must_use]
    pub fn shared(&self) -> Self {
        Self { transfers: Vec::new(), ..self.clone() }
    }

    /// The platform of a config that nobody was asked for: an index has told it.
    #[must_use]
    pub fn told(platform: Box<Platform>, at: OffsetDateTime) -> Self {
        Self { platform: Some(platform), ..Self::unasked(BlobOutcome::Present { size: None }, at) }
    }

    /// Whether it is [`told`](Self::told), and says nothing of the endpoint.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.attempts == 0 && self.platform.is_some() && matches!(self.outcome, BlobOutcome::Present { .. })
    }

    /// Bytes of the blob that were read, whatever became of them.
    #[must_use]
    pub fn received_bytes(&self) -> u64 {
        self.transfers.iter().map(|transfer| transfer.bytes).sum()
    }
}
