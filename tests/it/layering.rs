//! Holds the imports of `src/**` to the layout: which room may use which, and where a foreign crate
//! may be named.
//!
//! `ROOMS` and `QUARANTINE` are that layout. A new room needs a row; what a row allows should change
//! only together with `ARCHITECTURE.md`. Code under `#[cfg(test)]` may reach anywhere.

mod imports;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use imports::{Import, Path as ImportPath, Source};

/// Which rooms a room may use.
enum Uses {
    /// No other than these.
    Only(&'static [&'static str]),
    /// All: here the stages meet.
    Everything,
}

use Uses::{Everything, Only};

/// The rooms in the order of the flow: a room uses what stands before it.
const ROOMS: &[(&str, Uses)] = &[
    ("model", Only(&[])),
    ("net", Only(&["model"])),
    ("credentials", Only(&["model"])),
    ("inputs", Only(&["model"])),
    ("mirrors", Only(&["model"])),
    ("plan", Only(&["model"])),
    ("probe", Only(&["model", "net", "credentials", "plan"])),
    ("verdict", Only(&["model", "plan"])),
    ("gate", Only(&["model"])),
    ("report", Only(&["model", "gate"])),
    ("stored", Only(&["model", "report"])),
    ("ui", Only(&["model"])),
    ("demo", Only(&["model"])),
    ("cli", Only(&["model", "gate", "report"])),
    // Fills the options type of each stage from what was typed.
    (
        "config",
        Only(&[
            "model",
            "net",
            "credentials",
            "inputs",
            "mirrors",
            "plan",
            "probe",
            "verdict",
            "gate",
            "report",
            "ui",
            "cli",
        ]),
    ),
    ("app", Everything),
    // Turns a decision and the errors of `app` into codes.
    ("exit", Only(&["model", "gate", "app"])),
    ("lib", Everything),
    ("main", Everything),
];

/// The rooms without I/O and without a clock.
const PURE: &[&str] = &["model", "plan", "verdict", "gate", "report", "stored"];

/// Where a path may be named.
enum Where {
    /// Only in these modules and below them, written as paths: `model/image` is `model/image.rs` and
    /// whatever lies in `model/image/`.
    In(&'static [&'static str]),
    /// Anywhere but in these.
    NotIn(&'static [&'static str]),
}

use Where::{In, NotIn};

/// Paths outside this crate that are not for everybody; the first parts decide.
const QUARANTINE: &[(&str, Where)] = &[
    ("clap", In(&["cli"])),
    ("clap_complete", In(&["cli"])),
    ("clap_mangen", In(&["cli"])),
    ("reqwest", In(&["net"])),
    ("rustls", In(&["net"])),
    ("rustls_native_certs", In(&["net"])),
    ("x509_cert", In(&["net"])),
    ("h2", In(&["net"])),
    ("hyper", In(&["demo", "net"])),
    ("hyper_util", In(&["demo", "net"])),
    ("http_body_util", In(&["demo", "net"])),
    ("rustix", In(&["app/apart", "app/interrupt", "app/reader", "net"])),
    ("oci_distribution", In(&["model/image", "model/manifest", "probe/oci"])),
    ("csv", In(&["report/csv"])),
    ("toml_edit", In(&["mirrors/export"])),
    ("regex", In(&["model/rewrite"])),
    ("toml", In(&["config", "mirrors", "inputs"])),
    // Kubernetes Secrets hold credentials.
    ("serde_saphyr", In(&["credentials/manifest", "config", "mirrors", "inputs"])),
    ("granit_parser", In(&["inputs/yaml"])),
    ("globset", In(&["inputs/files"])),
    ("indicatif", In(&["ui"])),
    ("tokio", NotIn(PURE)),
    ("std::env", NotIn(PURE)),
    ("std::fs", NotIn(PURE)),
    ("std::process", NotIn(PURE)),
    ("std::thread", NotIn(PURE)),
    ("std::time::Instant", NotIn(PURE)),
    ("std::time::SystemTime", NotIn(PURE)),
];

/// The rules that `files` (paths below `src`, with `/`, and their texts) break, one line for each.
fn violations(files: &BTreeMap<String, String>) -> Vec<String> {
    let mut sources = Vec::new();
    let mut broken = Vec::new();
    for (file, text) in files {
        match Source::read(&module(file), text) {
            Ok(source) => sources.push((file, source)),
            Err(error) => broken.push(format!("src/{file}: cannot be read: {error}")),
        }
    }
    let only_for_tests: Vec<_> = sources.iter().flat_map(|(_, source)| source.test_modules.clone()).collect();
    for (file, source) in &sources {
        let module = module(file);
        if source.only_for_tests || only_for_tests.iter().any(|test| module.starts_with(test)) {
            continue;
        }
        let room = room(file);
        let Some((_, uses)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            broken.push(format!(
                "src/{file}: the room '{room}' is unknown: add a row to ROOMS in tests/it/layering.rs"
            ));
            continue;
        };
        for Import { line, path } in &source.imports {
            let rule = match path {
                ImportPath::Inside(path) => breaks_order(room, uses, path),
                ImportPath::Outside(path) => breaks_quarantine(file, &path.join("::")),
            };
            broken.extend(rule.map(|rule| format!("src/{file}:{line}: {rule}")));
        }
    }
    broken
}

