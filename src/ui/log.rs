//! The log on stderr (`-v`, `-vv`): this program's own lines only.
//!
//! Libraries are not let through: they would print headers and URLs that were not made fit for printing.

use std::io::Write;

use log::{LevelFilter, Log, Metadata, Record};

struct Stderr;

impl Log for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("registry_check")
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = record.level().as_str().to_ascii_lowercase();
            // A closed stderr is no reason to stop.
            let _ = writeln!(std::io::stderr().lock(), "{level}: {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// How much is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors.
    Quiet,
    /// Warnings too.
    Normal,
    /// `-v`: what is done.
    Verbose,
    /// `-vv`: every request.
    Requests,
}

/// Starts the log; a second call changes only how much is told.
pub fn start(verbosity: Verbosity) {
    // Fails only where a logger is set already: it is this one.
    let _ = log::set_logger(&Stderr);
    log::set_max_level(match verbosity {
        Verbosity::Quiet => LevelFilter::Error,
        Verbosity::Normal => LevelFilter::Warn,
        Verbosity::Verbose => LevelFilter::Info,
        Verbosity::Requests => LevelFilter::Debug,
    });
}
