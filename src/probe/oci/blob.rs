//! Blobs: does this endpoint serve this config or layer, and is it what the manifest says it is?
//!
//! HEAD where it suffices, and the first byte by GET where HEAD says too little: Harbor answers 404 to HEAD for
//! what its cache could fetch (goharbor/harbor#22609), and a URL that is signed for GET refuses HEAD. All bytes
//! are read only where that is asked for ([`super::content`]).

use std::ops::ControlFlow;
use std::sync::PoisonError;

use http::{HeaderMap, Method, header};
use time::OffsetDateTime;
use url::Url;

use super::attempts::{Again, Attempts};
use super::authorize::Session;
use super::content::Content;
use super::error_body::{self, Shape};
use super::exchange::{self, Call, Exchange};
use super::manifest::Registries;
use super::reading::{self, Failure, Reading, Trail, Trouble, content_type};
use crate::model::age::MAX_CONFIG_BYTES;
use crate::model::blob::{
    Blob, BlobBreakage, BlobObservation, BlobOutcome, Contact, MAX_BLOB_BYTES, Transfer,
};
use crate::model::endpoint::{Authority, Endpoint, Namespace, Role};
use crate::model::image::{ImageRef, ManifestRef};
use crate::model::observation::{Answer, Breakage, NotAsked, Note};
use crate::model::platform::Platform;
use crate::net::client::{Body, Range};
use crate::net::download::Download;

/// Most bytes that are read of an answer that is not the blob, to see what it is.
pub(super) const MAX_LOOK_BYTES: usize = 16 * 1024;

/// How much of a blob is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobAsk {
    /// Word of it: HEAD, and one byte by GET where that says too little.
    Presence,
    /// All its bytes, hashed as they come. Without a declared size they cannot be bounded, so that this is the same
    /// as [`Self::Presence`]; none is read beyond [`MAX_BLOB_BYTES`].
    Content,
    /// All its bytes, kept for what a config says of the image; none beyond [`MAX_CONFIG_BYTES`].
    Config,
}

/// What a question that was given up had led to: the hosts that bytes of the blob had come from.
#[derive(Debug)]
pub struct GivenUp {
    /// The name of the endpoint that was asked.
    pub endpoint: Box<str>,
    /// What it is.
    pub role: Role,
    /// The hosts on the way.
    pub hosts: Vec<Contact>,
    /// What came from them.
    pub transfers: Vec<Transfer>,
}

/// Most of those that are kept: as many as there may be questions at the same time.
const MOST_GIVEN_UP: usize = 10_000;

/// A way that is told of even where nobody waits for its end any more.
struct Watched<'a> {
    registries: &'a Registries,
    endpoint: &'a Endpoint,
    way: Way,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let way = std::mem::take(&mut self.way);
        if way.transfers.is_empty() {
            return;
        }
        let mut given_up = self.registries.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if given_up.len() < MOST_GIVEN_UP {
            given_up.push(GivenUp {
                endpoint: self.endpoint.name.clone(),
                role: self.endpoint.role,
                hosts: way.session.into_contacts(),
                transfers: way.transfers,
            });
        }
    }
}

/// What is gathered on the way to a blob.
#[derive(Default)]
pub(super) struct Way {
    pub(super) trail: Trail,
    session: Session,
    answered_by: Option<Authority>,
    pub(super) transfers: Vec<Transfer>,
    pub(super) created: Option<OffsetDateTime>,
    pub(super) platform: Option<Box<Platform>>,
    /// The error status with which HEAD was answered.
    head_failed: Option<u16>,
}

impl Way {
    fn into_observation(self, outcome: BlobOutcome) -> BlobObservation {
        BlobObservation {
            outcome,
            http_status: self.trail.http_status,
            attempts: self.trail.attempts,
            latency: self.trail.latency,
            answered_by: self.answered_by,
            asked_as: self.trail.asked_as,
            hosts: self.session.into_contacts(),
            created: self.created,
            platform: self.platform,
            transfers: self.transfers,
            notes: self.trail.notes,
            at: OffsetDateTime::now_utc(),
        }
    }
}

