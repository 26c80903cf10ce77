//! Checks of embedded registries by the built binary, and what their JSON report says.
//!
//! The registries live in the test's process, so that a test can count what the binary asked them. Every
//! report is held to its JSON Schema on the way.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::sync::LazyLock;

use jsonschema::Validator;
use registry_check::demo::{Behaviour, Hit, Image, Registry, Scope, Store, content};
use serde::Deserialize;
use serde_json::Value;

use super::tool::Tool;

/// The repository of [`Pair`]'s image.
pub const REPOSITORY: &str = "library/app";
/// Its tag.
pub const TAG: &str = "1.0";
/// The platforms of its index.
pub const PLATFORMS: [&str; 2] = ["linux/amd64", "linux/arm64"];

static SCHEMA: LazyLock<Validator> = LazyLock::new(|| {
    let schema = serde_json::from_str(include_str!("../../../schemas/report-v1.schema.json"));
    jsonschema::validator_for(&schema.expect("a schema in JSON")).expect("a schema")
});

/// An upstream for docker.io and one mirror of it, which hold the same image: `app:1.0`.
pub struct Pair {
    pub upstream: Registry,
    /// Named `m` in reports.
    pub mirror: Registry,
    pub image: Image,
}

impl Pair {
    /// Both healthy.
    pub fn new() -> Self {
        let image = content::index("app", &PLATFORMS);
        Self::holding(&image, &image)
    }

    /// A mirror that answers each request for a manifest so.
    pub fn misbehaving(behaviour: Behaviour) -> Self {
        let pair = Self::new();
        pair.mirror.set_behaviour(Scope::Manifests, behaviour);
        pair
    }

    /// Upstream holds `image`, the mirror `copy`.
    pub fn holding(image: &Image, copy: &Image) -> Self {
        let [upstream, mirror] = [image, copy].map(|image| start(&[(REPOSITORY, TAG, image)]));
        Self { upstream, mirror, image: image.clone() }
    }

    /// A check of `images`.
    pub fn check_of(&self, images: &[&str]) -> Check {
        Check::of(images).upstream(&self.upstream.url()).mirror("m", &self.mirror.url())
    }

    /// A check of the image by its tag.
    pub fn check(&self) -> Check {
        self.check_of(&["app:1.0"])
    }

    /// The digest of upstream's image, as text.
    pub fn digest(&self) -> String {
        self.image.digest().to_string()
    }

    /// How many requests for manifests the mirror got: HEAD, GET.
    pub fn asked(&self) -> (usize, usize) {
        asked(&self.mirror)
    }
}

/// A registry that holds these (repository, tag, image).
pub fn start(images: &[(&str, &str, &Image)]) -> Registry {
    let mut store = Store::new();
    for (repository, tag, image) in images {
        store.put(repository, tag, image);
    }
    Registry::start(store).expect("a port of loopback")
}

/// How many requests for manifests a registry got: HEAD, GET.
pub fn asked(registry: &Registry) -> (usize, usize) {
    (registry.manifest_hits("HEAD"), registry.manifest_hits("GET"))
}

/// Method, what was asked for, and the status answered, of each request in turn.
pub fn story(registry: &Registry) -> Vec<String> {
    let tell = |hit: &Hit| {
        let what = hit.path.rsplit('/').next().unwrap_or_default();
        // A digest is told by its first digits.
        let what: String = what.chars().take(15).collect();
        format!("{} {what} {}", hit.method, hit.status.map_or_else(|| "-".to_owned(), |s| s.to_string()))
    };
    registry.hits().iter().map(tell).collect()
}

/// One check to come.
pub struct Check {
    images: String,
    config: String,
    args: Vec<String>,
    files: Vec<(String, String)>,
    variables: Vec<(String, OsString)>,
}

