//! All places that may hold credentials, read once, and the look-up through them in order.
//!
//! The order: files of the user, variables for one registry, what nodes were told, `DOCKER_AUTH_CONFIG`, docker's file, podman's
//! files, the legacy file. A place without a match, with a bad entry or with a broken helper does not stop
//! the search.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::credential::{self, Credential, Fields};
use super::document::{self, Document, Entry, Named};
use super::environment::Environment;
use super::fault::{EntryFault, Error, FileError, FileFault, Warning};
use super::helper::{self, Helpers};
use super::matching::Query;
use super::places::{self, Candidate};
use super::source::{Place, SourceName};
use crate::model::access::HostLogin;

/// Before the name of a registry, in the name of a variable.
const VARIABLE_PREFIX: &str = "REGISTRY_CHECK_AUTH_";

/// A whole docker configuration in a variable.
const DOCUMENT_VARIABLE: &str = "DOCKER_AUTH_CONFIG";

/// How credentials are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Asked before all other places, in this order.
    pub auth_files: Vec<PathBuf>,
    /// How long one credential helper may take.
    pub helper_timeout: Duration,
    /// What runtimes of nodes were told, asked before the files of this machine's programs.
    pub nodes: Vec<HostLogin>,
}

impl Default for Options {
    fn default() -> Self {
        Self { auth_files: Vec::new(), helper_timeout: Duration::from_secs(20), nodes: Vec::new() }
    }
}

/// What is known for a registry and repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Without one, the registry is asked anonymously.
    pub credential: Option<Credential>,
    /// Who said so.
    pub source: SourceName,
}

impl Answer {
    const NONE: Self = Self { credential: None, source: SourceName::Nowhere };
}

/// The places of credentials, in the order in which they are asked.
#[derive(Debug)]
pub struct Sources {
    explicit: Vec<Document>,
    nodes: Vec<HostLogin>,
    usual: Vec<Document>,
    environment: Environment,
    helpers: Helpers,
    warnings: Mutex<Vec<Warning>>,
}

impl Sources {
    /// Reads all documents; helpers are not run yet.
    ///
    /// # Errors
    /// Files of `options` that cannot be read or understood. Everything else becomes a warning.
    pub fn new(options: Options, environment: &Environment) -> Result<Self, Error> {
        let (mut warnings, mut errors) = (Vec::new(), Vec::new());
        let mut explicit = Vec::new();
        for path in &options.auth_files {
            let read = document::read(path, Named::User)
                .and_then(|text| document::parse_any(path, &text, &mut warnings));
            match read {
                Ok(documents) => explicit.extend(documents),
                Err(fault) => errors.push(FileError { place: Place::File(path.clone()), fault }),
            }
        }
        if !errors.is_empty() {
            return Err(Error(errors));
        }
        let mut usual = Vec::from_iter(from_variable(environment, &mut warnings));
        for candidate in places::candidates(environment) {
            if !options.auth_files.contains(&candidate.path) {
                usual.extend(from_candidate(candidate, &mut warnings));
            }
        }
        Ok(Self {
            explicit,
            nodes: options.nodes,
            usual,
            environment: environment.clone(),
            helpers: Helpers::new(environment.clone(), options.helper_timeout),
            warnings: Mutex::new(warnings),
        })
    }

    /// Who we are for `repository` of `registry`, which is `host[:port]` as in image names.
    ///
    /// It never fails: what could not be used is among the warnings, and without any credential the
    /// answer is to ask anonymously. May wait for a helper.
    pub async fn lookup(&self, registry: &str, repository: &str) -> Answer {
        let query = Query::new(registry, repository);
        for document in &self.explicit {
            if let Some(answer) = self.ask(document, &query).await {
                return answer;
            }
        }
        if let Some(answer) = self.ask_variable(&query) {
            return answer;
        }
        if let Some(answer) = self.ask_nodes(registry) {
            return answer;
        }
        for document in &self.usual {
            if let Some(answer) = self.ask(document, &query).await {
                return answer;
            }
        }
        Answer::NONE
    }

