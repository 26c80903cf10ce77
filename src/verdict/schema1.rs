//! Schema 1: what its digest is of is not what is served, so that nothing is known to be wrong with it, and nothing to
//! be right either, whether the bytes were asked for or only word of them (distribution's `schema1`; the digest is
//! of the signed payload).

use crate::model::code::Code;
use crate::model::observation::{DigestSource, Facts};
use crate::model::run::Verdict;

/// What is left of a verdict on a manifest that may be of schema 1, as it or upstream's of the same digest says.
pub(super) fn weigh(verdict: Verdict, facts: &Facts, upstream: Option<&Facts>) -> Verdict {
    let is_schema1 = |facts: &Facts| facts.media_type.is_some_and(|known| known.is_schema1());
    // HEAD may have no content type of a manifest.
    let same = upstream.filter(|theirs| facts.media_type.is_none() && theirs.goes_by(&facts.digest));
    if !is_schema1(same.unwrap_or(facts)) {
        return verdict;
    }
    let reason = match (verdict.code, &facts.source) {
        (Code::DigestEqual, DigestSource::Asked) => {
            "schema 1: no header names its digest, and the bytes cannot be held to the one that was asked for"
        }
        (Code::DigestEqual, DigestSource::Body) => {
            "schema 1: no header names its digest; by their hash the bytes are upstream's, which is all that can be said"
        }
        (Code::DigestEqual, _) => {
            "schema 1: the digest is the right one by the header, and the bytes cannot be held to it"
        }
        (Code::Served, _) => "schema 1: its digest is not of its bytes, which cannot be held to it",
        (Code::DigestMismatch | Code::DigestHeaderWrong | Code::DigestDiffers, DigestSource::Body) => {
            "schema 1: no header names its digest, and the bytes' own hash says nothing of it"
        }
        (Code::DigestMismatch | Code::DigestHeaderWrong | Code::DigestDiffers, _) => {
            "schema 1: another digest, which says nothing of the bytes"
        }
        _ => return verdict,
    };
    Verdict { code: Code::Schema1Unverifiable, reason: reason.into(), ..verdict }
}
