//! The report for a terminal: the matrix, one line of counts, what is wrong, and the decision.
//!
//! It reads the same without colour. What fails alike is told once; the full set is in CSV and JSON.
//! All text from outside passes through [`escape::terminal`].

mod layout;
mod paint;

use std::io::{self, Write};

use crate::gate::Outcome;
use crate::model::run::CheckResult;

use super::depth;
use super::escape::{self, MAX_REMOTE_CHARS, bounded};
use super::matrix::{short_name, who};
use super::problems::{Extent, Group, Wording, problems, remark};
use super::summary::{self, Summary};
use super::view::{Bearing, Places, View};

use layout::{Layout, Slot, display_width, shorten};
use paint::{Paint, Tone};

pub use paint::Colour;

/// How the table is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableStyle {
    /// Whether ANSI colours are used.
    pub colour: Colour,
    /// Columns of the terminal; `None` where lines may be of any length.
    pub width: Option<usize>,
}

/// Lines shown of each group of problems.
const SHOWN_OF_GROUP: usize = 20;
/// Places named for each problem.
const SHOWN_PLACES: usize = 3;
/// Findings on parts that are told of one image.
const SHOWN_FINDINGS: usize = 10;
/// Width of the widest status word, and a gap.
const LABEL_WIDTH: usize = 14;

pub(super) fn write(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint(style.colour);
    if !view.run.images.is_empty() {
        let layout = Layout::of(view, style.width);
        for block in &layout.blocks {
            write_block(view, &layout, block, paint, out)?;
            writeln!(out)?;
        }
        for (key, name) in &layout.legend {
            writeln!(out, "{key} {name}")?;
        }
        if !layout.legend.is_empty() {
            writeln!(out)?;
        }
    }
    write_counts(view, out)?;
    write_problems(view, paint, out)?;
    write_decision(view, paint, out)
}

fn tone(bearing: Bearing) -> Tone {
    match bearing {
        Bearing::Fine => Tone::Good,
        Bearing::Warns | Bearing::Allowed | Bearing::NotCounted => Tone::Note,
        Bearing::Undecided => Tone::Unsure,
        Bearing::Fails => Tone::Bad,
    }
}

fn write_block(
    view: &View<'_>,
    layout: &Layout,
    block: &[Slot],
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = Line::new(paint);
    line.cell("IMAGE", layout.image_width, Tone::Bold);
    for slot in block {
        line.cell(&slot.header, slot.width, Tone::Bold);
    }
    line.end(out)?;
    for (at, image) in (0..).zip(&view.run.images) {
        let name = short_name(image);
        let name = escape::terminal(&name);
        line.cell(&shorten(&name, layout.image_width), layout.image_width, Tone::Plain);
        let results = view.results(at);
        for slot in block {
            match slot.column.cell(view, results) {
                Some(result) => {
                    let status = result.verdict.code.status();
                    line.cell(status.label(), slot.width, tone(view.bearing(result)));
                }
                None => line.cell("-", slot.width, Tone::Dim),
            }
        }
        line.end(out)?;
    }
    Ok(())
}

/// A line in the making; gaps are written only when something follows.
struct Line {
    paint: Paint,
    text: String,
    gap: usize,
}

impl Line {
    const fn new(paint: Paint) -> Self {
        Self { paint, text: String::new(), gap: 0 }
    }

    fn cell(&mut self, text: &str, width: usize, tone: Tone) {
        self.text.extend(std::iter::repeat_n(' ', self.gap));
        self.text.push_str(&self.paint.apply(tone, text));
        self.gap = width.saturating_sub(display_width(text)) + layout::GAP;
    }

    fn end(&mut self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.text)?;
        self.text.clear();
        self.gap = 0;
        Ok(())
    }
}

fn write_counts(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let summary = Summary::of(view.run);
    write!(out, "{}: {}", summary::scope(view, &summary), summary.by_status.words())?;
    if summary.upstream.asked > 0 {
        write!(out, " · upstream: {}", summary.upstream.by_status.words())?;
    }
    writeln!(out, " · {}", summary::cost(view))?;
    view.run
        .quotas
        .iter()
        .try_for_each(|quota| writeln!(out, "{}: {}", outside(&quota.host), summary::quota(quota)))?;
    write_depth(view, out)
}

