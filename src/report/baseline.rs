//! The baseline file, `registry-check/baseline/v1`, both ways; a saved JSON report is read as one too.
//!
//! Of a report only that is read which comparing needs, and what is not known of it is passed over: a report of a
//! later program with the same schema will do. Lines are sorted and hold no digests, so that a baseline
//! under version control changes only where something got better or worse.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::json;
use super::view::{Timestamp, milliseconds};
use crate::gate::{self, Baseline, Key, Pace, Problem};
use crate::model::code::Code;
use crate::model::endpoint::Role;
use crate::model::scope::Vantage;
use crate::model::status::Status;

/// What stands in `schema`.
pub const SCHEMA_ID: &str = "registry-check/baseline/v1";

/// Most characters shown of a text that a file holds.
const SHOWN: usize = 80;

/// Why a document is no baseline.
#[derive(Debug, Error)]
pub enum Unusable {
    /// It ends in the middle.
    #[error("line {line}: the file ends in the middle: it was cut off")]
    CutOff {
        /// The last line.
        line: usize,
    },
    /// It is no JSON, or not of this form.
    #[error("line {line}: {fault}")]
    Malformed {
        /// Where, counted from 1.
        line: usize,
        /// What is wrong.
        fault: String,
    },
    /// No `schema` in it.
    #[error("it is no JSON report: it has no \"schema\"")]
    NoSchema,
    /// A form that is not known.
    #[error("its schema '{0}' is not known here (known: {report}, {SCHEMA_ID}): \
             it was written by another version or program", report = json::SCHEMA_ID)]
    UnknownSchema(String),
    /// A value that cannot be.
    #[error("{place}: '{value}' is no {what}")]
    Value {
        /// Which of its entries.
        place: String,
        /// What stands there.
        value: String,
        /// What should.
        what: &'static str,
    },
}

impl From<serde_json::Error> for Unusable {
    fn from(error: serde_json::Error) -> Self {
        if error.is_eof() {
            return Self::CutOff { line: error.line() };
        }
        let text = error.to_string();
        // The line stands in front already.
        let fault = text.split(" at line ").next().unwrap_or(&text);
        // Names of this program's own tell nobody anything.
        let fault = fault.split(", expected struct ").next().unwrap_or(fault);
        Self::Malformed { line: error.line(), fault: shown(fault) }
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

#[derive(Deserialize)]
struct Head {
    schema: Option<String>,
}

#[derive(Deserialize)]
struct Report {
    finished_at: String,
    #[serde(default)]
    vantage: Option<String>,
    results: Vec<Row>,
    #[serde(default)]
    decision: Decision,
}

#[derive(Default, Deserialize)]
struct Decision {
    #[serde(default)]
    baseline: Option<Compared>,
}

#[derive(Deserialize)]
struct Compared {
    #[serde(default)]
    known: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    artifact: Box<str>,
    mirror: Box<str>,
    role: RoleWord,
    /// Not of what a later program may have, which then counts by its row.
    #[serde(default)]
    was: Option<String>,
    /// Only where that outlasts what the run found.
    #[serde(default)]
    was_code: Option<Box<str>>,
    since: String,
}

#[derive(Deserialize)]
struct Row {
    artifact: Box<str>,
    mirror: Box<str>,
    role: RoleWord,
    status: String,
    code: Box<str>,
    latency_ms: Option<f64>,
    #[serde(default)]
    within_grace: bool,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleWord {
    Mirror,
    Upstream,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Self {
        match word {
            RoleWord::Mirror => Self::Mirror,
            RoleWord::Upstream => Self::Upstream,
        }
    }
}

#[derive(Deserialize)]
struct File {
    taken_at: String,
    images: BTreeSet<Box<str>>,
    mirrors: BTreeSet<Box<str>>,
    #[serde(default)]
    vantages: Vec<String>,
    problems: Vec<ProblemEntry>,
    latency: Vec<LatencyEntry>,
}

#[derive(Deserialize)]
struct ProblemEntry {
    artifact: Box<str>,
    mirror: Box<str>,
    role: RoleWord,
    status: String,
    code: Box<str>,
    since: String,
}

#[derive(Deserialize)]
struct LatencyEntry {
    mirror: Box<str>,
    samples: u64,
    median_ms: f64,
}

/// What can be read as a baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A baseline file.
    Baseline,
    /// A JSON report.
    Report,
}

/// Reads a baseline, or a JSON report as one.
///
/// # Errors
/// It is neither, or cut off.
pub fn read(bytes: &[u8]) -> Result<Baseline, Unusable> {
    match kind(bytes)? {
        Kind::Baseline => of_file(serde_json::from_slice(bytes)?),
        Kind::Report => of_report(serde_json::from_slice(bytes)?),
    }
}

/// Which of both it says it is.
///
/// # Errors
/// It is neither, or cut off.
pub fn kind(bytes: &[u8]) -> Result<Kind, Unusable> {
    match serde_json::from_slice::<Head>(bytes)?.schema.as_deref() {
        Some(SCHEMA_ID) => Ok(Kind::Baseline),
        Some(json::SCHEMA_ID) => Ok(Kind::Report),
        Some(other) => Err(Unusable::UnknownSchema(shown(other))),
        None => Err(Unusable::NoSchema),
    }
}

fn time(text: &str, place: impl FnOnce() -> String) -> Result<OffsetDateTime, Unusable> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Unusable::Value {
        place: place(),
        value: shown(text),
        what: "time",
    })
}

