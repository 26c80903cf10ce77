//! OCI and Docker images made on the fly: small, real enough for `skopeo copy`, and the same bytes each time.
//!
//! The seed is all that makes two images differ. Documents are written field by field in a fixed order, so
//! that a digest does not depend on how a JSON library sorts keys.
//!
//! Sources: image-spec `manifest.md`, `config.md`, `image-index.md`; buildkit `attestation-storage.md`;
//! the Docker schema 1 form after distribution's `libtrust` signatures.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;

use crate::model::digest::Digest;
use crate::model::manifest::MediaType;
use crate::model::platform::Platform;

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const CREATED: &str = "2024-01-01T00:00:00Z";

/// Bytes that a manifest names: a config or a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Of `bytes`.
    pub digest: Digest,
    /// As served.
    pub bytes: Bytes,
}

/// What a manifest endpoint serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Sent as `Content-Type`.
    pub media_type: Cow<'static, str>,
    /// As served.
    pub bytes: Bytes,
    /// Under which it is found. Of `bytes`, except for schema 1, where it is of the signed part.
    pub digest: Digest,
}

/// A manifest or an index with all that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The manifest or index itself.
    pub document: Document,
    /// The entries of an index, in its order; empty for a manifest.
    pub children: Vec<Image>,
    /// Config and layers of a manifest; empty for an index.
    pub blobs: Vec<Blob>,
}

impl Blob {
    /// A blob and its digest.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::sha256(&bytes), bytes }
    }
}

impl Document {
    /// A document found under the digest of its bytes, whatever they are.
    #[must_use]
    pub fn new(media_type: impl Into<Cow<'static, str>>, bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { media_type: media_type.into(), digest: Digest::sha256(&bytes), bytes }
    }
}

impl Image {
    /// The digest of the manifest or index.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.document.digest
    }
}

#[derive(Clone, Copy)]
enum Format {
    Oci,
    Docker,
}

impl Format {
    const fn manifest(self) -> MediaType {
        match self {
            Self::Oci => MediaType::OciManifest,
            Self::Docker => MediaType::DockerManifest,
        }
    }

    const fn index(self) -> MediaType {
        match self {
            Self::Oci => MediaType::OciIndex,
            Self::Docker => MediaType::DockerList,
        }
    }

    const fn config(self) -> &'static str {
        match self {
            Self::Oci => OCI_CONFIG,
            Self::Docker => DOCKER_CONFIG,
        }
    }

    const fn layer(self) -> &'static str {
        match self {
            Self::Oci => OCI_LAYER,
            Self::Docker => DOCKER_LAYER,
        }
    }
}

#[derive(Serialize)]
struct Descriptor<'a> {
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    digest: String,
    size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<PlatformEntry<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<&'static str, String>,
}

/// Written as given, not normalised: `arm64` with `v8` occurs in real indexes.
#[derive(Clone, Copy, Serialize)]
struct PlatformEntry<'a> {
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'a str>,
}

#[derive(Serialize)]
struct ManifestText<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u8,
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
struct IndexText<'a> {
    #[serde(rename = "schemaVersion")]
    schema_version: u8,
    #[serde(rename = "mediaType")]
    media_type: &'a str,
    manifests: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
struct ConfigText<'a> {
    #[serde(flatten)]
    platform: PlatformEntry<'a>,
    created: &'a str,
    config: ConfigProcess<'a>,
    rootfs: RootFs<'a>,
    history: [History<'a>; 1],
}

#[derive(Serialize)]
struct ConfigProcess<'a> {
    #[serde(rename = "Env")]
    env: [&'a str; 1],
    #[serde(rename = "Cmd")]
    cmd: [&'a str; 2],
}

#[derive(Serialize)]
struct RootFs<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    diff_ids: [String; 1],
}

#[derive(Serialize)]
struct History<'a> {
    created: &'a str,
    created_by: &'a str,
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // The types above hold only texts and numbers under text keys: there is nothing that can fail.
    serde_json::to_vec(value).expect("texts and numbers can be written as JSON")
}

fn entry(text: &str) -> PlatformEntry<'_> {
    let mut parts = text.splitn(3, '/');
    let os = parts.next().unwrap_or_default();
    PlatformEntry { os, architecture: parts.next().unwrap_or_default(), variant: parts.next() }
}