    /// What has been passed over until now, each thing once.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        self.warnings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn warn(&self, warning: Warning) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        if !warnings.contains(&warning) {
            warnings.push(warning);
        }
    }

    fn ask_variable(&self, query: &Query) -> Option<Answer> {
        query.names().iter().find_map(|registry| {
            let name = variable_name(registry);
            let value = self.environment.variable(&name)?;
            let pair = value.to_str().ok_or(EntryFault::NotUtf8).and_then(credential::split_pair);
            match pair {
                Ok((user, password)) => Some(Answer {
                    credential: Some(Credential::from_pair(&user, &password)),
                    source: SourceName::Variable(name),
                }),
                Err(fault) => {
                    self.warn(Warning::Variable { name, fault });
                    None
                }
            }
        })
    }

    /// What a runtime was told holds for its very host and port.
    fn ask_nodes(&self, registry: &str) -> Option<Answer> {
        let known = self.nodes.iter().filter(|login| login.host.eq_ignore_ascii_case(registry));
        known.into_iter().find_map(|login| match Fields::of(login).credential() {
            Ok(credential) => Some(Answer {
                credential: Some(credential?),
                source: SourceName::Node(login.place.to_string()),
            }),
            Err(fault) => {
                self.warn(Warning::Node { place: login.place.to_string(), fault });
                None
            }
        })
    }

    async fn ask(&self, document: &Document, query: &Query) -> Option<Answer> {
        if let Some((setting, helper, server)) = helper_for(document, query) {
            match self.helpers.get(helper, server).await {
                Ok(credential) => {
                    // As in docker and podman, a helper with nothing to say hides the file's own entries.
                    return credential.map(|credential| Answer {
                        credential: Some(credential),
                        source: SourceName::Helper {
                            program: helper::program(helper),
                            setting,
                            place: document.place.clone(),
                        },
                    });
                }
                Err(fault) => self.warn(Warning::Helper {
                    helper: helper.to_owned(),
                    place: document.place.clone(),
                    registry: server.to_owned(),
                    fault,
                }),
            }
        }
        query.best(document).map(|Entry { key, credential }| Answer {
            credential: Some(credential.clone()),
            source: SourceName::Entry { place: document.place.clone(), key: key.clone() },
        })
    }
}

/// The setting that names a helper, the helper, and the server it is to be asked for.
fn helper_for<'a>(document: &'a Document, query: &'a Query) -> Option<(&'static str, &'a str, &'a str)> {
    match query.helper(document) {
        // With an empty name docker leaves this registry to the file, whatever `credsStore` says.
        Some((_, "")) => None,
        Some((server, helper)) => Some(("credHelpers", helper, server)),
        None => document.store.as_deref().map(|store| ("credsStore", store, query.docker_key())),
    }
}

/// `ghcr.io` is `REGISTRY_CHECK_AUTH_GHCR_IO`. Hosts that differ only in punctuation share a variable: shells
/// allow nothing else in its name.
fn variable_name(registry: &str) -> String {
    let letter =
        |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    VARIABLE_PREFIX.chars().chain(registry.chars().map(letter)).collect()
}

fn from_variable(environment: &Environment, warnings: &mut Vec<Warning>) -> Option<Document> {
    let value = environment.variable(DOCUMENT_VARIABLE)?;
    let read = value
        .to_str()
        .ok_or(FileFault::NotUtf8 { line: 1 })
        .and_then(|text| document::parse_variable(DOCUMENT_VARIABLE, text, warnings));
    read.map_err(|fault| {
        warnings.push(Warning::File(FileError { place: Place::Variable(DOCUMENT_VARIABLE), fault }));
    })
    .ok()
}

