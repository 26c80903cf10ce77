//! The scripts of the GitHub action, run as a runner runs them: what is installed and what is refused, which baseline
//! is taken, and what reaches the program.
//!
//! Releases are folders that `package.sh` made of a stand-in; `gh` is a stand-in that answers from files.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use registry_check::demo::{Behaviour, Failure, Scope};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::support::small;
use crate::support::tool::{Output, Tool};

const ARCHIVE: &str = "registry-check-v0.1.0-x86_64-unknown-linux-musl.tar.gz";

/// Says what it was given, a line for each argument.
const STAND_IN: &str = "#!/bin/sh\nprintf '%s\\n' \"$@\"\n";

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".github").join(name)
}

fn executable(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
    fs::write(path, text).expect("a program");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("that may run");
}

/// A source tree with what `package.sh` reads, and binaries for all targets.
fn tree(changelog: &str) -> TempDir {
    let root = TempDir::new().expect("a temporary directory");
    let put = |name: &str, text: &str| {
        let path = root.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        fs::write(path, text).expect("a file");
    };
    let package = fs::read_to_string(source("release/package.sh")).expect("package.sh");
    executable(&root.path().join(".github/release/package.sh"), &package);
    put(
        "Cargo.toml",
        "[package]\nname = \"registry-check\"\nversion = \"0.1.0\"\n[dependencies.a]\nversion = \"9.9.9\"\n",
    );
    put("CHANGELOG.md", changelog);
    for name in ["README.md", "LICENSE-APACHE", "LICENSE-MIT"] {
        put(name, name);
    }
    put("sbom.json", "{}");
    for target in super::pipelines::TARGETS {
        let program = if target.contains("windows") { "registry-check.exe" } else { "registry-check" };
        put(&format!("binaries/{target}/{program}"), STAND_IN);
    }
    root
}

const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n- later\n\n## [0.1.0] - 2026-01-02\n\n- first\n\n## [0.0.9] - 2026-01-01\n\n- old\n";

fn package(root: &Path, version: &str, out: &str) -> Output {
    let script = root.join(".github/release/package.sh");
    let path = |name: &str| root.join(name).into_os_string();
    Tool::of("bash")
        .args([script.into_os_string(), version.into(), path("binaries"), path("sbom.json"), path(out)])
        .run()
}

/// A release of the stand-in, in the folder `release`.
fn release() -> TempDir {
    let root = tree(CHANGELOG);
    let output = package(root.path(), "v0.1.0", "release");
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{output:?}");
    root
}

fn file_url(root: &TempDir) -> String {
    format!("file://{}/release", root.path().display())
}

fn sha256(path: &Path) -> String {
    let digest = Sha256::digest(fs::read(path).expect("a file"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One of the action's scripts to be run; `bin` of its directory goes before the rest of `PATH`.
fn script(name: &str) -> Tool {
    let tool = Tool::of("bash").args([source("actions/registry-check").join(name)]);
    let dir = tool.dir().to_owned();
    fs::create_dir(dir.join("temp")).expect("a folder");
    let bin = dir.join("bin");
    fs::create_dir(&bin).expect("a folder");
    let built = Path::new(env!("CARGO_BIN_EXE_registry-check")).parent().expect("a folder");
    let rest = std::env::var("PATH").expect("PATH");
    tool.env("PATH", format!("{}:{}:{rest}", bin.display(), built.display()))
        .env("RUNNER_TEMP", dir.join("temp"))
        .env("GITHUB_PATH", dir.join("path"))
        .env("GITHUB_OUTPUT", dir.join("output"))
}

fn install(url: &str) -> Tool {
    script("install.sh")
        .env("RUNNER_OS", "Linux")
        .env("RUNNER_ARCH", "X64")
        .env("RC_VERSION", "")
        .env("RC_REPOSITORY", "someone/registry-check")
        .env("RC_DOWNLOAD_URL", url)
}

fn assert_refused(output: &Output, words: &str) {
    assert_eq!(output.code, Some(2), "{output:?}");
    assert!(output.stderr.contains(words), "{words:?} is not in {}", output.stderr);
    let left = output.files();
    assert!(!left.iter().any(|name| name == "path" || name == "pwned"), "{left:?}");
}

#[test]
fn release_of_the_actions_own_version_is_put_on_the_path() {
    let release = release();
    let installed = install(&file_url(&release)).run();
    assert_eq!(installed.code, Some(0), "{installed:?}");
    let folder = installed.file("path");
    let program = Tool::of(&format!("{}/registry-check", folder.trim_end())).args(["a b"]).run();
    assert_eq!((program.code, program.stdout.as_str()), (Some(0), "a b\n"));
}

#[test]
fn archive_that_is_not_what_its_checksum_says_is_not_used() {
    let release = release();
    let archive = release.path().join("release").join(ARCHIVE);
    let mut bytes = fs::read(&archive).expect("the archive");
    bytes.push(0);
    fs::write(&archive, bytes).expect("another archive");
    let output = install(&file_url(&release)).run();
    assert_refused(&output, "is not what its sha256 says");
    assert!(output.stderr.contains(&format!("{ARCHIVE}: FAILED")), "{output:?}");
}

#[test]
fn archive_without_one_checksum_is_not_used() {
    let release = release();
    let sums = release.path().join("release/SHA256SUMS");
    let text = fs::read_to_string(&sums).expect("checksums");
    let line = text.lines().find(|line| line.ends_with(ARCHIVE)).expect("the archive's");
    for (text, words) in [
        (text.replace(line, &format!("{line}.sig")), "SHA256SUMS does not name it"),
        (format!("{text}{line}\n"), "there is no one sha256"),
        (text.replace(line, &format!("0  {ARCHIVE}")), "there is no one sha256"),
    ] {
        fs::write(&sums, text).expect("other checksums");
        assert_refused(&install(&file_url(&release)).run(), words);
    }
    fs::remove_file(&sums).expect("it was there");
    assert_refused(&install(&file_url(&release)).run(), "SHA256SUMS could not be fetched");
}

/// Serves the files of a folder over HTTP, and counts what it is asked.
fn serve(folder: PathBuf) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port of loopback");
    let url = format!("http://{}", listener.local_addr().expect("its address"));
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            count.fetch_add(1, Ordering::SeqCst);
            answer(stream, &folder);
        }
    });
    (url, asked)
}

