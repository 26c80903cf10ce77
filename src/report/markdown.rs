//! GitHub-flavoured Markdown, for pull requests, issues and job summaries.
//!
//! Heading, counts, the matrix, then everything that is not as it should be, group by group; long
//! groups are folded. All text from outside passes through [`escape::markdown`].

use std::io::{self, Write};

use crate::model::anatomy::MAX_FINDINGS;
use crate::model::origin::Origin;
use crate::model::run::{CheckResult, Counts, Place};
use crate::model::status::Status;

use super::depth;
use super::escape::{self, MAX_REMOTE_CHARS, bounded};
use super::gating::{self, findings};
use super::matrix::{Column, columns, short_name, who};
use super::problems::{Extent, Group, Wording, problems, remark, worse};
use super::summary::{self, Summary};
use super::view::{Bearing, Places, Timestamp, View};

/// From so many lines on, a group is folded.
const FOLDED_FROM: usize = 20;
/// Places named of an image in the matrix.
const SHOWN_PLACES: usize = 3;

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_head(view, out)?;
    write_matrix(view, out)?;
    write_depth(view, out)?;
    write_problems(view, out)?;
    write_dynamic(view, out)?;
    write_gate(view, out)
}

/// How it came out, and the counts.
pub(super) fn write_head(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    use crate::gate::Outcome;
    let word = match view.decision.outcome {
        Outcome::Pass => "passed",
        Outcome::Undecided => "undecided",
        Outcome::Fail => "failed",
    };
    writeln!(out, "# Registry check: {word}\n")?;
    let decision = summary::decision_word(view.decision.outcome);
    writeln!(out, "**{decision}**: {}.\n", summary::decision_sentence(view))?;
    write_summary(view, out)
}

/// What the gate itself found, and what is new and better since the baseline.
fn write_gate(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let found = findings(view);
    if !found.is_empty() {
        writeln!(out, "\n## Gate\n")?;
        for finding in &found {
            let text = escape::markdown(&bounded(&finding.text, MAX_REMOTE_CHARS));
            writeln!(out, "- {} {text}", symbol(finding.bearing()))?;
        }
    }
    let (Some(comparison), Some(words)) = (&view.decision.comparison, gating::comparison(view)) else {
        return Ok(());
    };
    writeln!(out, "\n## Baseline\n\nCompared with what was known, {words}.\n")?;
    let places = Places::of(&view.run.places);
    for (result, change) in gating::new_problems(view) {
        write_change(view, result, (gating::change_word(change), change.was()), &places, out)?;
    }
    for better in &comparison.better {
        write_change(view, &view.run.results[better.result], ("better", Some(better.was)), &places, out)?;
    }
    Ok(())
}

fn write_change(
    view: &View<'_>,
    result: &CheckResult,
    (word, was): (&str, Option<Status>),
    places: &Places<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let image = escape::markdown_code(&view.image(result.image).to_string());
    let mirror = escape::markdown(&bounded(&who(view.endpoint(result)), MAX_REMOTE_CHARS));
    let status = result.verdict.code.status().label();
    write!(out, "- {} {word}: {image} at {mirror}: {status}", symbol(view.bearing(result)))?;
    if let Some(was) = was {
        write!(out, ", was {}", was.label())?;
    }
    for (at, place) in places.at(result.image).enumerate() {
        write!(out, "{}{}", if at == 0 { " (" } else { ", " }, origin(&place.origin))?;
    }
    writeln!(out, ")")
}

