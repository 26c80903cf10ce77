//! URLs of endpoints: what people write, and the API root that it means.
//!
//! One URL with a path means four different things to four runtimes. Here a path is a repository prefix
//! behind `/v2`, unless the path says `/v2` itself or `override_path` says that it is the API root.

use ::url::Url;
use thiserror::Error;

use crate::model::endpoint::is_loopback;

/// Why a URL cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UrlError {
    /// Not a URL.
    #[error("'{text}' is not a URL ({why})")]
    Unreadable {
        /// As written.
        text: String,
        /// The parser's words.
        why: String,
    },
    /// Neither http nor https.
    #[error("'{0}' is neither http nor https")]
    Scheme(String),
    /// A password in a URL ends up in logs.
    #[error("'{0}' holds user-info: credentials do not belong in a URL")]
    UserInfo(String),
    /// A query or fragment would be sent with nothing.
    #[error("'{0}' has a query or fragment, which an API root cannot have")]
    Query(String),
    /// Port 0 stands for any, and nobody listens there.
    #[error("'{0}' has port 0, where no server can be")]
    Port(String),
    /// `plain_http = true` and `https://`.
    #[error("'{0}' says https, plain_http says http")]
    Contradiction(String),
}

/// Plain http, if it is asked for apart from the URL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// As the URL says; without a scheme, http for loopback hosts and https for all others.
    #[default]
    AsUrlSays,
    /// Http.
    Yes,
}

/// What a URL's path is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathMeaning {
    /// A repository prefix, unless it says `/v2` itself.
    #[default]
    Prefix,
    /// The API root as it is (containerd's `override_path`).
    ApiRoot,
}

/// What may be shown of a text that should be a URL: neither user-info nor query.
fn shown(text: &str) -> String {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), text),
    };
    // A password may itself hold `?` or `#`, so it goes first.
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("…@", rest),
        None => ("", rest),
    };
    let rest = match rest.find(['?', '#']) {
        Some(at) => format!("{}…", &rest[..=at]),
        None => rest.to_owned(),
    };
    format!("{scheme}{user}{rest}")
}

/// Reads a URL; gives it without a trailing slash, and its API root.
pub(super) fn read(text: &str, plain: PlainHttp, path: PathMeaning) -> Result<(Url, Box<str>), UrlError> {
    let unreadable = |why: String| UrlError::Unreadable { text: shown(text), why };
    let has_scheme = text.contains("://");
    let full = if has_scheme { text.to_owned() } else { format!("https://{text}") };
    let mut url = Url::parse(&full).map_err(|error| unreadable(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(UrlError::Scheme(shown(text)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlError::UserInfo(shown(text)));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(UrlError::Query(shown(text)));
    }
    if url.port() == Some(0) {
        return Err(UrlError::Port(text.to_owned()));
    }
    let Some(host) = url.host() else { return Err(unreadable("no host".to_owned())) };
    let wants_http = plain == PlainHttp::Yes || !has_scheme && is_loopback(&host);
    if plain == PlainHttp::Yes && has_scheme && url.scheme() == "https" {
        return Err(UrlError::Contradiction(shown(text)));
    }
    if wants_http && url.scheme() == "https" {
        // Not `set_scheme`: `host:443` would lose the port that was written.
        let http = full.replacen("https://", "http://", 1);
        url = Url::parse(&http).map_err(|error| unreadable(error.to_string()))?;
    }
    let trimmed = url.path().trim_end_matches('/').to_owned();
    url.set_path(&trimmed);
    let origin = url.origin().ascii_serialization();
    let root = api_root(&origin, &trimmed, path);
    Ok((url, root.into()))
}

fn api_root(origin: &str, path: &str, meaning: PathMeaning) -> String {
    let says_v2 = path == "/v2" || path.starts_with("/v2/") || path.ends_with("/v2");
    match meaning {
        PathMeaning::ApiRoot => format!("{origin}{path}"),
        PathMeaning::Prefix if says_v2 => format!("{origin}{path}"),
        PathMeaning::Prefix => format!("{origin}/v2{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(text: &str) -> Box<str> {
        read(text, PlainHttp::AsUrlSays, PathMeaning::Prefix).unwrap().1
    }

    #[test]
    fn the_scheme_is_https_but_for_loopback_and_where_it_is_said() {
        for (text, expected) in [
            ("m.example", "https://m.example/v2"),
            ("m.example:5000", "https://m.example:5000/v2"),
            ("http://m.example", "http://m.example/v2"),
            ("localhost:5000", "http://localhost:5000/v2"),
            ("127.0.0.1:5000", "http://127.0.0.1:5000/v2"),
            ("127.1.2.3", "http://127.1.2.3/v2"),
            ("[::1]:5000", "http://[::1]:5000/v2"),
            ("localhost:443", "http://localhost:443/v2"),
            ("https://localhost:5000", "https://localhost:5000/v2"),
            ("10.0.0.1:5000", "https://10.0.0.1:5000/v2"),
            ("localhost.example", "https://localhost.example/v2"),
        ] {
            assert_eq!(&*root(text), expected, "{text}");
        }
        let (_, plain) = read("m.example:80", PlainHttp::Yes, PathMeaning::Prefix).unwrap();
        assert_eq!(&*plain, "http://m.example/v2");
    }

    #[test]
    fn a_path_is_a_repository_prefix_unless_it_says_v2_or_is_the_root() {
        for (text, expected) in [
            ("https://harbor.lan/dockerhub", "https://harbor.lan/v2/dockerhub"),
            ("https://harbor.lan/dockerhub/", "https://harbor.lan/v2/dockerhub"),
            ("https://proxy.lan/v2", "https://proxy.lan/v2"),
            ("https://proxy.lan/v2/hub/", "https://proxy.lan/v2/hub"),
            ("https://proxy.lan/hub/v2", "https://proxy.lan/hub/v2"),
            ("https://proxy.lan/v2hub", "https://proxy.lan/v2/v2hub"),
        ] {
            assert_eq!(&*root(text), expected, "{text}");
        }
        let (_, root) = read("https://k3s.lan/hub", PlainHttp::AsUrlSays, PathMeaning::ApiRoot).unwrap();
        assert_eq!(&*root, "https://k3s.lan/hub");
    }

    #[test]
    fn urls_that_cannot_be_meant_are_refused_and_show_no_password() {
        let error = |text| read(text, PlainHttp::AsUrlSays, PathMeaning::Prefix).unwrap_err();
        assert!(matches!(error("ftp://x"), UrlError::Scheme(_)));
        assert_eq!(error("https://x/?sig=hunter2"), UrlError::Query("https://x/?…".to_owned()));
        assert_eq!(error("https://x/#a"), UrlError::Query("https://x/#…".to_owned()));
        assert!(matches!(error("https://"), UrlError::Unreadable { .. }));
        for text in ["https://x:0/a", "x:0", "localhost:00"] {
            assert_eq!(error(text), UrlError::Port(text.to_owned()));
        }
        assert!(matches!(error("https://x:99999"), UrlError::Unreadable { .. }));
        for text in [
            "https://user:hunter2@x",
            "ftp://user:hunter2@x",
            "https://user:hunter2@x:99999",
            "https://user:hunter2@x y",
            "user:hunter2@x y",
            "https://x/?token=hunter2",
            "https://user:hunter2?@x",
        ] {
            let shown = error(text).to_string();
            assert!(!shown.contains("hunter2"), "{text}: {shown}");
        }
        let both = read("https://x", PlainHttp::Yes, PathMeaning::Prefix);
        assert!(matches!(both, Err(UrlError::Contradiction(_))));
    }
}
