//! How many bytes of blobs a run may still read: one counter, shared by all who read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number of bytes that gets less.
#[derive(Debug)]
pub struct ByteBudget {
    left: AtomicU64,
}

/// Whether there was enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// They were set aside.
    Yes,
    /// There is less than that left; nothing was taken.
    No,
}

impl ByteBudget {
    /// So many bytes.
    #[must_use]
    pub const fn new(limit_bytes: u64) -> Self {
        Self { left: AtomicU64::new(limit_bytes) }
    }

    /// Bytes left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Sets `bytes` aside, all or none.
    #[must_use]
    pub fn take(&self, bytes: u64) -> Taken {
        let taken =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if taken.is_ok() { Taken::Yes } else { Taken::No }
    }

    /// Gives back what was taken and not read.
    pub fn give_back(&self, bytes: u64) {
        let add = |left: u64| Some(left.saturating_add(bytes));
        // The closure never declines.
        let _before = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_taken_whole_or_not_at_all() {
        let budget = ByteBudget::new(10);
        assert_eq!((budget.take(11), budget.left()), (Taken::No, 10));
        assert_eq!((budget.take(10), budget.left()), (Taken::Yes, 0));
        assert_eq!((budget.take(1), budget.take(0)), (Taken::No, Taken::Yes));
        budget.give_back(4);
        assert_eq!((budget.take(4), budget.left()), (Taken::Yes, 0));
        budget.give_back(u64::MAX);
        budget.give_back(1);
        assert_eq!(budget.left(), u64::MAX);
    }
}
