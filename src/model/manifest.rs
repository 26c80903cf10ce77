//! Manifests and indexes: what an image is made of, as far as comparing needs it.
//!
//! Sources: image-spec `manifest.md`, `image-index.md`; distribution-spec "Pulling manifests". The
//! document models are those of `oci_distribution`; what is kept is the little that is compared.

mod odd;

#[cfg(test)]
mod cases;

use std::fmt;

use oci_distribution::manifest as oci;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;

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
    /// A manifest: its config and layers, in order.
    Image {
        /// The config.
        config: BlobRef,
        /// What the config is of.
        kind: ImageKind,
        /// The layers.
        layers: Vec<BlobRef>,
    },
    /// Docker schema 1.
    Schema1,
}

/// What a manifest with config and layers is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageKind {
    /// An image to run: the config says for which platform, and when it was made.
    Container,
    /// What may be one: the config's type says nothing, as those of old tools, or no more than whose it is.
    Vague,
    /// Anything else that is kept in registries: a Helm chart, a signature, an SBOM.
    Artifact,
}

impl ImageKind {
    /// By the config's media type.
    fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or(media_type).trim();
        let known = [oci::IMAGE_CONFIG_MEDIA_TYPE, oci::IMAGE_DOCKER_CONFIG_MEDIA_TYPE];
        let vague = ["", "application/octet-stream", "application/json", "text/html"];
        let essence = essence.to_ascii_lowercase();
        let is_of_images = ["application/vnd.oci.image.", "application/vnd.docker."]
            .iter()
            .any(|known| essence.starts_with(known));
        if known.iter().any(|known| known.eq_ignore_ascii_case(&essence)) {
            Self::Container
        } else if vague.contains(&&*essence) || is_of_images {
            Self::Vague
        } else {
            Self::Artifact
        }
    }
}

/// A config or layer as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobRef {
    /// Its digest, as written.
    pub digest: Box<str>,
    /// Its size in bytes; `None` where it is absent, negative or beyond 2^63.
    pub size: Option<u64>,
    /// Whether registries have it.
    pub distribution: Distribution,
}

/// What a blob is to its manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobKind {
    /// The config.
    Config,
    /// A layer.
    Layer,
}

/// Whether a layer is to be had from registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// As most are.
    Registry,
    /// Elsewhere, at its `urls` (Windows base layers): a registry need not have it (image-spec `layer.md`).
    Elsewhere,
}

impl Distribution {
    /// By the layer's media type: that a layer has `urls` alone does not say that registries lack it.
    fn of(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or(media_type).trim().to_ascii_lowercase();
        if essence.starts_with("application/vnd.oci.image.layer.nondistributable.v1.")
            || essence.starts_with("application/vnd.docker.image.rootfs.foreign.")
        {
            Self::Elsewhere
        } else {
            Self::Registry
        }
    }
}

/// An entry of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Child {
    /// What it points to, as written: it may be of an algorithm that cannot be verified here. `None` where
    /// there is no text.
    pub digest: Option<Box<str>>,
    /// For which platform; `None` where the entry does not say.
    pub platform: Option<Platform>,
    /// Its size in bytes; `None` where it is absent, negative or beyond 2^63.
    pub size: Option<u64>,
    /// What it is, if the entry says a known type.
    pub media_type: Option<MediaType>,
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
    /// Of a media type that no manifest has (a layer in a build cache, say), or not readable: to be
    /// ignored, not refused (image-spec `image-index.md`).
    Unknown,
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

/// Most characters of a parser's message that are kept: it may quote the document.
const MAX_FAULT_CHARS: usize = 160;

/// Just enough to see what kind of document it is, without building it.
#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "schemaVersion")]
    schema_version: Option<serde_json::Number>,
    #[serde(rename = "mediaType")]
    media_type: Option<String>,
    #[serde(default, deserialize_with = "field")]
    manifests: Field,
    #[serde(default, deserialize_with = "field")]
    config: Field,
    #[serde(default, deserialize_with = "field")]
    layers: Field,
    #[serde(rename = "fsLayers", default, deserialize_with = "field")]
    fs_layers: Field,
    errors: Option<IgnoredAny>,
}

/// Whether a field is there. Go prints an empty list as `null`, so that is not the same as absent.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Field {
    #[default]
    Absent,
    Null,
    Present,
}

fn field<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Field, D::Error> {
    Ok(match Option::<IgnoredAny>::deserialize(deserializer)? {
        Some(_) => Field::Present,
        None => Field::Null,
    })
}

/// The three forms a document can have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Index,
    Image,
    Schema1,
}