fn answer(mut stream: TcpStream, folder: &Path) {
    let mut lines = BufReader::new(stream.try_clone().expect("the stream")).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.by_ref().find(String::is_empty);
    let name = first.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
    let (status, body) =
        fs::read(folder.join(name)).map_or(("404 Not Found", Vec::new()), |body| ("200 OK", body));
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).ok();
}

#[test]
fn unprotected_download_needs_a_checksum_from_elsewhere() {
    let release = release();
    let (url, asked) = serve(release.path().join("release"));
    assert_refused(&install(&url).run(), "download-url is http, which protects nothing: give sha256");
    assert_eq!(asked.load(Ordering::SeqCst), 0);

    let right = sha256(&release.path().join("release").join(ARCHIVE));
    let installed = install(&url).env("RC_SHA256", &right).run();
    assert_eq!(installed.code, Some(0), "{installed:?}");
    assert_eq!(asked.load(Ordering::SeqCst), 1, "SHA256SUMS is not asked for");

    let wrong = install(&url).env("RC_SHA256", "0".repeat(64)).run();
    assert_refused(&wrong, "is not what its sha256 says");
    let absent = install(&url).env("RC_SHA256", &right).env("RC_VERSION", "v0.0.1").run();
    assert_refused(&absent, "could not be fetched");
}

#[test]
fn version_that_is_no_release_is_refused_before_anything_is_fetched() {
    for version in
        ["latest", "v1", "v1.2.3/../../other", "$(touch pwned)", "v1.2.3; touch pwned", "v1.2.3\n::set-env"]
    {
        let output = install("file:///nowhere").env("RC_VERSION", version).run();
        assert_refused(&output, "give a release such as v0.1.0, or source");
        assert!(!output.stderr.contains("\n::set-env"), "{output:?}");
    }
    let output = install("file:///nowhere").env("RC_REPOSITORY", "a/b/../../c").run();
    assert_refused(&output, "give OWNER/NAME");
    let output = install("file:///nowhere").env("RUNNER_ARCH", "RISCV64").run();
    assert_refused(&output, "no binary is released for Linux on RISCV64; set version: source");
}

#[test]
fn source_is_built_as_its_lock_file_says() {
    let tool = install("file:///nowhere").env("RC_VERSION", "source");
    let cargo = r#"#!/bin/sh
echo "$1 $2 $3 $5" >"$HOME/asked"
grep -q '^name = "registry-check"' "$4/Cargo.toml" || exit 1
mkdir "$6/bin" && printf '#!/bin/sh\necho built\n' >"$6/bin/registry-check" && chmod +x "$6/bin/registry-check"
"#;
    executable(&tool.dir().join("bin/cargo"), cargo);
    let output = tool.run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.file("asked"), "install --locked --path --root\n");
    let program = Tool::of(&format!("{}/registry-check", output.file("path").trim_end())).run();
    assert_eq!(program.stdout, "built\n");
}

