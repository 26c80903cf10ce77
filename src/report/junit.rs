//! JUnit XML, which most CI servers show: a suite for each endpoint, a test case for each place.
//!
//! Test cases fail exactly where the gate does: `failure` where an image failed, `error` where it could
//! not be found out, `skipped` where nobody was asked. What passes with something to say has it as output.
//! The document is built whole, since the crate writes the totals first.

use std::io;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::escape::{self, MAX_REMOTE_CHARS, bounded};
use super::findings::{self, Severity};
use super::gating;
use super::matrix::who;
use super::view::{Bearing, Row, Timestamp, View};
use crate::gate::Outcome;
use crate::model::dynamic::Dynamic;
use crate::model::origin::Origin;
use crate::model::run::{CheckResult, Counts, Place};
use crate::model::status::Status;

pub(super) fn write(view: &View<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let mut out = Remembering { out, fault: None };
    match report(view).serialize(&mut out) {
        Ok(()) => Ok(()),
        // The crate's own error hides what kind it was, such as a closed pipe.
        Err(error) => Err(out.fault.unwrap_or_else(|| io::Error::other(error))),
    }
}

/// As exact as the JSON report tells it: else the sums of a suite are others once that has been read again.
fn whole_micros(time: Duration) -> Duration {
    Duration::new(time.as_secs(), time.subsec_micros() * 1_000)
}

fn report(view: &View<'_>) -> Report {
    let mut suites: Vec<_> = view.run.endpoints.iter().map(|_| None::<TestSuite>).collect();
    for place in &view.run.places {
        let counted = |result: &&CheckResult| result.counts == Counts::ForGate;
        for result in view.results(place.image).iter().filter(counted) {
            let suite = suites[result.endpoint as usize].get_or_insert_with(|| suite(view, result));
            let case = case(view, place, result);
            suite.time = Some(suite.time.unwrap_or_default() + case.time.unwrap_or_default());
            suite.add_test_case(case);
        }
    }
    let mut report = Report::new("registry-check");
    report.set_time(whole_micros(view.run.duration));
    report.add_test_suites(suites.into_iter().flatten());
    report.add_test_suites(dynamic(view));
    report.add_test_suites(gate(view));
    report
}

/// The names that nobody could be asked for: skipped.
fn dynamic(view: &View<'_>) -> Option<TestSuite> {
    let names = view.run.scope.dynamic.names();
    if names.is_empty() {
        return None;
    }
    let mut suite = TestSuite::new("(not known offline)");
    suite.extra.insert("timestamp".into(), Timestamp(view.run.started_at).to_string().into());
    for Dynamic { origin, text: name, why } in names {
        let mut status = TestCaseStatus::skipped();
        status.set_message(text(&bounded(why, MAX_REMOTE_CHARS)));
        let mut case = TestCase::new(text(name), status);
        case.set_classname("(not known offline)");
        add_place(&mut case, origin);
        suite.add_test_case(case);
    }
    Some(suite)
}

/// What the gate itself found, so that a run which fails has a case that fails.
fn gate(view: &View<'_>) -> Option<TestSuite> {
    let found = gating::findings(view);
    if found.is_empty() {
        return None;
    }
    let mut suite = TestSuite::new("(gate)");
    suite.extra.insert("timestamp".into(), Timestamp(view.run.started_at).to_string().into());
    for finding in found {
        let is_failure = finding.bearing() == Bearing::Fails;
        let mut status = TestCaseStatus::success();
        if is_failure {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(text(&finding.text));
            status.set_type(finding.kind.as_str());
        }
        let mut case = TestCase::new(text(&format!("{}: {}", finding.kind, finding.about)), status);
        case.set_classname("(gate)");
        if let Some((file, line)) = finding.origin() {
            case.extra.insert("file".into(), text(file).into());
            case.extra.insert("line".into(), line.to_string().into());
        }
        if !is_failure {
            case.set_system_out(text(&finding.text));
        }
        suite.add_test_case(case);
    }
    Some(suite)
}

fn suite(view: &View<'_>, result: &CheckResult) -> TestSuite {
    let endpoint = view.endpoint(result);
    let mut suite = TestSuite::new(text(&who(endpoint)));
    suite.set_time(Duration::ZERO);
    suite.extra.insert("timestamp".into(), Timestamp(view.run.started_at).to_string().into());
    suite.add_property(("url", text(endpoint.url.as_str()).as_str()));
    suite
}

