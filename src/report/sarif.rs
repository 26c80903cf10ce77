//! SARIF 2.1.0, for code scanning: a rule for each code, a result for each finding, at its line.
//!
//! Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"; sections are named
//! where they matter. `tests/fixtures/sarif-2.1.0.schema.json` holds what is written here to it.

use std::collections::HashMap;
use std::io;
use std::sync::LazyLock;

use serde::Serialize;
use serde::ser::{SerializeSeq as _, Serializer};

use super::escape;
use super::explain::{AnyCode, GATE};
use super::findings::{self, Finding, Fingerprints, Severity};
use super::gating;
use super::json::{self, Depth};
use super::unknown;
use super::view::{Timestamp, View};
use crate::gate::{GateCode, Level};
use crate::model::code::{Cause, Code};
use crate::model::run::Ending;
use crate::model::status::Status;

/// Where the published schema stands, for editors.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";
/// The root of the sources, as GitHub and others know it.
const ROOT: &str = "%SRCROOT%";
/// A location must have a file; standard input has this.
const NO_FILE: &str = "stdin";
/// Each run, rule list and result on a line of its own.
const LINES: Depth = Depth { of_lists: 4, of_objects: 3 };

/// Codes of results that may be findings, in the order of the rules.
static RULES: LazyLock<Vec<Code>> =
    LazyLock::new(|| Code::ALL.iter().copied().filter(|code| code.status() != Status::Ok).collect());
static RULE_INDEX: LazyLock<HashMap<Code, usize>> =
    LazyLock::new(|| RULES.iter().enumerate().map(|(at, code)| (*code, at)).collect());

pub(super) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let log = Log { schema: SCHEMA, version: "2.1.0", runs: [run(view)] };
    json::write_value_to(LINES, &log, out)
}

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool<'a>,
    automation_details: AutomationDetails,
    invocations: [Invocation; 1],
    results: Results<'a>,
}

#[derive(Serialize)]
struct AutomationDetails {
    id: &'static str,
}

#[derive(Serialize)]
struct Tool<'a> {
    driver: Driver<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver<'a> {
    name: &'static str,
    semantic_version: &'a str,
    rules: Vec<Rule>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: &'static str,
    name: String,
    short_description: Message,
    full_description: Message,
    help: Help,
    default_configuration: Configuration,
    properties: RuleProperties,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
struct Help {
    text: String,
    markdown: String,
}

#[derive(Serialize)]
struct Configuration {
    level: &'static str,
}

#[derive(Serialize)]
struct RuleProperties {
    tags: [&'static str; 2],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    start_time_utc: Timestamp,
    end_time_utc: Timestamp,
    exit_code: u8,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultLine<'a> {
    rule_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: &'static str,
    message: Message,
    locations: [Location; 1],
    partial_fingerprints: PartialFingerprints,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<ResultProperties<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    physical_location: PhysicalLocation,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: ArtifactLocation,
    region: Region,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArtifactLocation {
    uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    uri_base_id: Option<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PartialFingerprints {
    /// The only one that GitHub compares; without it, two mirrors that lack an image are one alert.
    primary_location_line_hash: String,
    #[serde(rename = "registryCheck/v1")]
    own: String,
}

#[derive(Serialize)]
struct ResultProperties<'a> {
    image: String,
    mirror: &'a str,
    status: &'static str,
}

fn run<'a>(view: &View<'a>) -> Run<'a> {
    let invocation = Invocation {
        execution_successful: view.run.ending == Ending::Complete,
        start_time_utc: Timestamp(view.run.started_at),
        end_time_utc: Timestamp(view.run.finished_at),
        exit_code: view.exit_code,
    };
    let mut rules: Vec<_> = RULES.iter().map(|code| rule(view, *code)).collect();
    rules.extend(gate_rules().map(gate_rule));
    Run {
        tool: Tool { driver: Driver { name: "registry-check", semantic_version: view.tool_version, rules } },
        // Ends with a slash: a category, not one run (section 3.17.3).
        automation_details: AutomationDetails { id: "registry-check/" },
        invocations: [invocation],
        results: Results(*view),
    }
}

