//! A request as the embedded registry understands it: the route taken apart, headers read once.
//!
//! Sources: distribution-spec "Endpoints"; the order of checks after distribution's router.

use http::header::{ACCEPT, AUTHORIZATION, HeaderMap, IF_NONE_MATCH, RANGE};
use http::request::Parts;
use http::{HeaderName, Method};

use crate::model::digest::Digest;

/// Which endpoint is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/`
    Front,
    /// The API root without its slash.
    Unslashed,
    /// The API root.
    Ping,
    Manifest {
        repository: String,
        reference: String,
    },
    Blob {
        repository: String,
        digest: String,
    },
    Tags {
        repository: String,
    },
    Referrers {
        repository: String,
        digest: String,
    },
    Token,
    /// Where a portal sends people.
    Login,
    Unknown,
}

/// One request.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) route: Route,
    pub(super) path: String,
    pub(super) query: Option<String>,
    pub(super) headers: HeaderMap,
    /// Of a POST to the token service; empty otherwise.
    pub(super) form: String,
}

impl Route {
    /// Reads `path`, the API root being `root` (`/v2`).
    pub(super) fn parse(root: &str, path: &str) -> Self {
        match path {
            "/" => return Self::Front,
            "/token" => return Self::Token,
            "/login" => return Self::Login,
            _ => {}
        }
        let Some(rest) = path.strip_prefix(root) else { return Self::Unknown };
        let Some(rest) = rest.strip_prefix('/') else {
            return if rest.is_empty() { Self::Unslashed } else { Self::Unknown };
        };
        if rest.is_empty() {
            return Self::Ping;
        }
        if let Some((repository, reference)) = rest.rsplit_once("/manifests/")
            && is_reference(reference)
        {
            return Self::Manifest { repository: repository.to_owned(), reference: reference.to_owned() };
        }
        if let Some((repository, digest)) = rest.rsplit_once("/blobs/")
            && !digest.contains('/')
        {
            return Self::Blob { repository: repository.to_owned(), digest: digest.to_owned() };
        }
        if let Some((repository, digest)) = rest.rsplit_once("/referrers/")
            && !digest.contains('/')
        {
            return Self::Referrers { repository: repository.to_owned(), digest: digest.to_owned() };
        }
        match rest.strip_suffix("/tags/list") {
            Some(repository) => Self::Tags { repository: repository.to_owned() },
            None => Self::Unknown,
        }
    }

    /// The repository that is asked about.
    pub(super) fn repository(&self) -> Option<&str> {
        match self {
            Self::Manifest { repository, .. }
            | Self::Blob { repository, .. }
            | Self::Referrers { repository, .. }
            | Self::Tags { repository } => Some(repository),
            Self::Front | Self::Unslashed | Self::Ping | Self::Token | Self::Login | Self::Unknown => None,
        }
    }

    /// The tag or digest that is asked for.
    pub(super) fn reference(&self) -> Option<&str> {
        match self {
            Self::Manifest { reference, .. } => Some(reference),
            Self::Blob { digest, .. } => Some(digest),
            _ => None,
        }
    }
}

/// A tag (distribution-spec: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`) or something with a colon.
fn is_reference(text: &str) -> bool {
    if text.contains(':') {
        return !text.contains('/');
    }
    text.len() <= 128
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        && !text.starts_with(['.', '-'])
        && !text.is_empty()
}

impl Asked {
    pub(super) fn new(root: &str, parts: Parts, form: String) -> Self {
        let path = parts.uri.path().to_owned();
        Self {
            method: parts.method,
            route: Route::parse(root, &path),
            query: parts.uri.query().map(str::to_owned),
            path,
            headers: parts.headers,
            form,
        }
    }

    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// Whether this is a read: all that a registry that takes no pushes allows.
    pub(super) fn is_read(&self) -> bool {
        self.method == Method::GET || self.method == Method::HEAD
    }

    /// The digest in a manifest request by digest.
    pub(super) fn manifest_digest(&self) -> Option<Digest> {
        match &self.route {
            Route::Manifest { reference, .. } => reference.parse().ok(),
            _ => None,
        }
    }

    /// The tag in a manifest request by tag.
    pub(super) fn manifest_tag(&self) -> Option<&str> {
        match &self.route {
            Route::Manifest { reference, .. } if !reference.contains(':') => Some(reference),
            _ => None,
        }
    }

    /// Whether `?ns=` was sent.
    pub(super) fn has_namespace(&self) -> bool {
        self.parameters("ns").next().is_some()
    }

    /// The decoded values of a query parameter, in order.
    pub(super) fn parameters<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        values(self.query.as_deref().unwrap_or_default(), name)
    }

    /// The decoded values of a form field, in order.
    pub(super) fn fields<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        values(&self.form, name)
    }

    fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(super) fn authorization(&self) -> Option<&str> {
        self.header(AUTHORIZATION)
    }

    /// The first `Accept` line: all that some servers read.
    pub(super) fn first_accept(&self) -> Option<&str> {
        self.header(ACCEPT)
    }

    pub(super) fn if_none_match(&self) -> Option<&str> {
        self.header(IF_NONE_MATCH)
    }

    pub(super) fn range(&self) -> Option<&str> {
        self.header(RANGE)
    }
}

fn values<'a>(encoded: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    url::form_urlencoded::parse(encoded.as_bytes())
        .filter(move |(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_told_apart_by_their_last_words() {
        let manifest = |repository: &str, reference: &str| Route::Manifest {
            repository: repository.to_owned(),
            reference: reference.to_owned(),
        };
        for (path, route) in [
            ("/", Route::Front),
            ("/v2", Route::Unslashed),
            ("/v2/", Route::Ping),
            ("/v2/a/manifests/1", manifest("a", "1")),
            ("/v2/a/manifests/b/manifests/1", manifest("a/manifests/b", "1")),
            ("/v2/a/b/manifests/sha256:00", manifest("a/b", "sha256:00")),
            ("/v2/a/manifests/.x", Route::Unknown),
            ("/v2/a/manifests/", Route::Unknown),
            ("/v2/a/tags/list", Route::Tags { repository: "a".to_owned() }),
            ("/v2/a/blobs/x", Route::Blob { repository: "a".to_owned(), digest: "x".to_owned() }),
            ("/v2/a/referrers/x", Route::Referrers { repository: "a".to_owned(), digest: "x".to_owned() }),
            ("/v2/a/referrers/x/y", Route::Unknown),
            ("/v2x", Route::Unknown),
            ("/token", Route::Token),
            ("/other", Route::Unknown),
        ] {
            assert_eq!(Route::parse("/v2", path), route, "{path}");
        }
        assert_eq!(Route::parse("/mirror/v2", "/mirror/v2/a/manifests/1"), manifest("a", "1"));
        assert_eq!(Route::parse("", "/a/manifests/1"), manifest("a", "1"));
    }
}