/// Platforms and hosts, by endpoint.
fn write_depth(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let platforms = depth::platforms(view);
    if !platforms.is_empty() {
        writeln!(out, "## Platforms\n\n| At | Platform | Present |\n| --- | --- | --- |")?;
        for at in &platforms {
            let endpoint = escape::markdown(&bounded(&at.endpoint, MAX_REMOTE_CHARS));
            for (name, count) in &at.counts {
                let name = escape::markdown(&bounded(name, MAX_REMOTE_CHARS));
                let words = escape::markdown(&bounded(&count.words(), MAX_REMOTE_CHARS));
                writeln!(out, "| {endpoint} | {name} | {words} |")?;
            }
            if let Some(rest) = at.rest() {
                writeln!(out, "| {endpoint} | {rest} | |")?;
            }
        }
        writeln!(out)?;
    }
    if !view.run.hosts.is_empty() {
        writeln!(out, "## Hosts that pulls need\n")?;
        for host in &view.run.hosts {
            let whose = escape::markdown(&bounded(&depth::whose(host), MAX_REMOTE_CHARS));
            writeln!(out, "- {whose}: {}", escape::markdown(&depth::host(host)))?;
        }
        writeln!(out)?;
    }
    for text in depth::referrers_unknown(view) {
        writeln!(out, "{}\n", escape::markdown(&text))?;
    }
    match depth::uncovered(view) {
        Some(text) => writeln!(out, "{}\n", escape::markdown(&text)),
        None => Ok(()),
    }
}

fn write_summary(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let summary = Summary::of(view.run);
    writeln!(out, "## Summary\n")?;
    writeln!(out, "| Status | Checks | Upstream (not counted) |\n| --- | ---: | ---: |")?;
    for status in Status::ALL {
        let (checks, upstream) = (summary.by_status.of(status), summary.upstream.by_status.of(status));
        if checks + upstream > 0 {
            let counts = if checks > 0 { Counts::ForGate } else { Counts::ShownOnly };
            let symbol = symbol(view.bearing_of_status(counts, status));
            writeln!(out, "| {symbol} {} | {checks} | {upstream} |", status.label())?;
        }
    }
    writeln!(out, "| Total | {} | {} |\n", summary.checks, summary.upstream.asked)?;
    writeln!(out, "- {}", summary::scope(view, &summary))?;
    writeln!(out, "- {}", summary::cost(view))?;
    for quota in &view.run.quotas {
        let host = escape::markdown(&bounded(&quota.host, MAX_REMOTE_CHARS));
        writeln!(out, "- {host}: {}", summary::quota(quota))?;
    }
    let (from, to) = (Timestamp(view.run.started_at), Timestamp(view.run.finished_at));
    writeln!(out, "- {from} to {to}")?;
    writeln!(out, "- registry-check {}, exit code {}\n", escape::markdown(view.tool_version), view.exit_code)
}

const fn symbol(bearing: Bearing) -> &'static str {
    match bearing {
        Bearing::Fine => "✅",
        Bearing::Warns | Bearing::Known | Bearing::Allowed | Bearing::NotCounted => "⚠️",
        Bearing::Undecided => "❔",
        Bearing::Fails => "❌",
    }
}

fn write_matrix(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let columns = columns(view);
    writeln!(out, "## Images\n")?;
    write!(out, "| Image |")?;
    for column in &columns {
        write!(out, " {} |", escape::markdown(&bounded(&column.name(view), MAX_REMOTE_CHARS)))?;
    }
    write!(out, " Place |\n| --- |")?;
    columns.iter().try_for_each(|_| write!(out, " --- |"))?;
    writeln!(out, " --- |")?;
    let places = Places::of(&view.run.places);
    for (at, image) in (0..).zip(&view.run.images) {
        write!(out, "| {} |", escape::markdown_code(&short_name(image)))?;
        let results = view.results(at);
        for column in &columns {
            write_cell(view, *column, results, out)?;
        }
        write_places(places.at(at), out)?;
    }
    writeln!(out)
}

fn write_cell(
    view: &View<'_>,
    column: Column,
    results: &[CheckResult],
    out: &mut dyn Write,
) -> io::Result<()> {
    match column.cell(view, results) {
        Some(result) => {
            let status = result.verdict.code.status();
            write!(out, " {} {} |", symbol(view.bearing(result)), status.label())
        }
        None => write!(out, " – |"),
    }
}

