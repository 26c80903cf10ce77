//! All bytes of a blob: counted and hashed as they come, kept nowhere.
//!
//! Bounded by the declared size. A transfer that is cut is resumed once, where it was cut (RFC 9110 section
//! 14.2), or from its beginning where the server knows no ranges; one that is too slow is not.

use std::io::{self, Write};
use std::sync::Arc;

use http::HeaderMap;

use super::blob::{
    ContentRange, MAX_LOOK_BYTES, Way, content_range, encoding, host_of, length, look_at, odd_status,
    other_than_a_blob, read_error, wrong_size,
};
use super::exchange::Exchange;
use super::reading::{Failure, Reading, Trouble};
use crate::model::age;
use crate::model::blob::{BlobBreakage, BlobOutcome, Transfer};
use crate::model::budget::{ByteBudget, Taken};
use crate::model::digest::{Digest, Hasher};
use crate::model::endpoint::Authority;
use crate::model::fault::NetFault;
use crate::model::observation::{Breakage, Note};
use crate::model::platform;
use crate::net::client::{Body, Range};
use crate::net::download::{Deadline, Download};
use flate2::write::MultiGzDecoder;

/// A blob that is being read.
pub(super) struct Content {
    digest: Digest,
    declared: u64,
    tally: Tally,
    /// How it was cut, once it was.
    cut: Option<Failure>,
    is_resuming: bool,
    /// What is read twice is taken from here.
    budget: Option<Arc<ByteBudget>>,
    /// For all parts together.
    deadline: Option<Deadline>,
}

impl Content {
    pub(super) fn new(digest: &Digest, declared: u64, budget: Option<Arc<ByteBudget>>) -> Self {
        let tally = Tally::new(digest, declared);
        let digest = digest.clone();
        Self { digest, declared, tally, cut: None, is_resuming: false, budget, deadline: None }
    }

    /// The same, for one whose bytes are looked at when they are all there.
    pub(super) fn kept(digest: &Digest, declared: u64) -> Self {
        let mut content = Self::new(digest, declared, None);
        content.tally.kept = Some(Vec::new());
        content
    }

    /// What is still wanted, if not all.
    pub(super) fn range(&self) -> Option<Range> {
        self.is_going_on().then_some(Range::From(self.tally.bytes))
    }

    /// Whether what came before the cut is kept; of nothing the whole is asked for once more.
    const fn is_going_on(&self) -> bool {
        self.is_resuming && self.tally.bytes > 0
    }

    /// Reads one answer to its end.
    pub(super) async fn read(&mut self, exchange: Exchange, way: &mut Way) -> Reading<BlobOutcome> {
        if let Some(reading) = self.refuse(&exchange) {
            return reading;
        }
        let host = host_of(&exchange);
        let from = Authority::of(&exchange.url);
        let Exchange { headers, body, status, .. } = exchange;
        let Body::Open(mut download) = body else { return Reading::Have(self.outcome(way)) };
        if !self.is_going_on() {
            let length = length(&headers);
            if encoding(&headers).is_some_and(is_gzip) && length != Some(self.declared) {
                self.tally.decode();
            } else if let Some(length) = length.filter(|length| *length != self.declared) {
                return match look_at(&mut download, &headers, status).await {
                    Some(breakage) => Reading::Failed(Failure::Broken(breakage)),
                    None => Reading::Have(wrong_size(self.declared, length)),
                };
            }
        }
        download.end_by(*self.deadline.get_or_insert_with(|| download.deadline(self.declared)));
        // There from the beginning, for whoever is stopped in the middle.
        way.transfers.extend(from.map(|from| Transfer {
            from,
            bytes: 0,
            began: download.began(),
            took: download.took(),
        }));
        match self.stream(&mut download, way.transfers.last_mut()).await {
            End::Whole if self.tally.bytes == self.declared => Reading::Have(self.outcome(way)),
            End::Whole => {
                let beginning = std::mem::take(&mut self.tally.beginning);
                match self.outcome(way) {
                    // Without a length only its end told that it is too short for what it should be.
                    outcome @ BlobOutcome::Broken(BlobBreakage::WrongSize { .. }) => {
                        other_than_a_blob(&beginning, &headers, status).map_or(Reading::Have(outcome), broken)
                    }
                    outcome => Reading::Have(outcome),
                }
            }
            End::Endless => match self.look_on(&mut download, &headers, status).await {
                Some(breakage) => broken(breakage),
                None => Reading::Have(BlobOutcome::Broken(BlobBreakage::Endless { declared: self.declared })),
            },
            End::Faulty(fault @ (NetFault::TooSlow { .. } | NetFault::TooLong { .. })) => {
                Reading::Failed(Failure::Unreached { fault, host })
            }
            End::Faulty(fault) => {
                // Counted over both parts, as one who reads the message would.
                let fault = match fault {
                    NetFault::Truncated { .. } => NetFault::Truncated {
                        received_bytes: self.tally.bytes,
                        promised_bytes: Some(self.declared),
                    },
                    other => other,
                };
                let failure = Failure::Unreached { fault, host };
                if self.cut.replace(failure.clone()).is_some() {
                    return Reading::Failed(failure);
                }
                Reading::Again { failure, why: Trouble::Net }
            }
        }
    }