fn status(text: &str, place: impl FnOnce() -> String) -> Result<Status, Unusable> {
    text.parse().map_err(|_| Unusable::Value { place: place(), value: shown(text), what: "known status" })
}

fn vantage(text: &str, place: impl FnOnce() -> String) -> Result<Vantage, Unusable> {
    text.parse().map_err(|_| Unusable::Value { place: place(), value: shown(text), what: "vantage point" })
}

fn span(millis: f64, place: impl FnOnce() -> String) -> Result<Duration, Unusable> {
    Duration::try_from_secs_f64(millis / 1000.0).map_err(|_| Unusable::Value {
        place: place(),
        value: millis.to_string(),
        what: "time in milliseconds",
    })
}

fn of_file(file: File) -> Result<Baseline, Unusable> {
    let mut problems = BTreeMap::new();
    for (at, entry) in file.problems.into_iter().enumerate() {
        let place = |key: &str| format!("problems[{at}].{key}");
        let problem = Problem {
            status: status(&entry.status, || place("status"))?,
            code: entry.code,
            since: time(&entry.since, || place("since"))?,
        };
        problems
            .insert(Key { artifact: entry.artifact, mirror: entry.mirror, role: entry.role.into() }, problem);
    }
    let mut paces = BTreeMap::new();
    for (at, entry) in file.latency.into_iter().enumerate() {
        let median = span(entry.median_ms, || format!("latency[{at}].median_ms"))?;
        paces.insert(entry.mirror, Pace { samples: entry.samples, median });
    }
    let vantages = file.vantages.iter().enumerate();
    let vantages = vantages.map(|(at, named)| vantage(named, || format!("vantages[{at}]")));
    Ok(Baseline {
        taken_at: time(&file.taken_at, || "taken_at".to_owned())?,
        images: file.images,
        mirrors: file.mirrors,
        problems,
        paces,
        vantages: vantages.collect::<Result<_, _>>()?,
        unasked: BTreeSet::new(),
    })
}

