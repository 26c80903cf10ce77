//! The report for a terminal: the matrix, one line of counts, what is wrong, and the decision.
//!
//! It reads the same without colour: each status stands there as a word, with a symbol for what it does to
//! the gate. What fails alike is told once; the full set is in CSV and JSON.
//! All text from outside passes through [`escape::terminal`].

mod dynamic;
mod gate;
pub(super) mod layout;
mod order;
mod paint;
mod place;
mod wrap;

use std::io::{self, Write};

use crate::gate::Outcome;
use crate::model::run::CheckResult;

use super::depth;
use super::escape::{self, MAX_REMOTE_CHARS, bounded};
use super::gating;
use super::matrix::who;
use super::problems::{Extent, Group, Wording, problems, remark, remark_of};
use super::summary::{self, Summary};
use super::view::{Bearing, Places, View};

use layout::{Layout, SYMBOL_WIDTH, Slot, display_width, shorten};
use order::{Order, Section};
use paint::{Paint, Tone};
use wrap::wrap;

pub use order::{Only, Sort};
pub use paint::Colour;

/// How the table is drawn; without more ado plain, for lines of any length.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableStyle {
    /// Whether ANSI colours are used.
    pub colour: Colour,
    /// Columns of the terminal; `None` where lines may be of any length.
    pub width: Option<usize>,
    /// Which images the matrix shows.
    pub only: Only,
    /// In what order.
    pub sort: Sort,
}

/// Lines shown of each group of problems.
const SHOWN_OF_GROUP: usize = 20;
/// Places named for each problem.
const SHOWN_PLACES: usize = 3;
/// Findings on parts that are told of one image.
const SHOWN_FINDINGS: usize = 10;
/// Width of the widest status word, and a gap.
const LABEL_WIDTH: usize = SYMBOL_WIDTH + 14;

pub(super) fn write(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let paint = Paint(style.colour);
    if !view.run.images.is_empty() {
        write_matrix(view, style, paint, out)?;
    }
    write_counts(view, style, out)?;
    write_depth(view, style, out)?;
    write_problems(view, style, out)?;
    dynamic::write(view, style, out)?;
    gate::write(view, style, out)?;
    write_decision(view, style, out)
}

fn write_matrix(view: &View<'_>, style: &TableStyle, paint: Paint, out: &mut dyn Write) -> io::Result<()> {
    let order = Order::of(view, style.only, style.sort);
    let columns = order::ordered_columns(view, style.sort);
    let places = Places::of(&view.run.places);
    let widest = (order.widest(view), place::widest(&order, &places));
    let layout = Layout::of(view, columns, widest, style.width);
    if !order.sections.is_empty() {
        for (at, block) in layout.blocks.iter().enumerate() {
            let places = (at + 1 == layout.blocks.len()).then_some(&places);
            write_block(view, (&layout, &order, places), block, paint, out)?;
            writeln!(out)?;
        }
        for (key, name) in &layout.legend {
            write_text(&format!("{key} {name}"), style, out)?;
        }
        if !layout.legend.is_empty() {
            writeln!(out)?;
        }
    }
    if order.hidden > 0 {
        let hidden = summary::count(order.hidden as u64, "image");
        writeln!(out, "{hidden} without problems not shown\n")?;
    }
    Ok(())
}

fn tone(bearing: Bearing) -> Tone {
    match bearing {
        Bearing::Fine => Tone::Good,
        Bearing::Warns | Bearing::Known | Bearing::Allowed | Bearing::NotCounted => Tone::Note,
        Bearing::Undecided => Tone::Unsure,
        Bearing::Fails => Tone::Bad,
    }
}

/// What a bearing does to the gate, for those who see no colour.
const fn symbol(bearing: Bearing) -> char {
    match bearing {
        Bearing::Fine => '✓',
        Bearing::Warns | Bearing::Known | Bearing::Allowed | Bearing::NotCounted => '!',
        Bearing::Undecided => '?',
        Bearing::Fails => '✗',
    }
}

