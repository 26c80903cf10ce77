//! What the container runtime of a node was told of mirrors: for each image, the places it asks, in order.
//!
//! Every runtime chooses one route for an image, by its name, and walks along it. How routes are written
//! down differs; that is for `mirrors`. Nothing here asks anybody.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::access::{HostHeaders, HostLogin};
use super::endpoint::{Authority, Endpoint, Role};
use super::image::ImageRef;
use super::observation::AskedAs;
use super::tls::{HostTls, TlsSettings, Verification};

/// The programs whose configuration can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// `certs.d/**/hosts.toml`
    Containerd,
    /// `daemon.json`
    Docker,
    /// `registries.conf`: podman, buildah, skopeo, CRI-O
    Containers,
    /// `registries.yaml`: k3s, rke2
    K3s,
    /// `buildkitd.toml`
    Buildkit,
}

impl Runtime {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::Docker => "docker",
            Self::Containers => "containers",
            Self::K3s => "k3s",
            Self::Buildkit => "buildkit",
        }
    }

    /// What does the pulls, in sentences.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Containerd | Self::K3s => "containerd",
            Self::Docker => "dockerd",
            Self::Containers => "containers/image",
            Self::Buildkit => "BuildKit",
        }
    }
}

/// Which program walks along a route: each has rules of its own for what ends the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rules {
    /// containerd's resolver; also that of k3s, BuildKit, and docker with the containerd image store.
    Containerd,
    /// dockerd with its own image store.
    Dockerd,
    /// containers/image: podman, buildah, skopeo, CRI-O.
    Containers,
}

/// How long a runtime waits at each step of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the headers of the answer.
    pub first_byte: Duration,
}

impl Rules {
    /// How long it waits, where that is known (containerd `DefaultHTTPTransport`).
    #[must_use]
    pub const fn patience(self) -> Option<Patience> {
        match self {
            Self::Containerd => Some(Patience {
                connect: Duration::from_secs(30),
                handshake: Duration::from_secs(10),
                first_byte: Duration::from_secs(30),
            }),
            Self::Dockerd | Self::Containers => None,
        }
    }
}

/// The configuration of one runtime.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Whose it is.
    pub runtime: Runtime,
    /// How it goes from one place to the next.
    pub rules: Rules,
    /// Where it was read.
    pub source: Box<str>,
    /// The best match is taken; among equals the first.
    pub routes: Vec<Route>,
    /// Names without a registry.
    pub short_names: ShortNames,
    /// How hosts are asked over TLS.
    pub tls: Vec<HostTls>,
    /// Addresses whose certificates are not verified.
    pub networks: Vec<Network>,
    /// Extra headers.
    pub headers: Vec<HostHeaders>,
    /// Credentials.
    pub logins: Vec<HostLogin>,
    /// What is not represented, or not what it seems.
    pub notes: Vec<Note>,
}

/// Something that a person should know of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// File and line.
    pub place: Box<str>,
    /// In words.
    pub text: Box<str>,
}

/// How names without a registry are read (registries.conf).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShortNames {
    /// Short name and full name.
    pub aliases: Vec<(Box<str>, Box<str>)>,
    /// Registries that are tried for names without an alias.
    pub search: Vec<Box<str>>,
}

/// Which images a route is for, and where they are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Where it was written.
    pub place: Box<str>,
    /// For which images.
    pub scope: Scope,
    /// In order.
    pub hops: Vec<Hop>,
    /// What comes behind the last of them.
    pub end: End,
    /// Over what the image's own registry is asked there, where the route decides that (registries.conf).
    pub own: Schemes,
}

/// Which images a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that have no better one.
    Any,
    /// Those of exactly this registry, in lower case.
    Registry(Box<str>),
    /// Names that begin with this; the next character ends a part of the name. Letter case counts
    /// (containers-registries.conf).
    Prefix(Box<str>),
    /// `.example.com`: every registry whose name ends so, whatever its port. Letter case counts.
    Subdomains(Box<str>),
}

/// What comes behind a route's last hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The image's own registry.
    OwnRegistry,
    /// Nothing.
    Nothing,
    /// The image is refused, and nobody is asked.
    Blocked,
}

