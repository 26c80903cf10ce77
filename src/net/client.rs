//! Sends one request and reads its answer: bounded in time, size and number in flight.
//!
//! Follows no redirect, knows no registry, and tries nothing twice, but for one thing: a host that offers
//! HTTP/2 and cannot do it is asked over HTTP/1.1 from then on.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderValue, Method, header};
use thiserror::Error;
use tokio::time::Instant;
use url::Url;

use super::authority::{Answered, Kind, Limits, Permit, QuotaReport};
use super::classify::{self, Http2};
use super::download::{Download, LeastRate};
use super::extra::ExtraHeaders;
use super::heard::{self, Heard};
pub use super::message::{Body, Purpose, Range, Reply, Request, Wish};
use super::meter::Meter;
use super::pool::{Lease, Pool};
use super::proxy::{Proxies, ProxyError};
use super::redirect;
use super::retry::{self, Condition};
use super::scarce::Scarcity;
use super::tls::{Policies, Versions};
use crate::model::endpoint::Authority;
use crate::model::fault::NetFault;
use crate::model::host::HostState;
use crate::model::run::Quota;
use crate::model::tls::TlsFault;

/// Most bytes of an error's body that are read; the rest is not waited for.
pub const MAX_ERROR_BYTES: usize = 64 * 1024;

/// How long things may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Name resolution, connection and TLS handshake.
    pub connect: Duration,
    /// From sending to the first byte of the answer.
    pub first_byte: Duration,
    /// One request, whole. A body that is read as it comes is bounded by its rate instead.
    pub total: Duration,
    /// Below this rate, in bytes a second over the time for a first byte, such a body has timed out.
    pub least_rate: u64,
    /// The most that all of such a body may take, however fast it comes.
    pub longest: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_byte: Duration::from_secs(15),
            total: Duration::from_secs(30),
            least_rate: 10 * 1024,
            longest: Duration::from_secs(3600),
        }
    }
}

/// What came of one attempt, before the body.
struct Arrived {
    status: u16,
    headers: HeaderMap,
    rest: Rest,
    lease: Lease,
    first_byte: Duration,
    version: http::Version,
}

enum Rest {
    Read(Body),
    Unread(reqwest::Response),
}