fn rule(view: &View<'_>, code: Code) -> Rule {
    let level = match view.policy.level(code.status()) {
        Level::Fail => "error",
        Level::Undecided => "warning",
        Level::Warn => "note",
        Level::Pass => "none",
    };
    let meaning = code.meaning();
    Rule {
        id: code.as_str(),
        name: pascal_case(code.as_str()),
        short_description: Message { text: message(meaning) },
        full_description: Message {
            text: message(&format!("{meaning} The status of such results is {}.", code.status())),
        },
        help: help(AnyCode::Result(code)),
        default_configuration: Configuration { level },
        properties: RuleProperties { tags: ["container-image", code.status().as_str()] },
    }
}

/// Meaning, then each cause with what to try.
fn help(code: AnyCode) -> Help {
    let (mut text, mut markdown) = (code.meaning().to_owned(), escape::markdown(code.meaning()));
    markdown.push('\n');
    for Cause { cause, remedy } in code.causes() {
        text += &format!(" Cause: {cause}. Try: {remedy}.");
        let [cause, remedy] = [cause, remedy].map(|words| escape::markdown(words));
        markdown += &format!("\n- **Cause**: {cause}. **Try**: {remedy}.");
    }
    text += &format!(" In short: {}.", code.advice());
    markdown += &format!("\n\n**In short**: {}.", escape::markdown(code.advice()));
    Help { text: message(&text), markdown: message(&markdown) }
}

/// What the gate itself may find, but for what is only told.
fn gate_rules() -> impl Iterator<Item = GateCode> {
    let is_listed = |code: &GateCode| code.level() != Level::Pass || *code == GateCode::NotKnownOffline;
    GateCode::ALL.into_iter().filter(is_listed)
}

fn gate_index(code: GateCode) -> Option<usize> {
    gate_rules().position(|other| other == code).map(|at| RULES.len() + at)
}

fn gate_rule(code: GateCode) -> Rule {
    Rule {
        id: code.as_str(),
        name: pascal_case(code.as_str()),
        short_description: Message { text: message(code.meaning()) },
        full_description: Message { text: message(code.meaning()) },
        help: help(AnyCode::Gate(code)),
        default_configuration: Configuration {
            level: match code.level() {
                Level::Fail => "error",
                Level::Warn | Level::Undecided => "warning",
                Level::Pass => "note",
            },
        },
        properties: RuleProperties { tags: ["container-image", GATE] },
    }
}

/// `digest-differs` as `DigestDiffers`, which is how rules are named (section 3.49.7).
fn pascal_case(code: &str) -> String {
    let words = code.split('-').map(|word| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    });
    words.collect()
}

struct Results<'a>(View<'a>);

impl Serialize for Results<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fingerprints = Fingerprints::default();
        let mut list = serializer.serialize_seq(None)?;
        for finding in findings::all(&self.0) {
            list.serialize_element(&result(&self.0, &finding, &mut fingerprints))?;
        }
        for name in self.0.run.scope.dynamic.names() {
            let file = findings::file(&name.origin.file).unwrap_or(NO_FILE.into());
            list.serialize_element(&ResultLine {
                rule_id: unknown::KIND,
                rule_index: gate_index(GateCode::NotKnownOffline),
                level: level(Severity::Note),
                message: Message { text: message(&unknown::told(name)) },
                locations: [Location { physical_location: located(&file, name.origin.line) }],
                partial_fingerprints: prints(fingerprints.of_unknown(name)),
                properties: None,
            })?;
        }
        for finding in gating::findings(&self.0) {
            if let Some(severity) = finding.severity() {
                let (file, line) = findings::place_of_gate(&self.0, &finding);
                let own = fingerprints.of_gate(&finding);
                list.serialize_element(&ResultLine {
                    rule_id: finding.kind.as_str(),
                    rule_index: gate_index(finding.kind),
                    level: level(severity),
                    message: Message { text: message(&finding.text) },
                    locations: [Location { physical_location: located(&file, line) }],
                    partial_fingerprints: prints(own),
                    properties: None,
                })?;
            }
        }
        list.end()
    }
}