fn write_places<'a>(places: impl ExactSizeIterator<Item = &'a Place>, out: &mut dyn Write) -> io::Result<()> {
    let more = places.len().saturating_sub(SHOWN_PLACES);
    for (at, place) in places.take(SHOWN_PLACES).enumerate() {
        write!(out, "{}{}", if at == 0 { " " } else { ", " }, origin(&place.origin))?;
    }
    if more > 0 {
        write!(out, " and {more} more")?;
    }
    writeln!(out, " |")
}

/// A place with document and key path.
pub(super) fn origin(origin: &Origin) -> String {
    let place = escape::markdown_code(&origin.to_string());
    match origin.within() {
        Some(within) => {
            let within = bounded(&within.to_string(), MAX_REMOTE_CHARS).into_owned();
            format!("{place} ({})", escape::markdown_code(&within))
        }
        None => place,
    }
}

/// The names that nobody could be asked for.
pub(super) fn write_dynamic(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let dynamic = &view.run.scope.dynamic;
    if dynamic.total() == 0 {
        return Ok(());
    }
    let names = summary::count(dynamic.total(), "name");
    writeln!(out, "\n## Not known offline\n\n{names} not checked.\n")?;
    let is_folded = dynamic.names().len() > FOLDED_FROM;
    if is_folded {
        writeln!(out, "<details><summary>{names}</summary>\n")?;
    }
    for name in dynamic.names() {
        let why = escape::markdown(&bounded(&name.why, MAX_REMOTE_CHARS));
        writeln!(out, "- {}: {why} ({})", escape::markdown_code(&name.text), origin(&name.origin))?;
    }
    let more = dynamic.total() - dynamic.names().len() as u64;
    if more > 0 {
        writeln!(out, "- and {more} more")?;
    }
    if is_folded { writeln!(out, "\n</details>") } else { Ok(()) }
}

/// Everything that is not as it should be.
pub(super) fn write_problems(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let groups = problems(view, usize::MAX);
    if groups.is_empty() {
        return Ok(());
    }
    let places = Places::of(&view.run.places);
    writeln!(out, "## Problems")?;
    groups.iter().try_for_each(|group| write_group(view, group, &places, out))
}

fn write_group(view: &View<'_>, group: &Group, places: &Places<'_>, out: &mut dyn Write) -> io::Result<()> {
    let endpoint = &view.run.endpoints[group.endpoint as usize];
    let name = escape::markdown(&bounded(&who(endpoint), MAX_REMOTE_CHARS));
    let (label, code) = (group.code.status().label(), group.code);
    writeln!(out, "\n### {} {label} at {name}: `{code}`{}\n", symbol(group.bearing), remark(group.bearing))?;
    let images = summary::count(group.total, "image");
    let all = if group.extent == Extent::Whole { ", all that were asked for here" } else { "" };
    writeln!(out, "{images}{all}. {}", escape::markdown(code.meaning()))?;
    if let Some(words) = group.exception.and_then(|at| gating::exception_words(view, at)) {
        writeln!(out, "Exception: {}.", escape::markdown(&words))?;
    }
    if !code.advice().is_empty() {
        writeln!(out, "What to try: {}.", escape::markdown(code.advice()))?;
    }
    if let (Wording::Same, true, Some(first)) = (group.wording, group.total > 1, group.first(view)) {
        writeln!(out, "Each time: {}", reason(first))?;
    }
    writeln!(out)?;
    let is_folded = group.shown.len() > FOLDED_FROM;
    if is_folded {
        writeln!(out, "<details><summary>{images}</summary>\n")?;
    }
    for at in &group.shown {
        write_problem(view, &view.run.results[*at as usize], group, places, out)?;
    }
    if is_folded { writeln!(out, "\n</details>") } else { Ok(()) }
}

fn write_problem(
    view: &View<'_>,
    result: &CheckResult,
    group: &Group,
    places: &Places<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    write!(out, "- {}", escape::markdown_code(&view.image(result.image).to_string()))?;
    if let Some(was) = view.worsened(result) {
        write!(out, "{}", worse(was.label()))?;
    }
    if group.wording == Wording::Different || group.total == 1 {
        write!(out, ": {}", reason(result))?;
    }
    for (at, place) in places.at(result.image).enumerate() {
        write!(out, "{}{}", if at == 0 { " (" } else { ", " }, origin(&place.origin))?;
    }
    writeln!(out, ")")?;
    let Some(anatomy) = result.anatomy.as_deref() else { return Ok(()) };
    for finding in depth::findings(anatomy, MAX_FINDINGS) {
        writeln!(out, "  - {}", escape::markdown(&finding))?;
    }
    match depth::more_findings(anatomy, MAX_FINDINGS) {
        None => Ok(()),
        Some(more) => writeln!(out, "  - {more}"),
    }
}

