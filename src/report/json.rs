//! JSON, `registry-check/report/v1`: frozen by `schemas/report-v1.schema.json`.
//!
//! One line for each key of the document, each mirror and each result, so that two reports can be
//! compared line by line. Rows are serialised while they are made. Absent values are `null`. Text is as
//! it came, its hidden characters written as `\u` escapes: safe to print, and equal once parsed.

mod anatomy;
mod lines;

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeStruct, Serializer};
use url::Url;

use super::decision::DecisionLine;
use super::escape::{MAX_REMOTE_CHARS, bounded};
use super::summary::{StatusCounts, Summary, UpstreamSummary};
use super::view::{Row, Timestamp, View, milliseconds};
use crate::model::age::Excuse;
use crate::model::digest::Digest;
use crate::model::dynamic::Dynamic;
use crate::model::endpoint::Endpoint;
use crate::model::referrers::ReferrersLine;
use crate::model::run::{Counts, HostUse, Quota};
use crate::model::scope::{List, Part, Scope, Vantage};

pub(super) use lines::{Compact, Depth, write_value, write_value_to};

/// What stands in `schema`.
pub const SCHEMA_ID: &str = "registry-check/report/v1";

pub(super) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    write_value(&Document(*view), out)
}

/// Adds to a document what the run belongs to.
pub(super) fn write_scope<S: SerializeStruct>(scope: &Scope, document: &mut S) -> Result<(), S::Error> {
    if let Some(list) = &scope.list {
        let List { fingerprint, images, mentions, settings } = list;
        let line = ListLine { fingerprint, images: *images, mentions: *mentions, settings };
        document.serialize_field("list", &line)?;
    }
    if let Some(Part { shard, places }) = &scope.part {
        let line = ShardLine { number: shard.number(), count: shard.count(), places };
        document.serialize_field("shard", &line)?;
    }
    if let Some(vantage) = &scope.vantage {
        document.serialize_field("vantage", vantage.as_str())?;
    }
    if scope.dynamic.total() > 0 {
        document.serialize_field("dynamic", &DynamicLines(scope.dynamic.names()))?;
        document.serialize_field("dynamic_total", &scope.dynamic.total())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct ListLine<'a> {
    fingerprint: &'a Digest,
    images: u32,
    mentions: u32,
    settings: &'a Digest,
}

#[derive(Serialize)]
struct ShardLine<'a> {
    number: u32,
    count: u32,
    places: &'a [u32],
}

#[derive(Serialize)]
struct DynamicLine<'a> {
    origin: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_document: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    origin_path: Option<&'a str>,
    input: &'a str,
    why: Cow<'a, str>,
}

struct DynamicLines<'a>(&'a [Dynamic]);

impl Serialize for DynamicLines<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|Dynamic { origin, text, why }| DynamicLine {
            origin: origin.to_string(),
            origin_document: origin.document,
            origin_path: origin.path.as_deref(),
            input: text,
            why: bounded(why, MAX_REMOTE_CHARS),
        }))
    }
}

/// The whole report, as a value.
pub(super) struct Document<'a>(pub(super) View<'a>);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = &self.0;
        let mut document = serializer.serialize_struct("Report", 12)?;
        document.serialize_field("schema", SCHEMA_ID)?;
        document.serialize_field("tool_version", view.tool_version)?;
        document.serialize_field("started_at", &Timestamp(view.run.started_at))?;
        document.serialize_field("finished_at", &Timestamp(view.run.finished_at))?;
        document.serialize_field("duration_ms", &milliseconds(view.run.duration))?;
        write_scope(&view.run.scope, &mut document)?;
        document.serialize_field(
            "summary",
            &SummaryLine { counts: Summary::of(view.run), quotas: &view.run.quotas, hosts: &view.run.hosts },
        )?;
        document.serialize_field(
            "decision",
            &DecisionLine {
                outcome: view.decision.outcome.as_str(),
                exit_code: view.exit_code,
                view: Some(*view),
            },
        )?;
        document.serialize_field("mirrors", &Mirrors(&view.run.endpoints))?;
        document.serialize_field("results", &Rows(*view))?;
        document.end()
    }
}

#[derive(Serialize)]
struct MirrorLine<'a> {
    name: &'a str,
    url: &'a str,
    role: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vantage: Option<&'a str>,
}

pub(super) struct Mirrors<'a>(pub(super) &'a [Arc<Endpoint>]);

