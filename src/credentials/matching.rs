//! Which entry of a document is meant for a registry and repository.
//!
//! docker compares hosts (docker/cli `credentials/file_store.go`), podman also path components
//! (containers-auth.json.5), Kubernetes labels with globs (`credentialprovider/keyring.go`). Ports are part
//! of the host everywhere: `host` and `host:443` are two. Hosts are compared without regard to case.

use std::cmp::Reverse;

use super::document::{Document, Entry, Rules};

/// docker's key for Docker Hub.
const HUB_KEY: &str = "https://index.docker.io/v1/";

const HUB_NAMES: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// What a credential is wanted for.
#[derive(Debug)]
pub(super) struct Query {
    /// The names of the registry, the one asked for first.
    names: Vec<String>,
    /// Without slashes around it; may be empty.
    repository: String,
    is_hub: bool,
}

impl Query {
    /// `registry` is `host[:port]`.
    pub(super) fn new(registry: &str, repository: &str) -> Self {
        let registry = registry.to_ascii_lowercase();
        let is_hub = HUB_NAMES.contains(&registry.as_str());
        let mut names = vec![registry];
        if is_hub {
            let others = HUB_NAMES.iter().filter(|name| **name != names[0]).map(|name| (*name).to_owned());
            names.extend(others.collect::<Vec<_>>());
        }
        Self { names, repository: repository.trim_matches('/').to_owned(), is_hub }
    }

    /// The names of the registry in lower case, the one asked for first.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The key under which docker stores this registry.
    pub(super) fn docker_key(&self) -> &str {
        if self.is_hub { HUB_KEY } else { &self.names[0] }
    }

    /// The key of `credHelpers` that names this registry, and its helper.
    pub(super) fn helper<'a>(&self, document: &'a Document) -> Option<(&'a str, &'a str)> {
        let keys = std::iter::once(self.docker_key()).chain(self.names.iter().map(String::as_str));
        keys.filter_map(|key| document.helpers.iter().find(|(written, _)| written.eq_ignore_ascii_case(key)))
            .map(|(key, helper)| (key.as_str(), helper.as_str()))
            .next()
    }

    /// The entry that fits best by the rules of its document.
    pub(super) fn best<'a>(&self, document: &'a Document) -> Option<&'a Entry> {
        let ranked = document.entries.iter().filter_map(|entry| {
            let rank = match document.rules {
                Rules::Kubernetes => self.kubernetes_rank(&entry.key)?,
                rules => self.rank(&entry.key, rules)?,
            };
            Some((rank, entry))
        });
        ranked.min_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, entry)| entry)
    }

    /// How well `key` fits; the least is the best.
    fn rank(&self, key: &str, rules: Rules) -> Option<Rank> {
        if self.is_hub && key == HUB_KEY {
            return Some(Rank::Host { name: 0 });
        }
        if rules == Rules::Explicit && key.contains('*') {
            return self.kubernetes_rank(key);
        }
        let key = Key::new(key);
        let name = self.names.iter().position(|name| *name == key.host)?;
        match (key.scheme, key.path.as_str(), rules) {
            (Scheme::None, "", _) => Some(Rank::Host { name: name + 1 }),
            (Scheme::Http, "" | "v1" | "v2", _) => Some(Rank::Url { name }),
            (Scheme::Http, ..) => Some(Rank::UrlWithPath { name }),
            (Scheme::None, path, Rules::Podman | Rules::Docker | Rules::Explicit)
                if is_component_prefix(path, &self.repository) =>
            {
                Some(Rank::Scoped { path: Reverse(path.len()), name })
            }
            // docker itself cuts the path off; podman means it.
            (Scheme::None, _, Rules::Docker | Rules::Legacy) => Some(Rank::HostOfPath { name }),
            (Scheme::None, ..) => None,
        }
    }

    /// Most specific first is, as in kubelet, the reverse order of the keys.
    fn kubernetes_rank(&self, key: &str) -> Option<Rank> {
        let mut key = Key::new(key);
        // kubelet takes these for the host alone.
        key.path = match key.path.split_once('/') {
            _ if key.path == "v1" || key.path == "v2" => String::new(),
            Some(("v1" | "v2", path)) => path.to_owned(),
            _ => key.path,
        };
        let name = self.names.iter().position(|name| host_fits(&key.host, name))?;
        // kubelet compares letters, so that `images` covers `images-old` too: that is hardly ever meant.
        let fits = key.path.is_empty() || is_component_prefix(&key.path, &self.repository);
        fits.then(|| Rank::Kubernetes { name, key: Reverse(format!("{}/{}", key.host, key.path)) })
    }
}

