//! The keys of a `daemon.json` (dockerd's reference of the file): those that have a part in pulls and are not
//! represented are told, and those that dockerd does not know. Logging, storage, networks and the like have none.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::super::document::Document;
use super::super::keys;
use crate::model::node::Node;

/// What is read.
const REPRESENTED: [&str; 3] = ["registry-mirrors", "insecure-registries", "features"];

/// What has a part in pulls, and what a check does instead.
const TOLD: [(&str, &str); 9] = [
    (
        "proxies",
        "a check goes through the proxies of its own environment (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)",
    ),
    ("http-proxy", "it belongs into \"proxies\"; a check goes through the proxies of its own environment"),
    ("https-proxy", "it belongs into \"proxies\"; a check goes through the proxies of its own environment"),
    ("no-proxy", "it belongs into \"proxies\"; a check goes by NO_PROXY of its own environment"),
    ("max-concurrent-downloads", "a check has --per-host"),
    ("max-download-attempts", "a check has --retries"),
    (
        "allow-nondistributable-artifacts",
        "it is about pushes; a check asks for such layers as for all others",
    ),
    ("authorization-plugins", "a plugin may refuse pulls"),
    ("disable-legacy-registry", "protocol version 1 is gone; a check asks for version 2 only"),
];

/// What has no part in pulls.
const OTHERS: [&str; 100] = [
    "allow-direct-routing",
    "api-cors-header",
    "bip",
    "bip6",
    "bridge",
    "bridge-accept-fwmark",
    "builder",
    "cdi-spec-dirs",
    "cgroup-parent",
    "cluster-advertise",
    "cluster-store",
    "cluster-store-opts",
    "containerd",
    "containerd-namespace",
    "containerd-plugin-namespace",
    "containerd-plugins-namespace",
    "cpu-rt-period",
    "cpu-rt-runtime",
    "cri-containerd",
    "data-root",
    "debug",
    "default-address-pool",
    "default-address-pools",
    "default-cgroupns-mode",
    "default-gateway",
    "default-gateway-v6",
    "default-ipc-mode",
    "default-network-opt",
    "default-network-opts",
    "default-runtime",
    "default-shm-size",
    "default-ulimit",
    "default-ulimits",
    "deprecated-key-path",
    "dns",
    "dns-opt",
    "dns-opts",
    "dns-search",
    "exec-opt",
    "exec-opts",
    "exec-root",
    "experimental",
    "firewall-backend",
    "fixed-cidr",
    "fixed-cidr-v6",
    "graph",
    "group",
    "host",
    "host-gateway-ip",
    "host-gateway-ips",
    "hosts",
    "icc",
    "init",
    "init-path",
    "ip",
    "ip-forward",
    "ip-forward-no-drop",
    "ip-masq",
    "ip6tables",
    "iptables",
    "ipv6",
    "label",
    "labels",
    "live-restore",
    "log-driver",
    "log-format",
    "log-level",
    "log-opt",
    "log-opts",
    "max-concurrent-uploads",
    "metrics-addr",
    "min-api-version",
    "mtu",
    "network-control-plane-mtu",
    "network-diagnostic-port",
    "no-new-privileges",
    "node-generic-resource",
    "node-generic-resources",
    "nri-opts",
    "oom-score-adjust",
    "pidfile",
    "raw-logs",
    "rootless",
    "runtimes",
    "seccomp-profile",
    "selinux-enabled",
    "shutdown-timeout",
    "storage-driver",
    "storage-opt",
    "storage-opts",
    "swarm-default-advertise-addr",
    "tls",
    "tlscacert",
    "tlscert",
    "tlskey",
    "tlsverify",
    "userland-proxy",
    "userland-proxy-path",
    "userns-remap",
    "validate",
];

const SNAPSHOTTER: &str = "containerd-snapshotter";

/// Tells of the keys of `root`.
pub(super) fn tell(node: &mut Node, document: &Document, root: &Map<String, Value>) {
    repeated(node, document);
    let (mut unknown, mut told) = (Vec::new(), Vec::new());
    for key in root.keys() {
        let is_known = REPRESENTED.contains(&key.as_str()) || OTHERS.contains(&key.as_str());
        match TOLD.iter().find(|(told, _)| told == key) {
            Some((_, instead)) => {
                told.push((place(document, key), format!("'{key}' is not represented: {instead}")));
            }
            // A search for each key of a file that is full of them would take for ever.
            None if !is_known && unknown.len() > keys::MAX_TOLD => unknown.push((key.as_str(), 0)),
            None if !is_known => unknown.push((key.as_str(), place(document, key))),
            None => {}
        }
    }
    told.sort_unstable();
    node.notes.extend(told.into_iter().map(|(at, text)| document.note(at, text)));
    let all: Vec<&str> = REPRESENTED.into_iter().chain(TOLD.map(|(key, _)| key)).chain(OTHERS).collect();
    node.notes.extend(keys::tell(document, &unknown, |key| {
        let (shown, meant) = (keys::shown(key), keys::meant(key, &all));
        format!("dockerd does not know '{shown}' and does not start with it{meant}: what it says is not used")
    }));
    let features = root.get("features").and_then(Value::as_object);
    for key in features.into_iter().flat_map(Map::keys).filter(|key| *key != SNAPSHOTTER) {
        let meant = keys::meant(key, &[SNAPSHOTTER]);
        if !meant.is_empty() {
            let text = format!("dockerd does not know the feature '{}'{meant}", keys::shown(key));
            node.notes.push(document.note(place(document, key), text));
        }
    }
}

