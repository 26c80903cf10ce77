//! The run that a document tells of. A row stands for one result at one place; rows of one place stand
//! together, and an image that is named again must be said the same of again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;
use url::Url;

use super::Saved;
use super::document::{ByStatus, Document, DynamicLine, Line, MirrorLine, SummaryLine, Text, Word};
use crate::model::age::{Age, Excuse, Grace};
use crate::model::dynamic::{Dynamic, DynamicNames};
use crate::model::endpoint::{Accepts, Authority, Endpoint, Namespace, Role, Seen};
use crate::model::image::ImageRef;
use crate::model::origin::Origin;
use crate::model::rewrite::Rewrite;
use crate::model::run::{CheckResult, Cost, Counts, Ending, Place, Quota, Run, Verdict};
use crate::model::scope::{List, Part, Scope, Shard, Vantage};
use crate::report::{StatusCounts, Summary};

/// Most vantage points in one report: each is a column.
const MOST_VANTAGES: usize = 1_000;
/// What is exited with when a run was interrupted.
const INTERRUPTED: u8 = 130;

/// What is wrong, and where.
pub(super) struct Fault {
    pub(super) place: String,
    pub(super) why: String,
}

impl Fault {
    fn at(place: impl Into<String>, why: impl Into<String>) -> Self {
        Self { place: place.into(), why: why.into() }
    }
}

/// Makes the run of `document`.
pub(super) fn rebuild(document: Document<'_>) -> Result<Saved, Fault> {
    let tool_version: Box<str> = document.tool_version.0.into();
    if !is_version(&tool_version) {
        return Err(Fault::at("tool_version", format!("'{tool_version}' is no version")));
    }
    let run_vantage = document.vantage.map(|vantage| vantage.0);
    let mut rows = Rows::at(endpoints(document.mirrors, run_vantage.as_ref())?)?;
    for (at, line) in document.results.into_iter().enumerate() {
        rows.add(line).map_err(|why| Fault::at(format!("results[{at}]"), why))?;
    }
    let dynamic = dynamic(document.dynamic, document.dynamic_total, &mut rows)?;
    let (images, places, results, endpoints) = rows.end().map_err(|why| Fault::at("results", why))?;
    let list = document.list.map(|list| List {
        fingerprint: list.fingerprint.0,
        images: list.images,
        mentions: list.mentions,
        settings: list.settings.0,
    });
    let part = match document.shard {
        Some(line) => {
            let shard =
                Shard::new(line.number, line.count).map_err(|error| Fault::at("shard", error.to_string()))?;
            Some(Part { shard, places: line.places })
        }
        None => None,
    };
    let summary = document.summary;
    let quotas = summary.quotas.iter().map(|quota| Quota {
        host: (*quota.host.0).into(),
        limit: quota.limit,
        remaining: quota.remaining,
        window: quota.window_seconds.map(Duration::from_secs),
    });
    let hosts = summary.hosts.iter().map(|line| line.host().map_err(|why| Fault::at("summary", why)));
    let run = Run {
        started_at: document.started_at.0,
        finished_at: document.finished_at.0,
        duration: document.duration_ms.0,
        ending: match document.decision.exit_code {
            INTERRUPTED => Ending::Interrupted,
            _ => Ending::Complete,
        },
        scope: Scope { list, part, vantage: run_vantage, dynamic },
        endpoints,
        images,
        places,
        results,
        cost: Cost {
            requests: summary.requests,
            token_exchanges: summary.token_exchanges,
            bytes: summary.bytes,
            hub_pulls: summary.docker_hub_pulls,
        },
        quotas: quotas.collect(),
        hosts: hosts.collect::<Result<_, _>>()?,
    };
    hold_to_scope(&run)?;
    hold_to_summary(&summary, &Summary::of(&run))?;
    Ok(Saved { run, tool_version })
}

