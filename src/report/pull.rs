//! What `registry-check resolve --try` adds to the report of `resolve`: each place's answer, who would have
//! served the pull, and how that compares with upstream.

use serde::Serialize;

use super::view::milliseconds;
use crate::model::node::Patience;
use crate::model::pull::{Comparison, End, Pull, Trial};
use crate::model::run::Verdict;

/// What a place answered.
#[derive(Serialize)]
pub(super) struct Answer<'a> {
    status: &'static str,
    code: &'static str,
    reason: &'a str,
    digest: Option<String>,
    http_status: Option<u16>,
    latency_ms: Option<f64>,
    attempts: u32,
    then: &'static str,
    then_why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    ping: Option<Pinged<'a>>,
}

/// What the host's API root answered, where the runtime asks that first.
#[derive(Serialize)]
struct Pinged<'a> {
    url: &'a str,
    ok: bool,
    http_status: Option<u16>,
    latency_ms: Option<f64>,
}

/// How the walk ended.
#[derive(Serialize)]
pub(super) struct Ended<'a> {
    outcome: &'static str,
    served_by: Option<&'a str>,
    role: Option<&'static str>,
    digest: Option<String>,
    upstream: OfUpstream<'a>,
    comparison: &'static str,
    patience_seconds: Option<Waits>,
}

#[derive(Serialize)]
struct OfUpstream<'a> {
    url: &'a str,
    status: Option<&'static str>,
    code: Option<&'static str>,
    reason: Option<&'a str>,
    digest: Option<String>,
}

#[derive(Serialize)]
struct Waits {
    connect: u64,
    handshake: u64,
    first_byte: u64,
}

#[derive(Serialize)]
pub(super) struct Found<'a> {
    kind: &'static str,
    text: &'a str,
}

pub(super) fn answer(trial: &Trial) -> Answer<'_> {
    Answer {
        status: trial.verdict.code.status().as_str(),
        code: trial.verdict.code.as_str(),
        reason: &trial.verdict.reason,
        digest: trial.answer.digest().map(ToString::to_string),
        http_status: trial.answer.http_status,
        latency_ms: trial.answer.latency.map(milliseconds),
        attempts: trial.answer.attempts,
        then: trial.reaction.as_str(),
        then_why: &trial.why,
        ping: trial.ping.as_ref().map(|ping| Pinged {
            url: &ping.url,
            ok: ping.failure.is_none(),
            http_status: ping.http_status,
            latency_ms: ping.latency.map(milliseconds),
        }),
    }
}

pub(super) fn ended(pull: &Pull) -> Ended<'_> {
    let step = match pull.end {
        End::Served(at) => pull.walk.steps.get(at),
        End::Nobody | End::Unknown => None,
    };
    let upstream = pull.upstream.verdict.as_ref();
    let code = |verdict: &Verdict| verdict.code;
    let waits = |patience: Patience| Waits {
        connect: patience.connect.as_secs(),
        handshake: patience.handshake.as_secs(),
        first_byte: patience.first_byte.as_secs(),
    };
    Ended {
        outcome: pull.end.as_str(),
        served_by: step.and_then(|step| step.url.as_deref()),
        role: step.map(|step| step.role.as_str()),
        digest: pull.digest().map(ToString::to_string),
        upstream: OfUpstream {
            url: &pull.upstream.url,
            status: upstream.map(code).map(|code| code.status().as_str()),
            code: upstream.map(code).map(|code| code.as_str()),
            reason: upstream.map(|verdict| &*verdict.reason),
            digest: upstream.and_then(|verdict| verdict.digest.as_ref()).map(ToString::to_string),
        },
        comparison: pull.comparison.as_str(),
        patience_seconds: pull.walk.rules.patience().map(waits),
    }
}

pub(super) fn findings(pull: &Pull) -> Vec<Found<'_>> {
    pull.findings.iter().map(|found| Found { kind: found.kind.as_str(), text: &found.text }).collect()
}

/// One line for people about what a place answered, and what the runtime does about it.
pub(super) fn answer_line(trial: &Trial) -> String {
    let time = trial.answer.latency.map(|time| format!(" in {:.1} ms", milliseconds(time)));
    let status = match trial.answer.http_status {
        Some(status) => format!("HTTP {status}"),
        None => "no answer".to_owned(),
    };
    let what = match trial.answer.digest() {
        Some(digest) => digest.to_string(),
        None => format!("{}: {}", trial.verdict.code, trial.verdict.reason),
    };
    format!("{status}{}: {what}", time.unwrap_or_default())
}

/// The lines behind the endpoints.
pub(super) fn end_lines(pull: &Pull) -> Vec<String> {
    let mut lines = Vec::new();
    let step = match pull.end {
        End::Served(at) => pull.walk.steps.get(at),
        End::Nobody | End::Unknown => None,
    };
    lines.push(match (pull.end, step) {
        (_, Some(step)) => {
            format!("served by {} {}", step.role.as_str(), step.url.as_deref().unwrap_or(&step.endpoint.name))
        }
        (End::Nobody, _) => "served by nobody: the pull fails".to_owned(),
        (End::Served(_) | End::Unknown, _) => "who serves could not be found out".to_owned(),
    });
    let upstream = pull.upstream.verdict.as_ref();
    let said = upstream.map_or_else(String::new, |verdict| match &verdict.digest {
        Some(digest) => format!(" ({digest})"),
        None => format!(" ({}: {})", verdict.code, verdict.reason),
    });
    let compared = match &pull.comparison {
        Comparison::Itself => "it is upstream itself".to_owned(),
        Comparison::Equal => "the same as upstream's".to_owned(),
        Comparison::Differs(_) => format!("not upstream's{said}"),
        Comparison::Unknown => format!("not comparable with upstream{said}"),
        Comparison::Nothing if upstream.is_none() => String::new(),
        Comparison::Nothing => format!("upstream{said}"),
    };
    if !compared.is_empty() {
        lines.push(compared);
    }
    lines
        .extend(pull.findings.iter().map(|finding| format!("! {}: {}", finding.kind.as_str(), finding.text)));
    lines
}