    /// What an answer of too many bytes is, if its beginning tells.
    async fn look_on(
        &mut self,
        download: &mut Download,
        headers: &HeaderMap,
        status: u16,
    ) -> Option<Breakage> {
        let mut beginning = std::mem::take(&mut self.tally.beginning);
        // Its end may be near, and an error document is none without it; of what is no text it says nothing.
        if str::from_utf8(&beginning).is_ok_and(|text| text.trim_start().starts_with(['{', '<'])) {
            let (more, _) = download.take(MAX_LOOK_BYTES.saturating_sub(beginning.len())).await;
            beginning.extend_from_slice(&more);
        }
        // Something came.
        other_than_a_blob(&beginning, headers, status).filter(|breakage| *breakage != Breakage::Empty)
    }

    /// What is made of an answer that cannot be read on; `None` where it can.
    fn refuse(&mut self, exchange: &Exchange) -> Option<Reading<BlobOutcome>> {
        match (exchange.status, self.is_going_on()) {
            (200, false) => None,
            (200, true) => self.begin_again(&exchange.headers).err().map(|why| self.not_resumed(why)),
            (206, true) if self.is_continued_by(exchange) => None,
            (206 | 416, true) => {
                Some(self.not_resumed(&format!("it answered {} with other bytes", exchange.status)))
            }
            (200..300, _) => Some(odd_status(exchange)),
            _ => Some(read_error(exchange)),
        }
    }

    /// All of it comes again: what came before is forgotten, and counted twice.
    fn begin_again(&mut self, headers: &HeaderMap) -> Result<(), &'static str> {
        let is_other = length(headers).is_some_and(|length| length != self.declared);
        if is_other && !encoding(headers).is_some_and(is_gzip) {
            return Err("it answered 200 with another length");
        }
        let again = self.tally.bytes;
        if self.budget.as_ref().is_some_and(|budget| budget.take(again) == Taken::No) {
            return Err("all of it came again, for which --max-bytes leaves no bytes");
        }
        let kept = self.tally.kept.take().map(|_| Vec::new());
        self.tally = Tally { kept, ..Tally::new(&self.digest, self.declared) };
        Ok(())
    }

    /// It stays cut, and `why` says what came when it was to go on.
    fn not_resumed(&mut self, why: &str) -> Reading<BlobOutcome> {
        let mut failure = self.cut.clone().unwrap_or(Failure::Broken(Breakage::Empty));
        if let Failure::Unreached { fault, .. } = &mut failure {
            *fault = NetFault::NotResumed { cut: Box::new(fault.clone()), why: why.into() };
        }
        self.cut = Some(failure.clone());
        Reading::Failed(failure)
    }

    /// What is made of a reading: a cut begins a new question, and what that is told does not unsay the cut.
    pub(super) fn weigh(&mut self, reading: Reading<BlobOutcome>, tries: &mut u32) -> Reading<BlobOutcome> {
        match (reading, &self.cut) {
            (again @ Reading::Again { .. }, Some(_)) if !self.is_resuming => {
                self.is_resuming = true;
                *tries = 1;
                again
            }
            (Reading::Failed(_) | Reading::Vague(_), Some(cut)) => Reading::Failed(cut.clone()),
            (reading, _) => reading,
        }
    }

    /// Whether a 206 goes on where the first part ended, and to the end.
    fn is_continued_by(&self, exchange: &Exchange) -> bool {
        let Some(ContentRange { bytes: Some((first, last)), size }) = content_range(&exchange.headers) else {
            return false;
        };
        let has_right_size = size.is_none_or(|size| self.tally.is_decoding() || size == self.declared);
        let has_right_end = self.tally.is_decoding() || last.checked_add(1) == Some(self.declared);
        first == self.tally.bytes && has_right_end && has_right_size
    }

    async fn stream(&mut self, download: &mut Download, mut transfer: Option<&mut Transfer>) -> End {
        loop {
            match download.next().await {
                Ok(Some(bytes)) => {
                    if let Some(transfer) = &mut transfer {
                        transfer.bytes = download.received_bytes();
                        transfer.took = download.took();
                    }
                    if self.tally.add(&bytes) == Fits::No {
                        return End::Endless;
                    }
                }
                Ok(None) => return End::Whole,
                Err(fault) => return End::Faulty(fault),
            }
        }
    }

    fn outcome(&mut self, way: &mut Way) -> BlobOutcome {
        let mut tally = std::mem::replace(&mut self.tally, Tally::new(&self.digest, self.declared));
        let kept = tally.kept.take();
        let (as_it_came, decoded) = tally.finish();
        let is_right = |(bytes, digest): &(u64, Digest)| *bytes == self.declared && *digest == self.digest;
        let found = match decoded {
            Some(decoded) if !is_right(&as_it_came) => {
                way.trail.add(Note::Encoded("gzip".into()));
                decoded
            }
            _ => as_it_came,
        };
        match found {
            (bytes, _) if bytes != self.declared => wrong_size(self.declared, bytes),
            (_, digest) if digest != self.digest => {
                BlobOutcome::Broken(BlobBreakage::WrongBytes { found: digest })
            }
            (bytes, _) => {
                way.created = kept.as_deref().and_then(age::created);
                way.platform = kept.as_deref().and_then(platform::of_config).map(Box::new);
                BlobOutcome::Read { bytes }
            }
        }
    }
}

