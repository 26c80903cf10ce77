//! What an embedded registry was asked: the record that lets a test say what must not happen.
//!
//! An entry is made when the answer is decided, before the client can see any of it. Recording is cheap
//! and can be switched off for benchmarks; the two gauges stay on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::header::{ACCEPT, AUTHORIZATION, HOST, HeaderName};
use tokio::time::Instant;

use super::answer::{Answer, Fate};
use super::request::Asked;

/// One request and how it was answered.
#[derive(Clone, Debug)]
pub struct Hit {
    /// `GET`, `HEAD`, …
    pub method: String,
    /// Path as sent, without the query.
    pub path: String,
    /// Query as sent, without `?`.
    pub query: Option<String>,
    /// The `Host` header.
    pub host: Option<String>,
    /// The `Authorization` header.
    pub authorization: Option<String>,
    /// The first `Accept` header.
    pub accept: Option<String>,
    /// All headers.
    pub headers: HeaderMap,
    /// Body of a POST to the token service.
    pub form: String,
    /// Status answered; `None` where the connection was closed or left open without an answer.
    pub status: Option<u16>,
    /// When the answer was decided.
    pub at: Instant,
}

impl Hit {
    pub(super) fn new(asked: Asked, answer: &Answer) -> Self {
        let text = |name: HeaderName| {
            asked.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        Self {
            host: text(HOST),
            authorization: text(AUTHORIZATION),
            accept: text(ACCEPT),
            method: asked.method.as_str().to_owned(),
            path: asked.path,
            query: asked.query,
            headers: asked.headers,
            form: asked.form,
            status: (answer.fate == Fate::Sent).then_some(answer.status.as_u16()),
            at: Instant::now(),
        }
    }

    /// A header by name, as text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Whether this was a request for a manifest or index.
    #[must_use]
    pub fn is_manifest(&self) -> bool {
        self.path.contains("/manifests/")
    }
}

/// Whether each request is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recording {
    /// Each request is kept.
    On,
    /// None is: for benchmarks.
    Off,
}

/// Requests kept, requests now in flight, connections accepted.
#[derive(Debug, Default)]
pub(super) struct HitLog {
    hits: Mutex<Vec<Hit>>,
    is_off: AtomicBool,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    connections: AtomicUsize,
}

impl HitLog {
    pub(super) fn set(&self, recording: Recording) {
        self.is_off.store(recording == Recording::Off, Ordering::Relaxed);
    }

    pub(super) fn record(&self, asked: Asked, answer: &Answer) {
        if !self.is_off.load(Ordering::Relaxed) {
            let hit = Hit::new(asked, answer);
            self.hits.lock().unwrap_or_else(PoisonError::into_inner).push(hit);
        }
    }

    pub(super) fn with<T>(&self, read: impl FnOnce(&mut Vec<Hit>) -> T) -> T {
        read(&mut self.hits.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn connected(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request as in flight until the guard is dropped.
    pub(super) fn enter(&self) -> InFlight<'_> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        InFlight(self)
    }
}

pub(super) struct InFlight<'a>(&'a HitLog);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
