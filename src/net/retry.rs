//! Whether a failed request is sent again, and after how long.
//!
//! A pure function of policy, attempt, fault, the server's `Retry-After` and a random number; nothing here
//! sleeps or knows the time. Only what may well be gone a moment later is retried: a closed port, a name
//! that does not resolve and a spent time-out are facts about the endpoint, and are reported as they are.

use std::time::{Duration, SystemTime};

use crate::model::fault::NetFault;

/// The longest wait that is read from `Retry-After`; what is longer means the same.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How often and how patiently a request is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Repetitions after the first try.
    pub retries: u32,
    /// Back-off before the first repetition; doubled for each further one.
    pub base: Duration,
    /// The longest back-off.
    pub max_backoff: Duration,
    /// The longest `Retry-After` that is waited for; a longer one ends the request at once.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 2,
            base: Duration::from_millis(500),
            max_backoff: Duration::from_secs(5),
            max_retry_after: Duration::from_secs(30),
        }
    }
}

/// What went wrong with an attempt.
#[derive(Clone, Copy, Debug)]
pub enum Fault<'a> {
    /// An answer with this status.
    Status(u16),
    /// No answer.
    Net(&'a NetFault),
}

/// How the host as a whole is, after an attempt failed there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing is known against it.
    #[default]
    Well,
    /// Nobody asks it for the time being, or any more.
    LeftAlone,
    /// Everything that was asked of it lately ended in a 5xx.
    Failing,
}

/// A failed attempt.
#[derive(Clone, Copy, Debug)]
pub struct Failed<'a> {
    /// Which try it was: the first is 1.
    pub attempt: u32,
    /// What went wrong.
    pub fault: Fault<'a>,
    /// What the server asks to wait.
    pub retry_after: Option<Duration>,
    /// How the host is.
    pub host: Condition,
}

/// What to do after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try again after this long.
    Wait(Duration),
    /// Try again when the host may be asked again: a 429 is about all of them, and so is a 503 for which the
    /// host cools down; the wait is the host's ([`super::authority`]).
    WhenAllowed,
    /// The fault is final.
    Stop,
}

/// What follows on a failed attempt. `jitter` is random, from 0 to 1.
#[must_use]
pub fn next(policy: &RetryPolicy, failed: &Failed<'_>, jitter: f64) -> Next {
    let Failed { attempt, fault, retry_after, host } = *failed;
    let is_too_long = retry_after.is_some_and(|asked| asked > policy.max_retry_after);
    if attempt > policy.retries || !may_pass(attempt, fault) || is_too_long {
        return Next::Stop;
    }
    match (fault, host) {
        (Fault::Status(429), _) => return Next::WhenAllowed,
        (Fault::Status(503), Condition::LeftAlone) if retry_after.is_some() => return Next::WhenAllowed,
        // A back-off for each image would add up, and bring nothing.
        (Fault::Status(500..600), Condition::Failing) => return Next::Stop,
        _ => {}
    }
    let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
    let backoff = part(backoff(policy, attempt), 0.5 + jitter / 2.0);
    match retry_after {
        None => Next::Wait(backoff),
        // All who were told the same second would come back in the same instant.
        Some(asked) => {
            let spread = part(policy.base.min(policy.max_backoff), jitter);
            Next::Wait(backoff.max(asked.saturating_add(spread)))
        }
    }
}

/// Whether the same request may well have another outcome a moment later.
const fn may_pass(attempt: u32, fault: Fault<'_>) -> bool {
    match fault {
        // 520 to 530 are Cloudflare's words for an origin in trouble; 525 and 526 (TLS to it) last.
        Fault::Status(status) => {
            matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 520..=524 | 527 | 530)
        }
        Fault::Net(NetFault::Reset(_)) => true,
        // A registry that counts its bytes wrong does so each time (moby/buildkit#2568).
        Fault::Net(NetFault::Truncated { .. }) => attempt <= 1,
        Fault::Net(NetFault::TokenService(fault)) => may_pass(attempt, Fault::Net(fault)),
        Fault::Net(
            NetFault::Dns(_)
            | NetFault::ConnectRefused
            | NetFault::Connect(_)
            | NetFault::NoFiles(_)
            | NetFault::Tls(_)
            | NetFault::Proxy { .. }
            | NetFault::TimeoutConnect(_)
            | NetFault::TimeoutFirstByte(_)
            | NetFault::TimeoutBody(_)
            | NetFault::TooSlow { .. }
            | NetFault::TooLong { .. }
            | NetFault::NotResumed { .. }
            | NetFault::Protocol(_)
            | NetFault::Shut(_),
        ) => false,
    }
}

