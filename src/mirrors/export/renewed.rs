//! Comments of earlier exports about mirrors that were left out: one whose reason is another by now gets the new one
//! where it stands, and one about a mirror that is written again goes, with the table that was left out with it. So
//! there is one for a mirror, however often this is done.

use super::blocks::{self, Block};
use super::entry::Entry;
use super::{Target, k3s, one_line};
use crate::model::choice::{Choice, Part};

/// How each of them begins.
pub(super) const LEFT_OUT: &str = "# left out by registry-check: ";

/// A file with the comments as they are true now.
pub(super) struct Renewed {
    pub(super) text: String,
    /// What was left out and is written again.
    pub(super) back: Vec<Back>,
}

/// A mirror's table that was a comment.
pub(super) struct Back {
    pub(super) registry: String,
    /// As the mirror is written.
    pub(super) place: String,
    pub(super) block: Block,
}

/// What is made of a mirror for a registry in this run.
struct Place<'a> {
    registry: &'a str,
    written: String,
    /// Why it is left out; nothing where it is written.
    why: Option<String>,
}

/// A line that is such a comment.
struct Comment<'a> {
    indent: &'a str,
    place: &'a str,
    why: &'a str,
    end: &'a str,
}

pub(super) fn renewed(text: &str, target: Target, choices: &[Choice]) -> Renewed {
    let places = places(target, choices);
    let old: Vec<&str> = text.split_inclusive('\n').collect();
    let mut renewed = Renewed { text: String::new(), back: Vec::new() };
    let mut lines: Vec<String> = Vec::new();
    let mut told: Vec<(String, &[&str])> = Vec::new();
    let mut at = 0;
    while let Some(line) = old.get(at) {
        at += 1;
        let about = read(line, &places).map(|comment| (about(&comment, &places), comment));
        let Some((about, comment)) = about.filter(|(about, _)| !about.is_empty()) else {
            lines.push((*line).to_owned());
            continue;
        };
        let is_toml = matches!(target, Target::Containerd | Target::RegistriesConf);
        let block = is_toml.then(|| blocks::below(&old[at..], target)).flatten();
        let whys: Vec<&str> = about.iter().filter_map(|place| place.why.as_deref()).collect();
        if whys.is_empty() {
            match block {
                Some(block) => {
                    at += block.lines;
                    let (registry, place) = (about[0].registry.to_owned(), comment.place.to_owned());
                    renewed.back.push(Back { registry, place, block });
                }
                None if target == Target::K3s => k3s::bring_back(&mut lines, &old, comment.place),
                None => {}
            }
            continue;
        }
        let with = |why: &str| format!("{}{LEFT_OUT}{}: {why}{}", comment.indent, comment.place, comment.end);
        // Left out of several registries, each has its own.
        let is_free = |why: &&str| !lines.contains(&with(why)) && !old[at..].contains(&with(why).as_str());
        let is_true = whys.contains(&comment.why);
        let why = match whys[..] {
            _ if is_true => Some(comment.why),
            [why] => Some(why),
            _ => whys.iter().copied().find(|why| is_free(why)).or(block.as_ref().map(|_| whys[0])),
        };
        let Some(why) = why else { continue };
        let renewed = with(why);
        let body = &old[at..at + block.as_ref().map_or(0, |block| block.lines)];
        let is_twice = match target {
            Target::K3s | Target::Docker => lines.last() == Some(&renewed),
            // A bare one says no more than one with a table.
            _ => told.iter().any(|(known, of)| *known == renewed && (body.is_empty() || *of == body)),
        };
        at += body.len();
        if !is_twice {
            lines.push(renewed.clone());
            lines.extend(body.iter().map(|line| (*line).to_owned()));
            told.push((renewed, body));
        }
    }
    renewed.text = lines.concat();
    renewed
}

/// What becomes of each mirror, for each registry.
fn places(target: Target, choices: &[Choice]) -> Vec<Place<'_>> {
    let mut places: Vec<Place<'_>> = Vec::new();
    for choice in choices {
        let registry = &*choice.registry;
        // One for a part of the images is neither written nor left out.
        for chosen in choice.chosen.iter().filter(|chosen| chosen.part == Part::All) {
            if let Ok(entry) = Entry::of(target, &chosen.endpoint, choice) {
                places.push(Place { registry, written: entry.written, why: None });
            }
        }
        for left in &choice.left_out {
            if let Ok(entry) = Entry::of(target, &left.endpoint, choice) {
                let why = Some(one_line(&left.why));
                if !places.iter().any(|known| known.written == entry.written && known.why == why) {
                    places.push(Place { registry, written: entry.written, why });
                }
            }
        }
    }
    places
}

/// What this run says of a comment's mirror: for the registry of the image in its reason, else for all.
fn about<'p, 'a>(comment: &Comment<'_>, places: &'p [Place<'a>]) -> Vec<&'p Place<'a>> {
    let named = comment.why.split_once(" of ").and_then(|(_, image)| Some(image.split_once('/')?.0));
    let named = named.filter(|named| !named.contains(' '));
    let is_about = |place: &&Place<'_>| {
        place.written == comment.place && named.is_none_or(|named| named.eq_ignore_ascii_case(place.registry))
    };
    places.iter().filter(is_about).collect()
}

/// A line that is such a comment about one of `places`.
fn read<'a>(line: &'a str, places: &'a [Place<'_>]) -> Option<Comment<'a>> {
    let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
    let said = rest.strip_prefix(LEFT_OUT)?;
    let (said, end) = said.split_at(said.trim_end_matches(['\r', '\n']).len());
    places.iter().find_map(|place| {
        let why = said.strip_prefix(place.written.as_str())?.strip_prefix(": ")?;
        Some(Comment { indent, place: &place.written, why, end })
    })
}

/// People's words about what came back stay, also where another table took its place.
pub(super) fn keep_words(text: &mut String, back: &[Back]) {
    for word in back.iter().flat_map(|back| &back.block.words) {
        if !text.lines().any(|line| line.trim() == word) {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!("{word}\n"));
        }
    }
}
