//! Which token service may be asked.
//!
//! The realm of a challenge is chosen by whoever answered, so it must not weaken the transport, carry
//! credentials of its own, or lead into a network where the registry itself is not. A realm on another
//! public host is normal (`registry-1.docker.io` sends to `auth.docker.io`). Pure: names are not resolved.

use std::fmt;

use url::Url;

use crate::net::locality::Locality;

/// Why a token service must not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealmFault {
    /// It is no URL.
    Unreadable,
    /// It is neither http nor https.
    Scheme,
    /// It has a user name or password in it.
    UserInfo,
    /// It is http, and the registry is https.
    Downgrade,
    /// It is on this machine or its link, and the registry is not.
    Local,
    /// It is an address of a private network, and the registry is not.
    Private,
}

impl RealmFault {
    /// The reason in words, without the realm.
    #[must_use]
    pub const fn why(&self) -> &'static str {
        match self {
            Self::Unreadable => "the realm is not a URL",
            Self::Scheme => "the realm is neither http nor https",
            Self::UserInfo => "the realm has a user name or password in it",
            Self::Downgrade => "the realm is plain http although the registry is https",
            Self::Local => "the realm is a local address although the registry is not",
            Self::Private => "the realm is a private address although the registry is not",
        }
    }
}

impl fmt::Display for RealmFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why())
    }
}

impl std::error::Error for RealmFault {}

/// The URL that `challenge_realm` means in an answer to `request_url`; its query is kept. Not yet checked.
///
/// # Errors
/// It is no URL.
pub fn resolve(challenge_realm: &str, request_url: &Url) -> Result<Url, RealmFault> {
    let realm = challenge_realm.trim();
    // `Artifactory Realm` is a name for people, and would otherwise become a path.
    if realm.is_empty() || realm.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(RealmFault::Unreadable);
    }
    let mut url = request_url.join(realm).map_err(|_| RealmFault::Unreadable)?;
    url.set_fragment(None);
    Ok(url)
}

