//! Ctrl-C and SIGTERM: the first leaves at once before anything was asked, stops asking while registries are
//! asked, and lets everything be written once all is asked; the second leaves at once, always.
//!
//! From [`Interruptions::listen`] on no signal ends the process by itself, so that nothing is left behind.
//! A thread of its own listens all the time: opening or writing a report may block for ever, and everything
//! else with it. Files that may not grow larger are a fault of writing and no signal either.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;
use tokio::sync::Notify;

use crate::exit;

/// For the last words on standard error, which may be a pipe that nobody reads.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
    stage: Stage,
    /// When the first interruption came that was borne.
    heard_at: Option<Instant>,
    /// Files to remove before leaving.
    unfinished: Vec<PathBuf>,
}

/// What goes on, and so what the first interruption does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// Nothing is asked or written yet: it leaves.
    #[default]
    Preparing,
    /// It ends the asking.
    Asking,
    /// Everything is asked: it changes nothing but the exit code.
    Writing,
    /// It ends what goes on until then, without a word.
    Serving,
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

    /// Registries are asked from now on; completes at the first interruption.
    pub(super) fn asking(&self) -> impl Future<Output = ()> + use<> {
        self.enter(Stage::Asking)
    }

    /// Something goes on until somebody interrupts it; completes at the first interruption.
    pub(super) fn serving(&self) -> impl Future<Output = ()> + use<> {
        self.enter(Stage::Serving)
    }

    /// Everything is asked and is written from now on.
    pub(super) fn writing(&self) {
        self.0.lock().stage = Stage::Writing;
    }

    fn enter(&self, stage: Stage) -> impl Future<Output = ()> + use<> {
        let mut state = self.0.lock();
        state.stage = stage;
        let is_over = state.heard_at.is_some();
        let shared = Arc::clone(&self.0);
        async move {
            if !is_over {
                shared.heard.notified().await;
            }
        }
    }

    /// When the first interruption came.
    pub(super) fn heard_at(&self) -> Option<Instant> {
        self.0.lock().heard_at
    }

    /// The exit code in place of `code`: whoever interrupts wants nothing to go on that follows on success.
    pub(super) fn code(&self, code: u8) -> u8 {
        if self.heard_at().is_some() { exit::INTERRUPTED } else { code }
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
        if state.heard_at.is_none() {
            let words = match state.stage {
                Stage::Preparing => {
                    let said = say("interrupted before anything was asked or written");
                    let _ = said.recv_timeout(LAST_WORDS);
                    leave(&state)
                }
                Stage::Asking => Some("interrupted: writing what is known (once more to leave at once)"),
                Stage::Writing => Some("interrupted: the rest is still written (once more to leave at once)"),
                Stage::Serving => None,
            };
            state.heard_at = Some(Instant::now());
            // One permit, for whoever begins to wait only after this.
            self.heard.notify_one();
            drop(words.map(say));
            return;
        }
        leave(&state)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the process; with `state` locked, so that no other file is made meanwhile.
fn leave(state: &State) -> ! {
    for path in &state.unfinished {
        // It may have got its right name already.
        let _ = std::fs::remove_file(path);
    }
    std::process::exit(i32::from(exit::INTERRUPTED))
}

/// Warns on another thread, as standard error may be a pipe that nobody reads; tells when that is done.
fn say(words: &'static str) -> mpsc::Receiver<()> {
    let (done, is_done) = mpsc::channel();
    // Without a thread there are no words, and all else is as it should be.
    let _ = thread::Builder::new().name("last words".to_owned()).spawn(move || {
        log::warn!("{words}");
        // Whoever left without waiting has gone.
        let _ = done.send(());
    });
    is_done
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
        // Any handler will do: with one, a file over `ulimit -f` is an error of the write and not the end.
        drop(signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?);
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
