//! The flags of `auth`: those of a check, as far as they decide who is asked and how.

use clap::Args;

use super::CheckArgs;

/// `registry-check auth`
#[derive(Debug, Default, Args)]
pub struct AuthArgs {
    /// What a check would be run with.
    #[command(flatten)]
    pub check: CheckArgs,
}
