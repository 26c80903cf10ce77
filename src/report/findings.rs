//! What is not as it should be, place by place: for the formats that point at lines.
//!
//! A finding is a row that somebody should look at. How grave it is follows from the decision about its
//! image, so that a report shows an error exactly where the gate failed.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::gate::Outcome;
use crate::model::anatomy::PlatformLine;
use crate::model::digest::Digest;
use crate::model::dynamic::Dynamic;
use crate::model::run::{CheckResult, Place};
use crate::model::status::Status;

use super::escape::{MAX_REMOTE_CHARS, bounded};
use super::gating;
use super::problems::{remark, worse};
use super::unknown;
use super::view::{Bearing, Row, View};

/// What `Origin::file` says of standard input, which is no file to point at.
const STDIN: &str = "stdin";

/// How grave a finding is, the gravest last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// Passes, and should be known.
    Note,
    /// Not what it should be, without failing its image.
    Warning,
    /// One of the reasons why its image failed.
    Error,
}

/// A row that somebody should look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finding<'a> {
    pub(super) row: Row<'a>,
    pub(super) severity: Severity,
    pub(super) bearing: Bearing,
    /// What it was in the baseline, where it got worse.
    pub(super) was: Option<Status>,
    /// The exception by which it is judged, as [`View::excepted`] tells.
    pub(super) exception: Option<usize>,
}

/// How grave a result is; `None` where it is fine, allowed, or not counted.
pub(super) fn severity(view: &View<'_>, result: &CheckResult) -> Option<Severity> {
    let outcome = view.decision.images.get(result.image as usize).copied().unwrap_or(Outcome::Pass);
    match (view.bearing(result), outcome) {
        (Bearing::Fails, Outcome::Fail) => Some(Severity::Error),
        // Not found out, or an image that enough other mirrors serve.
        (Bearing::Fails, _) | (Bearing::Undecided, Outcome::Fail | Outcome::Undecided) => {
            Some(Severity::Warning)
        }
        (Bearing::Undecided, Outcome::Pass) | (Bearing::Warns | Bearing::Known, _) => Some(Severity::Note),
        (Bearing::Fine, _) if has_fallback(result) => Some(Severity::Note),
        (Bearing::Allowed | Bearing::NotCounted | Bearing::Fine, _) => None,
    }
}

/// Whether a pull would bring another platform than is wanted, for which no mirror is to blame.
pub(super) fn has_fallback(result: &CheckResult) -> bool {
    let anatomy = result.anatomy.as_deref();
    anatomy.is_some_and(|anatomy| anatomy.platforms.iter().any(PlatformLine::is_fallback))
}

/// The findings about the image that is named at `place`: those of the mirrors in configured order.
pub(super) fn at<'a>(view: &View<'a>, place: &'a Place) -> impl Iterator<Item = Finding<'a>> + use<'a> {
    let view = *view;
    view.results(place.image).iter().filter_map(move |result| {
        let severity = severity(&view, result)?;
        let row = Row::new(view.image(place.image), place, view.endpoint(result), result);
        let (was, exception) = (view.worsened(result), view.excepted(result));
        Some(Finding { row, severity, bearing: view.bearing(result), was, exception })
    })
}

/// All findings, in the order of the inputs.
pub(super) fn all<'a>(view: &View<'a>) -> impl Iterator<Item = Finding<'a>> + use<'a> {
    let view = *view;
    view.run.places.iter().flat_map(move |place| at(&view, place))
}

impl<'a> Finding<'a> {
    /// The file to point at, without a leading `./`; `None` for standard input.
    pub(super) fn file(&self) -> Option<Cow<'a, str>> {
        file(&self.row.origin.file)
    }

    /// `NOT FOUND at daocloud`, or `NOT FOUND (known) at daocloud` if the baseline has it, or
    /// `NOT FOUND (worse, was STALE) at daocloud`; not escaped.
    pub(super) fn headline(&self) -> String {
        let known = since_baseline(self.bearing, self.was);
        format!("{}{known} at {}", self.row.status().label(), self.row.mirror)
    }
}

