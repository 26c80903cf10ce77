//! What `.github/`, `.pre-commit-hooks.yaml`, `deny.toml` and README's examples promise: pins, permissions, inputs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde_json::Value;

use crate::support::small;
use crate::support::tool::Tool;

/// What is released.
pub const TARGETS: [&str; 5] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
    "x86_64-pc-windows-msvc",
];

/// In README's examples this action is named so: the commit of a release is not known in that release.
const OWN_ACTION: &str = "OWNER/registry-check/.github/actions/registry-check@COMMIT";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn yaml(name: &str, text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Name and text of each workflow and action here.
fn pipelines() -> Vec<(String, String)> {
    let mut folders = vec![PathBuf::from(".github")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(&folder)).expect("a folder") {
            let path = folder.join(entry.expect("an entry").file_name());
            if Path::new(env!("CARGO_MANIFEST_DIR")).join(&path).is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yml") {
                let name = path.to_str().expect("a name").to_owned();
                let text = read(&name);
                found.push((name, text));
            }
        }
    }
    assert!(found.len() >= 3, "{found:?}");
    found
}

/// The YAML blocks of the README.
fn examples() -> Vec<(String, String)> {
    let readme = read("README.md");
    let blocks = readme.split("\n```yaml\n").skip(1).enumerate();
    blocks
        .map(|(index, rest)| {
            let (block, _) = rest.split_once("\n```").expect("the end of a block");
            (format!("README.md, YAML block {}", index + 1), format!("{block}\n"))
        })
        .collect()
}

fn workflows() -> Vec<(String, Value)> {
    let all = pipelines().into_iter().chain(examples());
    let parsed = all.map(|(name, text)| (name.clone(), yaml(&name, &text)));
    parsed.filter(|(_, document)| document.get("jobs").is_some()).collect()
}

fn steps(document: &Value) -> Vec<&Value> {
    let jobs = document.get("jobs").and_then(Value::as_object).into_iter().flat_map(|jobs| jobs.values());
    let of_jobs = jobs.filter_map(|job| job.get("steps"));
    let lists = of_jobs.chain(document.pointer("/runs/steps"));
    lists.filter_map(Value::as_array).flatten().collect()
}

#[test]
fn every_action_is_pinned_by_commit_and_everywhere_by_the_same() {
    let line =
        Regex::new(r"^\s*(?:- )?uses: (?<action>\S+?)(?:@(?<pin>\S+))?(?: # (?<version>\S+))?$").unwrap();
    let commit = Regex::new("^[0-9a-f]{40}$").unwrap();
    let version = Regex::new(r"^v\d+\.\d+\.\d+$").unwrap();
    let mut pins: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (name, text) in pipelines().into_iter().chain(examples()) {
        for used in text.lines().filter(|line| line.contains("uses:")) {
            let parts = line.captures(used).unwrap_or_else(|| panic!("{name}: {used}"));
            let comment = parts.name("version").is_some_and(|found| version.is_match(found.as_str()));
            if parts["action"].starts_with("./") && !name.starts_with("README") {
                continue;
            }
            assert!(comment, "{name}: no version behind {used}");
            let pin = parts.name("pin").map_or("", |pin| pin.as_str());
            if format!("{}@{pin}", &parts["action"]) == OWN_ACTION && name.starts_with("README") {
                continue;
            }
            assert!(commit.is_match(pin), "{name}: no commit in {used}");
            pins.entry(parts["action"].to_owned())
                .or_default()
                .insert(format!("{pin} {}", &parts["version"]));
        }
    }
    assert!(pins.contains_key("actions/checkout"), "{pins:?}");
    for (action, pins) in pins {
        assert_eq!(pins.len(), 1, "{action}: {pins:?}");
    }
}

#[test]
fn every_workflow_begins_with_no_permissions_and_gives_each_job_its_own() {
    for (name, document) in workflows() {
        assert_eq!(document["permissions"], serde_json::json!({}), "{name}");
        for (job, settings) in document["jobs"].as_object().expect("jobs") {
            let given = settings.get("permissions").and_then(Value::as_object);
            assert!(given.is_some_and(|given| !given.is_empty()), "{name}: job {job}");
        }
        for step in steps(&document) {
            let uses = step.get("uses").and_then(Value::as_str).unwrap_or_default();
            if uses.starts_with("actions/checkout@") {
                assert_eq!(step["with"]["persist-credentials"], false, "{name}: {step}");
            }
        }
    }
}

