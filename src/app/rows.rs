//! Results on their way out, one line each, while others are still asked for.
//!
//! A thread of its own writes, so that a reader who takes his time holds up no request that is on the wire.
//! What a place does not take is remembered for the end; a pipe that nobody reads any more is no fault.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;

use tokio::sync::{Notify, oneshot};

use super::OutputError;

/// One place that gets lines.
pub(super) struct Place {
    /// What it is called in errors.
    pub(super) path: PathBuf,
    /// Where it goes.
    pub(super) to: Box<dyn Write + Send>,
}

/// All places that get lines.
#[derive(Debug)]
pub(super) struct Rows {
    messages: mpsc::Sender<Message>,
    writer: thread::JoinHandle<Vec<OutputError>>,
    closed: Arc<Closed>,
}

/// Whether no place takes lines any more.
#[derive(Debug, Default)]
struct Closed {
    is_so: AtomicBool,
    told: Notify,
}

enum Message {
    Lines(Vec<u8>),
    /// Everything before this is to be written.
    Flush(oneshot::Sender<()>),
}

impl Rows {
    /// Begins to write.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(super) fn to(places: Vec<Place>) -> io::Result<Self> {
        let closed = Arc::new(Closed::default());
        let (messages, inbox) = mpsc::channel();
        let tell = Arc::clone(&closed);
        let writer =
            thread::Builder::new().name("results".to_owned()).spawn(move || write(places, &inbox, &tell))?;
        Ok(Self { messages, writer, closed })
    }

    /// Has these lines written; returns before they are.
    pub(super) fn put(&self, lines: Vec<u8>) {
        // The thread ends only after this sender is gone.
        let _ = self.messages.send(Message::Lines(lines));
    }

    /// Completes when everything so far is written.
    pub(super) async fn flushed(&self) {
        let (done, is_done) = oneshot::channel();
        let _ = self.messages.send(Message::Flush(done));
        let _ = is_done.await;
    }

    /// Whether no place takes lines any more: nobody will read what is asked from now on.
    pub(super) fn are_closed(&self) -> bool {
        self.closed.is_so.load(Ordering::Acquire)
    }

    /// Completes when no place takes lines any more.
    pub(super) fn closed(&self) -> impl Future<Output = ()> + use<> {
        let closed = Arc::clone(&self.closed);
        async move {
            while !closed.is_so.load(Ordering::Acquire) {
                closed.told.notified().await;
            }
        }
    }

    /// Waits until all is written, and tells what could not be.
    pub(super) fn finish(self) -> Vec<OutputError> {
        drop(self.messages);
        self.writer.join().unwrap_or_else(|_| {
            vec![OutputError { path: "results".into(), why: "their writer failed".to_owned() }]
        })
    }
}

fn write(places: Vec<Place>, inbox: &mpsc::Receiver<Message>, closed: &Closed) -> Vec<OutputError> {
    let mut errors = Vec::new();
    let mut open: Vec<_> = places.into_iter().map(|place| (place.path, BufWriter::new(place.to))).collect();
    // What is there is written together, and never kept back for what may come.
    while let Ok(first) = inbox.recv() {
        let mut flushed = Vec::new();
        for message in std::iter::once(first).chain(inbox.try_iter()) {
            match message {
                Message::Lines(lines) => each(&mut open, &mut errors, |to| to.write_all(&lines)),
                Message::Flush(done) => flushed.push(done),
            }
        }
        each(&mut open, &mut errors, |to| to.flush());
        if open.is_empty() && !closed.is_so.swap(true, Ordering::AcqRel) {
            closed.told.notify_one();
        }
        for done in flushed {
            // Whoever waited may have been interrupted.
            let _ = done.send(());
        }
    }
    errors
}

type Open = Vec<(PathBuf, BufWriter<Box<dyn Write + Send>>)>;

/// Does it at every place; one that fails gets nothing more.
fn each(open: &mut Open, errors: &mut Vec<OutputError>, act: impl Fn(&mut dyn Write) -> io::Result<()>) {
    for at in (0..open.len()).rev() {
        let Err(error) = act(&mut open[at].1) else { continue };
        let (path, writer) = open.remove(at);
        // Dropped as it is, it would try once more what has failed.
        let _ = writer.into_parts();
        if error.kind() != io::ErrorKind::BrokenPipe {
            errors.push(OutputError { path, why: error.to_string() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, pipe};

    use super::*;

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn place(path: &str, to: impl Write + Send + 'static) -> Place {
        Place { path: path.into(), to: Box::new(to) }
    }

    #[tokio::test]
    async fn a_full_place_is_told_at_the_end_and_keeps_no_other_from_being_written() {
        let (mut reader, writer) = pipe().unwrap();
        let rows = Rows::to(vec![place("full", Full), place("pipe", writer)]).unwrap();
        rows.put(b"one\n".to_vec());
        rows.flushed().await;
        assert!(!rows.are_closed());
        rows.put(b"two\n".to_vec());
        let errors = rows.finish();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "one\ntwo\n");
        assert_eq!(errors.len(), 1);
        assert!(errors[0].to_string().starts_with("cannot write full: "), "{}", errors[0]);
    }

    #[tokio::test]
    async fn a_pipe_that_nobody_reads_closes_the_rows_without_a_fault() {
        let (reader, writer) = pipe().unwrap();
        drop(reader);
        let rows = Rows::to(vec![place("pipe", writer)]).unwrap();
        rows.put(b"one\n".to_vec());
        rows.closed().await;
        assert!(rows.are_closed());
        rows.put(b"two\n".to_vec());
        rows.flushed().await;
        assert!(rows.finish().is_empty());
    }
}