const fn broken(breakage: Breakage) -> Reading<BlobOutcome> {
    Reading::Failed(Failure::Broken(breakage))
}

fn is_gzip(coding: &[u8]) -> bool {
    coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip")
}

/// How a body ended.
enum End {
    Whole,
    /// It did not, although there was enough of it.
    Endless,
    Faulty(NetFault),
}

/// Whether what came is no more than may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fits {
    Yes,
    No,
}

/// What came so far. Storages say `Content-Encoding: gzip` of layers that are gzip themselves, and front ends of
/// what they compressed on the way: which it is, only the digest tells, so that both are hashed.
struct Tally {
    declared: u64,
    bytes: u64,
    hasher: Hasher,
    decoder: Decoder,
    /// The first of them, to see what it is where it turns out to be no blob.
    beginning: Vec<u8>,
    /// The bytes as they came, where they are wanted.
    kept: Option<Vec<u8>>,
}

enum Decoder {
    None,
    Gzip(Box<MultiGzDecoder<Counted>>),
    /// What came is no gzip, or of more than the declared bytes.
    Failed,
}

impl Tally {
    fn new(digest: &Digest, declared: u64) -> Self {
        Self {
            declared,
            bytes: 0,
            hasher: digest.algorithm().hasher(),
            decoder: Decoder::None,
            beginning: Vec::new(),
            kept: None,
        }
    }

    /// From now on also what comes out when it is unpacked.
    fn decode(&mut self) {
        let counted = Counted { limit: self.declared, bytes: 0, hasher: self.hasher.clone() };
        self.decoder = Decoder::Gzip(Box::new(MultiGzDecoder::new(counted)));
    }

    const fn is_decoding(&self) -> bool {
        matches!(self.decoder, Decoder::Gzip(_))
    }

    fn add(&mut self, bytes: &[u8]) -> Fits {
        let room = MAX_LOOK_BYTES.saturating_sub(self.beginning.len());
        self.beginning.extend(bytes.iter().take(room));
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if let Decoder::Gzip(decoder) = &mut self.decoder
            && decoder.write_all(bytes).is_err()
        {
            self.decoder = Decoder::Failed;
        }
        // What does not compress gets a little longer.
        let most = match self.decoder {
            Decoder::Gzip(_) => self.declared.saturating_add(self.declared / 64).saturating_add(1024),
            Decoder::None | Decoder::Failed => self.declared,
        };
        if self.bytes > most {
            return Fits::No;
        }
        if let Some(kept) = &mut self.kept {
            kept.extend_from_slice(bytes);
        }
        self.hasher.update(bytes);
        Fits::Yes
    }

    /// Number and digest of the bytes as they came and, if they could be, as they were unpacked.
    fn finish(self) -> ((u64, Digest), Option<(u64, Digest)>) {
        let decoded = match self.decoder {
            Decoder::Gzip(decoder) => decoder.finish().ok().map(|end| (end.bytes, end.hasher.finish())),
            Decoder::None | Decoder::Failed => None,
        };
        ((self.bytes, self.hasher.finish()), decoded)
    }
}

/// Counts and hashes what is written, up to a limit.
struct Counted {
    limit: u64,
    bytes: u64,
    hasher: Hasher,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.hasher.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