fn case(view: &View<'_>, place: &Place, result: &CheckResult) -> TestCase {
    let endpoint = view.endpoint(result);
    let row = Row::new(view.image(result.image), place, endpoint, result);
    let known = findings::since_baseline(view.bearing(result), view.worsened(result));
    let said =
        told(view, result, format!("{}{known} [{}]: {}", row.status().label(), row.code, row.reason()));
    let status = status(view, result, &row);
    let mut case = TestCase::new(row.artifact.to_string(), status);
    case.set_classname(text(&who(endpoint)));
    case.set_time(whole_micros(result.latency.unwrap_or_default()));
    add_place(&mut case, row.origin);
    let is_success = matches!(case.status, TestCaseStatus::Success { .. });
    if is_success && (view.bearing(result) != Bearing::Fine || findings::has_fallback(result)) {
        case.set_system_out(text(&said));
    }
    case
}

/// With the exception by which it is judged.
fn told(view: &View<'_>, result: &CheckResult, said: String) -> String {
    match gating::excepted(view, result) {
        Some(words) => format!("{said}; exception: {words}"),
        None => said,
    }
}

/// Where it stands.
fn add_place(case: &mut TestCase, origin: &Origin) {
    case.extra.insert("file".into(), text(&origin.file).into());
    case.extra.insert("line".into(), origin.line.to_string().into());
    if let Some(document) = origin.document {
        case.add_property(("document", document.to_string().as_str()));
    }
    if let Some(path) = &origin.path {
        case.add_property(("path", text(&bounded(path, MAX_REMOTE_CHARS)).as_str()));
    }
}

fn status(view: &View<'_>, result: &CheckResult, row: &Row<'_>) -> TestCaseStatus {
    let outcome = view.decision.images.get(result.image as usize).copied().unwrap_or(Outcome::Pass);
    let mut status = match (view.bearing(result), findings::severity(view, result)) {
        (_, Some(Severity::Error)) => TestCaseStatus::non_success(NonSuccessKind::Failure),
        (Bearing::Undecided, _) if row.status() == Status::NotChecked => TestCaseStatus::skipped(),
        (Bearing::Fails | Bearing::Undecided, _) if outcome != Outcome::Pass => {
            TestCaseStatus::non_success(NonSuccessKind::Error)
        }
        _ => return TestCaseStatus::success(),
    };
    let known = findings::since_baseline(view.bearing(result), view.worsened(result));
    let said = format!("{}{known}: {}", row.status().label(), row.reason());
    status.set_message(text(&told(view, result, said)));
    if !matches!(status, TestCaseStatus::Skipped { .. }) {
        status.set_type(row.code.as_str());
    }
    status.set_description(description(row));
    status
}

/// What a page shows below the message.
fn description(row: &Row<'_>) -> String {
    let mut lines = vec![format!("{} at {}: {}", row.artifact, row.origin.in_full(), row.code.meaning())];
    if !row.code.advice().is_empty() {
        lines.push(format!("What to try: {}.", row.code.advice()));
    }
    for (name, value) in [
        ("asked", row.url().map(str::to_owned)),
        ("served", row.digest().map(ToString::to_string)),
        ("expected", row.expected_digest().map(ToString::to_string)),
    ] {
        lines.extend(value.map(|value| format!("{name}: {}", bounded(&value, MAX_REMOTE_CHARS))));
    }
    let lines: Vec<_> = lines.iter().map(|line| text(line)).collect();
    lines.join("\n")
}

/// Text on one line that XML 1.0 can hold (section 2.2).
fn text(text: &str) -> String {
    // The only other characters that XML lacks and a Rust string may have.
    escape::terminal(text).replace('\u{fffe}', "\\u{fffe}").replace('\u{ffff}', "\\u{ffff}")
}

/// Keeps the first fault of a writer.
struct Remembering<'a> {
    out: &'a mut dyn io::Write,
    fault: Option<io::Error>,
}

impl Remembering<'_> {
    fn keep<T>(&mut self, written: io::Result<T>) -> io::Result<T> {
        written.map_err(|error| {
            let kind = error.kind();
            self.fault.get_or_insert(error);
            kind.into()
        })
    }
}

