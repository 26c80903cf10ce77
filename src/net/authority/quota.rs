//! What a host says is left of its pull quota, and whether another pull may be spent.
//!
//! Docker Hub sends `ratelimit-limit` and `ratelimit-remaining` (`76;w=21600`) with each manifest answer; a
//! GET counts, a HEAD does not. Whom it counts for (`docker-ratelimit-source`: an address or an account) is
//! nobody's business in a report, and is not read. Pure.

use std::time::Duration;

use http::HeaderMap;

use crate::model::fault::Shut;
use crate::model::run::Quota;

/// One answer's word on the quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaReport {
    /// Pulls allowed.
    pub limit: u64,
    /// Pulls left.
    pub remaining: u64,
    /// In what time, if it says.
    pub window: Option<Duration>,
}

impl QuotaReport {
    /// Reads the headers of an answer; `None` where the host limits nothing, or says so unreadably.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let (limit, window) = read(headers, "ratelimit-limit")?;
        let (remaining, remaining_window) = read(headers, "ratelimit-remaining")?;
        Some(Self { limit, remaining: remaining.min(limit), window: window.or(remaining_window) })
    }
}

/// `<number>[;w=<seconds>]`
fn read(headers: &HeaderMap, name: &str) -> Option<(u64, Option<Duration>)> {
    let text = str::from_utf8(headers.get(name)?.as_bytes()).ok()?;
    let mut parts = text.split(';').map(str::trim);
    let number = parts.next()?;
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let window =
        parts.find_map(|part| part.strip_prefix("w=")).and_then(|seconds| seconds.parse::<u32>().ok());
    let window = window.map(|seconds| Duration::from_secs(seconds.into()));
    Some((number.parse().ok()?, window))
}

/// The pull quota of one authority, as far as it is known.
#[derive(Debug)]
pub(super) struct PullQuota {
    reserve: Option<u64>,
    known: Option<QuotaReport>,
    has_answered: bool,
    /// Pulls that are out, and may not be in what the host says is left.
    pulls_under_way: u64,
}

/// Whether a pull may be spent.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Spending {
    /// It may.
    Free,
    /// The first answer will tell.
    Wait,
    /// It may not.
    Shut(Shut),
}

impl PullQuota {
    /// Keeps `reserve` pulls, if that is given.
    pub(super) const fn new(reserve: Option<u64>) -> Self {
        Self { reserve, known: None, has_answered: false, pulls_under_way: 0 }
    }

    /// Whether another pull may be spent.
    pub(super) fn spending(&self) -> Spending {
        let Some(reserve) = self.reserve else { return Spending::Free };
        match self.known {
            Some(known) => {
                let remaining = known.remaining.saturating_sub(self.pulls_under_way);
                if remaining <= reserve {
                    Spending::Shut(Shut::Reserved { remaining, reserve })
                } else {
                    Spending::Free
                }
            }
            None if !self.has_answered && self.pulls_under_way > 0 => Spending::Wait,
            None => Spending::Free,
        }
    }

    /// A pull goes out.
    pub(super) const fn sent(&mut self) {
        self.pulls_under_way += 1;
    }

    /// A pull came back, or to nothing.
    pub(super) const fn ended(&mut self) {
        self.pulls_under_way = self.pulls_under_way.saturating_sub(1);
    }

    /// An answer came, with or without word of a quota.
    pub(super) fn answered(&mut self, report: Option<QuotaReport>) {
        self.has_answered = true;
        // Absent from answers about images that are not limited: what is known stays known.
        let Some(report) = report else { return };
        // Answers overtake each other: while pulls are out, the lowest word is the latest.
        let lowest = self.known.filter(|_| self.pulls_under_way > 0).map(|known| known.remaining);
        let remaining = lowest.map_or(report.remaining, |lowest| lowest.min(report.remaining));
        self.known = Some(QuotaReport { remaining, ..report });
    }

    /// What is left, for the report.
    pub(super) fn told(&self, host: &str) -> Option<Quota> {
        let known = self.known?;
        Some(Quota {
            host: host.into(),
            limit: known.limit,
            remaining: known.remaining,
            window: known.window,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(limit: &str, remaining: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("RateLimit-Limit", limit.parse().unwrap());
        headers.insert("ratelimit-remaining", remaining.parse().unwrap());
        headers
    }

    fn report(limit: u64, remaining: u64) -> Option<QuotaReport> {
        Some(QuotaReport { limit, remaining, window: None })
    }

    #[test]
    fn headers_are_read_with_or_without_their_window() {
        let hours = Some(Duration::from_secs(21_600));
        for (limit, remaining, expected) in [
            ("100;w=21600", "76;w=21600", Some((100, 76, hours))),
            ("100", "76", Some((100, 76, None))),
            ("100 ; w=21600", "76", Some((100, 76, hours))),
            ("100", "0;w=21600", Some((100, 0, hours))),
            ("100;w=x", "76;z=1", Some((100, 76, None))),
            ("100", "101", Some((100, 100, None))),
            ("100", "-1", None),
            ("many", "76", None),
            ("", "76", None),
            ("100", "99999999999999999999999", None),
        ] {
            let read = QuotaReport::read(&headers(limit, remaining));
            let expected =
                expected.map(|(limit, remaining, window)| QuotaReport { limit, remaining, window });
            assert_eq!(read, expected, "{limit:?} {remaining:?}");
        }
        assert_eq!(QuotaReport::read(&HeaderMap::new()), None);
    }

    #[test]
    fn pulls_stop_when_the_reserve_is_reached_counting_those_under_way() {
        let mut quota = PullQuota::new(Some(10));
        assert_eq!(quota.spending(), Spending::Free);
        quota.sent();
        assert_eq!(quota.spending(), Spending::Wait);
        quota.ended();
        quota.answered(report(100, 12));
        assert_eq!(quota.spending(), Spending::Free);
        quota.sent();
        assert_eq!(quota.spending(), Spending::Free);
        quota.sent();
        assert_eq!(quota.spending(), Spending::Shut(Shut::Reserved { remaining: 10, reserve: 10 }));
        quota.ended();
        quota.answered(report(100, 10));
        quota.ended();
        quota.answered(report(100, 11));
        assert_eq!(quota.told("h").unwrap().remaining, 11);
    }

    #[test]
    fn the_lowest_word_counts_while_pulls_are_out() {
        let mut quota = PullQuota::new(Some(5));
        quota.sent();
        quota.answered(report(100, 20));
        quota.answered(report(100, 25));
        assert_eq!(quota.told("h").unwrap().remaining, 20);
        quota.ended();
        quota.answered(report(100, 100));
        assert_eq!(quota.told("h").unwrap().remaining, 100);
    }

    #[test]
    fn hosts_without_a_quota_and_runs_without_a_reserve_are_not_held_up() {
        let mut unlimited = PullQuota::new(Some(10));
        unlimited.answered(None);
        unlimited.sent();
        assert_eq!((unlimited.spending(), unlimited.told("h")), (Spending::Free, None));
        let mut unreserved = PullQuota::new(None);
        unreserved.answered(report(100, 0));
        assert_eq!(unreserved.spending(), Spending::Free);
    }
}