#[test]
fn archive_whose_provenance_cannot_be_verified_is_not_used() {
    let release = release();
    let tool = install(&file_url(&release)).env("RC_ATTESTATION", "true");
    executable(&tool.dir().join("bin/gh"), "#!/bin/sh\necho \"$@\" >&2; exit 1\n");
    let output = tool.run();
    assert_refused(&output, "the provenance of");
    assert!(output.stderr.contains("--repo someone/registry-check"), "{output:?}");
}

#[test]
fn release_has_every_target_with_its_papers_and_checksums() {
    let root = release();
    let folder = root.path().join("release");
    let sums = fs::read_to_string(folder.join("SHA256SUMS")).expect("checksums");
    let mut names: Vec<_> = super::pipelines::TARGETS
        .iter()
        .map(|target| format!("registry-check-v0.1.0-{target}.tar.gz"))
        .collect();
    names.push("registry-check-v0.1.0.cdx.json".to_owned());
    names.sort();
    let expected: String =
        names.iter().map(|name| format!("{}  {name}\n", sha256(&folder.join(name)))).collect();
    assert_eq!(sums, expected);

    let listed = Tool::of("tar").args(["-tf".as_ref(), folder.join(ARCHIVE).as_os_str()]).run();
    let listed: Vec<_> =
        listed.stdout.lines().filter_map(|line| line.split_once('/')).map(|(_, name)| name).collect();
    assert_eq!(
        listed,
        [
            "",
            "CHANGELOG.md",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "README.md",
            "completions/",
            "completions/_registry-check",
            "completions/_registry-check.ps1",
            "completions/registry-check.bash",
            "completions/registry-check.elv",
            "completions/registry-check.fish",
            "man/",
            "man/registry-check.1",
            "registry-check",
        ]
    );
    let notes = fs::read_to_string(root.path().join("release.notes.md")).expect("notes");
    assert_eq!(notes, "\n- first\n\n");

    // The same inputs, the same bytes.
    assert_eq!(package(root.path(), "v0.1.0", "again").code, Some(0));
    assert_eq!(fs::read_to_string(root.path().join("again/SHA256SUMS")).expect("checksums"), sums);
}

#[test]
fn release_that_does_not_fit_its_tag_is_not_made() {
    let refused = |root: &TempDir, version: &str, words: &str| {
        let output = package(root.path(), version, "release");
        assert_eq!(output.code, Some(2), "{output:?}");
        assert!(output.stderr.contains(words), "{words:?} is not in {}", output.stderr);
    };
    let root = tree(CHANGELOG);
    refused(&root, "v0.2.0", "the tag is v0.2.0, and Cargo.toml has v0.1.0");
    fs::remove_file(root.path().join("binaries/x86_64-pc-windows-msvc/registry-check.exe"))
        .expect("it was there");
    refused(&root, "v0.1.0", "x86_64-pc-windows-msvc/registry-check.exe is missing");
    refused(&root, "v0.1.0", "release is not empty");
    refused(
        &tree("# Changelog\n\n## [Unreleased]\n\n- later\n"),
        "v0.1.0",
        "CHANGELOG.md says nothing of [0.1.0]",
    );
}

/// Answers `gh api` from `api/`, with the filter run by jq, and `gh run download` from `artifacts/`.
const GH: &str = r#"#!/usr/bin/env bash
set -eu
cd "$HOME"
echo "$*" >>asked
if [ "$1 $2" = "run download" ]; then
    cp "artifacts/$3/"* "${@: -1}"
    exit
fi
file=api/$(printf '%s' "$4" | tr / _).json
[ -f "$file" ] || { echo "gh: Resource not accessible by integration (HTTP 403)" >&2; exit 1; }
jq -r "${@: -1}" "$file"
"#;

const RUNS: &str = "api/repos_someone_images_actions_workflows_mirrors.yml_runs.json";

fn last_baseline() -> Tool {
    let tool = script("last-baseline.sh")
        .env("GITHUB_REPOSITORY", "someone/images")
        .env("GITHUB_WORKFLOW_REF", "someone/images/.github/workflows/mirrors.yml@refs/pull/1/merge")
        .env("RC_ARTIFACT", "registry-check")
        .env("RC_BRANCH", "main");
    executable(&tool.dir().join("bin/gh"), GH);
    tool
}

