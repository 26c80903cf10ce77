//! What the gate itself found, in words: exceptions that are idle, slow mirrors, what is new since the
//! baseline. Shared by the formats for people; not escaped.

use crate::gate::{
    Change, Exception, GateCode, Level, MIN_SAMPLES, MirrorLatency, Policy, Ruling, State, Unjudged,
};
use crate::model::endpoint::{Endpoint, Role};
use crate::model::fault::seconds;
use crate::model::run::CheckResult;

use super::escape::{MAX_REMOTE_CHARS, bounded};
use super::findings::Severity;
use super::summary::count;
use super::view::{Bearing, Timestamp, View};

/// One thing that the gate found, whatever the images came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind it is.
    pub kind: GateCode,
    /// Whom it is about, for fingerprints: the exception without its line, or the mirror; not escaped.
    pub about: String,
    /// Where the configuration speaks of it, as `file:line`; none for what no line of a file says.
    pub place: Option<Box<str>>,
    /// One sentence without its full stop; holds what the user wrote: escape it where it is printed.
    pub text: String,
}

impl Finding {
    /// The file and line of its place.
    pub(super) fn origin(&self) -> Option<(&str, u32)> {
        let (file, line) = self.place.as_deref()?.rsplit_once(':')?;
        Some((file, line.parse().ok().filter(|line| *line > 0)?))
    }

    /// How it bears on the run: [`Bearing::NotCounted`] for what is only told.
    #[must_use]
    pub const fn bearing(&self) -> Bearing {
        match self.kind.level() {
            Level::Fail => Bearing::Fails,
            Level::Warn => Bearing::Warns,
            Level::Pass | Level::Undecided => Bearing::NotCounted,
        }
    }

    /// How grave it is where findings are listed; `None` for what is only told.
    pub(super) const fn severity(&self) -> Option<Severity> {
        match self.kind.level() {
            Level::Fail => Some(Severity::Error),
            Level::Warn => Some(Severity::Warning),
            Level::Pass | Level::Undecided => None,
        }
    }

    /// The word for its bearing in reports.
    #[must_use]
    pub const fn level(&self) -> &'static str {
        self.kind.word()
    }
}

/// Everything that the gate itself found, in the order of the policy.
#[must_use]
pub fn findings(view: &View<'_>) -> Vec<Finding> {
    let states = view.policy.exceptions.iter().zip(&view.decision.exceptions);
    let exceptions = states.filter_map(|(exception, state)| of_exception(exception, *state));
    let latency = view.decision.latency.iter().filter_map(|mirror| {
        let endpoint = &view.run.endpoints[mirror.endpoint as usize];
        of_latency(view.policy, endpoint, mirror)
    });
    let idle =
        (view.policy.latency.max_slowdown.is_some() && view.decision.comparison.is_none()).then(|| Finding {
            kind: GateCode::NoBaseline,
            about: "max_slowdown".to_owned(),
            place: None,
            text: "no baseline: slowdown not judged".to_owned(),
        });
    exceptions.chain(latency).chain(idle).chain(unjudged(view.policy)).collect()
}

/// What of a policy is not judged where this run was made.
pub fn unjudged(policy: &Policy) -> impl Iterator<Item = Finding> {
    policy.unjudged.iter().map(|Unjudged { what, place, elsewhere }| {
        let names: Vec<_> = elsewhere.iter().map(|name| format!("'{name}'")).collect();
        let said = if &**place == "--require" { place.to_string() } else { format!("{place}: {what}") };
        Finding {
            kind: GateCode::JudgedElsewhere,
            about: what.to_string(),
            place: Some(place.clone()),
            text: format!("{said} hangs on {}, seen from elsewhere: not judged here", names.join(", ")),
        }
    })
}

