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
            let _ = writeln!(std::io::stderr().lock(), "{level}: {}", fit(&record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Names in certificates and other words of servers may hold control characters, which a terminal obeys.
pub(super) fn fit(text: &str) -> String {
    let fit = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(fit).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_server_do_not_reach_the_terminal() {
        assert_eq!(fit("caf\u{e9} \u{1b}[2J\r\n\u{9b}31m"), "caf\u{e9} \\u{1b}[2J\\r\\n\\u{9b}31m");
    }
}
