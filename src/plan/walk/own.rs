//! How a runtime asks an image's own registry where no place is written for it. For a registry on this machine each has a
//! rule of its own: containerd's and BuildKit's (`core/remotes/docker/config/hosts.go`, `MatchLocalhost`) go by the port,
//! dockerd takes all of it for insecure (`daemon/pkg/registry`), containers/image makes no difference.

use std::sync::Arc;

use url::{Host, Url};

use super::super::{DOCKER_HUB_ENDPOINT, upstream};
use super::{Place, unverified};
use crate::model::endpoint::{Authority, Endpoint, Scheme};
use crate::model::image::{DOCKER_HUB, ImageRef};
use crate::model::mirror::MirrorMap;
use crate::model::node::{Node, Route, Rules, Runtime, Schemes, Scope};
use crate::model::tls::{HostTls, TlsSettings, Verification};

/// Over what a registry is asked.
enum Way {
    Plain,
    Secured,
    Both,
    /// As the last two, and any certificate will do.
    SecuredUnverified,
    BothUnverified,
}

/// The image's own registry, as this runtime asks it where nothing else is said.
pub(super) fn place(node: &Node, route: Option<&Route>, image: &ImageRef) -> Result<Place, String> {
    let key = image.registry().to_ascii_lowercase();
    // Here this machine is asked over http, and all others over https.
    let usual = upstream(&key, &MirrorMap::default())?;
    let is_insecure = |tls: &HostTls| tls.settings.verification == Verification::Off;
    if node.runtime == Runtime::Containers {
        return by_its_table(node, route, &key, usual);
    }
    if &*usual.authority.scheme == "https" {
        let place = Place::of(node, usual, Schemes::AsWritten);
        let falls_back = node.runtime == Runtime::Docker && place.tls.as_ref().is_some_and(is_insecure);
        let then = place.first.over(Scheme::Http).filter(|_| falls_back);
        return Ok(Place { then: then.map(Arc::new), ..place });
    }
    let secured = Arc::new(secured(&key, &usual)?);
    let tls = node.tls_of(&secured.authority);
    let way = match (node.runtime, Local::of(&key)) {
        (Runtime::Docker, _) if node.rules == Rules::Dockerd => Way::BothUnverified,
        // As soon as a mirror or an insecure registry is configured, this machine is one, too.
        (Runtime::Docker, local) if !node.networks.is_empty() => match local {
            Local::Port(80) => Way::Plain,
            _ => Way::BothUnverified,
        },
        (Runtime::Buildkit, Local::Not) => Way::Secured,
        (Runtime::Buildkit, _) => Way::Plain,
        (Runtime::K3s, local) if is_written(node, route, &secured.authority) => match local {
            Local::Port(80) => Way::Plain,
            Local::Port(port) if port != 443 && tls.is_some() => Way::Both,
            Local::Port(port) if port != 443 => Way::Plain,
            _ => Way::Secured,
        },
        (_, _) if key.ends_with(']') => Way::Secured,
        (_, Local::Not) => Way::Secured,
        (_, Local::NoPort | Local::Port(443)) => Way::SecuredUnverified,
        (_, Local::Port(80)) => Way::Plain,
        (_, Local::Port(_)) => Way::BothUnverified,
    };
    let unverified = || HostTls {
        place: format!("what {} does with this machine", node.runtime.program()).into(),
        authority: secured.authority.clone(),
        settings: TlsSettings {
            verification: Verification::Off,
            ..tls.as_ref().map(|known| known.settings.clone()).unwrap_or_default()
        },
    };
    Ok(match way {
        Way::Plain => Place { first: usual, then: None, tls: None },
        Way::SecuredUnverified => Place { tls: Some(unverified()), first: secured, then: None },
        Way::BothUnverified => Place { tls: Some(unverified()), first: secured, then: Some(usual) },
        Way::Secured => Place { first: secured, then: None, tls },
        Way::Both => Place { first: secured, then: Some(usual), tls },
    })
}

