//! `registry-check explain`: every code, from the one table that the README lists.

use registry_check::gate::GateCode;
use registry_check::model::code::Code;
use serde_json::Value;

use crate::support::tool::{Output, Tool};

fn explain(args: &str) -> Output {
    Tool::new().line("explain").line(args).run()
}

#[test]
fn code_is_explained_with_each_cause_and_what_to_try() {
    let output = explain("tag-absent");
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    assert_eq!(
        output.stdout,
        "tag-absent (missing)\n  \
         The mirror has upstream's image by digest, but not under this tag.\n\n  \
         cause: the mirror was filled by digest\n    \
         try: have it copy the tag as well\n\n  \
         cause: the mirror cleans up tags and keeps content\n    \
         try: change its retention, or pin the image by digest\n\n  \
         in short: have the mirror copy the tag, or pin the image by digest\n"
    );
    let two = explain("digest-equal tag-absent tag-absent").stdout;
    assert!(two.starts_with("digest-equal (ok)\n  The digest is upstream's"), "{two}");
    assert!(two.ends_with(&format!("\n\n{}", output.stdout)), "{two}");
}

#[test]
fn list_has_every_code_and_json_has_all_of_each() {
    let list = explain("--list");
    assert_eq!(list.code, Some(0));
    let names: Vec<_> = list.stdout.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    let of_gate = GateCode::ALL.iter().map(|code| code.as_str());
    assert!(names.iter().copied().eq(Code::ALL.iter().map(|code| code.as_str()).chain(of_gate)), "{list:?}");
    let json: Value = serde_json::from_str(&explain("--list -f json").stdout).unwrap();
    for (entry, code) in json.as_array().unwrap().iter().zip(Code::ALL) {
        assert_eq!(entry["code"], code.as_str());
        assert_eq!(entry["status"], code.status().as_str());
        assert_eq!(entry["meaning"], code.meaning());
        assert_eq!(entry["causes"].as_array().unwrap().len(), code.causes().len());
        for (entry, cause) in entry["causes"].as_array().unwrap().iter().zip(code.causes()) {
            assert_eq!((&entry["cause"], &entry["try"]), (&cause.cause.into(), &cause.remedy.into()));
        }
    }
    let one: Value = serde_json::from_str(&explain("digest-differs -f json").stdout).unwrap();
    assert_eq!(one[0]["causes"].as_array().unwrap().len(), Code::DigestDiffers.causes().len());
    assert_eq!(one.as_array().unwrap().len(), 1);
}

#[test]
fn what_the_gate_itself_finds_is_explained_too() {
    let output = explain("mirror-slower");
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let first = "mirror-slower (gate: fail)\n  The first bytes of a mirror come later than in the baseline by more than \
                 --max-slowdown allows.\n\n  cause: ";
    assert!(output.stdout.starts_with(first), "{output:?}");
    assert_eq!(output.stdout.matches("\n  cause: ").count(), GateCode::MirrorSlower.causes().len());
    assert_eq!(output.stdout.matches("\n    try: ").count(), GateCode::MirrorSlower.causes().len());
    let json: Value = serde_json::from_str(&explain("gate digest-differs -f json").stdout).unwrap();
    let entries = json.as_array().unwrap();
    assert_eq!(entries.len(), GateCode::ALL.len() + 1);
    for (entry, code) in entries.iter().zip(GateCode::ALL) {
        assert_eq!((&entry["code"], &entry["gate"]), (&code.as_str().into(), &code.word().into()));
        assert_eq!((&entry["status"], &entry["advice"]), (&Value::Null, &code.advice().into()));
        assert_eq!(entry["causes"].as_array().unwrap().len(), code.causes().len());
    }
    assert_eq!(entries[GateCode::ALL.len()].get("gate"), None);
    let told = explain("mirror-sloweer").stderr;
    assert!(told.starts_with("unknown code 'mirror-sloweer' (did you mean 'mirror-slower'?)\n"), "{told}");
}

#[test]
fn status_stands_for_all_of_its_codes() {
    let output = explain("missing stale -f json");
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    let names: Vec<_> =
        json.as_array().unwrap().iter().map(|entry| entry["code"].as_str().unwrap()).collect();
    assert_eq!(names, ["manifest-unknown", "tag-absent", "missing-upstream-too", "digest-differs"]);
}

#[test]
fn code_that_there_is_not_is_an_error_with_the_nearest_one() {
    for (args, told) in [
        (
            "tag-absnt",
            "unknown code 'tag-absnt' (did you mean 'tag-absent'?)\nerror: 1 code that there is not\n",
        ),
        ("digest-equal E1 E2", "unknown code 'E1'\nunknown code 'E2'\nerror: 2 codes that there are not\n"),
        ("", "error: the following required arguments were not provided"),
        ("tag-absent --list", "error: the argument '[CODE]...' cannot be used with '--list'"),
        ("tag-absent -f csv", "error: 'explain' has no report in the format 'csv'"),
    ] {
        let output = explain(args);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{args}: {output:?}");
        assert!(output.stderr.starts_with(told), "{args}: {output:?}");
    }
    let hostile = Tool::new().args(["explain", "\u{1b}[2J"]).run();
    assert!(!hostile.stderr.contains('\u{1b}'), "{hostile:?}");
}