fn result<'a>(view: &View<'_>, finding: &Finding<'a>, fingerprints: &mut Fingerprints) -> ResultLine<'a> {
    let row = &finding.row;
    let own = fingerprints.of(finding);
    ResultLine {
        rule_id: row.code.as_str(),
        rule_index: RULE_INDEX.get(&row.code).copied(),
        level: level(finding.severity),
        message: Message { text: message(&finding.told(view)) },
        locations: [Location { physical_location: place(finding) }],
        partial_fingerprints: prints(own),
        properties: Some(ResultProperties {
            image: row.artifact.to_string(),
            mirror: row.mirror,
            status: row.status().as_str(),
        }),
    }
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn prints(own: String) -> PartialFingerprints {
    PartialFingerprints { primary_location_line_hash: format!("{}:1", own.get(..16).unwrap_or(&own)), own }
}

fn place(finding: &Finding<'_>) -> PhysicalLocation {
    located(&finding.file().unwrap_or(NO_FILE.into()), finding.row.origin.line)
}

fn located(file: &str, line: u32) -> PhysicalLocation {
    let (uri, uri_base_id) = if file.starts_with('/') {
        (format!("file://{}", path(file)), None)
    } else {
        (path(file), Some(ROOT))
    };
    PhysicalLocation {
        artifact_location: ArtifactLocation { uri, uri_base_id },
        region: Region { start_line: line },
    }
}

/// A path as the path of a URI reference (RFC 3986, sections 3.3 and 4.2).
fn path(file: &str) -> String {
    let mut uri = String::with_capacity(file.len());
    for byte in file.bytes() {
        match byte {
            b'A'..=b'Z'
            | b'a'..=b'z'
            | b'0'..=b'9'
            | b'-'
            | b'.'
            | b'_'
            | b'~'
            | b'/'
            | b'+'
            | b'@'
            | b'=' => {
                uri.push(char::from(byte));
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

/// Text without placeholders and embedded links (sections 3.11.5 and 3.11.6).
fn message(text: &str) -> String {
    // Line ends of Markdown are our own; a server's are visible escapes.
    let lines: Vec<_> = text.split('\n').map(escape::terminal).collect();
    lines.join("\n").replace('{', "{{").replace('}', "}}").replace("](", "] (")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::Format;
    use super::super::fixture::{self, Fixture};
    use super::super::view::Row;
    use super::*;

    const SUBSET: &str = include_str!("../../tests/fixtures/sarif-2.1.0.schema.json");

    fn parsed(fixture: &Fixture) -> Value {
        fixture.json(Format::Sarif)
    }

    fn faults(document: &Value) -> Vec<String> {
        fixture::faults(&serde_json::from_str(SUBSET).unwrap(), document)
    }

    #[test]
    fn sarif_looks_like_this() {
        let mut document = parsed(&fixture::all_statuses());
        // The table of codes has its own tests; two rules show what they look like.
        document.pointer_mut("/runs/0/tool/driver/rules").unwrap().as_array_mut().unwrap().truncate(2);
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap());
    }

    #[test]
    fn logs_fit_the_standard() {
        for fixture in [
            fixture::all_statuses(),
            fixture::many(50),
            fixture::many(0),
            fixture::saying(fixture::HOSTILE),
            fixture::with_dynamic(3, fixture::HOSTILE),
        ] {
            assert_eq!(faults(&parsed(&fixture)), [""; 0]);
        }
    }

    #[test]
    fn logs_that_leave_the_standard_are_found_out() {
        let good = parsed(&fixture::all_statuses());
        for (pointer, value) in [
            ("/version", json!("2.0.0")),
            ("/runs", json!({})),
            ("/runs/0/results", json!(null)),
            ("/runs/0/results/0/level", json!("fatal")),
            ("/runs/0/results/0/message", json!("text")),
            ("/runs/0/results/0/message", json!({})),
            ("/runs/0/results/0/message/text", json!("an {unescaped} brace")),
            ("/runs/0/results/0/message/text", json!("a [link](1)")),
            ("/runs/0/results/0/ruleIndex", json!(-2)),
            ("/runs/0/results/0/locations/0/physicalLocation/region/startLine", json!(0)),
            ("/runs/0/results/0/locations/0/physicalLocation/artifactLocation/uri", json!("a b")),
            ("/runs/0/results/0/partialFingerprints", json!({"a": 1})),
            ("/runs/0/invocations/0/startTimeUtc", json!("yesterday")),
            ("/runs/0/tool/driver/rules/0/id", json!("Digest Differs")),
            ("/runs/0/tool/driver/rules/0/help", json!({"markdown": "only"})),
            ("/runs/0/tool/driver/rules/0/defaultConfiguration/level", json!("pass")),
        ] {
            let mut broken = good.clone();
            *broken.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
            assert_ne!(faults(&broken), [""; 0], "{pointer}");
        }
        for pointer in
            ["", "/runs/0", "/runs/0/results/0", "/runs/0/tool/driver", "/runs/0/tool/driver/rules/0"]
        {
            let mut broken = good.clone();
            broken.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
            assert_ne!(faults(&broken), [""; 0], "{pointer}");
        }
    }

    #[test]
    fn every_result_points_at_its_rule_and_its_line() {
        let fixture = fixture::all_statuses();
        let log = parsed(&fixture);
        let rules = log.pointer("/runs/0/tool/driver/rules").unwrap().as_array().unwrap();
        assert_eq!(rules.len(), RULES.len() + gate_rules().count());
        let results = log.pointer("/runs/0/results").unwrap().as_array().unwrap();
        let rows: Vec<Row<'_>> = findings::all(&fixture.view()).map(|finding| finding.row).collect();
        assert_eq!(results.len(), rows.len());
        for (result, row) in results.iter().zip(rows) {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(result["ruleId"], rule["id"]);
            assert_eq!(rule["id"], row.code.as_str());
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], &*row.origin.file);
            assert_eq!(place["region"]["startLine"], row.origin.line);
        }
    }

    #[test]
    fn every_code_and_everything_the_gate_finds_points_at_the_rule_of_its_name() {
        let mut fixture = fixture::many(u32::try_from(RULES.len()).unwrap());
        let of_half = fixture.run.results.iter_mut().filter(|result| result.endpoint == 1);
        of_half.zip(RULES.iter()).for_each(|(result, code)| result.verdict.code = *code);
        fixture.policy = fixture::strict();
        fixture = Fixture::new(fixture.run, fixture.policy, 1);
        let log = parsed(&fixture);
        assert_eq!(faults(&log), [""; 0]);
        let rules = log.pointer("/runs/0/tool/driver/rules").unwrap().as_array().unwrap();
        let ids: HashSet<_> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), rules.len());
        let results = log.pointer("/runs/0/results").unwrap().as_array().unwrap();
        let mut told = HashSet::new();
        for result in results {
            let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(result["ruleId"], rule["id"]);
            told.insert(result["ruleId"].as_str().unwrap());
        }
        assert!(RULES.iter().all(|code| told.contains(code.as_str())), "{told:?}");
        assert!(told.contains("exception-unused") && told.contains("mirror-too-slow"), "{told:?}");
    }

    #[test]
    fn files_are_uri_references() {
        assert_eq!(path("a b/ü#?%:[x].txt"), "a%20b/%C3%BC%23%3F%25%3A%5Bx%5D.txt");
        let mut fixture = fixture::many(1);
        let uri = |fixture: &Fixture| {
            parsed(fixture)
                .pointer("/runs/0/results/0/locations/0/physicalLocation/artifactLocation")
                .unwrap()
                .clone()
        };
        for (file, location) in [
            ("./images.txt", json!({"uri": "images.txt", "uriBaseId": "%SRCROOT%"})),
            ("/srv/my list", json!({"uri": "file:///srv/my%20list"})),
            ("stdin", json!({"uri": "stdin", "uriBaseId": "%SRCROOT%"})),
        ] {
            fixture.run.places[0].origin.file = file.into();
            assert_eq!(uri(&fixture), location);
        }
    }

    proptest! {
        #[test]
        fn hostile_text_stays_in_its_message(
            text in any::<String>(),
            special in prop::sample::select(vec![
                fixture::HOSTILE, "{0}", "}{", "[x](1)", "[x](https://x.example)", "##[group]", "##vso[task.x]", "\\[", "]]>", "",
            ]),
        ) {
            let mut fixture = fixture::saying(&format!("{special}{text}"));
            fixture.run.places[0].origin.file = format!("x{special}{text}").into();
            let text = fixture.told(Format::Sarif);
            prop_assert!(!text.replace('\n', "").contains(escape::is_hidden));
            let log: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(faults(&log), [""; 0]);
            prop_assert_eq!(log.pointer("/runs/0/results").unwrap().as_array().unwrap().len(), 1);
        }
    }
}
