//! What a row of the matrix opens to: where the image is named, which digests are served by whom, and what
//! each endpoint answered.

use std::io::{self, Write};

use crate::model::anatomy::{Anatomy, PlatformState};
use crate::model::code::Code;
use crate::model::digest::Digest;
use crate::model::manifest::MediaType;
use crate::model::referrers::NOT_FOUND_OUT;
use crate::model::run::CheckResult;
use crate::model::status::Status;

use super::super::depth;
use super::super::gating;
use super::super::matrix::who;
use super::super::problems::{remark, worse};
use super::super::summary::count;
use super::super::view::{Bearing, Places, Timestamp, View};
use super::{bearing, latency, text, tone, word};

/// Findings on parts that are told of one image.
const SHOWN_FINDINGS: usize = 10;
/// Places named of an image; whoever needs more reads the JSON.
const SHOWN_PLACES: usize = 10;

pub(super) fn write(
    view: &View<'_>,
    image: u32,
    results: &[CheckResult],
    places: &Places<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    write_places(image, places, out)?;
    write_digests(view, results, out)?;
    // Of ten thousand rows most answers are fine: elements of their own would be most of the page.
    let (fine, told): (Vec<_>, Vec<_>) = results.iter().partition(|result| is_plain(view, result));
    fine.into_iter().try_for_each(|result| write_line(view, result, out))?;
    if told.is_empty() {
        return Ok(());
    }
    write!(out, "<ul class=\"answers\">")?;
    told.into_iter().try_for_each(|result| write_answer(view, result, out))?;
    write!(out, "</ul>")
}

/// Whether nothing is wrong with an answer or with any of its parts.
fn is_plain(view: &View<'_>, result: &CheckResult) -> bool {
    bearing(view, result) == Bearing::Fine
        && result.anatomy.as_deref().is_none_or(|anatomy| anatomy.findings.is_empty())
}

fn write_places(image: u32, places: &Places<'_>, out: &mut dyn Write) -> io::Result<()> {
    let named = places.at(image);
    let more = named.len().saturating_sub(SHOWN_PLACES);
    write!(out, "Named")?;
    for (at, place) in named.take(SHOWN_PLACES).enumerate() {
        let and = if at == 0 { "" } else { ", and" };
        write!(out, "{and} {} at {}", text(&place.input), text(&place.origin.in_full()))?;
    }
    if more > 0 {
        write!(out, ", and at {}", count(more as u64, "more place"))?;
    }
    Ok(())
}

/// A digest, what it is said to stand for, and those who serve it.
struct Served<'a> {
    digest: &'a Digest,
    media_type: Option<MediaType>,
    by: Vec<String>,
}

/// Each digest once, in the order of the endpoints.
fn served<'a>(view: &View<'_>, results: &'a [CheckResult]) -> Vec<Served<'a>> {
    let mut all: Vec<Served<'a>> = Vec::new();
    for result in results {
        let expected = result.verdict.expected.as_ref().map(|digest| (digest, None));
        let served = result.verdict.digest.as_ref().map(|digest| (digest, Some(result)));
        for (digest, result) in served.into_iter().chain(expected) {
            let at = all.iter().position(|known| known.digest == digest).unwrap_or_else(|| {
                all.push(Served { digest, media_type: None, by: Vec::new() });
                all.len() - 1
            });
            all[at].by.extend(result.map(|result| who(view.endpoint(result))));
            all[at].media_type = all[at].media_type.or(result.and_then(|result| result.media_type));
        }
    }
    all
}

