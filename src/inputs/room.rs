//! How much text variables may become, in one text and in one file.
//!
//! Variables that hold variables multiply, and so do jobs and aliases that use them. Each text is measured while it
//! grows, so that what would be too long is never put together, and what is looked up costs something too.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};

use thiserror::Error;

/// Most bytes that values may add to one text: no name of an image has a tenth of it.
pub(super) const MAX_GROWTH: usize = 64 * 1024;
/// Most bytes that are put together for one file, and what they stand in.
const MAX_FILE: usize = 32 * 1024 * 1024;
/// What looking for a value costs, as if it were bytes: values that are empty multiply as well.
const LOOK_UP: usize = 32;
/// What reading a byte of a Dockerfile costs: heirs with other arguments each read that of their parent.
const READING: usize = 4;

/// Why values are not filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum TooLong {
    /// The text itself.
    #[error("grows beyond {MAX_GROWTH} bytes when its variables are filled in")]
    Text,
    /// All texts of the file.
    #[error("is too much work: what is put together for this file costs more than {MAX_FILE} bytes in all")]
    File,
}

/// What is left for one file.
#[derive(Debug)]
pub(super) struct Room {
    left: Cell<usize>,
    /// What was done already, by hashes whose key nobody knows.
    done: RefCell<HashSet<u64>>,
    key: RandomState,
}

impl Default for Room {
    fn default() -> Self {
        Self { left: Cell::new(MAX_FILE), done: RefCell::default(), key: RandomState::new() }
    }
}

impl Room {
    /// Takes `amount` of it.
    pub(super) fn spend(&self, amount: usize) -> Result<(), TooLong> {
        let left = self.left.get().checked_sub(amount);
        self.left.set(left.unwrap_or(0));
        left.map(drop).ok_or(TooLong::File)
    }

    /// Whether nothing of the same was seen before: the same again finds the same in the same place.
    pub(super) fn is_new(&self, it: &impl Hash) -> bool {
        self.done.borrow_mut().insert(self.key.hash_one(it))
    }

    /// Takes what reading a Dockerfile of this length costs.
    pub(super) fn read(&self, length: usize) -> Result<(), TooLong> {
        self.spend(length.saturating_mul(READING))
    }

    /// Takes what looking for a value costs.
    pub(super) fn look_up(&self) -> Result<(), TooLong> {
        self.spend(LOOK_UP)
    }
}

/// A text that values are put into.
#[derive(Debug)]
pub(super) struct Filling<'r> {
    room: &'r Room,
    text: String,
    left: usize,
}

impl<'r> Filling<'r> {
    pub(super) const fn new(room: &'r Room) -> Self {
        Self { room, text: String::new(), left: MAX_GROWTH }
    }

    pub(super) const fn room(&self) -> &'r Room {
        self.room
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds what stands in the file.
    pub(super) fn literal(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Adds what a variable stands for.
    pub(super) fn value(&mut self, value: &str) -> Result<(), TooLong> {
        self.left = self.left.checked_sub(value.len()).ok_or(TooLong::Text)?;
        self.room.spend(value.len())?;
        self.text.push_str(value);
        Ok(())
    }

    pub(super) fn done(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_grows_up_to_the_bound_and_a_file_has_room_for_many() {
        let room = Room::default();
        let value = "x".repeat(MAX_GROWTH);
        let mut texts = 0;
        let fault = loop {
            let mut filling = Filling::new(&room);
            filling.literal("literal");
            if let Err(fault) = filling.value(&value) {
                assert_eq!(filling.done(), "literal");
                break fault;
            }
            assert_eq!(filling.value("y"), Err(TooLong::Text));
            assert_eq!(filling.done().len(), MAX_GROWTH + 7);
            texts += 1;
        };
        assert_eq!((texts, fault), (MAX_FILE / MAX_GROWTH, TooLong::File));
    }
}
