//! What bodies come to, counted as they come: whoever reads one may be stopped at any moment, and what it had read
//! by then was paid for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// Counts for one client.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    bytes: Arc<AtomicU64>,
    since: Instant,
}

impl Meter {
    /// Nothing so far, from now on.
    pub(super) fn new() -> Self {
        Self { bytes: Arc::default(), since: Instant::now() }
    }

    /// So many more bytes came.
    pub(super) fn count(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// A body that was asked for at `asked`.
    pub(super) fn flow(&self, asked: Instant) -> Flow {
        Flow { meter: self.clone(), asked }
    }
}

/// Counts for one body.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    meter: Meter,
    asked: Instant,
}

impl Flow {
    /// So many more bytes came.
    pub(super) fn count(&self, bytes: usize) {
        self.meter.count(bytes);
    }

    /// When it was asked for, counted from when the client was made.
    pub(super) fn began(&self) -> Duration {
        self.asked.saturating_duration_since(self.meter.since)
    }

    /// How long ago that is.
    pub(super) fn took(&self) -> Duration {
        self.asked.elapsed()
    }
}
