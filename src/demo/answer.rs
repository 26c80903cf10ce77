//! An answer before it is sent: built whole, bent by behaviours, then turned into hyper's response.
//!
//! GET and HEAD share one answer; the body is dropped for HEAD at the very end, so that a behaviour need
//! not know the method. The body types that break the protocol's promises (too short, too slow) live here.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use serde_json::json;
use tokio::time::Sleep;

use super::content::Document;

/// Name of the digest header (distribution-spec "Pulling manifests").
pub(super) const DIGEST_HEADER: HeaderName = HeaderName::from_static("docker-content-digest");
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// How the body leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// At once and whole.
    Whole,
    /// So many bytes are left out at the end, then the connection closes.
    ShortBy(usize),
    /// So many bytes, then nothing more, the connection staying open.
    Stall(usize),
    /// One byte, then a pause, and so on.
    EachByte(Duration),
    /// Whole, without a `Content-Length`.
    Unmeasured,
    /// The same, and zeros ever after.
    Endless,
}

/// Whether there is an answer at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is sent.
    Sent,
    /// Never sent; the connection stays open.
    Silent,
    /// Never sent; the connection closes.
    Reset,
}

/// What will be sent.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// `Content-Length` to claim instead of the body's.
    pub(super) claimed_length: Option<usize>,
    pub(super) pace: Pace,
    pub(super) delay: Duration,
    pub(super) fate: Fate,
}

/// The text as a header value; control characters, which no header can hold, become `?`.
pub(super) fn header_value(text: &str) -> HeaderValue {
    let bytes: Vec<u8> = text
        .bytes()
        .map(|byte| if byte < b' ' && byte != b'\t' || byte == 127 { b'?' } else { byte })
        .collect();
    HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static(""))
}

impl Answer {
    /// A status and nothing else: what a proxy or portal sends, not a registry.
    pub(super) fn bare(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            claimed_length: None,
            pace: Pace::Whole,
            delay: Duration::ZERO,
            fate: Fate::Sent,
        }
    }

    /// A status with a body of this type.
    pub(super) fn text(status: StatusCode, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut answer = Self::bare(status);
        answer.headers.insert(CONTENT_TYPE, header_value(content_type));
        answer.body = body.into();
        answer
    }

    /// What a registry sends, with its version header.
    pub(super) fn registry(status: StatusCode) -> Self {
        let mut answer = Self::bare(status);
        answer.headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
        answer
    }

    /// JSON from a registry.
    pub(super) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        let mut answer = Self::registry(status);
        answer.headers.insert(CONTENT_TYPE, JSON);
        answer.body = body.to_string().into();
        answer
    }

    /// An error document (distribution-spec "Error Codes").
    pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::json(status, &json!({"errors": [{"code": code, "message": message}]}))
    }

    /// A manifest or index.
    pub(super) fn document(document: &Document) -> Self {
        let mut answer = Self::registry(StatusCode::OK);
        answer.set_document(document);
        answer
    }

    /// Serves `document` instead of what was to be served.
    pub(super) fn set_document(&mut self, document: &Document) {
        let digest = document.digest.to_string();
        self.headers.insert(CONTENT_TYPE, header_value(&document.media_type));
        self.headers.insert(ETAG, header_value(&format!("\"{digest}\"")));
        self.headers.insert(DIGEST_HEADER, header_value(&digest));
        self.body = document.bytes.clone();
    }

    /// Turns the answer into what hyper sends. `delay` and `fate` are the caller's to heed.
    pub(super) fn into_response(mut self, is_head: bool) -> Response<AnswerBody> {
        let is_measured = !matches!(self.pace, Pace::Unmeasured | Pace::Endless);
        if is_measured && self.status != StatusCode::NOT_MODIFIED {
            let length = self.claimed_length.unwrap_or(self.body.len());
            self.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let body = match self.pace {
            _ if is_head => Either::Left(Full::default()),
            Pace::Whole => Either::Left(Full::new(self.body)),
            Pace::ShortBy(missing) => {
                let sent = self.body.len().saturating_sub(missing);
                Either::Right(Staged::new(self.body.slice(..sent), Step::All, Ending::Closed))
            }
            Pace::Stall(sent) => {
                let sent = self.body.len().min(sent);
                Either::Right(Staged::new(self.body.slice(..sent), Step::All, Ending::Never))
            }
            Pace::Unmeasured => Either::Right(Staged::new(self.body, Step::All, Ending::Closed)),
            Pace::Endless => Either::Right(Staged::new(self.body, Step::All, Ending::Zeros)),
            Pace::EachByte(interval) => {
                Either::Right(Staged::new(self.body, Step::Byte(interval), Ending::Closed))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

pub(super) type AnswerBody = Either<Full<Bytes>, Staged>;

enum Step {
    All,
    Byte(Duration),
}

enum Ending {
    Closed,
    Never,
    Zeros,
}

/// What is sent at a time where there is no end.
static ZEROS: [u8; 16 * 1024] = [0; 16 * 1024];

/// A body that does not keep to what `Content-Length` promised, or takes its time.
pub(super) struct Staged {
    rest: Bytes,
    step: Step,
    ending: Ending,
    pause: Option<Pin<Box<Sleep>>>,
    flushed: bool,
}

impl Staged {
    const fn new(rest: Bytes, step: Step, ending: Ending) -> Self {
        Self { rest, step, ending, pause: None, flushed: false }
    }
}

impl Body for Staged {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(pause) = &mut self.pause {
            if pause.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.pause = None;
        }
        if !self.rest.is_empty() {
            let size = match self.step {
                Step::All => self.rest.len(),
                Step::Byte(interval) => {
                    self.pause = Some(Box::pin(tokio::time::sleep(interval)));
                    1
                }
            };
            let chunk = self.rest.split_to(size);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        match self.ending {
            Ending::Never => Poll::Pending,
            Ending::Zeros => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&ZEROS))))),
            Ending::Closed if self.flushed => Poll::Ready(None),
            Ending::Closed => {
                // hyper drops what it has buffered when a body ends early; a turn in between lets it flush.
                self.flushed = true;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}
