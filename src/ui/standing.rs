//! How far a run is, as numbers and in words. Pure: the time is an argument, and nothing is printed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::log::fit;
use crate::model::endpoint::{Authority, Endpoint, Role};
use crate::model::host::HostState;

/// Most hosts that are told of.
const MOST_HOSTS: usize = 16;
/// What was done in so long says how long the rest takes.
const RECENT: Duration = Duration::from_secs(60);
/// Fewer images than this, and than one in so many, are no basis for saying how long the rest takes.
const BASIS: usize = 10;

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
    /// When how many images were done: at each measurement of late, the oldest first.
    recent: VecDeque<(Duration, usize)>,
}

/// Which of the hosts that are told of each endpoint of a plan is.
#[derive(Debug)]
pub struct Watch(Vec<Option<usize>>);

/// One endpoint that is told of.
#[derive(Debug)]
struct Watched {
    name: String,
    telling: Telling,
    authority: Authority,
    answers: u64,
    /// Of these, how many there were when the speed was measured.
    measured: u64,
    per_second: f64,
    state: HostState,
}

/// Whether a host is told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    Told,
    /// Its state bears on the time that is left, and no more is made of it.
    Untold,
}

impl Standing {
    /// Nothing done so far of `all` images.
    pub(super) fn of(all: Option<usize>) -> Self {
        Self { all, recent: VecDeque::from([(Duration::ZERO, 0)]), ..Self::default() }
    }

    /// The endpoints of a plan that is asked from now on. The mirrors are told of, or else the upstreams.
    pub(super) fn watch(&mut self, endpoints: &[Arc<Endpoint>]) -> Watch {
        let has_mirrors = endpoints.iter().any(|endpoint| endpoint.role == Role::Mirror);
        let role = if has_mirrors { Role::Mirror } else { Role::Upstream };
        let host = |endpoint: &Arc<Endpoint>| {
            let telling = if endpoint.role == role { Telling::Told } else { Telling::Untold };
            self.host(endpoint, telling)
        };
        Watch(endpoints.iter().map(host).collect())
    }

    fn host(&mut self, endpoint: &Endpoint, telling: Telling) -> Option<usize> {
        let name = fit(&endpoint.name);
        let alike = |host: &&Watched| host.telling == telling;
        let known = self.hosts.iter().position(|host| host.telling == telling && host.name == name);
        if known.is_some() || self.hosts.iter().filter(alike).count() >= MOST_HOSTS {
            return known;
        }
        let authority = endpoint.authority.clone();
        let state = HostState::Asked;
        let (answers, measured, per_second) = (0, 0, 0.0);
        self.hosts.push(Watched { name, telling, authority, answers, measured, per_second, state });
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
        let mut is_other_pace = false;
        for (host, state) in self.hosts.iter_mut().zip(states) {
            #[expect(clippy::cast_precision_loss, reason = "exact for any number of answers that can come")]
            let answers = (host.answers - host.measured) as f64;
            host.per_second = if seconds > 0.0 { answers / seconds } else { 0.0 };
            host.measured = host.answers;
            is_other_pace |= is_asked(host.state) != is_asked(*state);
            host.state = *state;
        }
        // Images that waited for a host that is known to be down now say nothing of those to come.
        if is_other_pace {
            self.recent.clear();
        }
        while self.recent.get(1).is_some_and(|(time, _)| now.saturating_sub(*time) >= RECENT) {
            self.recent.pop_front();
        }
        self.recent.push_back((now, self.done));
    }

    /// `120/1000 images, 3 results not ok, 20s, about 2m left; harbor 4.5/s, quay down`
    pub(super) fn line(&self, now: Duration) -> String {
        let all = self.all.map(|all| format!("/{all}")).unwrap_or_default();
        let times = self.times(now);
        let mut line = format!("{}{all} images, {} results not ok, {times}", self.done, self.not_ok);
        let hosts = self.hosts();
        if !hosts.is_empty() {
            line += "; ";
            line += &hosts;
        }
        line
    }

    /// `20s, about 2m left`; of the time left nothing, where there is no basis for it.
    pub(super) fn times(&self, now: Duration) -> String {
        let passed = span(Duration::from_secs(now.as_secs()));
        match self.left() {
            Some(left) => format!("{passed}, about {} left", span(left)),
            None => passed,
        }
    }

