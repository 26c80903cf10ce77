//! Whether an API root is a registry's: asked only where a 404 leaves it open, once for each root.
//!
//! A 404 without a registry's header or error body may come from a static registry that lacks the image, or
//! from a gateway that has never heard of registries. The root tells them apart (distribution-spec
//! "Determining Support"): nothing else is decided by it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, Method, header};
use tokio::sync::OnceCell;
use url::Url;

use super::error_body;
use crate::model::endpoint::Authority;
use crate::net::client::{Body, Client, MAX_ERROR_BYTES, Purpose, Request, Wish};

/// The roots that were asked.
#[derive(Debug, Default)]
pub(super) struct Roots {
    known: Mutex<HashMap<Url, Arc<OnceCell<bool>>>>,
}

impl Roots {
    /// Whether the API root of this manifest or blob URL answers as a registry does.
    pub(super) async fn is_registry(&self, client: &Client, below: &Url, repository: &str) -> bool {
        let Some(root) = root_of(below, repository) else { return false };
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(root.clone()).or_default())
        };
        *cell.get_or_init(|| answers(client, &root)).await
    }

    /// What an answer told of `root` that was asked for for another reason.
    pub(super) fn learn(&self, root: &Url, status: u16, headers: &HeaderMap) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let cell = known.entry(root.clone()).or_default();
        // Whoever asks at this moment finds out as much.
        let _ = cell.set(is_registrys(status, headers, b""));
    }
}

/// What stands before the repository, with the slash that the API wants.
fn root_of(below: &Url, repository: &str) -> Option<Url> {
    let path = below.path();
    let at = ["manifests", "blobs"].iter().find_map(|kind| path.rfind(&format!("/{repository}/{kind}/")))?;
    let mut root = below.clone();
    root.set_query(None);
    root.set_path(&path[..=at]);
    Some(root)
}

async fn answers(client: &Client, root: &Url) -> bool {
    let Some(authority) = Authority::of(root) else { return false };
    let request = Request {
        method: Method::GET,
        url: root,
        authority: &authority,
        accept: "application/json",
        authorization: None,
        form: None,
        range: None,
        body: Wish::UpTo(MAX_ERROR_BYTES),
        purpose: Purpose::Root,
    };
    let Ok(reply) = client.send(request).await else { return false };
    let body = match &reply.body {
        Body::Read(body) => body.as_slice(),
        Body::OverLimit | Body::Open(_) => return false,
    };
    is_registrys(reply.status, &reply.headers, body)
}

fn is_registrys(status: u16, headers: &HeaderMap, body: &[u8]) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    match status {
        200 => !error_body::looks_like_html(content_type, body),
        401 => headers.contains_key(header::WWW_AUTHENTICATE),
        _ => headers.contains_key("docker-distribution-api-version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_what_stands_before_the_repository() {
        for (manifest, repository, root) in [
            ("https://h/v2/a/b/manifests/1", "a/b", "https://h/v2/"),
            ("https://h/p/v2/hub/x/manifests/sha256:00?ns=docker.io", "hub/x", "https://h/p/v2/"),
            ("https://h/x/manifests/1", "x", "https://h/"),
            ("https://h/v2/a/b/blobs/sha256:00", "a/b", "https://h/v2/"),
        ] {
            let manifest = Url::parse(manifest).unwrap();
            assert_eq!(root_of(&manifest, repository).unwrap().as_str(), root);
        }
    }
}
