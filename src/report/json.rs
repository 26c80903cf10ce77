//! JSON, `registry-check/report/v1`: frozen by `schemas/report-v1.schema.json`.
//!
//! One line for each key of the document, each mirror and each result, so that two reports can be
//! compared line by line. Rows are serialised while they are made. Absent values are `null`. Text is as
//! it came, its hidden characters written as `\u` escapes: safe to print, and equal once parsed.

mod anatomy;

use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeStruct as _, Serializer};
use serde_json::ser::{CharEscape, Formatter};
use url::Url;

use super::escape::{MAX_REMOTE_CHARS, bounded, has_hidden, is_hidden};
use super::summary::{StatusCounts, Summary, UpstreamSummary};
use super::view::{Row, Timestamp, View, milliseconds};
use crate::model::age::Excuse;
use crate::model::endpoint::Endpoint;
use crate::model::referrers::ReferrersLine;
use crate::model::run::{HostUse, Quota};

/// What stands in `schema`.
pub const SCHEMA_ID: &str = "registry-check/report/v1";

pub(super) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    write_value(&Document(*view), out)
}

/// Writes any value in the same form.
pub(super) fn write_value(value: &impl Serialize, out: &mut dyn io::Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Lines::default());
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

struct Document<'a>(View<'a>);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = &self.0;
        let mut document = serializer.serialize_struct("Report", 9)?;
        document.serialize_field("schema", SCHEMA_ID)?;
        document.serialize_field("tool_version", view.tool_version)?;
        document.serialize_field("started_at", &Timestamp(view.run.started_at))?;
        document.serialize_field("finished_at", &Timestamp(view.run.finished_at))?;
        document.serialize_field("duration_ms", &milliseconds(view.run.duration))?;
        document.serialize_field(
            "summary",
            &SummaryLine { counts: Summary::of(view.run), quotas: &view.run.quotas, hosts: &view.run.hosts },
        )?;
        document.serialize_field(
            "decision",
            &DecisionLine { outcome: view.decision.outcome.as_str(), exit_code: view.exit_code },
        )?;
        document.serialize_field("mirrors", &Mirrors(&view.run.endpoints))?;
        document.serialize_field("results", &Rows(*view))?;
        document.end()
    }
}

#[derive(Serialize)]
pub(super) struct DecisionLine {
    pub(super) outcome: &'static str,
    pub(super) exit_code: u8,
}

#[derive(Serialize)]
struct MirrorLine<'a> {
    name: &'a str,
    url: &'a str,
    role: &'static str,
}

pub(super) struct Mirrors<'a>(pub(super) &'a [Arc<Endpoint>]);

impl Serialize for Mirrors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|endpoint| MirrorLine {
            name: &endpoint.name,
            url: shown_url(&endpoint.url),
            role: endpoint.role.as_str(),
        }))
    }
}

/// `https://host` rather than `https://host/`, as people write it.
fn shown_url(url: &Url) -> &str {
    if url.path() == "/" { url.as_str().trim_end_matches('/') } else { url.as_str() }
}

struct Rows<'a>(View<'a>);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.rows())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) struct SummaryLine<'a> {
    pub(super) counts: Summary,
    pub(super) quotas: &'a [Quota],
    pub(super) hosts: &'a [HostUse],
}

impl Serialize for SummaryLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { counts, quotas, hosts } = self;
        let mut summary = serializer.serialize_struct("Summary", 11)?;
        summary.serialize_field("artifacts", &counts.artifacts)?;
        summary.serialize_field("mirrors", &counts.mirrors)?;
        summary.serialize_field("checks", &counts.checks)?;
        summary.serialize_field("requests", &counts.requests)?;
        summary.serialize_field("token_exchanges", &counts.token_exchanges)?;
        summary.serialize_field("bytes", &counts.bytes)?;
        summary.serialize_field("docker_hub_pulls", &counts.hub_pulls)?;
        summary.serialize_field("by_status", &counts.by_status)?;
        summary.serialize_field("upstream", &counts.upstream)?;
        if !quotas.is_empty() {
            summary.serialize_field("quotas", &Quotas(quotas))?;
        }
        if !hosts.is_empty() {
            summary.serialize_field("hosts", &anatomy::Hosts(hosts))?;
        }
        summary.end()
    }
}