#[test]
fn nothing_from_outside_is_pasted_into_a_script() {
    let mut seen = 0;
    for (name, text) in pipelines().into_iter().chain(examples()) {
        let document = yaml(&name, &text);
        for script in steps(&document).iter().filter_map(|step| step.get("run")) {
            let script = script.as_str().expect("a script");
            assert!(!script.contains("${{"), "{name}: {script}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

const ACTION: &str = ".github/actions/registry-check/action.yml";

fn inputs() -> BTreeMap<String, Value> {
    let document = yaml(ACTION, &read(ACTION));
    serde_json::from_value(document["inputs"].clone()).expect("inputs")
}

#[test]
fn every_input_of_the_action_is_described_and_used_and_no_other() {
    let text = read(ACTION);
    let used: BTreeSet<_> = Regex::new(r"\binputs\.([a-z0-9-]+)")
        .unwrap()
        .captures_iter(&text)
        .map(|found| found[1].to_owned())
        .collect();
    let inputs = inputs();
    assert_eq!(inputs.keys().cloned().collect::<BTreeSet<_>>(), used);
    for (name, input) in &inputs {
        assert!(input["description"].as_str().is_some_and(|text| text.len() > 15), "{name}");
        assert!(
            input.get("default").is_some_and(Value::is_string),
            "{name} has no default, or one that is no text"
        );
    }
}

#[test]
fn every_input_of_the_action_has_a_row_in_the_readme() {
    let readme = read("README.md");
    let (_, rows) = readme.split_once("\n| input | default | |\n| --- | --- | --- |\n").expect("the table");
    let (rows, _) = rows.split_once("\n\n").expect("its end");
    let code = Regex::new("`([a-z0-9-]+)`").unwrap();
    let first = rows.lines().filter_map(|row| row.split('|').nth(1));
    let named: BTreeSet<_> =
        first.flat_map(|cell| code.captures_iter(cell)).map(|found| found[1].to_owned()).collect();
    assert_eq!(named, inputs().into_keys().collect());
}

#[test]
fn each_script_reads_the_variables_that_its_step_sets() {
    let document = yaml(ACTION, &read(ACTION));
    let variable = Regex::new(r"\bRC_[A-Z0-9_]+").unwrap();
    let script = Regex::new(r#"^bash "\$GITHUB_ACTION_PATH/([a-z-]+\.sh)"$"#).unwrap();
    let mut seen = 0;
    for step in steps(&document) {
        let Some(run) = step.get("run").and_then(Value::as_str) else { continue };
        let file = &script.captures(run).unwrap_or_else(|| panic!("{run}"))[1];
        let text = read(&format!(".github/actions/registry-check/{file}"));
        let reads: BTreeSet<_> = variable.find_iter(&text).map(|found| found.as_str().to_owned()).collect();
        let set = step["env"].as_object().expect("variables").keys();
        let set: BTreeSet<_> = set.filter(|name| name.starts_with("RC_")).cloned().collect();
        assert_eq!(reads, set, "{file}");
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn examples_give_the_action_inputs_that_it_has() {
    let known = inputs();
    let mut seen = 0;
    for (name, text) in examples() {
        for step in steps(&yaml(&name, &text)) {
            if step.get("uses").and_then(Value::as_str) == Some(OWN_ACTION) {
                let given = step.get("with").and_then(Value::as_object);
                for input in given.into_iter().flat_map(|given| given.keys()) {
                    assert!(known.contains_key(input), "{name}: {input}");
                }
                seen += 1;
            }
        }
    }
    assert!(seen > 1, "{seen}");
}

#[test]
fn what_is_released_is_what_is_packaged_installed_and_watched() {
    let release = yaml("release.yml", &read(".github/workflows/release.yml"));
    let built =
        release.pointer("/jobs/build/strategy/matrix/include").and_then(Value::as_array).expect("a matrix");
    let built: Vec<_> = built.iter().map(|entry| entry["target"].as_str().expect("a target")).collect();
    assert_eq!(built, TARGETS);

    let deny: toml::Table = read("deny.toml").parse().expect("TOML");
    let watched: Vec<_> = deny["graph"]["targets"]
        .as_array()
        .expect("targets")
        .iter()
        .filter_map(|target| target.as_str())
        .collect();
    assert_eq!(watched, TARGETS);

    let package = read(".github/release/package.sh");
    assert!(package.contains(&format!("for target in {}; do", TARGETS.join(" "))));
    let install = read(".github/actions/registry-check/install.sh");
    for target in TARGETS {
        assert_eq!(install.matches(&format!("printf '{target}'")).count(), 1, "{target}");
    }
}

#[test]
fn each_ban_has_its_reason_and_none_is_in_the_lock_file() {
    let deny: toml::Table = read("deny.toml").parse().expect("TOML");
    let lock: toml::Table = read("Cargo.lock").parse().expect("TOML");
    let locked: BTreeSet<_> = lock["package"]
        .as_array()
        .expect("packages")
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let banned = deny["bans"]["deny"].as_array().expect("bans");
    for ban in banned {
        assert!(ban["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{ban}");
        let name = ban["crate"].as_str().expect("a crate");
        assert!(!locked.contains(name), "{name}");
    }
    for other in ["openssl", "native-tls", "aws-lc-rs", "aws-lc-sys"] {
        assert!(banned.iter().any(|ban| ban["crate"].as_str() == Some(other)), "{other}");
    }
    for ignored in deny["advisories"]["ignore"].as_array().expect("a list") {
        assert!(ignored["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{ignored}");
    }
}

#[test]
fn hooks_run_as_they_are_written() {
    let hooks = yaml("hooks", &read(".pre-commit-hooks.yaml"));
    let hooks = hooks.as_array().expect("a list of hooks");
    assert_eq!(
        hooks.iter().map(|hook| &hook["id"]).collect::<Vec<_>>(),
        ["registry-check", "registry-check-images"]
    );
    let upstream = small::registry(&["one"]);
    for hook in hooks {
        let mut words = hook["entry"].as_str().expect("an entry").split(' ');
        assert_eq!(words.next(), Some("registry-check"));
        let args = hook.get("args").and_then(Value::as_array).into_iter().flatten();
        let args: Vec<_> = words.chain(args.map(|arg| arg.as_str().expect("an argument"))).collect();
        let run = |list: &str| Tool::new().file("images.txt", list).args(&args).args(["images.txt"]).run();
        let good = run(&small::list(&upstream, &["one"]));
        assert_eq!(good.code, Some(0), "{good:?}");
        let bad = run("no image\n");
        assert_eq!(bad.code, Some(2), "{bad:?}");

        let files = Regex::new(hook["files"].as_str().expect("a pattern")).expect("a regular expression");
        for name in ["images.txt", "ci/images-prod.txt", "images.list"] {
            assert!(files.is_match(name), "{name}");
        }
        for name in ["notes.txt", "myimages.txt", "images.txt.orig", "images/readme.md"] {
            assert!(!files.is_match(name), "{name}");
        }
    }
}
