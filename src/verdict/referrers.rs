//! Which signatures, SBOMs and attestations a mirror lacks that upstream has. Presence is all that is told: nothing is
//! verified, and what could not be found out is said so in reason and notes, never a lack.

use super::parts::BESIDES;
use super::unserved;
use crate::model::code::Code;
use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::observation::{Observation, Outcome};
use crate::model::plan::Who;
use crate::model::referrers::{
    AskReferrers, Gap, MAX_NAMED, NOT_FOUND_OUT, Referrer, ReferrersLine, ReferrersObservation, most_asked,
};
use crate::model::run::Verdict;
use crate::model::status::Status;
use crate::plan::referrers::{self, Standing};

/// What a reason names.
const IN_REASON: usize = 2;

/// What is known of the referrers at the mirror with this index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrers {
    /// For reports; `None` where they were not asked for, or not found out.
    pub line: Option<ReferrersLine>,
    /// What could not be found out.
    pub note: Option<String>,
}

/// Adds to a verdict on the mirror with this index what it lacks beside the image.
#[must_use]
pub fn with_referrers(evidence: &Evidence, index: usize, found: Verdict) -> (Verdict, Referrers) {
    let (found, referrers) = compared(evidence, index, found);
    let Some(note) = &referrers.note else { return (found, referrers) };
    let is_told_alone = is_fine(found.code) || found.code == Code::ReferrerAbsent;
    let reason = match &*found.reason {
        "" => note.clone(),
        reason if is_told_alone => format!("{reason}; {note}"),
        reason => format!("{reason}{BESIDES}{note}"),
    };
    (Verdict { reason: reason.into(), ..found }, referrers)
}

fn compared(evidence: &Evidence, index: usize, found: Verdict) -> (Verdict, Referrers) {
    let mirror = &evidence.mirrors[index];
    let Some(upstream) = &evidence.upstream.referrers else {
        return (found, Referrers { line: None, note: never_had(evidence, index) });
    };
    if mirror.digest() != evidence.expected() {
        return (found, Referrers::default());
    }
    let mut note = upstream.gaps.first().map(|(_, gap)| in_words(gap, &evidence.upstream.endpoint.name));
    let Some(known) = mirror.referrers.as_ref() else {
        let line = upstream.found.is_empty() && upstream.gaps.is_empty();
        let line =
            line.then_some(ReferrersLine { upstream: 0, absent: Vec::new(), absent_total: 0, gone_total: 0 });
        if !upstream.found.is_empty() {
            note.get_or_insert_with(|| unknown("it was not asked for here"));
        }
        return (found, Referrers { line, note });
    };
    let Sorted { lacking: absent, gone, open, not_upstreams } = sorted(evidence, index, known);
    let note = note.or_else(|| open.first().cloned());
    if absent.is_empty() && !open.is_empty() {
        return (found, Referrers { line: None, note });
    }
    let gap = not_upstreams.first().map(|digest| {
        let total = not_upstreams.len();
        format!("upstream lists {total} that it does not have itself, such as {digest}")
    });
    let line = ReferrersLine {
        upstream: upstream.found.len() - not_upstreams.len(),
        absent: absent.iter().take(MAX_NAMED).map(|referrer| name(referrer).into()).collect(),
        absent_total: absent.len(),
        gone_total: gone,
    };
    let verdict = if absent.is_empty() { found } else { lacking(found, &line) };
    (verdict, Referrers { line: Some(line), note: note.or(gap) })
}

/// What becomes of upstream's referrers at a mirror; those that it has are not in it.
#[derive(Default)]
struct Sorted<'a> {
    /// Those that the mirror lacks; first those that it lists all the same.
    lacking: Vec<&'a Referrer>,
    /// How many of them it lists.
    gone: usize,
    /// Why that is not known of others.
    open: Vec<String>,
    /// Those that upstream lists, and neither has.
    not_upstreams: Vec<&'a Digest>,
}

fn sorted<'a>(evidence: &'a Evidence, index: usize, known: &'a ReferrersObservation) -> Sorted<'a> {
    let mirror = &evidence.mirrors[index];
    let mut sorted = Sorted::default();
    let found = || evidence.upstream.referrers.iter().flat_map(|known| &known.found);
    let listed = found().filter(|referrer| matches!(referrer, Referrer::Listed(_)));
    let most = most_asked(evidence.depth_at(Who::Mirror(index)));
    let mut unlisted = Vec::new();
    for (at, (referrer, (digest, standing))) in listed.zip(referrers::sought(evidence, index)).enumerate() {
        let held = match standing {
            // Told below.
            Standing::Open => continue,
            Standing::Listed => held(evidence, index, digest),
            Standing::Unlisted => held_by_upstream(evidence, digest),
        };
        match held {
            Held::Yes => {}
            Held::No if standing == Standing::Listed => sorted.lacking.push(referrer),
            Held::No => unlisted.push(referrer),
            Held::NotUpstreams => sorted.not_upstreams.push(digest),
            Held::Unknown(why) => sorted.open.push(unknown(&why)),
            Held::Unasked if at < most => sorted.open.push(unknown(&unserved::not_asked().reason)),
            Held::Unasked => {
                let all = referrers::sought(evidence, index).count();
                let upstream = &evidence.upstream.endpoint.name;
                let why = format!("of {all} that {upstream} lists, only the first {most} were asked for");
                sorted.open.push(unknown(&why));
            }
        }
    }
    sorted.gone = sorted.lacking.len();
    sorted.lacking.append(&mut unlisted);
    // What stands where the mirror's answer says nothing is not known to be lacking.
    for referrer in found().filter(|referrer| !known.found.contains(referrer)) {
        match known.gaps.iter().find(|(source, _)| referrer.is_of(source)) {
            Some((_, gap)) => sorted.open.push(in_words(gap, &mirror.endpoint.name)),
            // Upstream was seen to have that itself.
            None if matches!(referrer, Referrer::Tag(_)) => sorted.lacking.push(referrer),
            None => {}
        }
    }
    sorted
}