/// The client could not be made.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("cannot set up the HTTP client: {0}")]
pub struct ClientError(#[from] ProxyError);

/// Sends requests.
#[derive(Debug)]
pub struct Client {
    pool: Pool,
    limits: Limits,
    timeouts: Timeouts,
    extra: ExtraHeaders,
    /// Hosts that offered HTTP/2 and could not do it.
    http1_only: Mutex<HashSet<Authority>>,
    heard: Heard,
    /// Hosts that are asked through a proxy, which has been told.
    told: Mutex<HashSet<Authority>>,
    registry_requests: AtomicU64,
    blob_requests: AtomicU64,
    token_requests: AtomicU64,
    meter: Meter,
    /// Manifests that were had by GET, by host: what registries with a quota count as pulls.
    pulls: Mutex<HashMap<Box<str>, u64>>,
}

/// An attempt without a whole answer.
struct Failure {
    fault: NetFault,
    http2: Http2,
}

impl From<NetFault> for Failure {
    fn from(fault: NetFault) -> Self {
        Self { fault, http2: Http2::Innocent }
    }
}

impl Client {
    /// A client with these bounds and TLS settings, that keeps so many idle connections to each host. Proxies are taken from the environment (`HTTPS_PROXY`,
    /// `NO_PROXY`, …).
    ///
    /// # Errors
    /// The proxy settings of the environment cannot be used.
    pub fn new(
        timeouts: Timeouts,
        limits: Limits,
        policies: Policies,
        idle_per_host: usize,
    ) -> Result<Self, ClientError> {
        let connect_timeout = timeouts.connect.min(timeouts.first_byte).min(timeouts.total);
        Ok(Self {
            pool: Pool::new(policies, Proxies::from_environment()?, connect_timeout, idle_per_host),
            limits,
            timeouts,
            extra: ExtraHeaders::default(),
            http1_only: Mutex::default(),
            heard: Heard::default(),
            told: Mutex::default(),
            registry_requests: AtomicU64::new(0),
            blob_requests: AtomicU64::new(0),
            token_requests: AtomicU64::new(0),
            meter: Meter::new(),
            pulls: Mutex::default(),
        })
    }

    /// Keeps to so many connections, all hosts together, as long as no more are needed at once.
    #[must_use]
    pub fn with_most_open(self, most: usize) -> Self {
        Self { pool: self.pool.with_most_open(most), ..self }
    }

    /// Sends these headers too, where they are configured for.
    #[must_use]
    pub fn with_headers(self, extra: ExtraHeaders) -> Self {
        Self { extra, ..self }
    }

    /// How many requests of this kind have been sent.
    #[must_use]
    pub fn sent(&self, purpose: Purpose) -> u64 {
        self.counter(purpose).load(Ordering::Relaxed)
    }

    /// Bytes of bodies that came so far, whatever became of them.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.meter.bytes()
    }

    /// How many manifests `host` gave by GET, which is what registries with a quota count.
    #[must_use]
    pub fn pulls(&self, host: &str) -> u64 {
        self.pulls.lock().unwrap_or_else(PoisonError::into_inner).get(host).copied().unwrap_or(0)
    }

    fn count_pull(&self, host: &str) {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        match pulls.get_mut(host) {
            Some(count) => *count += 1,
            None => drop(pulls.insert(host.into(), 1)),
        }
    }

    /// The pull quotas that hosts told of so far.
    #[must_use]
    pub fn quotas(&self) -> Vec<Quota> {
        self.limits.quotas()
    }

    /// Whether each of these hosts is asked at the moment.
    #[must_use]
    pub fn states<'a>(&self, of: impl IntoIterator<Item = &'a Authority>) -> Vec<HostState> {
        self.limits.states(of)
    }

    /// How a host is as a whole, for one whose question to it failed.
    #[must_use]
    pub fn condition(&self, of: &Authority) -> Condition {
        self.limits.condition(of)
    }

    /// A question to `authority` ended for good with this HTTP status, after all its tries.
    pub fn gave_up(&self, authority: &Authority, status: u16) {
        self.limits.gave_up(authority, status);
    }

    const fn counter(&self, purpose: Purpose) -> &AtomicU64 {
        match purpose {
            Purpose::Registry | Purpose::Root => &self.registry_requests,
            Purpose::Blob => &self.blob_requests,
            Purpose::Token => &self.token_requests,
        }
    }

    /// Sends `request` when its authority has a place free, and reads the answer.
    ///
    /// # Errors
    /// No whole answer came, or nothing more is asked of that authority ([`NetFault::Shut`]).
    pub async fn send(&self, request: Request<'_>) -> Result<Reply, NetFault> {
        let authority = request.authority;
        let kind = match (request.purpose, &request.method) {
            (Purpose::Registry, &Method::GET) => Kind::Pull,
            _ => Kind::Other,
        };
        let mut permit = self.limits.acquire(authority, kind).await.map_err(NetFault::Shut)?;
        self.tell_proxy(request.url, authority);
        let started = Instant::now();
        let versions = self.versions(authority);
        let first = self.attempt(&request, &mut permit, (authority, versions), started).await;
        let http2 = match &first {
            _ if versions == Versions::Http1 || &*authority.scheme != "https" => Http2::Innocent,
            // Some front ends offer HTTP/2 and do not serve this host over it (apple/container#2272).
            Ok(Arrived { status: 421, version: http::Version::HTTP_2, .. }) => Http2::Guilty,
            Ok(_) => Http2::Innocent,
            Err(failure) => failure.http2,
        };
        if http2 == Http2::Guilty {
            let mut http1_only = self.http1_only.lock().unwrap_or_else(PoisonError::into_inner);
            if http1_only.insert(authority.clone()) {
                log::info!("{authority}: HTTP/2 does not work; asking over HTTP/1.1");
            }
        }
        let last = match http2 {
            Http2::Innocent => first,
            Http2::Suspected | Http2::Guilty => {
                self.attempt(&request, &mut permit, (authority, Versions::Http1), started).await
            }
        };
        match last {
            Ok(Arrived { status, headers, rest, lease, first_byte, .. }) => {
                let body = match rest {
                    Rest::Read(body) => body,
                    Rest::Unread(response) => {
                        let rate = LeastRate::new(self.timeouts.least_rate, self.timeouts.first_byte);
                        let flow = self.meter.flow(started);
                        let place = (permit, lease);
                        Body::Open(Box::new(Download::new(
                            response,
                            rate,
                            self.timeouts.longest,
                            flow,
                            place,
                        )))
                    }
                };
                Ok(Reply { status, headers, body, first_byte })
            }
            Err(Failure { fault, .. }) => {
                permit.failed(&fault);
                Err(fault)
            }
        }
    }

    fn versions(&self, authority: &Authority) -> Versions {
        // Without TLS nothing but HTTP/1.1 is spoken, and nothing need be looked up.
        if &*authority.scheme == "http" {
            return Versions::Both;
        }
        let http1_only = self.http1_only.lock().unwrap_or_else(PoisonError::into_inner);
        if http1_only.contains(authority) { Versions::Http1 } else { Versions::Both }
    }

    fn tell_proxy(&self, url: &Url, authority: &Authority) {
        if let Some(proxy) = self.pool.proxies().shown(url)
            && self.told.lock().unwrap_or_else(PoisonError::into_inner).insert(authority.clone())
        {
            log::info!("{authority}: asked through the proxy {proxy}");
        }
    }

    /// Sends `request` once and reads the answer, in what is left of the time since `started`; what this
    /// machine's open files cost is not counted in.
    async fn attempt(
        &self,
        request: &Request<'_>,
        permit: &mut Permit,
        (authority, versions): (&Authority, Versions),
        started: Instant,
    ) -> Result<Arrived, Failure> {
        let mut scarcity = Scarcity::new(self.timeouts.total);
        loop {
            let counter = self.counter(request.purpose);
            counter.fetch_add(1, Ordering::Relaxed);
            let sent = Instant::now();
            let left = self.timeouts.total.saturating_sub((sent - started).saturating_sub(scarcity.waited()));
            let tried = self.try_once(request, permit, (authority, versions), left).await;
            if !matches!(&tried, Err(Failure { fault: NetFault::NoFiles(_), .. })) {
                return tried;
            }
            // Nothing went out.
            counter.fetch_sub(1, Ordering::Relaxed);
            self.pool.let_go();
            if !scarcity.wait_since(sent).await {
                return tried;
            }
        }
    }

    async fn try_once(
        &self,
        request: &Request<'_>,
        permit: &mut Permit,
        (authority, versions): (&Authority, Versions),
        left: Duration,
    ) -> Result<Arrived, Failure> {
        let sent = Instant::now();
        let (mut response, lease) =
            self.first_byte(request, authority, versions, left).await.inspect_err(|failure| {
                log::debug!("{} {}: {}", request.method, redirect::display(request.url), failure.fault);
            })?;
        let (first_byte, version) = (sent.elapsed(), response.version());
        if version == http::Version::HTTP_2 {
            self.heard.note(authority);
        }
        let status = response.status().as_u16();
        // An answer that is asked for again over HTTP/1.1 says nothing of the host's load.
        if (status, version, versions) != (421, http::Version::HTTP_2, Versions::Both) {
            permit.answered(&Answered {
                status,
                latency: first_byte,
                retry_after: retry_after(status, response.headers()),
                quota: QuotaReport::read(response.headers()),
            });
        }
        log::debug!(
            "{} {}: {status} in {:.1} ms",
            request.method,
            redirect::display(request.url),
            first_byte.as_secs_f64() * 1000.0
        );
        let headers = std::mem::take(response.headers_mut());
        let arrived = |rest| Arrived { status, headers, rest, lease, first_byte, version };
        if request.method == Method::HEAD {
            return Ok(arrived(Rest::Read(Body::Read(Vec::new()))));
        }
        let is_success = response.status().is_success();
        let limit = match request.body {
            _ if !is_success => MAX_ERROR_BYTES,
            Wish::UpTo(limit) => limit,
            Wish::Open => return Ok(arrived(Rest::Unread(response))),
        };
        let mut bytes = Vec::new();
        let left = left.saturating_sub(first_byte);
        let end = tokio::time::timeout(left, read(response, limit, &mut bytes, &self.meter)).await;
        if let Ok(Ok(_)) = end {
            permit.whole();
        }
        let body = match end {
            Ok(Ok(Length::Whole)) => Body::Read(bytes),
            Ok(Ok(Length::OverLimit)) => Body::OverLimit,
            Ok(Err(failure)) => return Err(failure),
            Err(_) if is_success => return Err(NetFault::TimeoutBody(self.timeouts.total).into()),
            // The status of an error is its message; what was said of it until now will do.
            Err(_) => {
                permit.stalled(&NetFault::TimeoutBody(self.timeouts.total));
                Body::Read(bytes)
            }
        };
        if is_success && request.purpose == Purpose::Registry {
            self.count_pull(&authority.host);
        }
        Ok(arrived(Rest::Read(body)))
    }

    async fn first_byte(
        &self,
        request: &Request<'_>,
        authority: &Authority,
        versions: Versions,
        left: Duration,
    ) -> Result<(reqwest::Response, Lease), Failure> {
        let mut outgoing = reqwest::Request::new(request.method.clone(), request.url.clone());
        let headers = outgoing.headers_mut();
        let is_registry = matches!(request.purpose, Purpose::Registry | Purpose::Root);
        if let Some(extra) = self.extra.of(request.url).filter(|_| is_registry) {
            headers.clone_from(extra);
        }
        headers.insert(header::ACCEPT, HeaderValue::from_static(request.accept));
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(secret) = request.authorization {
            let mut value = HeaderValue::from_str(secret.expose())
                .map_err(|_| NetFault::Protocol("the token cannot stand in a header".into()))?;
            value.set_sensitive(true);
            headers.insert(header::AUTHORIZATION, value);
        }
        if let Some(range) = request.range {
            headers.insert(header::RANGE, range.line());
        }
        if let Some(form) = request.form {
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form_type);
            *outgoing.body_mut() = Some(form.expose().to_owned().into());
        }
        let lease = self
            .pool
            .client(request.url, authority, versions)
            .map_err(|why| NetFault::Tls(TlsFault::Other(why.into())))?;
        let allowed = self.timeouts.first_byte.min(left);
        // Where both timers are set to the same time, the one that knows more should fire.
        let slack = if self.timeouts.connect >= allowed { Duration::from_millis(20) } else { Duration::ZERO };
        let sent = Instant::now();
        let first = heard::after(sent, allowed.saturating_add(slack));
        let mut until = first;
        let mut answer = std::pin::pin!(lease.client.execute(outgoing));
        let answer = loop {
            match tokio::time::timeout_at(until, &mut answer).await {
                Ok(answer) => break Ok(answer),
                Err(silent) => {
                    let longer = self.heard.until(authority, sent, allowed).min(heard::after(sent, left));
                    if longer <= until {
                        break Err(silent);
                    }
                    until = longer;
                }
            }
        };
        match answer {
            Err(_) => {
                let waited = if until > first { until - sent } else { self.timeouts.first_byte };
                Err(NetFault::TimeoutFirstByte(waited.min(self.timeouts.total)).into())
            }
            Ok(Err(error)) => {
                let connect = self.timeouts.connect.min(self.timeouts.first_byte).min(self.timeouts.total);
                let proxies = self.pool.proxies();
                Err(Failure {
                    fault: classify::send_fault(&error, request.url, proxies, connect),
                    http2: classify::http2(&error),
                })
            }
            Ok(Ok(response)) => Ok((response, lease)),
        }
    }
}