fn reason(result: &CheckResult) -> String {
    escape::markdown(&bounded(&result.verdict.reason, MAX_REMOTE_CHARS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{self, Fixture};
    use super::*;

    fn rendered(fixture: &Fixture) -> String {
        let mut out = Vec::new();
        write(&fixture.view(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// Bars that part cells.
    fn bars(line: &str) -> usize {
        line.replace("\\\\", "").replace("\\|", "").matches('|').count()
    }

    #[test]
    fn markdown_looks_like_this() {
        insta::assert_snapshot!(rendered(&fixture::all_statuses()));
    }

    #[test]
    fn a_run_without_problems_has_no_such_section() {
        let mut fixture = fixture::all_statuses();
        fixture.run.results.retain(|result| result.verdict.code.status() == Status::Ok);
        let fixture = Fixture::new(fixture.run, fixture.policy, 0);
        let text = rendered(&fixture);
        assert!(text.starts_with("# Registry check: passed\n"));
        assert!(!text.contains("## Problems"));
    }

    #[test]
    fn what_is_left_of_pull_quotas_stands_in_the_summary() {
        let text = rendered(&fixture::with_quotas());
        assert!(
            text.contains("\n- registry-1.docker.io: 9 of 100 pulls left (counted over 6h): nearly spent\n")
        );
        assert!(text.contains("\n- x.example:5000: 50 of 50 pulls left\n"));
    }

    #[test]
    fn platforms_hosts_and_findings_stand_in_it() {
        let text = rendered(&fixture::with_parts());
        for line in [
            "| half | linux/amd64 | 1 of 1 |",
            "| half | linux/arm64 | 0 of 1, 1 damaged |",
            "- half: cdn.example:8443 (blob store): NOT REACHED, half, 2.0 MB at 1.0 MB/s",
            "not downloaded, only looked for: 1 blob of 2.0 MB (--max-bytes, or above all bounds)",
            "- 9 requests in 334ms, 12.3 kB, about 2 Docker Hub pulls",
        ] {
            assert!(text.lines().any(|found| found.replace('\\', "") == line), "{line} is not in:\n{text}");
        }
        assert!(!rendered(&fixture::many(1)).contains("## Platforms"));
    }

    #[test]
    fn long_groups_are_complete_and_folded() {
        let text = rendered(&fixture::many(60));
        assert_eq!(text.lines().filter(|line| line.starts_with("- `docker.io/acme/")).count(), 90);
        assert_eq!(text.matches("<details>").count(), 2);
        assert_eq!(text.matches("</details>").count(), 2);
        assert_eq!(text.matches("connection refused: down.example:443").count(), 1);
    }

    proptest! {
        #[test]
        fn hostile_text_breaks_neither_lines_nor_tables(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "a|b\\|c\\\\|d", "`x`\n\n# x", "\r\n- x", ""]),
        ) {
            let typed = format!("{special}{text}");
            let plain = rendered(&fixture::saying("x"));
            let hostile = rendered(&fixture::saying(&typed));
            prop_assert_eq!(hostile.lines().count(), plain.lines().count());
            for (line, other) in hostile.lines().zip(plain.lines()) {
                prop_assert_eq!(line.starts_with('|'), other.starts_with('|'));
                if line.starts_with('|') {
                    prop_assert_eq!(bars(line), bars(other), "{}", line);
                }
                let without_symbols = line.replace("⚠️", "");
                prop_assert!(!without_symbols.contains(escape::is_hidden));
            }
            prop_assert!(!hostile.contains("<script"));
        }
    }
}
