//! Names that cannot be known offline, for the formats that point at lines: a note at each, which fails nothing.

use super::escape::{MAX_REMOTE_CHARS, bounded};
use crate::model::dynamic::Dynamic;

/// What such a note is called where findings have codes.
pub(super) const KIND: &str = "not-known-offline";
/// What it means.
pub(super) const MEANING: &str =
    "An image's name depends on what is not known offline: nobody was asked for it.";

/// The name and what it depends on; not escaped.
pub(super) fn told(name: &Dynamic) -> String {
    let within =
        name.origin.within().map(|within| bounded(&within.to_string(), MAX_REMOTE_CHARS).into_owned());
    let within = within.map(|within| format!(" ({within})")).unwrap_or_default();
    let why = bounded(&name.why, MAX_REMOTE_CHARS);
    format!("{}: not known offline, and not checked: {why}{within}", name.text)
}
