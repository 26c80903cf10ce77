//! What codes mean, for people and for programs: from the tables of `model/code.rs` and `gate/code.rs` alone.

use std::io;

use serde::{Serialize, Serializer};

use super::json;
use crate::gate::GateCode;
use crate::model::code::{Cause, Code};

/// What stands in place of a status for what the gate itself finds.
pub const GATE: &str = "gate";

/// A code that reports may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnyCode {
    /// Of a result.
    Result(Code),
    /// Of what the gate itself found.
    Gate(GateCode),
}

impl AnyCode {
    /// Every code: those of results by status, then the gate's.
    pub fn all() -> impl Iterator<Item = Self> {
        Code::ALL.iter().copied().map(Self::Result).chain(GateCode::ALL.map(Self::Gate))
    }

    /// The code that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Code::from_name(name).map(Self::Result).or_else(|| GateCode::from_name(name).map(Self::Gate))
    }

    /// The kebab-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Result(code) => code.as_str(),
            Self::Gate(code) => code.as_str(),
        }
    }

    /// The status of its results, or [`GATE`].
    #[must_use]
    pub const fn group(self) -> &'static str {
        match self {
            Self::Result(code) => code.status().as_str(),
            Self::Gate(_) => GATE,
        }
    }

    /// What it means, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Result(code) => code.meaning(),
            Self::Gate(code) => code.meaning(),
        }
    }

    /// What to try, in short; empty where nothing needs doing.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Result(code) => code.advice(),
            Self::Gate(code) => code.advice(),
        }
    }

    /// What may have caused it, the likeliest first; empty where nothing needs doing.
    #[must_use]
    pub const fn causes(self) -> &'static [Cause] {
        match self {
            Self::Result(code) => code.causes(),
            Self::Gate(code) => code.causes(),
        }
    }
}

/// One code after the other, in full.
///
/// # Errors
/// `out` cannot be written to.
pub fn table(codes: &[AnyCode], out: &mut dyn io::Write) -> io::Result<()> {
    for (at, code) in codes.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        match code {
            AnyCode::Result(code) => writeln!(out, "{code} ({})", code.status())?,
            AnyCode::Gate(code) => writeln!(out, "{code} ({GATE}: {})", code.word())?,
        }
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
pub fn list(codes: &[AnyCode], out: &mut dyn io::Write) -> io::Result<()> {
    let width =
        |text: fn(AnyCode) -> &'static str| codes.iter().map(|code| text(*code).len()).max().unwrap_or(0);
    let (names, groups) = (width(AnyCode::as_str), width(AnyCode::group));
    for code in codes {
        writeln!(out, "{:names$}  {:groups$}  {}", code.as_str(), code.group(), code.meaning())?;
    }
    Ok(())
}

#[derive(Serialize)]
struct CodeLine {
    code: &'static str,
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<&'static str>,
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
pub fn json(codes: &[AnyCode], out: &mut dyn io::Write) -> io::Result<()> {
    let lines = codes.iter().map(|code| {
        let (status, gate) = match code {
            AnyCode::Result(code) => (Some(code.status().as_str()), None),
            AnyCode::Gate(code) => (None, Some(code.word())),
        };
        CodeLine {
            code: code.as_str(),
            status,
            gate,
            meaning: code.meaning(),
            advice: Some(code.advice()).filter(|advice| !advice.is_empty()),
            causes: Causes(code.causes()),
        }
    });
    json::write_value(&lines.collect::<Vec<_>>(), out)
}
