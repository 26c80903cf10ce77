//! Standard input that need not end: lines as they come, in batches.
//!
//! A thread of its own reads, because a read may block for ever. It is a little ahead and no more: where
//! nobody takes batches, nothing is read. Lines mean what they mean in a list that is read whole.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Error, FileError, FileFault, Inputs, STDIN_NAME, list, text};

/// Most lines of a batch.
pub const MAX_BATCH_LINES: usize = 1_000;
/// How long a batch waits for more, once it has a line.
pub const BATCH_PAUSE: Duration = Duration::from_millis(100);
/// Most bytes of a line: far above any name and comment.
const MAX_LINE_BYTES: u64 = 64 * 1024;

/// Standard input, read as it comes.
#[derive(Debug)]
pub struct Stream {
    lines: mpsc::Receiver<Result<Vec<u8>, FileFault>>,
    name: Arc<str>,
    /// Lines so far.
    read: u32,
}

impl Stream {
    /// Begins to read. `reader` is what standard input is.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn of(reader: impl Read + Send + 'static) -> io::Result<Self> {
        let (sender, lines) = mpsc::channel(MAX_BATCH_LINES);
        thread::Builder::new().name("standard input".to_owned()).spawn(move || read(reader, &sender))?;
        Ok(Self { lines, name: STDIN_NAME.into(), read: 0 })
    }

    /// What has come since the last batch, or else what comes next; `None` when there is nothing more.
    /// Comments and blank lines alone make no batch.
    ///
    /// Dropping the future loses no more than the batch that was begun.
    ///
    /// # Errors
    /// Standard input cannot be read, or is no text.
    pub async fn batch(&mut self) -> Result<Option<Inputs>, Error> {
        let mut inputs = Inputs::default();
        while inputs.images.is_empty() && inputs.bad.is_empty() {
            let Some(first) = self.lines.recv().await else { return Ok(None) };
            self.take(first, &mut inputs)?;
            let until = Instant::now() + BATCH_PAUSE;
            for _ in 1..MAX_BATCH_LINES {
                let Ok(Some(line)) = timeout_at(until, self.lines.recv()).await else { break };
                self.take(line, &mut inputs)?;
            }
        }
        Ok(Some(inputs))
    }

    fn take(&mut self, line: Result<Vec<u8>, FileFault>, inputs: &mut Inputs) -> Result<(), Error> {
        let before = self.read;
        let text = line.and_then(text::decode).map_err(|fault| {
            let fault = match fault {
                FileFault::NotUtf8 { line } => FileFault::NotUtf8 { line: before.saturating_add(line) },
                FileFault::LongLine { most, .. } => {
                    FileFault::LongLine { line: before.saturating_add(1), most }
                }
                other => other,
            };
            Error::Unreadable(vec![FileError { file: Arc::clone(&self.name), fault }])
        })?;
        // A lone CR within it ends a line too.
        for (number, line) in text::lines(text.strip_suffix('\r').unwrap_or(&text)) {
            self.read = before.saturating_add(number);
            list::read_line(line, self.read, &self.name, inputs);
        }
        Ok(())
    }
}

/// Sends each line without its LF, until the end, a fault, or nobody listens.
fn read(reader: impl Read, to: &mpsc::Sender<Result<Vec<u8>, FileFault>>) {
    let mut reader = BufReader::new(reader);
    loop {
        let mut line = Vec::new();
        let length = match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(length) => length as u64,
            Err(error) => return drop(to.blocking_send(Err(error.into()))),
        };
        if line.pop_if(|last| *last == b'\n').is_none() && length == MAX_LINE_BYTES {
            let fault = FileFault::LongLine { line: 0, most: MAX_LINE_BYTES };
            return drop(to.blocking_send(Err(fault)));
        }
        if length == 0 || to.blocking_send(Ok(line)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Write as _, pipe};

    use super::*;

    async fn all(bytes: &'static [u8]) -> Result<Vec<Inputs>, Error> {
        let mut stream = Stream::of(bytes).unwrap();
        let mut batches = Vec::new();
        while let Some(batch) = stream.batch().await? {
            batches.push(batch);
        }
        Ok(batches)
    }

    fn fault(error: Error) -> String {
        assert!(matches!(&error, Error::Unreadable(faults) if faults.len() == 1), "{error:?}");
        error.to_string()
    }

    #[tokio::test]
    async fn lines_are_those_of_a_list_that_is_read_whole() {
        const TEXT: &[u8] = b"\xef\xbb\xbf# a\r\nnginx\rBAD\r\n\r\nredis:7 # b\n\n\tquay.io/a/b";
        let whole = super::super::read(&["-".into()], TEXT, &super::super::Options::default()).unwrap();
        let mut joined = Inputs::default();
        for batch in all(TEXT).await.unwrap() {
            joined.images.extend(batch.images);
            joined.bad.extend(batch.bad);
        }
        assert_eq!(joined, whole);
        assert_eq!(joined.images.len() + joined.bad.len(), 4);
    }

    #[tokio::test]
    async fn a_line_is_there_before_the_next_is_written() {
        let (reader, mut writer) = pipe().unwrap();
        let mut stream = Stream::of(reader).unwrap();
        for number in 1..=3 {
            writeln!(writer, "# comment\nnginx:{number}").unwrap();
            let batch = stream.batch().await.unwrap().unwrap();
            assert_eq!(batch.images.len(), 1);
            assert_eq!(batch.images[0].origin.to_string(), format!("stdin:{}", 2 * number));
        }
        drop(writer);
        assert_eq!(stream.batch().await.unwrap(), None);
    }

    /// The same line for ever.
    struct Endless;

    impl Read for Endless {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let lines = b"nginx\n".iter().cycle().take(to.len() / 6 * 6);
            Ok(to.iter_mut().zip(lines).map(|(to, byte)| *to = *byte).count())
        }
    }

    #[tokio::test]
    async fn batches_of_input_without_end_are_bounded() {
        let mut stream = Stream::of(Endless).unwrap();
        let mut last = 0;
        for _ in 0..50 {
            let batch = stream.batch().await.unwrap().unwrap();
            assert!((1..=MAX_BATCH_LINES).contains(&batch.images.len()));
            assert_eq!(batch.images[0].origin.line, last + 1);
            last = batch.images.last().unwrap().origin.line;
        }
    }

    #[tokio::test]
    async fn what_is_no_text_is_told_with_its_line() {
        for (bytes, told) in [
            (&b"nginx\n# caf\xe9\n"[..], "stdin: line 2 is not UTF-8 text"),
            (b"nginx\nre\0dis\n", "stdin: not text but binary data"),
        ] {
            assert_eq!(fault(all(bytes).await.unwrap_err()), told);
        }
        let mut stream = Stream::of(b"nginx\n".chain(io::repeat(b'x'))).unwrap();
        let error = stream.batch().await.unwrap_err();
        assert_eq!(fault(error), "stdin: line 2 is longer than 65536 bytes");
    }
}
