//! The reverse of an importer: an order of mirrors into the configuration of a runtime.
//!
//! An existing file is edited, not written anew: every other key and comment stays. What comes out is read
//! back by the importer before anybody gets it, and must lead to the same places in the same order; else the
//! export is refused.

mod blocks;
mod containerd;
mod docker_daemon;
mod entry;
mod held;
mod k3s;
mod neighbours;
mod own;
mod registries_conf;
mod renewed;
#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod runs;

use std::path::{Path, PathBuf};

use super::docker_daemon::Store;
use super::document::{Document, Flaw};
use super::{Error, advice};
use crate::model::choice::{Choice, Part, Standing};
use crate::model::image::DOCKER_HUB;
use crate::model::node::{End, Node, Part as HopPart, Schemes};
use crate::model::tls::HostTls;
use entry::Entry;
use held::Change;
use neighbours::Neighbours;
use own::Own;
use renewed::Back;

/// Which configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A `certs.d` folder.
    Containerd,
    /// `daemon.json`
    Docker,
    /// `registries.conf`
    RegistriesConf,
    /// `registries.yaml`
    K3s,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Export {
    /// Each file, whole.
    pub files: Vec<ExportedFile>,
    /// What a person should know: mirrors that are left out or cannot be expressed.
    pub notes: Vec<String>,
    /// How well the best mirror did that stands in it, for each choice; nothing where none does.
    pub best: Vec<Option<Standing>>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportedFile {
    /// Below the folder that was named; empty where a file was.
    pub name: PathBuf,
    /// Its text.
    pub text: String,
}

/// The mirrors of one registry as they stand in a file.
struct Wanted<'a> {
    registry: &'a str,
    /// First these, in this order.
    entries: Vec<Entry>,
    /// These not at all; with the reason, in one line.
    left_out: Vec<(Entry, String)>,
    best: Option<Standing>,
    tls: &'a [HostTls],
    own: Own,
    /// Tables that were left out by an earlier export.
    back: &'a [Back],
}

impl Wanted<'_> {
    /// The table that `entry` had before it was left out.
    fn back(&self, entry: &Entry) -> Option<&str> {
        let is_it = |back: &&Back| back.registry == self.registry && back.place == entry.written;
        self.back.iter().find(is_it).map(|back| back.block.table.as_str())
    }
}

/// Writes `choices` for a runtime; `base` is what it has been told until now, if anything, and `place` where it will
/// be written, if that is known.
///
/// # Errors
/// The existing configuration cannot be read, or cannot be edited safely; or another file decides.
pub fn export(
    target: Target,
    choices: &[Choice],
    tls: &[HostTls],
    base: Option<&Path>,
    place: Option<&Path>,
) -> Result<Export, Vec<Error>> {
    let mut export = Export { files: Vec::new(), notes: Vec::new(), best: Vec::new() };
    if target == Target::Containerd {
        let mut errors = Vec::new();
        for choice in choices {
            let (name, document) = match containerd::file(base, &choice.registry) {
                Ok(found) => found,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            match edit(target, std::slice::from_ref(choice), tls, &document, &mut export) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => {
                    let before = base.and_then(|base| containerd::default_of(base, &name, &choice.registry));
                    let after = containerd::read(&with_text(&document, &text), &choice.registry).ok();
                    if let (Some(before), Some(after)) = (before, after) {
                        export.notes.extend(hidden(choice, &before, &after));
                    }
                    export.files.push(ExportedFile { name, text });
                }
                Err(error) => errors.push(error),
            }
        }
        return if errors.is_empty() { Ok(export) } else { Err(errors) };
    }
    let document = match base {
        Some(path) => Document::read(path).map_err(|error| vec![error])?.advising(target.advice()),
        None => Document::of(target.file_name().to_owned(), PathBuf::new(), ""),
    };
    target.read(&document, DOCKER_HUB).map_err(|error| vec![error])?;
    let files: Vec<&Path> = place.into_iter().chain(base).collect();
    let files = if target == Target::RegistriesConf { &files[..] } else { &[] };
    let neighbours = Neighbours::of(files).map_err(|error| vec![error])?;
    let text = edit(target, choices, tls, &document, &mut export).map_err(|error| vec![error])?;
    for neighbours in &neighbours {
        neighbours.hold(&text, choices).map_err(|error| vec![error])?;
    }
    if !text.is_empty() {
        let is_read = target == Target::Docker && super::docker_daemon::store(&document) != Store::Own;
        let beside = base.filter(|_| is_read).and_then(super::runtimes::hub_beside);
        export.notes.extend(beside.map(|(_, hosts)| {
            format!(
                "{} names hosts for docker.io: where that is dockerd's, it ignores registry-mirrors",
                hosts.source
            )
        }));
        export.files.push(ExportedFile { name: PathBuf::new(), text });
    }
    Ok(export)
}

