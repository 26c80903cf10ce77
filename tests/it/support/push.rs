//! Small images, always with the same bytes for the same words, and their way into a registry.

use std::collections::{BTreeMap, HashSet};
use std::sync::Mutex;
use std::thread;

use registry_check::model::digest::Digest;
use registry_check::model::manifest::MediaType;
use serde_json::json;

use super::http;

const TAGS_PER_REPOSITORY: usize = 10;
const THREADS: usize = 8;
/// Two zero blocks: a tar archive of nothing.
const EMPTY_TAR: [u8; 1024] = [0; 1024];

/// What a tag names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One manifest, for linux/amd64.
    Single,
    /// An OCI index of linux/amd64 and linux/arm64.
    Index,
}

impl Shape {
    const fn platforms(self) -> &'static [&'static str] {
        match self {
            Self::Single => &["amd64"],
            Self::Index => &["amd64", "arm64"],
        }
    }
}

/// A manifest as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub media_type: MediaType,
    pub body: Vec<u8>,
}

impl Document {
    fn new(media_type: MediaType, json: &serde_json::Value) -> Self {
        Self { media_type, body: json.to_string().into_bytes() }
    }

    /// The digest of its bytes.
    pub fn digest(&self) -> String {
        Digest::sha256(&self.body).to_string()
    }

    fn descriptor(&self, architecture: &str) -> serde_json::Value {
        json!({
            "mediaType": self.media_type.as_str(),
            "digest": self.digest(),
            "size": self.body.len(),
            "platform": {"os": "linux", "architecture": architecture},
        })
    }
}

/// An image, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub repository: String,
    pub tag: String,
    /// What the tag names.
    pub top: Document,
    /// The manifests of its platforms, when `top` is an index.
    pub children: Vec<Document>,
    /// Configurations and layers.
    pub blobs: Vec<Vec<u8>>,
}

impl Image {
    /// Builds an image. Its bytes follow from these words alone; another `revision` makes another
    /// digest for the same tag. Images of one repository share their blobs.
    pub fn new(repository: &str, tag: &str, shape: Shape, revision: &str) -> Self {
        let mut blobs = vec![EMPTY_TAR.to_vec()];
        let mut manifests = Vec::new();
        let annotations = json!({
            "org.opencontainers.image.version": tag,
            "org.opencontainers.image.revision": revision,
        });
        for architecture in shape.platforms() {
            let config = json!({
                "os": "linux",
                "architecture": architecture,
                "config": {"Labels": {"org.opencontainers.image.title": repository}},
                "rootfs": {"type": "layers", "diff_ids": [Digest::sha256(&EMPTY_TAR).to_string()]},
            })
            .to_string()
            .into_bytes();
            manifests.push(Document::new(
                MediaType::OciManifest,
                &json!({
                    "schemaVersion": 2,
                    "mediaType": MediaType::OciManifest.as_str(),
                    "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
                    "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &EMPTY_TAR)],
                    "annotations": annotations,
                }),
            ));
            blobs.push(config);
        }
        let (top, children) = match shape {
            Shape::Single => (manifests.remove(0), Vec::new()),
            Shape::Index => {
                let children: Vec<_> = manifests
                    .iter()
                    .zip(shape.platforms())
                    .map(|(manifest, architecture)| manifest.descriptor(architecture))
                    .collect();
                let index = json!({
                    "schemaVersion": 2,
                    "mediaType": MediaType::OciIndex.as_str(),
                    "manifests": children,
                    "annotations": annotations,
                });
                (Document::new(MediaType::OciIndex, &index), manifests)
            }
        };
        Self { repository: repository.to_owned(), tag: tag.to_owned(), top, children, blobs }
    }

    /// The digest that the tag names.
    pub fn digest(&self) -> String {
        self.top.digest()
    }

    /// The path of the manifest under `reference`, a tag or a digest.
    pub fn path(&self, reference: &str) -> String {
        format!("/v2/{}/manifests/{reference}", self.repository)
    }
}

fn descriptor(media_type: &str, bytes: &[u8]) -> serde_json::Value {
    json!({"mediaType": media_type, "digest": Digest::sha256(bytes).to_string(), "size": bytes.len()})
}

/// The first `count` of an endless list of images, ten to a repository, every second one an index.
pub fn images(count: usize) -> Vec<Image> {
    (0..count)
        .map(|number| {
            let repository = format!("library/app-{:03}", number / TAGS_PER_REPOSITORY);
            let tag = format!("1.{}", number % TAGS_PER_REPOSITORY);
            let shape = if number % 2 == 0 { Shape::Single } else { Shape::Index };
            Image::new(&repository, &tag, shape, "first")
        })
        .collect()
}

/// Pushes [`images`] into the registry at `authority` and gives them back.
pub fn fill(authority: &str, count: usize) -> Vec<Image> {
    let images = images(count);
    push(authority, &images);
    images
}

/// Pushes `images` into the registry at `authority`, several repositories at once.
pub fn push(authority: &str, images: &[Image]) {
    let mut repositories: BTreeMap<&str, Vec<&Image>> = BTreeMap::new();
    for image in images {
        repositories.entry(&image.repository).or_default().push(image);
    }
    let queue = Mutex::new(repositories.into_values());
    let next = || queue.lock().unwrap().next();
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(images) = next() {
                    push_repository(authority, &images);
                }
            });
        }
    });
}

fn push_repository(authority: &str, images: &[&Image]) {
    let mut pushed = HashSet::new();
    for image in images {
        for blob in &image.blobs {
            if pushed.insert(blob) {
                push_blob(authority, &image.repository, blob);
            }
        }
        // A registry takes an index only after the manifests it names.
        for child in &image.children {
            push_manifest(authority, &image.path(&child.digest()), child);
        }
        push_manifest(authority, &image.path(&image.tag), &image.top);
    }
}

fn push_blob(authority: &str, repository: &str, blob: &[u8]) {
    let opened = http::request(authority, "POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
    let location = opened.header("location").unwrap_or_else(|| panic!("no upload: {opened:?}"));
    let path = location.strip_prefix(&format!("http://{authority}")).unwrap_or(location);
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}digest={}", Digest::sha256(blob));
    let stored =
        http::request(authority, "PUT", &path, &[("Content-Type", "application/octet-stream")], blob);
    assert_eq!(stored.status, 201, "{stored:?}");
}

fn push_manifest(authority: &str, path: &str, document: &Document) {
    let content_type = [("Content-Type", document.media_type.as_str())];
    let stored = http::request(authority, "PUT", path, &content_type, &document.body);
    assert_eq!(stored.status, 201, "{stored:?}");
}
