//! Pipes and terminals, which take as long as whoever reads them: for ever, if nobody does.
//!
//! That is waited for as long as nobody interrupts. Then a place that takes nothing for a while is given up,
//! as if its reader had gone, so that one interruption is enough to end.

#[cfg(unix)]
use std::fs::File;
use std::io::{self, Write};

use super::interrupt::Interruptions;

/// A place that somebody reads while it is written.
#[derive(Debug)]
pub(super) struct Reader<W> {
    to: W,
    /// What it is called in warnings.
    name: String,
    interruptions: Interruptions,
    is_given_up: bool,
}

impl<W> Reader<W> {
    /// Whoever reads `to`, which is called `name`.
    pub(super) fn of(to: W, name: String, interruptions: &Interruptions) -> Self {
        Self { to, name, interruptions: interruptions.clone(), is_given_up: false }
    }
}

/// Standard output without the memory of the standard library's: what is written is gone.
///
/// # Errors
/// There is no further file to be had.
#[cfg(unix)]
pub(super) fn stdout() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(io::stdout().as_fd().try_clone_to_owned()?.into())
}

/// Standard output; only the standard library's can be trusted to write any text to a console.
///
/// # Errors
/// None here.
#[cfg(not(unix))]
pub(super) fn stdout() -> io::Result<io::Stdout> {
    Ok(io::stdout())
}

#[cfg(unix)]
mod patience {
    use std::os::fd::AsFd;
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use rustix::io::Errno;

    use super::Interruptions;

    /// A reader who takes nothing for so long after an interruption will take no more.
    const GRACE: Duration = Duration::from_secs(3);
    /// Between two looks whether somebody has interrupted.
    const PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    /// Most bytes at once: so many a pipe that says it is ready takes without blocking.
    pub(super) const MOST_BYTES: usize = 4096;

    /// Waits until `to` takes something; whether it will.
    pub(super) fn is_ready(to: &impl AsFd, interruptions: &Interruptions) -> bool {
        let began = Instant::now();
        loop {
            match poll(&mut [PollFd::new(to, PollFlags::OUT)], Some(&PAUSE)) {
                Ok(0) | Err(Errno::INTR) => {}
                // What is wrong with it, the write tells.
                Ok(_) | Err(_) => return true,
            }
            let since = interruptions.heard_at().map(|heard| heard.max(began));
            if since.is_some_and(|since| since.elapsed() >= GRACE) {
                return false;
            }
        }
    }
}

#[cfg(unix)]
impl<W: Write + std::os::fd::AsFd> Write for Reader<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_given_up && !patience::is_ready(&self.to, &self.interruptions) {
            log::warn!("interrupted: nobody reads {}: the rest of it is not written", self.name);
            self.is_given_up = true;
        }
        if self.is_given_up {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.to.write(&bytes[..bytes.len().min(patience::MOST_BYTES)])
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(not(unix))]
impl<W: Write> Write for Reader<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