fn write_digests(view: &View<'_>, results: &[CheckResult], out: &mut dyn Write) -> io::Result<()> {
    for Served { digest, media_type, by } in served(view, results) {
        let by = match &by[..] {
            [] => "expected; served by nobody here".to_owned(),
            by => format!("from {}", by.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ")),
        };
        let media_type = media_type.map_or_else(String::new, |known| format!(" · {}", text(known.as_str())));
        write!(out, "\n<code>{}</code> {by}{media_type}", text(&digest.to_string()))?;
    }
    Ok(())
}

/// An answer that is fine, without an element.
fn write_line(view: &View<'_>, result: &CheckResult, out: &mut dyn Write) -> io::Result<()> {
    let code = result.verdict.code;
    let (who, status) = (text(&who(view.endpoint(result))), word(code.status()));
    write!(out, "\n{who}: {status} · {code} · {}", facts(result, Bearing::Fine).join(" · "))?;
    said(view, result).iter().chain(&advice(code)).try_for_each(|line| write!(out, "\n    {line}"))
}

/// An answer that wants to be seen.
fn write_answer(view: &View<'_>, result: &CheckResult, out: &mut dyn Write) -> io::Result<()> {
    let (bearing, code) = (bearing(view, result), result.verdict.code);
    let worsened = view.worsened(result).map(|was| worse(&word(was)));
    write!(
        out,
        "<li class=\"{}\"><b>{}: {}{}</b> <code>{code}</code>",
        tone(bearing),
        text(&who(view.endpoint(result))),
        word(code.status()),
        worsened.as_deref().unwrap_or(remark(bearing))
    )?;
    let mut lines = said(view, result);
    let findings = result.anatomy.as_deref().filter(|anatomy| !anatomy.findings.is_empty());
    let (above, below) = if findings.is_some() { (None, advice(code)) } else { (advice(code), None) };
    lines.extend(above);
    if !lines.is_empty() {
        write!(out, "<p>{}</p>", lines.join("\n"))?;
    }
    if let Some(anatomy) = findings {
        write_findings(anatomy, out)?;
    }
    if let Some(advice) = below {
        write!(out, "<p>{advice}</p>")?;
    }
    write!(out, "<small>{}</small></li>", facts(result, bearing).join(" · "))
}

/// Reason, notes and platforms, escaped, one a line: the style sheet keeps line ends, and text from outside has none
/// left.
fn said(view: &View<'_>, result: &CheckResult) -> Vec<String> {
    let mut lines = Vec::new();
    if !result.verdict.reason.is_empty() {
        lines.push(text(&result.verdict.reason));
    }
    lines.extend(gating::excepted(view, result).map(|words| format!("Exception: {}", text(&words))));
    // Of referrers the reason has said it.
    let untold = result.notes.iter().filter(|note| !note.starts_with(NOT_FOUND_OUT));
    lines.extend(untold.map(|note| format!("Note: {}", text(note))));
    lines.extend(result.anatomy.as_deref().and_then(platforms));
    lines
}

/// What to try, escaped.
fn advice(code: Code) -> Option<String> {
    let advice = Some(code.advice()).filter(|advice| !advice.is_empty());
    advice.map(|advice| format!("Try: {}", text(advice)))
}

/// What is wrong with which part.
fn write_findings(anatomy: &Anatomy, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<ul>")?;
    for finding in depth::findings(anatomy, SHOWN_FINDINGS) {
        write!(out, "<li>{}</li>", text(&finding))?;
    }
    if let Some(more) = depth::more_findings(anatomy, SHOWN_FINDINGS) {
        write!(out, "<li>… {}</li>", text(&more))?;
    }
    write!(out, "</ul>")
}

/// `Platforms: linux/amd64, linux/arm64 (missing)`, escaped.
fn platforms(anatomy: &Anatomy) -> Option<String> {
    let named = anatomy.platforms.iter().filter(|line| !line.platform.is_empty());
    let mut names: Vec<String> = named
        .map(|line| match line.state {
            PlatformState::Present => text(&line.platform),
            PlatformState::Fallback => {
                let other = text(line.met_by.as_deref().unwrap_or_default());
                format!("{} (by fallback {other})", text(&line.platform))
            }
            state => format!("{} ({})", text(&line.platform), state.as_str().replace('_', " ")),
        })
        .collect();
    if names.is_empty() {
        return None;
    }
    let more = anatomy.platforms_total.saturating_sub(anatomy.platforms.len());
    if more > 0 {
        names.push(format!("and {more} more, which are only counted"));
    }
    Some(format!("Platforms: {}", names.join(", ")))
}

/// What was measured, escaped, one fact an entry.
fn facts(result: &CheckResult, bearing: Bearing) -> Vec<String> {
    let mut facts = Vec::new();
    facts.extend(result.http_status.map(|status| format!("HTTP {status}")));
    facts.extend(result.latency.map(|latency| format!("first byte after {}", latency::time(latency))));
    let is_spared = result.attempts == 0
        && result.verdict.code.status() == Status::Unreachable
        && result.verdict.code != Code::NoFilesLeft;
    let spared = if is_spared { ": its host had been found down" } else { "" };
    facts.push(count(u64::from(result.attempts), "attempt") + spared);
    let at = Timestamp(result.checked_at).to_string();
    // The date is that of the run, which stands at the top.
    facts.push(at.split_once('T').map_or(at.clone(), |(_, time)| time.to_owned()));
    if result.verdict.digest.is_none() {
        facts.extend(result.media_type.map(|media_type| text(media_type.as_str())));
    }
    // Of ten thousand rows most are fine, and nobody looks for where those were asked.
    if bearing != Bearing::Fine {
        facts.extend(result.url.as_deref().map(text));
    }
    facts
}
