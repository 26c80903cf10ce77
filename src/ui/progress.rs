//! How far the run is, on stderr: a bar on a terminal, plain lines where they are asked for.

use std::io::Write;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Between two plain lines.
const INTERVAL: Duration = Duration::from_secs(10);

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
                let bar = ProgressBar::with_draw_target(
                    Some(images as u64),
                    ProgressDrawTarget::stderr_with_hz(10),
                );
                let template = "{bar:30} {pos}/{len} images, {msg} {elapsed} (about {eta} left)";
                bar.with_style(
                    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
                )
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
            self.bar.set_message(format!("{not_ok} not ok,"));
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
