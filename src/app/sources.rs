//! Reads the inputs of a command, tells what is odd about them, and holds them to what the user accepts.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Error;
use crate::cli::InputArgs;
use crate::inputs::{self, AnyImageKey, BadLine, Built, FileError, Inputs, Options, Recursion, Source};
use crate::model::dynamic::Dynamic;

/// What happens to lines that name no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLines {
    Refuse,
    Skip,
}

impl BadLines {
    pub(super) const fn of(args: &InputArgs) -> Self {
        if args.skip_invalid { Self::Skip } else { Self::Refuse }
    }
}

/// Reads what the command line names: all of it, or nothing.
pub(super) fn read(args: &InputArgs) -> Result<Inputs, Error> {
    match read_what_can_be(args)? {
        (inputs, faults) if faults.is_empty() => Ok(inputs),
        (_, faults) => Err(inputs::Error::Unreadable(faults).into()),
    }
}

/// Reads what the command line names, and says what of it cannot be read.
pub(super) fn read_what_can_be(args: &InputArgs) -> Result<(Inputs, Vec<FileError>), Error> {
    let names: Vec<_> = args.inputs.iter().map(|input| input.to_string_lossy()).collect();
    log::debug!("reading {}", names.join(" "));
    let named: Vec<Source> = args.inputs.iter().cloned().map(Source::from).collect();
    let read = inputs::read_what_can_be(&named, std::io::stdin().lock(), &options(args));
    if let Err(inputs::Error::Empty { warnings, .. }) = &read {
        tell(warnings);
    }
    Ok(read?)
}

fn options(args: &InputArgs) -> Options {
    let environment = if args.env {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    } else {
        BTreeMap::new()
    };
    Options {
        kind: args.input_kind,
        recursion: if args.recursive { Recursion::Yes } else { Recursion::No },
        any_image_key: if args.any_image_key { AnyImageKey::Yes } else { AnyImageKey::No },
        built: if args.built_images { Built::Take } else { Built::Skip },
        environment: Arc::new(environment),
        build_args: args.build_args.iter().cloned().collect(),
    }
}

/// Tells what was left out, and which names are not known.
pub(super) fn warn(inputs: &Inputs) {
    tell(&inputs.warnings);
    for entry in &inputs.dynamic {
        log::warn!("not known offline: {entry}");
    }
}

fn tell(warnings: &[String]) {
    for warning in warnings {
        log::warn!("{warning}");
    }
}

/// Refuses what the user does not accept, and tells what is skipped.
pub(super) fn hold(
    args: &InputArgs,
    bad: Vec<BadLine>,
    dynamic: &[Dynamic],
    bad_lines: BadLines,
) -> Result<(), Error> {
    if !bad.is_empty() && bad_lines == BadLines::Refuse {
        return Err(Error::BadLines(bad));
    }
    for line in &bad {
        log::warn!("skipped {line}");
    }
    if args.strict_inputs && !dynamic.is_empty() {
        return Err(Error::Dynamic(dynamic.to_vec()));
    }
    Ok(())
}
