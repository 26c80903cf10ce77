//! How old a mirror's difference from upstream is, and whether it is young enough to pass.
//!
//! An earlier report counts before what images say of themselves. What dates a difference by upstream's image is
//! the longest that it can have lasted: nobody can be behind an image that was not there yet. That a check found it
//! is the shortest: it may have lasted for long by then, so that no grace holds for that alone.

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
        .map(|earlier| by_report(earlier, found.digest.as_ref(), newer))
        .or_else(|| newer.map(|at| (at, Basis::Created)));
    let seen =
        earlier.filter(|earlier| is_same(earlier, found.digest.as_ref())).map(|earlier| earlier.checked_at);
    let age = since.map(|(since, _)| {
        // Negative only where a report was made up.
        Duration::try_from(terms.at - since).unwrap_or_default()
    });
    let mut age = Age { created, upstream_created, since, age, excuse: Excuse::None };
    age.excuse = excuse(terms.grace, &age, terms.anatomy);
    let seen = seen.map(|seen| (seen, Duration::try_from(terms.at - seen).unwrap_or_default()));
    let told = in_words(&age, seen, terms.grace);
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
    age.excuse = excuse(Some(grace), age, anatomy.as_deref());
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

fn excuse(grace: Option<Grace>, age: &Age, anatomy: Option<&Anatomy>) -> Excuse {
    match (grace, age.longest()) {
        (Some(grace), Some(longest)) if longest < grace.0 && is_sound(anatomy) => Excuse::Young(grace),
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
) -> (OffsetDateTime, Basis) {
    match earlier.behind_since.filter(|_| is_same(earlier, served)) {
        Some((since, basis)) => (since.min(earlier.checked_at), basis),
        None => match newer.filter(|at| *at > earlier.checked_at) {
            Some(at) => (at, Basis::Created),
            None => (earlier.checked_at, Basis::EqualBefore),
        },
    }
}

/// Whether the mirror was behind then, and has not caught up in between as far as is known: that it has, what it serves
/// now shows where it is what upstream had then.
fn is_same(earlier: &Earlier, served: Option<&Digest>) -> bool {
    let has_caught_up = earlier.expected.is_some() && earlier.expected.as_ref() == served;
    earlier.behind_since.is_some() && !has_caught_up
}

fn created(evidence: &Evidence, who: Who) -> Option<OffsetDateTime> {
    let Some(Dated::Config(config)) = dated(evidence, who) else { return None };
    let answer = evidence.parts_at(who).configs.get(&config.digest)?;
    answer.created.filter(|_| matches!(answer.outcome, BlobOutcome::Read { .. }))
}

/// `seen`: when an earlier check found the difference, and how long ago that is.
fn in_words(age: &Age, seen: Option<(OffsetDateTime, Duration)>, grace: Option<Grace>) -> Vec<String> {
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
        let found = |at| format!("at least: an earlier check found it so, {}", minute(at));
        let least =
            seen.map_or_else(String::new, |(at, ago)| format!(", and for {} {}", Span(ago), found(at)));
        told.push(match basis {
            Basis::Report => format!("behind for {span} {}", found(since)),
            Basis::EqualBefore => {
                let then = minute(since);
                format!(
                    "behind for {span} at most: an earlier check did not find this difference, {then}{least}"
                )
            }
            Basis::Created => format!("behind for {span} at most{least}"),
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
    let longest = age.longest();
    match (age.excuse, age.age) {
        (Excuse::Young(_), _) => format!("{younger}{}", Span(grace.0)),
        (Excuse::None, _) if longest.is_some_and(|longest| longest < grace.0) => void.to_owned(),
        (Excuse::None, Some(age)) if age >= grace.0 => format!("{older}{}", Span(grace.0)),
        // Behind for less at least, and for more at most.
        (Excuse::None, _) => unknown.to_owned(),
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

    fn earlier(behind_since: Option<(OffsetDateTime, Basis)>) -> Earlier {
        Earlier { checked_at: EARLIER, behind_since, expected: Some(digest("then")) }
    }

    #[test]
    fn an_earlier_report_dates_a_difference_before_images_do() {
        let first = datetime!(2025-02-01 00:00 UTC);
        let second = datetime!(2025-03-02 00:00 UTC);
        let newer = Some(second);
        let since = |earlier: &Earlier, served: &str, newer| by_report(earlier, Some(&digest(served)), newer);
        // By what it was known then stays what it is known by.
        for basis in Basis::ALL {
            assert_eq!(since(&earlier(Some((first, basis))), "old", newer), (first, basis));
        }
        // It was up to date then, or has been since.
        for (known, served) in [(earlier(None), "old"), (earlier(Some((first, Basis::Report))), "then")] {
            assert_eq!(since(&known, served, newer), (second, Basis::Created));
            assert_eq!(since(&known, served, Some(first)), (EARLIER, Basis::EqualBefore));
            assert_eq!(since(&known, served, None), (EARLIER, Basis::EqualBefore));
        }
    }

    fn age(since: Option<(OffsetDateTime, Basis)>, hours: u64, made: Option<OffsetDateTime>) -> Age {
        let age = since.map(|_| Duration::from_secs(hours * 3_600));
        Age { created: None, upstream_created: made, since, age, excuse: Excuse::None }
    }

    #[test]
    fn a_grace_holds_for_the_longest_that_a_difference_can_have_lasted() {
        let granted = |age: &Age, hours: u64| {
            let grace = Grace(Duration::from_secs(hours * 3_600));
            excuse(Some(grace), age, None) == Excuse::Young(grace)
        };
        for basis in [Basis::Created, Basis::EqualBefore] {
            let age = age(Some((EARLIER, basis)), 2, None);
            assert!(granted(&age, 3) && !granted(&age, 2), "{basis:?}");
        }
        // That a check found it says nothing of how long it had lasted by then.
        let found = |made| age(Some((EARLIER, Basis::Report)), 2, made);
        assert!(!granted(&found(None), 24));
        let day_before = datetime!(2025-02-28 00:00 UTC);
        assert!(granted(&found(Some(day_before)), 27));
        assert!(!granted(&found(Some(day_before)), 26));
        let told =
            |hours: u64| grace_in_words(&found(Some(day_before)), Grace(Duration::from_secs(hours * 3_600)));
        assert_eq!(told(2), "older than the grace of 2 h");
        assert_eq!(told(3), "for how long is not known, so that no grace holds");
    }

    #[test]
    fn how_long_is_told_as_at_most_or_at_least_with_checks_that_were_made() {
        let seen = Some((datetime!(2025-03-01 01:30 UTC), Duration::from_secs(1_800)));
        for (basis, seen, told) in [
            (Basis::Created, None, "behind for 2 h at most"),
            (
                Basis::Created,
                seen,
                "behind for 2 h at most, and for 30 min at least: an earlier check found it so, 2025-03-01 01:30 UTC",
            ),
            (
                Basis::EqualBefore,
                None,
                "behind for 2 h at most: an earlier check did not find this difference, 2025-03-01 00:00 UTC",
            ),
            (
                Basis::Report,
                seen,
                "behind for 2 h at least: an earlier check found it so, 2025-03-01 00:00 UTC",
            ),
        ] {
            assert_eq!(in_words(&age(Some((EARLIER, basis)), 2, None), seen, None), [told], "{basis:?}");
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
