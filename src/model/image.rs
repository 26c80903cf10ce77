//! Image references, read as docker and containerd read them.
//!
//! The grammar is that of distribution/reference (`regexp.go`, `normalize.go`), ASCII only and anchored.
//! `oci_distribution::Reference` holds the parts; its own parser departs from that grammar (IPv6 hosts,
//! upper-case hosts, non-ASCII tags, 64-hex names, upper-case digests), so the text is read here.

#[cfg(test)]
mod vectors;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::Ipv6Addr;
use std::str::FromStr;

use oci_distribution::Reference;
use thiserror::Error;
use url::Host;

use super::digest::{Digest, DigestError};

/// Docker Hub's name in image references.
pub const DOCKER_HUB: &str = "docker.io";
/// Most bytes of a repository name, the registry not counted.
pub const MAX_REPOSITORY_BYTES: usize = 255;
/// Most bytes of a tag.
pub const MAX_TAG_BYTES: usize = 128;

/// A normalised image reference: registry, repository, and a tag, a digest or both.
#[derive(Clone)]
pub struct ImageRef {
    parts: Reference,
    digest: Option<Digest>,
}

/// A tag or a digest, as it stands at the end of a manifest URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestRef<'a> {
    /// By name; may be moved.
    Tag(&'a str),
    /// By content.
    Digest(&'a Digest),
}

/// Why a text is no image reference.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReferenceError {
    /// Nothing there.
    #[error("empty image name")]
    Empty,
    /// The text does not fit the grammar.
    #[error("invalid reference format: {0}")]
    Format(&'static str),
    /// A repository is lower case.
    #[error("repository name must be lowercase")]
    Uppercase,
    /// `$VAR`, `${VAR}` or `{{ template }}` that nothing has replaced.
    #[error("a variable stands unexpanded in it: put its value there first")]
    Variable,
    /// 64 hex digits: an image id, not a name.
    #[error("a 64-digit hexadecimal id is not an image name (write the repository, or repository@sha256:…)")]
    Identifier,
    /// More than 255 bytes of repository.
    #[error("repository name is longer than {MAX_REPOSITORY_BYTES} bytes")]
    TooLong,
    /// The part behind `@`.
    #[error(transparent)]
    Digest(#[from] DigestError),
}

/// Why a registry that fits the grammar can never be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RegistryFault {
    /// The grammar counts no digits.
    #[error("the registry's port is not between 1 and 65535")]
    Port,
    /// The grammar takes any hex digits and colons in brackets.
    #[error("the registry is no IPv6 address")]
    Ipv6,
    /// All digits like an address, but not four numbers up to 255: URLs and clients read such hosts differently.
    #[error("the registry is neither an IPv4 address of four numbers nor a host name")]
    Ipv4,
    /// Too long for DNS, or `xn--` with something that decodes to nothing.
    #[error("the registry is no possible host name")]
    Name,
}

impl ImageRef {
    /// The registry as written, `docker.io` where none was written. Keeps its case.
    #[must_use]
    pub fn registry(&self) -> &str {
        self.parts.registry()
    }

    /// The registry for comparing: lower case, and one name for Docker Hub's three.
    #[must_use]
    pub fn registry_key(&self) -> String {
        registry_key(self.registry())
    }

    /// Why the registry can never be asked, though its name fits the grammar; `None` if it can.
    #[must_use]
    pub fn registry_fault(&self) -> Option<RegistryFault> {
        let registry = self.registry();
        if registry == DOCKER_HUB {
            return None;
        }
        let (host, port) = match registry.rfind(':').filter(|at| !registry[*at..].contains(']')) {
            Some(at) => (&registry[..at], Some(&registry[at + 1..])),
            None => (registry, None),
        };
        // No more digits than a port has: leading zeros without end would make names without end.
        if port.is_some_and(|port| port.len() > 5 || !matches!(port.parse::<u16>(), Ok(1..))) {
            return Some(RegistryFault::Port);
        }
        host_fault(host)
    }

    /// The repository, with `library/` for Docker Hub's official images.
    #[must_use]
    pub fn repository(&self) -> &str {
        self.parts.repository()
    }

    /// The tag; `latest` where neither tag nor digest was written.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.parts.tag()
    }

    /// The digest that pins the image.
    #[must_use]
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// What to ask a mirror for: the digest if there is one, else the tag.
    #[must_use]
    pub fn manifest_ref(&self) -> ManifestRef<'_> {
        match &self.digest {
            Some(digest) => ManifestRef::Digest(digest),
            None => ManifestRef::Tag(self.tag().unwrap_or("latest")),
        }
    }
}

