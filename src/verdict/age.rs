//! How old a mirror's difference from upstream is, and whether it is young enough to pass.
//!
//! An earlier report counts before what images say of themselves. What dates a difference by upstream's image is
//! the longest that it can have lasted: nobody can be behind an image that was not there yet.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;

use super::parts::BESIDES;
use crate::model::age::{Age, Basis, Earlier, Excuse, Grace};
use crate::model::anatomy::Anatomy;
use crate::model::blob::BlobOutcome;
use crate::model::code::Code;
use crate::model::digest::Digest;
use crate::model::evidence::Evidence;
use crate::model::plan::Who;
use crate::model::run::{CheckResult, Verdict};
use crate::model::status::Status;
use crate::plan::age::{Dated, dated};

/// What a difference is dated and judged by.
#[derive(Clone, Copy, Debug)]
pub struct AgeTerms<'a> {
    /// What an earlier report has of the same question.
    pub earlier: Option<&'a Earlier>,
    /// How long the mirror may be behind.
    pub grace: Option<Grace>,
    /// When the mirror answered.
    pub at: OffsetDateTime,
    /// What is known of the parts of its image: being young excuses no other fault.
    pub anatomy: Option<&'a Anatomy>,
}

/// Tells how old the difference is that a verdict on the mirror with this index is about; `None` where it is about
/// none, or nothing is known.
#[must_use]
pub fn with_age(
    evidence: &Evidence,
    index: usize,
    terms: AgeTerms<'_>,
    found: Verdict,
) -> (Verdict, Option<Age>) {
    if found.code != Code::DigestDiffers {
        return (found, None);
    }
    let is_past = |at: &OffsetDateTime| *at <= terms.at;
    let created = created(evidence, Who::Mirror(index));
    let upstream_created = self::created(evidence, Who::Upstream);
    // Moved back to an older image: when that was made says nothing.
    let newer = upstream_created.filter(|at| is_past(at) && created.is_none_or(|created| created < *at));
    let earlier = terms.earlier.filter(|earlier| is_past(&earlier.checked_at));
    let since = earlier
        .and_then(|earlier| by_report(earlier, found.digest.as_ref(), newer))
        .or_else(|| newer.map(|at| (at, Basis::Created)));
    let age = since.map(|(since, _)| {
        // Negative only where a report was made up.
        Duration::try_from(terms.at - since).unwrap_or_default()
    });
    let age = Age { created, upstream_created, since, age, excuse: excuse(terms.grace, age, terms.anatomy) };
    let told = in_words(&age, terms.grace);
    if told.is_empty() {
        return (found, None);
    }
    (Verdict { reason: format!("{}; {}", found.reason, told.join("; ")).into(), ..found }, Some(age))
}

/// Judges a result anew by this grace, as the check would have done; asks nobody.
pub fn with_grace(result: &mut CheckResult, grace: Grace) {
    let CheckResult { verdict, age, anatomy, .. } = result;
    if verdict.code != Code::DigestDiffers {
        return;
    }
    let age = age.get_or_insert_with(|| {
        let excuse = Excuse::None;
        Box::new(Age { created: None, upstream_created: None, since: None, age: None, excuse })
    });
    age.excuse = excuse(Some(grace), age.age, anatomy.as_deref());
    verdict.reason = replaced(&verdict.reason, &grace_in_words(age, grace)).into();
}

/// A reason with these words of its grace: they stand last of what is said of the difference.
fn replaced(reason: &str, words: &str) -> String {
    let (difference, besides) = reason.split_at(reason.find(BESIDES).unwrap_or(reason.len()));
    let difference = match difference.rsplit_once("; ") {
        Some((start, last)) if GRACE_WORDS.iter().any(|words| last.starts_with(words)) => start,
        _ => difference,
    };
    format!("{difference}; {words}{besides}")
}

fn excuse(grace: Option<Grace>, age: Option<Duration>, anatomy: Option<&Anatomy>) -> Excuse {
    match (grace, age) {
        (Some(grace), Some(age)) if age < grace.0 && is_sound(anatomy) => Excuse::Young(grace),
        _ => Excuse::None,
    }
}

/// Whether nothing is wrong, or open to doubt, with the parts of an image.
fn is_sound(anatomy: Option<&Anatomy>) -> bool {
    let is_fine = |code: Code| matches!(code.status(), Status::Ok | Status::SameContent | Status::Unverified);
    anatomy.is_none_or(|anatomy| anatomy.findings.iter().all(|finding| is_fine(finding.code)))
}

fn by_report(
    earlier: &Earlier,
    served: Option<&Digest>,
    newer: Option<OffsetDateTime>,
) -> Option<(OffsetDateTime, Basis)> {
    // What the mirror serves now is what upstream had then: it has caught up in between.
    let has_caught_up = earlier.expected.is_some() && earlier.expected.as_ref() == served;
    match earlier.behind_since.filter(|_| !has_caught_up) {
        Some(since) => Some((since.min(earlier.checked_at), Basis::Report)),
        None => match newer.filter(|at| *at > earlier.checked_at) {
            Some(at) => Some((at, Basis::Created)),
            None => Some((earlier.checked_at, Basis::EqualBefore)),
        },
    }
}

