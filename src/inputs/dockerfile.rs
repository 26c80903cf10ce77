//! Dockerfiles and Containerfiles: base images, images copied from, mounted ones, and the frontend.
//!
//! A reader of our own: `dockerfile-parser-rs` keeps no lines and knows neither directives nor the parts
//! of mounts. It stands on BuildKit's reference and `dockerfile2llb/convert.go`.

mod expand;
mod lines;

use std::collections::BTreeMap;

use self::expand::{Known, expand};
use self::lines::{Escape, Instruction, words};
use super::compose::variables;
use super::found::{Found, Spot};
use super::key_path::KeyPath;
use super::yaml::Node;
use crate::model::platform::Platform;

/// Given by BuildKit, and different for every builder and target.
const PLATFORM_ARGS: [&str; 9] = [
    "BUILDPLATFORM",
    "BUILDOS",
    "BUILDARCH",
    "BUILDVARIANT",
    "TARGETPLATFORM",
    "TARGETOS",
    "TARGETARCH",
    "TARGETVARIANT",
    "TARGETSTAGE",
];

/// Whether the first instruction is one that only a Dockerfile begins with.
pub(super) fn is_it(text: &str) -> bool {
    // Every list comes by here: nothing is put together before there is a sign of it.
    let is_from =
        |line: &str| line.trim_start().get(..4).is_some_and(|word| word.eq_ignore_ascii_case("from"));
    if !super::text::lines(text).any(|(_, line)| is_from(line)) {
        return false;
    }
    let file = lines::read(text);
    let starts = |text: &str, name: &str| {
        let mut words = text.split_whitespace();
        words.next().is_some_and(|word| word.eq_ignore_ascii_case(name)) && words.next().is_some()
    };
    file.instructions.first().is_some_and(|first| starts(&first.text, "FROM") || starts(&first.text, "ARG"))
        && file.instructions.iter().any(|any| starts(&any.text, "FROM"))
}

/// What a build is given besides the file.
#[derive(Clone, Copy, Default)]
pub(super) struct Given<'a> {
    /// `--build-arg`, or `args` of a Compose or bake file: values for `ARG`s that the file declares.
    pub(super) args: Option<&'a BTreeMap<String, String>>,
    /// Named contexts: such names are no images of their own.
    pub(super) contexts: &'a [String],
    /// Where the text stands in another file.
    pub(super) inside: Option<Inside<'a>>,
}

/// A text in another file.
#[derive(Clone, Copy)]
pub(super) struct Inside<'a> {
    /// Where the value begins: the place of all that is found, where no line is known.
    spot: Spot<'a>,
    /// The line of the file on which the text begins, where each line of it is one of the file.
    first_line: Option<u32>,
}

impl<'a> Inside<'a> {
    /// The text of `node`, which is the value at `path`.
    pub(super) fn of(node: &Node, path: &'a KeyPath<'a>) -> Self {
        Self { spot: Spot { line: node.line, path: Some(path) }, first_line: node.first_line() }
    }

    /// A text that has not the lines of the file.
    pub(super) const fn without_lines(self) -> Self {
        Self { first_line: None, ..self }
    }

    fn spot(self, line: u32) -> Spot<'a> {
        let line =
            self.first_line.map_or(self.spot.line, |first| first.saturating_add(line.saturating_sub(1)));
        Spot { line, ..self.spot }
    }
}

pub(super) fn read(text: &str, given: Given<'_>, found: &mut Found<'_>) {
    let file = lines::read(text);
    let mut reader = Reader { escape: file.escape, args: BTreeMap::new(), stages: Vec::new(), given };
    if let Some((line, image)) = &file.syntax {
        found.image(reader.spot(*line), image, image);
    }
    for instruction in &file.instructions {
        reader.take(instruction, found);
    }
    if let Some((line, name)) = file.unended {
        let why = "the heredoc that begins here has no end".to_owned();
        found.bad(reader.spot(line), &format!("<<{name}"), why);
    }
}

/// A Dockerfile that is a value of another file.
pub(super) fn read_inline(node: Option<&Node>, path: &KeyPath<'_>, given: Given<'_>, found: &mut Found<'_>) {
    if let Some((node, text)) = node.and_then(|node| Some((node, node.text()?))) {
        read(text, Given { inside: Some(Inside::of(node, path)), ..given }, found);
    }
}

struct Reader<'a> {
    escape: Escape,
    /// `ARG`s before the first `FROM`.
    args: BTreeMap<String, Known>,
    /// The names of the stages so far, in lower case; empty for one without.
    stages: Vec<String>,
    given: Given<'a>,
}