fn retry_after(status: u16, headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER).filter(|_| matches!(status, 429 | 503))?;
    retry::parse_retry_after(value.as_bytes(), SystemTime::now())
}

/// How a body ended.
enum Length {
    Whole,
    OverLimit,
}

/// Reads at most `limit` bytes. An error's body that is longer is cut, a manifest's is refused.
async fn read(
    mut response: reqwest::Response,
    limit: usize,
    body: &mut Vec<u8>,
    meter: &Meter,
) -> Result<Length, Failure> {
    let is_error = !response.status().is_success();
    let promised = response.content_length();
    body.reserve(
        promised.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0).min(limit).min(64 * 1024),
    );
    loop {
        let chunk = response.chunk().await;
        if let Ok(Some(chunk)) = &chunk {
            meter.count(chunk.len());
        }
        match chunk {
            Ok(None) => return Ok(Length::Whole),
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                if !is_error {
                    return Ok(Length::OverLimit);
                }
                body.extend_from_slice(&chunk[..limit - body.len()]);
                return Ok(Length::Whole);
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            // What an error said is worth having even if it was cut short.
            Err(_) if is_error => return Ok(Length::Whole),
            Err(error) => {
                return Err(Failure {
                    fault: classify::body_fault(&error, body.len() as u64, promised),
                    http2: classify::http2(&error),
                });
            }
        }
    }
}
