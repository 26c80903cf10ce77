//! Manifests and indexes: what an image is made of, as far as comparing needs it.
//!
//! Sources: image-spec `manifest.md`, `image-index.md`; distribution-spec "Pulling manifests". The
//! document models are those of `oci_distribution`; what is kept is the little that is compared.

use std::fmt;

use oci_distribution::manifest as oci;
use serde::Deserialize;
use thiserror::Error;

use super::digest::Digest;
use super::platform::Platform;

/// Media types that a registry may serve from its manifest endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// OCI index.
    OciIndex,
    /// OCI manifest, of an image or an artifact.
    OciManifest,
    /// Docker manifest list.
    DockerList,
    /// Docker schema 2 manifest.
    DockerManifest,
    /// Docker schema 1, signed.
    DockerSchema1Signed,
    /// Docker schema 1, unsigned.
    DockerSchema1,
}

/// Docker schema 1, signed; no constant for it in the models.
const SCHEMA1_SIGNED: &str = "application/vnd.docker.distribution.manifest.v1+prettyjws";
const SCHEMA1: &str = "application/vnd.docker.distribution.manifest.v1+json";

/// The one `Accept` line of manifest requests: all six types, no parameters. Leaving one out makes
/// registries convert or deny what they hold; `q=` once made GCR answer 404.
pub const ACCEPT: &str = "application/vnd.oci.image.index.v1+json, \
application/vnd.oci.image.manifest.v1+json, \
application/vnd.docker.distribution.manifest.list.v2+json, \
application/vnd.docker.distribution.manifest.v2+json, \
application/vnd.docker.distribution.manifest.v1+prettyjws, \
application/vnd.docker.distribution.manifest.v1+json";

/// Most bytes of a manifest that are read: what registries must support (distribution-spec) and clients accept.
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

impl MediaType {
    const ALL: [Self; 6] = [
        Self::OciIndex,
        Self::OciManifest,
        Self::DockerList,
        Self::DockerManifest,
        Self::DockerSchema1Signed,
        Self::DockerSchema1,
    ];

    /// The registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OciIndex => oci::OCI_IMAGE_INDEX_MEDIA_TYPE,
            Self::OciManifest => oci::OCI_IMAGE_MEDIA_TYPE,
            Self::DockerList => oci::IMAGE_MANIFEST_LIST_MEDIA_TYPE,
            Self::DockerManifest => oci::IMAGE_MANIFEST_MEDIA_TYPE,
            Self::DockerSchema1Signed => SCHEMA1_SIGNED,
            Self::DockerSchema1 => SCHEMA1,
        }
    }

    /// Reads a `Content-Type` or `mediaType`: parameters dropped, case ignored (RFC 9110 section 8.3.1).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let essence = text.split(';').next().unwrap_or(text).trim();
        Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(essence))
    }

    /// Whether it lists other manifests.
    #[must_use]
    pub const fn is_index(self) -> bool {
        matches!(self, Self::OciIndex | Self::DockerList)
    }

    /// Whether its digest is of a part of the bytes, so that nothing can be verified.
    #[must_use]
    pub const fn is_schema1(self) -> bool {
        matches!(self, Self::DockerSchema1Signed | Self::DockerSchema1)
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parsed document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// From `mediaType`, else from the content type, else from the shape.
    pub media_type: MediaType,
    /// What it names.
    pub content: Content,
}

/// What a document names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// An index or manifest list.
    Index(Vec<Child>),
    /// A manifest: the digests of its config and layers, in order.
    Image {
        /// Config digest, as written.
        config: Box<str>,
        /// Layer digests, as written.
        layers: Vec<Box<str>>,
    },
    /// Docker schema 1.
    Schema1,
}

/// An entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// What it points to; `None` where the text is no digest that is known here.
    pub digest: Option<Digest>,
    /// For which platform; `None` where the entry does not say.
    pub platform: Option<Platform>,
    /// Image, or something about an image.
    pub kind: ChildKind,
}

/// What an entry of an index is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildKind {
    /// An image to run.
    Image,
    /// A BuildKit attestation (`unknown/unknown`): many mirrors drop these.
    Attestation,
}

/// Why a body is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// Not JSON at all.
    #[error("not JSON ({0})")]
    NotJson(Box<str>),
    /// JSON, but no object.
    #[error("JSON, but no object")]
    NotAnObject,
    /// `{"errors": …}`.
    #[error("an error document")]
    ErrorDocument,
    /// No `schemaVersion`, or one that nobody knows.
    #[error("no usable schemaVersion")]
    SchemaVersion,
    /// Neither index, manifest nor schema 1.
    #[error("neither index nor manifest")]
    Kind,
    /// A field is missing or of the wrong type.
    #[error("malformed ({0})")]
    Malformed(Box<str>),
    /// `mediaType` and `Content-Type` name two different kinds of manifest.
    #[error("mediaType says {body}, Content-Type says {header}")]
    TypeMismatch {
        /// In the body.
        body: MediaType,
        /// In the header.
        header: MediaType,
    },
}

