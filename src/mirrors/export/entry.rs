//! A mirror as configurations know it: a base URL that an image's own name is put behind.

use url::Url;

use super::Target;
use crate::model::choice::Choice;
use crate::model::endpoint::{Accepts, Endpoint};
use crate::model::image::{DOCKER_HUB, ImageRef, is_repository};
use crate::model::node::{Hop, Schemes};
use crate::model::rewrite::Library;
use crate::model::tls::{HostTls, Verification};

/// One mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// As it stands in the file: a URL, in `registries.conf` a location.
    pub(super) written: String,
    /// Where its API is, without a slash at the end; the name follows.
    base: Base,
    pub(super) accepts: Accepts,
    /// Whether the path is the whole of the API root.
    pub(super) overrides_path: bool,
    /// `http`
    pub(super) is_plain: bool,
}

/// `host:port` and path. The scheme is apart: `registries.conf` has both in one word (`is_asked`).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Base {
    host: String,
    path: String,
}

/// Where an endpoint is asked for an image's name: `host:port/path`.
pub(super) fn place(endpoint: &Endpoint, image: &ImageRef) -> Option<String> {
    let name = endpoint.repository(image).ok()?;
    Some(format!("{}{}/{name}", host(endpoint), root_path(endpoint)))
}

fn host(endpoint: &Endpoint) -> String {
    format!("{}:{}", endpoint.authority.host, endpoint.authority.port)
}

fn root_path(endpoint: &Endpoint) -> &str {
    let rest = endpoint.api_root.split_once("://").map_or("", |(_, rest)| rest);
    rest.find('/').map_or("", |at| &rest[at..])
}

impl Entry {
    /// `endpoint` in the words of `target`; why not, where there are none.
    pub(super) fn of(target: Target, endpoint: &Endpoint, choice: &Choice) -> Result<Self, String> {
        let prefix = prefix(target, endpoint, choice)?;
        let root = root_path(endpoint);
        let path = if prefix.is_empty() { root.to_owned() } else { format!("{root}/{prefix}") };
        let origin = endpoint.url.origin().ascii_serialization();
        let mut entry = Self {
            written: String::new(),
            base: Base { host: host(endpoint), path: path.clone() },
            accepts: endpoint.accepts,
            overrides_path: false,
            is_plain: &*endpoint.authority.scheme == "http",
        };
        match (target, endpoint.accepts) {
            (Target::RegistriesConf, Accepts::Nothing) | (_, Accepts::Nothing) => {
                return Err("it is for no images".to_owned());
            }
            (Target::Containerd, Accepts::Tags)
            | (Target::Docker | Target::K3s, Accepts::Tags | Accepts::Digests) => {
                return Err("that it is for tags or digests only cannot be said".to_owned());
            }
            _ => {}
        }
        entry.written = match target {
            Target::Containerd if path == "/v2" => origin,
            Target::Containerd => {
                entry.overrides_path = !path.ends_with("/v2");
                format!("{origin}{path}")
            }
            Target::Docker if *choice.registry != *DOCKER_HUB => {
                return Err("dockerd has mirrors of docker.io only".to_owned());
            }
            Target::Docker => match path.strip_suffix("/v2") {
                Some(before) if !before.ends_with("/v2") => format!("{origin}{before}"),
                Some(_) => format!("{origin}{path}"),
                None => return Err("dockerd puts /v2 behind every path".to_owned()),
            },
            Target::RegistriesConf => location(endpoint, &path)?,
            Target::K3s if path == "/v2" => origin,
            Target::K3s if path.is_empty() => return Err("k3s takes no path for /v2".to_owned()),
            Target::K3s => format!("{origin}{path}"),
        };
        Ok(entry)
    }

    /// Whether `place` is where `image` is asked for here.
    fn is_at(&self, image: &ImageRef, place: &str) -> bool {
        let Base { host, path } = &self.base;
        let name = image.repository();
        place
            .strip_prefix(host.as_str())
            .and_then(|rest| rest.strip_prefix(path.as_str()))
            .and_then(|rest| rest.strip_prefix('/'))
            .is_some_and(|rest| rest == name)
    }

