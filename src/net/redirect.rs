//! Which redirects are followed, and how a URL is shown to people.
//!
//! Followed: the five statuses that repeat the request elsewhere, within [`MAX_HOPS`], never from https to
//! http and never from a host out there to this machine. Whether credentials may go along is for the caller
//! to ask ([`same_origin`]). Pure.

use std::borrow::Cow;

use url::Url;

use super::locality::Locality;
use crate::model::fault::RedirectFault;

/// Redirects followed for one request (distribution clients agree on ten).
pub const MAX_HOPS: usize = 10;

/// Longest `Location` that is looked at. Signed CDN addresses reach some 4 KiB.
const MAX_LOCATION_BYTES: usize = 16 * 1024;

/// Longest scheme that is told, in characters.
const MAX_SCHEME_CHARS: usize = 32;

/// Longest text of [`display`], in characters.
const MAX_DISPLAY_CHARS: usize = 1024;

/// Query parameters that say what is asked for and grant nothing. Everything else may be a signature.
const SHOWN_PARAMS: [&str; 3] = ["ns", "service", "scope"];

/// Where an answer from `from` sends the request on to; `None` if its status is no redirect to follow.
/// User-info and fragment of the new place are dropped.
///
/// # Errors
/// The answer is a redirect that must not or cannot be followed.
pub fn next(
    from: &Url,
    status: u16,
    location: Option<&[u8]>,
    hops_so_far: usize,
) -> Result<Option<Url>, RedirectFault> {
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    if hops_so_far >= MAX_HOPS {
        return Err(RedirectFault::TooMany(hops_so_far));
    }
    let to = resolve(from, location.unwrap_or_default())?;
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(RedirectFault::Downgrade(display(&to).into()));
    }
    if Locality::of_url(&to) == Locality::Local && Locality::of_url(from) != Locality::Local {
        return Err(RedirectFault::IntoLocal(display(&to).into()));
    }
    Ok(Some(to))
}

fn resolve(from: &Url, location: &[u8]) -> Result<Url, RedirectFault> {
    let text = str::from_utf8(location).map_err(|_| RedirectFault::NoLocation)?.trim();
    if text.is_empty() || text.len() > MAX_LOCATION_BYTES {
        return Err(RedirectFault::NoLocation);
    }
    let mut to = from.join(text).map_err(|_| RedirectFault::NoLocation)?;
    if !matches!(to.scheme(), "http" | "https") {
        // Letters, digits and "+-.", or it would be none.
        return Err(RedirectFault::Scheme(to.scheme().chars().take(MAX_SCHEME_CHARS).collect()));
    }
    to.set_fragment(None);
    let is_bare = to.has_host() && to.set_username("").is_ok() && to.set_password(None).is_ok();
    if is_bare { Ok(to) } else { Err(RedirectFault::NoLocation) }
}

/// Whether both have the same scheme, host and port, so that credentials for one may go to the other.
#[must_use]
pub fn same_origin(a: &Url, b: &Url) -> bool {
    a.scheme() == b.scheme()
        && a.host().is_some()
        && a.host() == b.host()
        && a.port_or_known_default() == b.port_or_known_default()
}

/// `url` for people: without user-info and fragment, and with `…` for each query value that could be a
/// secret. At most 1024 characters.
#[must_use]
pub fn display(url: &Url) -> String {
    if url.cannot_be_a_base() || !url.has_host() {
        return format!("{}:…", url.scheme());
    }
    let mut shown = format!("{}://{}", url.scheme(), url.host_str().unwrap_or_default());
    if let Some(port) = url.port() {
        shown.push_str(&format!(":{port}"));
    }
    shown.push_str(url.path());
    let mut mark = '?';
    for pair in url.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        shown.push(mark);
        mark = '&';
        shown.push_str(&display_pair(pair));
    }
    if let Some((cut, _)) = shown.char_indices().nth(MAX_DISPLAY_CHARS) {
        let keep = shown[..cut].char_indices().next_back().map_or(0, |(last, _)| last);
        shown.truncate(keep);
        shown.push('…');
    }
    shown
}