/// Platforms and hosts, by endpoint.
fn write_depth(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    for platforms in depth::platforms(view) {
        writeln!(out, "\nplatforms at {}:", outside(&platforms.endpoint))?;
        for (name, count) in &platforms.counts {
            writeln!(out, "  {}: {}", outside(name), count.words())?;
        }
        if platforms.more > 0 {
            writeln!(out, "  … and {} more (all of them: --format json)", platforms.more)?;
        }
    }
    let mut last = None;
    for host in &view.run.hosts {
        if last != Some((host.role, &host.endpoint)) {
            writeln!(out, "\npulls from {} need:", outside(&depth::whose(host)))?;
            last = Some((host.role, &host.endpoint));
        }
        writeln!(out, "  {}", outside(&depth::host(host)))?;
    }
    match depth::uncovered(view) {
        Some(text) => writeln!(out, "\n{text}"),
        None => Ok(()),
    }
}

fn write_problems(view: &View<'_>, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let groups = problems(view, SHOWN_OF_GROUP);
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let places = Places::of(&view.run.places);
    for group in &groups {
        if group.is_told_once() {
            write_whole(view, group, paint, out)?;
        } else {
            for at in &group.shown {
                write_problem(view, &view.run.results[*at as usize], (group, &places), paint, out)?;
            }
            let more = group.total.saturating_sub(group.shown.len() as u64);
            if more > 0 {
                writeln!(out, "{:LABEL_WIDTH$}… and {more} more (all of them: --format csv or json)", "")?;
            }
        }
        if !group.code.advice().is_empty() {
            writeln!(
                out,
                "{:LABEL_WIDTH$}{}",
                "",
                paint.apply(Tone::Dim, &format!("try: {}", group.code.advice()))
            )?;
        }
    }
    Ok(())
}

fn label(group: &Group, paint: Paint) -> String {
    let label = group.code.status().label();
    let gap = " ".repeat(LABEL_WIDTH.saturating_sub(label.len()));
    format!("{}{gap}", paint.apply(tone(group.bearing), label))
}

fn at(view: &View<'_>, group: &Group) -> String {
    let who = who(&view.run.endpoints[group.endpoint as usize]);
    format!("at {}{}", outside(&who), remark(group.bearing))
}

fn write_whole(view: &View<'_>, group: &Group, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let Some(first) = group.first(view) else { return Ok(()) };
    let all = if group.extent == Extent::Whole { "all " } else { "" };
    write!(out, "{}{all}{} images {}: ", label(group, paint), group.total, at(view, group))?;
    if group.wording == Wording::Different {
        write!(out, "for instance {}: ", outside(&view.image(first.image).to_string()))?;
    }
    writeln!(out, "{} [{}]", outside(&first.verdict.reason), group.code)
}

fn write_problem(
    view: &View<'_>,
    result: &CheckResult,
    (group, places): (&Group, &Places<'_>),
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let image = view.image(result.image).to_string();
    write!(out, "{}{} {}: ", label(group, paint), outside(&image), at(view, group))?;
    write!(out, "{} [{}]", outside(&result.verdict.reason), group.code)?;
    let places = places.at(result.image);
    let more = places.len().saturating_sub(SHOWN_PLACES);
    let mut named: Vec<_> =
        places.take(SHOWN_PLACES).map(|place| outside(&place.origin.to_string())).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    writeln!(out, " ({})", named.join(", "))?;
    write_findings(result, out)
}

/// What is wrong with which part, where the reason does not tell it all.
fn write_findings(result: &CheckResult, out: &mut dyn Write) -> io::Result<()> {
    let Some(anatomy) = result.anatomy.as_deref().filter(|anatomy| anatomy.findings_total > 2) else {
        return Ok(());
    };
    for finding in depth::findings(anatomy, SHOWN_FINDINGS) {
        writeln!(out, "{:LABEL_WIDTH$}- {}", "", outside(&finding))?;
    }
    let more = anatomy.findings_total.saturating_sub(SHOWN_FINDINGS);
    if more > 0 {
        writeln!(out, "{:LABEL_WIDTH$}- … and {more} more (--format json)", "")?;
    }
    Ok(())
}

/// Text from outside: bounded and escaped.
fn outside(text: &str) -> String {
    escape::terminal(&bounded(text, MAX_REMOTE_CHARS)).into_owned()
}

fn write_decision(view: &View<'_>, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let outcome = view.decision.outcome;
    let tone = match outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Undecided => Tone::Unsure,
        Outcome::Fail => Tone::Bad,
    };
    let word = paint.apply(tone, summary::decision_word(outcome));
    writeln!(out, "\n{word}: {}", summary::decision_sentence(view))
}

#[cfg(test)]
mod tests;
