//! Applies this user's policy to verdicts: pass, fail or undecided. Pure; knows no report format.
//!
//! A result has a level: that of its status, unless an exception says otherwise. An image has an outcome: whether as
//! many of its mirrors are fine as the policy demands; with a [`Baseline`], what it knows is not held against
//! the image. The run has the worst outcome of its images and of what the gate itself found.
//! Accepting more never fails more: levels only fall, and whether a problem is known does not hang on them.

mod baseline;
mod code;
mod exception;
mod glob;
mod latency;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use baseline::{Baseline, Better, Change, Comparison, Key, Pace, Problem, is_found_out, severity};
pub use code::GateCode;
pub use exception::{Exception, State, What};
pub use glob::Glob;
pub use latency::{MIN_SAMPLES, MirrorLatency, NOISE, Ruling, pace, percentile};
pub use policy::{Group, LatencyLimits, Level, Levels, Policy, PolicyError, Require, Slowdown, Unjudged};

use crate::model::code::Code;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::run::{CheckResult, Counts, Run};
use crate::model::status::Status;

/// How the gate came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every image can be had as the policy demands.
    Pass,
    /// Nothing failed, but for some image it could not be found out.
    Undecided,
    /// Some image cannot be had as the policy demands.
    Fail,
}

impl Outcome {
    /// The word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Undecided => "undecided",
            Self::Fail => "fail",
        }
    }
}

/// What a run is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// What the user accepts.
    pub policy: &'a Policy,
    /// What was known before.
    pub baseline: Option<&'a Baseline>,
}

/// What the policy says of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The run as a whole: the worst of its images and of what the gate itself found.
    pub outcome: Outcome,
    /// One outcome for each image, in the order of [`Run::images`].
    pub images: Vec<Outcome>,
    /// How each of the policy's exceptions fared.
    pub exceptions: Vec<State>,
    /// How fast mirrors were, where that has limits.
    pub latency: Vec<MirrorLatency>,
    /// How the run compares with its baseline, if it had one.
    pub comparison: Option<Comparison>,
    /// The results that are not judged by their status alone.
    treated: BTreeMap<(u32, u32), Treated>,
}

/// How a result is judged where not by its status alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treated {
    /// What it does, the baseline aside.
    pub level: Level,
    /// Index into the policy's exceptions, where one made it do so.
    pub exception: Option<usize>,
    /// How it compares with the baseline; only of what is not `ok`.
    pub change: Option<Change>,
    /// The code of what the baseline has, where that stays known since this run could not find out.
    pub outlasting: Option<Box<str>>,
}

impl Decision {
    /// How many images came out so.
    #[must_use]
    pub fn count(&self, outcome: Outcome) -> usize {
        self.images.iter().filter(|image| **image == outcome).count()
    }

    /// How a result is judged, if not by its status alone.
    #[must_use]
    pub fn treated(&self, result: &CheckResult) -> Option<&Treated> {
        self.treated.get(&(result.image, result.endpoint))
    }

    /// Whether the gate itself found something that fails, whatever the images came to.
    #[must_use]
    pub fn has_own_failure(&self) -> bool {
        self.latency.iter().any(|mirror| mirror.ruling.fails())
    }
}