/// One place on a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Where to ask.
    pub endpoint: Arc<Endpoint>,
    /// What it is to the runtime.
    pub part: Part,
    /// Why the runtime asks it.
    pub why: Box<str>,
    /// Names of extra headers.
    pub headers: Vec<Box<str>>,
    /// Over what it is asked.
    pub schemes: Schemes,
    /// The registry in the image's new name, where the runtime makes one (registries.conf).
    pub registry: Option<Box<str>>,
}

/// Over what a runtime asks a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Schemes {
    /// As its URL says.
    #[default]
    AsWritten,
    /// Https, and http where that does not work.
    HttpsFirst,
}

/// What a hop is to the runtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// A mirror.
    Mirror,
    /// What the runtime takes for the registry itself, wherever that is.
    Primary,
}

/// What a runtime would do for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Walk {
    /// The image.
    pub image: ImageRef,
    /// The name under which it is pulled, where that is another one (kubeadm's `imageRepository`).
    pub renamed: Option<ImageRef>,
    /// Whose configuration it is.
    pub runtime: Runtime,
    /// How it goes from one step to the next.
    pub rules: Rules,
    /// Where that was read.
    pub source: Box<str>,
    /// Why nobody is asked, where the image is refused.
    pub refused: Option<Box<str>>,
    /// In order.
    pub steps: Vec<Step>,
}

/// One place that a runtime would ask, or passes over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where.
    pub endpoint: Arc<Endpoint>,
    /// What it is to the runtime.
    pub role: Role,
    /// The name asked for; `None` where it cannot be said there.
    pub repository: Option<Box<str>>,
    /// The manifest URL.
    pub url: Option<Box<str>>,
    /// What is asked where https does not work.
    pub plain: Option<Plain>,
    /// Whether it is asked for this image.
    pub use_: Use,
    /// Why, or why not.
    pub why: Box<str>,
    /// Names of extra headers.
    pub headers: Vec<Box<str>>,
    /// Whose credentials, and where they come from.
    pub asked_as: AskedAs,
    /// What is said of TLS.
    pub tls: Option<HostTls>,
}

/// A place over plain http.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Where.
    pub endpoint: Arc<Endpoint>,
    /// The manifest URL.
    pub url: Box<str>,
}

/// Whether a runtime asks an endpoint for an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It does, if none before has the image.
    Asked,
    /// It does not.
    PassedOver,
}

impl Walk {
    /// The name that the runtime is given.
    #[must_use]
    pub fn asked(&self) -> &ImageRef {
        self.renamed.as_ref().unwrap_or(&self.image)
    }
}

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its address.
    pub address: IpAddr,
    /// How many bits of it count.
    pub bits: u8,
}

impl Network {
    /// Reads `10.0.0.0/8` or `fd00::/8`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: IpAddr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok()?;
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some(Self { address, bits })
    }

    /// Whether `address` lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let wide = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let same_kind = self.address.is_ipv4() == address.is_ipv4();
        // A shift by all 128 bits leaves nothing to differ.
        let rest = 128 - u32::from(self.bits);
        same_kind && (wide(self.address) ^ wide(address)).checked_shr(rest).unwrap_or(0) == 0
    }
}

impl Scope {
    /// Which of two that match is the better one: the longer as it is written, and of equal ones the first in the order
    /// of letters, where a star comes before a name (`sysregistriesv2`).
    fn weight(&self) -> (usize, bool) {
        match self {
            Self::Any => (0, false),
            Self::Registry(name) | Self::Prefix(name) => (name.len(), false),
            Self::Subdomains(domain) => (domain.len() + 1, true),
        }
    }

    /// How many bytes of `name` (`registry/repository`, as the image has it) are matched; `None` if it does not match.
    #[must_use]
    pub fn matched(&self, name: &str) -> Option<usize> {
        let is_end = |at: usize| matches!(name.as_bytes().get(at), None | Some(b'/' | b':' | b'@'));
        match self {
            Self::Any => Some(0),
            Self::Registry(registry) => {
                name.split_once('/')?.0.eq_ignore_ascii_case(registry).then_some(registry.len())
            }
            Self::Prefix(prefix) => {
                (name.starts_with(&**prefix) && is_end(prefix.len())).then_some(prefix.len())
            }
            Self::Subdomains(domain) => {
                // The first place only, and in the host only: as sysregistriesv2 does it.
                let at = name.find(&**domain)?;
                let end = at + domain.len();
                (!name[..at].contains('/') && is_end(end)).then_some(end)
            }
        }
    }
}

