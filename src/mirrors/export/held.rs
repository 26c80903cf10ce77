//! Whether a file does what was exported: the runtime asks the wanted mirrors first, in their order, for the
//! images that were checked, by tag or by digest as they are named.
//!
//! What stands in the way was there before, so it is told with its line in the file as it was.

use super::super::document::Document;
use super::super::{Error, advice};
use super::entry::Entry;
use super::{Target, Wanted};
use crate::model::choice::Choice;
use crate::model::endpoint::Accepts;
use crate::model::image::{ImageRef, ManifestRef};
use crate::model::node::{End, Hop, Node, Part, Route};

/// A file before and after.
pub(super) struct Change<'a> {
    pub(super) target: Target,
    pub(super) original: &'a Document,
    /// What the runtime makes of it.
    pub(super) before: &'a Node,
    pub(super) edited: &'a Document,
}

/// Reads what was written, and holds it to what was wanted.
pub(super) fn hold(change: &Change<'_>, choice: &Choice, wanted: &Wanted<'_>) -> Result<Node, Error> {
    let node = change.target.read(change.edited, wanted.registry).map_err(|error| {
        let why = format!("cannot be edited safely ({error})");
        Error::unusable(&change.original.name, why, advice::BY_HAND)
    })?;
    for image in &choice.images {
        let route = node.route(image);
        if let Some(route) = route.filter(|route| route.end == End::Blocked && !wanted.entries.is_empty()) {
            return Err(change.blocked(image, route));
        }
        let hops: Vec<_> = route.map_or(&[][..], |route| &route.hops).iter().filter(is_mirror).collect();
        for (number, entry) in wanted.entries.iter().enumerate() {
            let hop = hops.get(number).filter(|hop| entry.is_asked(hop, image));
            let Some(hop) = hop else { return Err(change.elsewhere(image)) };
            let reference = image.manifest_ref();
            if entry.accepts.takes(reference) && !hop.endpoint.accepts.takes(reference) {
                return Err(change.passed_over(image, entry, hop.endpoint.accepts));
            }
        }
        // The same host may be wanted over one scheme and left out over the other.
        let mut rest = hops.iter().skip(wanted.entries.len());
        if rest.any(|hop| wanted.left_out.iter().any(|(entry, _)| entry.is_asked_somehow(hop, image))) {
            return Err(change.elsewhere(image));
        }
    }
    Ok(node)
}

fn is_mirror(hop: &&Hop) -> bool {
    hop.part == Part::Mirror
}

impl Change<'_> {
    fn refuse(&self, line: usize, why: String, hint: &'static str) -> Error {
        Error::unusable(self.original.line(line), why, hint)
    }

    /// The line on which the route of `image` stood before; the first one where it had none.
    fn line(&self, image: &ImageRef) -> usize {
        let place = self.before.route(image).map(|route| &*route.place);
        place.and_then(|place| place.rsplit_once(':')?.1.parse().ok()).unwrap_or(1)
    }

    /// The first line from `line` on that says one of `words`, comments aside.
    fn line_with(&self, line: usize, words: &[&str]) -> Option<usize> {
        let says = |text: &str| {
            let text = text.split('#').next().unwrap_or(text).to_ascii_lowercase();
            words.iter().any(|word| text.contains(word))
        };
        let mut lines = self.original.text.lines().enumerate().skip(line.saturating_sub(1));
        lines.find(|(_, text)| says(text)).map(|(at, _)| at + 1)
    }

    fn blocked(&self, image: &ImageRef, route: &Route) -> Error {
        let from = if self.before.route(image).is_some_and(|before| before.scope == route.scope) {
            self.line(image)
        } else {
            1
        };
        let line = self.line_with(from, &["blocked"]).unwrap_or(from);
        let why = format!("blocked = true: {image} is pulled from nowhere, whatever mirrors there are");
        self.refuse(line, why, advice::BLOCKED)
    }

    fn elsewhere(&self, image: &ImageRef) -> Error {
        let line = self.line(image);
        let (why, hint) = match self.target {
            Target::K3s => ("the names asked for are rewritten here", advice::REWRITES),
            Target::RegistriesConf if image.registry().bytes().any(|byte| byte.is_ascii_uppercase()) => {
                ("letter case counts: no entry of a registry in lower case is", advice::LETTER_CASE)
            }
            _ => ("another entry decides", advice::OTHER_ENTRY),
        };
        let why = format!("{why} for {image}, so what is exported would not hold");
        self.refuse(line, why, hint)
    }

    /// A key of an entry that was there keeps the mirror from being asked.
    fn passed_over(&self, image: &ImageRef, entry: &Entry, accepts: Accepts) -> Error {
        let kind = match image.manifest_ref() {
            ManifestRef::Tag(_) => "tags",
            ManifestRef::Digest(_) => "digests",
        };
        let route = self.line(image);
        let host = entry.host().to_ascii_lowercase();
        let bare = host.rsplit_once(':').map_or(&*host, |(bare, _)| bare);
        let mirror = self.line_with(route, &[&host, bare]).unwrap_or(route);
        let (line, hint) = match self.target {
            Target::Containerd => (self.line_with(mirror, &["capabilities"]), advice::CAPABILITIES),
            _ => {
                let own = self.line_with(mirror, &["pull-from-mirror", "[["]);
                let own = own.filter(|line| self.line_with(*line, &["pull-from-mirror"]) == Some(*line));
                match own {
                    Some(line) => (Some(line), advice::PULL_FROM_MIRROR),
                    None => (self.line_with(route, &["mirror-by-digest-only"]), advice::DIGEST_ONLY),
                }
            }
        };
        let what = match accepts {
            Accepts::Digests => "digests only",
            Accepts::Tags => "tags only",
            Accepts::All | Accepts::Nothing => "no pulls",
        };
        let why =
            format!("{} is for {what} here, and would not be asked for {kind} like {image}", entry.written);
        self.refuse(line.unwrap_or(mirror), why, hint)
    }
}