/// Whether `path` can be what is edited: a folder for containerd, a file for all others.
///
/// # Errors
/// Nothing is there that could be read, or it is of the other kind.
pub fn usable_base(target: Target, path: &Path) -> Result<(), Error> {
    let place = path.display().to_string();
    let found = std::fs::metadata(path).map_err(|error| {
        if error.kind() == std::io::ErrorKind::NotFound && path.is_symlink() {
            return Error::unusable(&place, "is a link that leads nowhere", advice::LINK);
        }
        Error::unusable(&place, format!("cannot be read: {error}"), advice::of_io(&error))
    })?;
    match (target, found.is_dir()) {
        (Target::Containerd, false) => {
            Err(Error::unusable(place, "is not a folder such as certs.d", advice::CERTS_FOLDER))
        }
        (Target::Docker | Target::RegistriesConf | Target::K3s, true) => {
            let why = format!("is a folder, not a {}", target.file_name());
            Err(Error::unusable(place, why, advice::THE_FILE))
        }
        _ => Ok(()),
    }
}

impl Target {
    /// What its file is called.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Containerd => "hosts.toml",
            Self::Docker => "daemon.json",
            Self::RegistriesConf => "registries.conf",
            Self::K3s => "registries.yaml",
        }
    }

    const fn advice(self) -> &'static str {
        match self {
            Self::Containerd => advice::HOSTS,
            Self::Docker => advice::DOCKER,
            Self::RegistriesConf => advice::REGISTRIES_CONF,
            Self::K3s => advice::K3S,
        }
    }

    fn read(self, document: &Document, registry: &str) -> Result<Node, Error> {
        let first = |mut errors: Vec<Error>| match errors.is_empty() {
            true => Error::unusable(&document.name, "unusable", self.advice()),
            false => errors.swap_remove(0),
        };
        let is_empty = document.text.trim().is_empty();
        match self {
            Self::Containerd => containerd::read(document, registry),
            Self::Docker if is_empty => {
                super::docker_daemon::parse(&with_text(document, "{}")).map_err(first)
            }
            Self::Docker => super::docker_daemon::parse(document).map_err(first),
            Self::RegistriesConf => super::containers::merge(std::slice::from_ref(document)),
            Self::K3s if is_empty => super::k3s::parse(&with_text(document, "mirrors:\n")).map_err(first),
            Self::K3s => super::k3s::parse(document).map_err(first),
        }
    }

    fn edit(self, document: &Document, wanted: &Wanted<'_>) -> Result<String, Flaw> {
        match self {
            Self::Containerd => containerd::edit(document, wanted),
            Self::Docker => docker_daemon::edit(document, wanted),
            Self::RegistriesConf => registries_conf::edit(document, wanted),
            Self::K3s => k3s::edit(document, wanted),
        }
    }
}

fn with_text(document: &Document, text: &str) -> Document {
    Document::of(document.name.clone(), document.folder.clone(), text).advising(document.hint())
}

fn edit(
    target: Target,
    choices: &[Choice],
    tls: &[HostTls],
    document: &Document,
    export: &mut Export,
) -> Result<String, Error> {
    let line_end = LineEnd::of(&document.text);
    let text = line_end.taken_from(&document.text);
    // A daemon.json has no comments.
    let renewed = renewed::renewed(&text, target, if target == Target::Docker { &[] } else { choices });
    let mut current = with_text(document, &renewed.text);
    for choice in choices {
        let before = target.read(&current, &choice.registry)?;
        let wanted = wanted(target, choice, (&before, tls, &renewed.back), &mut export.notes);
        export.best.push(wanted.best);
        if wanted.entries.is_empty() && wanted.left_out.is_empty() {
            continue;
        }
        let text = target
            .edit(&current, &wanted)
            .map_err(|flaw| current.error(flaw.advising_else(advice::BY_HAND)))?;
        let edited = with_text(&current, &text);
        let original = target.read(document, &choice.registry)?;
        let change = Change { target, original: document, before: &original, edited: &edited };
        let after = held::hold(&change, choice, &wanted)?;
        if target == Target::RegistriesConf {
            export.notes.extend(made_insecure(choice, &wanted, &before, &after));
        }
        export.notes.extend(wanted.own.kept(target, choice, &after));
        export.notes.extend(hidden(choice, &before, &after));
        current = edited;
    }
    let mut text = current.text;
    renewed::keep_words(&mut text, &renewed.back);
    Ok(line_end.given_to(text))
}

/// How the lines of a file end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineEnd {
    Lf,
    CrLf,
}

impl LineEnd {
    /// A file that mixes them is left as it is.
    fn of(text: &str) -> Self {
        let windows = text.matches("\r\n").count();
        if windows > 0 && windows == text.matches('\n').count() { Self::CrLf } else { Self::Lf }
    }

