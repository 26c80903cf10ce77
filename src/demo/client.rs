//! The plainest possible client for the tests of this folder: follows nothing, decodes nothing, believes nothing.
//!
//! A body that breaks off is kept as far as it came, with the fact that it did.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};

use super::registry::Registry;

/// What came back.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the body ended before its promised length.
    pub(super) is_cut: bool,
}

impl Reply {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Code of the first error in the body; empty where there is none.
    pub(super) fn error_code(&self) -> String {
        self.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) fn request(registry: &Registry, method: &str, path: &str) -> RequestBuilder {
    // Another test may have installed it already.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    client.request(Method::from_bytes(method.as_bytes()).unwrap(), format!("{}{path}", registry.url()))
}

pub(super) async fn send(request: RequestBuilder) -> Reply {
    let mut response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let mut body = BytesMut::new();
    let is_cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    Reply { status, headers, body: body.freeze(), is_cut }
}

pub(super) async fn ask(registry: &Registry, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
    let request = request(registry, method, path);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

pub(super) async fn get(registry: &Registry, path: &str) -> Reply {
    ask(registry, "GET", path, &[]).await
}

pub(super) async fn head(registry: &Registry, path: &str) -> Reply {
    ask(registry, "HEAD", path, &[]).await
}