/// The names that were not known.
fn dynamic(lines: Vec<DynamicLine<'_>>, total: u64, rows: &mut Rows<'_>) -> Result<DynamicNames, Fault> {
    let each = lines.into_iter().enumerate().map(|(at, line)| {
        let origin = rows.origin(&line.origin.0, line.origin_document, line.origin_path.as_ref());
        let origin = origin.map_err(|why| Fault::at(format!("dynamic[{at}]"), why))?;
        Ok(Dynamic { origin, text: line.input.0.into_owned(), why: line.why.0.into_owned() })
    });
    let names = each.collect::<Result<_, Fault>>()?;
    let unfit = || Fault::at("dynamic_total", "it does not count the names in dynamic");
    DynamicNames::kept(names, total).ok_or_else(unfit)
}

/// What fits the schema.
fn is_version(text: &str) -> bool {
    let (numbers, rest) = match text.find(['-', '+']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let is_rest = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-');
    text.len() <= 100
        && numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && rest.len() != 1
        && rest.bytes().all(is_rest)
}

fn endpoints(lines: Vec<MirrorLine<'_>>, run: Option<&Vantage>) -> Result<Vec<Arc<Endpoint>>, Fault> {
    let each = lines.into_iter().enumerate().map(|(at, line)| {
        endpoint(line, run).map(Arc::new).map_err(|why| Fault::at(format!("mirrors[{at}]"), why))
    });
    each.collect()
}

/// What a report needs to know of an endpoint; nobody asks it again.
fn endpoint(line: MirrorLine<'_>, run: Option<&Vantage>) -> Result<Endpoint, String> {
    let (name, text): (Box<str>, _) = (line.name.0.into(), line.url.0);
    let url = Url::parse(&text).map_err(|error| format!("url: {error}"))?;
    let is_http = matches!(url.scheme(), "http" | "https");
    let authority = Authority::of(&url).filter(|_| is_http).ok_or("url: not one of http:// or https://")?;
    let seen = line.vantage.map(|vantage| {
        let from = vantage.0;
        // The name says from where only in what was put together from several places.
        let suffix = format!(" ({from})");
        let own_name = name.strip_suffix(&suffix).filter(|_| run.is_none()).unwrap_or(&name).into();
        Seen { from, own_name }
    });
    if run.is_some() && seen.as_ref().map(|seen| &seen.from) != run {
        return Err("not asked from where the run was made".to_owned());
    }
    Ok(Endpoint {
        name,
        api_root: format!("{}/v2", url.as_str().trim_end_matches('/')).into(),
        authority,
        url,
        role: line.role.0,
        rewrite: Rewrite::default(),
        namespace: Namespace::Auto,
        accepts: Accepts::All,
        seen,
    })
}

type Parts = (Vec<Arc<ImageRef>>, Vec<Place>, Vec<CheckResult>, Vec<Arc<Endpoint>>);

/// Rows on their way into a run.
struct Rows<'a> {
    endpoints: Vec<Arc<Endpoint>>,
    by_name: HashMap<(Role, Box<str>), u32>,
    images: Vec<Arc<ImageRef>>,
    by_image: HashMap<Arc<ImageRef>, u32>,
    /// Where the results of each image begin.
    first: Vec<usize>,
    places: Vec<Place>,
    results: Vec<CheckResult>,
    files: HashMap<Box<str>, Arc<str>>,
    open: Option<Open<'a>>,
}

/// The place whose rows are being read.
struct Open<'a> {
    artifact: Text<'a>,
    input: Text<'a>,
    origin: Text<'a>,
    path: Option<Text<'a>>,
    image: u32,
    at: Origin,
    rows: Vec<(CheckResult, Option<bool>)>,
}

impl<'a> Rows<'a> {
    fn at(endpoints: Vec<Arc<Endpoint>>) -> Result<Self, Fault> {
        let mut by_name = HashMap::new();
        for (at, endpoint) in (0..).zip(&endpoints) {
            if by_name.insert((endpoint.role, endpoint.name.clone()), at).is_some() {
                let why = format!("'{}' is there twice", endpoint.name);
                return Err(Fault::at("mirrors", why));
            }
        }
        let vantages: HashSet<_> = endpoints.iter().filter_map(|endpoint| endpoint.vantage()).collect();
        if vantages.len() > MOST_VANTAGES {
            return Err(Fault::at("mirrors", format!("more than {MOST_VANTAGES} vantage points")));
        }
        Ok(Self {
            endpoints,
            by_name,
            images: Vec::new(),
            by_image: HashMap::new(),
            first: Vec::new(),
            places: Vec::new(),
            results: Vec::new(),
            files: HashMap::new(),
            open: None,
        })
    }

