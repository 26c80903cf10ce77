//! From the results of a check to an order of mirrors: what works comes first, in the order that it was
//! configured in.
//!
//! A mirror that serves something wrong is left out, even where others would be asked before it: the day
//! they fail, it wins over upstream. So is one that serves nothing. What could not be found out is not held
//! against a mirror: it comes last.

use std::sync::Arc;

use crate::model::choice::{Choice, Chosen, LeftOut, Part, Standing};
use crate::model::code::Code;
use crate::model::endpoint::Role;
use crate::model::run::{CheckResult, Run};
use crate::model::status::Status;

/// The mirrors of each registry with any, in the order of first mention.
#[must_use]
pub fn choices(run: &Run) -> Vec<Choice> {
    let mut found: Vec<Choice> = Vec::new();
    for image in &run.images {
        let key = image.registry_key();
        match found.iter_mut().find(|choice| *choice.registry == *key) {
            Some(choice) => choice.images.push(Arc::clone(image)),
            None => found.push(Choice {
                registry: key.into(),
                images: vec![Arc::clone(image)],
                upstream: None,
                chosen: Vec::new(),
                left_out: Vec::new(),
            }),
        }
    }
    for choice in &mut found {
        rank(run, choice);
    }
    found.retain(|choice| !choice.chosen.is_empty() || !choice.left_out.is_empty());
    found
}

fn rank(run: &Run, choice: &mut Choice) {
    for (at, endpoint) in (0..).zip(&run.endpoints) {
        let is_here = |result: &&CheckResult| {
            let image = &run.images[result.image as usize];
            result.endpoint == at && image.registry_key() == *choice.registry
        };
        let results: Vec<_> = run.results.iter().filter(is_here).collect();
        if results.is_empty() {
            continue;
        }
        if endpoint.role == Role::Upstream {
            choice.upstream = Some(Arc::clone(endpoint));
            continue;
        }
        let part = if results.len() < choice.images.len() { Part::Some } else { Part::All };
        match judge(&results) {
            Ok(standing) => choice.chosen.push(Chosen { endpoint: Arc::clone(endpoint), standing, part }),
            Err(worst) => {
                let image = &run.images[worst.image as usize];
                let why = format!("{} of {image}: {}", worst.verdict.code, worst.verdict.reason);
                choice.left_out.push(LeftOut { endpoint: Arc::clone(endpoint), why: why.into() });
            }
        }
    }
    // Stable: equals stay as they were configured.
    choice.chosen.sort_by_key(|chosen| chosen.standing);
}

/// How a mirror did, or the result for which it is left out.
fn judge<'a>(results: &[&'a CheckResult]) -> Result<Standing, &'a CheckResult> {
    let (mut served, mut missing, mut unknown) = (0, None, 0);
    for result in results {
        let code = result.verdict.code;
        match code.status() {
            Status::Ok | Status::SameContent | Status::Unverified => served += 1,
            Status::Stale | Status::Incomplete | Status::Invalid => return Err(result),
            // Nobody has it: no reproach.
            Status::Missing if code == Code::MissingUpstreamToo => {}
            Status::Missing => missing = missing.or(Some(*result)),
            // The runtime does not ask it for these either.
            Status::NotChecked if matches!(code, Code::NotUsedForTags | Code::NotUsedForDigests) => {}
            Status::Denied
            | Status::RateLimited
            | Status::ServerError
            | Status::Unreachable
            | Status::NotChecked => unknown += 1,
        }
    }
    match (served, missing, unknown) {
        (0, Some(missing), 0) => Err(missing),
        (0, _, _) => Ok(Standing::Unknown),
        (_, None, 0) => Ok(Standing::Works),
        (_, _, _) => Ok(Standing::Partly),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::run::{Counts, Verdict};

    fn result(code: Code) -> CheckResult {
        CheckResult {
            image: 0,
            endpoint: 0,
            counts: Counts::ForGate,
            verdict: Verdict { code, reason: "".into(), digest: None, expected: None },
            url: None,
            media_type: None,
            http_status: None,
            latency: None,
            attempts: 1,
            checked_at: time::OffsetDateTime::UNIX_EPOCH,
            notes: Vec::new(),
            anatomy: None,
            age: None,
            referrers: None,
        }
    }

    #[test]
    fn wrong_answers_and_none_at_all_leave_a_mirror_out_and_doubt_puts_it_last() {
        use Code::{
            ConnectRefused, DigestDiffers, DigestEqual, HtmlAnswer, IndexReserialised, ManifestUnknown,
            MissingUpstreamToo, NotUsedForTags,
        };
        for (codes, expected) in [
            (&[DigestEqual, IndexReserialised][..], Some(Standing::Works)),
            (&[DigestEqual, NotUsedForTags], Some(Standing::Works)),
            (&[NotUsedForTags, MissingUpstreamToo], Some(Standing::Unknown)),
            (&[DigestEqual, MissingUpstreamToo], Some(Standing::Works)),
            (&[DigestEqual, ManifestUnknown], Some(Standing::Partly)),
            (&[DigestEqual, ConnectRefused], Some(Standing::Partly)),
            (&[ConnectRefused, ConnectRefused], Some(Standing::Unknown)),
            (&[ManifestUnknown, ConnectRefused], Some(Standing::Unknown)),
            (&[ManifestUnknown, ManifestUnknown], None),
            (&[DigestEqual, DigestDiffers], None),
            (&[DigestEqual, HtmlAnswer], None),
        ] {
            let results: Vec<_> = codes.iter().copied().map(result).collect();
            let judged = judge(&results.iter().collect::<Vec<_>>());
            assert_eq!(judged.ok(), expected, "{codes:?}");
        }
        assert!(Standing::Works < Standing::Partly && Standing::Partly < Standing::Unknown);
    }
}
