//! GitLab's code quality report: what a merge request shows beside the lines that it changes.
//!
//! A JSON array with one element for each finding. GitLab compares fingerprints between branches, so they
//! hold nothing that changes from run to run. Source: GitLab documentation, "Code Quality", report format.

use std::io;

use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use super::findings::{self, Finding, Fingerprints, Severity};
use super::view::View;
use super::{escape, gating, json, unknown};

/// What GitLab takes for a path where there is none.
const NO_FILE: &str = "stdin";

pub(super) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    json::write_value(&Issues(*view), out)
}

struct Issues<'a>(View<'a>);

#[derive(Serialize)]
struct Issue<'a> {
    description: String,
    check_name: &'static str,
    fingerprint: String,
    severity: &'static str,
    location: Location<'a>,
}

#[derive(Serialize)]
struct Location<'a> {
    path: std::borrow::Cow<'a, str>,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: u32,
}

const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "info",
        Severity::Warning => "minor",
        Severity::Error => "critical",
    }
}

fn issue<'a>(view: &View<'_>, finding: &Finding<'a>, fingerprints: &mut Fingerprints) -> Issue<'a> {
    let row = &finding.row;
    Issue {
        description: escape::terminal(&finding.told(view)).into_owned(),
        check_name: row.code.as_str(),
        fingerprint: fingerprints.of(finding),
        severity: severity(finding.severity),
        location: Location {
            path: finding.file().unwrap_or(NO_FILE.into()),
            lines: Lines { begin: row.origin.line },
        },
    }
}

impl Serialize for Issues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fingerprints = Fingerprints::default();
        let mut list = serializer.serialize_seq(None)?;
        for finding in findings::all(&self.0) {
            list.serialize_element(&issue(&self.0, &finding, &mut fingerprints))?;
        }
        for name in self.0.run.scope.dynamic.names() {
            let path = findings::file(&name.origin.file).unwrap_or(NO_FILE.into());
            list.serialize_element(&Issue {
                description: escape::terminal(&unknown::told(name)).into_owned(),
                check_name: unknown::KIND,
                fingerprint: fingerprints.of_unknown(name),
                severity: severity(Severity::Note),
                location: Location { path, lines: Lines { begin: name.origin.line } },
            })?;
        }
        for finding in gating::findings(&self.0) {
            if let Some(grave) = finding.severity() {
                let (path, line) = findings::place_of_gate(&self.0, &finding);
                list.serialize_element(&Issue {
                    description: escape::terminal(&finding.text).into_owned(),
                    check_name: finding.kind.as_str(),
                    fingerprint: fingerprints.of_gate(&finding),
                    severity: severity(grave),
                    location: Location { path, lines: Lines { begin: line } },
                })?;
            }
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::Format;
    use super::super::fixture::{self, Fixture};
    use super::*;

    fn rendered(fixture: &Fixture) -> String {
        fixture.told(Format::Gitlab)
    }

    fn schema() -> Value {
        json!({
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["description", "check_name", "fingerprint", "severity", "location"],
                "properties": {
                    "description": {"type": "string", "minLength": 1, "pattern": "^[^\\x00-\\x1f]*$"},
                    "check_name": {"type": "string", "pattern": "^[a-z0-9-]+$"},
                    "fingerprint": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
                    "location": {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["path", "lines"],
                        "properties": {
                            "path": {"type": "string", "not": {"pattern": "^\\./"}},
                            "lines": {
                                "type": "object",
                                "additionalProperties": false,
                                "required": ["begin"],
                                "properties": {"begin": {"type": "integer", "minimum": 1}}
                            }
                        }
                    }
                }
            }
        })
    }

    fn faults(document: &Value) -> Vec<String> {
        fixture::faults(&schema(), document)
    }

    #[test]
    fn code_quality_looks_like_this() {
        insta::assert_snapshot!(rendered(&fixture::all_statuses()));
    }

    #[test]
    fn issues_have_what_gitlab_asks_for_and_fingerprints_of_their_own() {
        for fixture in
            [fixture::all_statuses(), fixture::many(30), fixture::many(0), fixture::with_dynamic(5, "a:$X")]
        {
            let document: Value = serde_json::from_str(&rendered(&fixture)).unwrap();
            assert_eq!(faults(&document), [""; 0]);
            let issues = document.as_array().unwrap();
            let prints: HashSet<_> =
                issues.iter().map(|issue| issue["fingerprint"].as_str().unwrap()).collect();
            assert_eq!(prints.len(), issues.len());
        }
        assert_eq!(rendered(&fixture::many(0)), "[]\n");
    }

    proptest! {
        #[test]
        fn hostile_text_is_one_description(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "\"},{", "\\", "]]>", "##[group]", "##vso[task.x]", ""]),
        ) {
            let text = rendered(&fixture::saying(&format!("{special}{text}")));
            prop_assert!(!text.replace('\n', "").contains(escape::is_hidden));
            prop_assert_eq!(crate::report::escape::runner_command(&text), None);
            let document: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(faults(&document), [""; 0]);
            prop_assert_eq!(document.as_array().unwrap().len(), 1);
        }
    }
}
