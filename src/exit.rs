//! The exit codes: what scripts may rely on. They do not depend on the report's format.

use crate::gate::Outcome;
use crate::model::run::Ending;

/// The gate passed.
pub const PASSED: u8 = 0;
/// The gate failed.
pub const FAILED: u8 = 1;
/// Usage, configuration, or input that is unreadable or empty; a report that could not be written.
pub const USAGE: u8 = 2;
/// Nothing failed, but something stayed undecided.
pub const UNDECIDED: u8 = 3;
/// Interrupted; a report of what was done is still written.
pub const INTERRUPTED: u8 = 130;

/// The exit code of a run.
#[must_use]
pub const fn code(ending: Ending, outcome: Outcome) -> u8 {
    match (ending, outcome) {
        (Ending::Interrupted, _) => INTERRUPTED,
        (Ending::Complete, Outcome::Pass) => PASSED,
        (Ending::Complete, Outcome::Fail) => FAILED,
        (Ending::Complete, Outcome::Undecided) => UNDECIDED,
    }
}