    fn add(&mut self, line: Line<'a>) -> Result<(), String> {
        let endpoint = self.endpoint(&line)?;
        let belongs = self.open.as_ref().is_some_and(|open| {
            open.artifact == line.artifact
                && open.origin == line.origin
                && open.input == line.input
                && open.at.document == line.origin_document
                && open.path == line.origin_path
                && open.rows.iter().all(|(row, _)| row.endpoint != endpoint)
        });
        if !belongs {
            self.close()?;
            let image = self.image(&line.artifact)?;
            let at = self.origin(&line.origin.0, line.origin_document, line.origin_path.as_ref())?;
            self.open = Some(Open {
                artifact: line.artifact.clone(),
                input: line.input.clone(),
                origin: line.origin.clone(),
                path: line.origin_path.clone(),
                image,
                at,
                rows: Vec::new(),
            });
        }
        if let Some(open) = &mut self.open {
            let counts = line.counts;
            open.rows.push((result(line, open.image, endpoint)?, counts));
        }
        Ok(())
    }

    fn endpoint(&self, line: &Line<'_>) -> Result<u32, String> {
        let key = (line.role.0, Box::from(&*line.mirror.0));
        let unknown = || format!("the {} '{}' is not among mirrors", line.role.0.as_str(), line.mirror.0);
        let at = *self.by_name.get(&key).ok_or_else(unknown)?;
        if self.endpoints[at as usize].vantage() != line.vantage.as_ref().map(|vantage| &vantage.0) {
            return Err("the vantage is another than that of its mirror".to_owned());
        }
        Ok(at)
    }

    fn image(&mut self, artifact: &Text<'_>) -> Result<u32, String> {
        let image: ImageRef =
            artifact.0.parse().map_err(|error| format!("artifact '{}': {error}", artifact.0))?;
        if let Some(at) = self.by_image.get(&image) {
            return Ok(*at);
        }
        let at = u32::try_from(self.images.len()).map_err(|_| "too many images")?;
        let image = Arc::new(image);
        self.images.push(Arc::clone(&image));
        self.by_image.insert(image, at);
        Ok(at)
    }

    /// All rows of a place are there.
    fn close(&mut self) -> Result<(), String> {
        let Some(open) = self.open.take() else { return Ok(()) };
        let has_mirror =
            open.rows.iter().any(|(row, _)| self.endpoints[row.endpoint as usize].role == Role::Mirror);
        let results = open.rows.into_iter().map(|(row, counts)| {
            let role = self.endpoints[row.endpoint as usize].role;
            let counts = match counts.unwrap_or(role == Role::Mirror || !has_mirror) {
                true => Counts::ForGate,
                false => Counts::ShownOnly,
            };
            CheckResult { counts, ..row }
        });
        let results: Vec<_> = results.collect();
        let image = open.image as usize;
        if image == self.first.len() {
            self.first.push(self.results.len());
            self.results.extend(results);
        } else {
            let end = self.first.get(image + 1).copied().unwrap_or(self.results.len());
            if self.results.get(self.first[image]..end) != Some(&results[..]) {
                return Err(format!(
                    "another outcome for {} than where it was named before",
                    open.artifact.0
                ));
            }
        }
        self.places.push(Place { image: open.image, input: open.input.0.into(), origin: open.at });
        Ok(())
    }

    fn origin(
        &mut self,
        text: &str,
        document: Option<u32>,
        path: Option<&Text<'_>>,
    ) -> Result<Origin, String> {
        let fault = || format!("origin '{text}': not file:line");
        let (file, line) = text.rsplit_once(':').ok_or_else(fault)?;
        let line = Some(line).filter(|line| line.bytes().all(|b| b.is_ascii_digit()));
        let line = line.and_then(|line| line.parse().ok()).ok_or_else(fault)?;
        let file = match self.files.get(file) {
            Some(file) => Arc::clone(file),
            None => {
                let shared: Arc<str> = file.into();
                self.files.insert(file.into(), Arc::clone(&shared));
                shared
            }
        };
        Ok(Origin { file, line, document, path: path.map(|path| (*path.0).into()) })
    }