fn of_exception(exception: &Exception, state: State) -> Option<Finding> {
    let (place, about) = (&exception.place, exception.to_string());
    match state {
        State::Applied(_) => None,
        State::Unused => Some(Finding {
            kind: GateCode::ExceptionUnused,
            place: Some(place.clone()),
            text: format!(
                "{place}: the exception for {about} changes nothing: it can go ({})",
                exception.reason
            ),
            about,
        }),
    }
}

/// `synchronised on Mondays (until 2030-01-01)`, where an exception changes how a result is judged; not escaped.
pub(super) fn excepted(view: &View<'_>, result: &CheckResult) -> Option<String> {
    view.excepted(result).and_then(|at| exception_words(view, at))
}

/// The same of the exception at this index.
pub(super) fn exception_words(view: &View<'_>, at: usize) -> Option<String> {
    let Exception { reason, expires, .. } = view.policy.exceptions.get(at)?;
    Some(format!("{} (until {expires})", bounded(reason, MAX_REMOTE_CHARS)))
}

fn of_latency(policy: &Policy, endpoint: &Endpoint, mirror: &MirrorLatency) -> Option<Finding> {
    let (name, limits) = (&endpoint.name, policy.latency);
    let place = policy.mirror_places.get(endpoint.own_name()).cloned();
    let answers = |samples| count(samples, "timed answer");
    let (kind, text) = match mirror.ruling {
        Ruling::Within => return None,
        Ruling::TooSlow => (
            GateCode::MirrorTooSlow,
            format!(
                "{name}: 95 of 100 first bytes came within {}, where {} is the most",
                seconds(mirror.p95),
                seconds(limits.max.unwrap_or_default())
            ),
        ),
        Ruling::Slower => (
            GateCode::MirrorSlower,
            format!(
                "{name}: the median time to the first byte is {}, where it was {} and may grow by {}",
                seconds(mirror.median),
                seconds(mirror.before.map(|before| before.median).unwrap_or_default()),
                limits.max_slowdown.map(|share| share.to_string()).unwrap_or_default()
            ),
        ),
        Ruling::TooFew => (
            GateCode::TooFewAnswers,
            format!("{name}: {}: times are judged from {MIN_SAMPLES} on", answers(mirror.samples)),
        ),
        Ruling::TooFewBefore => (
            GateCode::TooFewAnswers,
            format!(
                "{name}: {} in the baseline: times are compared from {MIN_SAMPLES} on",
                answers(mirror.before.map_or(0, |before| before.samples))
            ),
        ),
    };
    Some(Finding { kind, about: name.to_string(), place, text })
}

/// The results that fail or leave it open and that the baseline does not have, or not so bad.
pub(super) fn new_problems<'a>(view: &View<'a>) -> impl Iterator<Item = (&'a CheckResult, Change)> {
    let decision = view.decision;
    view.run.results.iter().filter_map(|result| {
        let treated = decision.treated(result).filter(|treated| treated.level.is_problem())?;
        Some((result, treated.change.filter(|change| !change.is_known())?))
    })
}

/// The word for how a result compares with the baseline.
pub(super) const fn change_word(change: Change) -> &'static str {
    match change {
        Change::New { .. } => "new",
        Change::Worse { .. } => "worse",
        Change::Known { .. } => "known",
    }
}

/// How many results are in the baseline already.
fn known(view: &View<'_>) -> u64 {
    view.checks().filter(|result| view.bearing(result) == Bearing::Known).count() as u64
}

/// `since 2025-03-08T08:00:00.000Z: 1 new, 3 known, 1 better, 2 not checked any more`
pub(super) fn comparison(view: &View<'_>) -> Option<String> {
    let comparison = view.decision.comparison.as_ref()?;
    let (worse, new): (Vec<_>, Vec<_>) =
        new_problems(view).partition(|(_, change)| matches!(change, Change::Worse { .. }));
    let mut text = format!("since {}: {} new", Timestamp(comparison.taken_at), new.len());
    if !worse.is_empty() {
        text += &format!(", {} worse", worse.len());
    }
    text += &format!(", {} known, {} better", known(view), comparison.better.len());
    if !comparison.gone.is_empty() {
        text += &format!(", {} not checked any more", comparison.gone.len());
    }
    Some(text)
}