/// Judges a run.
#[must_use]
pub fn decide(terms: &Terms<'_>, run: &Run) -> Decision {
    let Terms { policy, baseline } = *terms;
    // What a shard does not have may stand in another.
    let is_part = run.scope.part.is_some();
    let mut treated = BTreeMap::new();
    let mut used = vec![0u64; policy.exceptions.len()];
    let mut better = Vec::new();
    let mut images = vec![Outcome::Pass; run.images.len()];
    let mut first = 0;
    for results in run.results.chunk_by(|one, next| one.image == next.image) {
        let image = results[0].image;
        let held = Held::of(terms, run, image);
        for (at, result) in (first..).zip(results).filter(|(_, result)| result.counts == Counts::ForGate) {
            let code = result.verdict.code;
            let endpoint = &run.endpoints[result.endpoint as usize];
            let plain = policy.level_of(result);
            let exception = held.exception(policy, endpoint, code);
            let level = exception.map_or(plain, |at| policy.exceptions[at].level);
            if let Some(at) = exception.filter(|_| level != plain) {
                used[at] += 1;
            }
            let earlier = held.earlier(endpoint);
            let change = baseline
                .filter(|_| code.status() != Status::Ok)
                .map(|baseline| Change::of(baseline, earlier, code.status()));
            if exception.is_some() || change.is_some() {
                let outlasting = earlier.filter(|was| was.outlasts(code.status()));
                let outlasting = outlasting.map(|was| was.code.clone());
                treated.insert((image, result.endpoint), Treated { level, exception, change, outlasting });
            }
            let is_better = |was: &&Problem| {
                is_found_out(code.status()) && severity(was.status) > severity(code.status())
            };
            if let Some(earlier) = earlier.filter(is_better) {
                better.push(Better { result: at, was: earlier.status, since: earlier.since });
            }
        }
        first += results.len();
        images[image as usize] = outcome_of_image(policy, &run.endpoints, results, |result| {
            let plain = policy.level_of(result);
            match treated.get(&(image, result.endpoint)) {
                Some(Treated { level, change, .. }) => {
                    (*level, change.is_none_or(|change| !change.is_known()))
                }
                None => (plain, true),
            }
        });
    }
    let comparison = baseline.map(|baseline| Comparison {
        taken_at: baseline.taken_at,
        better,
        gone: if is_part { Vec::new() } else { gone(baseline, run) },
    });
    let exceptions = used.into_iter().map(|used| match used {
        0 if !is_part => State::Unused,
        used => State::Applied(used),
    });
    let mut decision = Decision {
        outcome: images.iter().copied().max().unwrap_or(Outcome::Pass),
        images,
        exceptions: exceptions.collect(),
        latency: latency_of(policy.latency, baseline, run),
        comparison,
        treated,
    };
    if decision.has_own_failure() {
        decision.outcome = Outcome::Fail;
    }
    decision
}

/// What there is to hold against the results of one image: found once for all of them.
struct Held<'a> {
    /// Indexes of the exceptions that mean it.
    exceptions: Vec<usize>,
    baseline: Option<&'a Baseline>,
    artifact: Box<str>,
}

impl<'a> Held<'a> {
    fn of(terms: &Terms<'a>, run: &Run, image: u32) -> Self {
        let name = &run.images[image as usize];
        let exceptions = terms.policy.exceptions.iter().enumerate();
        Self {
            exceptions: exceptions.filter(|(_, exception)| exception.means(name)).map(|(at, _)| at).collect(),
            baseline: terms.baseline,
            artifact: if terms.baseline.is_some() { name.to_string().into() } else { "".into() },
        }
    }

    /// The first exception that is about this result.
    fn exception(&self, policy: &Policy, mirror: &Endpoint, code: Code) -> Option<usize> {
        self.exceptions.iter().copied().find(|at| policy.exceptions[*at].is_about(mirror, code))
    }

    /// What the baseline has of the same question.
    fn earlier(&self, endpoint: &Endpoint) -> Option<&'a Problem> {
        let key = Key { artifact: self.artifact.clone(), mirror: endpoint.name.clone(), role: endpoint.role };
        self.baseline?.problems.get(&key)
    }
}

fn gone(baseline: &Baseline, run: &Run) -> Vec<Key> {
    let asked = run.results.iter().filter(|result| result.counts == Counts::ForGate).map(|result| {
        let endpoint = &run.endpoints[result.endpoint as usize];
        (run.images[result.image as usize].to_string(), &*endpoint.name, endpoint.role)
    });
    let asked: std::collections::HashSet<_> = asked.collect();
    let is_gone = |key: &&Key| !asked.contains(&(key.artifact.to_string(), &*key.mirror, key.role));
    baseline.problems.keys().filter(is_gone).cloned().collect()
}

fn latency_of(limits: LatencyLimits, baseline: Option<&Baseline>, run: &Run) -> Vec<MirrorLatency> {
    if limits.is_empty() {
        return Vec::new();
    }
    let mut times: BTreeMap<u32, Vec<Duration>> = BTreeMap::new();
    for result in run.results.iter().filter(|result| result.counts == Counts::ForGate) {
        times.entry(result.endpoint).or_default().extend(result.latency);
    }
    let judged = times.into_iter().map(|(endpoint, times)| {
        latency::judge(limits, baseline, (endpoint, &run.endpoints[endpoint as usize].name), times)
    });
    judged.collect()
}

