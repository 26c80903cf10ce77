//! What the gate itself found, and what is new and better since the baseline.

use std::io::{self, Write};

use crate::model::run::CheckResult;

use super::super::gating::{self, findings};
use super::super::matrix::who;
use super::super::view::{Bearing, View};
use super::{bearing, text, tone, word};

/// Changes told of each kind; the JSON report has them all.
const SHOWN_CHANGES: usize = 200;

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let found = findings(view);
    if !found.is_empty() {
        writeln!(
            out,
            "<section aria-labelledby=\"gate\">\n<h2 id=\"gate\">Gate</h2>\n<ul class=\"where changes\">"
        )?;
        for finding in &found {
            let (tone, level) = (tone(finding.bearing()), finding.level());
            writeln!(
                out,
                "<li><span class=\"badge {tone}\">{level}</span> <span>{}</span></li>",
                text(&finding.text)
            )?;
        }
        writeln!(out, "</ul>\n</section>")?;
    }
    let (Some(comparison), Some(words)) = (&view.decision.comparison, gating::comparison(view)) else {
        return Ok(());
    };
    writeln!(out, "<section aria-labelledby=\"baseline\">\n<h2 id=\"baseline\">Baseline</h2>")?;
    writeln!(out, "<p>Compared with what was known {}.</p>\n<ul class=\"where changes\">", text(&words))?;
    let new: Vec<_> = gating::new_problems(view).collect();
    for (result, change) in new.iter().take(SHOWN_CHANGES) {
        let was = change.was().map_or_else(String::new, |was| format!(", was {}", word(was)));
        write_change(view, result, (gating::change_word(*change), bearing(view, result)), &was, out)?;
    }
    write_more(new.len(), out)?;
    for better in comparison.better.iter().take(SHOWN_CHANGES) {
        let was = format!(", was {}", word(better.was));
        write_change(view, &view.run.results[better.result], ("better", Bearing::Fine), &was, out)?;
    }
    write_more(comparison.better.len(), out)?;
    writeln!(out, "</ul>\n</section>")
}

fn write_change(
    view: &View<'_>,
    result: &CheckResult,
    (what, bearing): (&str, Bearing),
    was: &str,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(
        out,
        "<li><span class=\"badge {}\">{what}</span> <span><a href=\"#i{}\">{}</a> at <bdi>{}</bdi>: {}{was}</span></li>",
        tone(bearing),
        result.image,
        text(&view.image(result.image).to_string()),
        text(&who(view.endpoint(result))),
        word(result.verdict.code.status()),
    )
}

fn write_more(all: usize, out: &mut dyn Write) -> io::Result<()> {
    match all.saturating_sub(SHOWN_CHANGES) {
        0 => Ok(()),
        more => writeln!(
            out,
            "<li><span></span><span>… and {more} more, all of them in the JSON report</span></li>"
        ),
    }
}
