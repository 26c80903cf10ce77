//! One HTML file that needs nothing but itself: no network, no script to be read, no style to be printed.
//!
//! Outcome, problems, endpoints, then the matrix, whose rows open. Everything is markup from the start, so
//! that the page is whole where scripts are stripped; the script only filters, sorts, opens rows and switches
//! the theme. What makes ten thousand rows cheap is that rows stand in bodies of [`images::ROWS_OF_BODY`], which
//! a browser lays out when they come into view, and that a row has few elements. A policy in the page allows the script and the
//! style sheets of this file by their hashes and nothing else. All text from outside passes through
//! [`escape::html`], or [`escape::css_string`] in the style sheet.

mod banner;
mod chart;
mod detail;
mod dynamic;
mod endpoints;
mod gate;
mod head;
mod images;
mod latency;
mod parts;
mod problems;

use std::borrow::Cow;
use std::io::{self, Write};

use crate::model::run::CheckResult;
use crate::model::status::Status;

use super::escape::{self, MAX_REMOTE_CHARS, bounded};
use super::matrix::columns;
use super::view::{Bearing, Places, View};

const SCRIPT: &str = include_str!("page.js");

pub(super) fn write(view: &View<'_>, out: &mut dyn Write) -> io::Result<()> {
    let columns = columns(view);
    let places = Places::of(&view.run.places);
    head::write(view, &columns, out)?;
    out.write_all(b"<body>\n<a class=\"skip\" href=\"#images\">Skip to the images</a>\n")?;
    banner::write(view, out)?;
    out.write_all(b"<main>\n")?;
    gate::write(view, out)?;
    problems::write(view, &places, out)?;
    dynamic::write(view, out)?;
    endpoints::write(view, out)?;
    images::write(view, &columns, &places, out)?;
    parts::write(view, out)?;
    out.write_all(b"</main>\n")?;
    banner::write_footer(view, out)?;
    out.write_all(b"<script>")?;
    head::write_source(SCRIPT, out)?;
    out.write_all(b"</script>\n</body>\n</html>\n")
}

/// What somebody else wrote, bounded and escaped.
fn text(text: &str) -> String {
    escape::html(&bounded(text, MAX_REMOTE_CHARS)).into_owned()
}

/// How a result bears on the decision.
fn bearing(view: &View<'_>, result: &CheckResult) -> Bearing {
    view.bearing(result)
}

/// The class that gives a colour and a sign.
const fn tone(bearing: Bearing) -> &'static str {
    match bearing {
        Bearing::Fails => "fail",
        Bearing::Undecided => "undecided",
        Bearing::Warns => "warn",
        Bearing::Known | Bearing::Allowed | Bearing::NotCounted => "aside",
        Bearing::Fine => "fine",
    }
}

/// A status in running text: calmer than in capitals.
fn word(status: Status) -> Cow<'static, str> {
    let label = status.label();
    match (status, label.split_at_checked(1)) {
        (Status::Ok, _) | (_, None) => Cow::Borrowed(label),
        (_, Some((first, rest))) => Cow::Owned(format!("{first}{}", rest.to_lowercase())),
    }
}

#[cfg(test)]
mod tests;
