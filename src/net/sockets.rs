//! Open files: a run wants a socket for each request in flight and for each idle connection it keeps.
//!
//! The soft limit of the process is raised where that is allowed; where it is not, the run has to do with
//! less. What to do is a pure function, tested by a table; [`make_room`] does it.

/// Files that are open besides: standard streams, reports, the resolver's sockets, sockets being closed.
const OTHERS: u64 = 64;

/// What a run would like to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Requests in flight, all hosts together.
    pub in_flight: usize,
    /// Requests in flight to one host.
    pub per_host: usize,
    /// How many hosts there may be.
    pub hosts: usize,
}

/// What it can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Requests in flight, all hosts together: as wanted, or fewer.
    pub in_flight: usize,
    /// Idle connections kept to each host.
    pub idle_per_host: usize,
}

/// The limits of a process on open files; `None` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileLimit {
    soft: Option<u64>,
    hard: Option<u64>,
}

/// Raises the limit on open files as far as is needed and allowed, and says what there is room for.
#[must_use]
pub fn make_room(wanted: Wanted) -> Room {
    let limit = current();
    let needed = needed(wanted);
    let soft = match to_raise(limit, needed) {
        Some(raised) if raise(raised, limit.hard) => Some(raised),
        _ => limit.soft,
    };
    room(wanted, soft)
}

/// Sockets in the worst case: every host has been busy, and every connection is kept.
fn needed(wanted: Wanted) -> u64 {
    let per_host = wanted.per_host.min(wanted.in_flight);
    let sockets = per_host.saturating_mul(wanted.hosts).max(wanted.in_flight);
    (sockets as u64).saturating_add(OTHERS)
}

/// The soft limit to ask for, if there should be another one.
fn to_raise(limit: FileLimit, needed: u64) -> Option<u64> {
    let soft = limit.soft?;
    let possible = limit.hard.map_or(needed, |hard| hard.min(needed));
    (possible > soft).then_some(possible)
}

/// What fits under `limit`.
fn room(wanted: Wanted, limit: Option<u64>) -> Room {
    let per_host = wanted.per_host.min(wanted.in_flight).max(1);
    let Some(limit) = limit.filter(|limit| *limit < needed(wanted)) else {
        return Room { in_flight: wanted.in_flight, idle_per_host: per_host };
    };
    let sockets = usize::try_from(limit.saturating_sub(OTHERS)).unwrap_or(usize::MAX);
    let in_flight = wanted.in_flight.min(sockets).max(1);
    // What is idle at one host stands beside what is in flight at the others.
    let idle = sockets.saturating_sub(in_flight) / wanted.hosts.max(1);
    Room { in_flight, idle_per_host: idle.min(per_host) }
}

#[cfg(unix)]
fn current() -> FileLimit {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    FileLimit { soft: limit.current, hard: limit.maximum }
}

#[cfg(unix)]
fn raise(soft: u64, hard: Option<u64>) -> bool {
    let limit = rustix::process::Rlimit { current: Some(soft), maximum: hard };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, limit).is_ok()
}

#[cfg(not(unix))]
const fn current() -> FileLimit {
    FileLimit { soft: None, hard: None }
}

#[cfg(not(unix))]
const fn raise(_: u64, _: Option<u64>) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn wanted(in_flight: usize, per_host: usize, hosts: usize) -> Wanted {
        Wanted { in_flight, per_host, hosts }
    }

    #[test]
    fn the_limit_is_raised_to_what_is_needed_and_no_further_than_allowed() {
        for (soft, hard, wanted, raised) in [
            (Some(1024), Some(1_048_576), wanted(256, 16, 4), None),
            (Some(256), Some(1_048_576), wanted(256, 16, 4), Some(320)),
            (Some(256), Some(300), wanted(256, 16, 4), Some(300)),
            (Some(256), Some(256), wanted(256, 16, 4), None),
            (Some(256), None, wanted(256, 16, 100), Some(1664)),
            (None, None, wanted(100_000, 100_000, 4), None),
            (Some(1024), None, wanted(100_000, 100_000, usize::MAX), Some(u64::MAX)),
        ] {
            assert_eq!(to_raise(FileLimit { soft, hard }, needed(wanted)), raised, "{soft:?} {hard:?}");
        }
    }

    #[test]
    fn a_run_does_with_less_where_files_are_few() {
        for (limit, wanted, in_flight, idle_per_host) in [
            (None, wanted(256, 16, 4), 256, 16),
            (Some(320), wanted(256, 16, 4), 256, 16),
            // All may be in flight, but 100 hosts may not keep 16 connections each.
            (Some(1024), wanted(256, 16, 100), 256, 7),
            (Some(256), wanted(256, 16, 4), 192, 0),
            (Some(256), wanted(100, 16, 20), 100, 4),
            (Some(10), wanted(256, 16, 4), 1, 0),
            (Some(1024), wanted(4, 16, 4), 4, 4),
        ] {
            assert_eq!(room(wanted, limit), Room { in_flight, idle_per_host }, "{limit:?}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn the_process_has_room_for_an_ordinary_run() {
        let wanted = wanted(32, 16, 4);
        assert_eq!(make_room(wanted), Room { in_flight: 32, idle_per_host: 16 });
        assert!(current().soft.is_none_or(|soft| soft >= needed(wanted)));
    }
}