fn breaks_order(room: &str, uses: &Uses, path: &[String]) -> Option<String> {
    let (Only(allowed), Some(used)) = (uses, path.first()) else { return None };
    if used == room || allowed.contains(&used.as_str()) {
        return None;
    }
    let may = if allowed.is_empty() { "no other room".to_owned() } else { allowed.join(", ") };
    Some(format!("'{room}' uses crate::{}, but may use {may}", path.join("::")))
}

fn breaks_quarantine(file: &str, path: &str) -> Option<String> {
    let (rule, place) = QUARANTINE.iter().find(|(rule, _)| is_below(path, rule, "::"))?;
    let stands_in = |places: &[&str]| places.iter().any(|place| is_at(file, place));
    match place {
        In(places) if !stands_in(places) => {
            Some(format!("{path}: {rule} belongs only in {}", places.join(", ")))
        }
        NotIn(places) if stands_in(places) => {
            Some(format!("{path}: {rule} does not belong in {}", places.join(", ")))
        }
        In(_) | NotIn(_) => None,
    }
}

/// `file` is the module at `place` or lies below it.
fn is_at(file: &str, place: &str) -> bool {
    is_below(file, place, "/") || file.strip_suffix(".rs") == Some(place)
}

fn is_below(path: &str, start: &str, separator: &str) -> bool {
    path.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(separator))
}

/// `report/csv.rs` and `report.rs` are of the room `report`.
fn room(file: &str) -> &str {
    let first = file.split('/').next().unwrap_or(file);
    first.strip_suffix(".rs").unwrap_or(first)
}