    fn taken_from(self, text: &str) -> String {
        if self == Self::CrLf { text.replace("\r\n", "\n") } else { text.to_owned() }
    }

    fn given_to(self, text: String) -> String {
        if self == Self::CrLf { text.replace('\n', "\r\n") } else { text }
    }
}

/// The mirrors of a choice as this runtime can have them.
fn wanted<'a>(
    target: Target,
    choice: &'a Choice,
    (before, tls, back): (&Node, &'a [HostTls], &'a [Back]),
    notes: &mut Vec<String>,
) -> Wanted<'a> {
    let registry = &*choice.registry;
    let own = Own::of(target, choice, tls);
    let mut wanted =
        Wanted { registry, entries: Vec::new(), left_out: Vec::new(), best: None, tls, own, back };
    for chosen in &choice.chosen {
        let name = &chosen.endpoint.name;
        let entry = match chosen.part {
            Part::All => Entry::of(target, &chosen.endpoint, choice),
            Part::Some => Err(format!("it stands in for a part of {registry} only")),
        };
        if entry.is_ok() {
            wanted.best = wanted.best.into_iter().chain([chosen.standing]).min();
        }
        match entry {
            Ok(entry) if is_primary(before, choice, &entry) => {}
            Ok(entry) => {
                notes.extend(
                    entry::unsaid(target, &chosen.endpoint, tls)
                        .into_iter()
                        .map(|text| format!("{registry}: {name}: {text}")),
                );
                wanted.entries.push(entry);
            }
            Err(why) => notes.push(format!("{registry}: {name} cannot be written here: {why}")),
        }
    }
    if !wanted.entries.is_empty() {
        notes.extend(wanted.own.unsaid(target).map(|text| format!("{registry}: {text}")));
    }
    for left in &choice.left_out {
        let why = one_line(&left.why);
        notes.push(format!("{registry}: {} is left out: {why}", left.endpoint.name));
        if let Ok(entry) = Entry::of(target, &left.endpoint, choice) {
            wanted.left_out.push((entry, why));
        }
    }
    wanted
}

/// Remotes' words, for a comment.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter });
    plain.take(300).collect()
}

/// Whether the runtime asks it already as the registry itself, behind all mirrors.
fn is_primary(node: &Node, choice: &Choice, entry: &Entry) -> bool {
    let Some(image) = choice.images.first() else { return false };
    let route = node.route(image).filter(|route| route.end != End::Blocked);
    let hops = route.map_or(&[][..], |route| &route.hops);
    hops.iter().filter(|hop| hop.part == HopPart::Primary).any(|hop| entry.is_asked(hop, image))
}

/// Mirrors that were there and are asked over http, or whatever their certificate, from now on.
fn made_insecure(choice: &Choice, wanted: &Wanted<'_>, before: &Node, after: &Node) -> Vec<String> {
    let Some(image) = choice.images.first() else { return Vec::new() };
    let schemes = |node: &Node, entry: &Entry| {
        let hops = node.route(image).map_or(&[][..], |route| &route.hops);
        let mut mirrors = hops.iter().filter(|hop| hop.part == HopPart::Mirror);
        mirrors.find(|hop| entry.is_asked_somehow(hop, image)).map(|hop| hop.schemes)
    };
    let is_new = |entry: &&Entry| {
        schemes(before, entry) == Some(Schemes::AsWritten)
            && schemes(after, entry) == Some(Schemes::HttpsFirst)
    };
    let note = |entry: &Entry| {
        let how = if entry.is_plain { "over http" } else { "without a look at its certificate" };
        format!(
            "{}: {} gets insecure = true, which it did not have: it was asked {how}",
            choice.registry, entry.written
        )
    };
    wanted.entries.iter().filter(is_new).map(note).collect()
}

/// Mirrors that an entry for many registries gave this one, which now has an entry of its own.
fn hidden(choice: &Choice, before: &Node, after: &Node) -> Vec<String> {
    let mut notes = Vec::new();
    for image in &choice.images {
        let mirrors = |node: &Node| -> Vec<(String, String)> {
            let hops = node.route(image).map_or(&[][..], |route| &route.hops);
            hops.iter()
                .filter(|hop| hop.part == HopPart::Mirror)
                .filter_map(|hop| Some((hop.endpoint.name.to_string(), entry::place(&hop.endpoint, image)?)))
                .collect()
        };
        let now = mirrors(after);
        let is_told = |place: &String| {
            choice.left_out.iter().any(|left| entry::place(&left.endpoint, image).as_ref() == Some(place))
        };
        for (name, place) in mirrors(before) {
            let note = format!(
                "{}: {name} is asked for it no more: it stands in an entry for many registries, which that of {} hides",
                choice.registry, choice.registry
            );
            if !now.iter().any(|(_, other)| *other == place) && !is_told(&place) && !notes.contains(&note) {
                notes.push(note);
            }
        }
    }
    notes
}