fn runs(runs: &[(u32, &str, &str)]) -> String {
    let runs = runs.iter().map(|(id, event, repository)| {
        serde_json::json!({"id": id, "event": event, "head_repository": {"full_name": repository}})
    });
    serde_json::json!({"workflow_runs": runs.collect::<Vec<_>>()}).to_string()
}

fn artifacts(id: u32) -> String {
    format!("api/repos_someone_images_actions_runs_{id}_artifacts.json")
}

const KEPT: &str = r#"{"artifacts": [{"expired": false}]}"#;
const EXPIRED: &str = r#"{"artifacts": [{"expired": true}]}"#;

#[test]
fn baseline_is_that_of_the_last_run_that_kept_one() {
    let output = last_baseline()
        .file(
            RUNS,
            runs(&[
                (9, "push", "someone/images"),
                (8, "schedule", "someone/images"),
                (7, "push", "someone/images"),
            ]),
        )
        .file(&artifacts(9), EXPIRED)
        .file(&artifacts(8), KEPT)
        .file(&artifacts(7), KEPT)
        .file("artifacts/8/baseline.json", "eight")
        .file("artifacts/7/baseline.json", "seven")
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    let file = output.file("output").trim_end().strip_prefix("file=").expect("a file").to_owned();
    assert_eq!(fs::read_to_string(file).expect("the baseline"), "eight");
}

#[test]
fn baseline_is_never_that_of_a_pull_request_or_of_a_fork() {
    let output = last_baseline()
        .file(
            RUNS,
            runs(&[
                (9, "pull_request", "mallory/images"),
                (8, "push", "mallory/images"),
                (7, "pull_request", "someone/images"),
            ]),
        )
        .file(&artifacts(9), KEPT)
        .file(&artifacts(8), KEPT)
        .file(&artifacts(7), KEPT)
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.files().iter().any(|name| name == "output"), "{output:?}");
    assert!(
        output.stderr.contains("no successful run of mirrors.yml on main has kept a baseline"),
        "{output:?}"
    );
}

#[test]
fn baseline_that_cannot_be_asked_for_is_not_taken_for_absent() {
    assert_refused(&last_baseline().run(), "permissions: actions: read");
    let known = || last_baseline().file(RUNS, runs(&[(9, "push", "someone/images")]));
    assert_refused(&known().run(), "permissions: actions: read");
    assert_refused(&known().file(&artifacts(9), KEPT).run(), "of run 9 could not be downloaded");
    assert_refused(&last_baseline().env("RC_ARTIFACT", "").run(), "give artifact a name");
    assert_refused(&known().env("RC_BRANCH", "").run(), "permissions: actions: read");
}

#[test]
fn baseline_is_looked_for_on_the_default_branch() {
    let output = last_baseline()
        .env("RC_BRANCH", "")
        .file("api/repos_someone_images.json", r#"{"default_branch": "trunk"}"#)
        .file(RUNS, runs(&[]))
        .run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(
        output.stderr.contains("no successful run of mirrors.yml on trunk has kept a baseline"),
        "{output:?}"
    );
    assert!(output.file("asked").contains("-f branch=trunk -f status=success"), "{output:?}");
}

/// Notes its arguments in `arguments`, and is not asked anything else.
const RECORDER: &str =
    "#!/bin/sh\n[ \"$1\" = baseline ] || printf '%s\\n' \"$@\" >\"$HOME/arguments\"\nexit \"${CODE:-0}\"\n";

/// What the program was given, behind what is always there.
fn arguments(set: &[(&str, &str)], files: &[&str]) -> Vec<String> {
    let tool = set.iter().fold(script("check.sh"), |tool, (name, value)| tool.env(name, *value));
    let tool = files.iter().fold(tool, |tool, name| tool.file(name, ""));
    executable(&tool.dir().join("bin/registry-check"), RECORDER);
    let output = tool.run();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.files().iter().any(|name| name == "pwned"), "{output:?}");
    let folder = |line: &str| match line.split_once("/temp/registry-check.") {
        Some((before, after)) => {
            let start = before.find('/').unwrap_or_default();
            format!("{}OUT/{}", &before[..start], after.split_once('/').map_or("", |(_, name)| name))
        }
        None => line.to_owned(),
    };
    output.file("arguments").lines().map(folder).collect()
}