fn module(file: &str) -> Vec<String> {
    let path = file.strip_suffix(".rs").unwrap_or(file);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    match path {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

fn read(root: &Path, dir: &Path, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).expect("a folder of sources") {
        let path = entry.expect("its entry").path();
        if path.is_dir() {
            read(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let below = path.strip_prefix(root).expect("a path below the root");
            let name = below.to_str().expect("a name in UTF-8").replace('\\', "/");
            files.insert(name, fs::read_to_string(&path).expect("a source"));
        }
    }
}

#[test]
fn imports_keep_to_the_layout() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    read(&root, &root, &mut files);
    assert!(files.contains_key("lib.rs"), "no sources were found in {}", root.display());
    let broken = violations(&files);
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn rooms_come_after_what_they_use() {
    for (at, (room, uses)) in ROOMS.iter().enumerate() {
        if let Only(used) = uses {
            for name in *used {
                assert!(ROOMS[..at].iter().any(|(earlier, _)| earlier == name), "{room} uses {name}");
            }
        }
    }
}

/// The violations of one file.
fn of(file: &str, text: &str) -> Vec<String> {
    violations(&BTreeMap::from([(file.to_owned(), text.to_owned())]))
}

#[test]
fn leftward_use_passes_and_rightward_use_is_told_with_its_line() {
    assert!(of("report/csv.rs", "use crate::gate::Decision;\nuse crate::report::Row;").is_empty());
    assert_eq!(
        of("gate/mod.rs", "use crate::model::run::Run;\n\nuse crate::report::Row;"),
        ["src/gate/mod.rs:3: 'gate' uses crate::report::Row, but may use model"]
    );
    assert_eq!(of("model/run.rs", "use crate::gate;").len(), 1);
    assert!(of("app/check.rs", "use crate::{cli, config, demo, gate, report};").is_empty());
}

#[test]
fn every_way_to_name_a_room_is_seen() {
    for text in [
        "use crate::{model::run::Run, report::{self}};",
        "use crate::{model::run::Run, report::{Row}};",
        "use crate::{report as paper};",
        "pub(crate) use crate::report::*;",
        "fn f() { crate::report::row(); }",
        "fn f(row: &crate::report::Row) {}",
        "fn f() { let _ = vec![format!(\"{}\", crate::report::row())]; }",
        "use super::super::report::Row;",
        "fn f() { super::super::report::row() }",
        "mod inner { use super::super::super::report::Row; }",
        "mod inner { fn f() { use crate::report::Row; } }",
        "impl crate::report::Render for Gate {}",
        "#[crate::report::render] struct Gate;",
        "macro_rules! row { () => { $crate::report::Row }; }",
        "#[cfg(not(test))] use crate::report::Row;",
    ] {
        assert_eq!(of("gate/policy.rs", text).len(), 1, "{text}: {:?}", of("gate/policy.rs", text));
    }
}

#[test]
fn what_only_looks_like_a_room_is_not_seen() {
    for text in [
        "// use crate::report::Row;\n/// [`crate::report::Row`]\nfn f() {}",
        "const TEXT: &str = \"crate::report::Row\";",
        "const TEXT: &str = r#\"use crate::report::Row;\"#;",
        "use super::report::Row;",
        "use self::report::Row;",
        "mod inner { use super::super::report::Row; }",
        "pub(crate) fn report() {}",
        "fn f<'a>() -> impl Iterator<Item = &'a str> + use<'a> { report::rows() }",
    ] {
        assert_eq!(of("gate/policy.rs", text), [""; 0], "{text}");
    }
}

#[test]
fn tests_may_reach_anywhere_but_what_follows_them_may_not() {
    let text = "#[cfg(test)]\nuse crate::{demo, report};\n\
                #[cfg(test)]\nmod tests { use crate::app; use tokio::task; }\n\
                struct Gate { #[cfg(test)] row: crate::report::Row, other: u8 }\n\
                #[cfg(test)]\nfn both<K, V>() { crate::report::row(); }\n\
                use crate::report::Row;";
    assert_eq!(
        of("gate/mod.rs", text),
        ["src/gate/mod.rs:8: 'gate' uses crate::report::Row, but may use model"]
    );
    assert!(of("gate/samples.rs", "#![cfg(test)]\nuse crate::report::Row;").is_empty());

    let apart = BTreeMap::from([
        ("gate/mod.rs".to_owned(), "#[cfg(test)]\nmod samples;".to_owned()),
        ("gate/samples.rs".to_owned(), "use crate::report::Row;".to_owned()),
        ("gate/samples/more.rs".to_owned(), "use crate::report::Row;".to_owned()),
    ]);
    assert_eq!(violations(&apart), [""; 0]);
}

#[test]
fn foreign_crates_stay_in_their_rooms() {
    for (file, text) in [
        ("cli/mod.rs", "use clap::Parser;"),
        ("net/client.rs", "use reqwest::Client; use rustls::ClientConfig;"),
        ("model/image.rs", "use oci_distribution::Reference;"),
        ("model/manifest/odd.rs", "use oci_distribution::manifest;"),
        ("probe/oci.rs", "use oci_distribution::Reference;"),
        ("probe/oci/token.rs", "use oci_distribution::Reference;"),
        ("report/csv.rs", "use csv::Writer;"),
        ("probe/schedule.rs", "use tokio::sync::Semaphore;"),
        ("model/run.rs", "use std::time::Duration;"),
        // Its own module of that name, not the crate.
        ("report/mod.rs", "mod csv; pub use csv::render;"),
        ("app/render.rs", "use crate::report::csv; fn f() { csv::render() }"),
    ] {
        assert_eq!(of(file, text), [""; 0], "{file}: {text}");
    }
    for (file, text) in [
        ("app/check.rs", "#[derive(clap::Parser)] struct Flags;"),
        ("main.rs", "use clap as flags;"),
        ("probe/oci/token.rs", "fn f(error: &reqwest::Error) {}"),
        ("demo/mod.rs", "use {rustls::ServerConfig, url::Url};"),
        ("probe/schedule.rs", "use hyper_util::rt::TokioIo;"),
        ("model/mirror.rs", "use oci_distribution::Reference;"),
        ("report/mod.rs", "mod csv; use ::csv::Writer;"),
        ("report/mod.rs", "use csv::Writer;"),
        ("app/check.rs", "let table = toml::from_str(text)?;"),
        ("app/check.rs", "use indicatif;"),
        ("report/view.rs", "#[tokio::main] async fn f() {}"),
        ("plan/mod.rs", "use std::{fmt, fs};"),
        ("verdict/mod.rs", "use std::time::{Duration, Instant};"),
    ] {
        assert_eq!(of(file, text).len(), 1, "{file}: {text}: {:?}", of(file, text));
    }
    assert_eq!(
        of("app/check.rs", "\nuse reqwest::Client;"),
        ["src/app/check.rs:2: reqwest::Client: reqwest belongs only in net"]
    );
}

#[test]
fn unknown_room_asks_for_a_row() {
    let unknown = of("attic/mod.rs", "");
    assert_eq!(
        unknown,
        ["src/attic/mod.rs: the room 'attic' is unknown: add a row to ROOMS in tests/it/layering.rs"]
    );
    assert_eq!(of("attic.rs", "").len(), 1);
    assert_eq!(of("gate/mod.rs", "use crate::attic::Box;").len(), 1);
}
