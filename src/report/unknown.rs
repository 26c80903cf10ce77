//! Names that cannot be known offline, for the formats that point at lines: a note at each, which fails nothing.

use super::escape::{MAX_REMOTE_CHARS, bounded};
use crate::gate::GateCode;
use crate::model::dynamic::Dynamic;

/// What such a note is called where findings have codes.
pub(super) const KIND: &str = GateCode::NotKnownOffline.as_str();

/// The name and what it depends on; not escaped.
pub(super) fn told(name: &Dynamic) -> String {
    let within =
        name.origin.within().map(|within| bounded(&within.to_string(), MAX_REMOTE_CHARS).into_owned());
    let within = within.map(|within| format!(" ({within})")).unwrap_or_default();
    let why = bounded(&name.why, MAX_REMOTE_CHARS);
    format!("{}: not known offline, and not checked: {why}{within}", name.text)
}
