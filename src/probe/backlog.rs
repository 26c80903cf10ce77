//! Blobs that are not downloaded before all of a plan are known, so that a limit on bytes leaves out the largest of
//! the whole plan, at whichever mirror and of whichever image.
//!
//! Each is counted once at a mirror and repository, however many images share it. What waits is bounded, in number and
//! by the documents of the images that wait with it: beyond that, what is known by then has its turn.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::ledger::Key;
use crate::model::blob::BlobObservation;
use crate::model::budget::{ByteBudget, Taken};
use crate::model::plan::Question;

/// Most questions that wait; each has some hundred bytes.
const MAX_QUESTIONS: usize = 200_000;
/// Most bytes of documents that are kept because of them.
const MAX_DOCUMENT_BYTES: u64 = 128 * 1024 * 1024;

/// A question about the image with this index.
type Asked = (u32, Question);

/// What waits, and what was let go and has no answer yet.
#[derive(Debug)]
pub(super) struct Backlog {
    budget: Arc<ByteBudget>,
    /// Those who ask for the same blob, the smallest blob first.
    waiting: BTreeMap<(u64, Key), Vec<Asked>>,
    /// Blobs that are being read, with their sizes in bytes, and who else waits for them.
    let_go: HashMap<Key, (u64, Vec<Asked>)>,
    /// Questions in `waiting`.
    questions: usize,
    /// Bytes of the documents of the images that wait.
    document_bytes: u64,
}

impl Backlog {
    /// Nothing waits.
    pub(super) fn new(budget: Arc<ByteBudget>) -> Self {
        Self { budget, waiting: BTreeMap::new(), let_go: HashMap::new(), questions: 0, document_bytes: 0 }
    }

    /// Lets a question for a blob of `size` bytes wait.
    pub(super) fn hold(&mut self, key: Key, size: u64, asked: Asked) {
        // It is being read already.
        if let Some((_, others)) = self.let_go.get_mut(&key) {
            return others.push(asked);
        }
        self.waiting.entry((size, key)).or_default().push(asked);
        self.questions += 1;
    }

    /// The image of questions that wait keeps so many bytes of documents.
    pub(super) fn weigh(&mut self, document_bytes: u64) {
        self.document_bytes = self.document_bytes.saturating_add(document_bytes);
    }

    /// Whether no more should wait.
    pub(super) fn is_full(&self) -> bool {
        self.questions > MAX_QUESTIONS || self.document_bytes > MAX_DOCUMENT_BYTES
    }

    /// Lets go what there are bytes for, the smallest first: each is to be asked for once.
    pub(super) fn admit(&mut self) -> Vec<Asked> {
        let mut admitted = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            let (size, key) = *first.key();
            if self.budget.take(size) == Taken::No {
                break;
            }
            let mut asked = first.remove().into_iter();
            self.questions -= asked.len();
            admitted.extend(asked.next());
            self.let_go.insert(key, (size, asked.collect()));
        }
        admitted
    }

    /// The rest, for which there are no bytes.
    pub(super) fn refuse(&mut self) -> impl Iterator<Item = Asked> + use<> {
        (self.questions, self.document_bytes) = (0, 0);
        std::mem::take(&mut self.waiting).into_values().flatten()
    }

    /// An answer came: what was not read of it is given back. Returns who else waits for it.
    pub(super) fn settle(&mut self, key: Key, answer: &BlobObservation) -> Vec<Asked> {
        let Some((size, others)) = self.let_go.remove(&key) else { return Vec::new() };
        self.budget.give_back(size.saturating_sub(answer.received_bytes()));
        others
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::model::blob::{Blob, BlobOutcome, Transfer};
    use crate::model::digest::Digest;
    use crate::model::endpoint::Authority;
    use crate::model::plan::{Reference, Want, What, Who};

    fn asked(image: u32, size: u64) -> Asked {
        let blob = Blob { digest: Digest::sha256(&size.to_le_bytes()), size: Some(size), platform: None };
        let reference = Reference::Blob(blob);
        (image, Question { who: Who::Mirror(0), what: What::Blob, reference, want: Want::Bytes })
    }

    /// A backlog in which blobs of these sizes wait for images 0, 1, 2, …, and bytes to spare.
    fn holding(sizes: &[u64], spare: u64) -> (Backlog, Arc<ByteBudget>) {
        let budget = Arc::new(ByteBudget::new(spare));
        let mut backlog = Backlog::new(Arc::clone(&budget));
        for (image, size) in (0..).zip(sizes) {
            backlog.hold(Key(*size, 0), *size, asked(image, *size));
        }
        (backlog, budget)
    }

    fn read(bytes: u64) -> BlobObservation {
        let from = Authority::of(&"https://m.example".parse().unwrap()).unwrap();
        let transfer =
            Transfer { from, bytes, began: std::time::Duration::ZERO, took: std::time::Duration::ZERO };
        let transfers = if bytes == 0 { Vec::new() } else { vec![transfer] };
        BlobObservation {
            transfers,
            ..BlobObservation::unasked(BlobOutcome::Read { bytes }, OffsetDateTime::UNIX_EPOCH)
        }
    }

    #[test]
    fn the_smallest_go_first_as_far_as_there_are_bytes_and_the_largest_are_left() {
        let (mut backlog, budget) = holding(&[50, 3, 40, 7, 1], 51);
        assert_eq!(backlog.admit(), [asked(4, 1), asked(1, 3), asked(3, 7), asked(2, 40)]);
        assert_eq!((backlog.admit(), budget.left()), (Vec::new(), 0));
        assert_eq!(backlog.refuse().collect::<Vec<_>>(), [asked(0, 50)]);
        assert_eq!(backlog.refuse().count(), 0);
    }

    #[test]
    fn what_was_not_read_is_there_for_others() {
        let (mut backlog, budget) = holding(&[10, 12], 15);
        assert_eq!(backlog.admit(), [asked(0, 10)]);
        assert_eq!(backlog.settle(Key(10, 0), &read(2)), []);
        assert_eq!(budget.left(), 13);
        assert_eq!(backlog.admit(), [asked(1, 12)]);
        // An answer to a question that did not wait here changes nothing.
        assert_eq!((backlog.settle(Key(10, 0), &read(0)), budget.left()), (Vec::new(), 1));
    }

    #[test]
    fn what_images_share_is_counted_and_asked_for_once() {
        let (mut backlog, budget) = holding(&[10, 10, 10], 25);
        assert_eq!(backlog.admit(), [asked(0, 10)]);
        assert_eq!(budget.left(), 15);
        backlog.hold(Key(10, 0), 10, asked(3, 10));
        assert_eq!(backlog.admit(), []);
        assert_eq!(backlog.settle(Key(10, 0), &read(10)), [asked(1, 10), asked(2, 10), asked(3, 10)]);
    }

    #[test]
    fn what_waits_is_bounded_in_number_and_by_what_its_images_keep() {
        let sizes: Vec<u64> = (0..=MAX_QUESTIONS as u64).collect();
        let (backlog, _) = holding(&sizes[1..], 0);
        assert!(!backlog.is_full());
        let (mut backlog, _) = holding(&sizes, 0);
        assert!(backlog.is_full());
        assert_eq!(backlog.admit(), [asked(0, 0)]);
        assert_eq!((backlog.refuse().count(), backlog.is_full()), (MAX_QUESTIONS, false));
        backlog.weigh(MAX_DOCUMENT_BYTES);
        assert!(!backlog.is_full());
        backlog.weigh(1);
        assert!(backlog.is_full());
    }
}