/// What is asked at the moment.
enum Step {
    Head,
    FirstByte,
    Content(Box<Content>),
}

impl Step {
    fn call(&self) -> Call<'static> {
        match self {
            Self::Head => Call::blob(&Method::HEAD, None),
            Self::FirstByte => Call::blob(&Method::GET, Some(Range::FirstByte)),
            Self::Content(content) => Call::blob(&Method::GET, content.range()),
        }
    }
}

impl From<Failure> for BlobOutcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Missing(answer) => Self::Missing(answer),
            Failure::Refused(refusal) => Self::Refused(refusal),
            Failure::Throttled { answer, retry_after, service } => {
                Self::Throttled { answer, retry_after, service }
            }
            Failure::Broken(breakage) => Self::Broken(BlobBreakage::Answer(breakage)),
            Failure::Unreached { fault, host } => Self::Unreached { fault, host },
            Failure::NotAsked(why) => Self::NotAsked(why),
        }
    }
}

impl Registries {
    /// What the questions had led to that were given up since this was last asked.
    pub fn take_given_up(&self) -> Vec<GivenUp> {
        std::mem::take(&mut *self.given_up.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks `endpoint` for a blob of `image`.
    pub async fn blob(
        &self,
        endpoint: &Endpoint,
        image: &ImageRef,
        blob: &Blob,
        ask: BlobAsk,
    ) -> BlobObservation {
        let way = Way::default();
        let (url, repository) = match place(endpoint, image, blob) {
            Ok(place) => place,
            Err(why) => return way.into_observation(BlobOutcome::NotAsked(why)),
        };
        let most = match ask {
            BlobAsk::Presence => None,
            BlobAsk::Content => Some(MAX_BLOB_BYTES),
            BlobAsk::Config => Some(MAX_CONFIG_BYTES),
        };
        if blob.size.zip(most).is_some_and(|(size, most)| size > most) {
            return way.into_observation(BlobOutcome::OverBudget);
        }
        let first_step = || match (ask, blob.size) {
            (BlobAsk::Config, Some(size)) => Step::Content(Box::new(Content::kept(&blob.digest, size))),
            (BlobAsk::Content, Some(size)) => {
                Step::Content(Box::new(Content::new(&blob.digest, size, self.budget.clone())))
            }
            _ => Step::Head,
        };
        let watched = |way| Watched { registries: self, endpoint, way };
        let mut first = watched(way);
        let mut outcome = self.put_blob(&mut first.way, (&url, &repository), blob, first_step()).await;
        // Some registries break on `?ns=`; see `observe`.
        if endpoint.namespace == Namespace::Always && is_absent(&outcome) {
            let mut url = url;
            url.set_query(None);
            let mut second = watched(Way::default());
            let again = self.put_blob(&mut second.way, (&url, &repository), blob, first_step()).await;
            let mut second = std::mem::take(&mut second.way);
            if matches!(again, BlobOutcome::Present { .. } | BlobOutcome::Read { .. }) {
                outcome = again;
                second.trail.attempts += first.way.trail.attempts;
                first.way = second;
                first.way.trail.add(Note::WithoutNamespace);
            } else {
                first.way.trail.attempts += second.trail.attempts;
            }
        }
        std::mem::take(&mut first.way).into_observation(outcome)
    }

    /// Puts one question until there is an answer or no sense in asking again.
    async fn put_blob(
        &self,
        way: &mut Way,
        target: (&Url, &str),
        blob: &Blob,
        mut step: Step,
    ) -> BlobOutcome {
        let mut attempts = Attempts::new(self, target);
        loop {
            attempts.begin(&mut way.trail);
            let call = step.call();
            let session = &mut way.session;
            let end = exchange::exchange(&self.client, &self.authorizer, session, &call, target).await;
            let reading = match end {
                Ok(mut exchange) => {
                    way.trail.note(&exchange);
                    way.answered_by = Authority::of(&exchange.url);
                    let rejection = exchange.rejection.take();
                    let reading = match &mut step {
                        Step::Head => read_head(&exchange, blob),
                        Step::FirstByte => read_first_byte(exchange, blob).await,
                        Step::Content(content) => content.read(exchange, way).await,
                    };
                    reading::with_rejection(reading, rejection, &mut way.trail)
                }
                Err(fault) => reading::read_fault(fault, &mut way.trail),
            };
            let reading = match &mut step {
                Step::Content(content) => content.weigh(reading, &mut attempts.tries),
                Step::Head | Step::FirstByte => reading,
            };
            match attempts.follow(reading, &mut way.trail).await {
                ControlFlow::Break(Ok(outcome)) => {
                    if let Some(status) = way.head_failed {
                        way.trail.add(Note::HeadUnsupported(status));
                    }
                    return outcome;
                }
                ControlFlow::Break(Err(failure)) => return failure.into(),
                ControlFlow::Continue(Again::Alike) => {}
                ControlFlow::Continue(Again::ByGet) => {
                    way.head_failed = way.trail.http_status.filter(|status| *status >= 400);
                    step = Step::FirstByte;
                }
            }
        }
    }
}

/// Where the blob would be, or why it is not asked for.
fn place(endpoint: &Endpoint, image: &ImageRef, blob: &Blob) -> Result<(Url, String), NotAsked> {
    let wanted = image.manifest_ref();
    if !endpoint.accepts.takes(wanted) {
        return Err(match wanted {
            ManifestRef::Tag(_) => NotAsked::NotForTags,
            ManifestRef::Digest(_) => NotAsked::NotForDigests,
        });
    }
    let repository = endpoint.repository(image).map_err(|error| NotAsked::Name(error.name.into()))?;
    let text = endpoint.blob_url(image, &repository, &blob.digest);
    match endpoint.read_url(&text) {
        Ok(url) => Ok((url, repository.into_owned())),
        Err(_) => Err(NotAsked::Name(text.into())),
    }
}

const fn is_absent(outcome: &BlobOutcome) -> bool {
    matches!(
        outcome,
        BlobOutcome::Missing(_)
            | BlobOutcome::Broken(BlobBreakage::Answer(Breakage::OddStatus(_) | Breakage::NotARegistry(_)))
    )
}

fn read_head(exchange: &Exchange, blob: &Blob) -> Reading<BlobOutcome> {
    if !(200..300).contains(&exchange.status) {
        return reading::read_head_error(exchange);
    }
    // A length that is not the declared one may be that of nothing, or of something encoded: GET tells.
    match (length(&exchange.headers), blob.size) {
        (Some(size), Some(declared)) if size == declared => Reading::Have(present(Some(size))),
        (Some(size), None) if size > 0 && !is_html(&exchange.headers) => Reading::Have(present(Some(size))),
        _ => Reading::TryGet,
    }
}

const fn present(size: Option<u64>) -> BlobOutcome {
    BlobOutcome::Present { size }
}

async fn read_first_byte(exchange: Exchange, blob: &Blob) -> Reading<BlobOutcome> {
    let headers = &exchange.headers;
    let (size, is_whole) = match exchange.status {
        206 => (content_range(headers).and_then(|range| range.size), false),
        200 => (length(headers).filter(|_| encoding(headers).is_none()), true),
        // An empty blob has no first byte.
        416 if blob.size == Some(0) || is_empty(headers) => return sized(Some(0), blob),
        201..300 => return odd_status(&exchange),
        _ => return read_error(&exchange),
    };
    let host = host_of(&exchange);
    let Exchange { headers, body, status, .. } = exchange;
    let Body::Open(mut download) = body else { return sized(size, blob) };
    if let (true, Some(found)) = (is_whole, size) {
        let is_suspect = blob.size.map_or_else(|| is_html(&headers), |declared| declared != found);
        if is_suspect && let Some(breakage) = look_at(&mut download, &headers, status).await {
            return Reading::Failed(Failure::Broken(breakage));
        }
        return sized(size, blob);
    }
    let (bytes, fault) = download.take(MAX_LOOK_BYTES).await;
    if let Some(fault) = fault {
        return Reading::Again { failure: Failure::Unreached { fault, host }, why: Trouble::Net };
    }
    if let Some(size) = size {
        let is_nothing = bytes.is_empty() && size > 0;
        return if is_nothing {
            Reading::Failed(Failure::Broken(Breakage::Empty))
        } else {
            sized(Some(size), blob)
        };
    }
    let is_short = bytes.len() < MAX_LOOK_BYTES;
    let is_plain = encoding(&headers).is_none();
    let size = (is_whole && is_short && is_plain).then_some(bytes.len() as u64);
    // Who does not say how long the blob is may be speaking of something else. Such messages are short, or
    // pages by their own account.
    let is_suspect = (is_whole || content_range(&headers).is_none()) && (is_short || is_html(&headers));
    let is_confirmed = size.is_some() && size == blob.size;
    if is_suspect
        && !is_confirmed
        && let Some(breakage) = other_than_a_blob(&bytes, &headers, status)
    {
        return Reading::Failed(Failure::Broken(breakage));
    }
    // It need not end, nor be read further, to be more than it may be.
    match blob.size {
        Some(declared) if size.is_none() && is_plain && bytes.len() as u64 > declared => {
            Reading::Have(BlobOutcome::Broken(BlobBreakage::Endless { declared }))
        }
        _ => sized(size, blob),
    }
}

/// That it is there, with the size that was told.
fn sized(size: Option<u64>, blob: &Blob) -> Reading<BlobOutcome> {
    match (size, blob.size) {
        (Some(found), Some(declared)) if found != declared => Reading::Have(wrong_size(declared, found)),
        _ => Reading::Have(present(size)),
    }
}

/// The size is another; what came instead may say more.
pub(super) const fn wrong_size(declared: u64, found: u64) -> BlobOutcome {
    BlobOutcome::Broken(BlobBreakage::WrongSize { declared, found })
}

/// Reads a GET's answer that is no success.
pub(super) fn read_error(exchange: &Exchange) -> Reading<BlobOutcome> {
    match reading::read_error(exchange) {
        // Where a registry redirects for a blob is no registry: its 404 needs no registry's form.
        // A page, though, is what a captive portal or a proxy says in the store's place.
        Reading::Vague(answer) | Reading::Failed(Failure::Broken(Breakage::NotARegistry(answer)))
            if exchange.hops > 0 && !is_page(exchange) =>
        {
            Reading::Failed(Failure::Missing(answer))
        }
        reading => reading,
    }
}

/// A success of a kind that was not asked for.
pub(super) fn odd_status(exchange: &Exchange) -> Reading<BlobOutcome> {
    let answer = Answer { status: exchange.status, ..Answer::default() };
    Reading::Failed(Failure::Broken(Breakage::OddStatus(answer)))
}

/// What an answer that is not the blob is, if its first bytes tell.
pub(super) async fn look_at(download: &mut Download, headers: &HeaderMap, status: u16) -> Option<Breakage> {
    // What came before it broke off will do.
    let (bytes, _) = download.take(MAX_LOOK_BYTES).await;
    other_than_a_blob(&bytes, headers, status)
}

/// What the beginning of an answer is, if it is no blob's.
pub(super) fn other_than_a_blob(bytes: &[u8], headers: &HeaderMap, status: u16) -> Option<Breakage> {
    let content_type = content_type(headers);
    if error_body::looks_like_html(content_type, bytes) {
        return Some(Breakage::Html { title: error_body::html_title(bytes) });
    }
    let parsed = error_body::parse(status, content_type, bytes);
    if parsed.shape == Shape::Registry {
        return Some(Breakage::ErrorDocument(parsed.answer));
    }
    bytes.iter().all(u8::is_ascii_whitespace).then_some(Breakage::Empty)
}

pub(super) fn host_of(exchange: &Exchange) -> Box<str> {
    Authority::of(&exchange.url).map_or_else(|| "?".into(), |authority| authority.to_string().into())
}

/// `Content-Length`, read from the header: of a HEAD's answer the HTTP library tells the body's.
pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    number(str::from_utf8(headers.get(header::CONTENT_LENGTH)?.as_bytes()).ok()?.trim())
}

/// A content coding that nobody asked for.
pub(super) fn encoding(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::CONTENT_ENCODING)?.as_bytes().trim_ascii();
    (!value.is_empty() && !value.eq_ignore_ascii_case(b"identity")).then_some(value)
}