/// Whether the token service at `realm` may be asked for `registry`.
///
/// # Errors
/// It must not, and why.
pub fn check(realm: &Url, registry: &Url) -> Result<(), RealmFault> {
    if !matches!(realm.scheme(), "http" | "https") || !realm.has_host() {
        return Err(RealmFault::Scheme);
    }
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err(RealmFault::UserInfo);
    }
    if realm.scheme() == "http" && registry.scheme() == "https" {
        return Err(RealmFault::Downgrade);
    }
    if realm.host() == registry.host() {
        return Ok(());
    }
    match (Locality::of_url(realm), Locality::of_url(registry)) {
        (Locality::Elsewhere, _) | (_, Locality::Local) | (Locality::Private, Locality::Private) => Ok(()),
        (Locality::Local, _) => Err(RealmFault::Local),
        (Locality::Private, Locality::Elsewhere) => Err(RealmFault::Private),
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
    fn a_realm_is_resolved_against_the_request() {
        let request = url("https://h:5000/v2/a/manifests/1?ns=docker.io");
        for (realm, expected) in [
            ("https://auth.docker.io/token", Ok("https://auth.docker.io/token")),
            ("/token", Ok("https://h:5000/token")),
            ("//other/token", Ok("https://other/token")),
            ("/token?a=1&b=2", Ok("https://h:5000/token?a=1&b=2")),
            ("https://h/token?a=1", Ok("https://h/token?a=1")),
            (" https://h/token#part ", Ok("https://h/token")),
            ("", Err(RealmFault::Unreadable)),
            ("  ", Err(RealmFault::Unreadable)),
            ("Artifactory Realm", Err(RealmFault::Unreadable)),
            ("https://h:8443:8443/token", Err(RealmFault::Unreadable)),
            ("https://", Err(RealmFault::Unreadable)),
            ("https://h\n/token", Err(RealmFault::Unreadable)),
        ] {
            assert_eq!(resolve(realm, &request), expected.map(url), "{realm:?}");
        }
    }

    #[test]
    fn only_a_realm_that_leads_no_deeper_than_the_registry_is_asked() {
        use RealmFault::{Downgrade, Local, Private, Scheme, UserInfo};
        for (realm, registry, expected) in [
            ("https://auth.docker.io/token", "https://registry-1.docker.io/v2/", Ok(())),
            ("https://auth.m.daocloud.io/token", "https://m.daocloud.io/", Ok(())),
            ("https://h/token", "http://h/", Ok(())),
            ("http://h/token", "http://h/", Ok(())),
            ("http://auth.example/token", "http://h/", Ok(())),
            ("http://h/token", "https://h/", Err(Downgrade)),
            ("http://127.0.0.1:5000/token", "https://127.0.0.1:5000/", Err(Downgrade)),
            ("ftp://h/token", "https://h/", Err(Scheme)),
            ("file:///etc/passwd", "https://h/", Err(Scheme)),
            ("registry:5000/token", "https://registry:5000/", Err(Scheme)),
            ("javascript:alert(1)", "https://h/", Err(Scheme)),
            ("https://user@h/token", "https://h/", Err(UserInfo)),
            ("https://user:pw@h/token", "https://h/", Err(UserInfo)),
            ("https://:pw@h/token", "https://h/", Err(UserInfo)),
            ("https://127.0.0.1/token", "https://h/", Err(Local)),
            ("https://127.9.9.9/token", "https://h/", Err(Local)),
            ("https://0x7f000001/token", "https://h/", Err(Local)),
            ("https://[::1]/token", "https://h/", Err(Local)),
            ("https://[::]/token", "https://h/", Err(Local)),
            ("https://0.0.0.0/token", "https://h/", Err(Local)),
            ("http://169.254.169.254/latest/meta-data", "http://h/", Err(Local)),
            ("https://[fe80::1]/token", "https://h/", Err(Local)),
            ("https://[::ffff:127.0.0.1]/token", "https://h/", Err(Local)),
            ("https://localhost/token", "https://h/", Err(Local)),
            ("https://auth.localhost./token", "https://h/", Err(Local)),
            ("https://127.0.0.1/token", "https://10.0.0.1/", Err(Local)),
            ("http://127.0.0.1:5001/token", "http://localhost:5000/", Ok(())),
            ("http://localhost:5001/token", "http://[::1]:5000/", Ok(())),
            ("https://10.0.0.2/token", "https://h/", Err(Private)),
            ("https://172.20.0.2/token", "https://h/", Err(Private)),
            ("https://[fd00::2]/token", "https://h/", Err(Private)),
            ("https://[::ffff:192.168.1.1]/token", "https://h/", Err(Private)),
            ("https://10.0.0.2/token", "https://8.8.8.8/", Err(Private)),
            ("https://10.0.0.2/token", "https://192.168.0.1/", Ok(())),
            ("https://10.0.0.2:5001/token", "https://10.0.0.2:5000/", Ok(())),
            ("http://10.0.0.2/token", "http://127.0.0.1:5000/", Ok(())),
            ("https://auth.example/token", "https://10.0.0.2/", Ok(())),
            ("https://auth.example/token", "http://localhost:5000/", Ok(())),
        ] {
            assert_eq!(check(&url(realm), &url(registry)), expected, "{realm} for {registry}");
        }
    }

    proptest! {
        #[test]
        fn no_realm_text_makes_resolving_or_checking_panic(realm in ".{0,60}") {
            let registry = url("https://h:5000/v2/a/manifests/1");
            if let Ok(resolved) = resolve(&realm, &registry)
                && check(&resolved, &registry).is_ok()
            {
                prop_assert_eq!(resolved.scheme(), "https");
                prop_assert!(resolved.username().is_empty() && resolved.password().is_none());
            }
        }
    }
}