/// `1 mirror too slow`, `2 mirrors and 1 upstream too slow`, or nothing.
pub(super) fn own_failures(view: &View<'_>) -> Option<String> {
    let slow = |role: Role| {
        let slow = view.decision.latency.iter().filter(|mirror| mirror.ruling.fails());
        let of_role =
            slow.filter(|mirror| view.run.endpoints[mirror.endpoint as usize].role == role).count() as u64;
        (of_role > 0).then(|| count(of_role, role.as_str()))
    };
    let slow: Vec<_> = [Role::Mirror, Role::Upstream].into_iter().filter_map(slow).collect();
    (!slow.is_empty()).then(|| format!("{} too slow", slow.join(" and ")))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::date;

    use super::super::Format;
    use super::super::escape::is_hidden;
    use super::super::fixture::{self, Fixture, HOSTILE};
    use super::*;
    use crate::gate::{Glob, Level, What};
    use crate::model::status::Status;

    /// With an exception that nothing needs.
    fn with_exception(words: &str) -> Fixture {
        let Fixture { run, mut policy, exit_code, .. } = fixture::all_statuses();
        policy.exceptions.push(Exception {
            image: Some(Glob::new(words)),
            mirror: Some(words.into()),
            what: Some(What::Status(Status::Stale)),
            level: Level::Pass,
            reason: words.into(),
            expires: date!(9999 - 12 - 31),
            place: words.into(),
        });
        Fixture::new(run, policy, exit_code)
    }

    /// Half of the images are missing at `half`, which this exception is about.
    fn excepted_as(level: Level, reason: &str) -> Fixture {
        let Fixture { run, mut policy, exit_code, .. } = fixture::many(4);
        policy.exceptions.push(Exception {
            image: None,
            mirror: Some("half".into()),
            what: Some(What::Status(Status::Missing)),
            level,
            reason: reason.into(),
            expires: date!(2030 - 01 - 01),
            place: "conf/registry-check.toml:48".into(),
        });
        Fixture::new(run, policy, exit_code)
    }

    #[test]
    fn the_reason_of_an_exception_stands_wherever_what_it_judges_is_told() {
        let words = "MONDAYS (until 2030-01-01)";
        for (level, formats) in [
            (Level::Pass, &[Format::Table, Format::Markdown, Format::Html, Format::Junit][..]),
            (
                Level::Warn,
                &[
                    Format::Table,
                    Format::Markdown,
                    Format::Html,
                    Format::Junit,
                    Format::Sarif,
                    Format::Github,
                    Format::Gitlab,
                ],
            ),
        ] {
            for format in Format::ALL {
                let told = excepted_as(level, "MONDAYS").told(format).to_lowercase();
                let exception = match format {
                    Format::Html => format!("<b>exception</b> {words}</p>"),
                    _ => format!("exception: {words}"),
                };
                assert_eq!(
                    told.contains(&exception.to_lowercase()),
                    formats.contains(&format),
                    "{format}: {told}"
                );
            }
        }
        let mut everything = excepted_as(Level::Warn, "MONDAYS");
        everything.policy.exceptions[0].what = None;
        let html = Fixture::new(everything.run, everything.policy, 1).told(Format::Html);
        assert!(!html.contains("<b>half: OK</b> <code>digest-equal</code><p>Exception"), "{html}");
        // One that makes no difference is no reason.
        let same = excepted_as(Level::Fail, "MONDAYS");
        assert!(!same.told(Format::Table).contains("MONDAYS (until"), "{}", same.told(Format::Table));
    }

    #[test]
    fn results_are_grouped_apart_by_the_exception_that_judges_them() {
        let mut fixture = excepted_as(Level::Warn, "MONDAYS");
        let second = Exception {
            image: Some(Glob::new("acme/app-1:*")),
            reason: "TUESDAYS".into(),
            ..fixture.policy.exceptions[0].clone()
        };
        fixture.policy.exceptions.insert(0, second);
        fixture = Fixture::new(fixture.run, fixture.policy, 1);
        let table = fixture.told(Format::Table);
        assert_eq!(
            (table.matches("exception: MONDAYS").count(), table.matches("exception: TUESDAYS").count()),
            (1, 1),
            "{table}"
        );
    }

    #[test]
    fn hostile_policies_break_no_format() {
        for format in Format::ALL {
            let [plain, hostile] = ["x", HOSTILE].map(|words| excepted_as(Level::Warn, words).told(format));
            assert_eq!(plain.lines().count(), hostile.lines().count(), "{format}: {hostile}");
            assert!(format != Format::Markdown || !hostile.contains("<script"), "{hostile}");
            let [plain, hostile] = ["x", HOSTILE].map(|words| with_exception(words).told(format));
            assert_eq!(plain.lines().count(), hostile.lines().count(), "{format}: {hostile}");
            let visible = hostile.replace("\r\n", "").replace('\n', "").replace("⚠️", "");
            assert!(!visible.contains(is_hidden), "{format}: {hostile}");
            assert!(format != Format::Markdown || !hostile.contains("<script"), "{hostile}");
        }
    }

    #[test]
    fn what_the_gate_itself_found_stands_at_its_line_in_every_report_that_a_pipeline_reads() {
        let mut fixture = with_exception("x");
        fixture.policy.exceptions[0].place = "conf/registry-check.toml:48".into();
        let text = "the exception for x at x, stale changes nothing: it can go (x)";
        let github = fixture.told(Format::Github);
        let line = "::warning file=conf/registry-check.toml,line=48,title=gate%3A exception-unused::conf/registry-check.toml:48: ";
        assert!(github.contains(&format!("\n{line}{text}\n")), "{github}");
        let gitlab: serde_json::Value = fixture.json(Format::Gitlab);
        let last = gitlab.as_array().unwrap().last().unwrap();
        assert_eq!((&last["check_name"], &last["severity"]), (&"exception-unused".into(), &"minor".into()));
        assert_eq!(last["location"]["path"], "conf/registry-check.toml");
        assert_eq!(last["location"]["lines"]["begin"], 48);
        let sarif: serde_json::Value = fixture.json(Format::Sarif);
        let run = &sarif["runs"][0];
        let last = run["results"].as_array().unwrap().last().unwrap();
        let rule = usize::try_from(last["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(run["tool"]["driver"]["rules"][rule]["id"], "exception-unused");
        assert_eq!((&last["ruleId"], &last["level"]), (&"exception-unused".into(), &"warning".into()));
        assert_eq!(last["locations"][0]["physicalLocation"]["region"]["startLine"], 48);
        let junit = fixture.told(Format::Junit);
        assert!(
            junit.contains(r#"<testsuite name="(gate)" tests="1" skipped="0" errors="0" failures="0""#),
            "{junit}"
        );
        assert!(junit.contains(text), "{junit}");
    }

    /// Who was asked: a mirror of the configuration that is too slow, one of the command line that got slower, and an
    /// upstream with too few answers.
    fn with_slow_mirrors() -> Fixture {
        let mut fixture = fixture::many(2);
        fixture.policy.mirror_places = [("down".into(), "conf/registry-check.toml:4".into())].into();
        fixture.run.places[0].origin.file = "./lists/images.txt".into();
        let rulings = (0..).zip([Ruling::TooSlow, Ruling::Slower, Ruling::TooFew]);
        let before = Some(crate::gate::Pace { samples: 20, median: Duration::from_millis(2) });
        let latency = rulings.map(|(endpoint, ruling)| MirrorLatency {
            endpoint,
            samples: 20,
            median: Duration::from_millis(400),
            p95: Duration::from_millis(2_500),
            before,
            ruling,
        });
        fixture.decision.latency = latency.collect();
        fixture.policy.latency.max = Some(Duration::from_secs(2));
        fixture
    }

    #[test]
    fn slow_mirrors_stand_where_they_are_configured_or_else_where_the_list_begins() {
        let fixture = with_slow_mirrors();
        let kinds: Vec<_> =
            findings(&fixture.view()).iter().map(|found| (found.level(), found.kind.as_str())).collect();
        assert_eq!(
            kinds,
            [("fail", "mirror-too-slow"), ("fail", "mirror-slower"), ("note", "too-few-answers")]
        );
        let places =
            [("mirror-too-slow", "conf/registry-check.toml", 4), ("mirror-slower", "lists/images.txt", 1)];
        let sarif: serde_json::Value = fixture.json(Format::Sarif);
        let results = sarif.pointer("/runs/0/results").unwrap().as_array().unwrap();
        let gitlab: serde_json::Value = fixture.json(Format::Gitlab);
        let issues = gitlab.as_array().unwrap();
        for ((kind, file, line), (result, issue)) in places
            .into_iter()
            .zip(results[results.len() - places.len()..].iter().zip(&issues[issues.len() - places.len()..]))
        {
            assert_eq!((&result["ruleId"], &result["level"]), (&kind.into(), &"error".into()));
            let place = &result["locations"][0]["physicalLocation"];
            assert_eq!(place["artifactLocation"]["uri"], file);
            assert_eq!(place["region"]["startLine"], line);
            assert_eq!((&issue["check_name"], &issue["severity"]), (&kind.into(), &"critical".into()));
            assert_eq!(issue["location"], serde_json::json!({"path": file, "lines": {"begin": line}}));
        }
        let github = fixture.told(Format::Github);
        let starts = [
            "::error file=conf/registry-check.toml,line=4,title=gate%3A mirror-too-slow::down: 95 of 100 first bytes",
            "::error title=gate%3A mirror-slower::half: the median time to the first byte is 400ms, where it was 2ms",
        ];
        for start in starts {
            assert_eq!(github.lines().filter(|line| line.starts_with(start)).count(), 1, "{github}");
        }
        let junit = fixture.told(Format::Junit);
        let case = r#"<testcase name="mirror-too-slow: down" classname="(gate)" file="conf/registry-check.toml" line="4">"#;
        assert!(junit.contains(case), "{junit}");
    }

    #[test]
    fn a_slowdown_with_too_few_answers_on_either_side_is_a_note_that_says_on_which() {
        let mut fixture = with_slow_mirrors();
        fixture.policy.latency.max_slowdown = "15%".parse().ok();
        for (mirror, ruling) in fixture.decision.latency.iter_mut().zip([
            Ruling::TooFewBefore,
            Ruling::TooFewBefore,
            Ruling::TooFew,
        ]) {
            mirror.ruling = ruling;
            mirror.samples = 1;
            mirror.before = mirror.before.map(|before| crate::gate::Pace { samples: 19, ..before });
        }
        fixture.decision.latency[1].before = None;
        let told = findings(&fixture.view());
        let told: Vec<_> =
            told.iter().map(|found| (found.level(), found.text.split_once(": ").unwrap().1)).collect();
        assert_eq!(
            told[..3],
            [
                ("note", "19 timed answers in the baseline: times are compared from 20 on"),
                ("note", "0 timed answers in the baseline: times are compared from 20 on"),
                ("note", "1 timed answer: times are judged from 20 on"),
            ]
        );
        assert!(own_failures(&fixture.view()).is_none());
    }

    #[test]
    fn findings_are_told_in_the_order_of_the_policy() {
        let fixture = with_exception("x");
        let found = findings(&fixture.view());
        let told: Vec<_> =
            found.iter().map(|finding| (finding.level(), finding.kind.as_str(), &*finding.text)).collect();
        assert_eq!(
            told,
            [(
                "warn",
                "exception-unused",
                "x: the exception for x at x, stale changes nothing: it can go (x)"
            )]
        );
    }
}
