//! How containerd comes by a manifest: by HEAD it finds out which one it is (`dockerResolver.Resolve`), and by GET of
//! that digest it takes the bytes (`dockerFetcher.Fetch`).
//!
//! GET in place of HEAD is for a 405 only, and beside it for a success without a digest; there nobody else is asked if
//! it fails. An error status to the GET by digest leads to the next host, which is asked for that digest.

use super::{reaction, unreached};
use crate::model::digest::Digest;
use crate::model::fault::{NetFault, RedirectFault};
use crate::model::image::ManifestRef;
use crate::model::node::Rules;
use crate::model::observation::{Breakage, Note, Observation, Outcome};
use crate::model::pull::{Reaction, Trial};
use crate::verdict::pull;

/// What containerd makes of an answer of `host` to its HEAD for `asked`, or to the GET that came after it.
#[must_use]
pub fn resolved(answer: Observation, asked: ManifestRef<'_>, host: &str) -> Trial {
    let Some(head) = answer.head_status else { return pull::trial(Rules::Containerd, answer, host) };
    let is_found = matches!(answer.outcome, Outcome::Found(_));
    let (reaction, why) = match (head, asked) {
        (405, _) => return pull::trial(Rules::Containerd, answer, host),
        (200..300, ManifestRef::Digest(digest)) => {
            let digest = digest.clone();
            return fetched(answer, &digest, host);
        }
        (200..300, ManifestRef::Tag(_)) if is_found => {
            return pull::trial(Rules::Containerd, answer, host);
        }
        (200..300, ManifestRef::Tag(_)) => (
            Reaction::Stops,
            "HEAD was a success without a digest: it reads the manifest by GET, and where that fails nobody else is asked"
                .to_owned(),
        ),
        (300..400, _) => {
            (Reaction::Stops, "a status from 300 to 399 that leads nowhere ends the pull".to_owned())
        }
        _ => {
            let mut why = format!("HEAD said {head}, which leads to the next: this runtime asks by GET after 405 only");
            if is_found {
                why.push_str("; by GET the manifest would be there");
            }
            (Reaction::FallsThrough, why)
        }
    };
    Trial { reaction, why: why.into(), ..pull::trial(Rules::Containerd, answer, host) }
}

/// What containerd makes of an answer of `host` to the GET of `digest`, which a HEAD has told of.
#[must_use]
pub fn fetched(answer: Observation, digest: &Digest, host: &str) -> Trial {
    use Reaction::{FallsThrough, Unknown};
    let (reaction, why) = match &answer.outcome {
        Outcome::Unreached { fault, .. } if is_cut(fault) => (
            Unknown,
            "the bytes ended too early: it asks for the rest of them again, from the first place on"
                .to_owned(),
        ),
        Outcome::Unreached { fault, .. } => {
            let base = unreached(Rules::Containerd, fault);
            (
                FallsThrough,
                format!("HEAD told of {digest}, then came no bytes: {base}, which is asked for that digest"),
            )
        }
        Outcome::Broken(Breakage::Redirect {
            fault: RedirectFault::NoLocation | RedirectFault::Scheme(_) | RedirectFault::TooMany(_),
            ..
        }) => (FallsThrough, by_status(&answer, digest)),
        Outcome::Broken(Breakage::OddStatus(_)) => (FallsThrough, by_status(&answer, digest)),
        Outcome::Found(_) if answer.notes.contains(&Note::WithoutNamespace) => {
            reaction(Rules::Containerd, &answer)
        }
        _ => match reaction(Rules::Containerd, &answer) {
            (FallsThrough, _) => (FallsThrough, by_status(&answer, digest)),
            other => other,
        },
    };
    Trial { reaction, why: why.into(), ..pull::trial(Rules::Containerd, answer, host) }
}

const fn is_cut(fault: &NetFault) -> bool {
    matches!(
        fault,
        NetFault::Truncated { .. }
            | NetFault::TimeoutBody(_)
            | NetFault::TooSlow { .. }
            | NetFault::TooLong { .. }
            | NetFault::NotResumed { .. }
    )
}

