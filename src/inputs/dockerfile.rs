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

pub(super) fn read(text: &str, found: &mut Found<'_>) {
    let file = lines::read(text);
    if let Some((line, image)) = &file.syntax {
        found.image(Spot { line: *line, path: None }, image, image);
    }
    let mut reader = Reader { escape: file.escape, args: BTreeMap::new(), stages: Vec::new() };
    for instruction in &file.instructions {
        reader.take(instruction, found);
    }
    if let Some((line, name)) = file.unended {
        let why = "the heredoc that begins here has no end".to_owned();
        found.bad(Spot { line, path: None }, &format!("<<{name}"), why);
    }
}

struct Reader {
    escape: Escape,
    /// `ARG`s before the first `FROM`.
    args: BTreeMap<String, Known>,
    /// The names of the stages so far, in lower case; empty for one without.
    stages: Vec<String>,
}

impl Reader {
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
            None if PLATFORM_ARGS.contains(&name) => Known::Open,
            None => Known::Unset,
        }
    }

    fn arg(&mut self, words: &[(usize, &str)]) {
        for (_, word) in words {
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
                found.bad(Spot { line: instruction.line(at), path: None }, instruction.text.trim(), why);
                self.stages.push(String::new());
                return;
            }
        };
        let spot = Spot { line: instruction.line(base.0), path: None };
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
            Some(name) if name.text == "scratch" || self.is_stage(&name.text) => {}
            Some(name) => found.image(spot, base.1, &name.text),
        }
        self.stages.push(stage);
    }

    fn is_stage(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        !name.is_empty() && self.stages.contains(&name)
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
        let spot = Spot { line, path: None };
        let bare = name.trim_matches(['"', '\'']);
        if bare.contains('$') {
            found.dynamic(spot, name, "variables here are not those before the first FROM".to_owned());
        } else if bare != "scratch" && !self.is_stage(bare) {
            found.image(spot, name, bare);
        }
    }
}
