//! The top of the page, and its foot: how the run came out and what it comes to.

use std::io::{self, Write};

use crate::gate::Outcome;
use crate::model::run::Counts;
use crate::model::status::Status;

use super::super::summary::{self, StatusCounts, Summary};
use super::super::view::{Bearing, Timestamp, View};
use super::{text, tone, word};

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (title, bearing) = match view.decision.outcome {
        Outcome::Pass => ("Passed", Bearing::Fine),
        Outcome::Undecided => ("Undecided", Bearing::Undecided),
        Outcome::Fail => ("Failed", Bearing::Fails),
    };
    let summary = Summary::of(view.run);
    writeln!(
        out,
        "<header class=\"banner {}\">\n<div class=\"bar\"><p>Registry check · <time>{}</time></p>\n\
         <button type=\"button\" id=\"theme\" aria-pressed=\"false\" hidden>Dark theme</button></div>\n\
         <h1>{title}</h1>\n<p class=\"why\">{}.</p>",
        tone(bearing),
        Timestamp(view.run.started_at),
        summary::decision_sentence(view)
    )?;
    writeln!(out, "<dl class=\"figures\">")?;
    for (name, number) in [
        ("Exit code", u64::from(view.exit_code)),
        ("Images", summary.artifacts as u64),
        ("Mirrors", summary.mirrors as u64),
        ("Checks", summary.checks),
    ] {
        writeln!(out, "<div><dt>{name}</dt><dd>{}</dd></div>", grouped(number))?;
    }
    writeln!(out, "</dl>")?;
    write_counts(view, "Checks", &summary.by_status, Counts::ForGate, out)?;
    write_counts(view, "Upstream", &summary.upstream.by_status, Counts::ShownOnly, out)?;
    writeln!(out, "</header>")
}

fn write_counts(
    view: &View<'_>,
    title: &str,
    counts: &StatusCounts,
    kind: Counts,
    out: &mut dyn Write,
) -> io::Result<()> {
    if counts.total() == 0 {
        return Ok(());
    }
    writeln!(out, "<div class=\"counts\"><h2>{title}</h2><ul>")?;
    let mut by_gravity: Vec<(Bearing, Status, u64)> =
        counts.iter().map(|(status, count)| (view.bearing_of_status(kind, status), status, count)).collect();
    by_gravity.sort_by_key(|(bearing, status, _)| (*bearing, *status));
    for (bearing, status, count) in by_gravity {
        writeln!(
            out,
            "<li class=\"badge {}\">{} <b>{}</b></li>",
            tone(bearing),
            word(status),
            grouped(count)
        )?;
    }
    writeln!(out, "</ul></div>")
}

pub(super) fn write_footer(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let summary = Summary::of(view.run);
    writeln!(out, "<footer>\n<p>{}; {}.</p>", summary::scope(view, &summary), summary::cost(view))?;
    for quota in &view.run.quotas {
        writeln!(out, "<p>{}: {}.</p>", text(&quota.host), summary::quota(quota))?;
    }
    let (from, to) = (Timestamp(view.run.started_at), Timestamp(view.run.finished_at));
    writeln!(
        out,
        "<p><time>{from}</time> to <time>{to}</time>. Made by registry-check {}.</p>\n</footer>",
        text(view.tool_version)
    )
}

/// `12,345`
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 image`, `12,345 images`
pub(super) fn counted(number: u64, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_numbers_are_grouped_by_thousands() {
        for (number, shown) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), shown);
        }
    }
}
