//! Ctrl-C and SIGTERM: while registries are asked, the first stops asking; any other leaves at once.
//!
//! From [`Interruptions::listen`] on no signal ends the process by itself, so that nothing is left behind.
//! A thread of its own listens all the time: opening or writing a report may block for ever, and everything
//! else with it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use tempfile::NamedTempFile;
use tokio::sync::Notify;

use crate::exit;

/// What has been heard since [`Interruptions::listen`].
#[derive(Clone, Debug)]
pub(super) struct Interruptions(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// Told of the one interruption that was borne.
    heard: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: Next,
    /// Files to remove before leaving.
    unfinished: Vec<PathBuf>,
}

/// What the next interruption does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    /// Ends the process.
    #[default]
    Leaves,
    /// Is told to whoever waits for it.
    IsTold,
}

impl Interruptions {
    /// Listens from now on; until something else is said, an interruption leaves at once.
    ///
    /// # Errors
    /// No handler can be set.
    pub(super) fn listen() -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (ready, is_ready) = mpsc::channel();
        let listener = Arc::clone(&shared);
        thread::Builder::new().name("interruptions".to_owned()).spawn(move || listener.hear(&ready))?;
        is_ready.recv().map_err(io::Error::other)??;
        Ok(Self(shared))
    }

    /// Completes at the first interruption from this call on, which changes nothing else. Any further one
    /// leaves at once.
    pub(super) fn any(&self) -> impl Future<Output = ()> + use<> {
        self.0.lock().next = Next::IsTold;
        let shared = Arc::clone(&self.0);
        async move { shared.heard.notified().await }
    }

    /// As [`Self::any`], and tells the user what happens now.
    pub(super) fn first(&self) -> impl Future<Output = ()> + use<> {
        let any = self.any();
        async move {
            any.await;
            log::warn!("interrupted: writing what is known (once more to leave at once)");
        }
    }

    /// From now on an interruption leaves at once.
    pub(super) fn leave_at_once(&self) {
        self.0.lock().next = Next::Leaves;
    }

    /// Makes a temporary file, which does not outlive an interruption.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn temporary(
        &self,
        builder: &tempfile::Builder<'_, '_>,
        folder: &Path,
    ) -> io::Result<NamedTempFile> {
        // Locked until it is noted: there is no moment in which it would be left behind.
        let mut state = self.0.lock();
        let file = builder.tempfile_in(folder)?;
        state.unfinished.push(file.path().to_owned());
        Ok(file)
    }
}

impl Shared {
    /// Tells `ready` once no interruption can be missed, and then never returns.
    fn hear(&self, ready: &mpsc::Sender<io::Result<()>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        let listening = runtime.and_then(|runtime| {
            let _entered = runtime.enter();
            Signals::listen().map(|signals| (signals, runtime))
        });
        match listening {
            Ok((mut signals, runtime)) => {
                if ready.send(Ok(())).is_ok() {
                    runtime.block_on(async {
                        loop {
                            signals.next().await;
                            self.interrupt();
                        }
                    });
                }
            }
            // Nobody to tell: then nobody waits either.
            Err(error) => drop(ready.send(Err(error))),
        }
    }

    fn interrupt(&self) {
        let mut state = self.lock();
        if state.next == Next::IsTold {
            state.next = Next::Leaves;
            self.heard.notify_one();
            return;
        }
        for path in &state.unfinished {
            // It may have got its right name already.
            let _ = std::fs::remove_file(path);
        }
        // Still locked: no other file is made meanwhile.
        std::process::exit(i32::from(exit::INTERRUPTED));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
