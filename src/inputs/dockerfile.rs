//! Dockerfiles and Containerfiles: base images, images copied from, mounted ones, and the frontend.
//!
//! A reader of our own: `dockerfile-parser-rs` keeps no lines and knows neither directives nor the parts
//! of mounts. It stands on BuildKit's reference and `dockerfile2llb/convert.go`.

mod expand;
mod lines;
mod unknown;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

use self::expand::{Expanded, Fault, Known, expand};
use self::lines::{Escape, Instruction, words};
pub(super) use self::unknown::{Sort, Unknown};
use super::compose::variables;
use super::found::{Found, Spot};
use super::room::Room;
use super::yaml::Node;
use crate::model::platform::{Platform, PlatformError};

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

/// Systems and architectures, which BuildKit takes for half a platform.
const HALVES: [&str; 24] = [
    "linux", "windows", "darwin", "macos", "freebsd", "netbsd", "openbsd", "solaris", "wasip1", "amd64",
    "x86_64", "x86-64", "386", "i386", "arm", "armhf", "armel", "arm64", "aarch64", "ppc64le", "s390x",
    "riscv64", "loong64", "mips64le",
];

/// What is wrong with the name of a stage.
const NO_STAGE_NAME: &str =
    "no name of a stage: it begins with a letter, and has letters, digits, -, _ and . behind it";

/// Whether a name in lower case is one that BuildKit takes for a stage.
fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

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
    /// `--build-arg`, or `args` of a Compose or bake file: values for `ARG`s that the file declares; none where
    /// there is one that is not known.
    pub(super) args: Option<&'a BTreeMap<String, Option<String>>>,
    /// Named contexts, in lower case: such names are no images of their own.
    pub(super) contexts: Option<&'a HashSet<String>>,
    /// How much may be filled in, where it is a part of something larger.
    pub(super) room: Option<&'a Room>,
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
    /// Parts of the text that are not known, by the number of their stand-ins.
    unknown: &'a [Unknown],
}

impl<'a> Inside<'a> {
    /// The text of `node`, which stands at `spot`.
    pub(super) fn of(node: &Node, spot: Spot<'a>) -> Self {
        Self { spot, first_line: node.first_line(), unknown: &[] }
    }

    /// A text with stand-ins for these.
    pub(super) const fn with_unknown(self, unknown: &'a [Unknown]) -> Self {
        Self { unknown, ..self }
    }

    /// A text that has not the lines of the file.
    pub(super) const fn without_lines(self) -> Self {
        Self { first_line: None, ..self }
    }

    /// All that makes a difference to what is found.
    fn mark(self, text: &str, given: Given<'_>, found: &Found<'_>) -> impl Hash + use<> {
        let (file, document) = found.file();
        let node = self.spot.node.map(|node| std::ptr::from_ref(node).addr());
        let place =
            (Arc::clone(file), document, self.spot.line, self.spot.path.map(ToString::to_string), node);
        let contexts: Option<BTreeSet<String>> = given.contexts.map(|all| all.iter().cloned().collect());
        (place, text.to_owned(), given.args.cloned(), contexts)
    }

    /// Where this line of the text stands.
    pub(super) fn spot(self, line: u32) -> Spot<'a> {
        let line =
            self.first_line.map_or(self.spot.line, |first| first.saturating_add(line.saturating_sub(1)));
        Spot { line, ..self.spot }
    }
}