    fn end(mut self) -> Result<Parts, String> {
        self.close()?;
        Ok((self.images, self.places, self.results, self.endpoints))
    }
}

/// What one row says; whether it counts is known with the others.
fn result(line: Line<'_>, image: u32, endpoint: u32) -> Result<CheckResult, String> {
    let (code, status) = (line.code.0, line.status.0);
    if code.status() != status {
        return Err(format!("the code '{code}' is of the status '{}', not '{status}'", code.status()));
    }
    if line.http_status.is_some_and(|status| !(100..=999).contains(&status)) {
        return Err("http_status: not between 100 and 999".to_owned());
    }
    let age = age(&line)?;
    Ok(CheckResult {
        image,
        endpoint,
        counts: Counts::ForGate,
        verdict: Verdict {
            code,
            reason: line.reason.0.into_owned().into(),
            digest: line.digest.map(|digest| digest.0),
            expected: line.expected_digest.map(|digest| digest.0),
        },
        url: line.url.map(|url| url.0.into()),
        media_type: line.media_type.map(|known| known.0),
        http_status: line.http_status,
        latency: line.latency_ms.map(|latency| latency.0),
        attempts: line.attempts,
        checked_at: line.checked_at.0,
        notes: line.notes.into_iter().map(|note| note.0.into_owned()).collect(),
        age,
        referrers: line.referrers.map(|row| row.line().map(Box::new)).transpose()?,
        anatomy: line.parts.map(|parts| parts.anatomy().map(Box::new)).transpose()?,
    })
}

/// How old the difference is, where that is told.
fn age(line: &Line<'_>) -> Result<Option<Box<Age>>, String> {
    let Some(is_excused) = line.within_grace else { return Ok(None) };
    let at = |word: &Option<Word<OffsetDateTime>>| word.as_ref().map(|word| word.0);
    let since = match (at(&line.stale_since), line.stale_since_by.as_ref()) {
        (Some(since), Some(basis)) => Some((since, basis.0)),
        (None, None) => None,
        _ => return Err("stale_since: by what it is known belongs to it".to_owned()),
    };
    let excuse = match (is_excused, line.grace_seconds) {
        (true, Some(seconds)) => Excuse::Young(Grace(Duration::from_secs(seconds))),
        (false, None) => Excuse::None,
        _ => return Err("grace_seconds: belongs to within_grace".to_owned()),
    };
    Ok(Some(Box::new(Age {
        created: at(&line.created),
        upstream_created: at(&line.upstream_created),
        since,
        age: line.age_seconds.map(Duration::from_secs),
        excuse,
    })))
}

/// A part must say where in the whole each of its places stands.
fn hold_to_scope(run: &Run) -> Result<(), Fault> {
    let Some(part) = &run.scope.part else {
        return Ok(());
    };
    let Some(list) = &run.scope.list else {
        return Err(Fault::at("shard", "of which list, is not said"));
    };
    let fits = part.places.len() == run.places.len()
        && part.places.is_sorted_by(|one, next| one < next)
        && part.places.last().is_none_or(|last| *last < list.mentions);
    if fits { Ok(()) } else { Err(Fault::at("shard", "its places are not those of the results")) }
}

/// Rows that were taken out or added would be missed nowhere else.
fn hold_to_summary(said: &SummaryLine<'_>, counted: &Summary) -> Result<(), Fault> {
    let is_same = |said: &ByStatus, counted: &StatusCounts| {
        said.len() == counted.iter().count()
            && counted.iter().all(|(status, count)| said.get(&Word(status)) == Some(&count))
    };
    let fits = said.artifacts == counted.artifacts
        && said.mirrors == counted.mirrors
        && said.checks == counted.checks
        && is_same(&said.by_status, &counted.by_status)
        && said.upstream.asked == counted.upstream.asked
        && is_same(&said.upstream.by_status, &counted.upstream.by_status);
    if fits { Ok(()) } else { Err(Fault::at("summary", "it does not count what the results say")) }
}