fn of_report(report: Report) -> Result<Baseline, Unusable> {
    let taken_at = time(&report.finished_at, || "finished_at".to_owned())?;
    let vantages = report.vantage.map(|named| vantage(&named, || "vantage".to_owned())).transpose()?;
    let mut first_seen = BTreeMap::new();
    let known = report.decision.baseline.map(|compared| compared.known).unwrap_or_default();
    for (at, known) in known.into_iter().enumerate() {
        let place = |key: &str| format!("decision.baseline.known[{at}].{key}");
        let since = time(&known.since, || place("since"))?;
        let was = known.was.map(|was| status(&was, || place("was"))).transpose()?;
        let earlier = was.zip(known.was_code).map(|(status, code)| Problem { status, code, since });
        let key = Key { artifact: known.artifact, mirror: known.mirror, role: known.role.into() };
        first_seen.insert(key, (since, earlier));
    }
    let is_mirror = |row: &&Row| matches!(row.role, RoleWord::Mirror);
    let mirrored: BTreeSet<_> =
        report.results.iter().filter(is_mirror).map(|row| row.artifact.clone()).collect();
    let mut baseline = Baseline {
        taken_at,
        images: BTreeSet::new(),
        mirrors: BTreeSet::new(),
        problems: BTreeMap::new(),
        paces: BTreeMap::new(),
        vantages: vantages.into_iter().collect(),
        unasked: BTreeSet::new(),
    };
    let mut seen = BTreeSet::new();
    let mut times: BTreeMap<Box<str>, Vec<Duration>> = BTreeMap::new();
    for (at, row) in report.results.into_iter().enumerate() {
        let place = |key: &str| format!("results[{at}].{key}");
        let key = Key { artifact: row.artifact, mirror: row.mirror, role: row.role.into() };
        // Beside mirrors, upstream does not count; an image named twice has its rows twice.
        let counts = key.role == Role::Mirror || !mirrored.contains(&key.artifact);
        if !counts || !seen.insert(key.clone()) {
            continue;
        }
        let status = status(&row.status, || place("status"))?;
        let (since, earlier) = first_seen.remove(&key).unwrap_or((taken_at, None));
        let outlasting = earlier.filter(|problem| problem.outlasts(status));
        // Of what an interrupted run did not ask only that is known which was before.
        if *row.code == *Code::Interrupted.as_str() {
            match outlasting {
                Some(problem) => drop(baseline.problems.insert(key, problem)),
                None => drop(baseline.unasked.insert(key)),
            }
            continue;
        }
        if let Some(millis) = row.latency_ms {
            times.entry(key.mirror.clone()).or_default().push(span(millis, || place("latency_ms"))?);
        }
        baseline.images.insert(key.artifact.clone());
        baseline.mirrors.insert(key.mirror.clone());
        // What passed for its youth alone is no problem yet; taken for a known one, it would never become any.
        let is_young = row.within_grace && status == Status::Stale;
        if status != Status::Ok && !is_young {
            let found = Problem { status, code: row.code, since };
            baseline.problems.insert(key, outlasting.unwrap_or(found));
        }
    }
    baseline.paces = times.into_iter().map(|(mirror, times)| (mirror, gate::pace(times))).collect();
    Ok(baseline)
}

/// Writes a baseline.
///
/// # Errors
/// `out` cannot be written to.
pub fn write(baseline: &Baseline, out: &mut dyn io::Write) -> io::Result<()> {
    json::write_value(
        &FileLine {
            schema: SCHEMA_ID,
            taken_at: Timestamp(baseline.taken_at),
            images: &baseline.images,
            mirrors: &baseline.mirrors,
            vantages: baseline.vantages.iter().map(Vantage::as_str).collect(),
            problems: Problems(baseline),
            latency: Latency(baseline),
        },
        out,
    )
}

#[derive(Serialize)]
struct FileLine<'a> {
    schema: &'static str,
    taken_at: Timestamp,
    images: &'a BTreeSet<Box<str>>,
    mirrors: &'a BTreeSet<Box<str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    vantages: Vec<&'a str>,
    problems: Problems<'a>,
    latency: Latency<'a>,
}

#[derive(Serialize)]
struct ProblemLine<'a> {
    artifact: &'a str,
    mirror: &'a str,
    role: &'static str,
    status: &'static str,
    code: &'a str,
    since: Timestamp,
}

struct Problems<'a>(&'a Baseline);

impl Serialize for Problems<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.problems.iter().map(|(key, problem)| ProblemLine {
            artifact: &key.artifact,
            mirror: &key.mirror,
            role: key.role.as_str(),
            status: problem.status.as_str(),
            code: &problem.code,
            since: Timestamp(problem.since),
        }))
    }
}

#[derive(Serialize)]
struct LatencyLine<'a> {
    mirror: &'a str,
    samples: u64,
    median_ms: f64,
}

struct Latency<'a>(&'a Baseline);

