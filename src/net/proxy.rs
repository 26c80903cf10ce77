//! Which requests go through a proxy: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, as curl and Go
//! read them. Nothing that is on this machine is asked through a proxy, as in Go.
//!
//! Which hosts `NO_PROXY` means is for hyper-util's matcher to say; here entries with a port or a `*.` are
//! made fit for it. A password in a proxy's URL goes to that proxy and nowhere else.

use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;
use url::Url;

use crate::model::endpoint::is_loopback;

/// The proxies of a run.
#[derive(Default)]
pub struct Proxies {
    http: Option<Proxy>,
    https: Option<Proxy>,
    direct: Vec<Direct>,
}

/// One proxy.
#[derive(Clone)]
struct Proxy {
    /// With the password that it wants.
    url: Url,
    shown: Box<str>,
}

/// An entry of `NO_PROXY`.
struct Direct {
    hosts: Matcher,
    port: Option<u16>,
}

/// A variable that names no proxy. Its value may hold a password and is not told.
#[derive(Debug, PartialEq, Eq, Error)]
#[error("{variable} is not the URL of a proxy (http, https, socks4, socks4a, socks5 or socks5h)")]
pub struct ProxyError {
    variable: &'static str,
}

impl Proxies {
    /// The proxies that the environment names.
    ///
    /// # Errors
    /// A variable is set to something that is no proxy.
    pub fn from_environment() -> Result<Self, ProxyError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// The proxies that these variables name.
    ///
    /// # Errors
    /// A variable is set to something that is no proxy.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ProxyError> {
        let set = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)))
        };
        let proxy =
            |names: [&'static str; 2]| set(names).map(|(name, value)| parse(name, &value)).transpose();
        let all = proxy(["ALL_PROXY", "all_proxy"])?;
        // In a CGI program the header `Proxy:` of a request becomes HTTP_PROXY.
        let of_http = if variable("REQUEST_METHOD").is_some() { ["http_proxy"; 2] } else { HTTP };
        let no_proxy = set(["NO_PROXY", "no_proxy"]).map(|(_, value)| value).unwrap_or_default();
        Ok(Self {
            http: proxy(of_http)?.or_else(|| all.clone()),
            https: proxy(["HTTPS_PROXY", "https_proxy"])?.or(all),
            direct: no_proxy.split([',', ' ']).map(str::trim).filter_map(direct).collect(),
        })
    }

    /// Whether no request goes through a proxy.
    pub(super) const fn is_empty(&self) -> bool {
        self.http.is_none() && self.https.is_none()
    }

    /// The proxy for `url`, with its password.
    pub(super) fn url(&self, url: &Url) -> Option<Url> {
        self.of(url).map(|proxy| proxy.url.clone())
    }

    /// The proxy for `url`, as it may be told: scheme, host and port.
    pub(super) fn shown(&self, url: &Url) -> Option<&str> {
        self.of(url).map(|proxy| &*proxy.shown)
    }

    fn of(&self, url: &Url) -> Option<&Proxy> {
        let proxy = match url.scheme() {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        }?;
        let host = url.host()?;
        let is_direct = is_loopback(&host) || self.direct.iter().any(|entry| entry.is_for(url));
        (!is_direct).then_some(proxy)
    }
}

const HTTP: [&str; 2] = ["HTTP_PROXY", "http_proxy"];

fn parse(variable: &'static str, value: &str) -> Result<Proxy, ProxyError> {
    let value = value.trim();
    let full = if value.contains("://") { value.to_owned() } else { format!("http://{value}") };
    let url = Url::parse(&full).map_err(|_| ProxyError { variable })?;
    let default_port = match url.scheme() {
        "http" => 80,
        "https" => 443,
        "socks4" | "socks4a" | "socks5" | "socks5h" => 1080,
        _ => return Err(ProxyError { variable }),
    };
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else {
        return Err(ProxyError { variable });
    };
    let shown = format!("{}://{host}:{}", url.scheme(), url.port().unwrap_or(default_port)).into();
    Ok(Proxy { url, shown })
}

fn direct(entry: &str) -> Option<Direct> {
    let with_port = entry.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    let (host, port) = match with_port.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => (host, Some(port)),
        None => (entry, None),
    };
    let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return None;
    }
    // The matcher tells only which requests go to a proxy, so there has to be one.
    Some(Direct { hosts: Matcher::builder().all("http://proxy").no(host).build(), port })
}