    /// `harbor 4.5/s, quay cooling down (12s), ghcr down`
    pub(super) fn hosts(&self) -> String {
        let told = self.hosts.iter().filter(|host| host.telling == Telling::Told);
        let words = told.map(|host| match host.state {
            HostState::Asked if host.per_second >= 10.0 => format!("{} {:.0}/s", host.name, host.per_second),
            HostState::Asked => format!("{} {:.1}/s", host.name, host.per_second),
            HostState::CoolingDown(wait) => format!("{} cooling down ({})", host.name, span(wait)),
            HostState::Down => format!("{} down", host.name),
            HostState::LeftAlone => format!("{} throttling, left alone", host.name),
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// If the rest goes as it went of late.
    fn left(&self) -> Option<Duration> {
        let left = self.all?.checked_sub(self.done)?;
        let (since, before) = *self.recent.front()?;
        let recent = self.recent.back()?.1 - before;
        if left == 0 || recent < BASIS && recent * BASIS < self.all? {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let share = left as f64 / recent as f64;
        Duration::try_from_secs_f64((self.measured - since).as_secs_f64() * share).ok()
    }
}

/// Whether images wait for a host in this state.
const fn is_asked(state: HostState) -> bool {
    match state {
        HostState::Asked | HostState::CoolingDown(_) => true,
        HostState::Down | HostState::LeftAlone => false,
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
        assert_eq!(standing.authorities().len(), 6, "upstream too, of which nothing is told");
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
            standing.line(10 * SECOND + SECOND / 2),
            "25/100 images, 3 results not ok, 10s; \
             fast 20/s, slow 2.5/s, throttling cooling down (12s), silent down, tired throttling, left alone"
        );
        // Speed is that of the last moments.
        standing.measure(20 * SECOND, &[HostState::Asked; 6]);
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

    /// Does this many images, and measures then.
    fn go_on(standing: &mut Standing, images: usize, until: u32, state: HostState) -> String {
        (0..images).for_each(|_| standing.done(0));
        let states = vec![state; standing.authorities().len()];
        standing.measure(until * SECOND, &states);
        standing.times(until * SECOND)
    }

    #[test]
    fn time_left_is_told_once_there_is_a_basis_and_goes_by_the_last_minute() {
        let mut standing = Standing::of(Some(1_000));
        standing.watch(&[endpoint("harbor", Role::Mirror)]);
        let asked = HostState::Asked;
        assert_eq!(standing.times(Duration::ZERO), "0s");
        assert_eq!(go_on(&mut standing, 0, 1, asked), "1s");
        assert_eq!(go_on(&mut standing, 9, 2, asked), "2s", "too few");
        assert_eq!(go_on(&mut standing, 1, 4, asked), "4s, about 6m36s left");
        assert_eq!(go_on(&mut standing, 90, 20, asked), "20s, about 3m00s left");
        // One a second from now on: soon nothing else counts.
        for second in 21..=80 {
            go_on(&mut standing, 1, second, asked);
        }
        assert_eq!(go_on(&mut standing, 1, 81, asked), "1m21s, about 13m59s left");
        for second in 82..150 {
            go_on(&mut standing, 0, second, asked);
        }
        assert_eq!(go_on(&mut standing, 0, 150, asked), "2m30s", "nothing is done of late");
        let mut small = Standing::of(Some(4));
        assert_eq!(go_on(&mut small, 1, 5, asked), "5s, about 15s left", "a quarter is a basis");
        assert_eq!(go_on(&mut small, 3, 6, asked), "6s", "nothing is left");
    }

    #[test]
    fn images_that_waited_for_a_host_that_is_down_are_no_basis_for_the_time_left() {
        for role in [Role::Mirror, Role::Upstream] {
            let mut standing = Standing::of(Some(5_000));
            standing.watch(&[endpoint("fine", Role::Mirror), endpoint("silent", role)]);
            assert_eq!(go_on(&mut standing, 0, 24, HostState::Asked), "24s");
            // All that were under way end at once with their time-outs.
            assert_eq!(go_on(&mut standing, 16, 25, HostState::Down), "25s");
            assert_eq!(go_on(&mut standing, 1_000, 27, HostState::Down), "27s, about 8s left");
            // A pause is no other pace: its end is known.
            let wait = HostState::CoolingDown(SECOND);
            assert_eq!(go_on(&mut standing, 0, 28, HostState::Asked), "28s");
            assert_eq!(go_on(&mut standing, 996, 30, wait), "30s, about 6s left");
        }
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