/// The registry's name for comparing and for looking up settings.
#[must_use]
pub fn registry_key(registry: &str) -> String {
    let key = registry.to_ascii_lowercase();
    match key.as_str() {
        "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB.to_owned(),
        _ => key,
    }
}

impl fmt::Display for ManifestRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => f.write_str(tag),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [self.registry(), "/", self.repository()] {
            f.write_str(part)?;
        }
        if let Some(tag) = self.tag() {
            f.write_str(":")?;
            f.write_str(tag)?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for ImageRef {
    /// However the registry's case is written: host names have none (RFC 4343).
    fn eq(&self, other: &Self) -> bool {
        self.registry().eq_ignore_ascii_case(other.registry())
            && self.repository() == other.repository()
            && self.tag() == other.tag()
            && self.digest == other.digest
    }
}

impl Eq for ImageRef {}

impl Hash for ImageRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // In one piece: one byte after the other costs more than all the rest.
        let registry = self.registry();
        if registry.bytes().any(|b| b.is_ascii_uppercase()) {
            state.write(registry.to_ascii_lowercase().as_bytes());
        } else {
            state.write(registry.as_bytes());
        }
        // No byte of a name: what follows begins here.
        state.write_u8(0xff);
        self.repository().hash(state);
        self.tag().hash(state);
        self.digest.hash(state);
    }
}

impl FromStr for ImageRef {
    type Err = ReferenceError;

    /// Reads and normalises a reference (distribution/reference `ParseNormalizedNamed`, `TagNameOnly`).
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.contains("://") {
            return Err(ReferenceError::Format("an image name has no scheme"));
        }
        if has_variable(text) {
            return Err(ReferenceError::Variable);
        }
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ReferenceError::Identifier);
        }
        let (registry, remainder) = split_registry(text);
        let (name, digest_text) = match remainder.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (remainder, None),
        };
        let (repository, tag) = match name.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (name, None),
        };
        // The check for case comes before the grammar and cuts at the first colon, digest or not.
        let lowercase_part = remainder.split(':').next().unwrap_or(remainder);
        if lowercase_part.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(ReferenceError::Uppercase);
        }
        if registry != DOCKER_HUB && !is_registry(registry) {
            return Err(ReferenceError::Format("the part before the first '/' is no host"));
        }
        if !has_repository_shape(repository) {
            return Err(ReferenceError::Format(repository_fault(text, repository)));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Format("the part after ':' is no tag"));
        }
        let repository = if registry == DOCKER_HUB && !repository.contains('/') {
            format!("library/{repository}")
        } else {
            repository.to_owned()
        };
        if repository.len() > MAX_REPOSITORY_BYTES {
            return Err(ReferenceError::TooLong);
        }
        let digest = digest_text.map(str::parse::<Digest>).transpose()?;
        let registry = registry.to_owned();
        let parts = match (tag, digest_text) {
            (Some(tag), Some(digest)) => {
                Reference::with_tag_and_digest(registry, repository, tag.to_owned(), digest.to_owned())
            }
            (None, Some(digest)) => Reference::with_digest(registry, repository, digest.to_owned()),
            (tag, None) => Reference::with_tag(registry, repository, tag.unwrap_or("latest").to_owned()),
        };
        Ok(Self { parts, digest })
    }
}

