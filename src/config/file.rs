//! The file as it is written. Every fault is told with its line before anything is asked.

use std::fmt;
use std::io::Read as _;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use toml::Spanned;
use toml::de::DeTable;

use super::Error;
use super::gate::{self, GateEntry, GateSpec};
use super::keys::{self, Known};
use crate::mirrors::{self, MirrorSpec, PathMeaning, PlainHttp, UpstreamSpec};
use crate::model::age::Grace;
use crate::model::depth::Depth;
use crate::model::endpoint::Namespace;
use crate::model::platform::Platform;
use crate::model::rewrite::Library;
use crate::model::tls::{ClientFiles, TlsSettings, Verification};

/// The name under which the file is found in the working directory.
pub const FILE_NAME: &str = "registry-check.toml";

const MAX_BYTES: u64 = 4 * 1024 * 1024;

const KNOWN: Known = Known {
    // The gate's keys are known to its own file.
    keys: &["depth", "platforms", "grace", "gate"],
    below: &[
        (
            "mirrors",
            &[
                "name",
                "url",
                "for",
                "path",
                "prefixes",
                "library",
                "ns",
                "override_path",
                "plain_http",
                "ca_file",
                "client_cert",
                "client_key",
                "insecure",
                "requests_per_minute",
                "depth",
                "grace",
            ],
        ),
        (
            "registries",
            &[
                "name",
                "url",
                "plain_http",
                "ca_file",
                "client_cert",
                "client_key",
                "insecure",
                "requests_per_minute",
            ],
        ),
    ],
};

/// What the file says, as options of the stages.
#[derive(Debug, Default)]
pub struct Config {
    /// `depth`.
    pub depth: Option<Depth>,
    /// `platforms`.
    pub platforms: Vec<Platform>,
    /// `grace`.
    pub grace: Option<Grace>,
    /// `[[mirrors]]`.
    pub mirrors: Vec<MirrorSpec>,
    /// `[[registries]]`.
    pub upstreams: Vec<UpstreamSpec>,
    /// `[gate]`.
    pub gate: GateSpec,
}

#[derive(serde::Deserialize)]
struct File {
    depth: Option<Read<Depth>>,
    #[serde(default)]
    platforms: Vec<Read<Platform>>,
    grace: Option<Read<Grace>>,
    #[serde(default)]
    mirrors: Vec<Spanned<MirrorEntry>>,
    #[serde(default)]
    registries: Vec<Spanned<RegistryEntry>>,
    #[serde(default)]
    gate: GateEntry,
}

#[derive(serde::Deserialize)]
struct MirrorEntry {
    name: Option<String>,
    url: String,
    #[serde(rename = "for")]
    serves: Option<Vec<String>>,
    path: Option<String>,
    #[serde(default)]
    prefixes: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    library: LibraryWord,
    #[serde(default)]
    ns: NamespaceWord,
    #[serde(default)]
    override_path: bool,
    #[serde(default)]
    plain_http: bool,
    ca_file: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    requests_per_minute: Option<NonZeroU32>,
    depth: Option<Read<Depth>>,
    grace: Option<Read<Grace>>,
}

/// A word that a type of ours reads.
struct Read<T>(T);

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Read<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

#[derive(serde::Deserialize)]
struct RegistryEntry {
    name: String,
    url: Option<String>,
    #[serde(default)]
    plain_http: bool,
    ca_file: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    requests_per_minute: Option<NonZeroU32>,
}

/// What an entry says of TLS.
struct TlsEntry {
    ca_file: Option<PathBuf>,
    client_cert: Option<PathBuf>,
    client_key: Option<PathBuf>,
    insecure: bool,
}

impl TlsEntry {
    /// The settings, with paths from `folder` on.
    fn settings(self, folder: &Path) -> Result<TlsSettings, &'static str> {
        let client = match (self.client_cert, self.client_key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some(ClientFiles { certificate: folder.join(certificate), key: folder.join(key) })
            }
            (Some(_), None) => return Err("client_cert without client_key"),
            (None, Some(_)) => return Err("client_key without client_cert"),
        };
        Ok(TlsSettings {
            ca_files: self.ca_file.map(|path| folder.join(path)).into_iter().collect(),
            client,
            verification: if self.insecure { Verification::Off } else { Verification::Full },
        })
    }
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum LibraryWord {
    #[default]
    Keep,
    Drop,
    Add,
}

#[derive(Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum NamespaceWord {
    #[default]
    Auto,
    Always,
    Never,
}

/// The file that [`load`] reads, if any.
#[must_use]
pub fn place(named: Option<&Path>) -> Option<&Path> {
    named.or_else(|| Some(Path::new(FILE_NAME)).filter(|path| path.exists()))
}

