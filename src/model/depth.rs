//! How far a check goes, and for which platforms.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

use super::age::AgeRules;
use super::platform::Platform;
use super::referrers::AskReferrers;

/// What is asked of each endpoint; every level includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// HEAD of the manifest: what the server says of it.
    #[default]
    Head,
    /// GET of the manifest: its bytes, hashed, and the same manifest again by its digest.
    Manifest,
    /// Every manifest that an index names for the wanted platforms, by digest.
    Platforms,
    /// The config and every layer of those: whether they are there, and of the right size.
    Blobs,
    /// The same, downloaded and hashed.
    Content,
}

/// A text that names no depth.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown depth '{0}' (known: head, manifest, platforms, blobs, content)")]
pub struct UnknownDepth(pub String);

impl Depth {
    /// All of them, the shallowest first.
    pub const ALL: [Self; 5] = [Self::Head, Self::Manifest, Self::Platforms, Self::Blobs, Self::Content];

    /// The name used on the command line and in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Manifest => "manifest",
            Self::Platforms => "platforms",
            Self::Blobs => "blobs",
            Self::Content => "content",
        }
    }
}

impl fmt::Display for Depth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Depth {
    type Err = UnknownDepth;

    fn from_str(text: &str) -> Result<Self, UnknownDepth> {
        Self::ALL
            .into_iter()
            .find(|depth| depth.as_str() == text)
            .ok_or_else(|| UnknownDepth(text.chars().take(40).collect()))
    }
}

/// How far a check goes where nothing else is said, and for which platforms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// How far.
    pub depth: Depth,
    /// The platforms that matter; empty for all that there are.
    pub platforms: Arc<[Platform]>,
    /// How the age of differences is found out and judged.
    pub age: AgeRules,
    /// Whether signatures and the like are looked for.
    pub referrers: AskReferrers,
}

impl From<Depth> for Reach {
    fn from(depth: Depth) -> Self {
        Self { depth, ..Self::default() }
    }
}

/// What is said of one image alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageOptions {
    /// How far its check goes, at every endpoint.
    pub depth: Option<Depth>,
    /// The platforms that matter; `None` for those of the run, never empty.
    pub platforms: Option<Arc<[Platform]>>,
}

impl ImageOptions {
    /// What holds where an image is named twice: the deeper check, for the platforms of both.
    #[must_use]
    pub fn joined(&self, other: &Self, reach: &Reach) -> Self {
        let depth = match (self.depth, other.depth) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other).filter(|depth| *depth > reach.depth),
        };
        let platforms = match (&self.platforms, &other.platforms) {
            (None, None) => None,
            (one, other) => {
                let of = |options: &Option<Arc<[Platform]>>| {
                    options.clone().unwrap_or_else(|| Arc::clone(&reach.platforms))
                };
                let (one, other) = (of(one), of(other));
                // None named is all of them.
                if one.is_empty() || other.is_empty() {
                    None
                } else {
                    let added = other.iter().filter(|platform| !one.contains(platform));
                    Some(one.iter().chain(added).cloned().collect())
                }
            }
        };
        Self { depth, platforms }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(depth: Option<Depth>, platforms: &[&str]) -> ImageOptions {
        let platforms: Arc<[Platform]> = platforms.iter().map(|text| text.parse().unwrap()).collect();
        ImageOptions { depth, platforms: (!platforms.is_empty()).then_some(platforms) }
    }

    #[test]
    fn depths_are_ordered_and_known_by_name() {
        assert!(Depth::ALL.is_sorted());
        for depth in Depth::ALL {
            assert_eq!(depth.as_str().parse(), Ok(depth));
        }
        let error = "deep".parse::<Depth>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown depth 'deep' (known: head, manifest, platforms, blobs, content)"
        );
    }

    #[test]
    fn an_image_named_twice_is_looked_at_as_deeply_as_either_says() {
        let reach = Reach::from(Depth::Manifest);
        let joined = |one, other| options(one, &[]).joined(&options(other, &[]), &reach).depth;
        assert_eq!(joined(Some(Depth::Head), Some(Depth::Blobs)), Some(Depth::Blobs));
        assert_eq!(joined(Some(Depth::Blobs), None), Some(Depth::Blobs));
        // The other place wants what the run wants, which is more.
        assert_eq!(joined(None, Some(Depth::Head)), None);
        assert_eq!(joined(None, None), None);
    }

    #[test]
    fn an_image_named_twice_is_looked_at_for_the_platforms_of_both() {
        let shown = |options: &ImageOptions| -> Option<Vec<String>> {
            Some(options.platforms.as_ref()?.iter().map(ToString::to_string).collect())
        };
        let amd = options(None, &["linux/amd64"]);
        let both = options(None, &["linux/arm64", "linux/x86_64"]);
        let all = Reach::default();
        assert_eq!(shown(&amd.joined(&both, &all)), Some(vec!["linux/amd64".into(), "linux/arm64".into()]));
        assert_eq!(shown(&amd.joined(&ImageOptions::default(), &all)), None);
        let of_run = Reach { platforms: both.platforms.clone().unwrap(), ..Reach::default() };
        let joined = ImageOptions::default().joined(&amd, &of_run);
        assert_eq!(shown(&joined), Some(vec!["linux/arm64".into(), "linux/amd64".into()]));
        assert_eq!(shown(&ImageOptions::default().joined(&ImageOptions::default(), &of_run)), None);
    }
}