/// Just enough to see what kind of document it is, without building it.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "schemaVersion")]
    schema_version: Option<serde_json::Number>,
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    manifests: Option<serde::de::IgnoredAny>,
    config: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
    #[serde(rename = "fsLayers")]
    fs_layers: Option<serde::de::IgnoredAny>,
    errors: Option<serde::de::IgnoredAny>,
}

impl Manifest {
    /// Reads the raw bytes of a manifest endpoint's answer.
    ///
    /// `content_type` is the header's media type if it names a kind of manifest; other types
    /// (`text/plain`, `application/octet-stream`, …) are tolerated and the body decides.
    ///
    /// # Errors
    /// The bytes are no manifest, with the reason.
    pub fn parse(bytes: &[u8], content_type: Option<MediaType>) -> Result<Self, ManifestError> {
        let json = |error: &serde_json::Error| ManifestError::NotJson(error.to_string().into());
        let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
        if first != Some(&b'{') {
            return Err(match serde_json::from_slice::<serde::de::IgnoredAny>(bytes) {
                Ok(_) => ManifestError::NotAnObject,
                Err(error) => json(&error),
            });
        }
        let shape: Shape = serde_json::from_slice(bytes).map_err(|error| {
            if error.is_data() { ManifestError::Malformed(error.to_string().into()) } else { json(&error) }
        })?;
        let version = shape.schema_version.as_ref().and_then(serde_json::Number::as_u64);
        if shape.errors.is_some() && version.is_none() {
            return Err(ManifestError::ErrorDocument);
        }
        if !matches!(version, Some(1 | 2)) {
            return Err(ManifestError::SchemaVersion);
        }
        let declared = shape.media_type.as_deref().and_then(MediaType::parse);
        if let (Some(body), Some(header)) = (declared, content_type)
            && body != header
        {
            return Err(ManifestError::TypeMismatch { body, header });
        }
        let media_type = declared.or(content_type);
        if shape.fs_layers.is_some() && version == Some(1) {
            let media_type = media_type.filter(|known| known.is_schema1());
            return Ok(Self {
                media_type: media_type.unwrap_or(MediaType::DockerSchema1Signed),
                content: Content::Schema1,
            });
        }
        let malformed = |error: serde_json::Error| ManifestError::Malformed(error.to_string().into());
        if shape.manifests.is_some() {
            let index: oci::OciImageIndex = serde_json::from_slice(bytes).map_err(malformed)?;
            return Ok(Self {
                media_type: media_type.filter(|known| known.is_index()).unwrap_or(MediaType::OciIndex),
                content: Content::Index(index.manifests.iter().map(child).collect()),
            });
        }
        if shape.config.is_some() && shape.layers.is_some() {
            let image: oci::OciImageManifest = serde_json::from_slice(bytes).map_err(malformed)?;
            let is_image =
                |known: &MediaType| matches!(known, MediaType::OciManifest | MediaType::DockerManifest);
            return Ok(Self {
                media_type: media_type.filter(is_image).unwrap_or(MediaType::OciManifest),
                content: Content::Image {
                    config: image.config.digest.into(),
                    layers: image.layers.into_iter().map(|layer| layer.digest.into()).collect(),
                },
            });
        }
        Err(ManifestError::Kind)
    }

    /// The entries of an index, attestations left out; empty for anything else.
    pub fn images(&self) -> impl Iterator<Item = &Child> {
        let children: &[Child] = match &self.content {
            Content::Index(children) => children,
            Content::Image { .. } | Content::Schema1 => &[],
        };
        children.iter().filter(|child| child.kind == ChildKind::Image)
    }
}

fn child(entry: &oci::ImageIndexEntry) -> Child {
    let platform = entry.platform.as_ref().map(|platform| {
        Platform::normalised(
            &platform.os.to_string(),
            &platform.architecture.to_string(),
            platform.variant.as_deref().unwrap_or_default(),
            platform.os_version.as_deref().unwrap_or_default(),
        )
    });
    let is_unknown = platform
        .as_ref()
        .is_some_and(|platform| &*platform.os == "unknown" && &*platform.architecture == "unknown");
    let is_annotated = entry
        .annotations
        .as_ref()
        .is_some_and(|annotations| annotations.contains_key("vnd.docker.reference.type"));
    let is_typed =
        entry.artifact_type.as_deref() == Some("application/vnd.docker.attestation.manifest.v1+json");
    Child {
        digest: entry.digest.parse().ok(),
        platform,
        kind: if is_unknown || is_annotated || is_typed { ChildKind::Attestation } else { ChildKind::Image },
    }
}
