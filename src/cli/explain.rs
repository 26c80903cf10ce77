//! The flags of `registry-check explain`.

use clap::Args;

use super::parse;
use crate::report::Format;

/// `registry-check explain CODE...`
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// Codes, or statuses for all codes of theirs; gate for what the gate itself finds
    #[arg(value_name = "CODE", required_unless_present = "list", conflicts_with = "list")]
    pub codes: Vec<String>,
    /// Every code, one a line
    #[arg(long)]
    pub list: bool,
    /// Format of standard output: table or json [default: table]
    #[arg(short, long, value_name = "FORMAT", value_parser = parse::format())]
    pub format: Option<Format>,
}