/// What a `Content-Range` says (RFC 9110 section 14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ContentRange {
    /// First and last byte; `None` in `bytes */10`.
    pub(super) bytes: Option<(u64, u64)>,
    /// Of the whole; `None` in `bytes 5-9/*`.
    pub(super) size: Option<u64>,
}

pub(super) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let value = str::from_utf8(headers.get(header::CONTENT_RANGE)?.as_bytes()).ok()?.trim();
    let (unit, value) = value.split_at_checked(6)?;
    let (bytes, size) = value.split_once('/').filter(|_| unit.eq_ignore_ascii_case("bytes "))?;
    let size = if size == "*" { None } else { Some(number(size)?) };
    if bytes == "*" {
        return Some(ContentRange { bytes: None, size });
    }
    let (first, last) = bytes.split_once('-')?;
    Some(ContentRange { bytes: Some((number(first)?, number(last)?)), size })
}

/// Digits and nothing else; the standard library would take a plus too.
fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

fn is_empty(headers: &HeaderMap) -> bool {
    content_range(headers).is_some_and(|range| range.size == Some(0))
}

fn is_page(exchange: &Exchange) -> bool {
    let body = if let Body::Read(body) = &exchange.body { body.as_slice() } else { &[] };
    error_body::looks_like_html(content_type(&exchange.headers), body)
}

