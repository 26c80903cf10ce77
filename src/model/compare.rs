//! How two documents of the same name relate, when their digests differ.
//!
//! Mirrors re-serialise indexes, copy one platform of several, drop attestations: each is another fault
//! than an old copy, and wants another remedy.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::Digest;
use super::manifest::{Child, ChildKind, Content, Manifest};
use super::platform::Platform;

/// The digest of `{}`, the config of artifacts that have none (image-spec `manifest.md`).
const EMPTY_CONFIG: &str = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

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
            Content::Image { config, layers, .. },
            Content::Image { config: upstream_config, layers: upstream_layers, .. },
        ) => {
            // An artifact with the empty config is more than that and its layers: what it says stands in
            // annotations.
            let is_told = *config.digest != *EMPTY_CONFIG;
            let layers_are_equal = layers
                .iter()
                .map(|layer| &layer.digest)
                .eq(upstream_layers.iter().map(|layer| &layer.digest));
            if is_told && config.digest == upstream_config.digest && layers_are_equal {
                Relation::SameContent
            } else {
                Relation::Different
            }
        }
        (Content::Image { .. }, Content::Index(_)) => {
            let ours = mirror_digest.to_string();
            match upstream.images().find(|child| child.digest.as_deref() == Some(&*ours)) {
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
    let (Some(ours), Some(theirs)) = (Entries::of(mirror), Entries::of(upstream)) else {
        return Relation::Different;
    };
    // Two indexes of nothing that is known have nothing in common that could be shown.
    let is_part = !theirs.images.is_empty()
        && ours.others == theirs.others
        && ours.images.iter().all(|(platform, digests)| theirs.images.get(platform) == Some(digests));
    if !is_part {
        return Relation::Different;
    }
    let lacking = theirs.images.keys().filter(|platform| !ours.images.contains_key(*platform));
    let lacking: Vec<Box<str>> = lacking.cloned().collect();
    if lacking.is_empty() { Relation::SameContent } else { Relation::LacksPlatforms(lacking) }
}

/// What an index points to, digests as written.
#[derive(Default)]
struct Entries<'a> {
    /// For each platform, in order: runtimes take the first, other tools may not.
    images: BTreeMap<Box<str>, Vec<&'a str>>,
    /// Neither image nor attestation.
    others: BTreeSet<&'a str>,
}

impl<'a> Entries<'a> {
    /// `None` where an entry does not say what it points to: nothing could be shown of it.
    fn of(index: &'a Manifest) -> Option<Self> {
        let Content::Index(children) = &index.content else { return None };
        let mut entries = Self::default();
        for Child { digest, platform, kind, .. } in children {
            let digest = match (kind, digest) {
                (ChildKind::Attestation, _) => continue,
                (_, None) => return None,
                (_, Some(digest)) => &**digest,
            };
            match (kind, platform) {
                (ChildKind::Unknown, _) => {
                    entries.others.insert(digest);
                }
                // Entries without a platform are told apart by their digest.
                (_, None) => entries.images.entry(digest.into()).or_default().push(digest),
                (_, Some(platform)) => {
                    entries.images.entry(platform.to_string().into()).or_default().push(digest);
                }
            }
        }
        Some(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::{BlobRef, Distribution, ImageKind, MediaType};

    fn digest(seed: &str) -> Digest {
        Digest::sha256(seed.as_bytes())
    }

    fn index(entries: &[(&str, &str)]) -> Manifest {
        let child = |(architecture, seed): &(&str, &str)| Child {
            digest: Some(digest(seed).to_string().into()),
            platform: (!architecture.is_empty()).then(|| Platform::normalised("linux", architecture, "", "")),
            size: Some(1),
            media_type: Some(MediaType::OciManifest),
            kind: if *architecture == "unknown" { ChildKind::Attestation } else { ChildKind::Image },
        };
        Manifest {
            media_type: MediaType::OciIndex,
            content: Content::Index(entries.iter().map(child).collect()),
        }
    }

    fn image(config: &str, layers: &[&str]) -> Manifest {
        let blob = |digest: &str| BlobRef {
            digest: digest.into(),
            size: Some(1),
            distribution: Distribution::Registry,
        };
        Manifest {
            media_type: MediaType::OciManifest,
            content: Content::Image {
                kind: ImageKind::Container,
                config: blob(config),
                layers: layers.iter().map(|layer| blob(layer)).collect(),
            },
        }
    }

    #[test]
    fn indexes_with_the_same_images_have_the_same_content_whatever_else_they_list() {
        let upstream = index(&[("amd64", "a"), ("arm64", "b"), ("unknown", "attestation")]);
        for mirror in [
            index(&[("arm64", "b"), ("amd64", "a")]),
            index(&[("amd64", "a"), ("arm64", "b"), ("unknown", "another")]),
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
            // A second entry for a platform is not for nothing.
            index(&[("amd64", "a"), ("arm64", "b"), ("riscv64", "c"), ("amd64", "z")]),
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

    #[test]
    fn what_cannot_be_read_is_compared_by_its_text_and_never_taken_for_equal() {
        let child = |digest: Option<&str>, kind| Child {
            digest: digest.map(Into::into),
            platform: None,
            size: Some(1),
            media_type: None,
            kind,
        };
        let with = |digest: Option<&str>, kind| Manifest {
            media_type: MediaType::OciIndex,
            content: Content::Index(vec![child(Some("sha256:aa"), ChildKind::Image), child(digest, kind)]),
        };
        let related = |mirror: &Manifest, upstream: &Manifest| relate(mirror, &digest("m"), upstream);
        for kind in [ChildKind::Image, ChildKind::Unknown] {
            let [a, b, none] = [Some("blake3:aaa"), Some("blake3:bbb"), None].map(|text| with(text, kind));
            assert_eq!(related(&a, &a), Relation::SameContent);
            assert_eq!(related(&a, &none), Relation::Different);
            assert_eq!(related(&none, &none), Relation::Different);
            assert!(!matches!(related(&a, &b), Relation::SameContent | Relation::LacksPlatforms(_)));
        }
        let artifact = image(EMPTY_CONFIG, &["layer"]);
        assert_eq!(related(&artifact, &artifact), Relation::Different);
    }
}
