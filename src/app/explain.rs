//! `registry-check explain`: what codes mean, what causes them and what to try.

use std::io::Write;

use super::{Error, OutputError};
use crate::cli::ExplainArgs;
use crate::exit;
use crate::gate::GateCode;
use crate::model::code::Code;
use crate::model::status::Status;
use crate::report::explain::{AnyCode, GATE};
use crate::report::{self, Format};

/// Explains what is named, or nothing where a name is no code's.
pub(super) fn run(args: &ExplainArgs) -> Result<u8, Error> {
    let format = match args.format.unwrap_or(Format::Table) {
        format @ (Format::Table | Format::Json) => format,
        other => return Err(Error::Format { command: "explain", format: other.as_str() }),
    };
    let codes = if args.list { AnyCode::all().collect() } else { named(&args.codes)? };
    let mut out = std::io::stdout().lock();
    let written = match (format, args.list) {
        (Format::Json, _) => report::explain::json(&codes, &mut out),
        (_, true) => report::explain::list(&codes, &mut out),
        (_, false) => report::explain::table(&codes, &mut out),
    };
    match written.and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(exit::PASSED),
    }
}

/// The codes of these names, and all those of a status or the gate, each once.
fn named(names: &[String]) -> Result<Vec<AnyCode>, Error> {
    let (mut codes, mut faults) = (Vec::new(), Vec::new());
    for name in names {
        let is_group = name == GATE || name.parse::<Status>().is_ok();
        match AnyCode::from_name(name) {
            Some(code) => codes.push(code),
            None if is_group => codes.extend(AnyCode::all().filter(|code| code.group() == name)),
            None => {
                let shown: String = name.chars().take(100).flat_map(char::escape_debug).collect();
                let hint = nearest(name).map(|code| format!(" (did you mean '{code}'?)"));
                faults.push(format!("unknown code '{shown}'{}", hint.unwrap_or_default()));
            }
        }
    }
    let mut seen = std::collections::HashSet::new();
    codes.retain(|code| seen.insert(*code));
    if faults.is_empty() { Ok(codes) } else { Err(Error::Codes(faults)) }
}

/// The code that `name` is likely to be meant for.
fn nearest(name: &str) -> Option<&'static str> {
    let of_results = Code::nearest(name).map(Code::as_str);
    of_results.or_else(|| GateCode::nearest(name).map(GateCode::as_str))
}