    /// Whether a runtime that has this hop asks here, and over the scheme that was found to work.
    pub(super) fn is_asked(&self, hop: &Hop, image: &ImageRef) -> bool {
        let has_scheme = match hop.schemes {
            Schemes::AsWritten => self.is_plain == (&*hop.endpoint.authority.scheme == "http"),
            Schemes::HttpsFirst => true,
        };
        has_scheme && self.is_asked_somehow(hop, image)
    }

    /// Whether it is asked here over any scheme: what is left out is not to be asked at all.
    pub(super) fn is_asked_somehow(&self, hop: &Hop, image: &ImageRef) -> bool {
        place(&hop.endpoint, image).is_some_and(|place| self.is_at(image, &place))
    }
}

/// `host[:port][/path]`; the API is at `/v2` there.
fn location(endpoint: &Endpoint, path: &str) -> Result<String, String> {
    let path = match path.strip_prefix("/v2") {
        Some("") => "",
        Some(rest) => rest.strip_prefix('/').filter(|rest| is_repository(rest)).ok_or("no legal location")?,
        None => return Err("registries.conf has every API at /v2".to_owned()),
    };
    let is_https = &*endpoint.authority.scheme == "https";
    let host = match endpoint.authority.port {
        443 if is_https => endpoint.authority.host.to_string(),
        port => format!("{}:{port}", endpoint.authority.host),
    };
    Ok(if path.is_empty() { host } else { format!("{host}/{path}") })
}

/// What stands in front of every image's own name.
fn prefix(target: Target, endpoint: &Endpoint, choice: &Choice) -> Result<String, String> {
    const MADE_UP: [&str; 2] = ["zz9-one", "zz9-one/zz9-two"];
    // k3s has patterns for all mirrors of a registry; where it has none, reading back tells.
    if !endpoint.rewrite.patterns.is_empty() && target != Target::K3s
        || endpoint.rewrite.library != Library::Keep
    {
        return Err("its names are rewritten by a rule".to_owned());
    }
    let plain;
    let asked = if target == Target::K3s && !endpoint.rewrite.patterns.is_empty() {
        let mut without = endpoint.clone();
        without.rewrite.patterns.clear();
        plain = without;
        &plain
    } else {
        endpoint
    };
    let made_up = MADE_UP.iter().filter_map(|name| format!("{}/{name}", choice.registry).parse().ok());
    let made_up: Vec<ImageRef> = made_up.collect();
    let mut known: Option<String> = None;
    for image in choice.images.iter().map(|image| &**image).chain(&made_up) {
        let name = asked.repository(image).map_err(|error| error.to_string())?;
        let before =
            name.strip_suffix(image.repository()).filter(|text| text.is_empty() || text.ends_with('/'));
        let before = before.ok_or("its names are rewritten by a rule")?.trim_end_matches('/').to_owned();
        if known.as_ref().is_some_and(|known| *known != before) {
            return Err("its names are rewritten by a rule".to_owned());
        }
        known = Some(before);
    }
    Ok(known.unwrap_or_default())
}

/// What is known of a mirror and not written by this export.
pub(super) fn unsaid(target: Target, endpoint: &Endpoint, tls: &[HostTls]) -> Option<&'static str> {
    let host = tls.iter().find(|host| host.authority == endpoint.authority)?;
    let only_unverified = host.settings.ca_files.is_empty() && host.settings.client.is_none();
    match target {
        Target::Containerd => None,
        Target::RegistriesConf if only_unverified => None,
        Target::RegistriesConf => Some("its CA and client certificate belong into certs.d/HOST beside it"),
        Target::Docker => Some("its TLS settings belong into certs.d/HOST and insecure-registries"),
        Target::K3s => Some("its TLS settings belong under 'configs', which is left as it is"),
    }
}

/// Whether the certificate of `url`'s host is not verified.
pub(super) fn is_unverified(endpoint_host: &str, tls: &[HostTls]) -> bool {
    tls.iter().any(|host| {
        format!("{}:{}", host.authority.host, host.authority.port) == endpoint_host
            && host.settings.verification == Verification::Off
    })
}

impl Entry {
    /// `host:port`.
    pub(super) fn host(&self) -> &str {
        &self.base.host
    }

    /// The URL of its host, for TLS settings.
    pub(super) fn url(&self) -> Option<Url> {
        Url::parse(&self.written).ok()
    }
}
