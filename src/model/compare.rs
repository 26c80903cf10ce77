//! How two documents of the same name relate, when their digests differ.
//!
//! Mirrors re-serialise indexes, copy one platform of several, drop attestations: each is another fault
//! than an old copy, and wants another remedy.

use std::collections::BTreeMap;

use super::digest::Digest;
use super::manifest::{Child, Content, Manifest};
use super::platform::Platform;

/// What a mirror's document is to upstream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Other bytes, the same children, or the same config and layers.
    SameContent,
    /// One image of upstream's index, in place of the index.
    SinglePlatform {
        /// The platform it is for, if the index says.
        platform: Option<Platform>,
        /// How many images upstream's index has.
        of: usize,
    },
    /// An index whose images are all upstream's, but not all of them.
    LacksPlatforms(Vec<Box<str>>),
    /// Schema 1 on either side: nothing to compare by.
    NotComparable,
    /// Another image.
    Different,
}

/// Relates the mirror's document (and the digest of its bytes) to upstream's.
#[must_use]
pub fn relate(mirror: &Manifest, mirror_digest: &Digest, upstream: &Manifest) -> Relation {
    match (&mirror.content, &upstream.content) {
        (Content::Schema1, _) | (_, Content::Schema1) => Relation::NotComparable,
        (
            Content::Image { config, layers },
            Content::Image { config: upstream_config, layers: upstream_layers },
        ) => {
            if config == upstream_config && layers == upstream_layers {
                Relation::SameContent
            } else {
                Relation::Different
            }
        }
        (Content::Image { .. }, Content::Index(_)) => {
            match upstream.images().find(|child| child.digest.as_ref() == Some(mirror_digest)) {
                Some(child) => Relation::SinglePlatform {
                    platform: child.platform.clone(),
                    of: upstream.images().count(),
                },
                None => Relation::Different,
            }
        }
        (Content::Index(_), Content::Image { .. }) => Relation::Different,
        (Content::Index(_), Content::Index(_)) => relate_indexes(mirror, upstream),
    }
}

fn relate_indexes(mirror: &Manifest, upstream: &Manifest) -> Relation {
    let (ours, theirs) = (by_platform(mirror), by_platform(upstream));
    // Two indexes of nothing that is known have nothing in common that could be shown.
    if theirs.is_empty() || ours.iter().any(|(platform, digest)| theirs.get(platform) != Some(digest)) {
        return Relation::Different;
    }
    let lacking: Vec<Box<str>> =
        theirs.keys().filter(|platform| !ours.contains_key(*platform)).cloned().collect();
    if lacking.is_empty() { Relation::SameContent } else { Relation::LacksPlatforms(lacking) }
}

/// The image for each platform: the first match, as runtimes choose. Entries without a platform are told
/// apart by their digest.
fn by_platform(index: &Manifest) -> BTreeMap<Box<str>, Option<&Digest>> {
    let mut images = BTreeMap::new();
    for Child { digest, platform, .. } in index.images() {
        let key = match (platform, digest) {
            (Some(platform), _) => platform.to_string(),
            (None, Some(digest)) => digest.to_string(),
            (None, None) => continue,
        };
        images.entry(key.into()).or_insert(digest.as_ref());
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::{ChildKind, MediaType};

    fn digest(seed: &str) -> Digest {
        Digest::sha256(seed.as_bytes())
    }

    fn index(entries: &[(&str, &str)]) -> Manifest {
        let child = |(architecture, seed): &(&str, &str)| Child {
            digest: Some(digest(seed)),
            platform: (!architecture.is_empty()).then(|| Platform::normalised("linux", architecture, "", "")),
            kind: if *architecture == "unknown" { ChildKind::Attestation } else { ChildKind::Image },
        };
        Manifest {
            media_type: MediaType::OciIndex,
            content: Content::Index(entries.iter().map(child).collect()),
        }
    }

    fn image(config: &str, layers: &[&str]) -> Manifest {
        Manifest {
            media_type: MediaType::OciManifest,
            content: Content::Image {
                config: config.into(),
                layers: layers.iter().map(|layer| (*layer).into()).collect(),
            },
        }
    }

    #[test]
    fn indexes_with_the_same_images_have_the_same_content_whatever_else_they_list() {
        let upstream = index(&[("amd64", "a"), ("arm64", "b"), ("unknown", "attestation")]);
        for mirror in [
            index(&[("arm64", "b"), ("amd64", "a")]),
            index(&[("amd64", "a"), ("arm64", "b"), ("unknown", "another")]),
            // A second entry for a platform is never chosen.
            index(&[("amd64", "a"), ("arm64", "b"), ("amd64", "z")]),
        ] {
            assert_eq!(relate(&mirror, &digest("m"), &upstream), Relation::SameContent);
        }
    }

    #[test]
    fn an_index_with_fewer_images_lacks_platforms_and_one_with_others_is_different() {
        let upstream = index(&[("amd64", "a"), ("arm64", "b"), ("riscv64", "c")]);
        assert_eq!(
            relate(&index(&[("amd64", "a")]), &digest("m"), &upstream),
            Relation::LacksPlatforms(vec!["linux/arm64".into(), "linux/riscv64".into()])
        );
        for mirror in [
            index(&[("amd64", "a"), ("arm64", "old"), ("riscv64", "c")]),
            index(&[("amd64", "a"), ("arm64", "b"), ("riscv64", "c"), ("s390x", "d")]),
        ] {
            assert_eq!(relate(&mirror, &digest("m"), &upstream), Relation::Different);
        }
    }

    #[test]
    fn one_image_of_an_index_is_a_single_platform_copy() {
        let upstream = index(&[("amd64", "a"), ("arm64", "b"), ("unknown", "att")]);
        let mirror = image("config", &["layer"]);
        assert_eq!(
            relate(&mirror, &digest("a"), &upstream),
            Relation::SinglePlatform {
                platform: Some(Platform::normalised("linux", "amd64", "", "")),
                of: 2
            }
        );
        assert_eq!(relate(&mirror, &digest("x"), &upstream), Relation::Different);
        assert_eq!(relate(&upstream, &digest("x"), &mirror), Relation::Different);
    }

    #[test]
    fn manifests_are_the_same_by_config_and_layers_in_order() {
        let upstream = image("config", &["one", "two"]);
        let related = |mirror: &Manifest| relate(mirror, &digest("m"), &upstream);
        assert_eq!(related(&image("config", &["one", "two"])), Relation::SameContent);
        assert_eq!(related(&image("config", &["two", "one"])), Relation::Different);
        assert_eq!(related(&image("other", &["one", "two"])), Relation::Different);
        let schema1 = Manifest { media_type: MediaType::DockerSchema1, content: Content::Schema1 };
        assert_eq!(related(&schema1), Relation::NotComparable);
    }
}
