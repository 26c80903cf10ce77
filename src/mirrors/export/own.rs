//! How the registry itself was asked, where a runtime would not ask it so by its name alone: over http, or without looking
//! at its certificate. What a runtime can be told of that is written, and the rest is told.

use super::super::place::{api_host, https};
use super::Target;
use crate::model::choice::Choice;
use crate::model::endpoint::{Authority, Endpoint, is_loopback};
use crate::model::node::{End, Node, Part};
use crate::model::tls::{HostTls, TlsSettings, Verification};

/// How a registry was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// As its name says, or as every runtime does of itself.
    AsNamed,
    /// Over http.
    Plain,
    /// Over https, whatever its certificate.
    Unverified,
    /// Over https with files of its own.
    WithFiles,
    /// At this URL.
    Elsewhere(String),
}

impl Own {
    pub(super) fn of(target: Target, choice: &Choice, tls: &[HostTls]) -> Self {
        let Some(endpoint) = &choice.upstream else { return Self::AsNamed };
        let Some(url) = https(api_host(&choice.registry)) else { return Self::AsNamed };
        // Of this machine only registries.conf must be told.
        if url.host().is_some_and(|host| is_loopback(&host)) && target != Target::RegistriesConf {
            return Self::AsNamed;
        }
        let is_at = |scheme: &str| {
            let host = url.as_str().replacen("https", scheme, 1);
            let authority = ::url::Url::parse(&host).ok().and_then(|url| Authority::of(&url));
            authority.as_ref() == Some(&endpoint.authority) && has_usual_path(endpoint)
        };
        let settings = tls.iter().find(|known| known.authority == endpoint.authority);
        match settings.map(|known| &known.settings) {
            _ if is_at("http") => Self::Plain,
            _ if !is_at("https") => Self::Elsewhere(endpoint.url.as_str().trim_end_matches('/').to_owned()),
            Some(known) if known.verification == Verification::Off => Self::Unverified,
            Some(known) if *known != TlsSettings::default() => Self::WithFiles,
            _ => Self::AsNamed,
        }
    }

    /// What stood in the file already, is kept, and keeps the runtime from asking the registry itself as it was asked.
    pub(super) fn kept(&self, target: Target, choice: &Choice, after: &Node) -> Option<String> {
        let how = match self {
            Self::Plain => "over http",
            Self::Unverified => "without a look at its certificate",
            Self::AsNamed | Self::WithFiles | Self::Elsewhere(_) => return None,
        };
        let route = after.route(choice.images.first()?).filter(|route| !route.hops.is_empty())?;
        let host = Authority::of(&https(api_host(&choice.registry))?)?;
        let is_verified =
            || after.tls_of(&host).is_none_or(|known| known.settings.verification == Verification::Full);
        let kept = match target {
            Target::RegistriesConf if route.end == End::OwnRegistry && is_verified() => "insecure = false",
            Target::Containerd if *self == Self::Plain => {
                let server = route.hops.iter().find(|hop| hop.part == Part::Primary)?;
                (server.endpoint.authority == host).then_some("server")?
            }
            _ => return None,
        };
        Some(format!(
            "{}: the registry itself was asked {how}; '{kept}' is kept, and says that it is asked over https with a look at its \
             certificate",
            choice.registry
        ))
    }

    /// What is not written of it.
    pub(super) fn unsaid(&self, target: Target) -> Option<String> {
        let what = match (self, target) {
            (Self::AsNamed, _) | (Self::Plain, Target::Containerd) => return None,
            (Self::Plain | Self::Unverified, Target::RegistriesConf) => return None,
            (Self::Plain, Target::Docker) => "over http: that belongs into insecure-registries".to_owned(),
            (Self::Plain, Target::K3s) => {
                "over http: k3s asks it over https, unless it is one of the endpoints, with http://"
                    .to_owned()
            }
            (Self::Unverified, Target::Containerd) => {
                "without a look at its certificate: that is skip_verify = true in front of the first table"
                    .to_owned()
            }
            (Self::Unverified, Target::Docker) => {
                "without a look at its certificate: that belongs into insecure-registries".to_owned()
            }
            (Self::Unverified | Self::WithFiles, Target::K3s) => {
                "with TLS settings: they belong under 'configs', which is left as it is".to_owned()
            }
            (Self::WithFiles, Target::Containerd) => {
                "with TLS settings: they belong in front of the first table".to_owned()
            }
            (Self::WithFiles, Target::Docker | Target::RegistriesConf) => {
                "with TLS settings: their files belong into certs.d/HOST".to_owned()
            }
            (Self::Elsewhere(url), _) => format!("at {url}, which is not written"),
        };
        Some(format!("the registry itself was asked {what}"))
    }
}

fn has_usual_path(endpoint: &Endpoint) -> bool {
    let rest = endpoint.api_root.split_once("://").map_or("", |(_, rest)| rest);
    rest.split_once('/').is_some_and(|(_, path)| path == "v2")
}
