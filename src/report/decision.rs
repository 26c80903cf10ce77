//! The decision in JSON: its outcome, and what it comes from where more than statuses decided.

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::gating::{change_word, findings, new_problems};
use super::view::{Places, Timestamp, View, milliseconds};
use crate::gate::{Change, State, What};
use crate::model::run::{CheckResult, Counts};
use crate::model::status::Status;

/// A decision; of a run that is not kept only its outcome.
pub(super) struct DecisionLine<'a> {
    pub(super) outcome: &'static str,
    pub(super) exit_code: u8,
    pub(super) view: Option<View<'a>>,
}

impl Serialize for DecisionLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut decision = serializer.serialize_map(None)?;
        decision.serialize_entry("outcome", self.outcome)?;
        decision.serialize_entry("exit_code", &self.exit_code)?;
        if let Some(view) = &self.view {
            if let Some(baseline) = baseline(view) {
                decision.serialize_entry("baseline", &baseline)?;
            }
            if !view.policy.exceptions.is_empty() {
                decision.serialize_entry("exceptions", &exceptions(view))?;
            }
            if !view.decision.latency.is_empty() {
                decision.serialize_entry("latency", &latency(view))?;
            }
            let found = findings(view);
            if !found.is_empty() {
                let found = found.iter().map(|finding| FindingLine {
                    level: finding.level(),
                    kind: finding.kind.as_str(),
                    text: &finding.text,
                });
                decision.serialize_entry("findings", &found.collect::<Vec<_>>())?;
            }
        }
        decision.end()
    }
}

#[derive(Serialize)]
struct BaselineLine<'a> {
    taken_at: Timestamp,
    new: Vec<ChangeLine<'a>>,
    known: Vec<ChangeLine<'a>>,
    better: Vec<ChangeLine<'a>>,
    gone: Vec<GoneLine<'a>>,
}

#[derive(Serialize)]
struct ChangeLine<'a> {
    artifact: String,
    mirror: &'a str,
    role: &'static str,
    status: &'static str,
    code: &'static str,
    was: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was_code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change: Option<&'static str>,
    since: Timestamp,
    origins: Vec<String>,
}

#[derive(Serialize)]
struct GoneLine<'a> {
    artifact: &'a str,
    mirror: &'a str,
    role: &'static str,
}

fn baseline<'a>(view: &View<'a>) -> Option<BaselineLine<'a>> {
    let comparison = view.decision.comparison.as_ref()?;
    let places = Places::of(&view.run.places);
    let line = |result: &CheckResult, was: Option<Status>, since| {
        let endpoint = view.endpoint(result);
        ChangeLine {
            artifact: view.image(result.image).to_string(),
            mirror: &endpoint.name,
            role: endpoint.role.as_str(),
            status: result.verdict.code.status().as_str(),
            code: result.verdict.code.as_str(),
            was: was.map(Status::as_str),
            was_code: None,
            change: None,
            since: Timestamp(since),
            origins: places.at(result.image).map(|place| place.origin.to_string()).collect(),
        }
    };
    let counted = view.run.results.iter().filter(|result| result.counts == Counts::ForGate);
    let known = counted.filter_map(|result| {
        let treated = view.decision.treated(result)?;
        match treated.change? {
            Change::Known { was, since } => {
                let was_code = treated.outlasting.as_deref();
                Some(ChangeLine { was_code, ..line(result, Some(was), since) })
            }
            Change::New { .. } | Change::Worse { .. } => None,
        }
    });
    let new = new_problems(view).map(|(result, change)| ChangeLine {
        change: Some(change_word(change)),
        ..line(result, change.was(), comparison.taken_at)
    });
    let better = comparison
        .better
        .iter()
        .map(|better| line(&view.run.results[better.result], Some(better.was), better.since));
    Some(BaselineLine {
        taken_at: Timestamp(comparison.taken_at),
        new: new.collect(),
        known: known.collect(),
        better: better.collect(),
        gone: comparison
            .gone
            .iter()
            .map(|key| GoneLine { artifact: &key.artifact, mirror: &key.mirror, role: key.role.as_str() })
            .collect(),
    })
}

#[derive(Serialize)]
struct ExceptionLine<'a> {
    place: &'a str,
    image: Option<&'a str>,
    mirror: Option<&'a str>,
    status: Option<&'static str>,
    code: Option<&'static str>,
    level: &'static str,
    reason: &'a str,
    expires: String,
    state: &'static str,
    results: u64,
}

fn exceptions<'a>(view: &View<'a>) -> Vec<ExceptionLine<'a>> {
    let states = view.policy.exceptions.iter().zip(&view.decision.exceptions);
    let lines = states.map(|(exception, state)| {
        let (state, results) = match state {
            State::Unused => ("unused", 0),
            State::Applied(results) => ("applied", *results),
        };
        let (status, code) = match exception.what {
            None => (None, None),
            Some(What::Status(status)) => (Some(status.as_str()), None),
            Some(What::Code(code)) => (None, Some(code.as_str())),
        };
        ExceptionLine {
            place: &exception.place,
            image: exception.image.as_ref().map(|glob| glob.as_str()),
            mirror: exception.mirror.as_deref(),
            status,
            code,
            level: exception.level.as_str(),
            reason: &exception.reason,
            expires: exception.expires.to_string(),
            state,
            results,
        }
    });
    lines.collect()
}

#[derive(Serialize)]
struct LatencyLine<'a> {
    mirror: &'a str,
    samples: u64,
    median_ms: f64,
    p95_ms: f64,
    baseline_samples: Option<u64>,
    baseline_median_ms: Option<f64>,
    ruling: &'static str,
}

fn latency<'a>(view: &View<'a>) -> Vec<LatencyLine<'a>> {
    let lines = view.decision.latency.iter().map(|mirror| LatencyLine {
        mirror: &view.run.endpoints[mirror.endpoint as usize].name,
        samples: mirror.samples,
        median_ms: milliseconds(mirror.median),
        p95_ms: milliseconds(mirror.p95),
        baseline_samples: mirror.before.map(|before| before.samples),
        baseline_median_ms: mirror.before.map(|before| milliseconds(before.median)),
        ruling: mirror.ruling.as_str(),
    });
    lines.collect()
}

#[derive(Serialize)]
struct FindingLine<'a> {
    level: &'static str,
    kind: &'static str,
    text: &'a str,
}
