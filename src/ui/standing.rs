//! How far a run is, as numbers and in words. Pure: the time is an argument, and nothing is printed.

use std::sync::Arc;
use std::time::Duration;

use super::log::fit;
use crate::model::endpoint::{Authority, Endpoint, Role};
use crate::model::host::HostState;

/// Most hosts that are told of.
const MOST_HOSTS: usize = 16;

/// What is done and what is left.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// How many images there are, if that is known.
    all: Option<usize>,
    done: usize,
    not_ok: usize,
    hosts: Vec<Watched>,
    /// When speeds were measured last.
    measured: Duration,
}

/// Which of the hosts that are told of each endpoint of a plan is.
#[derive(Debug)]
pub struct Watch(Vec<Option<usize>>);

/// One endpoint that is told of.
#[derive(Debug)]
struct Watched {
    name: String,
    authority: Authority,
    answers: u64,
    /// Of these, how many there were when the speed was measured.
    measured: u64,
    per_second: f64,
    state: HostState,
}

impl Standing {
    /// Nothing done so far of `all` images.
    pub(super) fn of(all: Option<usize>) -> Self {
        Self { all, ..Self::default() }
    }

    /// The endpoints of a plan that is asked from now on. The mirrors are told of, or else the upstreams.
    pub(super) fn watch(&mut self, endpoints: &[Arc<Endpoint>]) -> Watch {
        let has_mirrors = endpoints.iter().any(|endpoint| endpoint.role == Role::Mirror);
        let role = if has_mirrors { Role::Mirror } else { Role::Upstream };
        let host = |endpoint: &Arc<Endpoint>| {
            if endpoint.role == role { self.host(endpoint) } else { None }
        };
        Watch(endpoints.iter().map(host).collect())
    }

    fn host(&mut self, endpoint: &Endpoint) -> Option<usize> {
        let name = fit(&endpoint.name);
        let known = self.hosts.iter().position(|host| host.name == name);
        if known.is_some() || self.hosts.len() >= MOST_HOSTS {
            return known;
        }
        let authority = endpoint.authority.clone();
        let state = HostState::Asked;
        self.hosts.push(Watched { name, authority, answers: 0, measured: 0, per_second: 0.0, state });
        Some(self.hosts.len() - 1)
    }

    /// An answer came from the endpoint with this index in what is watched.
    pub(super) fn answered(&mut self, watch: &Watch, endpoint: u32) {
        if let Some(Some(host)) = watch.0.get(endpoint as usize) {
            self.hosts[*host].answers += 1;
        }
    }

    /// One image more is done, with so many results that are not what they should be.
    pub(super) fn done(&mut self, not_ok: usize) {
        self.done += 1;
        self.not_ok += not_ok;
    }

    /// How many results so far are not what they should be.
    pub(super) const fn not_ok(&self) -> usize {
        self.not_ok
    }

    /// Whose states [`Self::measure`] wants.
    pub(super) fn authorities(&self) -> Vec<Authority> {
        self.hosts.iter().map(|host| host.authority.clone()).collect()
    }

    /// Measures speeds since the last time, at `now` since the beginning.
    pub(super) fn measure(&mut self, now: Duration, states: &[HostState]) {
        let seconds = now.saturating_sub(self.measured).as_secs_f64();
        self.measured = now;
        for (host, state) in self.hosts.iter_mut().zip(states) {
            #[expect(clippy::cast_precision_loss, reason = "exact for any number of answers that can come")]
            let answers = (host.answers - host.measured) as f64;
            host.per_second = if seconds > 0.0 { answers / seconds } else { 0.0 };
            host.measured = host.answers;
            host.state = *state;
        }
    }

    /// `120/1000 images, 3 results not ok, 20s, about 2m left; harbor 4.5/s, quay down`
    pub(super) fn line(&self, now: Duration) -> String {
        let all = self.all.map(|all| format!("/{all}")).unwrap_or_default();
        let mut line = format!("{}{all} images, {} results not ok, {}", self.done, self.not_ok, span(now));
        if let Some(left) = self.left(now) {
            line += &format!(", about {} left", span(left));
        }
        if !self.hosts.is_empty() {
            line += "; ";
            line += &self.hosts();
        }
        line
    }