/// `os/architecture[/variant]` in the form in which platforms are compared.
#[must_use]
pub fn platform(text: &str) -> Platform {
    let PlatformEntry { os, architecture, variant } = entry(text);
    Platform::normalised(os, architecture, variant.unwrap_or_default(), "")
}

fn blob_descriptor<'a>(media_type: &'a str, blob: &Blob) -> Descriptor<'a> {
    Descriptor {
        media_type,
        digest: blob.digest.to_string(),
        size: blob.bytes.len(),
        platform: None,
        annotations: BTreeMap::new(),
    }
}

fn child_descriptor<'a>(child: &'a Image, platform: Option<PlatformEntry<'a>>) -> Descriptor<'a> {
    Descriptor {
        media_type: &child.document.media_type,
        digest: child.document.digest.to_string(),
        size: child.document.bytes.len(),
        platform,
        annotations: BTreeMap::new(),
    }
}

/// An OCI image of one platform (`os/architecture[/variant]`, written as given).
#[must_use]
pub fn image(seed: &str, platform: &str) -> Image {
    image_made(seed, platform, CREATED)
}

/// The same, made at this time (RFC 3339, or whatever a config may claim).
#[must_use]
pub fn image_made(seed: &str, platform: &str, created: &str) -> Image {
    single(Format::Oci, seed, platform, created)
}

/// A Docker schema 2 image of one platform.
#[must_use]
pub fn docker_image(seed: &str, platform: &str) -> Image {
    single(Format::Docker, seed, platform, CREATED)
}

fn single(format: Format, seed: &str, platform: &str, created: &str) -> Image {
    let archive = tar("demo.txt", format!("{seed} for {platform}\n").as_bytes());
    let layer = Blob::new(gzip(&archive));
    let config = Blob::new(json(&ConfigText {
        platform: entry(platform),
        created,
        config: ConfigProcess { env: ["PATH=/bin"], cmd: ["/bin/cat", "/demo.txt"] },
        rootfs: RootFs { kind: "layers", diff_ids: [Digest::sha256(&archive).to_string()] },
        history: [History { created: CREATED, created_by: "registry-check demo" }],
    }));
    manifest(format, (format.config(), config), (format.layer(), layer))
}

fn manifest(format: Format, config: (&str, Blob), layer: (&str, Blob)) -> Image {
    let media_type = format.manifest().as_str();
    let text = json(&ManifestText {
        schema_version: 2,
        media_type,
        config: blob_descriptor(config.0, &config.1),
        layers: vec![blob_descriptor(layer.0, &layer.1)],
    });
    Image { document: Document::new(media_type, text), children: Vec::new(), blobs: vec![config.1, layer.1] }
}

/// An OCI index of [`image`]s, one for each platform, in this order.
#[must_use]
pub fn index(seed: &str, platforms: &[&str]) -> Image {
    index_made(seed, platforms, CREATED)
}

/// The same, of images made at this time.
#[must_use]
pub fn index_made(seed: &str, platforms: &[&str], created: &str) -> Image {
    let children = platforms.iter().map(|platform| image_made(seed, platform, created)).collect();
    index_of(Format::Oci, children, platforms)
}

/// A Docker manifest list of [`docker_image`]s, one for each platform, in this order.
#[must_use]
pub fn docker_list(seed: &str, platforms: &[&str]) -> Image {
    let children = platforms.iter().map(|platform| docker_image(seed, platform)).collect();
    index_of(Format::Docker, children, platforms)
}

fn index_of(format: Format, children: Vec<Image>, platforms: &[&str]) -> Image {
    let manifests = children
        .iter()
        .zip(platforms)
        .map(|(child, platform)| child_descriptor(child, Some(entry(platform))))
        .collect();
    let media_type = format.index().as_str();
    let text = json(&IndexText { schema_version: 2, media_type, manifests });
    Image { document: Document::new(media_type, text), children, blobs: Vec::new() }
}