impl<'a> Reader<'a> {
    fn spot(&self, line: u32) -> Spot<'a> {
        self.given.inside.map_or(Spot { line, path: None }, |inside| inside.spot(line))
    }

    fn take(&mut self, instruction: &Instruction, found: &mut Found<'_>) {
        let mut words = words(&instruction.text);
        while words.first().is_some_and(|(_, word)| word.eq_ignore_ascii_case("ONBUILD")) {
            words.remove(0);
        }
        let Some(((at, name), rest)) = words.split_first() else { return };
        match &*name.to_ascii_uppercase() {
            "ARG" if self.stages.is_empty() => self.arg(rest),
            "FROM" => self.from(instruction, *at, rest, found),
            "COPY" => self.copy(instruction, rest, found),
            "RUN" => self.run(instruction, rest, found),
            _ => {}
        }
    }

    fn known(&self, name: &str) -> Known {
        match self.args.get(name) {
            Some(known) => known.clone(),
            None if PLATFORM_ARGS.contains(&name) && self.given(name).is_some() => {
                Known::Value(self.given(name).unwrap_or_default().to_owned())
            }
            None if PLATFORM_ARGS.contains(&name) => Known::Open,
            None => Known::Unset,
        }
    }

    /// What the build is told, which goes before any default.
    fn given(&self, name: &str) -> Option<&'a str> {
        self.given.args?.get(name).map(String::as_str)
    }

    fn arg(&mut self, words: &[(usize, &str)]) {
        for (_, word) in words {
            let name = word.split_once('=').map_or(*word, |(name, _)| name);
            if let Some(value) = self.given(name) {
                self.args.insert(name.to_owned(), Known::Value(value.to_owned()));
                continue;
            }
            let Some((name, value)) = word.split_once('=') else {
                if !PLATFORM_ARGS.contains(word) {
                    self.args.insert((*word).to_owned(), Known::Unset);
                }
                continue;
            };
            let value = match expand(value, self.escape, &|name| self.known(name)) {
                Some(value) if value.unknown.is_empty() => Known::Value(value.text),
                // What depends on something open is as open.
                _ => Known::Open,
            };
            self.args.insert(name.to_owned(), value);
        }
    }

    fn from(&mut self, instruction: &Instruction, at: usize, words: &[(usize, &str)], found: &mut Found<'_>) {
        let arguments: Vec<_> = words.iter().skip_while(|(_, word)| word.starts_with("--")).collect();
        let (base, stage) = match arguments[..] {
            [base] => (base, String::new()),
            [base, (_, word), (_, stage)] if word.eq_ignore_ascii_case("AS") => {
                (base, stage.to_ascii_lowercase())
            }
            _ => {
                let why = "FROM takes an image, and AS and a name behind it".to_owned();
                found.bad(self.spot(instruction.line(at)), instruction.text.trim(), why);
                self.stages.push(String::new());
                return;
            }
        };
        let spot = self.spot(instruction.line(base.0));
        match expand(base.1, self.escape, &|name| self.known(name)) {
            None => found.bad(spot, base.1, "not a word that can be expanded".to_owned()),
            Some(name) if !name.unknown.is_empty() => {
                found.dynamic(
                    spot,
                    base.1,
                    format!("{} without a value before the first FROM", variables(&name.unknown)),
                );
            }
            Some(name) if name.text.is_empty() => {
                found.bad(spot, base.1, "the name of the base image is empty".to_owned());
            }
            // No variable is left: it stood in single quotes, or behind the escape.
            Some(name) if name.text.contains('$') => {
                found.bad(spot, base.1, "invalid name: a literal $ stands in it".to_owned());
            }
            Some(name) if name.text == "scratch" || self.is_stage(&name.text) => {}
            Some(name) => found.image_for(spot, base.1, &name.text, self.platform(words)),
        }
        self.stages.push(stage);
    }

    /// What `--platform` asks for, where that is the same for every builder and target.
    fn platform(&self, words: &[(usize, &str)]) -> Option<Platform> {
        let mut flags = words.iter().take_while(|(_, word)| word.starts_with("--"));
        let typed = flags.find_map(|(_, flag)| flag.strip_prefix("--platform="))?;
        let platform = expand(typed, self.escape, &|name| self.known(name))?;
        if platform.unknown.is_empty() { platform.text.parse().ok() } else { None }
    }

    fn is_stage(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        !name.is_empty()
            && (self.stages.contains(&name)
                || self.given.contexts.iter().any(|context| context.eq_ignore_ascii_case(&name)))
    }

    fn copy(&self, instruction: &Instruction, words: &[(usize, &str)], found: &mut Found<'_>) {
        for (at, flag) in words.iter().take_while(|(_, word)| word.starts_with("--")) {
            let Some(name) = flag.strip_prefix("--from=") else { continue };
            // A number is the place of a stage.
            if name.parse::<u32>().is_err() {
                self.other(instruction.line(*at), name, found);
            }
        }
    }

    fn run(&self, instruction: &Instruction, words: &[(usize, &str)], found: &mut Found<'_>) {
        for (at, flag) in words.iter().take_while(|(_, word)| word.starts_with("--")) {
            let Some(mount) = flag.strip_prefix("--mount=") else { continue };
            for part in mount.trim_matches(['"', '\'']).split(',') {
                let part = part.trim().trim_matches(['"', '\'']);
                if let Some((key, name)) = part.split_once('=')
                    && key.eq_ignore_ascii_case("from")
                {
                    self.other(instruction.line(*at), name, found);
                }
            }
        }
    }

    /// A stage, or an image that is no base.
    fn other(&self, line: u32, name: &str, found: &mut Found<'_>) {
        let spot = self.spot(line);
        let bare = name.trim_matches(['"', '\'']);
        if bare.contains('$') {
            found.dynamic(spot, name, "variables here are not those before the first FROM".to_owned());
        } else if bare != "scratch" && !self.is_stage(bare) {
            found.image(spot, name, bare);
        }
    }
}