impl Form {
    const fn of(media_type: MediaType) -> Self {
        match media_type {
            MediaType::OciIndex | MediaType::DockerList => Self::Index,
            MediaType::OciManifest | MediaType::DockerManifest => Self::Image,
            MediaType::DockerSchema1Signed | MediaType::DockerSchema1 => Self::Schema1,
        }
    }

    /// The type of a document that does not say its own.
    const fn default_type(self) -> MediaType {
        match self {
            Self::Index => MediaType::OciIndex,
            Self::Image => MediaType::OciManifest,
            Self::Schema1 => MediaType::DockerSchema1Signed,
        }
    }
}

impl Shape {
    fn form(&self, declared: Option<MediaType>) -> Result<Form, ManifestError> {
        let version = self.schema_version.as_ref().and_then(serde_json::Number::as_u64);
        if self.errors.is_some() && version.is_none() {
            return Err(ManifestError::ErrorDocument);
        }
        let has_image = self.config == Field::Present || self.layers == Field::Present;
        match version {
            Some(1) if self.fs_layers != Field::Absent => Ok(Form::Schema1),
            // One document that two clients read as two things (CVE-2021-41190).
            Some(2) if self.manifests == Field::Present && has_image => {
                Err(ManifestError::Malformed("it is an index and an image manifest at once".into()))
            }
            Some(2) if self.manifests == Field::Present => Ok(Form::Index),
            Some(2) if self.config == Field::Present && self.layers != Field::Absent => Ok(Form::Image),
            Some(2) if self.manifests == Field::Null && declared.is_some_and(MediaType::is_index) => {
                Ok(Form::Index)
            }
            Some(1 | 2) => Err(ManifestError::Kind),
            _ => Err(ManifestError::SchemaVersion),
        }
    }
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
        let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
        if first != Some(&b'{') {
            return Err(match serde_json::from_slice::<IgnoredAny>(bytes) {
                Ok(_) => ManifestError::NotAnObject,
                Err(error) => ManifestError::NotJson(fault(&error)),
            });
        }
        let shape: Shape = read(bytes)?;
        let body = shape.media_type.as_deref().and_then(MediaType::parse);
        let declared = body.or(content_type);
        let form = shape.form(declared)?;
        if let (Some(body), Some(header)) = (body, content_type)
            && body != header
            && !(body.is_schema1() && header.is_schema1())
        {
            return Err(ManifestError::TypeMismatch { body, header });
        }
        if let Some(declared) = declared
            && Form::of(declared) != form
        {
            let shown = form.default_type();
            return Err(ManifestError::Malformed(
                format!("declared as {declared}, built like {shown}").into(),
            ));
        }
        let content = match form {
            Form::Schema1 => Content::Schema1,
            Form::Index => Content::Index(odd::index(bytes)?),
            Form::Image => image(bytes)?,
        };
        Ok(Self { media_type: declared.unwrap_or(form.default_type()), content })
    }

    /// The entries of an index that are images: attestations and unknown kinds left out; empty for
    /// anything else.
    pub fn images(&self) -> impl Iterator<Item = &Child> {
        let children: &[Child] = match &self.content {
            Content::Index(children) => children,
            Content::Image { .. } | Content::Schema1 => &[],
        };
        children.iter().filter(|child| child.kind == ChildKind::Image)
    }

    /// Config and layers; none for an index.
    pub fn blobs(&self) -> impl Iterator<Item = (BlobKind, &BlobRef)> {
        let (config, layers): (_, &[BlobRef]) = match &self.content {
            Content::Image { config, layers, .. } => (Some(config), layers),
            Content::Index(_) | Content::Schema1 => (None, &[]),
        };
        let layers = layers.iter().map(|layer| (BlobKind::Layer, layer));
        config.map(|config| (BlobKind::Config, config)).into_iter().chain(layers)
    }
}

fn image(bytes: &[u8]) -> Result<Content, ManifestError> {
    if let Ok(image) = serde_json::from_slice::<oci::OciImageManifest>(bytes) {
        let blob = |descriptor: oci::OciDescriptor| BlobRef {
            distribution: Distribution::of(&descriptor.media_type),
            size: u64::try_from(descriptor.size).ok(),
            digest: descriptor.digest.into(),
        };
        return Ok(Content::Image {
            kind: ImageKind::of(&image.config.media_type),
            config: blob(image.config),
            layers: image.layers.into_iter().map(blob).collect(),
        });
    }
    odd::image(bytes)
}

/// Reads JSON that begins like an object into what is needed of it.
fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, ManifestError> {
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            ManifestError::Malformed(fault(&error))
        } else {
            ManifestError::NotJson(fault(&error))
        }
    })
}

/// The parser's message, bounded and on one line.
fn fault(error: &serde_json::Error) -> Box<str> {
    let text = error.to_string();
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_FAULT_CHARS)
        .collect::<String>()
        .into()
}