impl Finding<'_> {
    /// Image, headline, reason, the exception that it is judged by, and where in the file beyond the line; not escaped.
    pub(super) fn told(&self, view: &View<'_>) -> String {
        let row = &self.row;
        let within = row
            .origin
            .within()
            .map(|within| format!(" ({})", bounded(&within.to_string(), MAX_REMOTE_CHARS)));
        let within = within.unwrap_or_default();
        let exception = self.exception.and_then(|at| gating::exception_words(view, at));
        let exception = exception.map(|words| format!("; exception: {words}")).unwrap_or_default();
        format!("{}: {}: {}{exception}{within}", row.artifact, self.headline(), row.reason())
    }
}

/// What to add to a status about which the baseline has something to say.
pub(super) fn since_baseline(bearing: Bearing, was: Option<Status>) -> Cow<'static, str> {
    match was {
        Some(was) => Cow::Owned(worse(was.label())),
        None if bearing == Bearing::Known => Cow::Borrowed(remark(bearing)),
        None => Cow::Borrowed(""),
    }
}

/// The file and line of what the gate found, or of the first image for what stands in no file.
pub(super) fn place_of_gate<'a>(view: &View<'a>, finding: &'a gating::Finding) -> (Cow<'a, str>, u32) {
    let (named, line) = finding.origin().unwrap_or_else(|| {
        view.run.places.first().map_or((STDIN, 1), |place| (&place.origin.file, place.origin.line))
    });
    (file(named).unwrap_or(Cow::Borrowed(STDIN)), line)
}

/// As other programs compare paths: without a leading `./`, with `/` between the parts.
pub(super) fn file(named: &str) -> Option<Cow<'_, str>> {
    if named == STDIN {
        return None;
    }
    let path = if cfg!(windows) { Cow::Owned(named.replace('\\', "/")) } else { Cow::Borrowed(named) };
    Some(match path.strip_prefix("./").map(|rest| rest.trim_start_matches('/').to_owned()) {
        Some(rest) => Cow::Owned(rest),
        None => path,
    })
}

/// Names findings so that the next run knows them again.
///
/// A name comes from the code, the file, the image without its digest, and who was asked. Lines move
/// and digests change while the trouble stays the same, so neither takes part; of several equal ones in
/// a file each has its number.
#[derive(Debug, Default)]
pub(super) struct Fingerprints(HashMap<String, u32>);

impl Fingerprints {
    /// 64 hexadecimal digits; unique in the report when asked once for each finding, in order.
    pub(super) fn of(&mut self, finding: &Finding<'_>) -> String {
        let Row { artifact, origin, mirror, role, code, .. } = &finding.row;
        let (registry, repository) = (artifact.registry(), artifact.repository());
        let tag = artifact.tag().unwrap_or_default();
        let file = file(&origin.file).unwrap_or(Cow::Borrowed(STDIN));
        let role = role.as_str();
        self.of_key(format!("{code}\0{file}\0{registry}/{repository}:{tag}\0{role}\0{mirror}"))
    }

    /// The same for what the gate itself found.
    pub(super) fn of_gate(&mut self, finding: &gating::Finding) -> String {
        let file = finding.origin().and_then(|(named, _)| file(named)).unwrap_or(Cow::Borrowed(""));
        self.of_key(format!("{}\0{file}\0{}\0gate", finding.kind, finding.about))
    }

    /// The same for a name that is not known.
    pub(super) fn of_unknown(&mut self, name: &Dynamic) -> String {
        let file = file(&name.origin.file).unwrap_or(Cow::Borrowed(STDIN));
        self.of_key(format!("{}\0{file}\0{}", unknown::KIND, name.text))
    }