    /// `harbor 4.5/s, quay cooling down (12s), ghcr down`
    pub(super) fn hosts(&self) -> String {
        let words = self.hosts.iter().map(|host| match host.state {
            HostState::Asked if host.per_second >= 10.0 => format!("{} {:.0}/s", host.name, host.per_second),
            HostState::Asked => format!("{} {:.1}/s", host.name, host.per_second),
            HostState::CoolingDown(wait) => format!("{} cooling down ({})", host.name, span(wait)),
            HostState::Down => format!("{} down", host.name),
            HostState::LeftAlone => format!("{} throttling, left alone", host.name),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// If the rest goes as what is done went.
    fn left(&self, now: Duration) -> Option<Duration> {
        let left = self.all?.checked_sub(self.done)?;
        if self.done == 0 || left == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let share = left as f64 / self.done as f64;
        Duration::try_from_secs_f64(now.as_secs_f64() * share).ok()
    }
}

/// `45s`, `2m20s`, `1h05m`; what has begun of a second counts.
fn span(time: Duration) -> String {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h{minutes:02}m"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use url::Url;

    use super::*;
    use crate::model::endpoint::Namespace;
    use crate::model::rewrite::Rewrite;

    const SECOND: Duration = Duration::from_secs(1);

    pub(in super::super) fn endpoint(name: &str, role: Role) -> Arc<Endpoint> {
        let url = Url::parse("https://m.example").unwrap();
        Arc::new(Endpoint {
            name: name.into(),
            api_root: "https://m.example/v2".into(),
            authority: Authority::of(&url).unwrap(),
            url,
            role,
            rewrite: Rewrite::default(),
            namespace: Namespace::Auto,
            accepts: crate::model::endpoint::Accepts::All,
            seen: None,
        })
    }

    #[test]
    fn a_line_tells_what_is_done_and_left_and_how_each_mirror_is() {
        let mut standing = Standing::of(Some(100));
        let names = ["fast", "slow", "throttling", "silent", "tired"];
        let mut endpoints: Vec<_> = names.map(|name| endpoint(name, Role::Mirror)).into();
        endpoints.push(endpoint("docker.io", Role::Upstream));
        let watch = standing.watch(&endpoints);
        assert_eq!(standing.authorities().len(), 5);
        assert_eq!(
            standing.line(Duration::ZERO),
            "0/100 images, 0 results not ok, 0s; fast 0.0/s, slow 0.0/s, throttling 0.0/s, silent 0.0/s, tired 0.0/s"
        );
        (0..200).for_each(|_| standing.answered(&watch, 0));
        (0..25).for_each(|_| standing.answered(&watch, 1));
        standing.answered(&watch, 5);
        (0..25).for_each(|at| standing.done(usize::from(at < 3)));
        let wait = HostState::CoolingDown(Duration::from_millis(11_200));
        let states = [HostState::Asked, HostState::Asked, wait, HostState::Down, HostState::LeftAlone];
        standing.measure(10 * SECOND, &states);
        assert_eq!(
            standing.line(10 * SECOND),
            "25/100 images, 3 results not ok, 10s, about 30s left; \
             fast 20/s, slow 2.5/s, throttling cooling down (12s), silent down, tired throttling, left alone"
        );
        // Speed is that of the last moments.
        standing.measure(20 * SECOND, &[HostState::Asked; 5]);
        assert!(standing.hosts().starts_with("fast 0.0/s, slow 0.0/s"), "{}", standing.hosts());
    }

    #[test]
    fn without_mirrors_the_upstreams_are_told_of_and_without_an_end_no_time_is_left() {
        let mut standing = Standing::of(None);
        for batch in 0..40 {
            let names = [format!("a{batch}.example"), "quay.io".to_owned()];
            let watch = standing.watch(&names.map(|name| endpoint(&name, Role::Upstream)));
            standing.answered(&watch, 1);
        }
        standing.done(0);
        assert_eq!(standing.hosts.len(), MOST_HOSTS, "however many there are");
        standing.measure(SECOND, &[HostState::Asked; MOST_HOSTS]);
        assert!(
            standing
                .line(SECOND)
                .starts_with("1 images, 0 results not ok, 1s; a0.example 0.0/s, quay.io 40/s, ")
        );
    }

    #[test]
    fn names_cannot_take_over_the_terminal() {
        let mut standing = Standing::of(None);
        standing.watch(&[endpoint("a\u{1b}[2J", Role::Mirror)]);
        assert_eq!(standing.hosts(), "a\\u{1b}[2J 0.0/s");
    }

    #[test]
    fn times_are_told_in_whole_seconds_and_their_likes() {
        for (seconds, text) in [(0, "0s"), (59, "59s"), (60, "1m00s"), (140, "2m20s"), (3_900, "1h05m")] {
            assert_eq!(span(seconds * SECOND), text);
        }
        assert_eq!(span(SECOND / 10), "1s");
    }
}
