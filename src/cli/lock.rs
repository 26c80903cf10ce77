//! The flags of `lock`: those of a check, as far as they decide who is asked and how.

use clap::{Arg, Args};

use super::CheckArgs;

/// What makes no sense without mirrors and a gate; `app/lock.rs` refuses them.
const WITHOUT_USE: [&str; 22] = [
    "mirrors",
    "mirrors_from",
    "depth",
    "platforms",
    "max_bytes",
    "shard",
    "vantage",
    "require",
    "fail_on",
    "warn_on",
    "allow",
    "undecided",
    "baseline",
    "max_latency",
    "max_slowdown",
    "format",
    "template",
    "only",
    "sort",
    "no_github",
    "image_repository",
    "plan",
];

/// `registry-check lock`
#[derive(Debug, Default, Args)]
#[command(mut_args(shown))]
pub struct LockArgs {
    /// What a check of the images' own registries would be run with.
    #[command(flatten)]
    pub check: CheckArgs,
}

fn shown(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "outputs" => arg.help("Write the lock to this file, and only if every image could be pinned"),
        id if WITHOUT_USE.contains(&id) => arg.hide(true),
        _ => arg,
    }
}