pub(super) fn read(text: &str, given: Given<'_>, found: &mut Found<'_>) {
    if let (Some(inside), Some(room)) = (given.inside, given.room) {
        if !room.is_new(&inside.mark(text, given, found)) {
            return;
        }
        // Heirs with other arguments read it anew.
        if let Err(why) = room.read(text.len()) {
            return found.bad(inside.spot, "", why.to_string());
        }
    }
    let file = lines::read(text);
    let mut all_stages: HashSet<String> = file.instructions.iter().filter_map(stage_of).collect();
    let in_all = file.instructions.iter().filter(|instruction| begins_stage(instruction)).count();
    // Stages may stand in what is not known.
    let unknown: &[Unknown] = given.inside.map_or(&[], |inside| inside.unknown);
    let unread: Vec<_> = unknown.iter().filter(|part| part.typed.contains('\n')).collect();
    all_stages.extend(unread.iter().flat_map(|part| {
        lines::read(&part.typed).instructions.iter().filter_map(stage_of).collect::<Vec<_>>()
    }));
    let own_room = Room::default();
    let mut reader = Reader {
        escape: file.escape,
        args: BTreeMap::new(),
        stages: HashSet::new(),
        number: 0,
        in_all: unread.is_empty().then_some(in_all),
        all_stages,
        room: given.room.unwrap_or(&own_room),
        unknown: unknown::All(unknown),
        given,
    };
    if let Some((line, image)) = &file.syntax {
        match Unknown::told(reader.unknown.within(image)) {
            Some(told) => reader.tell(reader.spot(*line), image, told, found),
            None => found.image(reader.spot(*line), image, image),
        }
    }
    for instruction in &file.instructions {
        reader.take(instruction, found);
    }
    if let Some((line, name)) = file.unended {
        let why = "the heredoc that begins here has no end".to_owned();
        found.bad(reader.spot(line), &format!("<<{name}"), why);
    }
}

fn begins_stage(instruction: &Instruction) -> bool {
    words(&instruction.text).first().is_some_and(|(_, word)| word.eq_ignore_ascii_case("FROM"))
}

/// The name of the stage that an instruction begins, in lower case, if it has one.
fn stage_of(instruction: &Instruction) -> Option<String> {
    let words = words(&instruction.text);
    let mut words = words.iter().map(|(_, word)| *word);
    words.next().filter(|word| word.eq_ignore_ascii_case("FROM"))?;
    let mut arguments = words.skip_while(|word| word.starts_with("--"));
    arguments.nth(1).filter(|word| word.eq_ignore_ascii_case("AS"))?;
    arguments.next().map(str::to_ascii_lowercase)
}

struct Reader<'a> {
    escape: Escape,
    /// `ARG`s before the first `FROM`.
    args: BTreeMap<String, Known>,
    /// The names of the stages so far, in lower case.
    stages: HashSet<String>,
    /// How many stages there are so far.
    number: usize,
    /// How many there are in all; none where not all instructions are known, as others may begin stages.
    in_all: Option<usize>,
    /// Those of the whole file: all of them are there before BuildKit looks up whom to copy from.
    all_stages: HashSet<String>,
    room: &'a Room,
    unknown: unknown::All<'a>,
    given: Given<'a>,
}

