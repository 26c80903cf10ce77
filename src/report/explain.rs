//! What codes mean, for people and for programs: from the table of `model/code.rs` alone.

use std::io;

use serde::{Serialize, Serializer};

use super::json;
use crate::model::code::{Cause, Code};

/// One code after the other, in full.
///
/// # Errors
/// `out` cannot be written to.
pub fn table(codes: &[Code], out: &mut dyn io::Write) -> io::Result<()> {
    for (at, code) in codes.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        writeln!(out, "{code} ({})", code.status())?;
        writeln!(out, "  {}", code.meaning())?;
        for Cause { cause, remedy } in code.causes() {
            writeln!(out, "\n  cause: {cause}\n    try: {remedy}")?;
        }
        if !code.advice().is_empty() {
            writeln!(out, "\n  in short: {}", code.advice())?;
        }
    }
    Ok(())
}

/// One code a line.
///
/// # Errors
/// `out` cannot be written to.
pub fn list(codes: &[Code], out: &mut dyn io::Write) -> io::Result<()> {
    let width =
        |text: fn(&Code) -> &'static str| codes.iter().map(|code| text(code).len()).max().unwrap_or(0);
    let (names, statuses) = (width(|code| code.as_str()), width(|code| code.status().as_str()));
    for code in codes {
        let status = code.status().as_str();
        writeln!(out, "{:names$}  {status:statuses$}  {}", code.as_str(), code.meaning())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct CodeLine {
    code: &'static str,
    status: &'static str,
    meaning: &'static str,
    advice: Option<&'static str>,
    causes: Causes,
}

struct Causes(&'static [Cause]);

#[derive(Serialize)]
struct CauseLine {
    cause: &'static str,
    #[serde(rename = "try")]
    remedy: &'static str,
}

impl Serialize for Causes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|Cause { cause, remedy }| CauseLine { cause, remedy }))
    }
}

/// All of them as one JSON list, a code a line.
///
/// # Errors
/// `out` cannot be written to.
pub fn json(codes: &[Code], out: &mut dyn io::Write) -> io::Result<()> {
    let lines = codes.iter().map(|code| CodeLine {
        code: code.as_str(),
        status: code.status().as_str(),
        meaning: code.meaning(),
        advice: Some(code.advice()).filter(|advice| !advice.is_empty()),
        causes: Causes(code.causes()),
    });
    json::write_value(&lines.collect::<Vec<_>>(), out)
}