    fn of_key(&mut self, mut key: String) -> String {
        let number = self.0.entry(key.clone()).or_default();
        *number += 1;
        if *number > 1 {
            key += &format!("\0{number}");
        }
        let digest = Digest::sha256(key.as_bytes()).to_string();
        digest.split_once(':').map_or_else(String::new, |(_, hex)| hex.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::super::Format;
    use super::super::fixture::{self, Fixture};
    use super::*;
    use crate::gate::{Policy, Require};
    use crate::model::code::Code;

    fn severities(fixture: &Fixture) -> Vec<(String, Severity)> {
        all(&fixture.view()).map(|finding| (finding.row.artifact.to_string(), finding.severity)).collect()
    }

    fn judged(mut fixture: Fixture, policy: Policy) -> Fixture {
        fixture.policy = policy;
        Fixture::new(fixture.run, fixture.policy, 0)
    }

    #[test]
    fn a_finding_is_an_error_exactly_where_its_image_failed() {
        for fixture in [
            fixture::all_statuses(),
            judged(fixture::many(6), Policy::new(Require::Any, vec![], vec![]).unwrap()),
            judged(fixture::many(6), Policy::new(Require::Any, vec![Status::Unreachable], vec![]).unwrap()),
            judged(fixture::many(6), Policy::new(Require::All, vec![], vec![Status::Missing]).unwrap()),
        ] {
            let view = fixture.view();
            for (image, outcome) in view.run.images.iter().zip(&view.decision.images) {
                let name = image.to_string();
                let of_image = || all(&view).filter(|finding| finding.row.artifact.to_string() == name);
                let has = |severity| of_image().any(|finding| finding.severity == severity);
                assert_eq!(has(Severity::Error), *outcome == Outcome::Fail, "{name}");
                if *outcome == Outcome::Undecided {
                    assert!(has(Severity::Warning), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_mirror_that_an_image_can_do_without_is_no_error() {
        let policy = Policy::new(Require::Any, vec![Status::Unreachable], vec![]).unwrap();
        let told = severities(&judged(fixture::many(2), policy));
        let of = |name: &str, severity| (format!("docker.io/acme/{name}:1"), severity);
        assert_eq!(
            told,
            [of("app-0", Severity::Warning), of("app-1", Severity::Error), of("app-1", Severity::Error)]
        );
    }

    #[test]
    fn what_is_fine_allowed_or_not_counted_is_no_finding() {
        let every = fixture::all_statuses();
        let told = severities(&every);
        let counted = every.view().rows().filter(|row| row.status() != Status::Ok).count();
        // Two upstreams that do not answer as they should stand beside their mirrors.
        assert_eq!(told.len(), counted - 2);
        let policy = Policy::new(Require::All, vec![], vec![Status::Missing, Status::Unreachable]).unwrap();
        assert_eq!(severities(&judged(fixture::many(4), policy)), []);
    }

    #[test]
    fn fingerprints_are_unique_and_survive_moved_lines_other_words_and_other_digests() {
        let prints = |fixture: &Fixture| -> Vec<String> {
            let mut prints = Fingerprints::default();
            all(&fixture.view()).map(|finding| prints.of(&finding)).collect()
        };
        let mut fixture = fixture::all_statuses();
        fixture.run.places.push(fixture.run.places[0].clone());
        let before = prints(&fixture);
        assert_eq!(before.iter().collect::<HashSet<_>>().len(), before.len());
        for place in &mut fixture.run.places {
            place.origin.line += 7;
            place.origin.file = format!("./{}", place.origin.file).into();
        }
        for result in &mut fixture.run.results {
            result.verdict.reason = "said otherwise".into();
            result.verdict.digest = None;
        }
        for image in &mut fixture.run.images {
            if image.digest().is_some() {
                let (name, _) =
                    image.to_string().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
                let pinned = format!("{name}@{}", Digest::sha256(b"another"));
                *image = std::sync::Arc::new(pinned.parse().unwrap());
            }
        }
        assert_eq!(prints(&fixture), before);
        assert!(before.iter().all(|print| print.len() == 64 && print.bytes().all(|b| b.is_ascii_hexdigit())));
    }

    #[test]
    fn what_the_baseline_knows_says_so_in_every_report_that_points_at_lines() {
        // Two mirrors, of which one is down; the other lacks the second image, which is new.
        let fixture = fixture::first_image_known(fixture::many(2));
        let github = fixture.told(Format::Github);
        let known = "::notice file=images.txt,line=1,title=docker.io/acme/app-0%3A1%3A UNREACHABLE (known) at down::\
                     UNREACHABLE (known) at down: connection refused";
        assert_eq!(github.matches(known).count(), 1, "{github}");
        let junit = fixture.told(Format::Junit);
        let known = "<system-out>UNREACHABLE (known) [connect-refused]: connection refused";
        assert_eq!(junit.matches(known).count(), 1, "{junit}");
        assert!(junit.contains(r#" tests="2" skipped="0" errors="1" failures="0""#), "{junit}");
        let sarif: Value = fixture.json(Format::Sarif);
        let results = sarif.pointer("/runs/0/results").unwrap().as_array().unwrap();
        let sarif: Vec<_> =
            results.iter().map(|result| (&result["level"], &result["message"]["text"])).collect();
        let gitlab: Value = fixture.json(Format::Gitlab);
        let issues = gitlab.as_array().unwrap();
        let gitlab: Vec<_> = issues.iter().map(|issue| (&issue["severity"], &issue["description"])).collect();
        for (told, levels) in [(sarif, ["note", "warning", "error"]), (gitlab, ["info", "minor", "critical"])]
        {
            for ((level, text), (wanted, at)) in told.iter().zip(levels.into_iter().zip(0..)) {
                let text = text.as_str().unwrap();
                assert_eq!(
                    (level.as_str(), text.contains(" (known) at down: ")),
                    (Some(wanted), at == 0),
                    "{text}"
                );
                assert_eq!(text.contains("(known)"), at == 0, "{text}");
            }
            assert_eq!(told.len(), levels.len());
        }
    }

    #[test]
    fn what_got_worse_says_what_it_was_in_every_report() {
        // `half` lacks the second image, of which it had an old one; `down` is down as it was.
        let was = |code| if code == Code::ManifestUnknown { Code::DigestDiffers } else { code };
        let fixture = fixture::held_against(fixture::many(2), 1, was);
        let worse = "NOT FOUND (worse, was STALE)";
        for (format, told, times) in [
            (
                Format::Table,
                "\n✗ WORSE         docker.io/acme/app-1:1 at half: NOT FOUND, was STALE (images.txt:2)\n",
                1,
            ),
            (Format::Table, "app-1:1 at half (worse, was STALE): ", 1),
            (Format::Table, ": 1 new, 1 worse, 1 known, 0 better", 2),
            (
                Format::Markdown,
                "\n- ❌ worse: `docker.io/acme/app-1:1` at half: NOT FOUND, was STALE (`images.txt:2`)\n",
                1,
            ),
            (Format::Markdown, "\n- `docker.io/acme/app-1:1` (worse, was STALE): ", 1),
            (
                Format::Html,
                "<span class=\"badge fail\">worse</span> <span><a href=\"#i1\">docker.io/acme/app-1:1</a> at <bdi>half</bdi>: Not found, was Stale</span></li>",
                1,
            ),
            (Format::Html, "<b>half: Not found (worse, was Stale)</b>", 1),
            (Format::Html, ">docker.io/acme/app-1:1</a> (worse, was Stale) ", 1),
            (Format::Json, r#""was":"stale","change":"worse""#, 1),
            (Format::Github, &*format!("::{worse} at half: "), 1),
            (Format::Sarif, &*format!("docker.io/acme/app-1:1: {worse} at half: "), 1),
            (Format::Gitlab, &*format!("docker.io/acme/app-1:1: {worse} at half: "), 1),
            (Format::Junit, &*format!("message=\"{worse}: "), 1),
        ] {
            let text = fixture.told(format);
            assert_eq!(text.matches(told).count(), times, "{format}: {told}\n{text}");
        }
    }

    #[test]
    fn paths_are_written_as_other_programs_compare_them() {
        for (named, wanted) in [
            ("images.txt", Some("images.txt")),
            ("./deploy/compose.yaml", Some("deploy/compose.yaml")),
            (".//a", Some("a")),
            ("../a", Some("../a")),
            ("/srv/a", Some("/srv/a")),
            ("stdin", None),
        ] {
            assert_eq!(file(named).as_deref(), wanted, "{named}");
        }
    }
}
