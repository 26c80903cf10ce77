//! How far the run is, on stderr: a bar on a terminal, plain lines where they are asked for.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two plain lines.
const INTERVAL: Duration = Duration::from_secs(10);

/// From this width on, in columns, all that there is to tell fits beside a bar.
const ROOM_FOR_ALL: u16 = 72;

/// How progress is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A bar.
    Bar,
    /// A line every ten seconds.
    Plain,
    /// Not at all.
    None,
}

/// Progress of one run.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    plain: Option<Instant>,
    started: Instant,
}

impl Progress {
    /// Begins to tell of `images` images.
    #[must_use]
    pub fn start(style: Style, images: usize) -> Self {
        let started = Instant::now();
        let bar = match style {
            Style::Bar => {
                let width = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| width.0);
                bar(images, ProgressDrawTarget::stderr_with_hz(10), width.unwrap_or(u16::MAX))
            }
            Style::Plain | Style::None => {
                ProgressBar::with_draw_target(Some(images as u64), ProgressDrawTarget::hidden())
            }
        };
        Self { bar, plain: (style == Style::Plain).then_some(started), started }
    }

    /// One image more is done; `not_ok` results so far are not what they should be.
    pub fn done(&mut self, not_ok: usize) {
        self.bar.inc(1);
        if not_ok > 0 && !self.bar.is_hidden() {
            self.bar.set_message(format!("images, {not_ok} not ok"));
        }
        if let Some(last) = &mut self.plain
            && last.elapsed() >= INTERVAL
        {
            *last = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let seconds = self.started.elapsed().as_secs();
            let _ = writeln!(
                std::io::stderr().lock(),
                "{done}/{all} images, {not_ok} results not ok, {seconds}s"
            );
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A line that is cut to the terminal rather than broken in two, which could not be taken away again.
fn bar(images: usize, target: ProgressDrawTarget, width: u16) -> ProgressBar {
    let template = if width >= ROOM_FOR_ALL {
        "{wide_bar} {pos}/{len} {msg}, {elapsed} (about {eta} left)"
    } else {
        "{pos}/{len} {wide_msg}"
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::with_draw_target(Some(images as u64), target).with_style(style).with_message("images")
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[derive(Clone, Debug)]
    struct Terminal {
        width: u16,
        written: Arc<Mutex<Vec<String>>>,
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            self.width
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.written.lock().unwrap().push(text.trim_end().to_owned());
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_bar_fits_the_terminal_and_tells_the_most_important_first() {
        for (width, words) in [
            (20, "100000/100000 images"),
            (40, "100000/100000 images, 100000 not ok"),
            (71, "100000/100000 images, 100000 not ok"),
            (72, " 100000/100000 images, 100000 not ok, "),
            (200, " 100000/100000 images, 100000 not ok, "),
        ] {
            let terminal = Terminal { width, written: Arc::default() };
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let bar = bar(100_000, target, width);
            let mut progress = Progress { bar: bar.clone(), plain: None, started: Instant::now() };
            bar.set_position(99_999);
            progress.done(100_000);
            bar.force_draw();
            let written = terminal.written.lock().unwrap();
            assert!(
                written.iter().any(|line| line.contains(&words[..words.len().min(width.into())])),
                "{written:?}"
            );
            for line in written.iter() {
                assert!(line.width() <= usize::from(width), "{width}: {line:?}");
            }
        }
    }
}
