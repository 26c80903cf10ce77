//! What the gate itself found, and what is new and better since the baseline.

use std::io::{self, Write};

use crate::model::run::CheckResult;
use crate::model::status::Status;

use super::super::gating::{self, findings};
use super::super::matrix::who;
use super::super::view::{Bearing, Places, Timestamp, View};
use super::paint::Tone;
use super::{SHOWN_OF_GROUP, SHOWN_PLACES, TableStyle, outside, write_behind, write_below, write_text};

/// Writes it, if there is any.
pub(super) fn write(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    write_comparison(view, style, out)?;
    let found = findings(view);
    if !found.is_empty() {
        writeln!(out)?;
    }
    for finding in found {
        let word = match finding.bearing() {
            Bearing::Fails => "GATE",
            Bearing::Warns => "WARNING",
            _ => "NOTE",
        };
        write_behind(word, finding.bearing(), &outside(&finding.text), style, out)?;
    }
    Ok(())
}

fn write_comparison(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let (Some(comparison), Some(words)) = (&view.decision.comparison, gating::comparison(view)) else {
        return Ok(());
    };
    writeln!(out)?;
    write_text(&format!("Baseline, {words}"), style, out)?;
    let places = Places::of(&view.run.places);
    let new: Vec<_> = gating::new_problems(view).collect();
    for (result, how) in new.iter().take(SHOWN_OF_GROUP) {
        let was = how.was().map_or_else(String::new, |was| format!(", was {}", was.label()));
        let text = change(view, result, &places, &was);
        write_behind(&gating::change_word(*how).to_uppercase(), view.bearing(result), &text, style, out)?;
    }
    write_more(new.len(), style, out)?;
    for better in comparison.better.iter().take(SHOWN_OF_GROUP) {
        let was = format!(", was {} since {}", better.was.label(), Timestamp(better.since));
        let text = change(view, &view.run.results[better.result], &places, &was);
        write_behind("BETTER", Bearing::Fine, &text, style, out)?;
    }
    write_more(comparison.better.len(), style, out)
}

fn write_more(all: usize, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    match all.saturating_sub(SHOWN_OF_GROUP) {
        0 => Ok(()),
        more => {
            let text = format!("… and {more} more (all of them: --format json)");
            write_below(&text, style, Tone::Plain, out)
        }
    }
}

fn change(view: &View<'_>, result: &CheckResult, places: &Places<'_>, was: &str) -> String {
    let status: Status = result.verdict.code.status();
    let image = outside(&view.image(result.image).to_string());
    let mirror = outside(&who(view.endpoint(result)));
    let named = places.at(result.image).take(SHOWN_PLACES);
    let named: Vec<_> = named.map(|place| outside(&place.origin.to_string())).collect();
    format!("{image} at {mirror}: {}{was} ({})", status.label(), named.join(", "))
}