/// Over https, and over http where the table that the image is of is insecure.
fn by_its_table(
    node: &Node,
    route: Option<&Route>,
    key: &str,
    usual: Arc<Endpoint>,
) -> Result<Place, String> {
    let (first, plain) = match &*usual.authority.scheme {
        "https" => (Arc::clone(&usual), usual.over(Scheme::Http).map(Arc::new)),
        _ => (Arc::new(secured(key, &usual)?), Some(usual)),
    };
    let Some(route) = route.filter(|route| route.own == Schemes::HttpsFirst) else {
        return Ok(Place { first, then: None, tls: None });
    };
    let tls = node.tls_of(&first.authority).unwrap_or_else(|| unverified(&route.place, &first.authority));
    Ok(Place { tls: Some(tls), first, then: plain })
}

/// Whether k3s writes a `hosts.toml` with a server for this registry.
fn is_written(node: &Node, route: Option<&Route>, host: &Authority) -> bool {
    route.is_some_and(|route| matches!(route.scope, Scope::Registry(_)))
        || node.tls.iter().any(|known| known.authority == *host)
        || node.logins.iter().any(|login| *login.host == *host.to_string())
}

/// Not by [`Endpoint::over`]: a port that http has by itself would be lost.
fn secured(key: &str, usual: &Endpoint) -> Result<Endpoint, String> {
    let host = if key == DOCKER_HUB { DOCKER_HUB_ENDPOINT } else { key };
    let url = Url::parse(&format!("https://{host}")).map_err(|error| error.to_string())?;
    let authority = Authority::of(&url).ok_or("no host")?;
    let api_root = format!("{}/v2", url.as_str().trim_end_matches('/')).into();
    Ok(Endpoint { url, api_root, authority, ..usual.clone() })
}

/// What Go programs take for this machine: `localhost` and the addresses, but no `*.localhost`.
enum Local {
    Not,
    NoPort,
    Port(u16),
}