impl<'a> Reader<'a> {
    fn spot(&self, line: u32) -> Spot<'a> {
        self.given.inside.map_or(Spot::line(line), |inside| inside.spot(line))
    }

    /// Tells a name that is not known.
    fn tell(&self, spot: Spot<'_>, typed: &str, (sort, why): (Sort, String), found: &mut Found<'_>) {
        let typed = self.unknown.shown(typed);
        match sort {
            Sort::Open => found.dynamic(spot, &typed, why),
            Sort::Fault => found.bad(spot, &typed, why),
        }
    }

    /// What is said of a base that hangs on these variables.
    fn told(&self, names: &[String]) -> (Sort, String) {
        let mut others = Vec::new();
        let mut builtin = Vec::new();
        let mut parts = Vec::new();
        for name in names {
            match self.unknown.named(name) {
                Some(part) => parts.push(part),
                None if PLATFORM_ARGS.contains(&&**name) && !self.args.contains_key(name) => {
                    builtin.push(name.clone());
                }
                None => others.push(name.clone()),
            }
        }
        let (sort, why) = Unknown::told(parts).map_or((Sort::Open, None), |(sort, why)| (sort, Some(why)));
        let builtin = (!builtin.is_empty()).then(|| {
            format!("{}, which BuildKit sets for each platform that it builds", variables(&builtin))
        });
        let others = (!others.is_empty())
            .then(|| format!("{} without a value before the first FROM", variables(&others)));
        (sort, why.into_iter().chain(builtin).chain(others).collect::<Vec<_>>().join("; "))
    }

    fn take(&mut self, instruction: &Instruction, found: &mut Found<'_>) {
        let words = words(&instruction.text);
        let is_trigger = |(_, word): &&(usize, &str)| word.eq_ignore_ascii_case("ONBUILD");
        let triggers = words.iter().take_while(is_trigger).count();
        let Some(((at, name), rest)) = words[triggers..].split_first() else { return };
        if let Some(told) = Unknown::told(self.unknown.within(name)) {
            self.in_all = None;
            return self.tell(self.spot(instruction.line(*at)), instruction.text.trim(), told, found);
        }
        match &*name.to_ascii_uppercase() {
            "ARG" if self.number == 0 => self.arg(rest),
            "FROM" => self.from(instruction, *at, rest, found),
            "COPY" => self.copy(instruction, (triggers, rest), found),
            "RUN" => self.run(instruction, rest, found),
            _ => {}
        }
    }

    fn known(&self, name: &str) -> Known {
        match self.args.get(name) {
            Some(known) => known.clone(),
            None if PLATFORM_ARGS.contains(&name) => self.given(name).unwrap_or(Known::Open),
            None => Known::Unset,
        }
    }

    fn expanded(&self, word: &str) -> Result<Expanded, Fault> {
        expand(word, self.escape, &|name| self.known(name), self.room)
    }

    /// What the build is told, which goes before any default.
    fn given(&self, name: &str) -> Option<Known> {
        let value = self.given.args?.get(name)?;
        Some(value.as_deref().map_or(Known::Open, |value| Known::Value(value.into())))
    }

    fn arg(&mut self, words: &[(usize, &str)]) {
        for (_, word) in words {
            let name = word.split_once('=').map_or(*word, |(name, _)| name);
            if let Some(value) = self.given(name) {
                self.args.insert(name.to_owned(), value);
                continue;
            }
            let Some((name, value)) = word.split_once('=') else {
                if !PLATFORM_ARGS.contains(word) {
                    self.args.insert((*word).to_owned(), Known::Unset);
                }
                continue;
            };
            let value = match self.expanded(value) {
                Ok(value) if value.unknown.is_empty() => Known::Value(Rc::from(value.text)),
                Err(Fault::TooLong(why)) => Known::TooLong(why),
                // What depends on something open is as open.
                Ok(_) | Err(Fault::NoWord) => Known::Open,
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
                self.tell(
                    self.spot(instruction.line(at)),
                    instruction.text.trim(),
                    (Sort::Fault, why),
                    found,
                );
                self.number += 1;
                return;
            }
        };
        if let [_, _, (at, typed)] = arguments[..]
            && !is_stage_name(&stage)
            && self.unknown.within(typed).is_empty()
        {
            found.bad(self.spot(instruction.line(*at)), typed, NO_STAGE_NAME.to_owned());
        }
        let spot = self.spot(instruction.line(base.0));
        let platform = self.platform(instruction, words, found);
        match self.expanded(base.1) {
            Err(fault) => self.tell(spot, base.1, (Sort::Fault, fault.to_string()), found),
            Ok(name) if !name.unknown.is_empty() => self.tell(spot, base.1, self.told(&name.unknown), found),
            Ok(name) if name.text.is_empty() => {
                found.bad(spot, base.1, "the name of the base image is empty".to_owned());
            }
            Ok(name) if !self.unknown.within(&name.text).is_empty() => {
                let told = Unknown::told(self.unknown.within(&name.text));
                told.into_iter().for_each(|told| self.tell(spot, base.1, told, found));
            }
            // No variable is left: it stood in single quotes, or behind the escape.
            Ok(name) if name.text.contains('$') => {
                found.bad(spot, base.1, "invalid name: a literal $ stands in it".to_owned());
            }
            Ok(name) if name.text == "scratch" || self.is_earlier_stage(&name.text) => {}
            Ok(name) => found.image_for(spot, base.1, &name.text, platform),
        }
        self.number += 1;
        if !stage.is_empty() {
            self.stages.insert(stage);
        }
    }

    /// What `--platform` asks for, where that is the same for every builder and target.
    fn platform(
        &self,
        instruction: &Instruction,
        words: &[(usize, &str)],
        found: &mut Found<'_>,
    ) -> Option<Platform> {
        let mut flags = words.iter().take_while(|(_, word)| word.starts_with("--"));
        let (at, flag, typed) =
            flags.find_map(|(at, flag)| Some((*at, *flag, flag.strip_prefix("--platform=")?)))?;
        let why = match self.expanded(typed) {
            Ok(platform) if !platform.unknown.is_empty() => return None,
            Ok(platform) => match wanted(&platform.text) {
                Ok(platform) => return platform,
                Err(fault) => fault.to_string(),
            },
            Err(fault) => fault.to_string(),
        };
        found.bad(self.spot(instruction.line(at)), flag, why);
        None
    }

    /// Only what stands before it can be a base.
    fn is_earlier_stage(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        !name.is_empty() && (self.stages.contains(&name) || self.is_context(&name))
    }

    fn is_context(&self, name: &str) -> bool {
        self.given.contexts.is_some_and(|contexts| contexts.contains(&name.to_ascii_lowercase()))
    }

    fn copy(
        &self,
        instruction: &Instruction,
        (triggers, words): (usize, &[(usize, &str)]),
        found: &mut Found<'_>,
    ) {
        for (at, flag) in words.iter().take_while(|(_, word)| word.starts_with("--")) {
            let Some(name) = flag.strip_prefix("--from=") else { continue };
            // A number is the place of a stage; as with names, all are there before BuildKit looks for it.
            match (name.parse::<i64>(), self.in_all) {
                (Err(_), _) => self.other(instruction.line(*at), name, found),
                // The stages of a build that begins with this image are not known here.
                (Ok(_), _) if triggers > 0 => {}
                (Ok(_), None) => {}
                (Ok(index), Some(in_all)) => {
                    let index = usize::try_from(index).ok().filter(|index| *index < in_all);
                    let why = match index {
                        Some(index) if index + 1 == self.number => "this is the stage itself".to_owned(),
                        Some(_) => continue,
                        None => format!("no such stage: there are {in_all}, counted from 0"),
                    };
                    found.bad(self.spot(instruction.line(*at)), flag, why);
                }
            }
        }
    }

    fn run(&self, instruction: &Instruction, words: &[(usize, &str)], found: &mut Found<'_>) {
        for (at, flag) in words.iter().take_while(|(_, word)| word.starts_with("--")) {
            let Some(mount) = flag.strip_prefix("--mount=") else { continue };
            let parts = mount.trim_matches(['"', '\'']).split(',');
            let parts: Vec<(&str, &str)> =
                parts.filter_map(|part| part.trim().trim_matches(['"', '\'']).split_once('=')).collect();
            let values =
                |name: &'static str| parts.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
            // Memory is mounted from nowhere, whatever is named.
            if values("type").next_back().is_some_and(|(_, kind)| kind.eq_ignore_ascii_case("tmpfs")) {
                continue;
            }
            for (_, name) in values("from") {
                self.other(instruction.line(*at), name, found);
            }
        }
    }

    /// A stage, or an image that is no base.
    fn other(&self, line: u32, name: &str, found: &mut Found<'_>) {
        let spot = self.spot(line);
        let bare = name.trim_matches(['"', '\'']);
        if let Some(told) = Unknown::told(self.unknown.within(name)) {
            self.tell(spot, name, told, found);
        } else if bare.contains('$') {
            found.dynamic(spot, name, "variables here are not those before the first FROM".to_owned());
        } else if bare != "scratch"
            && !self.all_stages.contains(&bare.to_ascii_lowercase())
            && !self.is_context(bare)
        {
            found.image(spot, name, bare);
        }
    }
}

/// The platform that a text names; none where the builder adds to it, as BuildKit has it of a single word.
pub(super) fn wanted(text: &str) -> Result<Option<Platform>, PlatformError> {
    let word = text.to_ascii_lowercase();
    if HALVES.contains(&&*word) || word.contains('(') { Ok(None) } else { text.parse().map(Some) }
}
