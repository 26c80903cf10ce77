//! The matrix: images × endpoints, with what filters it above and what a row opens to inside.
//!
//! A row is a grid whose first cell spans it and holds what it opens to: below the name, which links to the row.
//! Without a script that is open where the address leads; the script opens and shuts. It is no `<details>`, as
//! browsers give each of those a style sheet of its own, which was half of what a row cost. The rows of a body
//! are laid out together when they come into view.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::model::run::CheckResult;
use crate::model::status::Status;

use super::super::matrix::{Column, short_name};
use super::super::table::layout::shorten;
use super::super::view::{Places, View};
use super::banner::{counted, grouped};
use super::{bearing, detail, text, tone, word};

/// Rows that a browser lays out together; the script keeps to it.
pub(super) const ROWS_OF_BODY: usize = 100;

/// Of a mirror's name as much as a head has room for, in columns of a terminal: beginning and end, which tell mirrors apart.
const MAX_HEAD: usize = 44;
/// From so many columns on, hardly a screen shows all.
const MOST_IN_SIGHT: usize = 8;

pub(super) fn write(
    view: &View<'_>,
    columns: &[Column],
    places: &Places<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    if view.run.images.is_empty() {
        return writeln!(out, "<p id=\"images\">There was nothing to check.</p>");
    }
    writeln!(out, "<section aria-labelledby=\"images\">\n<h2 id=\"images\">Images</h2>")?;
    write_filters(view, columns, out)?;
    writeln!(
        out,
        "<div class=\"sideways\"{}>\n<table id=\"matrix\" role=\"table\" aria-labelledby=\"images\">\n\
         <thead role=\"rowgroup\"><tr role=\"row\">\
         <th scope=\"col\" role=\"columnheader\">Image</th>",
        // What scrolls must be reachable with the keyboard.
        if columns.len() > MOST_IN_SIGHT {
            " role=\"region\" aria-labelledby=\"images\" tabindex=\"0\""
        } else {
            ""
        }
    )?;
    for column in columns {
        let name = column.name(view);
        let (shown, name) = (text(&shorten(&name, MAX_HEAD)), text(&name));
        writeln!(out, "<th scope=\"col\" role=\"columnheader\" title=\"{name}\">{shown}</th>")?;
    }
    writeln!(out, "</tr></thead>")?;
    for (at, image) in (0u32..).zip(&view.run.images) {
        if (at as usize).is_multiple_of(ROWS_OF_BODY) {
            let end = if at == 0 { "" } else { "</tbody>\n" };
            let is_full = view.run.images.len() - at as usize >= ROWS_OF_BODY;
            let class = if is_full { " class=\"full\"" } else { "" };
            writeln!(out, "{end}<tbody role=\"rowgroup\"{class}>")?;
        }
        write!(
            out,
            "<tr id=\"i{at}\" role=\"row\"><th scope=\"row\" role=\"rowheader\"><a href=\"#i{at}\">{}</a>\
             <div hidden=\"until-found\">",
            text(&short_name(image))
        )?;
        let results = view.results(at);
        detail::write(view, at, results, places, out)?;
        write!(out, "</div></th>")?;
        columns.iter().try_for_each(|column| write_cell(view, *column, results, out))?;
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody>\n</table>\n</div>\n</section>")
}

fn write_cell(
    view: &View<'_>,
    column: Column,
    results: &[CheckResult],
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(result) = column.cell(view, results) else {
        return write!(out, "<td role=\"cell\" class=\"none\">not asked</td>");
    };
    let (bearing, status) = (bearing(view, result), result.verdict.code.status());
    write!(out, "<td role=\"cell\" class=\"{} {}\">{}</td>", tone(bearing), status.as_str(), word(status))
}

/// Hidden until the script, which they need, shows them.
fn write_filters(view: &View<'_>, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
    writeln!(
        out,
        "<form id=\"filters\" role=\"search\" aria-label=\"Filter the images\" hidden>\n\
         <label>Text <input type=\"search\" id=\"text\" autocomplete=\"off\" spellcheck=\"false\" \
         placeholder=\"Name, digest, reason, file…\"></label>"
    )?;
    write!(out, "<label>Mirror <select id=\"mirror\"><option value=\"\">Any</option>")?;
    for (at, column) in (1..).zip(columns) {
        write!(out, "<option value=\"{at}\">{}</option>", text(&column.name(view)))?;
    }
    write!(
        out,
        "</select></label>\n<label>Registry <select id=\"registry\"><option value=\"\">Any</option>"
    )?;
    let mut registries: BTreeMap<&str, u64> = BTreeMap::new();
    for image in &view.run.images {
        *registries.entry(image.registry()).or_default() += 1;
    }
    for (registry, images) in registries {
        let registry = text(registry);
        write!(out, "<option value=\"{registry}\">{registry} ({})</option>", grouped(images))?;
    }
    writeln!(out, "</select></label>\n<fieldset><legend>Status</legend>")?;
    for (status, tone) in statuses(view) {
        writeln!(
            out,
            "<button type=\"button\" class=\"badge {tone}\" value=\"{}\" aria-pressed=\"false\">{}</button>",
            status.as_str(),
            word(status)
        )?;
    }
    writeln!(
        out,
        "</fieldset>\n<p><output id=\"shown\" aria-live=\"polite\">{} shown</output> \
         <button type=\"reset\">Clear filters</button></p>\n</form>",
        counted(view.run.images.len() as u64, "image")
    )
}

/// The statuses that occur, with the gravest tone in which they do.
fn statuses(view: &View<'_>) -> Vec<(Status, &'static str)> {
    let mut statuses = BTreeMap::new();
    for result in &view.run.results {
        let bearing = bearing(view, result);
        let gravest = statuses.entry(result.verdict.code.status()).or_insert(bearing);
        *gravest = bearing.min(*gravest);
    }
    statuses.into_iter().map(|(status, bearing)| (status, tone(bearing))).collect()
}
