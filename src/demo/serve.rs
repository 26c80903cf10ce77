//! The answers of a registry that behaves: what distribution-spec asks for, and nothing unusual.
//!
//! Pure: a request and what is held give an answer. Sources: distribution-spec "Pull"; the status of each
//! error code after distribution's `errcode`.

use bytes::Bytes;
use http::StatusCode;
use http::header::{ACCEPT_RANGES, ALLOW, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderValue, LINK, LOCATION};
use serde_json::json;

use super::answer::{Answer, DIGEST_HEADER, header_value};
use super::request::{Asked, Route};
use super::store::Store;
use crate::model::digest::Digest;
use crate::model::manifest::MediaType;

/// What a portal shows instead of what was asked for.
pub(super) const LOGIN_PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head>\n\
     <body><form action=\"/login\"><input name=\"user\"></form></body></html>\n";

/// The answer of a well-behaved registry whose API root is `root`.
pub(super) fn answer(root: &str, store: &Store, asked: &Asked) -> Answer {
    if !asked.is_read() {
        let mut answer =
            Answer::error(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED", "The operation is unsupported.");
        answer.headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match &asked.route {
        Route::Front => Answer::bare(StatusCode::OK),
        Route::Unslashed => moved(StatusCode::MOVED_PERMANENTLY, &format!("{root}/")),
        Route::Ping => Answer::json(StatusCode::OK, &json!({})),
        Route::Manifest { repository, reference } => manifest(store, asked, repository, reference),
        Route::Blob { repository, digest } => blob(store, asked, repository, digest),
        Route::Tags { repository } => tags(store, repository),
        Route::Referrers { repository, digest } if store.has_referrers() => {
            referrers(store, asked, repository, digest)
        }
        Route::Login => Answer::text(StatusCode::OK, "text/html; charset=utf-8", LOGIN_PAGE),
        Route::Token | Route::Referrers { .. } | Route::Unknown => page_not_found(),
    }
}

/// What distribution's router sends for a path that it does not know.
pub(super) fn page_not_found() -> Answer {
    Answer::text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "404 page not found\n")
}

/// A redirect.
pub(super) fn moved(status: StatusCode, location: &str) -> Answer {
    let mut answer = Answer::bare(status);
    answer.headers.insert(LOCATION, header_value(location));
    answer
}

/// What a registry says of a manifest that it does not hold.
pub(super) fn manifest_unknown() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown")
}

fn name_unknown() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry")
}

fn digest_invalid() -> Answer {
    Answer::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "provided digest is not well-formed")
}

fn manifest(store: &Store, asked: &Asked, repository: &str, reference: &str) -> Answer {
    let digest = if reference.contains(':') {
        match reference.parse::<Digest>() {
            Ok(digest) => Some(digest),
            Err(_) => return digest_invalid(),
        }
    } else {
        store.tagged(repository, reference).cloned()
    };
    if !store.has_repository(repository) {
        return name_unknown();
    }
    let Some(document) = digest.and_then(|digest| store.manifest(repository, &digest)) else {
        return manifest_unknown();
    };
    let mut answer = Answer::document(document);
    if asked.if_none_match().is_some_and(|tag| Some(tag.as_bytes()) == value(&answer, ETAG)) {
        answer.status = StatusCode::NOT_MODIFIED;
        answer.body = Bytes::new();
    }
    answer
}

fn value(answer: &Answer, name: http::HeaderName) -> Option<&[u8]> {
    answer.headers.get(name).map(HeaderValue::as_bytes)
}

