//! The clients below [`super::client::Client`]: one for each host, so that its connections can be given up when
//! files are few, and one more for a host that is better not asked over HTTP/2.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustls::ClientConfig;
use url::Url;

use super::proxy::Proxies;
use super::resolve::Resolver;
use super::tls::{HostPolicy, Policies, Versions};
use super::warm::Warm;
use crate::model::endpoint::Authority;

/// Makes clients when they are first needed.
#[derive(Debug)]
pub(super) struct Pool {
    policies: Policies,
    proxies: Arc<Proxies>,
    resolver: Resolver,
    connect_timeout: Duration,
    idle_per_host: usize,
    /// By the host that it is for, if it is not for all.
    configs: Mutex<HashMap<(Option<Authority>, Versions), ClientConfig>>,
    warm: Arc<Mutex<Clients>>,
    /// Whether it was told that connections are given up.
    is_told: AtomicBool,
}

type Clients = Warm<(Authority, Versions), reqwest::Client>;

/// A client for one request, body included.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) client: reqwest::Client,
    number: u64,
    warm: Arc<Mutex<Clients>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner).give_back(self.number);
    }
}

impl Pool {
    pub(super) fn new(
        policies: Policies,
        proxies: Proxies,
        connect_timeout: Duration,
        idle_per_host: usize,
    ) -> Self {
        Self {
            policies,
            proxies: Arc::new(proxies),
            resolver: Resolver::default(),
            connect_timeout,
            idle_per_host,
            configs: Mutex::default(),
            warm: Arc::new(Mutex::new(Warm::new(usize::MAX))),
            is_told: AtomicBool::new(false),
        }
    }

    /// Bounds connections, all hosts together.
    pub(super) fn with_most_open(self, most: usize) -> Self {
        Self { warm: Arc::new(Mutex::new(Warm::new(most))), ..self }
    }

    pub(super) fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// A client for a request to `url`, whose authority is `host`.
    ///
    /// # Errors
    /// TLS cannot be set up, in words.
    pub(super) fn client(&self, url: &Url, host: &Authority, versions: Versions) -> Result<Lease, String> {
        let mut warm = self.lock();
        let (client, number) =
            warm.take(&(host.clone(), versions), || self.make(self.config(url, host, versions)?, versions))?;
        let (is_over, most) = (warm.is_over(), warm.most());
        warm.shed(number);
        drop(warm);
        if is_over && !self.is_told.swap(true, Ordering::Relaxed) {
            log::warn!(
                "the limit on open files leaves room for {most} connections: hosts that have been idle the longest lose theirs (see ulimit -n)"
            );
        }
        Ok(Lease { client, number, warm: Arc::clone(&self.warm) })
    }

    /// Closes what is idle, at all hosts.
    pub(super) fn let_go(&self) {
        self.lock().shed_all();
    }

    fn lock(&self) -> MutexGuard<'_, Clients> {
        self.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for all hosts about which nothing is special: they share roots and TLS sessions.
    fn config(&self, url: &Url, host: &Authority, versions: Versions) -> Result<ClientConfig, String> {
        let policy = self.policies.of(host);
        let policy = policy.as_deref().map(|policy| (host, policy));
        self.hold_back_identity(url, policy)?;
        let key = (policy.is_some().then(|| host.clone()), versions);
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&key) {
            return Ok(config.clone());
        }
        let config = self.policies.config(policy, versions).map_err(|error| error.to_string())?;
        configs.insert(key, config.clone());
        Ok(config)
    }

    /// A proxy that is asked over TLS would be shown the certificate that is meant for the host.
    fn hold_back_identity(&self, url: &Url, policy: Option<(&Authority, &HostPolicy)>) -> Result<(), String> {
        let is_shown = policy.is_some_and(|(_, policy)| policy.has_identity());
        match self.proxies.shown(url) {
            Some(proxy) if is_shown && proxy.starts_with("https:") => Err(format!(
                "the client certificate would be shown to the proxy {proxy} too; use an http proxy"
            )),
            _ => Ok(()),
        }
    }

    fn make(&self, tls: ClientConfig, versions: Versions) -> Result<reqwest::Client, String> {
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .dns_resolver(self.resolver.clone())
            .user_agent(concat!("registry-check/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(self.connect_timeout)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(self.idle_per_host)
            // The environment is read once, and by ourselves.
            .no_proxy();
        if versions == Versions::Http1 {
            builder = builder.http1_only();
        }
        if !self.proxies.is_empty() {
            let proxies = Arc::clone(&self.proxies);
            builder = builder.proxy(reqwest::Proxy::custom(move |url| proxies.url(url)));
        }
        builder.build().map_err(|error| error.to_string())
    }
}