impl Serialize for Mirrors<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|endpoint| MirrorLine {
            name: &endpoint.name,
            url: shown_url(&endpoint.url),
            role: endpoint.role.as_str(),
            vantage: endpoint.vantage().map(Vantage::as_str),
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
        let mut row = serializer.serialize_struct("Row", 28)?;
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
        if let Some(vantage) = self.vantage() {
            row.serialize_field("vantage", vantage.as_str())?;
        }
        row.serialize_field("role", self.role.as_str())?;
        row.serialize_field("counts", &(self.counts() == Counts::ForGate))?;
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
            let grace = match age.excuse {
                Excuse::Young(grace) => Some(grace.0.as_secs()),
                Excuse::None => None,
            };
            row.serialize_field("grace_seconds", &grace)?;
        }
        if let Some(line) = self.referrers() {
            let ReferrersLine { upstream, absent, absent_total, gone_total } = line;
            let gone_total = Some(*gone_total).filter(|gone| *gone > 0);
            let line = ReferrersRow { upstream: *upstream, absent, absent_total: *absent_total, gone_total };
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
    #[serde(skip_serializing_if = "Option::is_none")]
    gone_total: Option<usize>,
}

struct Notes<'a>(&'a [String]);

impl Serialize for Notes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|note| bounded(note, MAX_REMOTE_CHARS)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::escape::is_hidden;
    use super::super::fixture::{self, Fixture};
    use super::super::{Format, csv};
    use super::*;
    use crate::gate::Outcome;
    use crate::model::status::Status;

    const SCHEMA: &str = include_str!("../../schemas/report-v1.schema.json");

    fn rendered(fixture: &Fixture) -> String {
        fixture.told(Format::Json)
    }

    fn parsed(fixture: &Fixture) -> Value {
        fixture.json(Format::Json)
    }

    fn schema() -> Value {
        serde_json::from_str(SCHEMA).unwrap()
    }

    fn faults(document: &Value) -> Vec<String> {
        fixture::faults(&schema(), document)
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
            ("/results/0/counts", json!(1)),
            ("/list/fingerprint", json!("abc")),
            ("/list/settings", json!(null)),
            ("/list/images", json!(-1)),
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
        for pointer in ["", "/list", "/summary", "/summary/upstream", "/decision", "/mirrors/0", "/results/0"]
        {
            let keys: Vec<_> = good.pointer(pointer).unwrap().as_object().unwrap().keys().cloned().collect();
            // Nobody notes a list that has no end.
            for key in keys.into_iter().filter(|key| key != "list") {
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
    fn names_that_are_not_known_are_in_the_document_and_bounded() {
        let document = parsed(&fixture::with_dynamic(1, "$X"));
        assert_eq!(faults(&document), [""; 0]);
        let line = json!({"origin": "$X.yaml:1", "origin_document": 1, "origin_path": "$X", "input": "$X", "why": "$X"});
        assert_eq!((&document["dynamic"], &document["dynamic_total"]), (&json!([line]), &json!(1)));
        let many = parsed(&fixture::with_dynamic(3000, "$X"));
        assert_eq!(faults(&many), [""; 0]);
        assert_eq!(many["dynamic"].as_array().unwrap().len(), 1000);
        assert_eq!(many["dynamic_total"], 3000);
    }

    #[test]
    fn parts_and_hosts_stand_where_they_were_looked_at() {
        let good = parsed(&fixture::with_parts());
        assert_eq!(faults(&good), [""; 0]);
        let at = good["results"].as_array().unwrap().iter().position(|row| row["mirror"] == "half").unwrap();
        let parts = format!("/results/{at}/parts");
        assert_eq!(
            good.pointer(&format!("{parts}/findings/0")),
            Some(&json!({
                "kind": "layer", "digest": "404 BLOB_UNKNOWN", "platforms": ["linux/arm64"], "size": 3_149_999,
                "status": "incomplete", "code": "blob-missing", "reason": "404 BLOB_UNKNOWN",
            }))
        );
        assert_eq!(
            good["summary"]["hosts"],
            json!([{
                "mirror": "half", "role": "mirror", "part": "blob_store", "scheme": "https", "host": "cdn.example",
                "port": 8443, "reached": 0, "refused": 0, "refusal": null, "failed": 3, "reason": "half", "bytes": 2_000_000,
                "transfer_ms": 2000.0, "bytes_per_second": 1_000_000,
            }])
        );
        assert_eq!(
            (&good["summary"]["bytes"], &good["summary"]["docker_hub_pulls"]),
            (&json!(12_345), &json!(2))
        );
        let places = ["", "/platforms/0", "/findings/0"].map(|place| format!("{parts}{place}"));
        for pointer in places.into_iter().chain(["/summary/hosts/0".to_owned()]) {
            let keys: Vec<_> = good.pointer(&pointer).unwrap().as_object().unwrap().keys().cloned().collect();
            for key in keys {
                let mut broken = good.clone();
                broken.pointer_mut(&pointer).unwrap().as_object_mut().unwrap().remove(&key);
                assert_ne!(faults(&broken), [""; 0], "{pointer}/{key}");
            }
            let mut broken = good.clone();
            broken.pointer_mut(&pointer).unwrap()["surprise"] = json!(1);
            assert_ne!(faults(&broken), [""; 0], "{pointer}");
        }
        for row in parsed(&fixture::many(2))["results"].as_array().unwrap() {
            assert_eq!(row.get("parts"), None);
        }
    }

    #[test]
    fn the_schema_lists_the_words_that_the_program_knows() {
        use crate::model::anatomy::{PartKind, PlatformState};
        let schema = schema();
        let listed = |pointer: &str| schema.pointer(pointer).unwrap().clone();
        let states: Vec<_> = PlatformState::ALL.map(|state| json!(state.as_str())).into();
        let pointer = "/$defs/parts/properties/platforms/items/properties/state/enum";
        assert_eq!(listed(pointer), Value::Array(states));
        let kinds: Vec<_> = PartKind::ALL.map(|kind| json!(kind.as_str())).into();
        assert_eq!(
            listed("/$defs/parts/properties/findings/items/properties/kind/enum"),
            Value::Array(kinds)
        );
        let statuses: Vec<_> = Status::ALL.map(|status| json!(status.as_str())).into();
        assert_eq!(schema.pointer("/$defs/status/enum"), Some(&Value::Array(statuses)));
        let outcomes =
            [Outcome::Pass, Outcome::Undecided, Outcome::Fail].map(|outcome| json!(outcome.as_str()));
        let listed = schema.pointer("/properties/decision/properties/outcome/enum").unwrap();
        assert_eq!(listed, &Value::Array(outcomes.into()));
    }

    #[test]
    fn a_result_has_the_columns_of_the_csv_and_whether_it_counts_and_notes() {
        let document = parsed(&fixture::all_statuses());
        let mut wanted: Vec<_> = csv::HEADER.into();
        wanted.extend(["counts", "notes"]);
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

    /// What comes of a report that is read and written again.
    fn read_and_written(fixture: &Fixture) -> String {
        let saved = crate::stored::read(rendered(fixture).as_bytes()).unwrap();
        let again = Fixture::new(saved.run, fixture.policy.clone(), fixture.exit_code);
        rendered(&again)
    }

    #[test]
    fn a_report_that_is_read_and_written_again_is_the_same() {
        let mut interrupted = fixture::all_statuses();
        interrupted.run.ending = crate::model::run::Ending::Interrupted;
        interrupted.exit_code = 130;
        for fixture in [
            fixture::all_statuses(),
            fixture::with_quotas(),
            fixture::many(0),
            fixture::many(300),
            interrupted,
        ] {
            assert_eq!(read_and_written(&fixture), rendered(&fixture));
        }
    }

    #[test]
    fn every_format_says_the_same_of_a_report_that_was_saved() {
        for fixture in [fixture::all_statuses(), fixture::with_quotas()] {
            let saved = crate::stored::read(rendered(&fixture).as_bytes()).unwrap();
            let again = Fixture::new(saved.run, fixture.policy.clone(), fixture.exit_code);
            for format in Format::ALL {
                assert_eq!(again.told(format), fixture.told(format), "{format}");
            }
        }
    }

    proptest! {
        #[test]
        fn hostile_text_is_saved_and_read_unharmed(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "\u{9b}31m", "\u{e0041}", "\"\\", "a:1:", ""]),
            micros in 0u64..4_000_000_000_000,
        ) {
            let mut fixture = fixture::saying(&format!("{special}{text}"));
            fixture.run.duration = std::time::Duration::from_micros(micros);
            fixture.run.results[0].latency = Some(std::time::Duration::from_micros(micros / 3));
            prop_assert_eq!(read_and_written(&fixture), rendered(&fixture));
        }

        #[test]
        fn hostile_text_survives_parsing_and_never_reaches_the_terminal(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "##[error]x", "##vso[task.x]", "\u{9b}31m", "\u{e0041}", "\"\\", ""]),
        ) {
            let typed = format!("{special}{text}");
            let json = rendered(&fixture::saying(&typed));
            prop_assert!(!json.replace('\n', "").contains(is_hidden));
            prop_assert_eq!(crate::report::escape::runner_command(&json), None);
            let document: Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&document["results"][1]["input"], &json!(typed));
            prop_assert_eq!(&document["results"][1]["reason"], &json!(bounded(&typed, MAX_REMOTE_CHARS)));
        }
    }
}