#[derive(Serialize)]
struct QuotaLine<'a> {
    host: &'a str,
    limit: u64,
    remaining: u64,
    window_seconds: Option<u64>,
}

struct Quotas<'a>(&'a [Quota]);

impl Serialize for Quotas<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|quota| QuotaLine {
            host: &quota.host,
            limit: quota.limit,
            remaining: quota.remaining,
            window_seconds: quota.window.map(|window| window.as_secs()),
        }))
    }
}

impl Serialize for UpstreamSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut upstream = serializer.serialize_struct("UpstreamSummary", 2)?;
        upstream.serialize_field("asked", &self.asked)?;
        upstream.serialize_field("by_status", &self.by_status)?;
        upstream.end()
    }
}

impl Serialize for StatusCounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (status, count) in self.iter() {
            map.serialize_entry(status.as_str(), &count)?;
        }
        map.end()
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_struct("Row", 27)?;
        row.serialize_field("artifact", &self.artifact.to_string())?;
        row.serialize_field("input", self.input)?;
        row.serialize_field("origin", &self.origin.to_string())?;
        if let Some(document) = self.origin.document {
            row.serialize_field("origin_document", &document)?;
        }
        if let Some(path) = &self.origin.path {
            row.serialize_field("origin_path", &**path)?;
        }
        row.serialize_field("mirror", self.mirror)?;
        row.serialize_field("role", self.role.as_str())?;
        row.serialize_field("url", &self.url())?;
        row.serialize_field("status", self.status().as_str())?;
        row.serialize_field("code", self.code.as_str())?;
        row.serialize_field("reason", &self.reason())?;
        row.serialize_field("digest", &self.digest())?;
        row.serialize_field("expected_digest", &self.expected_digest())?;
        row.serialize_field("media_type", &self.media_type().map(|known| known.as_str()))?;
        row.serialize_field("http_status", &self.http_status())?;
        row.serialize_field("latency_ms", &self.latency_ms())?;
        row.serialize_field("attempts", &self.attempts())?;
        row.serialize_field("checked_at", &self.checked_at())?;
        row.serialize_field("notes", &Notes(self.notes()))?;
        if let Some(anatomy) = self.anatomy() {
            row.serialize_field("parts", &anatomy::Parts(anatomy))?;
        }
        if let Some(age) = self.age() {
            row.serialize_field("created", &age.created.map(Timestamp))?;
            row.serialize_field("upstream_created", &age.upstream_created.map(Timestamp))?;
            row.serialize_field("stale_since", &age.since.map(|(since, _)| Timestamp(since)))?;
            row.serialize_field("stale_since_by", &age.since.map(|(_, basis)| basis.as_str()))?;
            row.serialize_field("age_seconds", &age.age.map(|age| age.as_secs()))?;
            row.serialize_field("within_grace", &matches!(age.excuse, Excuse::Young(_)))?;
        }
        if let Some(ReferrersLine { upstream, absent, absent_total }) = self.referrers() {
            let line = ReferrersRow { upstream: *upstream, absent, absent_total: *absent_total };
            row.serialize_field("referrers", &line)?;
        }
        row.end()
    }
}

#[derive(Serialize)]
struct ReferrersRow<'a> {
    upstream: usize,
    absent: &'a [Box<str>],
    absent_total: usize,
}

struct Notes<'a>(&'a [String]);

impl Serialize for Notes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|note| bounded(note, MAX_REMOTE_CHARS)))
    }
}

/// Two levels of lines; what is deeper stays on its line.
#[derive(Default)]
struct Lines {
    depth: usize,
    /// Whether something stands in the list or object that is open.
    is_filled: bool,
}

impl Lines {
    fn line<W: io::Write + ?Sized>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }

    fn open<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: u8) -> io::Result<()> {
        self.depth += 1;
        self.is_filled = false;
        writer.write_all(&[bracket])
    }

    fn separate<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
        lines: usize,
    ) -> io::Result<()> {
        self.is_filled = true;
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth <= lines { self.line(writer) } else { Ok(()) }
    }

    fn close<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: u8, lines: usize) -> io::Result<()> {
        let had_lines = self.is_filled && self.depth <= lines;
        self.depth -= 1;
        self.is_filled = true;
        if had_lines {
            self.line(writer)?;
        }
        writer.write_all(&[bracket])
    }
}

