//! The clients below [`super::client::Client`]: one for most hosts, one more for each host whose TLS settings
//! are its own, and the same again for hosts that are better not asked over HTTP/2.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::proxy::Proxies;
use super::resolve::Resolver;
use super::tls::{HostPolicy, Policies, Versions};
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
    made: Mutex<HashMap<(Option<Authority>, Versions), reqwest::Client>>,
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
            made: Mutex::default(),
        }
    }

    pub(super) fn proxies(&self) -> &Proxies {
        &self.proxies
    }

    /// The client for requests to `url`, whose authority is `host`.
    ///
    /// # Errors
    /// TLS cannot be set up, in words.
    pub(super) fn client(
        &self,
        url: &Url,
        host: &Authority,
        versions: Versions,
    ) -> Result<reqwest::Client, String> {
        let policy = self.policies.of(host);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (policy.is_some().then(|| host.clone()), versions);
        if let Some(client) = made.get(&key) {
            return Ok(client.clone());
        }
        let policy = policy.as_deref().map(|policy| (host, policy));
        self.hold_back_identity(url, policy)?;
        let client = self.make(policy, versions)?;
        made.insert(key, client.clone());
        Ok(client)
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

    fn make(
        &self,
        policy: Option<(&Authority, &HostPolicy)>,
        versions: Versions,
    ) -> Result<reqwest::Client, String> {
        let tls = self.policies.config(policy, versions).map_err(|error| error.to_string())?;
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
