//! Blobs whose bytes one repository of a mirror has sent: hashed once, they need not be sent again by another.
//!
//! That another has them is never concluded: there they are asked for by HEAD.

use std::collections::HashMap;

use super::ledger::Key;
use crate::model::blob::BlobOutcome;
use crate::model::plan::Question;

/// A question about the image with this index.
pub(super) type Asked = (u32, Question);

/// What is known of the bytes of blobs at mirrors, whatever the repository.
#[derive(Debug, Default)]
pub(super) struct Hashed(HashMap<Key, State>);

#[derive(Debug)]
enum State {
    /// They are being read; these want them in other repositories.
    UnderWay(Vec<Asked>),
    /// They are right.
    Right,
    /// They could not be read, or are wrong: each repository is asked on its own.
    Apart,
}

/// What there is to do about a blob in a repository where it has not been asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Read it.
    Read,
    /// Ask whether it is there.
    Confirm,
    /// Nothing, until somebody else has read it.
    Wait,
}

impl Hashed {
    /// What to do about `asked`, which wants the bytes of the blob with this key; whoever is to read them, reads them.
    pub(super) fn way(&mut self, key: Key, asked: impl FnOnce() -> Asked) -> Way {
        match self.0.get_mut(&key) {
            None => {
                self.0.insert(key, State::UnderWay(Vec::new()));
                Way::Read
            }
            Some(State::UnderWay(waiting)) => {
                waiting.push(asked());
                Way::Wait
            }
            Some(State::Right) => Way::Confirm,
            Some(State::Apart) => Way::Read,
        }
    }

    /// Whether the bytes were read and are right.
    pub(super) fn are_right(&self, key: Key) -> bool {
        matches!(self.0.get(&key), Some(State::Right))
    }

    /// Whether each repository is asked for its own bytes.
    pub(super) fn are_apart(&self, key: Key) -> bool {
        matches!(self.0.get(&key), Some(State::Apart))
    }

    /// What came of the bytes in one repository; gives back those who may go on in others.
    pub(super) fn settle(&mut self, key: Key, outcome: &BlobOutcome) -> Vec<Asked> {
        let is_right = matches!(outcome, BlobOutcome::Read { .. });
        // Right in one repository is right, whatever another makes of it.
        if !is_right && self.are_right(key) {
            return Vec::new();
        }
        let state = if is_right { State::Right } else { State::Apart };
        match self.0.insert(key, state) {
            Some(State::UnderWay(waiting)) => waiting,
            Some(State::Right | State::Apart) | None => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::digest::Digest;
    use crate::model::observation::Answer;
    use crate::model::plan::{Reference, Want, What, Who};

    const KEY: Key = Key(1, 2);

    fn asked(image: u32) -> Asked {
        let reference = Reference::Digest(Digest::sha256(b"a"));
        (image, Question { who: Who::Mirror(0), what: What::Blob, reference, want: Want::Bytes })
    }

    #[test]
    fn the_first_reads_others_wait_and_then_only_ask_whether_it_is_there() {
        let mut hashed = Hashed::default();
        assert_eq!(hashed.way(KEY, || asked(0)), Way::Read);
        assert_eq!(hashed.way(KEY, || asked(1)), Way::Wait);
        assert_eq!(hashed.way(Key(1, 3), || asked(2)), Way::Read, "of another blob");
        assert_eq!(hashed.settle(KEY, &BlobOutcome::Read { bytes: 5 }), [asked(1)]);
        assert!(hashed.are_right(KEY));
        assert_eq!(hashed.way(KEY, || asked(1)), Way::Confirm);
        // That this repository lacks it says nothing of the bytes.
        assert_eq!(hashed.settle(KEY, &BlobOutcome::Missing(Answer::default())), []);
        assert_eq!(hashed.way(KEY, || asked(3)), Way::Confirm);
    }

    #[test]
    fn what_could_not_be_read_is_asked_of_each_until_one_has_it() {
        let mut hashed = Hashed::default();
        assert_eq!(hashed.way(KEY, || asked(0)), Way::Read);
        assert_eq!(hashed.way(KEY, || asked(1)), Way::Wait);
        assert_eq!(hashed.settle(KEY, &BlobOutcome::Missing(Answer::default())), [asked(1)]);
        assert!(hashed.are_apart(KEY));
        assert_eq!(hashed.way(KEY, || asked(1)), Way::Read);
        assert_eq!(hashed.way(KEY, || asked(2)), Way::Read, "nobody waits for what failed elsewhere");
        assert_eq!(hashed.settle(KEY, &BlobOutcome::Read { bytes: 5 }), []);
        assert_eq!(hashed.way(KEY, || asked(3)), Way::Confirm);
    }
}
