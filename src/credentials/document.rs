//! One document of credentials: reading it, and telling its forms apart.
//!
//! A file is read once, when the sources are made. Entries are read one by one: a bad one costs only itself.
//! Serde's own messages repeat values and are never passed on.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::credential::{Credential, Fields};
use super::fault::{EntryFault, FileFault, Warning};
use super::manifest;
use super::source::Place;

/// Most bytes of a file: a Secret has at most one MiB, and a manifest may hold several.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Whose rules of look-up hold for a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rules {
    /// docker's `config.json`: `credHelpers`, then `credsStore`, then `auths`; path-scoped keys as podman
    /// reads them there.
    Docker,
    /// podman's `auth.json`: `credHelpers`, then `auths` with path-scoped keys.
    Podman,
    /// `.dockercfg` of old: hosts only.
    Legacy,
    /// Kubernetes: `auths` with globs and path prefixes.
    Kubernetes,
    /// Named by the user, and of whichever of these: docker's order, path-scoped keys, and globs, which
    /// no host name could hold.
    Explicit,
}

/// Who named a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The user, with `--auth-file`: what is wrong with the file is an error.
    User,
    /// A variable that names this very file, so that its absence is worth a word.
    Variable,
    /// Nobody: it is looked for where it usually is.
    Nobody,
}

/// The credentials of one document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) place: Place,
    pub(super) rules: Rules,
    pub(super) entries: Vec<Entry>,
    /// Registry to helper, as `credHelpers` has them.
    pub(super) helpers: BTreeMap<String, String>,
    pub(super) store: Option<String>,
}

/// One usable entry of `auths`.
#[derive(Debug)]
pub(super) struct Entry {
    /// As it is written there.
    pub(super) key: String,
    pub(super) credential: Credential,
}

/// The text of a file, bounded and without its byte order mark.
pub(super) fn read(path: &Path, named: Named) -> Result<String, FileFault> {
    let metadata = std::fs::metadata(path)?;
    // `<(…)` of a shell is a pipe, and wanted; a pipe that merely lies there could be waited for without end.
    if metadata.is_dir() || (named == Named::Nobody && !metadata.is_file()) {
        return Err(FileFault::NotFile);
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(FileFault::TooLarge { most_bytes: MAX_BYTES });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        FileFault::NotUtf8 { line: 1 + valid.iter().filter(|byte| **byte == b'\n').count() }
    })?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// A file of a form that is known beforehand.
