//! How far the run is, on stderr: a bar on a terminal, plain lines where they are asked for.

use std::cell::RefCell;
use std::convert::Infallible;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, MissedTickBehavior};

use super::standing::Standing;
pub use super::standing::Watch;
use crate::model::endpoint::{Authority, Endpoint};
use crate::model::host::HostState;

/// Between two plain lines.
const INTERVAL: Duration = Duration::from_secs(10);
/// Between two looks at the hosts for the bar.
const REDRAW: Duration = Duration::from_secs(1);

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
    style: Style,
    bar: ProgressBar,
    room: Room,
    started: Instant,
    standing: RefCell<Standing>,
}

impl Progress {
    /// Begins to tell of `images` images, if it is known how many there are.
    #[must_use]
    pub fn start(style: Style, images: Option<usize>) -> Self {
        let target = match style {
            Style::Bar => ProgressDrawTarget::stderr_with_hz(10),
            Style::Plain | Style::None => ProgressDrawTarget::hidden(),
        };
        let width = terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| width.0);
        Self::on(target, style, images, Room::of(width.unwrap_or(u16::MAX)))
    }

    fn on(target: ProgressDrawTarget, style: Style, images: Option<usize>, room: Room) -> Self {
        let standing = RefCell::new(Standing::of(images));
        Self { style, bar: bar(images, target, room), room, started: Instant::now(), standing }
    }

    /// The endpoints of a plan that is asked from now on.
    pub fn watch(&self, endpoints: &[Arc<Endpoint>]) -> Watch {
        self.standing.borrow_mut().watch(endpoints)
    }

    /// An answer came from the endpoint with this index in what is watched.
    pub fn answered(&self, watch: &Watch, endpoint: u32) {
        self.standing.borrow_mut().answered(watch, endpoint);
    }

    /// One image more is done, with so many results that are not what they should be.
    pub fn done(&self, not_ok: usize) {
        self.standing.borrow_mut().done(not_ok);
        self.bar.inc(1);
        if not_ok > 0 && self.style == Style::Bar {
            self.draw(&self.standing.borrow());
        }
    }

    /// What is told beside the numbers.
    fn draw(&self, standing: &Standing) {
        let words = match standing.not_ok() {
            0 => "images".to_owned(),
            not_ok => format!("images, {not_ok} not ok"),
        };
        let hosts = standing.hosts();
        match self.room {
            Room::Ample => {
                self.bar.set_prefix(format!("{words}, {}", standing.times(self.started.elapsed())));
                self.bar.set_message(hosts);
            }
            Room::Scarce if hosts.is_empty() => self.bar.set_message(words),
            Room::Scarce => self.bar.set_message(format!("{words}; {hosts}")),
        }
    }

    /// Tells how each host is and what is left, every now and then, whether anything was done or not.
    /// `states` says how these hosts are. Never completes.
    pub async fn tell(&self, states: impl Fn(&[Authority]) -> Vec<HostState>) -> Infallible {
        self.tell_to(states, |line| {
            // With stderr closed there is nobody to tell.
            let _ = writeln!(std::io::stderr().lock(), "{line}");
        })
        .await
    }

    async fn tell_to(
        &self,
        states: impl Fn(&[Authority]) -> Vec<HostState>,
        print: impl Fn(&str),
    ) -> Infallible {
        let pause = match self.style {
            Style::Plain => INTERVAL,
            Style::Bar => REDRAW,
            Style::None => return std::future::pending().await,
        };
        let mut ticks = tokio::time::interval_at(self.started + pause, pause);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            ticks.tick().await;
            let mut standing = self.standing.borrow_mut();
            let now = self.started.elapsed();
            let states = states(&standing.authorities());
            standing.measure(now, &states);
            match self.style {
                Style::Plain => print(&standing.line(now)),
                Style::Bar | Style::None => self.draw(&standing),
            }
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// How much the terminal has room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Room {
    /// A bar, and a second line for the hosts.
    Ample,
    /// One line.
    Scarce,
}

impl Room {
    const fn of(width: u16) -> Self {
        if width >= ROOM_FOR_ALL { Self::Ample } else { Self::Scarce }
    }
}

/// A line that is cut to the terminal rather than broken in two, which could not be taken away again.
fn bar(images: Option<usize>, target: ProgressDrawTarget, room: Room) -> ProgressBar {
    let template = match (images, room) {
        (Some(_), Room::Ample) => "{wide_bar} {pos}/{len} {prefix}\n{wide_msg}",
        (Some(_), Room::Scarce) => "{pos}/{len} {wide_msg}",
        (None, Room::Ample) => "{pos} {prefix}\n{wide_msg}",
        (None, Room::Scarce) => "{pos} {wide_msg}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::with_draw_target(images.map(|images| images as u64), target).with_style(style);
    match room {
        Room::Ample => bar.with_prefix("images, 0s"),
        Room::Scarce => bar.with_message("images"),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Mutex;

    use indicatif::TermLike;
    use unicode_width::UnicodeWidthStr;

    use super::super::standing::tests::endpoint;
    use super::*;
    use crate::model::endpoint::Role;

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
            (60, "100000/100000 images, 100000 not ok; harbor 0.0/s"),
            (71, "100000/100000 images, 100000 not ok; harbor 0.0/s"),
            (72, " 100000/100000 images, 100000 not ok, "),
            (200, " 100000/100000 images, 100000 not ok, "),
        ] {
            let terminal = Terminal { width, written: Arc::default() };
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let progress = Progress::on(target, Style::Bar, Some(100_000), Room::of(width));
            progress.watch(&[endpoint("harbor", Role::Mirror), endpoint(&"x".repeat(300), Role::Mirror)]);
            progress.bar.set_position(99_999);
            progress.done(100_000);
            progress.bar.force_draw();
            let written = terminal.written.lock().unwrap();
            let has = |words: &str| written.iter().any(|line| line.contains(words));
            assert!(has(&words[..words.len().min(width.into())]), "{written:?}");
            assert!(width < 60 || has("harbor 0.0/s"), "{written:?}");
            for line in written.iter() {
                assert!(line.width() <= usize::from(width), "{width}: {line:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn plain_lines_come_every_ten_seconds_also_when_nothing_is_done() {
        let progress = Progress::on(ProgressDrawTarget::hidden(), Style::Plain, Some(4), Room::Ample);
        progress.watch(&[endpoint("harbor", Role::Mirror)]);
        let lines = RefCell::new(Vec::new());
        let silent = |hosts: &[Authority]| vec![HostState::Down; hosts.len()];
        let told = progress.tell_to(silent, |line| lines.borrow_mut().push(line.to_owned()));
        let run = async {
            tokio::time::sleep(Duration::from_secs(25)).await;
            progress.done(1);
            tokio::time::sleep(Duration::from_secs(10)).await;
        };
        tokio::select! {
            () = run => {}
            never = told => match never {},
        }
        assert_eq!(
            lines.into_inner(),
            [
                "0/4 images, 0 results not ok, 10s; harbor down",
                "0/4 images, 0 results not ok, 20s; harbor down",
                "1/4 images, 1 results not ok, 30s, about 1m00s left; harbor down",
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_told_where_nobody_wants_it() {
        let progress = Progress::start(Style::None, Some(4));
        let told = progress.tell_to(|_| panic!("nobody asked"), |line| panic!("{line}"));
        assert!(tokio::time::timeout(Duration::from_secs(100), told).await.is_err());
        assert!(progress.bar.is_hidden());
    }
}