fn write_block(
    view: &View<'_>,
    (layout, order, places): (&Layout, &Order<'_>, Option<&Places<'_>>),
    block: &[Slot],
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut line = Line::new(paint);
    line.cell("IMAGE", layout.image_width, Tone::Bold);
    for slot in block {
        line.cell(&slot.header, slot.width, Tone::Bold);
    }
    if places.is_some() {
        line.cell(layout::PLACE_HEADER, layout.place_width, Tone::Bold);
    }
    line.end(out)?;
    for Section { registry, images } in &order.sections {
        if let Some(registry) = registry {
            line.cell(&shorten(registry, layout.image_width), layout.image_width, Tone::Bold);
            line.end(out)?;
        }
        for at in images {
            let name = order::name(view.image(*at), *registry);
            line.cell(&shorten(&name, layout.image_width), layout.image_width, Tone::Plain);
            let results = view.results(*at);
            for slot in block {
                match slot.column.cell(view, results) {
                    Some(result) => {
                        let status = result.verdict.code.status();
                        let bearing = view.bearing(result);
                        let cell = format!("{} {}", symbol(bearing), status.label());
                        line.cell(&cell, slot.width, tone(bearing));
                    }
                    None => line.cell("-", slot.width, Tone::Dim),
                }
            }
            if let Some(places) = places {
                let place = place::cell(places.at(*at), layout.place_width);
                line.cell(&place, layout.place_width, Tone::Dim);
            }
            line.end(out)?;
        }
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

/// Lines that fit, the later ones a little to the right.
fn write_text(text: &str, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    const INDENT: usize = 2;
    let lines = wrap(text, INDENT, style.width);
    lines.iter().enumerate().try_for_each(|(at, line)| {
        let indent = if at == 0 { 0 } else { INDENT };
        writeln!(out, "{:indent$}{line}", "")
    })
}

/// Platforms and hosts, by endpoint.
fn write_depth(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    for platforms in depth::platforms(view) {
        writeln!(out)?;
        write_text(&format!("platforms at {}:", outside(&platforms.endpoint)), style, out)?;
        for (name, count) in &platforms.counts {
            write_text(&format!("  {}: {}", outside(name), outside(&count.words())), style, out)?;
        }
        if let Some(rest) = platforms.rest() {
            write_text(&format!("  … {rest}"), style, out)?;
        }
    }
    let mut last = None;
    for host in &view.run.hosts {
        if last != Some((host.role, &host.endpoint)) {
            writeln!(out)?;
            write_text(&format!("pulls from {} need:", outside(&depth::whose(host))), style, out)?;
            last = Some((host.role, &host.endpoint));
        }
        write_text(&format!("  {}", outside(&depth::host(host))), style, out)?;
    }
    for text in depth::referrers_unknown(view) {
        writeln!(out)?;
        write_text(&outside(&text), style, out)?;
    }
    match depth::uncovered(view) {
        Some(text) => {
            writeln!(out)?;
            write_text(&text, style, out)
        }
        None => Ok(()),
    }
}

fn write_counts(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let summary = Summary::of(view.run);
    let mut text = format!("{}: {}", summary::scope(view, &summary), summary.by_status.words());
    if summary.upstream.asked > 0 {
        text += &format!(" · upstream: {}", summary.upstream.by_status.words());
    }
    text += &format!(" · {}", summary::cost(view));
    write_text(&text, style, out)?;
    view.run.quotas.iter().try_for_each(|quota| {
        write_text(&format!("{}: {}", outside(&quota.host), summary::quota(quota)), style, out)
    })
}

fn write_problems(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let groups = ordered_problems(view, style.sort);
    if groups.is_empty() {
        return Ok(());
    }
    writeln!(out)?;
    let places = Places::of(&view.run.places);
    for group in &groups {
        if group.is_told_once() {
            write_labelled(group, &whole(view, group), style, out)?;
        } else {
            for at in &group.shown {
                let result = &view.run.results[*at as usize];
                write_labelled(group, &problem(view, result, (group, &places)), style, out)?;
                write_findings(result, style, out)?;
            }
            let more = group.total.saturating_sub(group.shown.len() as u64);
            if more > 0 {
                let text = format!("… and {more} more (all of them: --format csv or json)");
                write_below(&text, style, Tone::Plain, out)?;
            }
        }
        if let Some(words) = group.exception.and_then(|at| gating::exception_words(view, at)) {
            write_below(&format!("exception: {}", outside(&words)), style, Tone::Plain, out)?;
        }
        if !group.code.advice().is_empty() {
            write_below(&format!("try: {}", group.code.advice()), style, Tone::Dim, out)?;
        }
    }
    Ok(())
}

/// The groups, and in them the results, in the order asked for.
fn ordered_problems(view: &View<'_>, sort: Sort) -> Vec<Group> {
    match sort {
        Sort::Input => problems(view, SHOWN_OF_GROUP),
        Sort::Mirror => {
            let mut groups = problems(view, SHOWN_OF_GROUP);
            let by_endpoint = order::problems_by_endpoint(view);
            groups.sort_by_key(|group| {
                (std::cmp::Reverse(by_endpoint[group.endpoint as usize]), group.endpoint)
            });
            groups
        }
        Sort::Image | Sort::Status | Sort::Latency => {
            let mut groups = problems(view, usize::MAX);
            let order = Order::of(view, Only::All, sort);
            let mut rank = vec![0u32; view.run.images.len()];
            let images = order.sections.iter().flat_map(|section| &section.images);
            images.zip(0..).for_each(|(image, at)| rank[*image as usize] = at);
            for group in &mut groups {
                group.shown.sort_by_key(|at| rank[view.run.results[*at as usize].image as usize]);
                group.shown.truncate(SHOWN_OF_GROUP);
            }
            groups
        }
    }
}

/// Text behind the group's status, its later lines below its first.
fn write_labelled(group: &Group, text: &str, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    write_behind(group.code.status().label(), group.bearing, text, style, out)
}

fn write_behind(
    word: &str,
    bearing: Bearing,
    text: &str,
    style: &TableStyle,
    out: &mut dyn Write,
) -> io::Result<()> {
    let label = format!("{} {word}", symbol(bearing));
    let gap = LABEL_WIDTH.saturating_sub(display_width(&label));
    write!(out, "{}{:gap$}", Paint(style.colour).apply(tone(bearing), &label), "")?;
    for (at, line) in wrap(text, LABEL_WIDTH, style.width).iter().enumerate() {
        let indent = if at == 0 { 0 } else { LABEL_WIDTH };
        writeln!(out, "{:indent$}{line}", "")?;
    }
    Ok(())
}

/// Text below what stands behind a status.
fn write_below(text: &str, style: &TableStyle, tone: Tone, out: &mut dyn Write) -> io::Result<()> {
    wrap(text, LABEL_WIDTH, style.width)
        .iter()
        .try_for_each(|line| writeln!(out, "{:LABEL_WIDTH$}{}", "", Paint(style.colour).apply(tone, line)))
}

fn at(view: &View<'_>, group: &Group, remark: &str) -> String {
    let who = who(&view.run.endpoints[group.endpoint as usize]);
    format!("at {}{remark}", outside(&who))
}

fn whole(view: &View<'_>, group: &Group) -> String {
    let Some(first) = group.first(view) else { return String::new() };
    let all = if group.extent == Extent::Whole { "all " } else { "" };
    let mut text = format!("{all}{} images {}: ", group.total, at(view, group, remark(group.bearing)));
    if group.wording == Wording::Different {
        text += &format!("for instance {}: ", outside(&view.image(first.image).to_string()));
    }
    text + &format!("{} [{}]", outside(&first.verdict.reason), group.code)
}

fn problem(view: &View<'_>, result: &CheckResult, (group, places): (&Group, &Places<'_>)) -> String {
    let image = view.image(result.image).to_string();
    let places = places.at(result.image);
    let more = places.len().saturating_sub(SHOWN_PLACES);
    let mut named: Vec<_> = places.take(SHOWN_PLACES).map(|place| outside(&place.origin.in_full())).collect();
    if more > 0 {
        named.push(format!("{more} more"));
    }
    format!(
        "{} {}: {} [{}] ({})",
        outside(&image),
        at(view, group, &remark_of(view, result)),
        outside(&result.verdict.reason),
        group.code,
        named.join(", ")
    )
}

/// What is wrong with which part, where the reason does not tell it all.
fn write_findings(result: &CheckResult, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let Some(anatomy) = result.anatomy.as_deref().filter(|anatomy| anatomy.findings_total > 2) else {
        return Ok(());
    };
    for finding in depth::findings(anatomy, SHOWN_FINDINGS) {
        write_below(&format!("- {}", outside(&finding)), style, Tone::Plain, out)?;
    }
    match depth::more_findings(anatomy, SHOWN_FINDINGS) {
        None => Ok(()),
        Some(more) => write_below(&format!("- … {more}"), style, Tone::Plain, out),
    }
}

/// Text from outside: bounded and escaped.
fn outside(text: &str) -> String {
    escape::terminal(&bounded(text, MAX_REMOTE_CHARS)).into_owned()
}

fn write_decision(view: &View<'_>, style: &TableStyle, out: &mut dyn Write) -> io::Result<()> {
    let outcome = view.decision.outcome;
    let tone = match outcome {
        Outcome::Pass => Tone::Good,
        Outcome::Undecided => Tone::Unsure,
        Outcome::Fail => Tone::Bad,
    };
    let word = summary::decision_word(outcome);
    let mut text = Vec::new();
    write_text(&format!("{word}: {}", summary::decision_sentence(view)), style, &mut text)?;
    // The word is measured without its colour.
    let rest = text.get(word.len()..).unwrap_or_default();
    write!(out, "\n{}", Paint(style.colour).apply(tone, word))?;
    out.write_all(rest)
}

#[cfg(test)]
mod tests;
