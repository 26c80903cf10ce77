//! Prometheus' text exposition format, for node_exporter's textfile collector and the Pushgateway.
//!
//! Everything is a gauge: what the last run found, not a sum over runs. Units and names follow the
//! conventions ("Metric and label naming"); sources of the form: "Exposition formats", text format 0.0.4.
//! The number of series is bounded, since each costs the server memory for as long as it keeps history.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use super::escape::{self, MAX_REMOTE_CHARS, bounded};
use super::summary::StatusCounts;
use super::view::{Bearing, View};
use crate::gate::Outcome;
use crate::model::run::{Counts, Ending};
use crate::model::status::Status;

/// Most series of one image at one mirror: more are left out as a whole, since a part would mislead.
const MOST_IMAGE_SERIES: usize = 10_000;

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    write_run(view, out)?;
    write_mirrors(view, out)?;
    write_latencies(view, out)?;
    write_quotas(view, out)?;
    write_images(view, out)
}

/// Begins a metric, all of which are gauges.
fn begin(name: &str, help: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "# HELP registry_check_{name} {help}\n# TYPE registry_check_{name} gauge")
}

/// One sample; label values are escaped here.
fn sample(name: &str, labels: &[(&str, &str)], value: impl Display, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "registry_check_{name}")?;
    for (at, (label, value)) in labels.iter().enumerate() {
        write!(out, "{}{label}=\"{}\"", if at == 0 { "{" } else { "," }, label_value(value))?;
    }
    writeln!(out, "{} {value}", if labels.is_empty() { "" } else { "}" })
}

fn single(name: &str, help: &str, value: impl Display, out: &mut dyn Write) -> io::Result<()> {
    begin(name, help, out)?;
    sample(name, &[], value, out)
}

/// Hidden characters become visible first, so that a value is the same wherever it is shown.
fn label_value(text: &str) -> String {
    let text = bounded(text, MAX_REMOTE_CHARS);
    escape::terminal(&text).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

fn write_run(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let run = view.run;
    begin("build_info", "The version of registry-check; always 1.", out)?;
    sample("build_info", &[("version", view.tool_version)], 1, out)?;
    #[expect(clippy::cast_precision_loss, reason = "exact for 285 years from 1970")]
    let ended = (run.finished_at.unix_timestamp_nanos() / 1_000_000) as f64 / 1000.0;
    single("last_run_timestamp_seconds", "When the last run ended, since 1970.", ended, out)?;
    single("last_run_duration_seconds", "How long the last run took.", seconds(run.duration), out)?;
    let is_complete = u8::from(run.ending == Ending::Complete);
    single(
        "last_run_complete",
        "Whether the last run asked everything (1) or was interrupted (0).",
        is_complete,
        out,
    )?;
    single("last_run_exit_code", "The exit code of the last run.", view.exit_code, out)?;
    single("last_run_requests", "Requests that the last run sent to registries.", run.cost.requests, out)?;
    let exchanges = run.cost.token_exchanges;
    single("last_run_token_requests", "Requests that the last run sent to token services.", exchanges, out)?;
    let unknown = run.scope.dynamic.total();
    single("names_unknown", "Names of images that cannot be known offline: not checked.", unknown, out)?;
    let outcomes = [Outcome::Pass, Outcome::Undecided, Outcome::Fail];
    begin("decision", "How the gate came out: 1 for the outcome, 0 for the others.", out)?;
    for outcome in outcomes {
        let is_it = u8::from(view.decision.outcome == outcome);
        sample("decision", &[("outcome", outcome.as_str())], is_it, out)?;
    }
    begin("images", "Images by how the gate came out for them.", out)?;
    outcomes.into_iter().try_for_each(|outcome| {
        sample("images", &[("outcome", outcome.as_str())], view.decision.count(outcome), out)
    })
}

/// The labels that tell an endpoint from all others.
fn who<'a>(view: &View<'a>, endpoint: usize) -> [(&'static str, &'a str); 2] {
    let endpoint = &view.run.endpoints[endpoint];
    [("mirror", &endpoint.name), ("role", endpoint.role.as_str())]
}

