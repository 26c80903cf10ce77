//! What became of a walk along a runtime's route when its places were really asked: who would have served
//! the pull, and whether that is what upstream serves.

use std::time::Duration;

use super::digest::Digest;
use super::node::Walk;
use super::observation::Observation;
use super::run::Verdict;

/// A walk with the answers of the places on it.
#[derive(Clone, Debug)]
pub struct Pull {
    /// The way.
    pub walk: Walk,
    /// One for each step of it; `None` where the runtime passes it over.
    pub trials: Vec<Option<Trial>>,
    /// How the walk ends.
    pub end: End,
    /// What the image's own registry said.
    pub upstream: Upstream,
    /// What it said in comparison.
    pub comparison: Comparison,
    /// What a person should know.
    pub findings: Vec<Finding>,
}

/// One place was asked.
#[derive(Clone, Debug)]
pub struct Trial {
    /// What it answered.
    pub answer: Observation,
    /// What that means by itself.
    pub verdict: Verdict,
    /// What the runtime does about it.
    pub reaction: Reaction,
    /// Why.
    pub why: Box<str>,
    /// What the host's API root said, for runtimes that ask it first.
    pub ping: Option<Ping>,
}

/// A host's API root was asked, as nobody (distribution-spec "Determining Support").
#[derive(Clone, Debug)]
pub struct Ping {
    /// Where the question went.
    pub url: Box<str>,
    /// Status of the last HTTP answer; `None` if there was none.
    pub http_status: Option<u16>,
    /// Time to the first byte of it.
    pub latency: Option<Duration>,
    /// Whether it asked for a token or credentials: who was not asked here brings none to the manifest either.
    pub is_challenge: bool,
    /// What came instead of the 200 or 401 of a registry.
    pub failure: Option<Box<Observation>>,
}

/// What a runtime does about an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// It takes this manifest.
    Takes,
    /// It asks the next place.
    FallsThrough,
    /// It asks nobody else, and the pull fails.
    Stops,
    /// That is not known here.
    Unknown,
}

impl Reaction {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Takes => "takes",
            Self::FallsThrough => "falls_through",
            Self::Stops => "stops",
            Self::Unknown => "unknown",
        }
    }
}

/// How a walk ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// This step serves the pull.
    Served(usize),
    /// Nobody does: all said so, or the runtime stops at an answer that is no image, or refuses the image.
    Nobody,
    /// It could not be found out.
    Unknown,
}

impl End {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Served(_) => "served",
            Self::Nobody => "nobody",
            Self::Unknown => "unknown",
        }
    }
}

/// The image's own registry, by its own name.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The manifest URL.
    pub url: Box<str>,
    /// What its answer means; `None` where it was not asked.
    pub verdict: Option<Verdict>,
}

/// Whether what was served is what upstream serves.
#[derive(Clone, Debug)]
pub enum Comparison {
    /// Nothing was served.
    Nothing,
    /// Upstream itself served it.
    Itself,
    /// The digests are equal, or the image is pinned to this one.
    Equal,
    /// They are not; how the check judges that.
    Differs(Verdict),
    /// Upstream could not be asked, or does not have it.
    Unknown,
}

impl Comparison {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing_served",
            Self::Itself => "upstream_itself",
            Self::Equal => "equal",
            Self::Differs(_) => "differs",
            Self::Unknown => "unknown",
        }
    }
}

/// Something that a person should know of a pull.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub kind: FindingKind,
    /// In words.
    pub text: Box<str>,
}

/// The kinds of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindingKind {
    /// A mirror is configured, and yet upstream served.
    SilentFallback,
    /// A mirror served another image than upstream has under this tag.
    StaleMirror,
    /// A mirror served something else that is not what upstream serves.
    MirrorDiffers,
}

impl FindingKind {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SilentFallback => "silent-fallback-to-upstream",
            Self::StaleMirror => "stale-mirror-wins",
            Self::MirrorDiffers => "mirror-differs",
        }
    }
}

impl Pull {
    /// The digest that was served.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        let End::Served(step) = self.end else { return None };
        self.trials.get(step)?.as_ref()?.answer.digest()
    }
}