#[test]
fn inputs_reach_the_program_word_for_word() {
    let found = arguments(
        &[
            ("RC_LIST", "images.txt\r\n\n  with blank.txt  \n$(touch pwned).txt\n-o"),
            ("RC_MIRRORS", "docker.io=https://mirror.example/`touch pwned`\n; touch pwned"),
            ("RC_CONFIG", "a b.toml"),
            ("RC_OPTIONS", "--allow=stale,missing\n--vantage=\"$HOME\" * ' \\"),
            ("RC_UNDECIDED", "warn"),
            ("RC_BASELINE", "old report.json"),
        ],
        &[],
    );
    let expected = [
        "-o",
        "-",
        "-o",
        "OUT/report.json",
        "--baseline=old report.json",
        "--config=a b.toml",
        "--undecided=warn",
        "--allow=stale,missing",
        "--vantage=\"$HOME\" * ' \\",
        "--mirror=docker.io=https://mirror.example/`touch pwned`",
        "--mirror=; touch pwned",
        "--",
        "images.txt",
        "with blank.txt",
        "$(touch pwned).txt",
        "-o",
    ];
    assert_eq!(found, expected);
}

#[test]
fn reports_get_the_names_that_their_readers_look_for() {
    let formats = "csv\ngitlab\nhtml\njson\njunit\nmarkdown\nndjson\nprometheus\nsarif\ntable";
    let found = arguments(&[("RC_LIST", "a"), ("RC_FORMATS", formats)], &[]);
    let names: Vec<_> = found.iter().filter_map(|argument| argument.split_once("OUT/")).collect();
    let expected = [
        ("", "report.json"),
        ("", "report.csv"),
        ("gitlab:", "code-quality.json"),
        ("", "report.html"),
        ("", "report.xml"),
        ("", "report.md"),
        ("", "report.ndjson"),
        ("", "report.prom"),
        ("", "report.sarif"),
        ("", "report.txt"),
    ];
    assert_eq!(names, expected);
}

#[test]
fn reports_to_be_merged_may_be_globs() {
    let merge = "shards/*.json\nother file.json";
    let found = arguments(
        &[("RC_LIST", "images.txt"), ("RC_MERGE", merge)],
        &["shards/1.json", "shards/2 b.json", "other file.json"],
    );
    let expected = [
        "merge",
        "-o",
        "-",
        "-o",
        "OUT/report.json",
        "--",
        "shards/1.json",
        "shards/2 b.json",
        "other file.json",
    ];
    assert_eq!(found, expected);
}

#[test]
fn inputs_that_make_no_sense_end_with_2_before_the_program_runs() {
    for (set, words) in [
        (("RC_LIST", " \n"), "list is empty"),
        (("RC_FORMATS", "pdf"), "formats has `pdf`"),
        (("RC_OPTIONS", "images.txt"), "files belong into list"),
        (("RC_FIRST_RUN", "ignore"), "first-run is `ignore`"),
        (("RC_MERGE", "shards/*.json"), "no file is named shards/*.json"),
    ] {
        let tool = script("check.sh").env("RC_LIST", "images.txt").env(set.0, set.1);
        executable(&tool.dir().join("bin/registry-check"), RECORDER);
        let output = tool.run();
        assert_refused(&output, words);
        assert!(!output.files().iter().any(|name| name == "arguments"), "{output:?}");
    }
}

#[test]
fn step_ends_as_the_program_did_unless_a_first_run_accepts_failures() {
    for (code, first_run, ends) in [
        (0, "fail", 0),
        (1, "fail", 1),
        (3, "fail", 3),
        (2, "fail", 2),
        (1, "accept", 0),
        (3, "accept", 0),
        (2, "accept", 2),
        (130, "accept", 130),
    ] {
        // `baseline write` is the stand-in's too, and goes well.
        let tool = script("check.sh")
            .env("RC_LIST", "images.txt")
            .env("RC_BASELINE", "last-run")
            .env("RC_FIRST_RUN", first_run)
            .env("CODE", code.to_string());
        let recorder = RECORDER.replace("[ \"$1\" = baseline ] ||", "[ \"$1\" = baseline ] && exit 0;");
        executable(&tool.dir().join("bin/registry-check"), &recorder);
        let output = tool.run();
        assert_eq!(output.code, Some(ends), "{code} {first_run}: {output:?}");
        assert_eq!(output.file("output"), format!("exit-code={code}\n"));
        let warned = output.stderr.contains("::warning title=registry-check::there was no baseline");
        assert_eq!(warned, code != ends, "{output:?}");
    }
}