/// Judges one image by its statuses alone: no exceptions, no baseline.
#[must_use]
pub fn decide_image(
    policy: &Policy,
    endpoints: &[std::sync::Arc<Endpoint>],
    results: &[CheckResult],
) -> Outcome {
    outcome_of_image(policy, endpoints, results, |result| (policy.level_of(result), true))
}

/// `judged` tells of a result what it does, and whether that may be held against the image.
fn outcome_of_image(
    policy: &Policy,
    endpoints: &[std::sync::Arc<Endpoint>],
    results: &[CheckResult],
    judged: impl Fn(&CheckResult) -> (Level, bool),
) -> Outcome {
    let asked = || results.iter().filter(|result| result.counts == Counts::ForGate);
    let is_among = |names: &[Box<str>], result: &CheckResult| {
        let endpoint = &endpoints[result.endpoint as usize];
        names.iter().any(|name| endpoint.is_called(name))
    };
    let outcome = |require: &Require, is_meant: &dyn Fn(&CheckResult) -> bool| {
        let is_named = |result: &CheckResult| match require {
            Require::Named(names) | Require::Elsewhere(names) => is_meant(result) && is_among(names, result),
            Require::All | Require::Any | Require::AtLeast(_) => is_meant(result),
        };
        let some_named = asked().any(is_named) || matches!(require, Require::Elsewhere(_));
        let mut tally = Tally::default();
        for result in asked().filter(|result| if some_named { is_named(result) } else { is_meant(result) }) {
            tally.add(judged(result));
        }
        tally.outcome(require)
    };
    if asked().any(|result| endpoints[result.endpoint as usize].role == Role::Upstream) {
        return outcome(&Require::All, &|_| true);
    }
    let is_in = |group: &Group, result: &CheckResult| is_among(&group.mirrors, result);
    let rest = outcome(&policy.require, &|result| !policy.groups.iter().any(|group| is_in(group, result)));
    let groups = policy.groups.iter().map(|group| outcome(&group.require, &|result| is_in(group, result)));
    groups.fold(rest, Outcome::max)
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    passed: usize,
    undecided: usize,
    failed: usize,
    /// The worst that may be held against the image.
    worst_new: Option<Level>,
}

impl Tally {
    fn add(&mut self, (level, is_new): (Level, bool)) {
        match level {
            Level::Pass | Level::Warn => self.passed += 1,
            Level::Undecided => self.undecided += 1,
            Level::Fail => self.failed += 1,
        }
        if is_new {
            self.worst_new = self.worst_new.max(Some(level));
        }
    }

    /// What is demanded decides; but no worse than the worst that is new.
    fn outcome(self, require: &Require) -> Outcome {
        let new = match self.worst_new {
            None | Some(Level::Pass | Level::Warn) => Outcome::Pass,
            Some(Level::Undecided) => Outcome::Undecided,
            Some(Level::Fail) => Outcome::Fail,
        };
        self.raw(require).min(new)
    }

    fn raw(self, require: &Require) -> Outcome {
        let asked = self.passed + self.undecided + self.failed;
        let needed = match require {
            Require::All | Require::Named(_) | Require::Elsewhere(_) => asked,
            Require::Any => asked.min(1),
            Require::AtLeast(number) => number.get().min(asked),
        };
        if self.passed >= needed {
            Outcome::Pass
        } else if self.passed + self.undecided >= needed {
            Outcome::Undecided
        } else {
            Outcome::Fail
        }
    }
}

/// What a status means under the default policy.
#[must_use]
pub const fn default_level(status: Status) -> Level {
    match status {
        Status::Ok => Level::Pass,
        Status::SameContent | Status::Unverified => Level::Warn,
        Status::Stale | Status::Missing | Status::Incomplete | Status::Invalid => Level::Fail,
        Status::Denied
        | Status::RateLimited
        | Status::ServerError
        | Status::Unreachable
        | Status::NotChecked => Level::Undecided,
    }
}
