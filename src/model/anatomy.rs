//! What an image is made of at one endpoint, as reports tell it: its platforms, and what is wrong with which part.
//!
//! Bounded, because a run holds one for each image and endpoint, and a hostile index may name thousands of parts.

use super::code::Code;
use super::depth::Depth;
use super::digest::Digest;

/// Most findings that are kept of one image at one endpoint; all are counted.
pub const MAX_FINDINGS: usize = 50;
/// Most platforms that are kept of one image at one endpoint; all are counted.
pub const MAX_PLATFORMS: usize = 100;

/// An image at one endpoint, seen from inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anatomy {
    /// How far it was looked at.
    pub depth: Depth,
    /// Its platforms, in the order of the index, and behind them those that were wanted and are not there. At
    /// most [`MAX_PLATFORMS`].
    pub platforms: Vec<PlatformLine>,
    /// How many platforms there are in all.
    pub platforms_total: usize,
    /// Images of the index that nobody wants.
    pub unwanted: usize,
    /// Attestations of the index, which are not looked at.
    pub attestations: usize,
    /// Manifests that were asked for, below the first.
    pub manifests: usize,
    /// Configs and layers that belong to it, each once.
    pub blobs: usize,
    /// Their bytes as the manifests say: what a pull of everything would download.
    pub blob_bytes: u64,
    /// Those whose bytes were not read because they were too many (`--max-bytes`).
    pub uncovered: Uncovered,
    /// What is wrong, the gravest first. At most [`MAX_FINDINGS`].
    pub findings: Vec<Finding>,
    /// How many findings there are in all.
    pub findings_total: usize,
}

/// What a limit on bytes left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncovered {
    /// How many blobs.
    pub blobs: usize,
    /// How many bytes these have.
    pub bytes: u64,
}

/// One platform of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformLine {
    /// Its name, as [`Platform`](super::platform::Platform) shows it; empty where the index does not say.
    pub platform: Box<str>,
    /// The manifest for it, if there is one.
    pub digest: Option<Digest>,
    /// Whether it can be pulled.
    pub state: PlatformState,
    /// The platform that runtimes take in its place, whose manifest it is then; `None` where it is there itself, or
    /// nothing stands in for it.
    pub met_by: Option<Box<str>>,
}

/// Whether a platform can be pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PlatformState {
    /// Everything that was asked for is there.
    Present,
    /// It is not there; what runtimes take in its place is, and upstream has no better.
    Fallback,
    /// Its manifest is there; something below it is not as it should be.
    Damaged,
    /// Its manifest is not there, or the mirror's index does not name one.
    Missing,
    /// Wanted, and upstream's index does not have it.
    NotUpstream,
    /// Not found out.
    Unknown,
}

impl PlatformLine {
    /// Whether a pull for it succeeds and brings another platform.
    #[must_use]
    pub fn is_fallback(&self) -> bool {
        self.state == PlatformState::Fallback
    }
}

impl PlatformState {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Present, Self::Fallback, Self::Damaged, Self::Missing, Self::NotUpstream, Self::Unknown];

    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Fallback => "fallback",
            Self::Damaged => "damaged",
            Self::Missing => "missing",
            Self::NotUpstream => "not_upstream",
            Self::Unknown => "unknown",
        }
    }
}

/// What a part of an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartKind {
    /// A platform that an index should name.
    Platform,
    /// An index within an index.
    Index,
    /// The manifest of one platform.
    Manifest,
    /// A config.
    Config,
    /// A layer.
    Layer,
}

impl PartKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Platform, Self::Index, Self::Manifest, Self::Config, Self::Layer];

    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Index => "index",
            Self::Manifest => "manifest",
            Self::Config => "config",
            Self::Layer => "layer",
        }
    }
}

/// One part that is not as it should be, or of which that could not be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub kind: PartKind,
    /// Its digest as the image names it; `None` where there is none.
    pub digest: Option<Box<str>>,
    /// The platforms that it belongs to.
    pub platforms: Vec<Box<str>>,
    /// Its size in bytes, as the image says.
    pub size: Option<u64>,
    /// What is wrong; its status says whether that is a failure or not known.
    pub code: Code,
    /// In words. May hold what a server said: escape it where it is printed.
    pub cause: Box<str>,
}

impl Finding {
    /// What it is about, in words: `layer sha256:… (linux/amd64, 3.1 MB)`.
    #[must_use]
    pub fn subject(&self) -> String {
        let mut text = self.kind.as_str().to_owned();
        if let Some(digest) = &self.digest {
            text.push(' ');
            text.push_str(digest);
        }
        let about = self.platforms.iter().map(|platform| platform.to_string());
        let about: Vec<String> = about.chain(self.size.map(in_bytes)).collect();
        if self.kind == PartKind::Platform {
            return format!("{text} {}", about.join(", "));
        }
        if !about.is_empty() {
            text.push_str(&format!(" ({})", about.join(", ")));
        }
        text
    }
}

/// A number of bytes for people: `512 B`, `3.1 MB`, `1.9 GB`.
#[must_use]
pub fn in_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_in_units_that_people_use() {
        for (bytes, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (3_149_999, "3.1 MB"),
            (2_147_483_648, "2.1 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(in_bytes(bytes), shown);
        }
    }

    #[test]
    fn a_finding_says_what_it_is_about() {
        let finding = Finding {
            kind: PartKind::Layer,
            digest: Some("sha256:aa".into()),
            platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
            size: Some(2_000_000),
            code: Code::BlobMissing,
            cause: "".into(),
        };
        assert_eq!(finding.subject(), "layer sha256:aa (linux/amd64, linux/arm64, 2.0 MB)");
        let bare = Finding { platforms: Vec::new(), size: None, ..finding.clone() };
        assert_eq!(bare.subject(), "layer sha256:aa");
        let platform = Finding {
            kind: PartKind::Platform,
            digest: None,
            platforms: vec!["linux/s390x".into()],
            size: None,
            ..finding
        };
        assert_eq!(platform.subject(), "platform linux/s390x");
    }
}