impl Local {
    fn of(key: &str) -> Self {
        let is_address = match Url::parse(&format!("https://{key}")).ok().as_ref().and_then(Url::host) {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        };
        let port = key.rsplit_once(':').filter(|_| !key.ends_with(']')).map(|(_, port)| port.parse());
        match port {
            _ if !is_address => Self::Not,
            Some(Ok(port)) => Self::Port(port),
            _ => Self::NoPort,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mirrors::import;
    use crate::plan::walk::walk;

    /// `https`, `http` or both, with a `?` behind what is not verified.
    fn asked(file: &str, text: &str, image: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        let named = dir.path().join(file.split('/').next().unwrap());
        let node = import(&[named]).unwrap().remove(0);
        let walk = walk(&node, &image.parse().unwrap()).unwrap();
        let [step] = &walk.steps[..] else { panic!("{walk:?}") };
        let host = image.split('/').next().unwrap();
        let is_off = step.tls.as_ref().is_some_and(|tls| tls.settings.verification == Verification::Off);
        let shown = |url: &str| {
            let (scheme, rest) = url.split_once("://").unwrap();
            let port = if scheme == "https" { ":443" } else { ":80" };
            let plain = host.strip_suffix(port).unwrap_or(host);
            assert!(rest.starts_with(&format!("{plain}/v2/")), "{url} {image}");
            scheme.to_owned()
        };
        let first = shown(step.url.as_deref().unwrap()) + if is_off { "?" } else { "" };
        match &step.plain {
            None => first,
            Some(plain) => format!("{first} {}", shown(&plain.url)),
        }
    }

    #[test]
    fn each_runtime_asks_this_machine_by_a_rule_of_its_own() {
        let store =
            r#"{"features": {"containerd-snapshotter": true}, "registry-mirrors": ["https://m.example"]}"#;
        let bare = r#"{"features": {"containerd-snapshotter": true}}"#;
        let yaml = "mirrors:\n  localhost:5000:\n  localhost:80:\n  localhost:\n  127.0.0.1:5001:\nconfigs:\n  127.0.0.1:5001:\n    tls: {ca_file: /ca}\n";
        let conf = "[[registry]]\nlocation='localhost:5000'\ninsecure=true\n[[registry]]\nlocation='localhost:5001'\n";
        let buildkit = "[registry.\"localhost:5001\"]\nhttp=false\n[registry.\"localhost:5002\"]\ninsecure=true\n\
                        [registry.\"localhost:5003\"]\n[registry.\"localhost:5004\"]\nhttp=false\ninsecure=true\n";
        for (file, text, host, expected) in [
            ("certs.d/x/hosts.toml", "", "localhost", "https?"),
            ("certs.d/x/hosts.toml", "", "localhost:443", "https?"),
            ("certs.d/x/hosts.toml", "", "localhost:80", "http"),
            ("certs.d/x/hosts.toml", "", "127.0.0.1:5000", "https? http"),
            ("certs.d/x/hosts.toml", "", "[::1]:5000", "https? http"),
            ("certs.d/x/hosts.toml", "", "[::1]", "https"),
            ("certs.d/x/hosts.toml", "", "reg.localhost:5000", "https"),
            ("certs.d/localhost_5000_/hosts.toml", "ca = 'ca.pem'", "localhost:5000", "https? http"),
            ("daemon.json", "{}", "localhost", "https? http"),
            ("daemon.json", "{}", "localhost:443", "https? http"),
            ("daemon.json", "{}", "127.0.0.1:80", "https? http"),
            ("daemon.json", store, "localhost", "https? http"),
            ("daemon.json", store, "localhost:80", "http"),
            ("daemon.json", bare, "localhost", "https?"),
            ("daemon.json", bare, "localhost:5000", "https? http"),
            ("registries.yaml", yaml, "localhost:5000", "http"),
            ("registries.yaml", yaml, "localhost:80", "http"),
            ("registries.yaml", yaml, "localhost", "https"),
            ("registries.yaml", yaml, "127.0.0.1:5001", "https http"),
            ("registries.yaml", yaml, "127.0.0.1:5002", "https? http"),
            ("registries.conf", conf, "localhost:5000", "https? http"),
            ("registries.conf", conf, "localhost:5001", "https"),
            ("registries.conf", conf, "localhost:5002", "https"),
            ("buildkitd.toml", buildkit, "localhost:5000", "http"),
            ("buildkitd.toml", buildkit, "reg.localhost:5000", "https"),
            ("buildkitd.toml", buildkit, "localhost:5001", "https"),
            ("buildkitd.toml", buildkit, "localhost:5002", "https? http"),
            ("buildkitd.toml", buildkit, "localhost:5003", "http"),
            ("buildkitd.toml", buildkit, "localhost:5004", "https?"),
        ] {
            assert_eq!(asked(file, text, &format!("{host}/x:1")), expected, "{file} {host}");
        }
    }

    #[test]
    fn insecure_registries_elsewhere_are_asked_over_http_where_the_runtime_would() {
        let insecure = "[[registry]]\nlocation='a.io'\ninsecure=true\n";
        for (file, text, host, expected) in [
            ("registries.conf", insecure, "a.io", "https? http"),
            ("registries.conf", insecure, "b.io", "https"),
            ("daemon.json", r#"{"insecure-registries": ["a.io:5000"]}"#, "a.io:5000", "https? http"),
            ("daemon.json", r#"{"insecure-registries": ["a.io:5000"]}"#, "a.io", "https"),
            ("certs.d/a.io/hosts.toml", "skip_verify = true", "a.io", "https?"),
        ] {
            assert_eq!(asked(file, text, &format!("{host}/x:1")), expected, "{file} {host}");
        }
    }
}
