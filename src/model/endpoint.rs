//! Where a request goes: authority, API root, role.

use std::borrow::Cow;
use std::fmt;

use url::{Host, ParseError, Position, Url};

use super::digest::Digest;
use super::image::{DOCKER_HUB, ImageRef, ManifestRef};
use super::rewrite::{NameError, Rewrite};
use super::scope::Vantage;

/// Scheme, host and port: the unit of limits, connections and back-off.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Authority {
    /// `http` or `https`.
    pub scheme: Box<str>,
    /// Lower-case host; IPv6 in brackets.
    pub host: Box<str>,
    /// The port, the scheme's default one filled in.
    pub port: u16,
}

impl Authority {
    /// The authority of `url`; `None` where it has no host.
    #[must_use]
    pub fn of(url: &Url) -> Option<Self> {
        Some(Self {
            scheme: url.scheme().into(),
            host: url.host_str()?.into(),
            port: url.port_or_known_default()?,
        })
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&*self.scheme, self.port) {
            ("http", 80) | ("https", 443) => f.write_str(&self.host),
            (_, port) => write!(f, "{}:{port}", self.host),
        }
    }
}

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the open.
    Http,
    /// Over TLS.
    Https,
}

/// What an endpoint is to the images it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// The registry in the image's name: what mirrors are compared with.
    Upstream,
    /// Stands in for one or more upstreams.
    Mirror,
}

impl Role {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Mirror => "mirror",
        }
    }
}

/// Whether `?ns=<registry>` goes with each request (distribution-spec "Registry Proxying").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// Sent only where the configuration came from a runtime that sends it.
    #[default]
    Auto,
    /// Sent with every request.
    Always,
    /// Never sent.
    Never,
    /// Sent where the host is not the image's own (containerd's `isProxy`).
    AsProxy,
}

/// Which images a runtime takes from an endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Accepts {
    /// All.
    #[default]
    All,
    /// Those that are pinned by digest.
    Digests,
    /// Those that are not.
    Tags,
    /// None: it is there for something else, such as pushes.
    Nothing,
}

impl Accepts {
    /// Whether an image that is asked for by `reference` is taken from here.
    #[must_use]
    pub const fn takes(self, reference: ManifestRef<'_>) -> bool {
        match (self, reference) {
            (Self::All, _) | (Self::Digests, ManifestRef::Digest(_)) | (Self::Tags, ManifestRef::Tag(_)) => {
                true
            }
            (Self::Digests | Self::Tags | Self::Nothing, _) => false,
        }
    }
}

/// One place to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// How people know it: its configured name, else `host[:port][/path]`.
    pub name: Box<str>,
    /// The URL as configured, for reports. No user-info, query or fragment.
    pub url: Url,
    /// API root without a trailing slash, such as `https://registry-1.docker.io/v2`.
    pub api_root: Box<str>,
    /// Who is asked.
    pub authority: Authority,
    /// Upstream or mirror.
    pub role: Role,
    /// How an image's name becomes the repository's name here.
    pub rewrite: Rewrite,
    /// Whether `?ns=` is sent.
    pub namespace: Namespace,
    /// Which images a runtime takes from it.
    pub accepts: Accepts,
    /// From where it is asked, if that was said.
    pub seen: Option<Seen>,
}

/// From where an endpoint is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The vantage point.
    pub from: Vantage,
    /// The endpoint's own name: [`Endpoint::name`] says from where too, in a run made of several.
    pub own_name: Box<str>,
}

impl Endpoint {
    /// The name by which it was configured, whatever it is asked from.
    #[must_use]
    pub fn own_name(&self) -> &str {
        self.seen.as_ref().map_or(&self.name, |seen| &seen.own_name)
    }

