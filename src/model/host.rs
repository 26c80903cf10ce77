//! How a host is to be asked at the moment, for those who watch.

use std::time::Duration;

/// Whether a host is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostState {
    /// As ever.
    #[default]
    Asked,
    /// It throttles, and is left alone for so long.
    CoolingDown(Duration),
    /// It does not answer.
    Down,
    /// It throttled again and again, or for too long, and is not asked any more.
    LeftAlone,
}
