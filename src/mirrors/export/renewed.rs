//! Comments of earlier exports about mirrors that were left out: one whose reason is another by now gets the new one
//! where it stands, and one about a mirror that is written again goes. So there is one for a mirror, however often
//! this is done.

use std::collections::BTreeMap;

use super::entry::Entry;
use super::{Target, one_line};
use crate::model::choice::Choice;

/// How each of them begins.
pub(super) const LEFT_OUT: &str = "# left out by registry-check: ";

/// `text` with the comments as they are true now.
pub(super) fn renewed(text: &str, target: Target, choices: &[Choice]) -> String {
    let places = places(target, choices);
    let mut lines: Vec<String> = Vec::new();
    for line in text.split_inclusive('\n') {
        let Some((indent, place, why, end)) = read(line, &places) else {
            lines.push(line.to_owned());
            continue;
        };
        let whys = &places[place];
        let why = match &whys[..] {
            _ if whys.iter().any(|known| known == why) => why,
            [new] => new,
            // Written again; or left out of several registries, each of which gets its own.
            _ => continue,
        };
        let renewed = format!("{indent}{LEFT_OUT}{place}: {why}{end}");
        let is_twice = match target {
            // Such a file is that of one registry.
            Target::Containerd => lines.contains(&renewed),
            _ => lines.last() == Some(&renewed),
        };
        if !is_twice {
            lines.push(renewed);
        }
    }
    lines.concat()
}

/// What is said of each mirror: why it is left out, of one registry or of several.
fn places(target: Target, choices: &[Choice]) -> BTreeMap<String, Vec<String>> {
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for choice in choices {
        for chosen in &choice.chosen {
            if let Ok(entry) = Entry::of(target, &chosen.endpoint, choice) {
                places.entry(entry.written).or_default();
            }
        }
        for left in &choice.left_out {
            if let Ok(entry) = Entry::of(target, &left.endpoint, choice) {
                let whys = places.entry(entry.written).or_default();
                let why = one_line(&left.why);
                if !whys.contains(&why) {
                    whys.push(why);
                }
            }
        }
    }
    places
}

/// Indent, place, reason and end of a line that is such a comment about one of `places`.
fn read<'t, 'p>(
    line: &'t str,
    places: &'p BTreeMap<String, Vec<String>>,
) -> Option<(&'t str, &'p str, &'t str, &'t str)> {
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    let said = rest.strip_prefix(LEFT_OUT)?;
    let (said, end) = said.split_at(said.trim_end_matches(['\r', '\n']).len());
    let mut found = places
        .keys()
        .filter_map(|place| Some((place.as_str(), said.strip_prefix(place.as_str())?.strip_prefix(": ")?)));
    let (place, why) = found.next()?;
    Some((indent, place, why, end))
}
