//! One `[[registry]]`: which images it is for, its mirrors in order, and what comes behind them.

use std::sync::Arc;

use toml::de::DeTable;

use super::super::document::{Document, Flaw, array, entries, flag, get, table, text};
use super::super::place::{api_host, endpoint, hop, https, route};
use super::super::{advice, keys};
use super::prefix::{location, scope, unmatched};
use crate::model::endpoint::{Accepts, Namespace, is_loopback};
use crate::model::image::{is_registry, is_repository};
use crate::model::node::{End, Hop, Note, Part, Route, Runtime, Schemes, Scope};
use crate::model::rewrite::{PrefixRule, Rewrite, Template};

const REGISTRY_KEYS: [&str; 6] =
    ["prefix", "location", "insecure", "blocked", "mirror-by-digest-only", "mirror"];
const MIRROR_KEYS: [&str; 3] = ["location", "insecure", "pull-from-mirror"];

/// One `[[registry]]`.
pub(super) struct Entry {
    pub(super) route: Route,
    pub(super) hosts: Vec<Host>,
    /// What is told of it if it counts.
    pub(super) notes: Vec<Note>,
}

/// What every `[[registry]]` of one location must say alike within a file.
pub(super) struct Settled {
    /// The prefix, where a wildcard has no location.
    location: String,
    insecure: bool,
    blocked: bool,
    place: String,
}

/// A host that an entry names, and whether it may show any certificate.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) insecure: bool,
    pub(super) at: usize,
    pub(super) asked_as: AskedAs,
}

/// What a host is to an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AskedAs {
    /// It stands in for the registry.
    Place,
    /// It is the registry itself.
    Itself,
}

/// What is read of one `[[registry]]`.
struct Reading<'a> {
    document: &'a Document,
    scope: Scope,
    hosts: Vec<Host>,
    notes: Vec<Note>,
}

/// Reads one, and what it must say like others of its location.
pub(super) fn entry(document: &Document, table: &DeTable<'_>, at: usize) -> Result<(Entry, Settled), Flaw> {
    let (own, own_at) = match text(table, "location")? {
        Some((text, at)) => (location(text, at)?, at),
        None => (String::new(), at),
    };
    let prefix = match text(table, "prefix")? {
        Some((prefix, at)) if !prefix.is_empty() => location(prefix, at)?,
        _ => own.clone(),
    };
    let scope = scope(&prefix, at)?;
    if own.is_empty() && !matches!(scope, Scope::Subdomains(_)) {
        let why = "[[registry]] has no location, and its prefix is not of the form *.example.com";
        return Err(Flaw::new(at, why));
    }
    if let Some(value) = get(table, "pull-from-mirror") {
        let why = "pull-from-mirror belongs to a [[registry.mirror]], not to a [[registry]]";
        return Err(Flaw::new(value.span().start, why));
    }
    let mut reading = Reading { document, scope: scope.clone(), hosts: Vec::new(), notes: Vec::new() };
    reading.unknown(table, &REGISTRY_KEYS);
    reading.notes.extend(unmatched(&prefix, &scope).map(|text| document.note(at, text)));
    let (insecure, digests) = (flag(table, "insecure")?, flag(table, "mirror-by-digest-only")?);
    let mut route = route(document, at, scope);
    for mirror in get(table, "mirror").map(array).transpose()?.unwrap_or_default() {
        route.hops.push(reading.mirrored(self::table(mirror)?, digests, mirror.span().start)?);
    }
    if flag(table, "blocked")? {
        route.end = End::Blocked;
        if !own.is_empty() && own != prefix {
            // Some versions ask it all the same; what is said of its TLS holds for nobody else.
            let mut aside =
                Reading { document, scope: route.scope.clone(), hosts: Vec::new(), notes: Vec::new() };
            let why = format!("location of {prefix}");
            route.hops.extend(aside.target((&own, insecure, own_at), (Part::Primary, why)).ok());
        }
    } else if own.is_empty() || (own == prefix && !matches!(route.scope, Scope::Subdomains(_))) {
        route.own = if insecure { Schemes::HttpsFirst } else { Schemes::AsWritten };
        match own.split('/').next().filter(|host| !host.is_empty()) {
            Some(host) => reading.host(host, insecure, own_at, AskedAs::Itself),
            None if insecure => {
                let text = "insecure = true for a wildcard without location: a check verifies these registries (resolve --try does not)";
                reading.notes.push(document.note(at, text));
            }
            None => {}
        }
    } else {
        let why = format!("location of {prefix}: the registry itself, to this runtime");
        route.hops.push(reading.target((&own, insecure, own_at), (Part::Primary, why))?);
        route.end = End::Nothing;
    }
    let Reading { hosts, notes, .. } = reading;
    let location = if own.is_empty() { prefix } else { own };
    let settled =
        Settled { location, insecure, blocked: route.end == End::Blocked, place: document.place(at) };
    Ok((Entry { route, hosts, notes }, settled))
}