impl Node {
    /// The route of `image`; `None` where the runtime simply asks the image's own registry.
    #[must_use]
    pub fn route(&self, image: &ImageRef) -> Option<&Route> {
        let name = format!("{}/{}", image.registry(), image.repository());
        let mut best: Option<&Route> = None;
        for route in &self.routes {
            if route.scope.matched(&name).is_some()
                && best.is_none_or(|best| route.scope.weight() > best.scope.weight())
            {
                best = Some(route);
            }
        }
        best
    }

    /// How a host is asked over TLS, if anything is said of it.
    #[must_use]
    pub fn tls_of(&self, host: &Authority) -> Option<HostTls> {
        if &*host.scheme != "https" {
            return None;
        }
        if let Some(known) = self.tls.iter().find(|known| known.authority == *host) {
            return Some(known.clone());
        }
        // Of all names this one needs no resolver.
        let is_local = host.host.rsplit('.').next() == Some("localhost");
        let text = if is_local { "127.0.0.1" } else { &*host.host };
        let address: IpAddr = text.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
        self.networks.iter().any(|network| network.contains(address)).then(|| HostTls {
            place: self.source.clone(),
            authority: host.clone(),
            settings: TlsSettings { verification: Verification::Off, ..TlsSettings::default() },
        })
    }

    /// The names that the runtime tries for `text` as a person typed it.
    #[must_use]
    pub fn names(&self, text: &str) -> Vec<String> {
        let first = text.split('/').next().unwrap_or(text);
        let is_short = !text.contains('/') || !(first.contains(['.', ':']) || first == "localhost");
        let name = text.split('@').next().unwrap_or(text);
        let end = name.rfind(':').unwrap_or(name.len());
        let (name, rest) = text.split_at(end);
        let alias = self.short_names.aliases.iter().find(|(short, _)| **short == *name);
        match alias {
            _ if !is_short => vec![text.to_owned()],
            Some((_, full)) => vec![format!("{full}{rest}")],
            None if self.short_names.search.is_empty() => vec![text.to_owned()],
            None => {
                let search = self.short_names.search.iter();
                search.map(|registry| format!("{registry}/{text}")).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_where_a_part_of_the_name_ends_and_wildcards_count_in_the_host_only() {
        let prefix = |text: &str| Scope::Prefix(text.into());
        let below = |text: &str| Scope::Subdomains(text.into());
        for (name, scope, matches) in [
            ("example.com/image", prefix("example.com"), true),
            ("docker.io/library/image", prefix("docker.io/library"), true),
            ("docker.io/libraryy", prefix("docker.io/library"), false),
            ("docker.io/library/busybox2", prefix("docker.io/library/busybox"), false),
            ("example.com:50000/x", prefix("example.com:5000"), false),
            ("example.com:5000/x", prefix("example.com"), true),
            ("example.com/foo", below(".example.com"), false),
            ("example.net/namespace-ends-in.com/foo", below(".com"), false),
            ("docker.io/namespace/image", below(".io"), true),
            ("another.sub.example.io:5000/library/prefix/image", below(".sub.example.io"), true),
            ("yet.another.example.com/foo", below("*.example.com"), false),
            ("quay.io:443/x", Scope::Registry("quay.io".into()), false),
            ("Quay.io/x", Scope::Registry("quay.io".into()), true),
            ("quay.io/x", Scope::Any, true),
            ("reg.example.com/x", prefix("REG.example.com"), false),
            ("REG.example.com/x", prefix("REG.example.com"), true),
            ("REG.example.com/x", prefix("reg.example.com"), false),
            ("reg.example.com/x", below(".EXAMPLE.com"), false),
            ("reg.EXAMPLE.com/x", below(".EXAMPLE.com"), true),
        ] {
            assert_eq!(scope.matched(name).is_some(), matches, "{name} {scope:?}");
        }
    }

    #[test]
    fn networks_hold_addresses_of_their_kind() {
        let holds = |network: &str, address: &str| {
            Network::parse(network).unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("fd00::/8", "fd12::1") && holds("192.168.1.1/32", "192.168.1.1"));
        assert!(!holds("192.168.1.1/32", "192.168.1.0"));
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
