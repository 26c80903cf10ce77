//! `[gate]`: the policy as it is written, each fault with its line.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use time::{Date, Month};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys;
use crate::gate::{Exception, Glob, Group, Level, Require, Slowdown, What};
use crate::model::code::Code;
use crate::model::status::Status;

const KEYS: &[&str] =
    &["require", "fail", "warn", "pass", "undecided", "max_latency", "max_slowdown", "group", "exception"];
const GROUP_KEYS: &[&str] = &["name", "mirrors", "require"];
const EXCEPTION_KEYS: &[&str] = &["image", "mirror", "status", "code", "level", "reason", "expires"];

/// What `[gate]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateSpec {
    /// `require`, and where it stands.
    pub require: Option<(Require, Box<str>)>,
    /// Statuses with a level, each once.
    pub levels: Vec<(Status, Level)>,
    /// `undecided`.
    pub undecided: Option<Level>,
    /// `[[gate.group]]`.
    pub groups: Vec<Group>,
    /// `[[gate.exception]]`.
    pub exceptions: Vec<Exception>,
    /// `max_latency`.
    pub max_latency: Option<Duration>,
    /// `max_slowdown`.
    pub max_slowdown: Option<Slowdown>,
    /// Where each `[[mirrors]]` stands, by the mirror's name: what is said of a mirror points there.
    pub mirror_places: BTreeMap<Box<str>, Box<str>>,
}

#[derive(Default, Deserialize)]
pub(super) struct GateEntry {
    require: Option<Spanned<RequireEntry>>,
    #[serde(default)]
    fail: Vec<Spanned<String>>,
    #[serde(default)]
    warn: Vec<Spanned<String>>,
    #[serde(default)]
    pass: Vec<Spanned<String>>,
    undecided: Option<LevelWord>,
    max_latency: Option<Spanned<String>>,
    max_slowdown: Option<Spanned<String>>,
    #[serde(default)]
    group: Vec<Spanned<GroupEntry>>,
    #[serde(default)]
    exception: Vec<Spanned<ExceptionEntry>>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected \"all\", \"any\", a number or a list of mirrors' names")]
enum RequireEntry {
    Number(i64),
    Word(String),
    Names(Vec<String>),
}

#[derive(Deserialize)]
struct GroupEntry {
    name: String,
    mirrors: Vec<String>,
    require: Option<Spanned<RequireEntry>>,
}

#[derive(Deserialize)]
struct ExceptionEntry {
    image: Option<String>,
    mirror: Option<String>,
    status: Option<Spanned<String>>,
    code: Option<Spanned<String>>,
    level: LevelWord,
    reason: Spanned<String>,
    #[serde(deserialize_with = "date")]
    expires: Date,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum LevelWord {
    Fail,
    Warn,
    Pass,
}

impl From<LevelWord> for Level {
    fn from(word: LevelWord) -> Self {
        match word {
            LevelWord::Fail => Self::Fail,
            LevelWord::Warn => Self::Warn,
            LevelWord::Pass => Self::Pass,
        }
    }
}

/// A day, with or without quotes around it.
fn date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a day such as 2026-12-31")]
    enum Entry {
        Day(toml::value::Datetime),
        Text(String),
    }
    let fault =
        |shown: &str| D::Error::custom(format!("'{}' is no day such as 2026-12-31", shown.escape_debug()));
    match Entry::deserialize(deserializer)? {
        Entry::Day(toml::value::Datetime { date: Some(day), time: None, offset: None }) => {
            Month::try_from(day.month)
                .and_then(|month| Date::from_calendar_date(day.year.into(), month, day.day))
                .map_err(|_| fault(&day.to_string()))
        }
        Entry::Day(other) => Err(fault(&other.to_string())),
        Entry::Text(text) => {
            let form = time::macros::format_description!("[year]-[month]-[day]");
            Date::parse(&text, form).map_err(|_| fault(&text))
        }
    }
}

/// The unknown keys of `[gate]` and of its tables: byte offset and message.
pub(super) fn unknown(table: &DeTable<'_>) -> Vec<(usize, String)> {
    let Some(gate) = table.get("gate").and_then(|gate| gate.get_ref().as_table()) else { return Vec::new() };
    let mut faults = keys::foreign(gate, KEYS, " in [gate]");
    for (name, keys) in [("group", GROUP_KEYS), ("exception", EXCEPTION_KEYS)] {
        let Some(DeValue::Array(tables)) = gate.get(name).map(Spanned::get_ref) else { continue };
        for entry in tables.iter().filter_map(|entry| entry.get_ref().as_table()) {
            faults.extend(keys::foreign(entry, keys, &format!(" in [[gate.{name}]]")));
        }
    }
    faults
}

