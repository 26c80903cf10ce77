//! The edge of the process: command line, log, runtime, exit code.

use std::io::Write;
use std::process::ExitCode;

use registry_check::app::{self, Error};
use registry_check::cli::Cli;
use registry_check::ui::log::{self, Verbosity};

// Static binaries would otherwise have musl's own, which is slow.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Sockets that are looked after before anything else goes on.
const ANSWERS_AT_ONCE: usize = 32;

fn main() -> ExitCode {
    if let Some(code) = app::apart::run() {
        return code;
    }
    let cli = Cli::from_arguments();
    log::start(match (cli.common.quiet, cli.common.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, 1) => Verbosity::Verbose,
        (false, _) => Verbosity::Requests,
    });
    // One thread: the wire and the registries are the limit, and with more of them each answer costs a
    // wake-up of another core (see benches/README.md).
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Hundreds of answers may come at one moment. In portions: the first are read and the next questions
        // sent while the rest still wait, so that the registries need not.
        .max_io_events_per_tick(ANSWERS_AT_ONCE)
        .build()
        .map_err(Error::Runtime);
    let ended = runtime.and_then(|runtime| {
        let ended = runtime.block_on(app::run(cli));
        // A resolver that hangs must not hold up the end.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            tell(&error);
            ExitCode::from(app::exit_code(&error))
        }
    }
}

fn tell(error: &Error) {
    let mut stderr = std::io::stderr().lock();
    // With stderr closed there is nobody to tell; the exit code stands.
    for detail in error.details() {
        let _ = writeln!(stderr, "{detail}");
    }
    let _ = writeln!(stderr, "error: {error}");
    for hint in error.hints() {
        let _ = writeln!(stderr, "hint: {hint}");
    }
}