/// From the best fit to the worst.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// `host/path`, where the path is one of the repository.
    Scoped {
        path: Reverse<usize>,
        name: usize,
    },
    /// The key as it is looked for.
    Host {
        name: usize,
    },
    /// `https://host/v1/`, as docker wrote it once.
    Url {
        name: usize,
    },
    UrlWithPath {
        name: usize,
    },
    HostOfPath {
        name: usize,
    },
    Kubernetes {
        name: usize,
        key: Reverse<String>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Http,
    None,
}

/// A key taken apart.
struct Key {
    scheme: Scheme,
    /// With its port, in lower case.
    host: String,
    /// Without slashes around it.
    path: String,
}

impl Key {
    fn new(key: &str) -> Self {
        let after = ["https://", "http://"].iter().find_map(|scheme| {
            key.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))?;
            key.get(scheme.len()..)
        });
        let scheme = if after.is_some() { Scheme::Http } else { Scheme::None };
        let (host, path) = after.unwrap_or(key).split_once('/').unwrap_or((after.unwrap_or(key), ""));
        Self { scheme, host: host.to_ascii_lowercase(), path: path.trim_matches('/').to_owned() }
    }
}

/// `ns` is one of `ns` and of `ns/image`, not of `nsx`.
fn is_component_prefix(path: &str, repository: &str) -> bool {
    repository.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Label by label, as many as there are, and the same port.
fn host_fits(pattern: &str, host: &str) -> bool {
    let ((pattern, pattern_port), (host, port)) = (split_port(pattern), split_port(host));
    if pattern_port != port || pattern.split('.').count() != host.split('.').count() {
        return false;
    }
    pattern.split('.').zip(host.split('.')).all(|(pattern, label)| label_fits(pattern, label))
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        // Not within the brackets of an IPv6 address.
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

/// `*` stands for any letters of one label.
fn label_fits(pattern: &str, label: &str) -> bool {
    let Some((first, pattern)) = pattern.split_once('*') else { return pattern == label };
    let Some(mut rest) = label.strip_prefix(first) else { return false };
    let (middle, last) = pattern.rsplit_once('*').unwrap_or(("", pattern));
    for part in middle.split('*') {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::credential::Credential;
    use super::super::source::Place;
    use super::*;

    fn document(rules: Rules, keys: &[&str]) -> Document {
        let entry =
            |key: &&str| Entry { key: (*key).to_owned(), credential: Credential::from_pair("u", "p") };
        Document {
            place: Place::Variable("V"),
            rules,
            entries: keys.iter().map(entry).collect(),
            helpers: [].into(),
            store: None,
        }
    }

    /// The key that answers for `image`, which is written `registry/repository`.
    fn answer<'a>(rules: Rules, keys: &[&'a str], image: &str) -> Option<&'a str> {
        let (registry, repository) = image.split_once('/').unwrap_or((image, ""));
        let document = document(rules, keys);
        let key = Query::new(registry, repository).best(&document).map(|entry| entry.key.clone());
        key.map(|key| *keys.iter().find(|written| **written == key).unwrap())
    }

    #[test]
    fn docker_compares_the_host_and_port_of_a_key() {
        for (key, fits, not) in [
            ("reg.example", "reg.example/a", "reg.example:443/a"),
            ("reg.example:443", "reg.example:443/a", "reg.example/a"),
            ("https://reg.example/v1/", "reg.example/a", "sub.reg.example/a"),
            ("https://reg.example", "reg.example/a", "reg.example:5000/a"),
            ("http://reg.example:5000/v2", "reg.example:5000/a", "reg.example/a"),
            ("HTTPS://Reg.Example/v2/", "reg.example/a", "eg.example/a"),
            ("reg.example/path", "reg.example/a", "path/reg.example"),
            ("reg.example/", "reg.example/a", "reg.example.evil/a"),
            ("localhost:5000", "localhost:5000/a", "localhost:5001/a"),
            ("[::1]:5000", "[::1]:5000/a", "[::1]/a"),
            ("REG.example", "Reg.Example/a", "example/a"),
        ] {
            assert_eq!(answer(Rules::Docker, &[key], fits), Some(key), "{key}");
            assert_eq!(answer(Rules::Docker, &[key], not), None, "{key}");
        }
    }

    #[test]
    fn an_exact_key_is_better_than_one_that_must_be_taken_apart() {
        let keys = ["http://h/v1/", "h/path", "https://h/v2/", "h"];
        assert_eq!(answer(Rules::Docker, &keys, "h/a"), Some("h"));
        assert_eq!(answer(Rules::Docker, &keys[..3], "h/a"), Some("http://h/v1/"));
        assert_eq!(answer(Rules::Docker, &["h/path", "https://h/x"], "h/a"), Some("https://h/x"));
    }

    #[test]
    fn docker_hub_has_one_key_and_three_names() {
        let hub = "https://index.docker.io/v1/";
        for rules in [Rules::Docker, Rules::Podman, Rules::Legacy, Rules::Kubernetes, Rules::Explicit] {
            for name in HUB_NAMES {
                let image = format!("{name}/library/nginx");
                for key in [hub, "docker.io", "index.docker.io", "registry-1.docker.io", "https://docker.io"]
                {
                    assert_eq!(answer(rules, &[key], &image), Some(key), "{rules:?} {key} {name}");
                }
            }
            assert_eq!(answer(rules, &[hub], "hub.docker.io/library/nginx"), None, "{rules:?}");
            assert_eq!(answer(rules, &["h", "m.daocloud.io"], "docker.io/library/nginx"), None, "{rules:?}");
        }
        let keys = ["docker.io", "https://index.docker.io/v1/access-token", hub];
        assert_eq!(answer(Rules::Docker, &keys, "docker.io/library/nginx"), Some(hub));
        assert_eq!(answer(Rules::Podman, &["docker.io/library"], "docker.io/other/x"), None);
        assert_eq!(
            answer(Rules::Podman, &["docker.io/library", hub], "docker.io/library/nginx"),
            Some("docker.io/library")
        );
    }

    #[test]
    fn path_scoped_keys_are_compared_by_component_and_the_most_specific_wins() {
        let keys = ["h", "h/foo", "h/foo/bar"];
        for rules in [Rules::Podman, Rules::Docker, Rules::Explicit, Rules::Kubernetes] {
            for (image, key) in [
                ("h/foo/bar/x", "h/foo/bar"),
                ("h/foo/bar", "h/foo/bar"),
                ("h/foo/barx", "h/foo"),
                ("h/foo", "h/foo"),
                ("h/foobar", "h"),
                ("h/other", "h"),
            ] {
                assert_eq!(answer(rules, &keys, image), Some(key), "{rules:?} {image}");
            }
        }
        for rules in [Rules::Podman, Rules::Explicit, Rules::Kubernetes] {
            assert_eq!(answer(rules, &["h/foo"], "h/foobar"), None, "{rules:?}");
            assert_eq!(answer(rules, &["h/foo"], "h/other"), None, "{rules:?}");
        }
        assert_eq!(answer(Rules::Podman, &["https://h/v1/"], "h/foo"), Some("https://h/v1/"));
        assert_eq!(answer(Rules::Legacy, &["h/foo", "https://h/v1/"], "h/foo"), Some("https://h/v1/"));
    }

    #[test]
    fn kubernetes_compares_label_by_label() {
        for (key, fits, not) in [
            (
                "*.kubernetes.io",
                &["abc.kubernetes.io/x"][..],
                &["kubernetes.io/x", "abc.def.kubernetes.io/x"][..],
            ),
            ("*.*.kubernetes.io", &["abc.def.kubernetes.io"], &["abc.kubernetes.io", "kubernetes.io"]),
            ("prefix.*.io", &["prefix.kubernetes.io"], &["kubernetes.io", "prefix.io"]),
            ("*-good.kubernetes.io", &["prefix-good.kubernetes.io"], &["prefix-bad.kubernetes.io"]),
            ("a*b*c.io", &["abc.io", "axbyc.io"], &["ab.io", "abcd.io", "acb.io"]),
            ("*.h.io:5000", &["a.h.io:5000"], &["a.h.io", "a.h.io:443"]),
            (
                "my-registry.io/images",
                &["my-registry.io/images", "my-registry.io/images/my-image"],
                &["sub.my-registry.io/images/my-image", "my-registry.io/other", "my-registry.io/imagesx"],
            ),
            ("https://reg.io/v2/team", &["reg.io/team/x"], &["reg.io/x"]),
            ("http://reg.io/v1/", &["reg.io/x"], &["reg.io:80/x"]),
            ("[::1]:5000", &["[::1]:5000/x"], &["[::1]/x"]),
        ] {
            for rules in [Rules::Kubernetes, Rules::Explicit] {
                if rules == Rules::Explicit && !key.contains('*') {
                    continue;
                }
                for image in fits {
                    assert_eq!(answer(rules, &[key], image), Some(key), "{key} {image}");
                }
                for image in not {
                    assert_eq!(answer(rules, &[key], image), None, "{key} {image}");
                }
            }
        }
        let keys = ["*.h.io", "a.h.io", "a.h.io/team"];
        assert_eq!(answer(Rules::Kubernetes, &keys, "a.h.io/team/x"), Some("a.h.io/team"));
        assert_eq!(answer(Rules::Kubernetes, &keys, "a.h.io/x"), Some("a.h.io"));
        assert_eq!(answer(Rules::Kubernetes, &keys, "b.h.io/x"), Some("*.h.io"));
    }

    #[test]
    fn globs_mean_nothing_to_docker_and_podman() {
        for rules in [Rules::Docker, Rules::Podman, Rules::Legacy] {
            assert_eq!(answer(rules, &["*.h.io", "*"], "a.h.io/x"), None, "{rules:?}");
        }
    }

    #[test]
    fn helpers_are_found_by_the_whole_host_only() {
        let mut document = document(Rules::Docker, &[]);
        document.helpers = [("h:5000", "five"), ("docker.io", "hub"), ("ghcr.io", "gh")]
            .map(|(key, helper)| (key.to_owned(), helper.to_owned()))
            .into();
        let helper = |registry: &str| {
            let found =
                Query::new(registry, "a/b").helper(&document).map(|(key, name)| format!("{key} {name}"));
            found.unwrap_or_default()
        };
        assert_eq!(helper("h:5000"), "h:5000 five");
        assert_eq!(helper("h"), "");
        assert_eq!(helper("a.ghcr.io"), "");
        assert_eq!(helper("GHCR.io"), "ghcr.io gh");
        assert_eq!(helper("registry-1.docker.io"), "docker.io hub");
        document.helpers.insert(HUB_KEY.to_owned(), "key".to_owned());
        let query = Query::new("docker.io", "library/nginx");
        assert_eq!(query.helper(&document), Some((HUB_KEY, "key")));
    }

    proptest! {
        #[test]
        fn no_key_makes_the_comparison_panic(
            key in any::<String>(),
            odd in "[a-z.*:/\\[\\]@é]{0,20}",
            image in "[a-z.:/é]{0,20}",
        ) {
            for rules in [Rules::Docker, Rules::Podman, Rules::Legacy, Rules::Kubernetes, Rules::Explicit] {
                answer(rules, &[&key], &image);
                answer(rules, &[&odd], &image);
            }
        }

        #[test]
        fn a_key_without_globs_never_answers_for_another_host(
            key in "(https?://)?[ab.]{1,4}(:[12])?(/[ab]{1,2}){0,2}/?",
            host in "[ab.]{1,4}(:[12])?",
            repository in "[ab]{1,2}(/[ab]{1,2}){0,2}",
        ) {
            let written = key.trim_start_matches("https://").trim_start_matches("http://");
            let written = written.split('/').next().unwrap_or_default();
            for rules in [Rules::Docker, Rules::Podman, Rules::Legacy, Rules::Kubernetes, Rules::Explicit] {
                if answer(rules, &[&key], &format!("{host}/{repository}")).is_some() {
                    prop_assert_eq!(written, &host);
                }
            }
        }
    }
}