/// Reads the named file, or else the one in the working directory, if there is one.
///
/// # Errors
/// The file cannot be read, or says something that cannot be meant.
pub fn load(named: Option<&Path>) -> Result<Config, Error> {
    let Some(path) = place(named).map(Path::to_owned) else { return Ok(Config::default()) };
    let unreadable = |cause| Error::Unreadable { path: path.clone(), cause };
    let mut text = String::new();
    let file = std::fs::File::open(&path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(Error::TooLarge { path, limit_bytes: MAX_BYTES });
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    parse(&text, &path.display().to_string(), folder).map_err(Error::Faults)
}

/// Reads the text of a file that is shown under `name` and lies in `folder`.
pub(super) fn parse(text: &str, name: &str, folder: &Path) -> Result<Config, Vec<String>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let place = |offset: usize| {
        let before = text.get(..offset).unwrap_or(text);
        format!("{name}:{}", before.matches('\n').count() + 1)
    };
    let fault = |error: &toml::de::Error| {
        let offset = error.span().map_or(0, |span| span.start);
        format!("{}: {}", place(offset), error.message().trim().replace('\n', ", "))
    };
    let table = DeTable::parse(text).map_err(|error| vec![fault(&error)])?;
    let mut unknown = keys::unknown(table.get_ref(), &KNOWN);
    unknown.extend(gate::unknown(table.get_ref()));
    unknown.sort();
    if !unknown.is_empty() {
        return Err(unknown.into_iter().map(|(at, text)| format!("{}: {text}", place(at))).collect());
    }
    let file: File = toml::from_str(text).map_err(|error| vec![fault(&error)])?;
    let mut faults = Vec::new();
    let mut tls = |place: &str, entry: TlsEntry| {
        entry.settings(folder).unwrap_or_else(|fault| {
            faults.push(format!("{place}: {fault}"));
            TlsSettings::default()
        })
    };
    let plain = |said: bool| if said { PlainHttp::Yes } else { PlainHttp::AsUrlSays };
    let mirrors = file.mirrors.into_iter().map(|entry| {
        let place = place(entry.span().start);
        let entry = entry.into_inner();
        MirrorSpec {
            tls: tls(
                &place,
                TlsEntry {
                    ca_file: entry.ca_file,
                    client_cert: entry.client_cert,
                    client_key: entry.client_key,
                    insecure: entry.insecure,
                },
            ),
            place,
            name: entry.name,
            url: entry.url,
            serves: entry.serves,
            path: entry.path,
            prefixes: entry.prefixes.into_iter().collect(),
            library: match entry.library {
                LibraryWord::Keep => Library::Keep,
                LibraryWord::Drop => Library::Drop,
                LibraryWord::Add => Library::Add,
            },
            namespace: match entry.ns {
                NamespaceWord::Auto => Namespace::Auto,
                NamespaceWord::Always => Namespace::Always,
                NamespaceWord::Never => Namespace::Never,
            },
            path_meaning: if entry.override_path { PathMeaning::ApiRoot } else { PathMeaning::Prefix },
            plain_http: plain(entry.plain_http),
            requests_per_minute: entry.requests_per_minute,
            depth: entry.depth.map(|read| read.0),
            grace: entry.grace.map(|read| read.0),
        }
    });
    let mirrors: Vec<_> = mirrors.collect();
    let upstreams = file.registries.into_iter().map(|entry| {
        let place = place(entry.span().start);
        let RegistryEntry {
            name,
            url,
            plain_http,
            ca_file,
            client_cert,
            client_key,
            insecure,
            requests_per_minute,
        } = entry.into_inner();
        UpstreamSpec {
            tls: tls(&place, TlsEntry { ca_file, client_cert, client_key, insecure }),
            place,
            name,
            url,
            plain_http: plain(plain_http),
            requests_per_minute,
        }
    });
    let upstreams = upstreams.collect();
    let depth = file.depth.map(|read| read.0);
    let platforms = file.platforms.into_iter().map(|read| read.0).collect();
    let mut gate = gate::spec(file.gate, &place).unwrap_or_else(|told| {
        faults.extend(told);
        GateSpec::default()
    });
    gate.mirror_places = mirrors::places(&mirrors);
    let grace = file.grace.map(|read| read.0);
    if faults.is_empty() {
        Ok(Config { depth, platforms, grace, mirrors, upstreams, gate })
    } else {
        Err(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_reaches_its_place() {
        let config = parse(
            r#"
depth = "platforms"
grace = "2d"
platforms = ["linux/amd64", "linux/aarch64"]

[[mirrors]]
name = "daocloud"
depth = "blobs"
grace = "90m"
url = "https://m.daocloud.io"
requests_per_minute = 20
for = ["docker.io", "ghcr.io"]
path = "{registry}/{repository}"
ns = "never"

[[mirrors]]
url = "k3s.lan/hub"
override_path = true
plain_http = true
library = "drop"
prefixes = { "example.com/foo" = "internal/bar" }

[[registries]]
name = "docker.io"
url = "127.0.0.1:5000"
plain_http = true
requests_per_minute = 300

[[registries]]
name = "auth.example"
ca_file = "ca.pem"
client_cert = "me.cert"
client_key = "/keys/me.key"
insecure = true
"#,
            "c.toml",
            Path::new("etc"),
        )
        .unwrap();
        let [daocloud, k3s] = &config.mirrors[..] else { panic!("{config:?}") };
        assert_eq!(daocloud.name.as_deref(), Some("daocloud"));
        assert_eq!(daocloud.serves.as_ref().map(Vec::len), Some(2));
        assert_eq!(daocloud.namespace, Namespace::Never);
        assert_eq!(k3s.path_meaning, PathMeaning::ApiRoot);
        assert_eq!(k3s.plain_http, PlainHttp::Yes);
        assert_eq!(k3s.library, Library::Drop);
        assert_eq!(k3s.prefixes, [("example.com/foo".to_owned(), "internal/bar".to_owned())]);
        assert_eq!(k3s.place, "c.toml:16");
        let minutes = |grace: Option<Grace>| grace.map(|grace| grace.0.as_secs() / 60);
        assert_eq!(
            (minutes(config.grace), minutes(daocloud.grace), minutes(k3s.grace)),
            (Some(2 * 24 * 60), Some(90), None)
        );
        assert_eq!(
            (config.depth, daocloud.depth, k3s.depth),
            (Some(Depth::Platforms), Some(Depth::Blobs), None)
        );
        let platforms: Vec<_> = config.platforms.iter().map(ToString::to_string).collect();
        assert_eq!(platforms, ["linux/amd64", "linux/arm64"]);
        let paces =
            [daocloud.requests_per_minute, k3s.requests_per_minute, config.upstreams[0].requests_per_minute];
        assert_eq!(paces.map(|pace| pace.map(NonZeroU32::get)), [Some(20), None, Some(300)]);
        assert_eq!(config.upstreams[0].url.as_deref(), Some("127.0.0.1:5000"));
        assert_eq!(config.upstreams[0].tls, TlsSettings::default());
        let tls = &config.upstreams[1].tls;
        assert_eq!(tls.ca_files, [Path::new("etc/ca.pem")]);
        let client = ClientFiles { certificate: "etc/me.cert".into(), key: "/keys/me.key".into() };
        assert_eq!((tls.client.as_ref(), tls.verification), (Some(&client), Verification::Off));
    }

    #[test]
    fn half_a_client_certificate_is_told_with_its_entry() {
        let text = "[[mirrors]]\nurl = \"x\"\nclient_cert = \"a\"\n[[registries]]\nname = \"q\"\nclient_key = \"b\"\n";
        let faults = parse(text, "c.toml", Path::new("")).unwrap_err();
        assert_eq!(
            faults,
            ["c.toml:1: client_cert without client_key", "c.toml:4: client_key without client_cert"]
        );
    }

    #[test]
    fn a_grace_without_a_unit_is_told_with_its_line() {
        let faults =
            parse("\n[[mirrors]]\nurl = \"x\"\ngrace = \"1\"\n", "c.toml", Path::new("")).unwrap_err();
        assert_eq!(faults, ["c.toml:4: expected a time such as 90s, 30m, 1h or 2d, up to a year"]);
    }

    #[test]
    fn unknown_keys_are_named_with_their_line_and_the_nearest_right_one() {
        let faults = parse(
            "[[mirrors]]\nurl = \"x\"\npth = \"y\"\nzzz = 1\n\n[[registry]]\nname = \"q\"\n\n[[registries]]\nurll = \"z\"\n",
            "c.toml",
            Path::new(""),
        )
        .unwrap_err();
        assert_eq!(
            faults,
            [
                "c.toml:3: unknown key 'pth' in [[mirrors]] (did you mean 'path'?)",
                "c.toml:4: unknown key 'zzz' in [[mirrors]] (known: name, url, for, path, prefixes, library, ns, override_path, plain_http, ca_file, client_cert, client_key, insecure, requests_per_minute, depth, grace)",
                "c.toml:6: unknown key 'registry' (did you mean 'registries'?)",
                "c.toml:10: unknown key 'urll' in [[registries]] (did you mean 'url'?)",
            ]
        );
    }

    #[test]
    fn broken_files_are_told_with_their_line() {
        for (text, expected) in [
            ("[[mirrors]]\nurl = \n", "c.toml:2:"),
            ("\n\n[[mirrors]]\nname = \"x\"\n", "c.toml:3: missing field `url`"),
            ("[[mirrors]]\nurl = 5\n", "c.toml:2:"),
            ("[[mirrors]]\nurl = \"x\"\nns = \"maybe\"\n", "c.toml:3: unknown variant `maybe`"),
            ("[[mirrors]]\nurl = \"x\"\nrequests_per_minute = 0\n", "c.toml:3: invalid value: integer `0`"),
            ("mirrors = 1\n", "c.toml:1:"),
            ("\ndepth = \"deep\"\n", "c.toml:2: unknown depth 'deep' (known: head,"),
            ("[[mirrors]]\nurl = \"x\"\ndepth = \"all\"\n", "c.toml:3: unknown depth 'all'"),
            ("platforms = [\"arm64\"]\n", "c.toml:1: 'arm64' is no platform: write OS/ARCH"),
            ("platforms = \"linux/arm64\"\n", "c.toml:1: invalid type: string"),
        ] {
            let faults = parse(text, "c.toml", Path::new("")).unwrap_err();
            assert!(faults[0].starts_with(expected), "{text:?}: {faults:?}");
        }
    }
}
