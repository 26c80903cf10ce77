//! Schema 1: what its digest is of is not what is served, so that nothing is known to be wrong with it, and where
//! the bytes were asked for, nothing to be right either (distribution's `schema1`; the digest is of the signed
//! payload).

use crate::model::code::Code;
use crate::model::observation::Facts;
use crate::model::run::Verdict;

/// What is left of a verdict on a manifest that may be of schema 1.
pub(super) fn weigh(verdict: Verdict, facts: &Facts) -> Verdict {
    if !facts.media_type.is_some_and(|known| known.is_schema1()) {
        return verdict;
    }
    let reason = match verdict.code {
        Code::DigestEqual if facts.manifest.is_some() => {
            "schema 1: the digest is the right one by the header, and the bytes cannot be held to it"
        }
        Code::Served if facts.manifest.is_some() => {
            "schema 1: its digest is not of its bytes, which cannot be held to it"
        }
        Code::DigestMismatch | Code::DigestHeaderWrong | Code::DigestDiffers => {
            "schema 1: another digest, which says nothing of the bytes"
        }
        _ => return verdict,
    };
    Verdict { code: Code::Schema1Unverifiable, reason: reason.into(), ..verdict }
}
