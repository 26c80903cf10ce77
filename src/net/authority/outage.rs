//! Whether a host fails at everything, so that asking it twice for each image is of no use.
//!
//! One image may be broken on a healthy host; it is asked for again after a while, and others are answered
//! meanwhile. When several in a row have come to nothing after all their tries, with no other answer in
//! between, it is the host. Pure.

use crate::model::fault::Shut;

/// So many questions in a row that end in a 5xx, and the next ones are put once.
const LASTING: u32 = 5;
/// So many, and the host is left alone for a while. A cache whose upstream is away fails at all of its images
/// and serves the next registry's, so this is not said soon.
const LEFT_ALONE: u32 = 20;

/// What a host has failed at of late.
#[derive(Debug, Default)]
pub(super) struct Outage {
    in_a_row: u32,
}

impl Outage {
    /// Whether questions are put once only.
    pub(super) const fn is_lasting(&self) -> bool {
        self.in_a_row >= LASTING
    }

    /// An answer came.
    pub(super) const fn answered(&mut self, status: u16) {
        if !is_failure(status) {
            self.in_a_row = 0;
        }
    }

    /// A question was given up for good, with this status. Why the host is to be left alone, if this says so.
    pub(super) fn gave_up(&mut self, status: u16) -> Option<Shut> {
        if !is_failure(status) {
            return None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        // 500 is said of single images too, and costs no more than any answer.
        let is_of_the_host = !matches!(status, 500 | 501 | 505);
        (self.in_a_row >= LEFT_ALONE && is_of_the_host)
            .then_some(Shut::Failing { status, questions: self.in_a_row })
    }
}

/// Whether a status says that a server failed.
pub(super) const fn is_failure(status: u16) -> bool {
    matches!(status, 500..600)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_questions_in_a_row_make_it_lasting_and_any_other_answer_unmakes_it() {
        for status in [200, 304, 307, 401, 404, 408, 429] {
            let mut outage = Outage::default();
            for _ in 0..10 {
                for given_up in 1..=4 {
                    (0..3).for_each(|_| outage.answered(503));
                    assert_eq!(outage.gave_up(503), None);
                    assert!(!outage.is_lasting(), "{given_up}");
                }
                outage.answered(status);
            }
            (0..5).for_each(|_| drop(outage.gave_up(500)));
            assert!(outage.is_lasting());
            outage.answered(500);
            assert!(outage.is_lasting());
            outage.answered(status);
            assert!(!outage.is_lasting());
        }
    }

    #[test]
    fn twenty_in_a_row_leave_it_alone_where_the_status_is_about_the_host() {
        for (status, is_left_alone) in [
            (500, false),
            (501, false),
            (502, true),
            (503, true),
            (504, true),
            (505, false),
            (522, true),
            (408, false),
        ] {
            let mut outage = Outage::default();
            for questions in 1..20 {
                assert_eq!(outage.gave_up(status), None, "{questions}");
            }
            let shut = is_left_alone.then_some(Shut::Failing { status, questions: 20 });
            assert_eq!(outage.gave_up(status), shut);
        }
    }
}
