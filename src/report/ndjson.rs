//! NDJSON, `registry-check/stream/v1`: one result a line, while they come, and the end on the last line.
//!
//! A line of a result has the fields of a result in the JSON report. The last line is the only one with
//! `schema`; a stream without it was cut off. What is written here is text; who writes it where, and when,
//! is for the caller.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde::ser::{SerializeStruct as _, Serializer};
use time::OffsetDateTime;

use super::decision::DecisionLine;
use super::json::{Compact, Mirrors, SummaryLine, write_scope};
use super::summary::Summary;
use super::view::{Row, Timestamp, View, milliseconds};
use crate::gate::Outcome;
use crate::model::endpoint::Endpoint;
use crate::model::run::{HostUse, Quota};
use crate::model::scope::Scope;

/// What stands in `schema`.
pub const SCHEMA_ID: &str = "registry-check/stream/v1";

/// What is said when all results are.
#[derive(Clone, Debug)]
pub struct End<'a> {
    /// Version of the program.
    pub tool_version: &'a str,
    /// When the run began.
    pub started_at: OffsetDateTime,
    /// When it ended.
    pub finished_at: OffsetDateTime,
    /// How long it took.
    pub duration: Duration,
    /// Which part of which list, and where it was made.
    pub scope: &'a Scope,
    /// The counts.
    pub summary: Summary,
    /// The pull quotas that hosts told of.
    pub quotas: &'a [Quota],
    /// The hosts that pulls have to reach.
    pub hosts: &'a [HostUse],
    /// How the gate came out.
    pub outcome: Outcome,
    /// What the program will exit with.
    pub exit_code: u8,
    /// Who was asked.
    pub endpoints: &'a [Arc<Endpoint>],
    /// The run, where it was kept.
    pub view: Option<View<'a>>,
}

impl<'a> End<'a> {
    /// The end of a run that was kept.
    #[must_use]
    pub fn of(view: &View<'a>) -> Self {
        let run = view.run;
        Self {
            tool_version: view.tool_version,
            started_at: run.started_at,
            finished_at: run.finished_at,
            duration: run.duration,
            scope: &run.scope,
            summary: Summary::of(run),
            quotas: &run.quotas,
            hosts: &run.hosts,
            outcome: view.decision.outcome,
            exit_code: view.exit_code,
            endpoints: &run.endpoints,
            view: Some(*view),
        }
    }
}

/// Adds the line of one result to `to`.
pub fn row(row: &Row<'_>, to: &mut Vec<u8>) {
    line(row, to);
}

/// The last line.
#[must_use]
pub fn end(end: &End<'_>) -> Vec<u8> {
    let mut text = Vec::new();
    line(end, &mut text);
    text
}

/// A run that is kept, in the order of the inputs.
pub(super) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut text = Vec::new();
    for one in view.rows() {
        text.clear();
        row(&one, &mut text);
        out.write_all(&text)?;
    }
    out.write_all(&end(&End::of(view)))
}

fn line(value: &impl Serialize, to: &mut Vec<u8>) {
    let written = value.serialize(&mut serde_json::Serializer::with_formatter(&mut *to, Compact));
    // Memory takes every line, and no key or number here is one that JSON lacks.
    debug_assert!(written.is_ok(), "{written:?}");
    to.push(b'\n');
}

impl Serialize for End<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut end = serializer.serialize_struct("End", 11)?;
        end.serialize_field("schema", SCHEMA_ID)?;
        end.serialize_field("tool_version", self.tool_version)?;
        end.serialize_field("started_at", &Timestamp(self.started_at))?;
        end.serialize_field("finished_at", &Timestamp(self.finished_at))?;
        end.serialize_field("duration_ms", &milliseconds(self.duration))?;
        write_scope(self.scope, &mut end)?;
        end.serialize_field(
            "summary",
            &SummaryLine { counts: self.summary, quotas: self.quotas, hosts: self.hosts },
        )?;
        let decision =
            DecisionLine { outcome: self.outcome.as_str(), exit_code: self.exit_code, view: self.view };
        end.serialize_field("decision", &decision)?;
        end.serialize_field("mirrors", &Mirrors(self.endpoints))?;
        end.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::escape::is_hidden;
    use super::super::fixture::{self, Fixture};
    use super::super::{Format, TableStyle, render};
    use super::*;

    fn rendered(format: Format, fixture: &Fixture) -> String {
        let mut out = Vec::new();
        let style = TableStyle::default();
        render(format, &fixture.view(), &style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_are_the_results_of_the_json_report_and_the_last_one_is_the_rest_of_it() {
        for fixture in
            [fixture::all_statuses(), fixture::with_quotas(), fixture::many(0), fixture::saying("a\nb")]
        {
            let mut report: Value = serde_json::from_str(&rendered(Format::Json, &fixture)).unwrap();
            let lines = rendered(Format::Ndjson, &fixture);
            let mut lines: Vec<Value> =
                lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let mut end = lines.pop().unwrap();
            assert_eq!(Value::Array(lines), report["results"].take());
            report.as_object_mut().unwrap().remove("results");
            assert_eq!(end["schema"].take(), SCHEMA_ID);
            report["schema"].take();
            assert_eq!(end, report);
        }
    }

    #[test]
    fn hostile_text_stays_on_its_line_and_never_reaches_the_terminal() {
        let text = rendered(Format::Ndjson, &fixture::saying(fixture::HOSTILE));
        assert!(!text.replace('\n', "").contains(is_hidden));
        assert!(text.lines().all(|line| line.starts_with('{') && line.ends_with('}')));
        assert!(text.ends_with("}\n"));
    }
}