pub(super) fn parse(
    place: Place,
    rules: Rules,
    text: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Document, FileFault> {
    if text.trim().is_empty() {
        // docker takes an empty file for an empty configuration.
        return Ok(Document::new(place, rules));
    }
    match rules {
        Rules::Legacy => Ok(Document::new(place, rules).with_entries(serde_json::from_str(text)?, warnings)),
        _ => from_config(place, rules, serde_json::from_str(text)?, warnings),
    }
}

/// The value of `DOCKER_AUTH_CONFIG`. docker takes nothing but `auths` there.
pub(super) fn parse_variable(
    name: &'static str,
    text: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Document, FileFault> {
    let mut document = parse(Place::Variable(name), Rules::Docker, text, warnings)?;
    if !document.helpers.is_empty() || document.store.is_some() {
        (document.helpers, document.store) = (BTreeMap::new(), None);
        warnings.push(Warning::HelpersIgnored(document.place.clone()));
    }
    Ok(document)
}

/// A file given with `--auth-file`, of any known form: its documents.
pub(super) fn parse_any(
    path: &Path,
    text: &str,
    warnings: &mut Vec<Warning>,
) -> Result<Vec<Document>, FileFault> {
    let place = Place::File(path.to_owned());
    let is_payload = path.to_string_lossy().ends_with(".dockerconfigjson");
    let rules = if is_payload { Rules::Kubernetes } else { Rules::Explicit };
    if text.trim().is_empty() {
        return Ok(vec![Document::new(place, rules)]);
    }
    if !text.trim_start().starts_with('{') {
        return manifest::from_yaml(path, text, warnings);
    }
    let form: Form = serde_json::from_str(text)?;
    if form.kind.is_some() {
        return manifest::from_values(path, vec![serde_json::from_str(text)?], warnings);
    }
    if form.auths.is_some() || form.helpers.is_some() || form.store.is_some() || form.rest.is_empty() {
        return Ok(vec![from_config(place, rules, serde_json::from_str(text)?, warnings)?]);
    }
    if form.rest.values().all(is_entry) {
        let entries = serde_json::from_str(text)?;
        return Ok(vec![Document::new(place, rules).with_entries(entries, warnings)]);
    }
    Err(FileFault::Unknown)
}

/// The JSON inside a Secret.
pub(super) fn parse_payload(
    place: Place,
    text: &str,
    shape: Shape,
    warnings: &mut Vec<Warning>,
) -> Result<Document, FileFault> {
    match shape {
        Shape::Config => from_config(place, Rules::Kubernetes, serde_json::from_str(text)?, warnings),
        Shape::Bare => {
            Ok(Document::new(place, Rules::Kubernetes).with_entries(serde_json::from_str(text)?, warnings))
        }
    }
}

/// How the entries stand in a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Below `auths`.
    Config,
    /// The document is the map itself.
    Bare,
}

impl Document {
    const fn new(place: Place, rules: Rules) -> Self {
        Self { place, rules, entries: Vec::new(), helpers: BTreeMap::new(), store: None }
    }

    fn with_entries(mut self, auths: Auths, warnings: &mut Vec<Warning>) -> Self {
        for (key, fields) in auths {
            // No registry's name has an `@`, and before it may stand a password.
            let (key, fields) = match key.rsplit_once('@') {
                Some((_, host)) => (format!("…@{host}"), Err(EntryFault::Key)),
                None => (key, fields.0.ok_or(EntryFault::Shape)),
            };
            match fields.and_then(Fields::credential) {
                Ok(Some(credential)) => self.entries.push(Entry { key, credential }),
                Ok(None) => {}
                Err(fault) => warnings.push(Warning::Entry { place: self.place.clone(), key, fault }),
            }
        }
        self
    }
}

fn from_config(
    place: Place,
    rules: Rules,
    config: Config,
    warnings: &mut Vec<Warning>,
) -> Result<Document, FileFault> {
    let mut document = Document::new(place, rules).with_entries(config.auths.unwrap_or_default(), warnings);
    if rules != Rules::Kubernetes {
        document.helpers = config.helpers.unwrap_or_default();
        document.helpers.retain(|key, _| !key.contains('@'));
    }
    if matches!(rules, Rules::Docker | Rules::Explicit) {
        document.store = config.store.filter(|name| !name.is_empty());
    }
    Ok(document)
}

/// In the order of their keys, so that of several that fit always the same one answers.
type Auths = BTreeMap<String, Lenient<Fields>>;

#[derive(Deserialize)]
struct Config {
    auths: Option<Auths>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

/// What a document given by the user has at its top.
#[derive(Deserialize)]
struct Form {
    kind: Option<IgnoredAny>,
    auths: Option<IgnoredAny>,
    #[serde(rename = "credHelpers")]
    helpers: Option<IgnoredAny>,
    #[serde(rename = "credsStore")]
    store: Option<IgnoredAny>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Whether `value` could stand in a `.dockercfg`.
fn is_entry(value: &Value) -> bool {
    let fields = ["auth", "username", "password", "identitytoken", "registrytoken", "email"];
    value
        .as_object()
        .is_some_and(|entry| entry.is_empty() || fields.iter().any(|name| entry.contains_key(*name)))
}

/// A value, or nothing where it is of the wrong type.
struct Lenient<T>(Option<T>);

impl<'de, T: DeserializeOwned> Deserialize<'de> for Lenient<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(T::deserialize(Value::deserialize(deserializer)?).ok()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn given(name: &str, text: &str) -> (Result<Vec<Document>, FileFault>, Vec<String>) {
        let mut warnings = Vec::new();
        let read = parse_any(Path::new(name), text, &mut warnings);
        (read, warnings.iter().map(Warning::to_string).collect())
    }

    fn keys(document: &Document) -> Vec<&str> {
        document.entries.iter().map(|entry| entry.key.as_str()).collect()
    }

    #[test]
    fn each_form_of_json_is_known_by_its_top() {
        for (name, text, rules, found) in [
            ("config.json", r#"{"auths":{"h":{"auth":"dTpw"}}}"#, Rules::Explicit, vec!["h"]),
            ("x.dockerconfigjson", r#"{"auths":{"*.h":{"auth":"dTpw"}}}"#, Rules::Kubernetes, vec!["*.h"]),
            (
                ".dockercfg",
                r#"{"https://h/v1/":{"auth":"dTpw","email":"e"}}"#,
                Rules::Explicit,
                vec!["https://h/v1/"],
            ),
            ("empty", "", Rules::Explicit, vec![]),
            ("empty", "{}", Rules::Explicit, vec![]),
            ("logged-out", r#"{"auths":null,"credHelpers":null}"#, Rules::Explicit, vec![]),
            ("helpers", r#"{"credHelpers":{"h":"x"}}"#, Rules::Explicit, vec![]),
        ] {
            let (read, warnings) = given(name, text);
            let documents = read.unwrap();
            assert_eq!(documents.len(), 1, "{text}");
            assert_eq!((documents[0].rules, keys(&documents[0])), (rules, found), "{text}");
            assert_eq!(warnings, [""; 0], "{text}");
        }
    }

    #[test]
    fn what_holds_no_credentials_in_a_known_form_is_told() {
        for (text, fault) in [
            (r#"{"name":"x","version":"1"}"#, FileFault::Unknown),
            (r#"{"dependencies":{"left-pad":"1"}}"#, FileFault::Unknown),
            ("{\n\"auths\": [],\n\"x\": 1}", FileFault::Shape { line: 2 }),
            ("{\"auths\":{\n\n", FileFault::Json { line: 3, why: "EOF while parsing an object".into() }),
            ("{\"auths\":{}\n\"x\"", FileFault::Json { line: 2, why: "expected `,` or `}`".into() }),
            ("nginx:1.27\n", FileFault::Unknown),
            ("a: b\nc: [d\n", FileFault::Yaml { line: Some(2) }),
        ] {
            assert_eq!(given("f", text).0.unwrap_err(), fault, "{text}");
        }
    }

    #[test]
    fn a_bad_entry_costs_only_itself() {
        let (read, warnings) = given(
            "f",
            r#"{"auths":{"a":{"auth":"!"},"b":{"auth":"eA=="},"c":[1],"d":{"auth":7},"e":{},
                "https://u:hunter2@f/v1/":{"auth":"dTpw"},"h":{"auth":"dTpw"}}}"#,
        );
        assert_eq!(keys(&read.unwrap()[0]), ["h"]);
        assert_eq!(
            warnings,
            [
                "f: auths \"a\": 'auth' is not base64; the entry is not used",
                "f: auths \"b\": no ':' between user and password; the entry is not used",
                "f: auths \"c\": not an object of texts; the entry is not used",
                "f: auths \"d\": not an object of texts; the entry is not used",
                "f: auths \"…@f/v1/\": the key is no registry, but has a user or a digest in it; the entry is not used",
            ]
        );
    }

    #[test]
    fn each_tool_reads_only_the_helpers_that_it_knows() {
        let text = r#"{"credsStore":"s","credHelpers":{"h":"x"},"auths":{}}"#;
        for (rules, helpers, store) in [
            (Rules::Docker, 1, Some("s")),
            (Rules::Explicit, 1, Some("s")),
            (Rules::Podman, 1, None),
            (Rules::Kubernetes, 0, None),
        ] {
            let document = parse(Place::Variable("V"), rules, text, &mut Vec::new()).unwrap();
            assert_eq!((document.helpers.len(), document.store.as_deref()), (helpers, store), "{rules:?}");
        }
        let mut warnings = Vec::new();
        let document = parse_variable("DOCKER_AUTH_CONFIG", text, &mut warnings).unwrap();
        assert_eq!((document.helpers.len(), document.store), (0, None));
        assert_eq!(warnings, [Warning::HelpersIgnored(Place::Variable("DOCKER_AUTH_CONFIG"))]);
    }

    #[test]
    fn files_are_read_within_bounds_and_pipes_only_when_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        assert_eq!(read(&path, Named::User), Err(FileFault::Missing));
        assert_eq!(read(&path.join("below"), Named::Nobody), Err(FileFault::Missing));
        assert_eq!(read(folder.path(), Named::User), Err(FileFault::NotFile));
        std::fs::write(&path, b"\xef\xbb\xbf{}").unwrap();
        assert_eq!(read(&path, Named::Nobody).as_deref(), Ok("{}"));
        std::fs::write(&path, b"{\n\n\"\xff").unwrap();
        assert_eq!(read(&path, Named::User), Err(FileFault::NotUtf8 { line: 3 }));
        File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read(&path, Named::User), Err(FileFault::TooLarge { most_bytes: MAX_BYTES }));
        #[cfg(unix)]
        {
            assert_eq!(read(Path::new("/dev/null"), Named::User).as_deref(), Ok(""));
            assert_eq!(read(Path::new("/dev/null"), Named::Nobody), Err(FileFault::NotFile));
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_a_reader_panic(text in any::<String>(), bare in r#"[\[\]{}:," \n\-a-z&*!|>~]{0,60}"#) {
            for text in [&text, &bare] {
                let mut warnings = Vec::new();
                parse_any(Path::new("f"), text, &mut warnings).ok();
                for rules in [Rules::Docker, Rules::Podman, Rules::Legacy, Rules::Kubernetes] {
                    parse(Place::Variable("V"), rules, text, &mut warnings).ok();
                }
            }
        }

        #[test]
        fn no_bytes_in_a_file_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("f");
            std::fs::write(&path, &bytes).unwrap();
            if let Ok(text) = read(&path, Named::User) {
                parse_any(&path, &text, &mut Vec::new()).ok();
            }
        }

        #[test]
        fn a_value_of_the_wrong_type_is_never_repeated(
            at in 0..6_usize,
            value in prop::sample::select(vec!["\"hunter2\"", "[\"hunter2\"]", "{\"x\":\"hunter2\"}"]),
        ) {
            let text = ["{\"auths\":@}", "{\"auths\":{\"h\":@}}", "{\"auths\":{\"h\":{\"auth\":@}}}",
                "{\"credHelpers\":@}", "{\"credsStore\":@}", "@"][at].replace('@', value);
            let (read, warnings) = given("f", &text);
            prop_assert!(!warnings.concat().contains("hunter2"));
            if let Err(fault) = read {
                let told = format!("{fault} {fault:?}");
                prop_assert!(!told.contains("hunter2"));
            }
        }
    }
}
