//! Sends one request and reads its answer: bounded in time, size and number in flight.
//!
//! Follows no redirect, tries nothing twice, knows no registry.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, header};
use thiserror::Error;
use tokio::time::Instant;
use url::Url;

use super::authority::{Answered, Kind, Limits, QuotaReport};
use super::classify;
use super::redirect;
use super::resolve::Resolver;
use super::retry;
use super::tls;
use crate::model::endpoint::Authority;
use crate::model::fault::NetFault;
use crate::model::run::Quota;
use crate::model::secret::Secret;

/// Most bytes of an error's body that are read; the rest is not waited for.
pub const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution, connection and TLS handshake.
    pub connect: Duration,
    /// From sending to the first byte of the answer.
    pub first_byte: Duration,
    /// One request, whole.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(15),
            total: Duration::from_secs(30),
        }
    }
}

/// What a request is for: they are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A registry's own endpoints.
    Registry,
    /// A token service.
    Token,
}

/// One request.
#[derive(Debug)]
pub struct Request<'a> {
    /// HEAD or GET.
    pub method: Method,
    /// Where to.
    pub url: &'a Url,
    /// The `Accept` line.
    pub accept: &'static str,
    /// The `Authorization` line, scheme included.
    pub authorization: Option<&'a Secret>,
    /// Most bytes of a successful answer's body.
    pub body_limit: usize,
    /// What it is for.
    pub purpose: Purpose,
}

/// One answer.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers as sent.
    pub headers: HeaderMap,
    /// The body, as far as it was read.
    pub body: Body,
    /// From sending to the first byte.
    pub first_byte: Duration,
}

/// A body, as far as it was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// All of it (of an error: its first [`MAX_ERROR_BYTES`]). Empty after HEAD.
    Read(Vec<u8>),
    /// Longer than the request's limit; nothing is kept.
    OverLimit,
}

/// The client could not be made.
#[derive(Debug, Error)]
#[error("cannot set up the HTTP client: {0}")]
pub struct ClientError(String);

/// Sends requests.
#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    limits: Limits,
    timeouts: Timeouts,
    registry_requests: AtomicU64,
    token_requests: AtomicU64,
}