    /// Whether a user means it by this name: the one of reports, or its own, whatever it is asked from.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        *self.name == *name || self.own_name() == name
    }

    /// From where it is asked.
    #[must_use]
    pub fn vantage(&self) -> Option<&Vantage> {
        self.seen.as_ref().map(|seen| &seen.from)
    }

    /// The repository to ask this endpoint for.
    ///
    /// # Errors
    /// The rewritten name is not a legal repository name.
    pub fn repository<'a>(&self, image: &'a ImageRef) -> Result<Cow<'a, str>, NameError> {
        self.rewrite.apply(image)
    }

    /// The manifest URL of `repository` at this endpoint (distribution-spec "Pulling manifests").
    #[must_use]
    pub fn manifest_url(&self, image: &ImageRef, repository: &str, reference: ManifestRef<'_>) -> String {
        self.url_of(image, repository, "/manifests/", reference)
    }

    /// The URL of the list of what refers to a manifest (distribution-spec "Listing Referrers").
    #[must_use]
    pub fn referrers_url(&self, image: &ImageRef, repository: &str, digest: &Digest) -> String {
        self.url_of(image, repository, "/referrers/", ManifestRef::Digest(digest))
    }

    /// The URL of a blob of `repository` at this endpoint (distribution-spec "Pulling blobs").
    #[must_use]
    pub fn blob_url(&self, image: &ImageRef, repository: &str, digest: &Digest) -> String {
        self.url_of(image, repository, "/blobs/", ManifestRef::Digest(digest))
    }

    fn url_of(&self, image: &ImageRef, repository: &str, kind: &str, reference: ManifestRef<'_>) -> String {
        let digest;
        let reference = match reference {
            ManifestRef::Tag(tag) => tag,
            ManifestRef::Digest(pinned) => {
                digest = pinned.to_string();
                &digest
            }
        };
        // One for each question: put together without the machinery of formatting.
        let length = self.api_root.len() + 1 + repository.len() + kind.len() + reference.len();
        let mut url = String::with_capacity(length);
        for part in [&*self.api_root, "/", repository, kind, reference] {
            url.push_str(part);
        }
        if let Some(registry) = self.namespace_for(image) {
            url.push_str("?ns=");
            url.extend(url::form_urlencoded::byte_serialize(registry.as_bytes()));
        }
        url
    }

    /// Reads a URL such as [`Self::manifest_url`] writes them. The host is not read again where it is the
    /// endpoint's own: that costs more than all the rest, and there is one URL for each question.
    ///
    /// # Errors
    /// It is no URL.
    pub fn read_url(&self, text: &str) -> Result<Url, ParseError> {
        let path = text.strip_prefix(&self.url[..Position::BeforePath]).filter(|path| path.starts_with('/'));
        let Some(path) = path else { return Url::parse(text) };
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let mut url = self.url.clone();
        url.set_path(path);
        url.set_query(query);
        url.set_fragment(None);
        Ok(url)
    }

    /// The same place by another scheme: on the same port where one is said, else on the scheme's own.
    #[must_use]
    pub fn over(&self, scheme: Scheme) -> Option<Self> {
        let word = match scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let (_, rest) = self.url.as_str().split_once("://")?;
        let url = Url::parse(&format!("{word}://{rest}")).ok()?;
        let (_, root) = self.api_root.split_once("://")?;
        let path = root.find('/').map_or("", |at| &root[at..]);
        Some(Self {
            authority: Authority::of(&url)?,
            api_root: format!("{}{path}", url.origin().ascii_serialization()).into(),
            url,
            ..self.clone()
        })
    }

    /// The registry that goes along as `?ns=`, if it does.
    #[must_use]
    pub fn namespace_for<'a>(&self, image: &'a ImageRef) -> Option<&'a str> {
        self.sends_namespace(image).then(|| image.registry())
    }

    fn sends_namespace(&self, image: &ImageRef) -> bool {
        match self.namespace {
            Namespace::Always => true,
            Namespace::Auto | Namespace::Never => false,
            Namespace::AsProxy => {
                let (registry, host) = (image.registry(), self.authority.to_string());
                registry != host && !(registry == DOCKER_HUB && host == "registry-1.docker.io")
            }
        }
    }
}

/// Whether `host` is this machine: `localhost`, `*.localhost`, 127.0.0.0/8 or `::1`.
#[must_use]
pub fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(name);
            name.eq_ignore_ascii_case("localhost")
                || name.len() > 10 && name[name.len() - 10..].eq_ignore_ascii_case(".localhost")
        }
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => {
            address.is_loopback() || address.to_ipv4_mapped().is_some_and(|v4| v4.is_loopback())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str, api_root: &str) -> Endpoint {
        let url = Url::parse(url).unwrap();
        Endpoint {
            name: "x".into(),
            authority: Authority::of(&url).unwrap(),
            url,
            api_root: api_root.into(),
            role: Role::Mirror,
            rewrite: Rewrite::default(),
            namespace: Namespace::Always,
            accepts: Accepts::All,
            seen: None,
        }
    }

    #[test]
    fn a_place_keeps_its_port_and_path_by_another_scheme() {
        for (url, api_root, scheme, expected) in [
            ("http://m.example", "http://m.example/v2", Scheme::Https, "https://m.example/v2"),
            ("https://m.example/p", "https://m.example/p/v2", Scheme::Http, "http://m.example/p/v2"),
            ("http://[::1]:5000", "http://[::1]:5000/v2", Scheme::Https, "https://[::1]:5000/v2"),
            ("https://m.example:80", "https://m.example:80", Scheme::Http, "http://m.example"),
        ] {
            let other = endpoint(url, api_root).over(scheme).unwrap();
            let authority = Authority::of(&Url::parse(expected).unwrap()).unwrap();
            assert_eq!((&*other.api_root, &other.authority), (expected, &authority), "{url}");
        }
    }

    #[test]
    fn a_url_is_read_as_if_nothing_were_known_of_its_host() {
        let digest = Digest::sha256(b"");
        for (url, api_root) in [
            ("https://m.example", "https://m.example/v2"),
            ("https://m.example/", "https://m.example/v2/hub"),
            ("http://127.0.0.1:5000/a%20b/c", "http://127.0.0.1:5000/v2/a%20b/c"),
            ("http://[::1]:5000/v2", "http://[::1]:5000/v2"),
            ("https://m.example//a", "https://m.example/v2//a"),
            ("https://m.example//a", "https://m.example//a/v2"),
            ("https://b\u{fc}cher.example:8443", "https://xn--bcher-kva.example:8443/v2"),
            // Nothing makes such an endpoint, and it would be read all the same.
            ("https://m.example", "https://m.example.org:1/v2"),
            ("https://m.example", "http://m.example/v2"),
        ] {
            let endpoint = endpoint(url, api_root);
            let image: ImageRef = "reg.example:5000/team/app".parse().unwrap();
            for reference in [ManifestRef::Tag("1.25_a-b.c"), ManifestRef::Digest(&digest)] {
                let text = endpoint.manifest_url(&image, "team/app", reference);
                let read = endpoint.read_url(&text).unwrap();
                assert_eq!(read, Url::parse(&text).unwrap());
                assert_eq!(read.as_str(), text);
            }
            let text = endpoint.blob_url(&image, "team/app", &digest);
            assert_eq!(text, format!("{api_root}/team/app/blobs/{digest}?ns=reg.example%3A5000"));
            assert_eq!(endpoint.read_url(&text).unwrap().as_str(), text);
        }
        assert_eq!(endpoint("https://h", "x").read_url("x"), Err(ParseError::RelativeUrlWithoutBase));
    }
}
