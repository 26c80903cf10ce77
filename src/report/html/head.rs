//! What stands before the body: the policy of the page, its title, its sign and its style.
//!
//! The policy names script and style sheets by the hashes of what is really written, so nothing that a
//! server said could run or load, should it ever get past the escaping.

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::gate::Outcome;

use super::super::escape::{self, bounded};
use super::super::matrix::Column;
use super::super::summary;
use super::super::view::View;
use super::SCRIPT;

const STYLE: &str = include_str!("page.css");
/// The matrix where there is no room for its columns: the answers below the image, each with its mirror's name.
const STACKED: &str = include_str!("stacked.css");

/// Longest name that stands before a cell on narrow screens, in characters.
const MAX_LABEL_CHARS: usize = 40;
/// In which the longest status can be read. What has no room for all columns and a name scrolls sideways.
const NARROWEST_COLUMN_REM: f32 = 8.5;

/// So many columns have room on paper beside the names of images.
const MOST_ON_PAPER: usize = 4;

/// How much is written at once.
const PIECE_BYTES: usize = 4096;

pub(super) fn write(view: &View<'_>, columns: &[Column], out: &mut dyn Write) -> io::Result<()> {
    let own = own_style(view, columns);
    let word = summary::decision_word(view.decision.outcome);
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         script-src {}; style-src {} {}; img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{word} · registry-check · {}</title>\n\
         <link rel=\"icon\" href=\"{}\">",
        source(SCRIPT),
        source(STYLE),
        source(&own),
        super::super::view::Timestamp(view.run.started_at),
        icon(view.decision.outcome)
    )?;
    for style in [STYLE, &own] {
        out.write_all(b"<style>")?;
        write_source(style, out)?;
        out.write_all(b"</style>\n")?;
    }
    out.write_all(b"</head>\n")
}

/// Writes a script or style sheet of ours, in pieces.
pub(super) fn write_source(source: &str, out: &mut dyn Write) -> io::Result<()> {
    lines(source).as_bytes().chunks(PIECE_BYTES).try_for_each(|piece| out.write_all(piece))
}

/// Lines end as a browser hashes them, however this was checked out.
fn lines(source: &str) -> String {
    source.replace("\r\n", "\n")
}

/// The source expression of an inline script or style sheet. Source: W3C, "Content Security Policy Level 3".
fn source(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(lines(text))))
}

/// What depends on the run: how many columns there are, and their names for narrow screens.
fn own_style(view: &View<'_>, columns: &[Column]) -> String {
    let count = columns.len().max(1);
    let narrowest = count as f32 * NARROWEST_COLUMN_REM;
    let mut style = format!(
        ":root{{--columns:{count};--column:clamp({NARROWEST_COLUMN_REM}rem,(100vw - 26rem)/{count},9rem)}}\n\
         @media screen and (min-width:48.01rem) and (max-width:{}rem){{.sideways{{overflow-x:auto}}\
         #matrix{{min-width:{}rem}}#matrix thead{{position:static}}\
         #matrix tbody th>div{{position:sticky;left:1.75rem;max-width:calc(100vw - 7.5rem)}}}}\n",
        narrowest + 26.0,
        narrowest + 22.0,
    );
    // Cells overlap the first one, as only those with a column of their own may. Writing to a string does not fail.
    for at in (2..).take(columns.len()) {
        let _ = writeln!(style, "#matrix tbody td:nth-child({at}){{grid-column:{at}}}");
    }
    let paper = if columns.len() > MOST_ON_PAPER { ",print" } else { "" };
    let _ = writeln!(style, "@media screen and (max-width:48rem){paper}{{\n{STACKED}");
    for (at, column) in (2..).zip(columns) {
        let name = escape::css_string(&bounded(&column.name(view), MAX_LABEL_CHARS));
        let _ = writeln!(style, "#matrix tbody td:nth-child({at})::before{{content:\"{name} \"}}");
    }
    if columns.len() > MOST_ON_PAPER {
        // There is nothing below the heads then, and nobody to sort by them.
        style += "}\n@media print{\n#matrix thead{display:none}\n";
    }
    style + "}\n"
}

/// A sign for the tab: the outcome, by shape and colour.
fn icon(outcome: Outcome) -> String {
    let (colour, path) = match outcome {
        Outcome::Pass => ("1a6b3c", "M4 8.5l3 3 5-7"),
        Outcome::Undecided => ("5b3fa0", "M5.5 6a2.5 2.5 0 1 1 3.6 2.2Q8 8.8 8 10M8 12v.5"),
        Outcome::Fail => ("a8201a", "M5 5l6 6M11 5l-6 6"),
    };
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
         %3Crect width='16' height='16' rx='4' fill='%23{colour}'/%3E\
         %3Cpath d='{path}' fill='none' stroke='white' stroke-width='2'/%3E%3C/svg%3E"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_hashed_as_a_browser_reads_them() {
        // The digest of the empty text, as everybody knows it.
        assert_eq!(source(""), "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='");
        assert_eq!(source("a\r\nb"), source("a\nb"));
        assert_ne!(source("a\nb"), source("a b"));
    }

    #[test]
    fn our_own_sources_cannot_end_their_element() {
        for source in [STYLE, SCRIPT] {
            assert!(!source.contains("</") && !source.contains("<!--"));
        }
    }
}
