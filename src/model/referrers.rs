//! What refers to an image: signatures, SBOMs and attestations beside it. Whether they are there; nobody verifies them.
//!
//! Sources: distribution-spec "Listing Referrers" and "Referrers Tag Schema"; cosign's tags.

use time::OffsetDateTime;

use super::depth::Depth;
use super::digest::Digest;
use super::observation::Observation;

/// Most referrers of one image that are looked at.
pub const MAX_REFERRERS: usize = 1_000;
/// Most pages of their list that are read.
pub const MAX_PAGES: usize = 20;
/// Most that a result names.
pub const MAX_NAMED: usize = 20;

/// Most of upstream's list of one image that are asked for by digest on account of one mirror, as far as the image is
/// looked at there. Nearly all images have fewer than five.
#[must_use]
pub const fn most_asked(depth: Depth) -> usize {
    match depth {
        Depth::Head | Depth::Manifest => 20,
        Depth::Platforms | Depth::Blobs | Depth::Content => 100,
    }
}

/// Behind the tag that a digest makes: how cosign names what it keeps beside an image.
pub const COSIGN_SUFFIXES: [&str; 3] = [".sig", ".att", ".sbom"];

/// The tag under which registries without the API keep the list (distribution-spec "Referrers Tag Schema"); behind it
/// cosign puts its suffixes.
#[must_use]
pub fn fallback_tag(digest: &Digest) -> String {
    let text = digest.to_string();
    let (algorithm, encoded) = text.split_once(':').unwrap_or((&text, ""));
    let legal = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '-' };
    let [algorithm, encoded] = [(algorithm, 32), (encoded, 64)]
        .map(|(text, most)| text.chars().take(most).map(legal).collect::<String>());
    format!("{algorithm}-{encoded}")
}

/// Whether signatures and the like are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AskReferrers {
    /// No.
    #[default]
    No,
    /// Wherever a mirror serves upstream's digest.
    Yes,
}

/// One that refers to an image.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Referrer {
    /// In the list: the digest of its manifest.
    Listed(Digest),
    /// Under this tag of cosign's.
    Tag(Box<str>),
}

/// Where referrers are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The list: of the API, or under the tag that stands in for it.
    List,
    /// This tag of cosign's.
    Tag(Box<str>),
}

/// How every sentence begins that says that referrers could not be found out: reports know it by that.
pub const NOT_FOUND_OUT: &str = "which signatures, SBOMs and attestations there are could not be found out";

impl Referrer {
    /// Whether this is where it would be.
    #[must_use]
    pub fn is_of(&self, source: &Source) -> bool {
        match (self, source) {
            (Self::Listed(_), Source::List) => true,
            (Self::Tag(tag), Source::Tag(source)) => tag == source,
            (Self::Listed(_), Source::Tag(_)) | (Self::Tag(_), Source::List) => false,
        }
    }
}

/// Why a list of referrers may not be whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gap {
    /// A question got this answer, which says neither what there is nor that there is nothing.
    Answer(Box<Observation>),
    /// What stands there is a manifest, but no list.
    NoList,
    /// More than [`MAX_PAGES`] or [`MAX_REFERRERS`], or a page that leads to one that was read before.
    Endless,
    /// A next page that is not where the list is.
    Elsewhere,
}

/// What one endpoint has of the referrers of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrersObservation {
    /// Those that were found, each once.
    pub found: Vec<Referrer>,
    /// Where there may be more, and why: each place at most once.
    pub gaps: Vec<(Source, Gap)>,
    /// When the last answer was complete (wall clock).
    pub at: OffsetDateTime,
}

/// What a result tells of referrers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReferrersLine {
    /// How many upstream has.
    pub upstream: usize,
    /// Those of them that the mirror lacks: digests, and tags of cosign's. At most [`MAX_NAMED`].
    pub absent: Vec<Box<str>>,
    /// How many it lacks.
    pub absent_total: usize,
    /// How many of these stand in its list all the same.
    pub gone_total: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_makes_a_tag_of_bounded_length() {
        let hex = "a".repeat(64);
        let tag = |text: String| fallback_tag(&text.parse().unwrap());
        assert_eq!(tag(format!("sha256:{hex}")), format!("sha256-{hex}"));
        assert_eq!(tag(format!("sha512:{}", "a".repeat(128))), format!("sha512-{hex}"));
    }
}