/// The byte at which a key stands: the first such text with a colon behind it.
fn place(document: &Document, key: &str) -> usize {
    let quoted = format!("\"{key}\"");
    let is_key = |at: &usize| document.text[at + quoted.len()..].trim_start().starts_with(':');
    document.text.match_indices(&quoted).map(|(at, _)| at).find(is_key).unwrap_or(0)
}

/// Go takes the last of keys that stand twice, as does this reader.
fn repeated(node: &mut Node, document: &Document) {
    let Ok(Keys(keys)) = serde_json::from_str::<Keys>(&document.text) else { return };
    let is_twice = |key: &&str| keys.iter().filter(|known| known == key).count() > 1;
    for key in REPRESENTED.into_iter().filter(is_twice) {
        let at = document.text.rfind(&format!("\"{key}\"")).unwrap_or(0);
        let text = format!("{key} stands here a second time: the last one counts");
        node.notes.push(document.note(at, text));
    }
}

/// The keys of an object, as often as they stand there.
struct Keys(Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Keys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some((key, IgnoredAny)) = map.next_entry()? {
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    /// What is told of a file with this one member, without the place.
    fn told(member: &str) -> Vec<String> {
        let document = Document::of("daemon.json".to_owned(), "".into(), &format!("{{\n{member}\n}}"));
        let node = parse(&document).unwrap();
        assert!(node.notes.iter().all(|note| &*note.place == "daemon.json:2"), "{:?}", node.notes);
        node.notes.iter().map(|note| note.text.to_string()).collect()
    }

    #[test]
    fn every_key_of_the_reference_is_represented_or_told_or_has_no_part_in_pulls() {
        let nothing = |member: &str| parse(&Document::of("f".to_owned(), "".into(), member)).unwrap();
        for represented in [
            r#""registry-mirrors": ["https://m.example"]"#,
            r#""insecure-registries": ["m.example"]"#,
            r#""insecure-registries": ["10.0.0.0/8"]"#,
            r#""features": {"containerd-snapshotter": true}"#,
        ] {
            assert_ne!(nothing(&format!("{{{represented}}}")), nothing("{}"), "{represented}");
            assert!(!told(represented).concat().contains("represented"), "{represented}");
        }
        for (key, instead) in TOLD {
            let notes = told(&format!("\"{key}\": 1"));
            assert_eq!(notes, [format!("'{key}' is not represented: {instead}")]);
        }
        for key in OTHERS {
            assert_eq!(told(&format!("\"{key}\": {{}}")), [""; 0], "{key}");
        }
        let mut all: Vec<_> = REPRESENTED.into_iter().chain(TOLD.map(|(key, _)| key)).chain(OTHERS).collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn keys_that_dockerd_does_not_know_are_told_with_what_was_meant_and_no_value() {
        let unknown = |key: &str, meant: &str| {
            format!(
                "dockerd does not know '{key}' and does not start with it{meant}: what it says is not used"
            )
        };
        for (member, expected) in [
            (
                "\"registry-mirror\": [\"https://u:hunter2@x\"]",
                unknown("registry-mirror", " (did you mean 'registry-mirrors'?)"),
            ),
            (
                "\"insecure_registries\": []",
                unknown("insecure_registries", " (did you mean 'insecure-registries'?)"),
            ),
            ("\"mirrors\": []", unknown("mirrors", "")),
            (
                "\"features\": {\"containerd-snapshoter\": true, \"buildkit\": true}",
                "dockerd does not know the feature 'containerd-snapshoter' (did you mean 'containerd-snapshotter'?)"
                    .to_owned(),
            ),
        ] {
            assert_eq!(told(member), [expected], "{member}");
        }
        let proxies = told("\"proxies\": {\"https-proxy\": \"http://u:hunter2@p\"}");
        assert!(proxies.len() == 1 && !proxies[0].contains("hunter2"), "{proxies:?}");
    }
}
