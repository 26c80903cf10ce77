//! Ctrl-C and SIGTERM: the first stops asking, the second leaves at once.
//!
//! From [`Interruptions::listen`] on no signal ends the process by itself, so that nothing is left behind.

use std::io;
use std::path::PathBuf;

use crate::exit;

/// What has been heard since [`Interruptions::listen`].
#[derive(Debug)]
pub(super) struct Interruptions(Signals);

impl Interruptions {
    /// Listens from now on.
    ///
    /// # Errors
    /// No handler can be set.
    pub(super) fn listen() -> io::Result<Self> {
        Signals::listen().map(Self)
    }

    /// Completes at the first interruption, when there is nothing unfinished.
    pub(super) async fn any(mut self) {
        self.0.next().await;
    }

    /// Completes at the first interruption, also one of before. From then on another one removes
    /// `unfinished` and ends the process.
    pub(super) async fn first(mut self, unfinished: Vec<PathBuf>) {
        self.0.next().await;
        log::warn!("interrupted: writing what is known (once more to leave at once)");
        tokio::spawn(async move {
            self.0.next().await;
            for path in unfinished {
                // It may have got its right name already.
                let _ = std::fs::remove_file(path);
            }
            std::process::exit(i32::from(exit::INTERRUPTED));
        });
    }
}

#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(windows)]
#[derive(Debug)]
struct Signals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl Signals {
    fn listen() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
