//! What is not as it should be, before anything else: one entry for each endpoint and code.

use std::io::{self, Write};

use super::super::gating;
use super::super::matrix::who;
use super::super::problems::{Extent, Group, Wording, problems, remark, worse};
use super::super::view::{Places, View};
use super::banner::{counted, grouped};
use super::{text, tone, word};

/// Images named for each problem; the matrix has them all.
const SHOWN_OF_GROUP: usize = 100;
/// From so many images on, their list is folded.
const FOLDED_FROM: usize = 6;
/// Places named for each image.
const SHOWN_PLACES: usize = 3;

pub(super) fn write(view: &View<'_>, places: &Places<'_>, out: &mut dyn Write) -> io::Result<()> {
    let groups = problems(view, SHOWN_OF_GROUP);
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out, "<section aria-labelledby=\"problems\">\n<h2 id=\"problems\">Problems</h2>")?;
    groups.iter().try_for_each(|group| write_group(view, group, places, out))?;
    writeln!(out, "</section>")
}

fn write_group(view: &View<'_>, group: &Group, places: &Places<'_>, out: &mut dyn Write) -> io::Result<()> {
    let (tone, status, code) = (tone(group.bearing), word(group.code.status()), group.code);
    let name = text(&who(&view.run.endpoints[group.endpoint as usize]));
    let images = counted(group.total, "image");
    let extent = match group.extent {
        Extent::Whole => format!("all {images} asked for here"),
        Extent::Part => images,
    };
    writeln!(
        out,
        "<article class=\"problem {tone}\">\n<h3><span class=\"badge {tone}\">{status}{}</span> <bdi>{name}</bdi> \
         <span class=\"quiet\">{extent}</span> <code>{code}</code></h3>\n<p>{}</p>",
        remark(group.bearing),
        text(code.meaning())
    )?;
    if let (Wording::Same, true, Some(first)) = (group.wording, group.total > 1, group.first(view)) {
        writeln!(out, "<p class=\"said\">Each time: {}</p>", text(&first.verdict.reason))?;
    }
    if let Some(words) = group.exception.and_then(|at| gating::exception_words(view, at)) {
        writeln!(out, "<p><b>Exception</b> {}</p>", text(&words))?;
    }
    if !code.advice().is_empty() {
        writeln!(out, "<p><b>Try</b> {}</p>", text(code.advice()))?;
    }
    write_images(view, group, places, out)?;
    writeln!(out, "</article>")
}

fn write_images(view: &View<'_>, group: &Group, places: &Places<'_>, out: &mut dyn Write) -> io::Result<()> {
    let is_folded = group.total >= FOLDED_FROM as u64;
    if is_folded {
        writeln!(out, "<details><summary>Which images</summary>")?;
    }
    writeln!(out, "<ul class=\"where\">")?;
    for at in &group.shown {
        let result = &view.run.results[*at as usize];
        write!(
            out,
            "<li><a href=\"#i{}\">{}</a>",
            result.image,
            text(&view.image(result.image).to_string())
        )?;
        if let Some(was) = view.worsened(result) {
            write!(out, "{}", worse(&word(was)))?;
        }
        let is_told_here = group.wording == Wording::Different || group.total == 1;
        if is_told_here && !result.verdict.reason.is_empty() {
            write!(out, " <span class=\"said\">{}</span>", text(&result.verdict.reason))?;
        }
        let named = places.at(result.image);
        let more = named.len().saturating_sub(SHOWN_PLACES);
        for place in named.take(SHOWN_PLACES) {
            write!(out, " <code>{}</code>", text(&place.origin.in_full()))?;
        }
        if more > 0 {
            write!(out, " and {more} more")?;
        }
        writeln!(out, "</li>")?;
    }
    let left = group.total - group.shown.len() as u64;
    if left > 0 {
        writeln!(out, "<li>and {} more, in the table below</li>", grouped(left))?;
    }
    writeln!(out, "</ul>")?;
    if is_folded { writeln!(out, "</details>") } else { Ok(()) }
}