/// Every status has a series, also at 0: an alert must not lose its series when all is well.
fn write_mirrors(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut counts = vec![StatusCounts::default(); view.run.endpoints.len()];
    for result in &view.run.results {
        counts[result.endpoint as usize].add(result.verdict.code.status());
    }
    begin("results", "Results of the last run: images at this mirror by status.", out)?;
    for (at, counts) in counts.iter().enumerate() {
        let [mirror, role] = who(view, at);
        for status in Status::ALL {
            sample("results", &[mirror, role, ("status", status.as_str())], counts.of(status), out)?;
        }
    }
    Ok(())
}

/// Nothing for an endpoint that never answered.
fn write_latencies(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let mut latencies: Vec<Vec<f64>> = vec![Vec::new(); view.run.endpoints.len()];
    for result in &view.run.results {
        latencies[result.endpoint as usize].extend(result.latency.map(seconds));
    }
    latencies.iter_mut().for_each(|of_one| of_one.sort_by(f64::total_cmp));
    for (name, help, percent) in [
        ("first_byte_median_seconds", "Time to the first byte, half of the answers were faster.", 50),
        ("first_byte_p95_seconds", "Time to the first byte, 95 in 100 answers were faster.", 95),
        ("first_byte_max_seconds", "Time to the first byte of the slowest answer.", 100),
    ] {
        begin(name, help, out)?;
        for (at, sorted) in latencies.iter().enumerate() {
            if let Some(value) = at_percent(sorted, percent) {
                sample(name, &who(view, at), value, out)?;
            }
        }
    }
    Ok(())
}

