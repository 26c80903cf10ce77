//! The flags that say what is accepted: the same wherever something is judged.

use clap::Args;

use super::parse;
use crate::gate::Require;
use crate::model::status::Status;

/// What is accepted.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Gate")]
pub struct GateArgs {
    /// How many of an image's mirrors must be fine: all, any or a number [default: all]
    #[arg(long, value_name = "N")]
    pub require: Option<Require>,
    /// Statuses that fail, besides stale, missing, incomplete and invalid
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = parse::status)]
    pub fail_on: Vec<Status>,
    /// Statuses that pass, besides ok, same_content and unverified
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', value_parser = parse::status)]
    pub allow: Vec<Status>,
}
