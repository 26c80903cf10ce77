//! `registry-check images`: what the inputs name, and where. Nobody is asked.

use std::collections::HashMap;
use std::io::Write;

use super::sources::{self, BadLines};
use super::{Error, OutputError};
use crate::cli::ImagesArgs;
use crate::exit;
use crate::inputs::{self, Inputs};
use crate::report::images::{self, Listed, Listing, NamedAt};
use crate::report::{self, Format};

/// Prints the list, also where something else is wrong: exits 0, or 2 then.
pub(super) fn run(args: &ImagesArgs) -> Result<u8, Error> {
    if let Some(format) = args.format.filter(|format| !images::FORMATS.contains(format)) {
        return Err(Error::Format { command: "images", format: format.as_str() });
    }
    let (mut inputs, faults) = sources::read_what_can_be(&args.sources)?;
    sources::warn(&inputs);
    let bad = std::mem::take(&mut inputs.bad);
    let listing = listing(inputs);
    write(args.format.unwrap_or(Format::Table), &listing)?;
    let held = sources::hold(&args.sources, bad, &listing.dynamic, BadLines::of(&args.sources));
    if faults.is_empty() {
        return held.map(|()| exit::PASSED);
    }
    let unreadable = inputs::Error::Unreadable(faults);
    if held.is_err() {
        log::error!("{unreadable}");
    }
    held.and(Err(unreadable.into()))
}

/// Each image once, with all its places, in the order in which they were found.
fn listing(inputs: Inputs) -> Listing {
    let mut at = HashMap::new();
    let mut images: Vec<Listed> = Vec::new();
    for found in inputs.images {
        let index = *at.entry(found.value.clone()).or_insert_with(|| {
            images.push(Listed { image: found.value, places: Vec::new() });
            images.len() - 1
        });
        let platforms = found.options.and_then(|options| options.platforms);
        images[index].places.push(NamedAt { origin: found.origin, input: found.input, platforms });
    }
    Listing { images, dynamic: inputs.dynamic }
}

fn write(format: Format, listing: &Listing) -> Result<(), Error> {
    let mut out = std::io::stdout().lock();
    match report::images::write(format, listing, &mut out).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(()),
    }
}
