//! Indexes and manifests with something odd in them.
//!
//! The models of `oci_distribution` refuse a whole document for one field of the wrong type. Clients
//! differ in what they forgive, and a checker that gives up sees less than they do: here an entry that
//! the model refuses is read again for the little that comparing needs, and what cannot be read stands
//! as an entry of unknown kind. Only digests that cannot be told are an error.

use std::collections::BTreeMap;
use std::fmt;

use oci_distribution::manifest as oci;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{BlobRef, Child, ChildKind, Content, Distribution, ImageKind, ManifestError, MediaType, read};
use crate::model::platform::Platform;

/// Most entries of an index that are read; the largest known have some hundreds.
const MAX_CHILDREN: usize = 10_000;

const ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";

#[derive(Deserialize)]
struct Index {
    manifests: Option<Children>,
}

/// The entries of an index, each read and let go before the next: a few megabytes of JSON could else
/// stand for gigabytes.
struct Children(Vec<Child>);

impl<'de> Deserialize<'de> for Children {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ChildrenVisitor)
    }
}

struct ChildrenVisitor;

impl<'de> Visitor<'de> for ChildrenVisitor {
    type Value = Children;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of descriptors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Children, A::Error> {
        let mut children = Vec::new();
        while let Some(entry) = entries.next_element::<&RawValue>()? {
            if children.len() == MAX_CHILDREN {
                return Err(A::Error::custom(format_args!("more than {MAX_CHILDREN} entries")));
            }
            children.push(child(entry.get()));
        }
        Ok(Children(children))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OddEntry<'a> {
    media_type: Option<Odd<String>>,
    digest: Option<Odd<String>>,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
    platform: Option<Odd<OddPlatform>>,
    annotations: Option<Odd<BTreeMap<String, IgnoredAny>>>,
    artifact_type: Option<Odd<String>>,
}

#[derive(Deserialize)]
struct OddPlatform {
    os: String,
    architecture: String,
    variant: Option<Odd<String>>,
    #[serde(rename = "os.version")]
    os_version: Option<Odd<String>>,
}

#[derive(Deserialize)]
struct Image<'a> {
    #[serde(borrow)]
    config: Blob<'a>,
    #[serde(borrow)]
    layers: Option<Vec<Blob<'a>>>,
}

/// What may be of any type, and so large that no number holds it, is read for itself.
#[derive(Deserialize)]
struct Blob<'a> {
    #[serde(rename = "mediaType", borrow)]
    media_type: Option<&'a RawValue>,
    digest: Box<str>,
    #[serde(borrow)]
    size: Option<&'a RawValue>,
}

impl Blob<'_> {
    fn media_type(&self) -> Option<String> {
        self.media_type.and_then(|raw| serde_json::from_str(raw.get()).ok())
    }

    fn read(self) -> BlobRef {
        let media_type = self.media_type();
        BlobRef {
            distribution: media_type.as_deref().map_or(Distribution::Registry, Distribution::of),
            size: size(self.size),
            digest: self.digest,
        }
    }
}

/// A value of the expected type, or anything else.
#[derive(Deserialize)]
#[serde(untagged)]
enum Odd<T> {
    Read(T),
    Unreadable(IgnoredAny),
}

impl<T> Odd<T> {
    const fn value(&self) -> Option<&T> {
        match self {
            Self::Read(value) => Some(value),
            Self::Unreadable(_) => None,
        }
    }
}

fn text(field: Option<&Odd<String>>) -> Option<&str> {
    field.and_then(Odd::value).map(String::as_str)
}

fn size(field: Option<&RawValue>) -> Option<u64> {
    let size = serde_json::from_str::<i64>(field?.get()).ok()?;
    u64::try_from(size).ok()
}

/// The entries of an index, in order.
pub(super) fn index(bytes: &[u8]) -> Result<Vec<Child>, ManifestError> {
    let index: Index = read(bytes)?;
    Ok(index.manifests.map(|children| children.0).unwrap_or_default())
}

/// A manifest of which only digests, sizes and media types are read.
pub(super) fn image(bytes: &[u8]) -> Result<Content, ManifestError> {
    let image: Image<'_> = read(bytes)?;
    let layers = image.layers.unwrap_or_default();
    Ok(Content::Image {
        kind: image.config.media_type().map_or(ImageKind::Vague, |text| ImageKind::of(&text)),
        config: image.config.read(),
        layers: layers.into_iter().map(Blob::read).collect(),
    })
}

/// One entry: as the model reads it, else the little that comparing needs, else of unknown kind.
fn child(entry: &str) -> Child {
    if let Ok(entry) = serde_json::from_str::<oci::ImageIndexEntry>(entry) {
        return entry_of_model(&entry);
    }
    match serde_json::from_str::<OddEntry>(entry) {
        Ok(entry) => entry.child(),
        Err(_) => {
            Child { digest: None, platform: None, size: None, media_type: None, kind: ChildKind::Unknown }
        }
    }
}

fn entry_of_model(entry: &oci::ImageIndexEntry) -> Child {
    let platform = entry.platform.as_ref().map(|platform| {
        Platform::normalised(
            &platform.os.to_string(),
            &platform.architecture.to_string(),
            platform.variant.as_deref().unwrap_or_default(),
            platform.os_version.as_deref().unwrap_or_default(),
        )
    });
    let is_annotated = entry.annotations.as_ref().is_some_and(|map| map.contains_key(REFERENCE_TYPE));
    let is_attestation = is_annotated || entry.artifact_type.as_deref() == Some(ATTESTATION);
    let kind = kind(Some(&entry.media_type), platform.as_ref(), is_attestation);
    Child {
        digest: Some(entry.digest.as_str().into()),
        platform,
        size: u64::try_from(entry.size).ok(),
        media_type: MediaType::parse(&entry.media_type),
        kind,
    }
}

impl OddEntry<'_> {
    fn child(&self) -> Child {
        let platform = self.platform.as_ref().and_then(Odd::value).map(|platform| {
            Platform::normalised(
                &platform.os,
                &platform.architecture,
                text(platform.variant.as_ref()).unwrap_or_default(),
                text(platform.os_version.as_ref()).unwrap_or_default(),
            )
        });
        let annotations = self.annotations.as_ref().and_then(Odd::value);
        let is_attestation = annotations.is_some_and(|map| map.contains_key(REFERENCE_TYPE))
            || text(self.artifact_type.as_ref()) == Some(ATTESTATION);
        let kind = kind(text(self.media_type.as_ref()), platform.as_ref(), is_attestation);
        Child {
            digest: text(self.digest.as_ref()).map(Into::into),
            platform,
            size: size(self.size),
            media_type: text(self.media_type.as_ref()).and_then(MediaType::parse),
            kind,
        }
    }
}

/// An entry without a media type is taken for a manifest: all that stands in most indexes.
fn kind(media_type: Option<&str>, platform: Option<&Platform>, is_attestation: bool) -> ChildKind {
    let is_unknown_platform =
        platform.is_some_and(|platform| &*platform.os == "unknown" && &*platform.architecture == "unknown");
    if media_type.is_some_and(|text| MediaType::parse(text).is_none()) {
        ChildKind::Unknown
    } else if is_attestation || is_unknown_platform {
        ChildKind::Attestation
    } else {
        ChildKind::Image
    }
}
