//! Indexes and their entries as a test wants them, for what a builder of good images never makes.

use registry_check::demo::{Document, Image};
use registry_check::model::manifest::MediaType;
use serde_json::{Value, json};

/// The descriptor of a document, for a platform such as `linux/amd64` if it says one.
pub fn entry(document: &Document, platform: Option<&str>) -> Value {
    let mut entry = json!({
        "mediaType": document.media_type, "digest": document.digest.to_string(), "size": document.bytes.len(),
    });
    if let Some((os, architecture)) = platform.and_then(|platform| platform.split_once('/')) {
        entry["platform"] = json!({"os": os, "architecture": architecture});
    }
    entry
}

/// An index of these entries, and what a registry holds of them.
pub fn index_of(entries: &[Value], children: Vec<Image>) -> Image {
    let media_type = MediaType::OciIndex.as_str();
    let text = json!({"schemaVersion": 2, "mediaType": media_type, "manifests": entries});
    Image { document: Document::new(media_type, text.to_string()), children, blobs: Vec::new() }
}