/// An OCI index as BuildKit pushes it: [`index`] and one `unknown/unknown` attestation for each image.
#[must_use]
pub fn attested_index(seed: &str, platforms: &[&str]) -> Image {
    let mut children: Vec<_> = platforms.iter().map(|platform| image(seed, platform)).collect();
    let attestations: Vec<_> = children.iter().map(|child| attestation(child.digest())).collect();
    let mut manifests: Vec<_> = children
        .iter()
        .zip(platforms)
        .map(|(child, platform)| child_descriptor(child, Some(entry(platform))))
        .collect();
    for (attestation, about) in attestations.iter().zip(&children) {
        let mut descriptor = child_descriptor(attestation, Some(entry("unknown/unknown")));
        descriptor.annotations = BTreeMap::from([
            ("vnd.docker.reference.digest", about.digest().to_string()),
            ("vnd.docker.reference.type", "attestation-manifest".to_owned()),
        ]);
        manifests.push(descriptor);
    }
    let media_type = Format::Oci.index().as_str();
    let text = json(&IndexText { schema_version: 2, media_type, manifests });
    children.extend(attestations);
    Image { document: Document::new(media_type, text), children, blobs: Vec::new() }
}

fn attestation(about: &Digest) -> Image {
    let statement = Blob::new(format!(
        r#"{{"_type":"https://in-toto.io/Statement/v0.1","predicateType":"https://slsa.dev/provenance/v0.2","subject":[{{"digest":{{"sha256":"{}"}}}}]}}"#,
        about.to_string().trim_start_matches("sha256:")
    ));
    let config = Blob::new(json(&ConfigText {
        platform: entry("unknown/unknown"),
        created: CREATED,
        config: ConfigProcess { env: [""], cmd: ["", ""] },
        rootfs: RootFs { kind: "layers", diff_ids: [statement.digest.to_string()] },
        history: [History { created: CREATED, created_by: "registry-check demo" }],
    }));
    manifest(Format::Oci, (OCI_CONFIG, config), (IN_TOTO, statement))
}

/// A signed Docker schema 1 manifest: its digest is of the part before the signatures, not of the bytes.
/// The signature is of the right shape and signs nothing.
#[must_use]
pub fn schema1(seed: &str) -> Image {
    let layer = Blob::new(gzip(&tar("demo.txt", seed.as_bytes())));
    let unclosed = format!(
        "{{\n   \"schemaVersion\": 1,\n   \"name\": \"demo/schema1\",\n   \"tag\": \"latest\",\n   \
         \"architecture\": \"amd64\",\n   \"fsLayers\": [{{\"blobSum\": \"{}\"}}],\n   \
         \"history\": [{{\"v1Compatibility\": \"{{\\\"id\\\":\\\"{}\\\",\\\"os\\\":\\\"linux\\\"}}\"}}]",
        layer.digest,
        "0".repeat(64)
    );
    let payload = format!("{unclosed}\n}}");
    let protected = URL_SAFE_NO_PAD.encode(format!(
        r#"{{"formatLength":{},"formatTail":"{}","time":"{CREATED}"}}"#,
        unclosed.len(),
        URL_SAFE_NO_PAD.encode("\n}")
    ));
    let signature = URL_SAFE_NO_PAD.encode([0u8; 64]);
    let signed = format!(
        "{unclosed},\n   \"signatures\": [{{\"header\": {{\"alg\": \"ES256\"}}, \
         \"signature\": \"{signature}\", \"protected\": \"{protected}\"}}]\n}}"
    );
    let document = Document {
        media_type: MediaType::DockerSchema1Signed.as_str().into(),
        bytes: signed.into(),
        digest: Digest::sha256(payload.as_bytes()),
    };
    Image { document, children: Vec::new(), blobs: vec![layer] }
}

/// The same JSON with other white space, so under another digest.
#[must_use]
pub fn reserialised_document(document: &Document) -> Document {
    Document::new(document.media_type.clone(), respaced(&document.bytes))
}

/// The same image, its manifest or index written with other white space.
#[must_use]
pub fn reserialised(image: &Image) -> Image {
    Image { document: reserialised_document(&image.document), ..image.clone() }
}

