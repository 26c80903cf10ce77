//! `--plan`: what a check would cost, told without asking anybody.

use std::io::Write;

use super::prepare::{Prepared, prepare};
use super::{Error, OutputError, policy};
use crate::cli::{CheckArgs, CommonArgs};
use crate::exit;
use crate::plan::estimate::estimate;
use crate::report::{self, Format};

/// Prints the estimate; whatever would end the check before its first request ends this too.
pub(super) fn run(args: &CheckArgs, common: &CommonArgs) -> Result<u8, Error> {
    let write = match args.format {
        None | Some(Format::Table) => report::estimate::table,
        Some(Format::Json) => report::estimate::json,
        Some(other) => return Err(Error::Format { command: "--plan", format: other.as_str() }),
    };
    let Prepared { options, plan, .. } = prepare(args, common)?;
    policy::hold_to_day(&options.policy, policy::today())?;
    policy::hold_to_requirement(&options.policy, policy::asked(&plan))?;
    let estimate = estimate(&plan, options.max_bytes);
    let mut out = std::io::stdout().lock();
    match write(&estimate, &mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(exit::PASSED),
    }
}