impl Settled {
    /// Why a file with both is refused (`postProcessRegistries`).
    pub(super) fn contradicts(&self, other: &Self) -> Option<String> {
        let key = match () {
            () if self.location != other.location => return None,
            () if self.insecure != other.insecure => "insecure",
            () if self.blocked != other.blocked => "blocked",
            () => return None,
        };
        let location = keys::shown(&self.location);
        Some(format!("'{location}' stands twice, with different {key}: the other is at {}", self.place))
    }
}

impl Reading<'_> {
    fn mirrored(&mut self, table: &DeTable<'_>, digests: bool, at: usize) -> Result<Hop, Flaw> {
        self.unknown(table, &MIRROR_KEYS);
        let (written, place) =
            text(table, "location")?.ok_or_else(|| Flaw::new(at, "[[registry.mirror]] has no location"))?;
        let location = location(written, place)?;
        if written.ends_with('/') {
            let text = format!(
                "a slash at the end of '{}': containers/image 5.22 (skopeo 1.9) pulls no image that this is for: write it \
                 without",
                keys::shown(written)
            );
            self.notes.push(self.document.note(place, text));
        }
        let accepts = match text(table, "pull-from-mirror")? {
            Some((text, at)) if digests && !text.is_empty() => {
                return Err(Flaw::new(at, "pull-from-mirror and mirror-by-digest-only cannot both be set"));
            }
            None | Some(_) if digests => Accepts::Digests,
            None | Some(("all" | "", _)) => Accepts::All,
            Some(("digest-only", _)) => Accepts::Digests,
            Some(("tag-only", _)) => Accepts::Tags,
            Some((other, at)) => {
                let why =
                    format!("pull-from-mirror is '{}': all, digest-only or tag-only", other.escape_debug());
                return Err(Flaw::new(at, why));
            }
        };
        let why = "[[registry.mirror]] in file order".to_owned();
        let insecure = flag(table, "insecure")?;
        let mut hop = self.target((&location, insecure, place), (Part::Mirror, why))?;
        let endpoint = Arc::unwrap_or_clone(hop.endpoint);
        hop.endpoint = Arc::new(crate::model::endpoint::Endpoint { accepts, ..endpoint });
        Ok(hop)
    }

    fn unknown(&mut self, table: &DeTable<'_>, known: &[&str]) {
        let entries: Vec<_> = entries(table).into_iter().map(|(name, at, _)| (name, at)).collect();
        self.notes.extend(keys::unrepresented(self.document, &entries, known));
    }

    fn host(&mut self, host: &str, insecure: bool, at: usize, asked_as: AskedAs) {
        let name = api_host(&host.to_ascii_lowercase()).to_owned();
        self.hosts.push(Host { name, insecure, at, asked_as });
    }

    /// The endpoint that a matched prefix is replaced by.
    fn target(
        &mut self,
        (location, insecure, at): (&str, bool, usize),
        (part, why): (Part, String),
    ) -> Result<Hop, Flaw> {
        let (host, path) = location.split_once('/').unwrap_or((location, ""));
        let invalid = || {
            Flaw::new(at, format!("invalid location '{}'", location.escape_debug()))
                .advising(advice::LOCATION)
        };
        // What a tag is put behind is no host either.
        let asked = if is_registry(host) { host } else { host.split([':', '@']).next().unwrap_or(host) };
        let mut url = https(api_host(asked)).filter(|_| !asked.is_empty()).ok_or_else(invalid)?;
        let is_name = is_registry(host) && (path.is_empty() || is_repository(path));
        // The file is read, and each image fails (`rewriteReference`).
        if !is_name {
            let shown = keys::shown(location);
            let text = format!(
                "no name can begin with the location '{shown}': {} pulls no image that it is for",
                Runtime::Containers.program()
            );
            self.notes.push(self.document.note(at, text));
        } else {
            self.host(host, insecure, at, AskedAs::Place);
        }
        // A check asks a place on this machine over http.
        if insecure && url.host().is_some_and(|host| is_loopback(&host)) {
            url = ::url::Url::parse(&format!("http://{asked}")).map_err(|_| invalid())?;
        }
        let (why, schemes) = match insecure {
            false => (why, Schemes::AsWritten),
            true => (format!("{why}; insecure: https without verification, then http"), Schemes::HttpsFirst),
        };
        let rewrite = match &self.scope {
            _ if !is_name => {
                Rewrite { template: Template::constant(format!("{location}/…")), ..Rewrite::default() }
            }
            Scope::Prefix(prefix) if prefix.contains('/') => Rewrite {
                // There a registry's letter case counts for nothing.
                prefixes: vec![PrefixRule { prefix: prefix.to_ascii_lowercase().into(), to: path.into() }],
                ..Rewrite::default()
            },
            _ if path.is_empty() => Rewrite::default(),
            _ => Rewrite {
                template: format!("{path}/{{repository}}").parse().map_err(|_| invalid())?,
                ..Rewrite::default()
            },
        };
        let mut endpoint = endpoint(&url, "/v2", Namespace::Never, rewrite).ok_or_else(invalid)?;
        if !is_name {
            endpoint.name = keys::shown(location).into();
        } else if !path.is_empty() {
            endpoint.name = format!("{}/{path}", endpoint.name).into();
        }
        Ok(Hop { schemes, registry: Some(host.into()), ..hop(endpoint, part, why) })
    }
}