/// Adds a line break after each comma outside of texts.
fn respaced(json: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len() * 2);
    let (mut in_text, mut escaped) = (false, false);
    for &byte in json {
        out.push(byte);
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b',' if !in_text => out.extend_from_slice(b"\n  "),
            _ => {}
        }
    }
    out.push(b'\n');
    out
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    encoder.write_all(bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// A ustar archive of one file (POSIX.1-1988), owned by root, dated 1970.
fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    const BLOCK: usize = 512;
    let mut header = [0u8; BLOCK];
    let mut field = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    field(0, name.as_bytes());
    field(100, b"0000644\0");
    field(108, b"0000000\0");
    field(116, b"0000000\0");
    field(124, format!("{:011o}\0", content.len()).as_bytes());
    field(136, b"00000000000\0");
    field(148, b"        ");
    field(156, b"0");
    field(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(content);
    archive.resize(archive.len().next_multiple_of(BLOCK) + 2 * BLOCK, 0);
    archive
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::model::manifest::{ChildKind, Content, Manifest};

    fn read(image: &Image) -> Manifest {
        let document = &image.document;
        Manifest::parse(&document.bytes, MediaType::parse(&document.media_type)).unwrap()
    }

    #[test]
    fn an_image_is_the_same_bytes_each_time_and_another_for_another_seed() {
        assert_eq!(image("a", "linux/amd64"), image("a", "linux/amd64"));
        assert_ne!(image("a", "linux/amd64").digest(), image("b", "linux/amd64").digest());
        assert_ne!(image("a", "linux/amd64").digest(), image("a", "linux/arm64").digest());
        assert_ne!(image("a", "linux/amd64").digest(), docker_image("a", "linux/amd64").digest());
    }

    #[test]
    fn a_manifest_names_its_config_and_layer() {
        for image in [image("a", "linux/amd64"), docker_image("a", "linux/amd64")] {
            let Content::Image { config, layers, .. } = read(&image).content else { panic!("an image") };
            assert_eq!(*config.digest, *image.blobs[0].digest.to_string());
            assert_eq!(*layers[0].digest, *image.blobs[1].digest.to_string());
            assert_eq!(config.size, Some(image.blobs[0].bytes.len() as u64));
            assert!(image.document.digest.matches(&image.document.bytes));
        }
    }

    #[test]
    fn the_layer_is_a_gzipped_archive_that_the_config_names_by_its_unpacked_digest() {
        let image = image("hello", "linux/amd64");
        let mut archive = Vec::new();
        flate2::read::GzDecoder::new(&image.blobs[1].bytes[..]).read_to_end(&mut archive).unwrap();
        let config: serde_json::Value = serde_json::from_slice(&image.blobs[0].bytes).unwrap();
        assert_eq!(config["rootfs"]["diff_ids"][0], Digest::sha256(&archive).to_string());
        assert_eq!(&archive[512..535], b"hello for linux/amd64\n\0");
        assert_eq!(archive.len() % 512, 0);
    }

    #[test]
    fn an_index_lists_its_platforms_in_order() {
        for index in [
            index("a", &["linux/amd64", "linux/arm64/v8"]),
            docker_list("a", &["linux/amd64", "linux/arm64/v8"]),
        ] {
            let manifest = read(&index);
            let shown: Vec<_> = manifest
                .images()
                .map(|child| (child.platform.as_ref().unwrap().to_string(), child.digest.clone().unwrap()))
                .collect();
            let digests: Vec<_> =
                index.children.iter().map(|child| child.digest().to_string().into_boxed_str()).collect();
            assert_eq!(shown[0], ("linux/amd64".to_owned(), digests[0].clone()));
            assert_eq!(shown[1], ("linux/arm64".to_owned(), digests[1].clone()));
        }
    }

    #[test]
    fn attestations_follow_the_images_and_are_known_as_such() {
        let index = attested_index("a", &["linux/amd64", "linux/arm64"]);
        let Content::Index(children) = read(&index).content else { panic!("an index") };
        let kinds: Vec<_> = children.iter().map(|child| child.kind).collect();
        let [image, attestation] = [ChildKind::Image, ChildKind::Attestation];
        assert_eq!(kinds, [image, image, attestation, attestation]);
        assert_eq!(index.children.len(), 4);
    }

    #[test]
    fn reserialising_changes_the_digest_and_nothing_that_is_read() {
        let before = index("a, \"quoted\\\"", &["linux/amd64", "linux/arm64"]);
        let after = reserialised(&before);
        assert_ne!(before.digest(), after.digest());
        assert_eq!(read(&before), read(&after));
        assert_eq!(respaced(br#"{"a":"x,\",y","b":1}"#), b"{\"a\":\"x,\\\",y\",\n  \"b\":1}\n");
    }

    #[test]
    fn a_schema_1_digest_is_not_of_the_bytes() {
        let image = schema1("a");
        assert_eq!(read(&image).content, Content::Schema1);
        assert!(!image.document.digest.matches(&image.document.bytes));
    }
}
