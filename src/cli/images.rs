//! The flags of `images`.

use clap::Args;

use super::InputArgs;
use super::parse;
use crate::report::{Format, images};

/// `registry-check images`
#[derive(Debug, Default, Args)]
pub struct ImagesArgs {
    /// What is read.
    #[command(flatten)]
    pub sources: InputArgs,
    /// Format of the list [default: table]
    #[arg(short, long, value_name = "FORMAT", value_parser = parse::format_of(&images::FORMATS))]
    pub format: Option<Format>,
}