/// Depth down to which each element of a list has its own line.
const LIST_LINES: usize = 2;
/// Depth down to which each key of an object has its own line.
const OBJECT_LINES: usize = 1;

impl Formatter for Lines {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b'[')
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first, LIST_LINES)
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b']', LIST_LINES)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b'{')
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first, OBJECT_LINES)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b'}', OBJECT_LINES)
    }

    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_visible(writer, fragment)
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}

/// Everything on one line.
pub(super) struct Compact;

impl Formatter for Compact {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_visible(writer, fragment)
    }
}

/// Hidden characters as `\u` escapes, all others as they are.
fn write_visible<W: io::Write + ?Sized>(writer: &mut W, fragment: &str) -> io::Result<()> {
    if !has_hidden(fragment) {
        return writer.write_all(fragment.as_bytes());
    }
    let mut plain_from = 0;
    for (at, c) in fragment.char_indices().filter(|(_, c)| is_hidden(*c)) {
        writer.write_all(&fragment.as_bytes()[plain_from..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(writer, "\\u{unit:04x}")?;
        }
        plain_from = at + c.len_utf8();
    }
    writer.write_all(&fragment.as_bytes()[plain_from..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::csv;
    use super::super::fixture::{self, Fixture};
    use super::*;
    use crate::gate::Outcome;
    use crate::model::status::Status;

    const SCHEMA: &str = include_str!("../../schemas/report-v1.schema.json");

    fn rendered(fixture: &Fixture) -> String {
        let mut out = Vec::new();
        write(&fixture.view(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn parsed(fixture: &Fixture) -> Value {
        serde_json::from_str(&rendered(fixture)).unwrap()
    }

    fn schema() -> Value {
        serde_json::from_str(SCHEMA).unwrap()
    }

    fn faults(document: &Value) -> Vec<String> {
        let validator = jsonschema::draft202012::new(&schema()).unwrap();
        validator.iter_errors(document).map(|error| error.to_string()).collect()
    }

    #[test]
    fn json_looks_like_this() {
        insta::assert_snapshot!(rendered(&fixture::all_statuses()));
    }

    #[test]
    fn reports_fit_the_schema() {
        assert!(jsonschema::draft202012::meta::is_valid(&schema()));
        for fixture in
            [fixture::all_statuses(), fixture::many(50), fixture::many(0), fixture::saying(fixture::HOSTILE)]
        {
            assert_eq!(faults(&parsed(&fixture)), [""; 0]);
        }
    }

    #[test]
    fn reports_that_break_a_promise_do_not_fit_the_schema() {
        let good = parsed(&fixture::all_statuses());
        for (pointer, value) in [
            ("/schema", json!("registry-check/report/v2")),
            ("/started_at", json!("2025-03-09 08:00:00")),
            ("/finished_at", json!(null)),
            ("/duration_ms", json!("334.251")),
            ("/summary/by_status/ok", json!(0)),
            ("/summary/by_status", json!({"fine": 1})),
            ("/summary/upstream", json!({})),
            ("/summary/checks", json!(-1)),
            ("/decision/outcome", json!("passed")),
            ("/decision/exit_code", json!(2)),
            ("/mirrors/0/role", json!("cache")),
            ("/mirrors/0/url", json!("m.daocloud.io")),
            ("/results", json!({})),
            ("/results/0/status", json!("OK")),
            ("/results/0/role", json!(null)),
            ("/results/0/code", json!("Digest Equal")),
            ("/results/0/digest", json!("sha256:abc")),
            ("/results/0/expected_digest", json!("")),
            ("/results/0/http_status", json!(20)),
            ("/results/0/latency_ms", json!("12.3")),
            ("/results/0/attempts", json!(1.5)),
            ("/results/0/origin", json!("images.txt")),
            ("/results/0/reason", json!("x".repeat(501))),
            ("/results/0/notes", json!(null)),
            ("/results/0/checked_at", json!("2025-03-09T08:00:00Z")),
        ] {
            let mut broken = good.clone();
            *broken.pointer_mut(pointer).unwrap() = value;
            assert_ne!(faults(&broken), [""; 0], "{pointer}");
        }
    }

    #[test]
    fn quotas_stand_in_the_summary_where_a_host_told_of_one() {
        let document = parsed(&fixture::with_quotas());
        assert_eq!(faults(&document), [""; 0]);
        let hub =
            json!({"host": "registry-1.docker.io", "limit": 100, "remaining": 9, "window_seconds": 21_600});
        let other = json!({"host": "x.example:5000", "limit": 50, "remaining": 50, "window_seconds": null});
        assert_eq!(document["summary"]["quotas"], json!([hub, other]));
        let quotas = document.pointer("/summary/quotas/0").unwrap().as_object().unwrap();
        for key in quotas.keys() {
            let mut broken = document.clone();
            broken.pointer_mut("/summary/quotas/0").unwrap().as_object_mut().unwrap().remove(key);
            assert_ne!(faults(&broken), [""; 0], "{key}");
        }
        assert_eq!(parsed(&fixture::many(1))["summary"].get("quotas"), None);
    }

    #[test]
    fn every_field_is_required_and_no_other_is_known() {
        let good = parsed(&fixture::all_statuses());
        for pointer in ["", "/summary", "/summary/upstream", "/decision", "/mirrors/0", "/results/0"] {
            let keys: Vec<_> = good.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect();
            for key in keys {
                let mut broken = good.clone();
                broken.pointer_mut(pointer).unwrap().as_object_mut().unwrap().remove(&key);
                assert_ne!(faults(&broken), [""; 0], "{pointer}/{key}");
            }
            let mut broken = good.clone();
            broken.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
            assert_ne!(faults(&broken), [""; 0], "{pointer}");
        }
    }

    #[test]
    fn the_schema_lists_the_words_that_the_program_knows() {
        let schema = schema();
        let statuses: Vec<_> = Status::ALL.map(|status| json!(status.as_str())).into();
        assert_eq!(schema.pointer("/$defs/status/enum"), Some(&Value::Array(statuses)));
        let outcomes =
            [Outcome::Pass, Outcome::Undecided, Outcome::Fail].map(|outcome| json!(outcome.as_str()));
        let listed = schema.pointer("/properties/decision/properties/outcome/enum").unwrap();
        assert_eq!(listed, &Value::Array(outcomes.into()));
    }

    #[test]
    fn a_result_has_the_columns_of_the_csv_and_notes() {
        let document = parsed(&fixture::all_statuses());
        let mut wanted: Vec<_> = csv::HEADER.into();
        wanted.push("notes");
        wanted.sort_unstable();
        let mut keys: Vec<_> =
            document["results"][0].as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, wanted);
    }

    #[test]
    fn a_result_is_one_line() {
        let fixture = fixture::all_statuses();
        let text = rendered(&fixture);
        let lines = text.lines().filter(|line| line.starts_with("    {\"artifact\":")).count();
        assert_eq!(lines, fixture.view().rows().count());
        assert!(text.ends_with("]\n}\n"));
        assert!(rendered(&fixture::many(0)).contains("\"results\":[]\n"));
    }

    #[test]
    fn images_are_counted_once_and_reported_at_each_place() {
        let document = parsed(&fixture::all_statuses());
        let summary = &document["summary"];
        assert_eq!(summary["artifacts"], 6);
        assert_eq!(summary["mirrors"], 3);
        assert_eq!(summary["checks"], 13);
        assert_eq!(summary["upstream"]["asked"], 5);
        assert_eq!(summary["upstream"]["by_status"], json!({"ok": 3, "missing": 1, "rate_limited": 1}));
        assert_eq!(document["results"].as_array().unwrap().len(), 18 + 3);
    }

    proptest! {
        #[test]
        fn hostile_text_survives_parsing_and_never_reaches_the_terminal(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "\u{9b}31m", "\u{e0041}", "\"\\", ""]),
        ) {
            let typed = format!("{special}{text}");
            let json = rendered(&fixture::saying(&typed));
            prop_assert!(!json.replace('\n', "").contains(is_hidden));
            let document: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&document["results"][1]["input"], &json!(typed));
            prop_assert_eq!(&document["results"][1]["reason"], &json!(bounded(&typed, MAX_REMOTE_CHARS)));
        }
    }
}