/// Reads one thing after the other, and collects what is wrong.
struct Reader<'a> {
    /// `file:line` of a byte.
    place: &'a dyn Fn(usize) -> String,
    faults: Vec<String>,
}

/// The policy of a file whose bytes lie at these places.
pub(super) fn spec(entry: GateEntry, place: &dyn Fn(usize) -> String) -> Result<GateSpec, Vec<String>> {
    let mut reader = Reader { place, faults: Vec::new() };
    let spec = GateSpec {
        mirror_places: BTreeMap::new(),
        require: entry.require.and_then(|entry| reader.require(entry)),
        levels: reader.levels([
            (Level::Fail, entry.fail),
            (Level::Warn, entry.warn),
            (Level::Pass, entry.pass),
        ]),
        undecided: entry.undecided.map(Level::from),
        groups: reader.groups(entry.group),
        exceptions: entry.exception.into_iter().filter_map(|entry| reader.exception(entry)).collect(),
        max_latency: entry.max_latency.and_then(|text| reader.value("max_latency", &text, duration)),
        max_slowdown: entry.max_slowdown.and_then(|text| {
            reader.value("max_slowdown", &text, |text| {
                text.parse::<Slowdown>().map_err(|error| error.to_string())
            })
        }),
    };
    if reader.faults.is_empty() { Ok(spec) } else { Err(reader.faults) }
}

/// As on the command line.
fn duration(text: &str) -> Result<Duration, String> {
    crate::cli::duration(text)
}