impl Check {
    /// Of these images, one a line.
    pub fn of<S: AsRef<str>>(images: &[S]) -> Self {
        let lines: Vec<_> = images.iter().map(AsRef::as_ref).collect();
        Self {
            images: lines.join("\n"),
            config: String::new(),
            args: Vec::new(),
            files: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// docker.io is asked at `url`.
    pub fn upstream(self, url: &str) -> Self {
        self.upstream_of("docker.io", url)
    }

    /// `registry` is asked at `url`.
    pub fn upstream_of(mut self, registry: &str, url: &str) -> Self {
        writeln!(self.config, "[[registries]]\nname = {registry:?}\nurl = {url:?}").expect("text");
        self
    }

    /// Adds a mirror of docker.io.
    pub fn mirror(self, name: &str, url: &str) -> Self {
        self.mirror_with(name, url, "")
    }

    /// Adds a mirror with further settings, in TOML.
    pub fn mirror_with(mut self, name: &str, url: &str, settings: &str) -> Self {
        writeln!(self.config, "[[mirrors]]\nname = {name:?}\nurl = {url:?}\n{settings}").expect("text");
        self
    }

    /// Adds arguments, told apart by blanks.
    pub fn args(mut self, args: &str) -> Self {
        self.args.extend(args.split_whitespace().map(str::to_owned));
        self
    }

    /// Puts a file into the directory that it will run in, which is also its home.
    pub fn file(mut self, name: &str, text: impl Into<String>) -> Self {
        self.files.push((name.to_owned(), text.into()));
        self
    }

    /// What docker knows, in its usual place.
    pub fn docker_config(self, text: impl Into<String>) -> Self {
        self.file(".docker/config.json", text)
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    /// The run as it stands, in whatever format its arguments say.
    pub fn tool(self) -> Tool {
        let tool = Tool::new()
            .file("images.txt", &self.images)
            .file("registry-check.toml", &self.config)
            .args(["images.txt"])
            .args(self.args);
        let tool = self.files.iter().fold(tool, |tool, (name, text)| tool.file(name, text));
        self.variables.into_iter().fold(tool, |tool, (name, value)| tool.env(&name, value))
    }

    /// Runs it and reads its JSON.
    pub fn run(self) -> Report {
        let output = self.args("-f json").tool().run();
        let json: Value = serde_json::from_str(&output.stdout)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {output:?}"));
        if let Err(error) = SCHEMA.validate(&json) {
            panic!("not the report that the schema describes: {error}\n{json:#}");
        }
        let document = Document::deserialize(&json).expect("a report");
        assert_eq!(output.code, Some(document.decision.exit_code), "{output:?}");
        Report {
            exit: document.decision.exit_code,
            requests: document.summary.requests,
            token_exchanges: document.summary.token_exchanges,
            rows: document.results,
            text: output.stdout,
            stderr: output.stderr,
        }
    }
}

#[derive(Deserialize)]
struct Document {
    decision: Decision,
    summary: Summary,
    results: Vec<Row>,
}

#[derive(Deserialize)]
struct Decision {
    exit_code: i32,
}

#[derive(Deserialize)]
struct Summary {
    requests: usize,
    token_exchanges: usize,
}

/// What a report says of one image at one endpoint.
#[derive(Debug, Deserialize)]
pub struct Row {
    pub artifact: String,
    pub mirror: String,
    pub role: String,
    pub status: String,
    pub code: String,
    pub reason: String,
    pub digest: Option<String>,
    pub expected_digest: Option<String>,
    pub media_type: Option<String>,
    pub http_status: Option<u16>,
    pub attempts: u32,
    pub notes: Vec<String>,
}

/// What a run said.
#[derive(Debug)]
pub struct Report {
    /// The exit code, which the report repeats.
    pub exit: i32,
    pub requests: usize,
    pub token_exchanges: usize,
    pub rows: Vec<Row>,
    /// The JSON as it came.
    pub text: String,
    pub stderr: String,
}

impl Row {
    /// `status/code`
    pub fn verdict(&self) -> String {
        format!("{}/{}", self.status, self.code)
    }

    /// Whether one of the notes holds `part`.
    pub fn notes_hold(&self, part: &str) -> bool {
        self.notes.iter().any(|note| note.contains(part))
    }
}

impl Report {
    /// The only row of the endpoint `mirror`.
    #[track_caller]
    pub fn row(&self, mirror: &str) -> &Row {
        let rows: Vec<_> = self.rows.iter().filter(|row| row.mirror == mirror).collect();
        let [row] = rows[..] else { panic!("{} rows of {mirror}: {self:#?}", rows.len()) };
        row
    }

    /// The only row of the mirror `m`, after holding it to `verdict` (`status/code`) and the run to `exit`.
    #[track_caller]
    pub fn expect(&self, verdict: &str, exit: i32) -> &Row {
        let row = self.row("m");
        assert_eq!((&*row.verdict(), self.exit), (verdict, exit), "{self:#?}");
        row
    }

    /// `status/code` of each row of the endpoint, in the order of the images.
    pub fn verdicts(&self, mirror: &str) -> Vec<String> {
        self.rows.iter().filter(|row| row.mirror == mirror).map(Row::verdict).collect()
    }
}