fn by_status(answer: &Observation, digest: &Digest) -> String {
    let said = match answer.http_status {
        Some(status) => format!("answered {status}"),
        None => "failed".to_owned(),
    };
    format!(
        "HEAD told of {digest}, and the GET of it {said}: that leads to the next, which is asked for that digest"
    )
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::model::observation::{Answer, DigestSource, Facts};

    fn observed(outcome: Outcome, head_status: Option<u16>, http_status: Option<u16>) -> Observation {
        Observation { http_status, head_status, ..Observation::unasked(outcome, OffsetDateTime::UNIX_EPOCH) }
    }

    fn found() -> Outcome {
        let digest = Digest::sha256(b"x");
        Outcome::Found(Facts {
            digest,
            source: DigestSource::Body,
            media_type: None,
            manifest: None,
            bytes: None,
        })
    }

    fn answer(status: u16) -> Answer {
        Answer { status, ..Answer::default() }
    }

    fn html() -> Outcome {
        Outcome::Broken(Breakage::Html { title: None })
    }

    fn cut() -> Outcome {
        let fault = NetFault::Truncated { received_bytes: 1, promised_bytes: Some(2) };
        Outcome::Unreached { fault, host: "m".into() }
    }

    #[test]
    fn after_a_head_that_failed_only_405_is_asked_again_by_get() {
        use Reaction::{FallsThrough as Next, Stops, Takes};
        let digest = Digest::sha256(b"x");
        let (tag, pinned) = (ManifestRef::Tag("1"), ManifestRef::Digest(&digest));
        for (head, came, by_tag, by_digest) in [
            (405, found(), Takes, Takes),
            (405, html(), Stops, Stops),
            (404, found(), Next, Next),
            (404, html(), Next, Next),
            (400, found(), Next, Next),
            (304, found(), Stops, Stops),
            (200, found(), Takes, Takes),
            (200, html(), Stops, Stops),
            (200, Outcome::Missing(answer(404)), Stops, Next),
            (200, Outcome::Broken(Breakage::ServerError(answer(500))), Stops, Next),
        ] {
            let trial = |asked| resolved(observed(came.clone(), Some(head), Some(200)), asked, "m").reaction;
            assert_eq!((trial(tag), trial(pinned)), (by_tag, by_digest), "{head} {came:?}");
        }
        let nexus = resolved(observed(found(), Some(404), Some(200)), tag, "m");
        assert_eq!(
            &*nexus.why,
            "HEAD said 404, which leads to the next: this runtime asks by GET after 405 only; by GET the manifest would be there"
        );
        let lacking = resolved(observed(html(), Some(404), Some(200)), tag, "m");
        assert!(lacking.why.ends_with("after 405 only"), "{}", lacking.why);
    }

    #[test]
    fn what_the_get_of_a_digest_brings_is_taken_or_leads_on_or_ends_the_pull() {
        use Reaction::{FallsThrough as Next, Stops, Takes, Unknown};
        let digest = Digest::sha256(b"x");
        let wrong = Breakage::WrongBytes { asked: digest.clone(), found: Digest::sha256(b"y") };
        let closed = Outcome::Unreached { fault: NetFault::ConnectRefused, host: "m".into() };
        let nowhere = Breakage::Redirect { fault: RedirectFault::NoLocation, by: None };
        for (came, status, expected) in [
            (found(), 200, Takes),
            (Outcome::Missing(answer(404)), 404, Next),
            (Outcome::Broken(Breakage::ServerError(answer(500))), 500, Next),
            (Outcome::Broken(Breakage::OddStatus(answer(304))), 304, Next),
            (Outcome::Broken(nowhere), 302, Next),
            (closed, 0, Next),
            (html(), 200, Stops),
            (Outcome::Broken(wrong), 200, Stops),
            (cut(), 200, Unknown),
        ] {
            let trial = fetched(observed(came.clone(), None, Some(status)), &digest, "m");
            assert_eq!(trial.reaction, expected, "{came:?}");
            if expected == Next {
                assert!(trial.why.ends_with("which is asked for that digest"), "{}", trial.why);
            }
        }
    }
}
