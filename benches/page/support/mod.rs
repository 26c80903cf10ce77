//! The browser of the tests.

use std::time::Duration;

/// How long the driver may take to start and to answer.
pub const DEADLINE: Duration = Duration::from_secs(60);

#[path = "../../../tests/it/support/browser.rs"]
#[expect(dead_code, reason = "the tests do more with it")]
pub mod browser;
#[path = "../../../tests/it/support/process.rs"]
pub mod process;