/// The check step with the built program; the mirror is called `near`.
fn check(list: &str, upstream: &str, mirror: &str) -> Tool {
    let config = format!("[[mirrors]]\nname = \"near\"\nurl = \"http://{mirror}\"\nfor = [\"{upstream}\"]\n");
    script("check.sh")
        .file("images.txt", list)
        .file("registry-check.toml", config)
        .env("RC_LIST", "images.txt")
        .env("RC_BASELINE", "last-run")
        .env("RC_FORMATS", "csv")
}

/// What the step left: its files, and the baseline.
fn left(output: &Output) -> (Vec<String>, PathBuf) {
    let text = output.file("output");
    let folder = text.lines().find_map(|line| line.strip_prefix("folder=")).expect("a folder");
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    (names, Path::new(folder).join("baseline.json"))
}

#[test]
fn pipeline_fails_only_for_what_is_new_since_its_first_run() {
    let all = ["one", "two", "three"];
    let upstream = small::registry(&all);
    let list = small::list(&upstream, &all);
    let mirror = small::registry(&["one", "two"]);
    let step = |mirror: &str| check(&list, &upstream.authority().to_string(), mirror);

    let first = step(&mirror.authority().to_string()).env("RC_FIRST_RUN", "accept").run();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.file("output").contains("exit-code=1\n"), "{first:?}");
    let (names, baseline) = left(&first);
    assert_eq!(names, ["baseline.json", "report.csv", "report.json"]);

    let second = step(&mirror.authority().to_string()).env("RC_LAST_BASELINE", &baseline).run();
    assert_eq!(second.code, Some(0), "{second:?}");
    let (_, baseline) = left(&second);

    // What could not be found out for once is not forgotten.
    mirror.set_behaviour(Scope::Manifests, Behaviour::Status(Failure::registry(500, "UNKNOWN", "no")));
    let broken = step(&mirror.authority().to_string())
        .env("RC_UNDECIDED", "pass")
        .env("RC_OPTIONS", "--retries=0")
        .env("RC_LAST_BASELINE", &baseline)
        .run();
    assert_eq!(broken.code, Some(0), "{broken:?}");
    mirror.clear_behaviours();
    let (_, baseline) = left(&broken);
    let mended = step(&mirror.authority().to_string()).env("RC_LAST_BASELINE", &baseline).run();
    assert_eq!(mended.code, Some(0), "{mended:?}");
    let (_, baseline) = left(&mended);

    let worse = small::registry(&["one"]);
    let third = step(&worse.authority().to_string()).env("RC_LAST_BASELINE", &baseline).run();
    assert_eq!(third.code, Some(1), "{third:?}");
    left(&third);
}

#[test]
fn parts_of_a_list_are_judged_once_they_are_together() {
    let all = ["one", "two", "three", "four"];
    let upstream = small::registry(&all);
    let list = small::list(&upstream, &all);
    let mirror = small::registry(&all[..3]);
    let step = || check(&list, &upstream.authority().to_string(), &mirror.authority().to_string());

    let mut together = step().env("RC_MERGE", "parts/*/report.json").env("RC_FIRST_RUN", "accept");
    for part in ["1", "2"] {
        let options = format!("--shard={part}/2\n--no-github");
        let output = step().env("RC_OPTIONS", options).env("RC_BASELINE", "none").run();
        let (_, baseline) = left(&output);
        let report = fs::read(baseline.with_file_name("report.json")).expect("the report");
        together = together.file(&format!("parts/part-{part}/report.json"), report);
    }
    let first = together.run();
    assert_eq!(first.code, Some(0), "{first:?}");
    assert!(first.file("output").contains("exit-code=1\n"), "{first:?}");
    let (names, baseline) = left(&first);
    assert_eq!(names, ["baseline.json", "report.csv", "report.json"]);

    let whole = step().env("RC_LAST_BASELINE", baseline).run();
    assert_eq!(whole.code, Some(0), "{whole:?}");
}

#[test]
fn papers_of_a_release_come_from_commands_that_there_are() {
    let package = fs::read_to_string(source("release/package.sh")).expect("package.sh");
    let commands: Vec<_> = package
        .lines()
        .filter_map(|line| line.strip_prefix("\"$tell\" ")?.split_once(" >"))
        .map(|(command, _)| command)
        .collect();
    assert_eq!(commands.len(), 6, "{commands:?}");
    for command in commands {
        let output = Tool::new().line(command).run();
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{command}");
        assert!(output.stdout.contains("registry-check"), "{command}");
    }
}