/// The smallest value that so many in a hundred do not exceed (nearest rank).
fn at_percent(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

fn write_quotas(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    if view.run.quotas.is_empty() {
        return Ok(());
    }
    begin("pull_quota_limit", "Pulls that this host allows.", out)?;
    for quota in &view.run.quotas {
        sample("pull_quota_limit", &[("host", &quota.host)], quota.limit, out)?;
    }
    begin("pull_quota_remaining", "Pulls that were left at this host.", out)?;
    view.run
        .quotas
        .iter()
        .try_for_each(|quota| sample("pull_quota_remaining", &[("host", &quota.host)], quota.remaining, out))
}

/// In microseconds, as the JSON report has them: a saved run says the same.
fn seconds(duration: Duration) -> f64 {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(micros).as_secs_f64()
}

/// Whether the status says that nothing was found out.
const fn is_open(status: Status) -> bool {
    use Status::{Denied, NotChecked, RateLimited, ServerError, Unreachable};
    matches!(status, Denied | RateLimited | ServerError | Unreachable | NotChecked)
}

/// What could not be found out has no series: it is neither up nor down.
fn write_images(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let run = view.run;
    let counted = || {
        let counted = run.results.iter().filter(|result| result.counts == Counts::ForGate);
        counted.filter_map(|result| match view.bearing(result) {
            Bearing::Fails => Some((result, 0)),
            Bearing::Undecided | Bearing::NotCounted => None,
            // Nor does a policy that lets it pass find anything out.
            _ if is_open(result.verdict.code.status()) => None,
            // A baseline makes no image any better.
            Bearing::Known => Some((result, 0)),
            Bearing::Warns | Bearing::Allowed | Bearing::Fine => Some((result, 1)),
        })
    };
    let all = counted().count();
    let omitted = if all > MOST_IMAGE_SERIES { all } else { 0 };
    let help =
        "Series of registry_check_image_up that were left out, all of them, because there are too many.";
    single("image_series_omitted", help, omitted, out)?;
    if all == 0 || omitted > 0 {
        return Ok(());
    }
    let help =
        "Whether the mirror serves the image as the gate demands; no series where that was not found out.";
    begin("image_up", help, out)?;
    counted().try_for_each(|(result, up)| {
        let image = view.image(result.image).to_string();
        let [mirror, role] = who(view, result.endpoint as usize);
        sample("image_up", &[("image", &image), mirror, role], up, out)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashSet};

    use proptest::prelude::*;

    use super::super::fixture::{self, Fixture};
    use super::*;
    use crate::gate::{Policy, Require};
    use crate::model::endpoint::Role;

    fn rendered(fixture: &Fixture) -> String {
        let mut out = Vec::new();
        write(&fixture.view(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_policy_that_lets_a_dead_mirror_pass_does_not_make_it_serve() {
        for (fail_on, series) in [(vec![], 0), (vec![Status::Unreachable], 4)] {
            let allowed = if fail_on.is_empty() { vec![Status::Unreachable] } else { vec![] };
            let policy = Policy::new(Require::Any, fail_on, allowed).unwrap();
            let text = rendered(&Fixture::new(fixture::many(4).run, policy, 0));
            let down: Vec<_> = text.lines().filter(|line| line.contains("mirror=\"down\"")).collect();
            let up: Vec<_> =
                down.into_iter().filter(|line| line.starts_with("registry_check_image_up{")).collect();
            assert_eq!(up.len(), series, "{up:?}");
            assert!(up.iter().all(|line| line.ends_with(" 0")), "{up:?}");
        }
    }

    type Labels = BTreeMap<String, String>;

    fn is_name(text: &str) -> bool {
        text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    }

    /// Labels up to the closing brace, and what stands behind it.
    fn labels(mut text: &str) -> (Labels, &str) {
        let mut labels = Labels::new();
        loop {
            let (name, rest) = text.split_once("=\"").expect("a label");
            assert!(is_name(name) && !name.starts_with("__"), "{name}");
            let mut value = String::new();
            let mut chars = rest.char_indices();
            let end = loop {
                match chars.next().expect("the end of a value") {
                    (at, '"') => break at,
                    (_, '\\') => value.push(match chars.next().expect("an escape").1 {
                        'n' => '\n',
                        c @ ('\\' | '"') => c,
                        c => panic!("no such escape: \\{c}"),
                    }),
                    (_, c) => value.push(c),
                }
            };
            assert!(labels.insert(name.to_owned(), value).is_none(), "label {name} twice");
            text = &rest[end + 1..];
            match text.strip_prefix(',') {
                Some(more) => text = more,
                None => return (labels, text.strip_prefix('}').expect("a closing brace")),
            }
        }
    }

    /// Reads an exposition by its grammar: HELP, TYPE, then samples of that metric and no other.
    fn parsed(text: &str) -> BTreeMap<String, Vec<(Labels, f64)>> {
        assert!(text.ends_with('\n'));
        let mut metrics: BTreeMap<String, Vec<(Labels, f64)>> = BTreeMap::new();
        let mut seen = HashSet::new();
        let mut current = String::new();
        let mut lines = text.split_terminator('\n');
        while let Some(line) = lines.next() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help text");
                assert!(is_name(name) && !help.contains('\\') && help.ends_with('.'), "{line}");
                assert_eq!(lines.next(), Some(format!("# TYPE {name} gauge").as_str()));
                assert!(!metrics.contains_key(name), "{name} twice");
                metrics.insert(name.to_owned(), Vec::new());
                current = name.to_owned();
                continue;
            }
            let end = line.find([' ', '{']).expect("a sample");
            assert_eq!(&line[..end], current, "samples stand below their TYPE");
            let (labels, value) = match line[end..].strip_prefix('{') {
                Some(rest) => labels(rest),
                None => (Labels::new(), &line[end..]),
            };
            let value: f64 = value.strip_prefix(' ').expect("a blank").parse().expect("a number");
            assert!(seen.insert((current.clone(), labels.clone())), "duplicate: {line}");
            metrics.get_mut(&current).unwrap().push((labels, value));
        }
        metrics
    }

    fn only(metrics: &BTreeMap<String, Vec<(Labels, f64)>>, name: &str) -> f64 {
        let [(labels, value)] = &metrics[name][..] else { panic!("{name}: {:?}", metrics[name]) };
        assert!(labels.is_empty());
        *value
    }

    #[test]
    fn exposition_looks_like_this() {
        insta::assert_snapshot!(rendered(&fixture::all_statuses()));
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers and copies")]
    fn metrics_say_what_the_report_says() {
        let fixture = fixture::all_statuses();
        let metrics = parsed(&rendered(&fixture));
        assert_eq!(only(&metrics, "registry_check_last_run_exit_code"), 1.0);
        assert_eq!(only(&metrics, "registry_check_last_run_timestamp_seconds"), 1_741_507_200.459);
        let results: f64 = metrics["registry_check_results"].iter().map(|(_, value)| value).sum();
        assert_eq!(results, 18.0);
        assert_eq!(metrics["registry_check_results"].len(), 6 * Status::ALL.len());
        let images: f64 = metrics["registry_check_images"].iter().map(|(_, value)| value).sum();
        assert_eq!(images, 6.0);
        let up = &metrics["registry_check_image_up"];
        assert_eq!(up.iter().filter(|(_, value)| *value == 0.0).count(), 4);
        assert!(
            up.iter().all(|(labels, _)| labels["mirror"] != "quay-proxy" || labels["image"].contains("gone"))
        );
    }

    #[test]
    fn names_follow_the_conventions() {
        for (name, _) in parsed(&rendered(&fixture::with_quotas())) {
            assert!(name.starts_with("registry_check_"));
            let reserved = ["_total", "_sum", "_count", "_bucket", "_milliseconds", "_ms"];
            assert!(reserved.iter().all(|suffix| !name.ends_with(suffix)), "{name}");
            assert!(
                !(name.contains("duration") || name.contains("first_byte")) || name.ends_with("_seconds")
            );
        }
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "whole numbers")]
    fn too_many_series_are_left_out_as_a_whole_and_counted() {
        let at = |images| {
            let mut fixture = fixture::many(images);
            for result in &mut fixture.run.results {
                result.verdict.code = crate::model::code::Code::DigestEqual;
            }
            parsed(&rendered(&fixture))
        };
        let most = at(5_000);
        assert_eq!(most["registry_check_image_up"].len(), MOST_IMAGE_SERIES);
        assert_eq!(only(&most, "registry_check_image_series_omitted"), 0.0);
        let more = at(5_001);
        assert!(!more.contains_key("registry_check_image_up"));
        assert_eq!(only(&more, "registry_check_image_series_omitted"), 10_002.0);
    }

    #[test]
    fn ranks_are_the_nearest() {
        let of = |values: &[f64], percent| at_percent(values, percent);
        assert_eq!(of(&[], 50), None);
        assert_eq!(of(&[1.0], 95), Some(1.0));
        assert_eq!(of(&[1.0, 2.0, 3.0, 4.0], 50), Some(2.0));
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((of(&hundred, 95), of(&hundred, 100)), (Some(95.0), Some(100.0)));
    }

    proptest! {
        #[test]
        fn hostile_text_stays_in_its_label(
            text in any::<String>(),
            special in prop::sample::select(vec![fixture::HOSTILE, "\"} 1\nx 2\n", "\\", "\\\"", "\\n", "a\nb", ""]),
        ) {
            let typed = format!("{special}{text}");
            let metrics = parsed(&rendered(&fixture::saying(&typed)));
            let bounded = bounded(&typed, MAX_REMOTE_CHARS);
            let shown = escape::terminal(&bounded);
            let results = &metrics["registry_check_results"];
            prop_assert_eq!(results.len(), 2 * Status::ALL.len());
            prop_assert!(results[..Status::ALL.len()].iter().all(|(labels, _)| labels["mirror"] == *shown));
        }
    }

    #[test]
    fn roles_tell_a_mirror_from_an_upstream_of_the_same_name() {
        let mut fixture = fixture::saying("docker.io");
        assert_eq!(fixture.run.endpoints[0].role, Role::Mirror);
        assert_eq!(fixture.run.endpoints[0].name, fixture.run.endpoints[1].name);
        parsed(&rendered(&fixture));
        fixture.run.ending = Ending::Interrupted;
        assert!(rendered(&fixture).contains("\nregistry_check_last_run_complete 0\n"));
    }
}