impl Reader<'_> {
    fn fault(&mut self, at: usize, text: &str) {
        self.faults.push(format!("{}: {text}", (self.place)(at)));
    }

    fn value<T>(
        &mut self,
        key: &str,
        text: &Spanned<String>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        match read(text.get_ref()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(text.span().start, &format!("{key}: {error}"));
                None
            }
        }
    }

    fn require(&mut self, entry: Spanned<RequireEntry>) -> Option<(Require, Box<str>)> {
        let at = entry.span().start;
        let read = match entry.into_inner() {
            RequireEntry::Names(names) if names.is_empty() => Err("require: names no mirror".to_owned()),
            RequireEntry::Names(names) => {
                Ok(Require::Named(names.into_iter().map(String::into_boxed_str).collect()))
            }
            RequireEntry::Word(word) if word == "all" => Ok(Require::All),
            RequireEntry::Word(word) if word == "any" => Ok(Require::Any),
            // One name as text is as likely a mistyped word.
            RequireEntry::Word(word) => Err(format!(
                "require: '{}' is neither \"all\" nor \"any\" (mirrors are named in a list: [\"{0}\"])",
                word.escape_debug()
            )),
            RequireEntry::Number(number) => usize::try_from(number)
                .ok()
                .and_then(NonZeroUsize::new)
                .map(Require::AtLeast)
                .ok_or_else(|| format!("require: {number} is no number from 1")),
        };
        match read {
            Ok(require) => Some((require, (self.place)(at).into())),
            Err(fault) => {
                self.fault(at, &fault);
                None
            }
        }
    }

    fn status(&mut self, text: &Spanned<String>) -> Option<Status> {
        let name = text.get_ref();
        name.parse().ok().or_else(|| {
            let hint = keys::hint(name, &Status::ALL.map(Status::as_str));
            self.fault(text.span().start, &format!("unknown status '{}'{hint}", name.escape_debug()));
            None
        })
    }

    fn levels(&mut self, lists: [(Level, Vec<Spanned<String>>); 3]) -> Vec<(Status, Level)> {
        let mut levels: Vec<(Status, Level)> = Vec::new();
        for (level, list) in lists {
            for text in &list {
                let Some(status) = self.status(text) else { continue };
                match levels.iter().find(|(known, _)| *known == status) {
                    Some((_, other)) if *other != level => {
                        let fault = format!(
                            "status '{status}' stands in {} and in {}",
                            other.as_str(),
                            level.as_str()
                        );
                        self.fault(text.span().start, &fault);
                    }
                    Some(_) => {}
                    None => levels.push((status, level)),
                }
            }
        }
        levels
    }

    fn groups(&mut self, entries: Vec<Spanned<GroupEntry>>) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for entry in entries {
            let at = entry.span().start;
            let GroupEntry { name, mirrors, require } = entry.into_inner();
            let require = match require {
                Some(entry) => self.require(entry).map_or(Require::All, |(require, _)| require),
                None => Require::All,
            };
            let shown = name.escape_debug();
            if mirrors.is_empty() {
                self.fault(at, &format!("group '{shown}' has no mirrors"));
            }
            if groups.iter().any(|group| *group.name == *name) {
                self.fault(at, &format!("group '{shown}' is there twice"));
            }
            match &require {
                Require::AtLeast(number) if number.get() > mirrors.len() => {
                    let fault = format!("group '{shown}' requires {number} of {} mirrors", mirrors.len());
                    self.fault(at, &fault);
                }
                Require::Named(names) => {
                    for name in names.iter().filter(|name| !mirrors.iter().any(|mirror| *mirror == ***name)) {
                        let fault =
                            format!("group '{shown}' requires '{}', which is not in it", name.escape_debug());
                        self.fault(at, &fault);
                    }
                }
                Require::All | Require::Any | Require::AtLeast(_) | Require::Elsewhere(_) => {}
            }
            let mirrors = mirrors.into_iter().map(String::into_boxed_str).collect();
            groups.push(Group { name: name.into(), mirrors, require, place: (self.place)(at).into() });
        }
        groups
    }

    fn exception(&mut self, entry: Spanned<ExceptionEntry>) -> Option<Exception> {
        let at = entry.span().start;
        let entry = entry.into_inner();
        let had = self.faults.len();
        let status = entry.status.as_ref().and_then(|text| self.status(text)).map(What::Status);
        let code = entry.code.as_ref().and_then(|text| self.code(text)).map(What::Code);
        if let (Some(_), Some(code)) = (&entry.status, &entry.code) {
            self.fault(
                code.span().start,
                "status and code: a code belongs to one status, so give one of them",
            );
        }
        if entry.image.is_none() && entry.mirror.is_none() && entry.status.is_none() && entry.code.is_none() {
            self.fault(at, "an exception needs image, mirror, status or code");
        }
        if entry.reason.get_ref().trim().is_empty() {
            self.fault(entry.reason.span().start, "reason is empty");
        }
        (self.faults.len() == had).then(|| Exception {
            image: entry.image.as_deref().map(Glob::new),
            mirror: entry.mirror.map(String::into_boxed_str),
            what: status.or(code),
            level: entry.level.into(),
            reason: entry.reason.into_inner().into(),
            expires: entry.expires,
            place: (self.place)(at).into(),
        })
    }

    fn code(&mut self, text: &Spanned<String>) -> Option<Code> {
        let name = text.get_ref();
        Code::from_name(name).or_else(|| {
            let hint = match Code::nearest(name) {
                Some(code) => format!(" (did you mean '{code}'?)"),
                None => " (registry-check explain --list tells all)".to_owned(),
            };
            self.fault(text.span().start, &format!("unknown code '{}'{hint}", name.escape_debug()));
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use time::macros::date;

    use super::super::file::parse;
    use super::*;

    fn read(text: &str) -> Result<GateSpec, Vec<String>> {
        parse(text, "c.toml", Path::new("")).map(|config| config.gate)
    }

    #[test]
    fn every_setting_of_the_gate_reaches_its_place() {
        let spec = read(
            r#"
[gate]
require = ["harbor", "quay"]
fail = ["unverified", "denied"]
warn = ["stale"]
pass = ["missing"]
undecided = "warn"
max_latency = "2s"
max_slowdown = "15%"

[[gate.group]]
name = "china"
mirrors = ["a", "b", "c"]
require = 2

[[gate.group]]
name = "home"
mirrors = ["d"]

[[gate.exception]]
image = "nginx:*"
mirror = "harbor"
status = "stale"
level = "warn"
reason = "synchronised on Mondays"
expires = 2026-12-31

[[gate.exception]]
code = "tag-absent"
level = "pass"
reason = "x"
expires = "2026-01-02"
"#,
        )
        .unwrap();
        let names = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect::<Vec<_>>();
        assert_eq!(spec.require, Some((Require::Named(names(&["harbor", "quay"])), "c.toml:3".into())));
        assert_eq!(
            spec.levels,
            [
                (Status::Unverified, Level::Fail),
                (Status::Denied, Level::Fail),
                (Status::Stale, Level::Warn),
                (Status::Missing, Level::Pass)
            ]
        );
        assert_eq!(spec.undecided, Some(Level::Warn));
        assert_eq!(spec.max_latency, Some(Duration::from_secs(2)));
        assert_eq!(spec.max_slowdown, Some(Slowdown(1500)));
        assert_eq!(
            spec.groups[0],
            Group {
                name: "china".into(),
                mirrors: names(&["a", "b", "c"]),
                require: Require::AtLeast(NonZeroUsize::new(2).unwrap()),
                place: "c.toml:11".into(),
            }
        );
        assert_eq!((&spec.groups[1].require, spec.groups.len()), (&Require::All, 2));
        assert_eq!(
            spec.exceptions[0],
            Exception {
                image: Some(Glob::new("nginx:*")),
                mirror: Some("harbor".into()),
                what: Some(What::Status(Status::Stale)),
                level: Level::Warn,
                reason: "synchronised on Mondays".into(),
                expires: date!(2026 - 12 - 31),
                place: "c.toml:20".into(),
            }
        );
        let second = &spec.exceptions[1];
        assert_eq!((second.what, second.expires), (Some(What::Code(Code::TagAbsent)), date!(2026 - 01 - 02)));
        assert_eq!(read("").unwrap(), GateSpec::default());
    }

    #[test]
    fn every_fault_of_the_gate_is_told_with_its_line() {
        let whole = "image = 'x'\nlevel = 'pass'\nreason = 'y'\n";
        let dated = format!("{whole}expires = 2026-01-01\n");
        for (text, expected) in [
            ("[gate]\nrequire = 0\n", "c.toml:2: require: 0 is no number from 1"),
            (
                "[gate]\nrequire = \"harbor\"\n",
                "c.toml:2: require: 'harbor' is neither \"all\" nor \"any\" (mirrors are named in a list: [\"harbor\"])",
            ),
            ("[gate]\nrequire = []\n", "c.toml:2: require: names no mirror"),
            (
                "[gate]\nrequire = 1.5\n",
                "c.toml:2: expected \"all\", \"any\", a number or a list of mirrors' names",
            ),
            ("[gate]\nfail = [\"stael\"]\n", "c.toml:2: unknown status 'stael' (did you mean 'stale'?)"),
            (
                "[gate]\nfail = [\"stale\"]\npass = [\n\"stale\"]\n",
                "c.toml:4: status 'stale' stands in fail and in pass",
            ),
            (
                "[gate]\nundecided = \"maybe\"\n",
                "c.toml:2: unknown variant `maybe`, expected one of `fail`, `warn`, `pass`",
            ),
            (
                "[gate]\nmax_latency = \"2\u{b5}s\"\n",
                "c.toml:2: max_latency: expected a time such as 300ms, 5s or 2m, above zero and up to a day",
            ),
            ("[gate]\nmax_slowdown = \"a lot\"\n", "c.toml:2: max_slowdown: 'a lot' is no share such as 15%"),
            (
                "[gate]\nrequired = 1\n",
                "c.toml:2: unknown key 'required' in [gate] (did you mean 'require'?)",
            ),
            (
                "[[gate.group]]\nname = \"g\"\nmirror = [\"a\"]\n",
                "c.toml:3: unknown key 'mirror' in [[gate.group]] (did you mean 'mirrors'?)",
            ),
            ("[[gate.group]]\nname = \"g\"\nmirrors = []\n", "c.toml:1: group 'g' has no mirrors"),
            (
                "[[gate.group]]\nname = \"g\"\nmirrors = [\"a\"]\nrequire = 2\n",
                "c.toml:1: group 'g' requires 2 of 1 mirrors",
            ),
            (
                "[[gate.group]]\nname = \"g\"\nmirrors = [\"a\"]\nrequire = [\"b\"]\n",
                "c.toml:1: group 'g' requires 'b', which is not in it",
            ),
            (
                "[[gate.exception]]\nlevel = 'pass'\nexpires = 2026-01-01\nimage = 'x'\n",
                "c.toml:1: missing field `reason`",
            ),
            (&format!("[[gate.exception]]\n{whole}"), "c.toml:1: missing field `expires`"),
            (
                &format!("[[gate.exception]]\n{whole}expires = '2026-02-30'\n"),
                "c.toml:5: '2026-02-30' is no day such as 2026-12-31",
            ),
            (
                &format!("[[gate.exception]]\n{whole}expires = 2026-01-01T00:00:00Z\n"),
                "c.toml:5: '2026-01-01T00:00:00Z' is no day such as 2026-12-31",
            ),
            (
                &format!("[[gate.exception]]\n{whole}expires = 5\n"),
                "c.toml:5: expected a day such as 2026-12-31",
            ),
            (
                &format!("[[gate.exception]]\n{dated}status = 'gone'\n"),
                "c.toml:6: unknown status 'gone' (known: ok, ",
            ),
            (
                &format!("[[gate.exception]]\n{dated}code = 'tag-absnt'\n"),
                "c.toml:6: unknown code 'tag-absnt' (did you mean 'tag-absent'?)",
            ),
            (
                &format!("[[gate.exception]]\n{dated}status = 'missing'\ncode = 'tag-absent'\n"),
                "c.toml:7: status and code: ",
            ),
            (
                "[[gate.exception]]\nlevel = 'pass'\nreason = ' '\nexpires = 2026-01-01\nimage = 'x'\n",
                "c.toml:3: reason is empty",
            ),
            (
                "[[gate.exception]]\nlevel = 'pass'\nreason = 'y'\nexpires = 2026-01-01\n",
                "c.toml:1: an exception needs image, mirror, status or code",
            ),
        ] {
            let faults = read(text).unwrap_err();
            assert!(faults[0].starts_with(expected) && faults.len() == 1, "{text}: {faults:?}");
        }
    }
}
