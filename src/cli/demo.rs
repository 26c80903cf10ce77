//! The flags of `demo`.

use clap::Args;

/// `registry-check demo`
#[derive(Debug, Default, Args)]
pub struct DemoArgs {
    /// Keep the registries up until Ctrl-C, for curl or skopeo
    #[arg(long)]
    pub serve: bool,
}
