//! The names that cannot be known offline, with their places: nobody was asked for them.

use std::io::{self, Write};

use super::super::view::View;
use super::banner::{counted, grouped};
use super::text;

/// Names that are shown; whoever needs more reads the JSON.
const SHOWN: usize = 100;
/// From so many on, the list is folded.
const FOLDED_FROM: usize = 6;

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let dynamic = &view.run.scope.dynamic;
    if dynamic.total() == 0 {
        return Ok(());
    }
    writeln!(
        out,
        "<section aria-labelledby=\"dynamic\">\n<h2 id=\"dynamic\">Not known offline</h2>\n\
         <p>{} in the inputs not known offline, and so not checked.</p>",
        counted(dynamic.total(), "name")
    )?;
    let is_folded = dynamic.names().len() >= FOLDED_FROM;
    if is_folded {
        writeln!(out, "<details><summary>Which names</summary>")?;
    }
    writeln!(out, "<ul class=\"where\">")?;
    for name in dynamic.names().iter().take(SHOWN) {
        writeln!(
            out,
            "<li><code>{}</code> <span class=\"said\">{}</span> <code>{}</code></li>",
            text(&name.text),
            text(&name.why),
            text(&name.origin.in_full())
        )?;
    }
    let more = dynamic.total().saturating_sub(SHOWN as u64);
    if more > 0 {
        writeln!(out, "<li>and {} more, in the JSON report</li>", grouped(more))?;
    }
    writeln!(out, "</ul>")?;
    if is_folded {
        writeln!(out, "</details>")?;
    }
    writeln!(out, "</section>")
}
