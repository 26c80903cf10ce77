//! The Markdown report in the room that a job summary has.
//!
//! GitHub shows nothing of a summary that is too large. Where the whole report has no room the matrix goes
//! first, since what is wrong stands below it; then the list of problems is cut at a line.

use std::io::{self, Write};

use super::markdown;
use super::view::View;

/// Most bytes of a step's summary (GitHub documentation, "Adding a job summary").
pub const MOST_BYTES: usize = 1024 * 1024;

const CUT_OFF: &str = "\n\nThis summary is cut off where GitHub's limit is. The other reports tell all.\n";

/// The report in at most `room` bytes; empty where not even the beginning fits.
#[must_use]
pub fn step_summary(view: &View<'_>, room: usize) -> Vec<u8> {
    let whole = Limited::fill(room, |out| markdown::write(view, out));
    if !whole.is_full {
        return whole.bytes;
    }
    let part = Limited::fill(room.saturating_sub(CUT_OFF.len() + CLOSE.len()), |out| {
        markdown::write_head(view, out)?;
        markdown::write_problems(view, out)?;
        markdown::write_dynamic(view, out)
    });
    cut(part.bytes)
}

const FOLD: &[u8] = b"<details>";
const CLOSE: &str = "\n\n</details>";

/// Whole lines, with what folds them closed.
fn cut(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
    bytes.truncate(end);
    if bytes.is_empty() {
        return bytes;
    }
    let count = |wanted: &[u8]| bytes.windows(wanted.len()).filter(|window| *window == wanted).count();
    if count(FOLD) > count(b"</details>") {
        bytes.extend(CLOSE.as_bytes());
    }
    bytes.extend(CUT_OFF.as_bytes());
    bytes
}

/// As much as there is room for.
struct Limited {
    bytes: Vec<u8>,
    room: usize,
    is_full: bool,
}

impl Limited {
    fn fill(room: usize, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Self {
        let mut limited = Self { bytes: Vec::new(), room, is_full: false };
        // Only fullness can go wrong, and that is noted.
        let _ = write(&mut limited);
        limited
    }
}

impl Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.room - self.bytes.len();
        if room < bytes.len() {
            self.bytes.extend(&bytes[..room]);
            self.is_full = true;
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fixture::{self, Fixture};
    use super::*;

    fn summary(fixture: &Fixture, room: usize) -> String {
        String::from_utf8(step_summary(&fixture.view(), room)).unwrap()
    }

    #[test]
    fn a_summary_with_room_enough_is_the_markdown_report() {
        let fixture = fixture::all_statuses();
        let mut whole = Vec::new();
        markdown::write(&fixture.view(), &mut whole).unwrap();
        assert_eq!(step_summary(&fixture.view(), MOST_BYTES), whole);
        assert_eq!(step_summary(&fixture.view(), whole.len()), whole);
    }

    #[test]
    fn a_large_run_keeps_its_problems_and_loses_its_matrix() {
        let fixture = fixture::many(20_000);
        let text = summary(&fixture, MOST_BYTES);
        assert!(text.len() <= MOST_BYTES && text.len() > MOST_BYTES - 300, "{}", text.len());
        assert!(text.starts_with("# Registry check: failed\n"));
        assert!(!text.contains("## Images"));
        assert!(text.contains("## Problems"));
        assert!(text.ends_with(CUT_OFF));
        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
    }

    proptest! {
        #[test]
        fn a_summary_never_takes_more_than_its_room(room in 0usize..12_000) {
            let text = summary(&fixture::many(60), room);
            prop_assert!(text.len() <= room);
            prop_assert_eq!(text.matches("<details>").count(), text.matches("</details>").count());
            prop_assert!(text.is_empty() || text.ends_with('\n'));
        }
    }
}