fn created(evidence: &Evidence, who: Who) -> Option<OffsetDateTime> {
    let Some(Dated::Config(config)) = dated(evidence, who) else { return None };
    let answer = evidence.parts_at(who).configs.get(&config.digest)?;
    answer.created.filter(|_| matches!(answer.outcome, BlobOutcome::Read { .. }))
}

fn in_words(age: &Age, grace: Option<Grace>) -> Vec<String> {
    let mut told = Vec::new();
    match (age.created, age.upstream_created) {
        (Some(created), Some(upstream)) => {
            let between = |one, other| Span(Duration::try_from(one - other).unwrap_or_default());
            let relation = match upstream.cmp(&created) {
                Ordering::Equal => "no newer".to_owned(),
                Ordering::Greater => format!("{} newer", between(upstream, created)),
                Ordering::Less => format!("{} older", between(created, upstream)),
            };
            told.push(format!("made {}, upstream's {} ({relation})", minute(created), minute(upstream)));
        }
        (Some(created), None) => told.push(format!("made {}", minute(created))),
        (None, Some(upstream)) => told.push(format!("upstream's was made {}", minute(upstream))),
        (None, None) => {}
    }
    if let (Some((since, basis)), Some(age)) = (age.since, age.age) {
        let span = Span(age);
        told.push(match basis {
            Basis::Report => format!("behind for {span}: an earlier check found it so, {}", minute(since)),
            Basis::EqualBefore => {
                format!("behind for {span} at most: an earlier check found it up to date, {}", minute(since))
            }
            Basis::Created => format!("behind for {span} at most"),
        });
    }
    told.extend(grace.map(|grace| grace_in_words(age, grace)));
    told
}

/// How the words of [`grace_in_words`] begin: they are the last of a reason.
const GRACE_WORDS: [&str; 4] = [
    "younger than the grace of ",
    "older than the grace of ",
    "for how long is not known, so that no grace holds",
    "no grace holds: being behind is not all there is",
];

fn grace_in_words(age: &Age, grace: Grace) -> String {
    let [younger, older, unknown, void] = GRACE_WORDS;
    match (age.excuse, age.age) {
        (Excuse::Young(_), _) => format!("{younger}{}", Span(grace.0)),
        (Excuse::None, Some(age)) if age < grace.0 => void.to_owned(),
        (Excuse::None, Some(_)) => format!("{older}{}", Span(grace.0)),
        (Excuse::None, None) => unknown.to_owned(),
    }
}

fn minute(at: OffsetDateTime) -> String {
    let form = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    at.checked_to_offset(time::UtcOffset::UTC).unwrap_or(at).format(form).unwrap_or_default()
}

/// A stretch of time as people say it: in its largest unit, not rounded up; in a smaller one where it is short.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            3_600 => write!(f, "1 h"),
            86_400 => write!(f, "1 day"),
            0..120 => write!(f, "{seconds} s"),
            120..7_200 => write!(f, "{} min", seconds / 60),
            7_200..172_800 => write!(f, "{} h", seconds / 3_600),
            _ => write!(f, "{} days", seconds / 86_400),
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const EARLIER: OffsetDateTime = datetime!(2025-03-01 00:00 UTC);

    fn digest(text: &str) -> Digest {
        Digest::sha256(text.as_bytes())
    }

    fn earlier(behind_since: Option<OffsetDateTime>) -> Earlier {
        Earlier { checked_at: EARLIER, behind_since, expected: Some(digest("then")) }
    }

    #[test]
    fn an_earlier_report_dates_a_difference_before_images_do() {
        let first = datetime!(2025-02-01 00:00 UTC);
        let newer = Some(datetime!(2025-03-02 00:00 UTC));
        let since = |earlier: &Earlier, served: &str, newer| by_report(earlier, Some(&digest(served)), newer);
        assert_eq!(since(&earlier(Some(first)), "old", newer), Some((first, Basis::Report)));
        // It was up to date then, or has been since.
        for (known, served) in [(earlier(None), "old"), (earlier(Some(first)), "then")] {
            assert_eq!(since(&known, served, newer), newer.map(|at| (at, Basis::Created)));
            assert_eq!(since(&known, served, Some(first)), Some((EARLIER, Basis::EqualBefore)));
            assert_eq!(since(&known, served, None), Some((EARLIER, Basis::EqualBefore)));
        }
    }

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (3_599, "59 min"),
            (3_600, "1 h"),
            (86_400, "1 day"),
            (7_200, "2 h"),
            (172_799, "47 h"),
            (900_000, "10 days"),
        ] {
            assert_eq!(Span(Duration::from_secs(seconds)).to_string(), text);
        }
    }
}
