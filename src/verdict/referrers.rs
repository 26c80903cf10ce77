//! Which signatures, SBOMs and attestations a mirror lacks that upstream has. Presence is all that is told: nothing is
//! verified, and what could not be found out is said so in reason and notes, never a lack.

use super::parts::BESIDES;
use super::unserved;
use crate::model::code::Code;
use crate::model::evidence::Evidence;
use crate::model::observation::Outcome;
use crate::model::referrers::{AskReferrers, Gap, MAX_NAMED, NOT_FOUND_OUT, Referrer, ReferrersLine};
use crate::model::run::Verdict;
use crate::model::status::Status;

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
        let line = line.then_some(ReferrersLine { upstream: 0, absent: Vec::new(), absent_total: 0 });
        if !upstream.found.is_empty() {
            note.get_or_insert_with(|| unknown("it was not asked for here"));
        }
        return (found, Referrers { line, note });
    };
    let unseen = upstream.found.iter().filter(|referrer| !known.found.contains(referrer));
    // What stands where the mirror's answer says nothing is not known to be lacking; of the rest it is.
    let gap_of = |referrer: &Referrer| known.gaps.iter().find(|(source, _)| referrer.is_of(source));
    let (open, absent): (Vec<&Referrer>, Vec<&Referrer>) =
        unseen.partition(|referrer| gap_of(referrer).is_some());
    let gap = open.iter().find_map(|referrer| gap_of(referrer));
    let note = note.or_else(|| gap.map(|(_, gap)| in_words(gap, &mirror.endpoint.name)));
    if absent.is_empty() && !open.is_empty() {
        return (found, Referrers { line: None, note });
    }
    let line = ReferrersLine {
        upstream: upstream.found.len(),
        absent: absent.iter().take(MAX_NAMED).map(|referrer| name(referrer).into()).collect(),
        absent_total: absent.len(),
    };
    let verdict = if absent.is_empty() { found } else { lacking(found, &line) };
    (verdict, Referrers { line: Some(line), note })
}

const fn is_fine(code: Code) -> bool {
    matches!(code.status(), Status::Ok | Status::SameContent | Status::Unverified)
}

fn lacking(found: Verdict, line: &ReferrersLine) -> Verdict {
    let named: Vec<&str> = line.absent.iter().take(IN_REASON).map(|name| &**name).collect();
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
