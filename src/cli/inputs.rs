//! The flags that say what is read, and how.

use std::ffi::OsString;

use clap::Args;

use super::parse;
use crate::model::kind::Kind;

/// Inputs, and what they are.
#[derive(Debug, Default, Args)]
pub struct InputArgs {
    /// Files, globs, folders (--recursive) or `-` for standard input: lists of images, Compose,
    /// Kubernetes, Dockerfiles, workflows, GitLab CI, bake, skopeo-sync, regsync, SBOMs
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// What the inputs are, where name and content do not tell
    #[arg(long, value_name = "KIND", value_parser = parse::input_kind(), help_heading = "Inputs")]
    pub input_kind: Option<Kind>,
    /// Go through folders, and read what is an input by its name
    #[arg(short, long, help_heading = "Inputs")]
    pub recursive: bool,
    /// In YAML, take every key `image` for one, wherever it stands
    #[arg(long, help_heading = "Inputs")]
    pub any_image_key: bool,
    /// In Compose files, take the images that are built there too
    #[arg(long, help_heading = "Inputs")]
    pub built_images: bool,
    /// In Compose and bake files, use the variables of this process's environment before those of .env and defaults
    #[arg(long, help_heading = "Inputs")]
    pub env: bool,
    /// In Dockerfiles, give this ARG a value; repeatable
    #[arg(long = "build-arg", value_name = "NAME=VALUE", value_parser = parse::assignment, help_heading = "Inputs")]
    pub build_args: Vec<(String, String)>,
    /// Refuse inputs with names that cannot be known offline
    #[arg(long, help_heading = "Inputs")]
    pub strict_inputs: bool,
    /// Report what is no image or cannot be read in a file, and go on with the rest
    #[arg(long, help_heading = "Inputs")]
    pub skip_invalid: bool,
}