/// Whether a mirror has one of upstream's list.
enum Held {
    Yes,
    No,
    /// Neither it nor upstream, which lists it.
    NotUpstreams,
    Unknown(String),
    Unasked,
}

/// Whether a mirror has what it lists.
fn held(evidence: &Evidence, index: usize, digest: &Digest) -> Held {
    let Some(here) = referrers::answer(evidence, Who::Mirror(index), digest) else { return Held::Unasked };
    match &here.outcome {
        Outcome::Found(_) => Held::Yes,
        Outcome::Missing(_) => held_by_upstream(evidence, digest),
        _ => Held::Unknown(explained(here, &evidence.mirrors[index].endpoint.name)),
    }
}

/// Whether what a mirror has not is a lack: upstream may list what it has not itself.
fn held_by_upstream(evidence: &Evidence, digest: &Digest) -> Held {
    match referrers::answer(evidence, Who::Upstream, digest) {
        None => Held::Unasked,
        Some(upstreams) => match &upstreams.outcome {
            Outcome::Found(_) => Held::No,
            Outcome::Missing(_) => Held::NotUpstreams,
            _ => Held::Unknown(explained(upstreams, &evidence.upstream.endpoint.name)),
        },
    }
}

fn explained(answer: &Observation, host: &str) -> String {
    unserved::explain(answer, host).reason.into_owned()
}

const fn is_fine(code: Code) -> bool {
    matches!(code.status(), Status::Ok | Status::SameContent | Status::Unverified)
}

fn lacking(found: Verdict, line: &ReferrersLine) -> Verdict {
    let named = line.absent.iter().take(IN_REASON).enumerate();
    let named: Vec<_> = named
        .map(
            |(at, name)| {
                if at < line.gone_total { format!("{name} (listed, but gone)") } else { name.to_string() }
            },
        )
        .collect();
    let more = line.absent_total.saturating_sub(named.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let told = format!(
        "lacks {} of {} signatures, SBOMs or attestations that upstream has: {}{more} (presence only: nothing is verified)",
        line.absent_total,
        line.upstream,
        named.join(", ")
    );
    let is_fine = is_fine(found.code);
    let reason = match &*found.reason {
        "" => told,
        reason if is_fine => format!("{told}; {reason}"),
        reason => format!("{reason}{BESIDES}{told}"),
    };
    let code = if is_fine { Code::ReferrerAbsent } else { found.code };
    Verdict { code, reason: reason.into(), ..found }
}

fn name(referrer: &Referrer) -> String {
    match referrer {
        Referrer::Listed(digest) => digest.to_string(),
        Referrer::Tag(tag) => tag.to_string(),
    }
}

/// Why upstream's list was not had, where a mirror may lack something of it.
fn never_had(evidence: &Evidence, index: usize) -> Option<String> {
    let upstream = &evidence.upstream;
    let served = evidence.mirrors[index].digest().filter(|_| evidence.ask_referrers == AskReferrers::Yes)?;
    if evidence.expected().is_some_and(|expected| expected != served) {
        return None;
    }
    let answer = upstream.pinned.as_ref().or(upstream.answer.as_ref())?;
    let why = match &answer.outcome {
        // What it has not got, nothing refers to there.
        Outcome::Missing(_) => return None,
        Outcome::Found(_) => unserved::not_asked().reason,
        _ => unserved::explain(answer, &upstream.endpoint.name).reason,
    };
    Some(unknown(&why))
}

fn unknown(why: &str) -> String {
    format!("{NOT_FOUND_OUT}: {why}")
}

fn in_words(gap: &Gap, host: &str) -> String {
    let why = match gap {
        Gap::Answer(answer) => unserved::explain(answer, host).reason.into_owned(),
        Gap::NoList => format!("{host} serves something else in the place of their list"),
        Gap::Endless => format!("the list of {host} has no end that is in sight"),
        Gap::Elsewhere => format!("{host} continues its list at another place"),
    };
    unknown(&why)
}