impl Serialize for Latency<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.paces.iter().map(|(mirror, pace)| LatencyLine {
            mirror,
            samples: pace.samples,
            median_ms: milliseconds(pace.median),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use time::macros::datetime;

    use super::super::fixture;
    use super::super::{Format, TableStyle, render};
    use super::*;

    fn report() -> String {
        let mut out = Vec::new();
        let style = TableStyle::default();
        render(Format::Json, &fixture::all_statuses().view(), &style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn written(baseline: &Baseline) -> String {
        let mut out = Vec::new();
        write(baseline, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn report_becomes_a_baseline_that_is_read_as_it_was_written() {
        let baseline = read(report().as_bytes()).unwrap();
        assert_eq!(baseline.taken_at, datetime!(2025-03-09 08:00:00.459 UTC));
        let fixture = fixture::all_statuses();
        let counted = fixture.run.results.iter().filter(|result| {
            result.counts == crate::model::run::Counts::ForGate && result.verdict.code.status() != Status::Ok
        });
        assert_eq!(baseline.problems.len(), counted.count());
        assert!(baseline.problems.values().all(|problem| problem.since == baseline.taken_at));
        let text = written(&baseline);
        assert_eq!(read(text.as_bytes()).unwrap(), baseline);
        let schema: Value =
            serde_json::from_str(include_str!("../../schemas/baseline-v1.schema.json")).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap();
        let faults: Vec<_> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&value)
            .map(|fault| fault.to_string())
            .collect();
        assert_eq!(faults, Vec::<String>::new(), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("\"since\"")).count(), baseline.problems.len());
    }

    #[test]
    fn what_is_not_known_of_a_report_is_passed_over() {
        let mut value: Value = serde_json::from_str(&report()).unwrap();
        let plain = read(value.to_string().as_bytes()).unwrap();
        value["weather"] = "north".into();
        value["results"][0]["layers"] = serde_json::json!([1, 2]);
        assert_eq!(read(value.to_string().as_bytes()).unwrap(), plain);
        // What an interrupted run did not ask.
        let mut cut: Value = value.clone();
        for row in cut["results"].as_array_mut().unwrap().iter_mut().filter(|row| row["status"] == "stale") {
            row["status"] = "not_checked".into();
            row["code"] = "interrupted".into();
        }
        let left = read(cut.to_string().as_bytes()).unwrap();
        assert_eq!(left.problems.len(), plain.problems.len() - 1);
        assert!(left.problems.values().all(|problem| problem.status != Status::Stale));
        // A code that a later program has.
        for row in value["results"].as_array_mut().unwrap() {
            row["code"] = "brand-new".into();
        }
        assert_eq!(read(value.to_string().as_bytes()).unwrap().problems.len(), plain.problems.len());
    }

    #[test]
    fn documents_that_are_no_baseline_say_why() {
        let report = report();
        let cut = &report[..report.len() / 2];
        let lines = cut.lines().count();
        for (text, why) in [
            (cut.to_owned(), format!("line {lines}: the file ends in the middle: it was cut off")),
            (String::new(), "line 1: the file ends in the middle: it was cut off".to_owned()),
            ("artifact,input\n".to_owned(), "line 1: expected value".to_owned()),
            ("[]".to_owned(), "line 1: ".to_owned()),
            ("{}".to_owned(), "it is no JSON report: it has no \"schema\"".to_owned()),
            (report.replace("report/v1", "report/v2"), "its schema 'registry-check/report/v2' is not known here (known: registry-check/report/v1, registry-check/baseline/v1): it was written by another version or program".to_owned()),
            (format!("{{\"schema\": \"\u{1b}[2J{}\"}}", "x".repeat(500)).replace('\u{1b}', "\\u001b"), "its schema '\\u{1b}[2Jxxxx".to_owned()),
            (report.replacen("\"stale\"", "\"stalest\"", 9), "results[".to_owned()),
            (report.replacen("\"finished_at\":\"2025", "\"finished_at\":\"x2025", 1), "finished_at: 'x2025-03-09T08:00:00.459Z' is no time".to_owned()),
            (report.replace("\"results\":", "\"rows\":"), "line ".to_owned()),
            (report.replace("\"latency_ms\":1", "\"latency_ms\":-1"), "results[".to_owned()),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&why), "{why}: {error}");
            assert!(error.len() < 400 && !error.contains(char::is_control), "{error}");
        }
    }
}