/// `$VAR`, `${VAR}`, `$(VAR)` or `{{ … }}`: neither `$` nor braces are legal in a reference.
fn has_variable(text: &str) -> bool {
    let is_start = |b: &u8| b.is_ascii_alphabetic() || matches!(b, b'_' | b'{' | b'(');
    text.contains("{{")
        || text.match_indices('$').any(|(at, _)| text.as_bytes().get(at + 1).is_some_and(is_start))
}

fn host_fault(host: &str) -> Option<RegistryFault> {
    if let Some(inside) = host.strip_prefix('[') {
        let is_address = inside.strip_suffix(']').is_some_and(|text| text.parse::<Ipv6Addr>().is_ok());
        return (!is_address).then_some(RegistryFault::Ipv6);
    }
    // Only numbers and `xn--` are anything but a plain name, and asking about them costs most of the parsing.
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.starts_with(|c: char| c.is_ascii_alphabetic()) && !host.contains("--") {
        return (!fits_dns(host)).then_some(RegistryFault::Name);
    }
    let is_number = last.bytes().all(|b| b.is_ascii_digit());
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) if address.to_string() == host => None,
        Ok(Host::Domain(name)) if fits_dns(&name) => None,
        Ok(Host::Ipv4(_)) => Some(RegistryFault::Ipv4),
        Err(_) if is_number => Some(RegistryFault::Ipv4),
        Ok(_) | Err(_) => Some(RegistryFault::Name),
    }
}

/// RFC 1035 section 2.3.4, without the dot at the end.
fn fits_dns(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(|label| label.len() <= 63)
}

/// Splits off the registry (distribution/reference `splitDockerDomain`).
fn split_registry(text: &str) -> (&str, &str) {
    match text.split_once('/') {
        Some(("index.docker.io", rest)) => (DOCKER_HUB, rest),
        Some((host, rest))
            if host == "localhost"
                || host.contains(['.', ':'])
                || host.bytes().any(|b| b.is_ascii_uppercase()) =>
        {
            (host, rest)
        }
        _ => (DOCKER_HUB, text),
    }
}

fn repository_fault(text: &str, repository: &str) -> &'static str {
    if text.contains(char::is_whitespace) {
        "there is white space in it"
    } else if repository.is_empty() {
        "no repository"
    } else {
        "the repository is not made of lower-case letters, digits and single separators"
    }
}

/// Whether `text` is `host [":" port]`, where host is a name, an IPv4 address or an IPv6 address in brackets.
#[must_use]
pub fn is_registry(text: &str) -> bool {
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(inside, port)| {
            !inside.is_empty()
                && inside.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let host = match text.split_once(':') {
        Some((_, port)) if !is_port(port) => return false,
        Some((host, _)) => host,
        None => text,
    };
    host.split('.').all(|label| {
        let bytes = label.as_bytes();
        matches!((bytes.first(), bytes.last()), (Some(first), Some(last))
            if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric())
            && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
    })
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// `( ALNUM | "_" ) 0*127( ALNUM | "_" | "." | "-" )`
fn is_tag(text: &str) -> bool {
    text.len() <= MAX_TAG_BYTES
        && text
            .bytes()
            .enumerate()
            .all(|(at, b)| b.is_ascii_alphanumeric() || b == b'_' || at > 0 && matches!(b, b'.' | b'-'))
        && !text.is_empty()
}

/// Whether `text` is a repository name that may stand in a URL: grammar and length.
#[must_use]
pub fn is_repository(text: &str) -> bool {
    text.len() <= MAX_REPOSITORY_BYTES && has_repository_shape(text)
}

fn has_repository_shape(text: &str) -> bool {
    text.split('/').all(is_component)
}

/// `1*LOWALNUM *( sep 1*LOWALNUM )`, sep = "." | "_" | "__" | 1*"-"
fn is_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|b| is_word(**b)).count();
        if word == 0 {
            return false;
        }
        rest = &rest[word..];
        if rest.is_empty() {
            return true;
        }
        let separator = rest.iter().take_while(|b| !is_word(**b)).count();
        if !matches!(&rest[..separator], b"." | b"_" | b"__") && rest[..separator].iter().any(|b| *b != b'-')
        {
            return false;
        }
        rest = &rest[separator..];
    }
}