fn is_html(headers: &HeaderMap) -> bool {
    error_body::looks_like_html(content_type(headers), b"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn content_ranges_are_read_as_the_rfc_says_and_no_further() {
        let range = |bytes, size| Some(ContentRange { bytes, size });
        for (value, read) in [
            ("bytes 0-0/10", range(Some((0, 0)), Some(10))),
            ("Bytes 5-9/*", range(Some((5, 9)), None)),
            ("bytes */10", range(None, Some(10))),
            ("bytes 0-18446744073709551615/18446744073709551615", range(Some((0, u64::MAX)), Some(u64::MAX))),
            ("bytes 0-0/18446744073709551616", None),
            ("bytes -1-0/10", None),
            ("bytes +0-0/10", None),
            ("bytes 0-/10", None),
            ("bytes 0-0", None),
            ("bytes=0-0/10", None),
            ("lines 0-0/10", None),
            ("bytes", None),
            ("", None),
        ] {
            assert_eq!(content_range(&headers(header::CONTENT_RANGE, value)), read, "{value}");
        }
        assert_eq!(content_range(&HeaderMap::new()), None);
    }

    #[test]
    fn a_length_is_digits_and_nothing_else() {
        for (value, read) in [
            ("0", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("-1", None),
            ("+1", None),
            ("1, 1", None),
            ("", None),
            ("1e9", None),
        ] {
            assert_eq!(length(&headers(header::CONTENT_LENGTH, value)), read, "{value}");
        }
    }

    #[test]
    fn identity_is_no_coding() {
        for (value, read) in
            [("gzip", Some(&b"gzip"[..])), (" br ", Some(b"br")), ("Identity", None), ("", None)]
        {
            assert_eq!(encoding(&headers(header::CONTENT_ENCODING, value)), read, "{value}");
        }
    }
}
