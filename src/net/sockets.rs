//! Open files: a run wants a socket for each request in flight and for each idle connection it keeps.
//!
//! The soft limit of the process is raised where that is allowed; where it is not, the run has to do with
//! less. What to do is a pure function, tested by a table; [`make_room`] does it.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};

/// Files that are open besides: standard streams, reports, the resolver's sockets, sockets being closed.
const OTHERS: u64 = 64;
/// What systems allow that tell of no limit.
const MODEST: u64 = 10_240;

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
    /// Connections, all hosts together, in use or idle.
    pub open: usize,
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
    let others = others(open_files());
    let needed = needed(wanted, others);
    let soft = match to_raise(limit, needed) {
        Some(raised) if raise(raised, limit.hard) => Some(raised),
        // macOS says that there is no limit, and has one.
        Some(raised) if raised > MODEST && limit.soft < Some(MODEST) && raise(MODEST, limit.hard) => {
            Some(MODEST)
        }
        _ => limit.soft,
    };
    room(wanted, soft, others)
}

/// Files that are open besides, where the process has so many already.
fn others(open: usize) -> u64 {
    OTHERS.max((open as u64).saturating_add(OTHERS / 2))
}

/// Sockets in the worst case: every host has been busy, and every connection is kept.
fn needed(wanted: Wanted, others: u64) -> u64 {
    let per_host = wanted.per_host.min(wanted.in_flight);
    let sockets = per_host.saturating_mul(wanted.hosts).max(wanted.in_flight);
    (sockets as u64).saturating_add(others)
}

/// The soft limit to ask for, if there should be another one.
fn to_raise(limit: FileLimit, needed: u64) -> Option<u64> {
    let soft = limit.soft?;
    let possible = limit.hard.map_or(needed, |hard| hard.min(needed));
    (possible > soft).then_some(possible)
}

/// What fits under `limit`, beside `others`.
fn room(wanted: Wanted, limit: Option<u64>, others: u64) -> Room {
    let Some(limit) = limit else { return Room { in_flight: wanted.in_flight, open: usize::MAX } };
    let open = usize::try_from(limit.saturating_sub(others)).unwrap_or(usize::MAX).max(1);
    Room { in_flight: wanted.in_flight.min(open), open }
}

/// Whether an operation failed because this process, or this machine, may open no further file.
#[must_use]
pub fn lacks_files(error: &io::Error) -> bool {
    #[cfg(unix)]
    let codes = [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].map(rustix::io::Errno::raw_os_error);
    // WSAEMFILE
    #[cfg(not(unix))]
    let codes = [10_024];
    error.raw_os_error().is_some_and(|code| codes.contains(&code))
}

/// Whether no socket can be opened at the moment for want of files.
#[must_use]
pub fn are_files_used_up() -> bool {
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).is_err_and(|error| lacks_files(&error))
}

/// Files that this process has open; 0 where that is not told.
fn open_files() -> usize {
    std::fs::read_dir("/dev/fd").map_or(0, Iterator::count)
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
            assert_eq!(
                to_raise(FileLimit { soft, hard }, needed(wanted, OTHERS)),
                raised,
                "{soft:?} {hard:?}"
            );
        }
    }

    #[test]
    fn a_run_does_with_less_where_files_are_few() {
        for (limit, wanted, others, in_flight, open) in [
            (None, wanted(256, 16, 4), 64, 256, usize::MAX),
            (Some(320), wanted(256, 16, 4), 64, 256, 256),
            // All may be in flight, but 100 hosts may not keep 16 connections each.
            (Some(1024), wanted(256, 16, 100), 64, 256, 960),
            (Some(256), wanted(256, 16, 4), 64, 192, 192),
            (Some(256), wanted(256, 16, 4), 156, 100, 100),
            (Some(10), wanted(256, 16, 4), 64, 1, 1),
            (Some(1024), wanted(4, 16, 4), 64, 4, 960),
        ] {
            assert_eq!(room(wanted, limit, others), Room { in_flight, open }, "{limit:?} {others}");
        }
    }

    #[test]
    fn what_is_open_already_takes_no_place_that_a_socket_would_want() {
        for (open, others_) in [(0, 64), (10, 64), (32, 64), (33, 65), (900, 932)] {
            assert_eq!(others(open), others_, "{open}");
        }
    }

    #[test]
    fn only_want_of_files_is_want_of_files() {
        let code = io::Error::from_raw_os_error;
        for (error, is_so) in [
            #[cfg(unix)]
            (code(rustix::io::Errno::MFILE.raw_os_error()), true),
            #[cfg(unix)]
            (code(rustix::io::Errno::NFILE.raw_os_error()), true),
            #[cfg(unix)]
            (code(rustix::io::Errno::CONNREFUSED.raw_os_error()), false),
            (io::ErrorKind::ConnectionRefused.into(), false),
            (io::Error::other("Too many open files"), false),
        ] {
            assert_eq!(lacks_files(&error), is_so, "{error}");
        }
        assert!(!are_files_used_up());
    }

    #[test]
    #[cfg(unix)]
    fn the_process_has_room_for_an_ordinary_run() {
        let wanted = wanted(32, 16, 4);
        let room = make_room(wanted);
        assert_eq!(room.in_flight, 32);
        assert!(room.open >= 64, "{room:?}");
        assert!(current().soft.is_none_or(|soft| soft >= needed(wanted, OTHERS)));
    }
}