fn from_candidate(candidate: Candidate, warnings: &mut Vec<Warning>) -> Option<Document> {
    let Candidate { path, rules, named } = candidate;
    let place = Place::File(path.clone());
    let read =
        document::read(&path, named).and_then(|text| document::parse(place.clone(), rules, &text, warnings));
    match read {
        Ok(document) => Some(document),
        Err(FileFault::Missing) if named == Named::Nobody => None,
        Err(fault) => {
            warnings.push(Warning::File(FileError { place, fault }));
            None
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::path::Path;

    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::super::helper::tests::Folder;
    use super::*;

    /// A home directory with files in it.
    struct Home(tempfile::TempDir);

    impl Home {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> &Path {
            self.0.path()
        }

        fn with(self, path: &str, text: impl AsRef<[u8]>) -> Self {
            let path = self.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
            self
        }

        fn environment(&self) -> Environment {
            Environment::default()
                .with_home(self.path())
                .with_variable("XDG_RUNTIME_DIR", self.path().join("run"))
        }

        fn sources(&self) -> Sources {
            Sources::new(Options::default(), &self.environment()).unwrap()
        }
    }

    fn explicit(paths: &[PathBuf]) -> Options {
        Options { auth_files: paths.to_vec(), ..Options::default() }
    }

    /// `auths` with the user `name` for each of `hosts`.
    fn auths(name: &str, hosts: &[&str]) -> String {
        let auth = STANDARD.encode(format!("{name}:hunter2"));
        let entries: Vec<_> =
            hosts.iter().map(|host| format!("\"{host}\":{{\"auth\":\"{auth}\"}}")).collect();
        format!("{{\"auths\":{{{}}}}}", entries.join(","))
    }

    /// As whom we ask, and the source's name with the folder left out.
    async fn who(sources: &Sources, home: &Path, registry: &str) -> (String, String) {
        let answer = sources.lookup(registry, "team/app").await;
        let user = answer.credential.map_or("-".to_owned(), |credential| credential.user().to_owned());
        (user, answer.source.to_string().replace(&*home.to_string_lossy(), "~"))
    }

    fn texts(sources: &Sources, home: &Path) -> Vec<String> {
        let text = |warning: &Warning| warning.to_string().replace(&*home.to_string_lossy(), "~");
        sources.warnings().iter().map(text).collect()
    }

    #[tokio::test]
    async fn places_are_asked_in_order_and_the_answer_names_its_source() {
        // Each place knows one host less than the one after it.
        let hosts = ["h0", "h1", "h2", "h3", "h4", "h5", "h6", "h7"];
        let home = Home::new()
            .with("given.json", auths("given", &hosts[..1]))
            .with("docker/config.json", auths("docker", &hosts[..4]))
            .with("named.json", auths("named", &hosts[..5]))
            .with("run/containers/auth.json", auths("runtime", &hosts[..6]))
            .with(".config/containers/auth.json", auths("config", &hosts[..7]))
            .with(".dockercfg", r#"{"https://h7/v1/":{"username":"legacy","password":"hunter2"}}"#);
        let environment = home
            .environment()
            .with_variable("DOCKER_CONFIG", home.path().join("docker"))
            .with_variable("REGISTRY_AUTH_FILE", home.path().join("named.json"))
            .with_variable("DOCKER_AUTH_CONFIG", auths("variable", &hosts[..3]))
            .with_variable("REGISTRY_CHECK_AUTH_H0", "host:hunter2")
            .with_variable("REGISTRY_CHECK_AUTH_H1", "host:hunter2");
        let sources = Sources::new(explicit(&[home.path().join("given.json")]), &environment).unwrap();
        for (registry, user, source) in [
            ("h0", "given", "~/given.json (auths \"h0\")"),
            ("h1", "host", "REGISTRY_CHECK_AUTH_H1"),
            ("h2", "variable", "DOCKER_AUTH_CONFIG (auths \"h2\")"),
            ("h3", "docker", "~/docker/config.json (auths \"h3\")"),
            ("h4", "named", "~/named.json (auths \"h4\")"),
            ("h5", "runtime", "~/run/containers/auth.json (auths \"h5\")"),
            ("h6", "config", "~/.config/containers/auth.json (auths \"h6\")"),
            ("h7", "legacy", "~/.dockercfg (auths \"https://h7/v1/\")"),
            ("h8", "-", "no stored credential"),
        ] {
            let found = who(&sources, home.path(), registry).await;
            assert_eq!(found, (user.to_owned(), source.to_owned()), "{registry}");
        }
        assert_eq!(sources.warnings(), []);
    }

    #[tokio::test]
    async fn variables_are_named_by_host_and_port() {
        let environment = Environment::default()
            .with_variable("REGISTRY_CHECK_AUTH_REG_EXAMPLE_5000", "u1:p:w")
            .with_variable("REGISTRY_CHECK_AUTH_MY_REG_IO", "u2:p")
            .with_variable("REGISTRY_CHECK_AUTH____1__5000", "u3:p")
            .with_variable("REGISTRY_CHECK_AUTH_DOCKER_IO", "u4:p")
            .with_variable("REGISTRY_CHECK_AUTH_BAD_IO", "hunter2")
            .with_variable("REGISTRY_CHECK_AUTH_NOBODY_IO", ":hunter2");
        let sources = Sources::new(Options::default(), &environment).unwrap();
        for (registry, user) in [
            ("reg.example:5000", "u1"),
            ("reg.example", "-"),
            ("my-reg.io", "u2"),
            ("[::1]:5000", "u3"),
            ("docker.io", "u4"),
            ("registry-1.docker.io", "u4"),
            ("bad.io", "-"),
            ("bad.io", "-"),
            ("nobody.io", "-"),
        ] {
            assert_eq!(who(&sources, Path::new("/"), registry).await.0, user, "{registry}");
        }
        assert_eq!(
            texts(&sources, Path::new("/nowhere")),
            [
                "REGISTRY_CHECK_AUTH_BAD_IO: no ':' between user and password; expected user:password",
                "REGISTRY_CHECK_AUTH_NOBODY_IO: the user name is empty; expected user:password",
            ]
        );
    }

    #[tokio::test]
    async fn bad_documents_are_warned_about_by_path_and_line_and_do_not_stop_the_search() {
        let home = Home::new()
            .with(".docker/config.json", "{\n  \"auths\": {\n    \"h\": hunter2\n")
            .with("run/containers/auth.json", "{\"auths\":\n[\"hunter2\"]}")
            .with(".config/containers/auth.json", auths("u", &["h"]))
            .with(".dockercfg/below", "");
        let environment = home
            .environment()
            .with_variable("DOCKER_AUTH_CONFIG", "hunter2")
            .with_variable("REGISTRY_AUTH_FILE", home.path().join("absent.json"));
        let sources = Sources::new(Options::default(), &environment).unwrap();
        assert_eq!(who(&sources, home.path(), "h").await.0, "u");
        assert_eq!(
            texts(&sources, home.path()),
            [
                "DOCKER_AUTH_CONFIG:1: not valid JSON: expected value; its credentials are not used",
                "~/.docker/config.json:3: not valid JSON: expected value; its credentials are not used",
                "~/absent.json: no such file; its credentials are not used",
                "~/run/containers/auth.json:2: not of the form of a docker config.json or auth.json; its \
                 credentials are not used",
                "~/.dockercfg: not a file; its credentials are not used",
            ]
        );
    }

    #[tokio::test]
    async fn a_place_without_a_match_or_with_an_empty_or_bad_entry_does_not_stop_the_search() {
        let home = Home::new()
            .with(
                ".docker/config.json",
                r#"{"auths":{"empty":{},"bad":{"auth":"aHVudGVyMg=="},"x":{"auth":"eDpw"}}}"#,
            )
            .with(".config/containers/auth.json", auths("u", &["empty", "bad", "other"]));
        let sources = home.sources();
        for registry in ["empty", "bad", "other"] {
            assert_eq!(who(&sources, home.path(), registry).await.0, "u", "{registry}");
        }
        assert_eq!(
            texts(&sources, home.path()),
            ["~/.docker/config.json: auths \"bad\": no ':' between user and password; the entry is not used"]
        );
    }

    #[test]
    fn files_of_the_user_must_be_usable_and_all_that_are_not_are_told_at_once() {
        let home = Home::new().with("a.json", "{\n\"auths\": hunter2").with("b.txt", "nginx\n");
        let paths = ["a.json", "b.txt", "absent"].map(|name| home.path().join(name));
        let error = Sources::new(explicit(&paths), &home.environment()).unwrap_err();
        let text = error.to_string().replace(&*home.path().to_string_lossy(), "~");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "3 files with credentials cannot be used:");
        assert_eq!(lines[1], "  ~/a.json:2: not valid JSON: expected value");
        assert!(lines[2].starts_with("  ~/b.txt: holds no credentials in a known form"), "{text}");
        assert_eq!(lines[3], "  ~/absent: no such file");
        let error = Sources::new(explicit(&paths[2..]), &home.environment()).unwrap_err();
        assert_eq!(error.0[0].fault, FileFault::Missing);
        assert!(error.to_string().ends_with("/absent: no such file"));
    }

    #[tokio::test]
    async fn a_file_of_the_user_that_is_also_in_a_usual_place_is_read_once() {
        let home = Home::new().with(".docker/config.json", r#"{"auths":{"h":{"auth":"!"}}}"#);
        let path = home.path().join(".docker/config.json");
        let sources = Sources::new(explicit(&[path]), &home.environment()).unwrap();
        assert_eq!(sources.warnings().len(), 1);
    }

    #[tokio::test]
    async fn a_kubernetes_secret_is_asked_with_its_globs_and_paths() {
        let payload = auths("k", &["*.h.io", "reg.io/team"]);
        let manifest = format!(
            "kind: Secret\nmetadata: {{name: pull}}\ntype: kubernetes.io/dockerconfigjson\n\
             stringData: {{.dockerconfigjson: '{payload}'}}\n"
        );
        let home = Home::new().with("pull.yaml", manifest);
        let sources = Sources::new(explicit(&[home.path().join("pull.yaml")]), &home.environment()).unwrap();
        for (registry, user, source) in [
            ("a.h.io", "k", "~/pull.yaml (Secret \"pull\") (auths \"*.h.io\")"),
            ("reg.io", "k", "~/pull.yaml (Secret \"pull\") (auths \"reg.io/team\")"),
            ("a.b.h.io", "-", "no stored credential"),
        ] {
            let found = who(&sources, home.path(), registry).await;
            assert_eq!(found, (user.to_owned(), source.to_owned()));
        }
        assert_eq!(sources.lookup("reg.io", "other/app").await, Answer::NONE);
    }

    /// docker's and podman's file with the same text, and the helpers `one` and `all`, `none` and `broken`.
    async fn with_helpers(config: &str, registry: &str) -> [(String, String); 2] {
        let answer = |user: &str| format!("echo '{{\"Username\":\"{user}\",\"Secret\":\"hunter2\"}}'");
        let folder = Folder::new()
            .with("one", &answer("one"))
            .with("all", &answer("all"))
            .with("none", "echo 'credentials not found in native keychain'; exit 1")
            .with("broken", "echo '{\"hunter2'");
        let mut found = Vec::new();
        for file in [".docker/config.json", ".config/containers/auth.json"] {
            let home = Home::new().with(file, config).with(".dockercfg", r#"{"h":{"auth":"bGFzdDpw"}}"#);
            let environment =
                folder.environment().with_home(home.path()).with_variable("XDG_RUNTIME_DIR", "/nowhere");
            let sources = Sources::new(Options::default(), &environment).unwrap();
            let (user, source) = who(&sources, home.path(), registry).await;
            found.push((user, texts(&sources, home.path()).concat()));
            assert!(!source.contains("hunter2"));
        }
        found.try_into().unwrap()
    }

    #[tokio::test]
    async fn helpers_come_before_entries_as_each_tool_has_it() {
        let file = auths("file", &["h"]);
        let entries = &file[1..file.len() - 1];
        let silent = |user: &str| (user.to_owned(), String::new());
        for (helpers, docker, podman) in [
            (r#""credHelpers":{"h":"one"},"credsStore":"all""#, "one", "one"),
            (r#""credHelpers":{"other":"one"},"credsStore":"all""#, "all", "file"),
            (r#""credHelpers":{"h":""},"credsStore":"all""#, "file", "file"),
            (r#""credHelpers":{"other":"one"}"#, "file", "file"),
            // A helper that has nothing hides the file's own entries, not other files.
            (r#""credHelpers":{"h":"none"},"credsStore":"all""#, "last", "last"),
            (r#""credsStore":"none""#, "last", "file"),
        ] {
            let config = format!("{{{entries},{helpers}}}");
            assert_eq!(with_helpers(&config, "h").await, [silent(docker), silent(podman)], "{helpers}");
        }
    }

    #[tokio::test]
    async fn a_broken_helper_is_warned_about_and_the_search_goes_on() {
        let file = auths("file", &["h"]);
        let config = format!(
            "{},\"credHelpers\":{{\"h\":\"broken\",\"x\":\"absent\",\"y\":\"../sh\"}}}}",
            &file[..file.len() - 1]
        );
        for (registry, user, fault) in [
            (
                "h",
                "file",
                "docker-credential-broken (@), asked for h: its answer is not the JSON of a credential helper",
            ),
            ("x", "-", "docker-credential-absent (@), asked for x: not found in PATH"),
            (
                "y",
                "-",
                "docker-credential-../sh (@), asked for y: not a helper's name (letters, digits, '.', '_' and '-')",
            ),
        ] {
            let [docker, podman] = with_helpers(&config, registry).await;
            assert_eq!(docker, (user.to_owned(), fault.replace('@', "~/.docker/config.json")));
            assert_eq!(podman, (user.to_owned(), fault.replace('@', "~/.config/containers/auth.json")));
        }
    }

    #[tokio::test]
    async fn helpers_are_named_as_sources_and_asked_for_dockers_key_of_the_hub() {
        let folder = Folder::new().with("all", r#"echo '{"Username":"<token>","Secret":"hunter2"}'"#);
        let home =
            Home::new().with(".docker/config.json", r#"{"credsStore":"all","auths":{"docker.io":{}}}"#);
        let environment = folder.environment().with_home(home.path());
        let sources = Sources::new(Options::default(), &environment).unwrap();
        for registry in ["docker.io", "index.docker.io", "ghcr.io", "ghcr.io"] {
            let (user, source) = who(&sources, home.path(), registry).await;
            assert_eq!(user, "<token>");
            assert_eq!(source, "docker-credential-all (credsStore of ~/.docker/config.json)");
        }
        assert_eq!(folder.runs("all"), ["get https://index.docker.io/v1/", "get ghcr.io"]);
    }

    #[tokio::test]
    async fn a_helper_that_hangs_is_left_after_the_time_of_the_options() {
        let folder = Folder::new().with("slow", "exec tail -f /dev/null");
        let home = Home::new().with(".docker/config.json", r#"{"credsStore":"slow"}"#);
        let options = Options { helper_timeout: Duration::from_millis(50), ..Options::default() };
        let sources = Sources::new(options, &folder.environment().with_home(home.path())).unwrap();
        assert_eq!(sources.lookup("h", "a").await, Answer::NONE);
        assert_eq!(sources.lookup("h", "b").await, Answer::NONE);
        assert_eq!(
            texts(&sources, home.path()),
            ["docker-credential-slow (~/.docker/config.json), asked for h: no answer within 50ms"]
        );
    }

    #[tokio::test]
    async fn no_secret_is_in_anything_that_can_be_printed() {
        let folder = Folder::new()
            .with("good", r#"echo '{"Username":"u","Secret":"hunter2"}'"#)
            .with("bad", r#"echo '{"Username":"u","Secret":"hunter2"}'; exit 1"#)
            .with("worse", r#"echo '{"Username":{"hunter2":1},"Secret":"hunter2"}'"#);
        let config = r#"{"credHelpers":{"g":"good","b":"bad","w":"worse","u:hunter2@g":"good"},"auths":{
            "https://u:hunter2@h/v1/":{"auth":"dTpw"},"t":{"identitytoken":"hunter2"},
            "r":{"registrytoken":"hunter2"},"p":{"username":"u","password":"hunter2"},
            "n":{"auth":"hunter2!"},"s":{"auth":["hunter2"]}}}"#;
        let home = Home::new().with(".docker/config.json", config).with(".dockercfg", "hunter2");
        let environment = folder
            .environment()
            .with_home(home.path())
            .with_variable("REGISTRY_CHECK_AUTH_V", "hunter2")
            .with_variable("REGISTRY_CHECK_AUTH_O", "u:hunter2")
            .with_variable("DOCKER_AUTH_CONFIG", auths("u", &["d"]));
        let sources = Sources::new(Options::default(), &environment).unwrap();
        let mut printed = String::new();
        let mut found = 0;
        for registry in ["g", "b", "w", "h", "t", "r", "p", "n", "s", "v", "o", "d"] {
            let answer = sources.lookup(registry, "a").await;
            found += usize::from(answer.credential.is_some());
            printed += &format!("{answer:?} {answer:#?} {}", answer.source);
        }
        assert_eq!((found, sources.warnings().len()), (6, 7), "{:#?}", sources.warnings());
        for warning in sources.warnings() {
            printed += &format!("{warning} {warning:?}");
        }
        printed += &format!("{sources:?} {sources:#?} {environment:?}");
        assert!(!printed.contains("hunter2"), "{printed}");
        assert!(!printed.contains(&STANDARD.encode("u:hunter2")), "{printed}");
    }
}
