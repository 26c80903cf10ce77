//! What the gate itself found, and what is new and better since the baseline.

use std::io::{self, Write};

use crate::model::run::CheckResult;
use crate::model::status::Status;

use super::super::gating::{self, findings};
use super::super::matrix::who;
use super::super::view::{Bearing, Places, Timestamp, View};
use super::paint::{Paint, Tone};
use super::{LABEL_WIDTH, SHOWN_OF_GROUP, SHOWN_PLACES, outside, tone};

/// Writes it, if there is any.
pub(super) fn write(view: &View<'_>, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    write_comparison(view, paint, out)?;
    let found = findings(view);
    if !found.is_empty() {
        writeln!(out)?;
    }
    for finding in found {
        let word = match finding.bearing {
            Bearing::Fails => "GATE",
            Bearing::Warns => "WARNING",
            _ => "NOTE",
        };
        writeln!(out, "{}{}", padded(paint, tone(finding.bearing), word), outside(&finding.text))?;
    }
    Ok(())
}

fn padded(paint: Paint, tone: Tone, word: &str) -> String {
    format!("{}{}", paint.apply(tone, word), " ".repeat(LABEL_WIDTH.saturating_sub(word.len())))
}

fn write_comparison(view: &View<'_>, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let (Some(comparison), Some(words)) = (&view.decision.comparison, gating::comparison(view)) else {
        return Ok(());
    };
    writeln!(out, "\nBaseline, {words}")?;
    let places = Places::of(&view.run.places);
    let new: Vec<_> = gating::new_problems(view).collect();
    for (result, was) in new.iter().take(SHOWN_OF_GROUP) {
        let was = was.map_or_else(String::new, |was| format!(", was {}", was.label()));
        write_change(view, (result, &places), &padded(paint, tone(view.bearing(result)), "NEW"), &was, out)?;
    }
    write_more(new.len(), out)?;
    for better in comparison.better.iter().take(SHOWN_OF_GROUP) {
        let was = format!(", was {} since {}", better.was.label(), Timestamp(better.since));
        let result = &view.run.results[better.result];
        write_change(view, (result, &places), &padded(paint, Tone::Good, "BETTER"), &was, out)?;
    }
    write_more(comparison.better.len(), out)
}

fn write_more(all: usize, out: &mut dyn Write) -> io::Result<()> {
    match all.saturating_sub(SHOWN_OF_GROUP) {
        0 => Ok(()),
        more => writeln!(out, "{:LABEL_WIDTH$}… and {more} more (all of them: --format json)", ""),
    }
}

fn write_change(
    view: &View<'_>,
    (result, places): (&CheckResult, &Places<'_>),
    label: &str,
    was: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    let status: Status = result.verdict.code.status();
    let image = outside(&view.image(result.image).to_string());
    let mirror = outside(&who(view.endpoint(result)));
    let named = places.at(result.image).take(SHOWN_PLACES);
    let named: Vec<_> = named.map(|place| outside(&place.origin.to_string())).collect();
    writeln!(out, "{label}{image} at {mirror}: {}{was} ({})", status.label(), named.join(", "))
}