impl io::Write for Remembering<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes);
        self.keep(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.keep(flushed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{self, Fixture};
    use super::*;
    use crate::gate::{Policy, Require};
    use crate::model::run::Ending;

    fn rendered(fixture: &Fixture) -> String {
        let mut out = Vec::new();
        write(&fixture.view(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn read(xml: &str) -> Report {
        Report::deserialize_from_str(xml).unwrap()
    }

    fn judged(fixture: Fixture, policy: Policy) -> Fixture {
        Fixture::new(fixture.run, policy, 0)
    }

    #[test]
    fn junit_looks_like_this() {
        insta::assert_snapshot!(rendered(&fixture::all_statuses()));
    }

    #[test]
    fn suites_are_the_mirrors_and_cases_the_places() {
        let report = read(&rendered(&fixture::all_statuses()));
        let suites: Vec<_> =
            report.test_suites.iter().map(|suite| (suite.name.as_str(), suite.tests)).collect();
        assert_eq!(
            suites,
            [("daocloud", 6), ("內部鏡像", 6), ("quay-proxy", 2), ("upstream registry.example.com:5000", 1)]
        );
        assert_eq!((report.tests, report.failures, report.errors, report.skipped), (15, 5, 3, 1));
        assert_eq!(report.time, Some(Duration::from_millis(334)));
    }

    #[test]
    fn times_are_summed_as_the_json_report_tells_them() {
        let mut fixture = fixture::many(2);
        for result in &mut fixture.run.results {
            result.latency = Some(Duration::from_nanos(1_000_999));
        }
        let report = read(&rendered(&fixture));
        let times = report.test_suites.iter().map(|suite| (suite.time, suite.tests));
        for (time, tests) in times {
            assert_eq!(time, Some(Duration::from_millis(tests as u64)));
        }
        let case = case(&fixture.view(), &fixture.run.places[0], &fixture.run.results[0]);
        assert_eq!(case.time, Some(Duration::from_millis(1)));
    }

    #[test]
    fn a_case_fails_exactly_where_the_gate_does() {
        use Status::{Missing, Unreachable};
        for (require, fail_on, allow, outcome, (failures, errors)) in [
            (Require::All, vec![], vec![], Outcome::Fail, (2, 4)),
            (Require::Any, vec![], vec![], Outcome::Undecided, (0, 4)),
            (Require::All, vec![], vec![Missing], Outcome::Undecided, (0, 4)),
            (Require::Any, vec![Unreachable], vec![], Outcome::Fail, (4, 0)),
            (Require::Any, vec![Unreachable], vec![Missing], Outcome::Pass, (0, 0)),
        ] {
            let fixture = judged(fixture::many(4), Policy::new(require, fail_on, allow).unwrap());
            let report = read(&rendered(&fixture));
            assert_eq!((report.failures, report.errors), (failures, errors), "{:?}", fixture.policy);
            assert_eq!(fixture.decision.outcome, outcome);
        }
    }

    #[test]
    fn what_was_not_asked_is_skipped_unless_that_is_to_fail() {
        let mut fixture = fixture::many(2);
        fixture.run.ending = Ending::Interrupted;
        for result in &mut fixture.run.results {
            result.verdict.code = crate::model::code::Code::Interrupted;
        }
        let fixture = judged(fixture, Policy::default());
        assert_eq!(read(&rendered(&fixture)).skipped, 4);
        let strict = Policy::new(Require::All, vec![Status::NotChecked], vec![]).unwrap();
        let report = read(&rendered(&judged(fixture, strict)));
        assert_eq!((report.skipped, report.failures), (0, 4));
    }

    #[test]
    fn what_passes_with_something_to_say_says_it() {
        let report = read(&rendered(&fixture::all_statuses()));
        let said: Vec<_> = report
            .test_suites
            .iter()
            .flat_map(|suite| &suite.test_cases)
            .filter_map(|case| Some((case.name.as_str(), case.system_out.as_ref()?.as_str())))
            .collect();
        assert!(said.contains(&(
            "docker.io/bitnami/redis:7",
            "UNVERIFIED [nothing-to-compare]: upstream could not be asked (rate limited)"
        )));
    }

    proptest! {
        #[test]
        fn hostile_text_stays_in_its_element(
            typed in any::<String>(),
            special in prop::sample::select(vec![
                fixture::HOSTILE, "]]>", "<!--", "\"/><x a='", "&amp;&#0;", "\u{fffe}\u{ffff}", "\0", "\u{b}", "a\nb", "",
            ]),
        ) {
            let typed = format!("{special}{typed}");
            let mut fixture = fixture::saying(&typed);
            fixture.run.places[0].origin.file = typed.as_str().into();
            let xml = rendered(&fixture);
            let is_char = |c: char| matches!(c, '\n' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
            prop_assert!(xml.chars().all(is_char));
            prop_assert!(!xml.replace('\n', "").contains(escape::is_hidden));
            let report = read(&xml);
            prop_assert_eq!((report.tests, report.errors), (1, 1));
            let case = &report.test_suites[0].test_cases[0];
            prop_assert_eq!(case.extra["file"].as_str(), text(&typed));
        }
    }
}