fn blob(store: &Store, asked: &Asked, repository: &str, digest: &str) -> Answer {
    let Ok(digest) = digest.parse::<Digest>() else { return digest_invalid() };
    if !store.has_repository(repository) {
        return name_unknown();
    }
    let Some(bytes) = store.blob(repository, &digest) else {
        return Answer::error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry");
    };
    let mut answer = Answer::registry(StatusCode::OK);
    answer.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    answer.headers.insert(DIGEST_HEADER, header_value(&digest.to_string()));
    answer.headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.body = bytes.clone();
    match asked.range().map(|range| read_range(range, bytes.len())) {
        None | Some(Range::Ignored) => {}
        Some(Range::Part { from, to }) => {
            answer.status = StatusCode::PARTIAL_CONTENT;
            answer.headers.insert(CONTENT_RANGE, header_value(&format!("bytes {from}-{to}/{}", bytes.len())));
            answer.body = bytes.slice(from..=to);
        }
        Some(Range::Outside) => {
            answer.status = StatusCode::RANGE_NOT_SATISFIABLE;
            answer.headers.insert(CONTENT_RANGE, header_value(&format!("bytes */{}", bytes.len())));
            answer.body = Bytes::new();
        }
    }
    answer
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Part { from: usize, to: usize },
    Outside,
    Ignored,
}

/// One range of `bytes=` (RFC 9110 section 14.1.2); several, or another unit, are ignored as allowed there.
fn read_range(text: &str, length: usize) -> Range {
    let Some((from, to)) = text.strip_prefix("bytes=").and_then(|spec| spec.split_once('-')) else {
        return Range::Ignored;
    };
    let last = length.saturating_sub(1);
    let (from, to) = match (from.trim().parse::<usize>(), to.trim().parse::<usize>()) {
        (Ok(from), Ok(to)) if from <= to => (from, to.min(last)),
        (Ok(from), Err(_)) if to.trim().is_empty() => (from, last),
        (Err(_), Ok(0)) if from.trim().is_empty() => return Range::Outside,
        (Err(_), Ok(suffix)) if from.trim().is_empty() => (length.saturating_sub(suffix), last),
        _ => return Range::Ignored,
    };
    if from < length { Range::Part { from, to } } else { Range::Outside }
}

fn tags(store: &Store, repository: &str) -> Answer {
    match store.tags(repository) {
        Some(tags) => {
            let tags: Vec<_> = tags.map(|(tag, _)| tag).collect();
            Answer::json(StatusCode::OK, &json!({"name": repository, "tags": tags}))
        }
        None => name_unknown(),
    }
}

/// The list, page by page: `last` is how many came before. Without the API it is what distribution's router sends.
fn referrers(store: &Store, asked: &Asked, repository: &str, digest: &str) -> Answer {
    let Ok(digest) = digest.parse::<Digest>() else { return digest_invalid() };
    let Some((referrers, page)) = store.referrers(repository, &digest) else { return page_not_found() };
    let first = asked.parameters("last").next().and_then(|last| last.parse().ok()).unwrap_or(0_usize);
    let here: Vec<_> = referrers.iter().skip(first).take(page).collect();
    let entries = here.iter().map(|document| {
        json!({"mediaType": document.media_type, "digest": document.digest.to_string(),
               "size": document.bytes.len(), "artifactType": "application/vnd.example.signature"})
    });
    let index = json!({"schemaVersion": 2, "mediaType": MediaType::OciIndex.as_str(),
                       "manifests": entries.collect::<Vec<_>>()});
    let mut answer = Answer::json(StatusCode::OK, &index);
    answer.headers.insert(CONTENT_TYPE, header_value(MediaType::OciIndex.as_str()));
    let next = first + here.len();
    if next < referrers.len() {
        answer.headers.insert(LINK, header_value(&format!("<{}?last={next}>; rel=\"next\"", asked.path)));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_rfc_says() {
        for (text, range) in [
            ("bytes=0-0", Range::Part { from: 0, to: 0 }),
            ("bytes=2-", Range::Part { from: 2, to: 9 }),
            ("bytes=2-99", Range::Part { from: 2, to: 9 }),
            ("bytes=-3", Range::Part { from: 7, to: 9 }),
            ("bytes=-99", Range::Part { from: 0, to: 9 }),
            ("bytes=10-", Range::Outside),
            ("bytes=-0", Range::Outside),
            ("bytes=5-2", Range::Ignored),
            ("bytes=0-1,3-4", Range::Ignored),
            ("lines=0-1", Range::Ignored),
            ("bytes=-", Range::Ignored),
        ] {
            assert_eq!(read_range(text, 10), range, "{text}");
        }
        assert_eq!(read_range("bytes=0-0", 0), Range::Outside);
    }
}