impl Client {
    /// A client with these bounds, that keeps so many idle connections to each host. Proxies are taken from the environment (`HTTPS_PROXY`, `NO_PROXY`, …).
    ///
    /// # Errors
    /// TLS or the proxy settings of the environment cannot be used.
    pub fn new(timeouts: Timeouts, limits: Limits, idle_per_host: usize) -> Result<Self, ClientError> {
        let tls = tls::config().map_err(|error| ClientError(error.to_string()))?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(Resolver::default())
            .user_agent(concat!("registry-check/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(timeouts.connect.min(timeouts.first_byte).min(timeouts.total))
            .tcp_nodelay(true)
            .pool_max_idle_per_host(idle_per_host)
            .build()
            .map_err(|error| ClientError(error.to_string()))?;
        Ok(Self {
            http,
            limits,
            timeouts,
            registry_requests: AtomicU64::new(0),
            token_requests: AtomicU64::new(0),
        })
    }

    /// How many requests of this kind have been sent.
    #[must_use]
    pub fn sent(&self, purpose: Purpose) -> u64 {
        self.counter(purpose).load(Ordering::Relaxed)
    }

    /// The pull quotas that hosts told of so far.
    #[must_use]
    pub fn quotas(&self) -> Vec<Quota> {
        self.limits.quotas()
    }

    const fn counter(&self, purpose: Purpose) -> &AtomicU64 {
        match purpose {
            Purpose::Registry => &self.registry_requests,
            Purpose::Token => &self.token_requests,
        }
    }

    /// Sends `request` when its authority has a place free, and reads the answer.
    ///
    /// # Errors
    /// No whole answer came, or nothing more is asked of that authority ([`NetFault::Shut`]).
    pub async fn send(&self, request: Request<'_>) -> Result<Reply, NetFault> {
        let Some(authority) = Authority::of(request.url) else {
            return Err(NetFault::Protocol("the URL names no host".into()));
        };
        let kind = match (request.purpose, &request.method) {
            (Purpose::Registry, &Method::GET) => Kind::Pull,
            _ => Kind::Other,
        };
        let mut permit = self.limits.acquire(&authority, kind).await.map_err(NetFault::Shut)?;
        self.counter(request.purpose).fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let response = match self.first_byte(&request).await {
            Ok(response) => response,
            Err(fault) => {
                log::debug!("{} {}: {fault}", request.method, redirect::display(request.url));
                permit.failed(&fault);
                return Err(fault);
            }
        };
        let first_byte = started.elapsed();
        let status = response.status().as_u16();
        permit.answered(&Answered {
            status,
            latency: first_byte,
            retry_after: retry_after(status, response.headers()),
            quota: QuotaReport::read(response.headers()),
        });
        log::debug!(
            "{} {}: {status} in {:.1} ms",
            request.method,
            redirect::display(request.url),
            first_byte.as_secs_f64() * 1000.0
        );
        let headers = response.headers().clone();
        if request.method == Method::HEAD {
            return Ok(Reply { status, headers, body: Body::Read(Vec::new()), first_byte });
        }
        let is_success = response.status().is_success();
        let limit = if is_success { request.body_limit } else { MAX_ERROR_BYTES };
        let left = self.timeouts.total.saturating_sub(first_byte);
        let body = match tokio::time::timeout(left, read(response, limit)).await {
            Ok(body) => body?,
            Err(_) if is_success => return Err(NetFault::TimeoutBody(self.timeouts.total)),
            // The status of an error is its message; a body that never ends adds nothing.
            Err(_) => Body::Read(Vec::new()),
        };
        Ok(Reply { status, headers, body, first_byte })
    }

    async fn first_byte(&self, request: &Request<'_>) -> Result<reqwest::Response, NetFault> {
        let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.clone());
        let headers = outgoing.headers_mut();
        headers.insert(header::ACCEPT, HeaderValue::from_static(request.accept));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(secret) = request.authorization {
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|_| NetFault::Protocol("the token cannot stand in a header".into()))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        let allowed = self.timeouts.first_byte.min(self.timeouts.total);
        // Where both timers are set to the same time, the one that knows more should fire.
        let slack = if self.timeouts.connect >= allowed { Duration::from_millis(20) } else { Duration::ZERO };
        match tokio::time::timeout(allowed + slack, self.http.execute(outgoing)).await {
            Err(_) => Err(NetFault::TimeoutFirstByte(allowed)),
            Ok(Err(error)) => Err(classify::send_fault(&error, self.timeouts.connect.min(allowed))),
            Ok(Ok(response)) => Ok(response),
        }
    }
}

fn retry_after(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER).filter(|_| status == 429)?;
    retry::parse_retry_after(value.as_bytes(), SystemTime::now())
}

/// Reads at most `limit` bytes. An error's body that is longer is cut, a manifest's is refused.
async fn read(mut response: reqwest::Response, limit: usize) -> Result<Body, NetFault> {
    let is_error = !response.status().is_success();
    let promised = response.content_length();
    let mut body = Vec::with_capacity(
        promised.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0).min(limit).min(64 * 1024),
    );
    loop {
        match response.chunk().await {
            Ok(None) => return Ok(Body::Read(body)),
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                if !is_error {
                    return Ok(Body::OverLimit);
                }
                body.extend_from_slice(&chunk[..limit - body.len()]);
                return Ok(Body::Read(body));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            // What an error said is worth having even if it was cut short.
            Err(_) if is_error => return Ok(Body::Read(body)),
            Err(error) => {
                return Err(classify::body_fault(&error, body.len() as u64, promised));
            }
        }
    }
}