impl Direct {
    fn is_for(&self, url: &Url) -> bool {
        let is_port = self.port.is_none() || self.port == url.port_or_known_default();
        let host = url.host_str().unwrap_or_default().trim_end_matches('.');
        let uri = format!("http://{host}/").parse::<http::Uri>();
        is_port && uri.is_ok_and(|uri| self.hosts.intercept(&uri).is_none())
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |proxy: &Option<Proxy>| proxy.as_ref().map(|proxy| proxy.shown.clone());
        f.debug_struct("Proxies")
            .field("http", &shown(&self.http))
            .field("https", &shown(&self.https))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(variables: &[(&str, &str)]) -> Result<Proxies, ProxyError> {
        let of =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Proxies::read(of)
    }

    fn shown(variables: &[(&str, &str)], url: &str) -> Option<String> {
        proxies(variables).unwrap().shown(&Url::parse(url).unwrap()).map(str::to_owned)
    }

    #[test]
    fn each_scheme_has_its_proxy_and_all_stands_in() {
        let both = [("HTTPS_PROXY", "http://a:3128"), ("all_proxy", "socks5h://b")];
        assert_eq!(shown(&both, "https://m.example").as_deref(), Some("http://a:3128"));
        assert_eq!(shown(&both, "http://m.example").as_deref(), Some("socks5h://b:1080"));
        assert_eq!(shown(&[("http_proxy", "a:1")], "http://m.example").as_deref(), Some("http://a:1"));
        assert_eq!(shown(&[("http_proxy", "a:1")], "https://m.example"), None);
        assert_eq!(shown(&[("HTTP_PROXY", "")], "http://m.example"), None);
        let cgi = [("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")];
        assert_eq!(shown(&cgi, "http://m.example"), None);
    }

    #[test]
    fn this_machine_is_never_asked_through_a_proxy() {
        for host in
            ["localhost", "localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000", "a.localhost"]
        {
            assert_eq!(shown(&[("ALL_PROXY", "http://a")], &format!("https://{host}/")), None, "{host}");
        }
    }

    #[test]
    fn no_proxy_names_hosts_domains_networks_and_ports() {
        for (entry, url, direct) in [
            ("m.example", "https://m.example", true),
            ("m.example", "https://sub.m.example", true),
            ("m.example", "https://notm.example", false),
            (".m.example", "https://sub.m.example", true),
            ("*.m.example", "https://sub.m.example", true),
            ("M.Example", "https://m.example.", true),
            ("x, m.example", "https://m.example", true),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("fd00::1", "https://[fd00::1]:5000", true),
            ("[fd00::1]:5000", "https://[fd00::1]:5000", true),
            ("[fd00::1]:5000", "https://[fd00::1]", false),
            ("m.example:5000", "https://m.example:5000", true),
            ("m.example:5000", "https://m.example", false),
            ("m.example:443", "https://m.example", true),
            ("*", "https://m.example", true),
            ("", "https://m.example", false),
            (",,", "https://m.example", false),
        ] {
            let variables = [("ALL_PROXY", "http://a"), ("NO_PROXY", entry)];
            assert_eq!(shown(&variables, url).is_none(), direct, "{entry} {url}");
        }
    }

    #[test]
    fn a_password_is_kept_and_never_shown() {
        let proxies = proxies(&[("ALL_PROXY", "http://me:hunter2@a:3128/")]).unwrap();
        let target = Url::parse("https://m.example").unwrap();
        assert_eq!(proxies.url(&target).unwrap().password(), Some("hunter2"));
        assert_eq!(proxies.shown(&target), Some("http://a:3128"));
        assert!(!format!("{proxies:?}").contains("hunter2"));
    }

    #[test]
    fn what_is_no_proxy_is_told_without_its_value() {
        for value in ["ftp://me:hunter2@a", "http://", "http://me:hunter2@a:99999", "http://[a"] {
            let error = proxies(&[("https_proxy", value)]).map(|_| ()).unwrap_err();
            assert_eq!(error, ProxyError { variable: "https_proxy" });
            assert!(!error.to_string().contains("hunter2"));
        }
    }
}