fn display_pair(pair: &str) -> Cow<'_, str> {
    match pair.split_once('=') {
        Some((name, _)) if SHOWN_PARAMS.contains(&name) => Cow::Borrowed(pair),
        Some((_, "")) => Cow::Borrowed(pair),
        Some((name, _)) => Cow::Owned(format!("{name}=…")),
        // A token may stand alone.
        None => Cow::Borrowed("…"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn only_five_statuses_are_redirects() {
        let from = url("https://h/v2/a/manifests/1");
        for status in 100..=599 {
            let to = next(&from, status, Some(b"/b"), 0).unwrap();
            let expected = [301, 302, 303, 307, 308].contains(&status).then(|| url("https://h/b"));
            assert_eq!(to, expected, "{status}");
        }
    }

    #[test]
    fn a_status_that_is_no_redirect_needs_no_location_and_has_no_limit() {
        let from = url("https://h/");
        for status in [200, 300, 304, 305, 306, 404] {
            assert_eq!(next(&from, status, None, MAX_HOPS + 5), Ok(None), "{status}");
        }
    }

    #[test]
    fn redirects_are_followed_where_they_lead_no_deeper() {
        for (from, location, expected) in [
            ("https://h/v2/a/manifests/1", "https://cdn.example/x?sig=1", "https://cdn.example/x?sig=1"),
            (
                "https://h/v2/a/manifests/1?ns=x",
                "/v2/library/a/manifests/1",
                "https://h/v2/library/a/manifests/1",
            ),
            ("https://h/v2/a/manifests/1", "2", "https://h/v2/a/manifests/2"),
            ("https://h/v2/a/manifests/1", "?x=1", "https://h/v2/a/manifests/1?x=1"),
            ("https://h/v2/", "//other/v2/", "https://other/v2/"),
            ("https://h/", " https://other/#part ", "https://other/"),
            ("https://h/", "https://user:pw@other/a", "https://other/a"),
            ("https://h/", "HTTPS://OTHER:443/a", "https://other/a"),
            ("http://h/", "https://h/", "https://h/"),
            ("http://h/", "http://other/", "http://other/"),
            ("https://h/", "https://10.0.0.1/", "https://10.0.0.1/"),
            ("http://127.0.0.1:5000/", "http://localhost:5000/", "http://localhost:5000/"),
            ("http://localhost:5000/", "http://[::1]:5001/a", "http://[::1]:5001/a"),
            ("http://localhost:5000/", "https://h/", "https://h/"),
            ("https://h/", "/caf\u{e9}", "https://h/caf%C3%A9"),
        ] {
            let to = next(&url(from), 307, Some(location.as_bytes()), MAX_HOPS - 1);
            assert_eq!(to, Ok(Some(url(expected))), "{from} -> {location}");
        }
    }

    #[test]
    fn redirects_that_weaken_or_lead_inside_are_refused() {
        let downgrade = |to: &str| RedirectFault::Downgrade(to.into());
        let into_local = |to: &str| RedirectFault::IntoLocal(to.into());
        let scheme = |name: &str| RedirectFault::Scheme(name.into());
        for (from, location, fault) in [
            ("https://h/", "http://h/a", downgrade("http://h/a")),
            ("https://h/", "http://u:p@127.0.0.1/a?sig=s", downgrade("http://127.0.0.1/a?sig=…")),
            ("https://localhost/", "http://localhost/", downgrade("http://localhost/")),
            ("http://h/", "http://127.0.0.1:2375/", into_local("http://127.0.0.1:2375/")),
            ("http://h/", "http://169.254.169.254/latest", into_local("http://169.254.169.254/latest")),
            ("http://h/", "http://[::ffff:7f00:1]/", into_local("http://[::ffff:7f00:1]/")),
            ("http://h/", "http://0/", into_local("http://0.0.0.0/")),
            ("https://h/", "https://a.localhost/", into_local("https://a.localhost/")),
            ("http://10.0.0.1/", "http://localhost/", into_local("http://localhost/")),
            ("https://h/", "ftp://h/a", scheme("ftp")),
            ("https://h/", "FILE:///etc/passwd", scheme("file")),
            ("https://h/", "javascript:alert(1)", scheme("javascript")),
            ("https://h/", "s3+x-1.0:a?sig=secret", scheme("s3+x-1.0")),
            ("https://h/", &format!("{}:x", "z".repeat(100)), scheme(&"z".repeat(32))),
            ("https://h/", "", RedirectFault::NoLocation),
            ("https://h/", "  ", RedirectFault::NoLocation),
            ("https://h/", "https://", RedirectFault::NoLocation),
            ("https://h/", "https://h:port/", RedirectFault::NoLocation),
        ] {
            assert_eq!(
                next(&url(from), 302, Some(location.as_bytes()), 0),
                Err(fault),
                "{from} -> {location}"
            );
        }
        let from = url("https://h/");
        assert_eq!(next(&from, 302, None, 0), Err(RedirectFault::NoLocation));
        assert_eq!(next(&from, 302, Some(b"/\xff"), 0), Err(RedirectFault::NoLocation));
        let long = format!("/{}", "a".repeat(MAX_LOCATION_BYTES));
        assert_eq!(next(&from, 302, Some(long.as_bytes()), 0), Err(RedirectFault::NoLocation));
    }

    #[test]
    fn the_eleventh_redirect_is_not_followed() {
        let from = url("https://h/");
        assert!(next(&from, 302, Some(b"/a"), 9).is_ok());
        assert_eq!(next(&from, 302, Some(b"/a"), 10), Err(RedirectFault::TooMany(10)));
        assert_eq!(next(&from, 302, None, 11), Err(RedirectFault::TooMany(11)));
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (a, b, same) in [
            ("https://h/a", "https://h:443/b?c", true),
            ("http://H/", "http://h:80/", true),
            ("https://u:p@h/", "https://h/", true),
            ("https://h/", "http://h/", false),
            ("https://h:5000/", "http://h:5000/", false),
            ("https://h/", "https://h:8443/", false),
            ("http://127.0.0.1:5000/", "http://localhost:5000/", false),
            ("https://h/", "https://a.h/", false),
            ("data:a", "data:a", false),
        ] {
            assert_eq!(same_origin(&url(a), &url(b)), same, "{a} {b}");
            assert_eq!(same_origin(&url(b), &url(a)), same, "{b} {a}");
        }
    }

    #[test]
    fn a_url_is_shown_without_its_secrets() {
        for (text, shown) in [
            ("https://h/v2/a/manifests/1", "https://h/v2/a/manifests/1"),
            ("https://user:pw@h:8443/a#part", "https://h:8443/a"),
            ("https://h:443/", "https://h/"),
            ("https://h/a?ns=docker.io", "https://h/a?ns=docker.io"),
            (
                "https://h/token?service=s&scope=repository%3Aa%3Apull&account=u",
                "https://h/token?service=s&scope=repository%3Aa%3Apull&account=…",
            ),
            (
                "https://s3/x?X-Amz-Expires=9&X-Amz-Signature=abc&sig=d&ns=e",
                "https://s3/x?X-Amz-Expires=…&X-Amz-Signature=…&sig=…&ns=e",
            ),
            ("https://h/a?eyJhbGciOi", "https://h/a?…"),
            ("https://h/a?b=&&c=d=e", "https://h/a?b=&c=…"),
            ("https://h/a?NS=x", "https://h/a?NS=…"),
            ("data:text/plain,secret", "data:…"),
            ("file:///etc/passwd", "file:…"),
        ] {
            assert_eq!(display(&url(text)), shown);
        }
    }

    #[test]
    fn a_long_url_is_cut() {
        let shown = display(&url(&format!("https://h/{}", "a".repeat(5000))));
        assert_eq!(shown.chars().count(), MAX_DISPLAY_CHARS);
        assert!(shown.ends_with("aa…"));
    }

    proptest! {
        #[test]
        fn any_location_is_survived_and_never_weakens(location in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(Some(to)) = next(&url("https://h/v2/"), 301, Some(&location), 0) {
                prop_assert_eq!(to.scheme(), "https");
                prop_assert_ne!(Locality::of_url(&to), Locality::Local);
                prop_assert!(to.username().is_empty() && to.password().is_none() && to.fragment().is_none());
            }
        }

        #[test]
        fn no_secret_and_no_control_character_is_shown(
            user in "[a-z]{0,5}", secret in "S3CRET[0-9A-F]{6}", path in ".{0,40}", name in "[a-z-]{6,12}",
        ) {
            let text = format!("https://{user}:{secret}@h/x{path}?{name}={secret}#{secret}");
            if let Ok(parsed) = Url::parse(&text) {
                let shown = display(&parsed);
                prop_assume!(!SHOWN_PARAMS.contains(&&*name));
                prop_assert!(!shown.contains(&secret), "{}", shown);
                prop_assert!(!shown.contains(char::is_control), "{}", shown);
            }
        }
    }
}