fn backoff(policy: &RetryPolicy, attempt: u32) -> Duration {
    let factor = 2u32.saturating_pow(attempt.saturating_sub(1));
    policy.base.saturating_mul(factor).min(policy.max_backoff)
}

/// `whole` times `factor`, which is at most 1. `Duration::mul_f64` panics where rounding overflows.
fn part(whole: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * factor).unwrap_or(whole)
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3): seconds or a date, which is counted from `now`. A date
/// that has passed is no wait; what is neither is `None`; more than a year is a year.
#[must_use]
pub fn parse_retry_after(value: &[u8], now: SystemTime) -> Option<Duration> {
    let text = str::from_utf8(value).ok()?.trim_matches([' ', '\t']);
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Too many digits for a number is still a number.
        return Some(text.parse().map_or(MAX_RETRY_AFTER, Duration::from_secs).min(MAX_RETRY_AFTER));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default().min(MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fault::Shut;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed(attempt: u32, fault: Fault<'_>, retry_after: Option<Duration>) -> Failed<'_> {
        Failed { attempt, fault, retry_after, host: Condition::Well }
    }

    fn status(attempt: u32, status: u16, retry_after: Option<Duration>) -> Next {
        next(&RetryPolicy::default(), &failed(attempt, Fault::Status(status), retry_after), 1.0)
    }

    #[test]
    fn these_statuses_and_no_others_are_retried() {
        let retried: Vec<u16> = (100..=599).filter(|code| status(1, *code, None) != Next::Stop).collect();
        assert_eq!(retried, [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 527, 530]);
        for code in [0, 600, 999, u16::MAX] {
            assert_eq!(status(1, code, None), Next::Stop, "{code}");
        }
    }

    #[test]
    fn each_status_is_retried_as_often_as_the_policy_says() {
        for code in 100..=599 {
            let first = status(1, code, None);
            assert_eq!(status(2, code, None) == Next::Stop, first == Next::Stop, "{code}");
            assert_eq!(status(3, code, None), Next::Stop, "{code}");
            let never = RetryPolicy { retries: 0, ..RetryPolicy::default() };
            assert_eq!(next(&never, &failed(1, Fault::Status(code), None), 0.5), Next::Stop, "{code}");
        }
    }

    #[test]
    fn of_network_faults_only_a_broken_connection_is_retried() {
        let text = || Box::from("x");
        let truncated = NetFault::Truncated { received_bytes: 1, promised_bytes: Some(2) };
        for (fault, first, second) in [
            (NetFault::Dns(text()), false, false),
            (NetFault::ConnectRefused, false, false),
            (NetFault::Connect(text()), false, false),
            // It was waited for already.
            (NetFault::NoFiles(text()), false, false),
            (NetFault::Tls(crate::model::tls::TlsFault::Other(text())), false, false),
            (NetFault::Proxy { proxy: text(), why: text() }, false, false),
            (NetFault::TimeoutConnect(SECOND), false, false),
            (NetFault::TimeoutFirstByte(SECOND), false, false),
            (NetFault::TimeoutBody(SECOND), false, false),
            (NetFault::TooSlow { received_bytes: 1, within: SECOND }, false, false),
            (NetFault::TooLong { received_bytes: 1, within: SECOND }, false, false),
            (NetFault::Reset(text()), true, true),
            (truncated, true, false),
            (NetFault::Protocol(text()), false, false),
            (NetFault::Shut(Shut::Throttling { cool_downs: 2 }), false, false),
        ] {
            let waits = |attempt| {
                next(&RetryPolicy::default(), &failed(attempt, Fault::Net(&fault), None), 0.5) != Next::Stop
            };
            assert_eq!([waits(1), waits(2), waits(3)], [first, second, false], "{fault:?}");
        }
    }

    #[test]
    fn back_off_doubles_up_to_its_limit() {
        let policy = RetryPolicy { retries: u32::MAX, ..RetryPolicy::default() };
        for (attempt, low, high) in [
            (0, 250, 500),
            (1, 250, 500),
            (2, 500, 1000),
            (3, 1000, 2000),
            (4, 2000, 4000),
            (5, 2500, 5000),
            (40, 2500, 5000),
            (u32::MAX, 2500, 5000),
        ] {
            for (jitter, millis) in
                [(0.0, low), (1.0, high), (-3.0, low), (7.0, high), (f64::NAN, low), (f64::INFINITY, low)]
            {
                assert_eq!(
                    next(&policy, &failed(attempt, Fault::Status(500), None), jitter),
                    Next::Wait(Duration::from_millis(millis)),
                    "attempt {attempt}, jitter {jitter}"
                );
            }
        }
    }

    #[test]
    fn retry_after_is_waited_for_or_ends_the_request() {
        let wait = |millis| Next::Wait(Duration::from_millis(millis));
        for (code, asked, expected) in [
            (429, Some(Duration::ZERO), Next::WhenAllowed),
            (503, Some(Duration::ZERO), wait(500)),
            (429, Some(SECOND), Next::WhenAllowed),
            (503, Some(SECOND), wait(1500)),
            (429, Some(30 * SECOND), Next::WhenAllowed),
            (503, Some(30 * SECOND), wait(30_500)),
            (429, Some(31 * SECOND), Next::Stop),
            (503, Some(31 * SECOND), Next::Stop),
            (429, Some(Duration::MAX), Next::Stop),
            (429, None, Next::WhenAllowed),
            (503, None, wait(500)),
            (404, Some(SECOND), Next::Stop),
        ] {
            assert_eq!(status(1, code, asked), expected, "{code} {asked:?}");
        }
    }

    #[test]
    fn how_the_host_is_decides_on_5xx_and_on_nothing_else() {
        let passing = |code: &u16| status(1, *code, None) != Next::Stop;
        for code in (100..=599).filter(passing) {
            for asked in [None, Some(SECOND), Some(31 * SECOND)] {
                let well = failed(1, Fault::Status(code), asked);
                let then = |host| next(&RetryPolicy::default(), &Failed { host, ..well }, 1.0);
                let as_ever = then(Condition::Well);
                let failing = if code >= 500 { Next::Stop } else { as_ever };
                assert_eq!(then(Condition::Failing), failing, "{code} {asked:?}");
                let left_alone =
                    if (code, asked) == (503, Some(SECOND)) { Next::WhenAllowed } else { as_ever };
                assert_eq!(then(Condition::LeftAlone), left_alone, "{code} {asked:?}");
            }
        }
        let reset = NetFault::Reset("x".into());
        for host in [Condition::Well, Condition::LeftAlone, Condition::Failing] {
            let failed = Failed { host, ..failed(1, Fault::Net(&reset), None) };
            assert_eq!(next(&RetryPolicy::default(), &failed, 1.0), Next::Wait(SECOND / 2));
        }
    }

    #[test]
    fn durations_without_bounds_do_not_overflow() {
        let policy = RetryPolicy {
            retries: u32::MAX,
            base: Duration::MAX,
            max_backoff: Duration::MAX,
            max_retry_after: Duration::MAX,
        };
        for asked in [None, Some(Duration::MAX)] {
            let wait = next(&policy, &failed(u32::MAX, Fault::Status(503), asked), 1.0);
            assert_eq!(wait, Next::Wait(Duration::MAX));
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777); // Sun, 06 Nov 1994 08:49:37 GMT
        for (text, expected) in [
            ("0", Some(Duration::ZERO)),
            ("1", Some(SECOND)),
            (" 120\t", Some(120 * SECOND)),
            ("0005", Some(5 * SECOND)),
            ("31536000", Some(MAX_RETRY_AFTER)),
            ("31536001", Some(MAX_RETRY_AFTER)),
            ("99999999999999999999999999", Some(MAX_RETRY_AFTER)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60 * SECOND)),
            ("Sunday, 06-Nov-94 08:50:37 GMT", Some(60 * SECOND)),
            ("Sun Nov  6 08:50:37 1994", Some(60 * SECOND)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(Duration::ZERO)),
            ("Sat, 06 Nov 1993 08:49:37 GMT", Some(Duration::ZERO)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(MAX_RETRY_AFTER)),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1s", None),
            ("880.092µs", None),
            ("soon", None),
            ("", None),
            (" ", None),
            ("Sun, 06 Nov 1994", None),
        ] {
            assert_eq!(parse_retry_after(text.as_bytes(), now), expected, "{text:?}");
        }
        assert_eq!(parse_retry_after(b"\xff", now), None);
    }

    proptest! {
        #[test]
        fn a_wait_is_never_longer_than_both_limits_nor_shorter_than_asked(
            retries in any::<u32>(), attempt in any::<u32>(), code in 100u16..600,
            asked in prop::option::of(0u64..100_000), jitter in any::<f64>(),
        ) {
            let policy = RetryPolicy { retries, ..RetryPolicy::default() };
            let asked = asked.map(Duration::from_millis);
            if let Next::Wait(wait) = next(&policy, &failed(attempt, Fault::Status(code), asked), jitter) {
                prop_assert!(wait >= asked.unwrap_or_default());
                prop_assert!(wait <= policy.max_retry_after + policy.max_backoff);
            }
        }

        #[test]
        fn any_retry_after_is_survived(value in prop::collection::vec(any::<u8>(), 0..40)) {
            let read = parse_retry_after(&value, SystemTime::UNIX_EPOCH);
            prop_assert!(read.is_none_or(|wait| wait <= MAX_RETRY_AFTER));
        }
    }
}
