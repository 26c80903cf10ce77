//! Extra headers that a runtime's configuration wants sent: with requests below the API root that they are
//! configured for, and with no others. A redirect elsewhere leaves them behind.

use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use crate::model::access::HostHeaders;

/// The headers of all hosts.
#[derive(Debug, Default)]
pub struct ExtraHeaders(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    api_root: Box<str>,
    registry: Option<Box<str>>,
    headers: HeaderMap,
}

impl ExtraHeaders {
    /// Takes what was configured; what cannot stand in a request is left out.
    #[must_use]
    pub fn new<'a>(configured: impl IntoIterator<Item = &'a HostHeaders>) -> Self {
        Self(configured.into_iter().map(Entry::of).collect())
    }

    /// What goes with a request for `url`: that of the registry named by `ns` before that of all, and
    /// nothing where two would do and differ.
    #[must_use]
    pub fn of(&self, url: &Url) -> Option<&HeaderMap> {
        if self.0.is_empty() {
            return None;
        }
        let here: Vec<_> = self.0.iter().filter(|entry| entry.holds(url.as_str())).collect();
        let namespace = url.query_pairs().find(|(name, _)| name == "ns").map(|(_, value)| value);
        let is_named =
            |entry: &&&Entry| namespace.as_ref().is_some_and(|ns| entry.registry.as_deref() == Some(&**ns));
        if let Some(named) = here.iter().find(is_named) {
            return Some(&named.headers);
        }
        let first = here.first()?;
        here.iter().all(|other| other.headers == first.headers).then_some(&first.headers)
    }
}

impl Entry {
    fn of(configured: &HostHeaders) -> Self {
        let mut headers = HeaderMap::new();
        for (name, value) in &configured.headers {
            let name = HeaderName::from_bytes(name.as_bytes());
            if let (Ok(name), Ok(mut value)) = (name, HeaderValue::from_str(value.expose())) {
                value.set_sensitive(true);
                headers.append(name, value);
            }
        }
        Self { api_root: configured.api_root.clone(), registry: configured.registry.clone(), headers }
    }

    fn holds(&self, url: &str) -> bool {
        let rest = url.strip_prefix(&*self.api_root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;

    fn configured(api_root: &str, registry: Option<&str>, value: &str) -> HostHeaders {
        HostHeaders {
            place: "hosts.toml:1".into(),
            api_root: api_root.into(),
            registry: registry.map(Into::into),
            headers: vec![("X-Auth".into(), Secret::new(value)), ("x-auth".into(), Secret::new("second"))],
        }
    }

    #[test]
    fn headers_go_below_their_root_and_nowhere_else() {
        let all = [
            configured("https://m.example/v2", Some("docker.io"), "hub"),
            configured("https://m.example/v2", Some("quay.io"), "quay"),
            configured("https://n.example/v2", None, "any"),
        ];
        let extra = ExtraHeaders::new(&all);
        let value = |url: &str| {
            let url = Url::parse(url).unwrap();
            extra.of(&url).map(|headers| headers["x-auth"].to_str().unwrap().to_owned())
        };
        for (url, expected) in [
            ("https://m.example/v2/a/manifests/1?ns=docker.io", Some("hub")),
            ("https://m.example/v2/a/manifests/1?ns=quay.io", Some("quay")),
            // Whose it is cannot be told.
            ("https://m.example/v2/a/manifests/1", None),
            ("https://n.example/v2/a/manifests/1?ns=quay.io", Some("any")),
            ("https://n.example/v2", Some("any")),
            ("https://n.example/v2x/a", None),
            ("https://n.example/other/v2/a", None),
            ("http://n.example/v2/a", None),
            ("https://n.example:444/v2/a", None),
            ("https://n.example.evil/v2/a", None),
            ("https://evil.example/https://n.example/v2/a", None),
        ] {
            assert_eq!(value(url).as_deref(), expected, "{url}");
        }
        let url = Url::parse("https://n.example/v2/a").unwrap();
        let headers = extra.of(&url).unwrap();
        assert_eq!(headers.get_all("X-Auth").iter().count(), 2);
        assert!(!format!("{extra:?}").contains("any"), "{extra:?}");
    }
}
