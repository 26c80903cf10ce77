//! The frozen picture of a run that every format reads: its rows and how they are ordered.
//!
//! Indexes and borrows only. A row is one endpoint's answer at one *place*: an image that is named twice
//! is asked once and reported at each place.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use time::{OffsetDateTime, UtcOffset};

use crate::gate::{Change, Decision, Level, Policy, Treated};
use crate::model::age::Age;
use crate::model::anatomy::Anatomy;
use crate::model::code::Code;
use crate::model::digest::Digest;
use crate::model::endpoint::{Endpoint, Role};
use crate::model::image::ImageRef;
use crate::model::manifest::MediaType;
use crate::model::origin::Origin;
use crate::model::referrers::ReferrersLine;
use crate::model::run::{CheckResult, Counts, Place, Run};
use crate::model::scope::Vantage;
use crate::model::status::Status;

use super::escape;

/// A run, what was decided about it, and by which rules.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// What was asked and answered.
    pub run: &'a Run,
    /// How the gate came out.
    pub decision: &'a Decision,
    /// The rules that it came from.
    pub policy: &'a Policy,
    /// What the program will exit with.
    pub exit_code: u8,
    /// Version of the program.
    pub tool_version: &'a str,
}

/// One endpoint's answer for the image named at one place.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The normalised image.
    pub artifact: &'a ImageRef,
    /// The text as typed.
    pub input: &'a str,
    /// Where it was typed.
    pub origin: &'a Origin,
    /// The endpoint's name, which says from where it was asked in a run that is made of several.
    pub mirror: &'a str,
    /// Upstream or mirror.
    pub role: Role,
    /// Why the check ended as it did.
    pub code: Code,
    endpoint: &'a Endpoint,
    result: &'a CheckResult,
}

impl<'a> Row<'a> {
    /// The row of `result`, which is about `image`, named at `place`, and `endpoint`.
    #[must_use]
    pub fn new(
        image: &'a ImageRef,
        place: &'a Place,
        endpoint: &'a Endpoint,
        result: &'a CheckResult,
    ) -> Self {
        Self {
            artifact: image,
            input: &place.input,
            origin: &place.origin,
            mirror: &endpoint.name,
            role: endpoint.role,
            code: result.verdict.code,
            endpoint,
            result,
        }
    }

    /// From where it was asked, if that was said.
    #[must_use]
    pub fn vantage(&self) -> Option<&'a Vantage> {
        self.endpoint.vantage()
    }

    /// Whether it counts for the gate.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.result.counts
    }

    /// URL that was asked.
    #[must_use]
    pub fn url(&self) -> Option<&'a str> {
        self.result.url.as_deref()
    }

    /// What the answer means.
    #[must_use]
    pub const fn status(&self) -> Status {
        self.code.status()
    }

    /// One line for people, at most [`escape::MAX_REMOTE_CHARS`] characters; not escaped.
    #[must_use]
    pub fn reason(&self) -> Cow<'a, str> {
        escape::bounded(&self.result.verdict.reason, escape::MAX_REMOTE_CHARS)
    }

    /// The digest that was served.
    #[must_use]
    pub const fn digest(&self) -> Option<&'a Digest> {
        self.result.verdict.digest.as_ref()
    }

    /// The digest that should have been.
    #[must_use]
    pub const fn expected_digest(&self) -> Option<&'a Digest> {
        self.result.verdict.expected.as_ref()
    }

    /// Media type of what was served.
    #[must_use]
    pub const fn media_type(&self) -> Option<MediaType> {
        self.result.media_type
    }

    /// Status of the last HTTP answer.
    #[must_use]
    pub const fn http_status(&self) -> Option<u16> {
        self.result.http_status
    }

    /// Time to first byte in milliseconds, with at most three decimals.
    #[must_use]
    pub fn latency_ms(&self) -> Option<f64> {
        self.result.latency.map(milliseconds)
    }

    /// How often the question was put.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.result.attempts
    }

    /// When the answer was complete.
    #[must_use]
    pub const fn checked_at(&self) -> Timestamp {
        Timestamp(self.result.checked_at)
    }

    /// What the image is made of there, where that was looked at.
    #[must_use]
    pub fn anatomy(&self) -> Option<&'a Anatomy> {
        self.result.anatomy.as_deref()
    }

    /// How old the difference from upstream is, where anything is known of that.
    #[must_use]
    pub fn age(&self) -> Option<&'a Age> {
        self.result.age.as_deref()
    }

    /// What the mirror lacks beside the image, where that was found out.
    #[must_use]
    pub fn referrers(&self) -> Option<&'a ReferrersLine> {
        self.result.referrers.as_deref()
    }

    /// Oddities that change no verdict; not escaped.
    #[must_use]
    pub fn notes(&self) -> &'a [String] {
        &self.result.notes
    }
}

impl<'a> View<'a> {
    /// All rows: places in the order of the inputs, at each upstream first and then the mirrors.
    pub fn rows(&self) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let view = *self;
        view.run.places.iter().flat_map(move |place| {
            view.results(place.image)
                .iter()
                .map(move |result| Row::new(view.image(place.image), place, view.endpoint(result), result))
        })
    }

    /// The results of one image; [`Run::results`] is ordered by image, so they stand together.
    #[must_use]
    pub fn results(&self, image: u32) -> &'a [CheckResult] {
        let from = self.run.results.partition_point(|result| result.image < image);
        let rest = &self.run.results[from..];
        &rest[..rest.partition_point(|result| result.image == image)]
    }

    pub(super) fn image(&self, image: u32) -> &'a ImageRef {
        &self.run.images[image as usize]
    }

    pub(super) fn endpoint(&self, result: &CheckResult) -> &'a Endpoint {
        &self.run.endpoints[result.endpoint as usize]
    }

    /// The results that count for the gate.
    pub(super) fn checks(&self) -> impl Iterator<Item = &'a CheckResult> + use<'a> {
        self.run.results.iter().filter(|result| result.counts == Counts::ForGate)
    }

    /// How a result bears on the decision.
    #[must_use]
    pub fn bearing(&self, result: &CheckResult) -> Bearing {
        let status = result.verdict.code.status();
        match self.decision.treated(result) {
            None => {
                let bearing = self.bearing_of_status(result.counts, status);
                if result.is_within_grace() { bearing.max(Bearing::Warns) } else { bearing }
            }
            Some(Treated { level, change: Some(Change::Known { .. }), .. }) if level.is_problem() => {
                Bearing::Known
            }
            Some(Treated { level, .. }) => bearing(*level, status),
        }
    }

    /// The index of the exception by which a result that is not fine is judged otherwise than by its status.
    pub(super) fn excepted(&self, result: &CheckResult) -> Option<usize> {
        let Treated { level, exception, .. } = self.decision.treated(result)?;
        let is_told = *level != self.policy.level_of(result) && self.bearing(result) != Bearing::Fine;
        exception.filter(|_| is_told)
    }

    /// What a result was in the baseline, where it fails or leaves it open and got worse.
    pub(super) fn worsened(&self, result: &CheckResult) -> Option<Status> {
        match self.decision.treated(result) {
            Some(Treated { level, change: Some(Change::Worse { was, .. }), .. }) if level.is_problem() => {
                Some(*was)
            }
            _ => None,
        }
    }

    /// How results with this status bear on the decision, unless something is said of one of them.
    pub(super) fn bearing_of_status(&self, counts: Counts, status: Status) -> Bearing {
        match counts {
            Counts::ShownOnly if status == Status::Ok => Bearing::Fine,
            Counts::ShownOnly => Bearing::NotCounted,
            Counts::ForGate => bearing(self.policy.level(status), status),
        }
    }
}

fn bearing(level: Level, status: Status) -> Bearing {
    match level {
        Level::Fail => Bearing::Fails,
        Level::Undecided => Bearing::Undecided,
        // There is nothing to warn of, whatever an exception says.
        Level::Warn | Level::Pass if status == Status::Ok => Bearing::Fine,
        Level::Warn => Bearing::Warns,
        Level::Pass => Bearing::Allowed,
    }
}

/// How a result bears on the decision, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bearing {
    /// Fails its image.
    Fails,
    /// Leaves its image undecided.
    Undecided,
    /// Passes, and should be known.
    Warns,
    /// Would fail its image or leave it undecided, and is no worse than the baseline has it.
    Known,
    /// Not fine, and allowed by the user.
    Allowed,
    /// An upstream that does not answer as it should, beside mirrors that decide.
    NotCounted,
    /// Nothing to say.
    Fine,
}

/// Finds the places of an image.
#[derive(Clone, Debug)]
pub struct Places<'a> {
    places: &'a [Place],
    by_image: Vec<u32>,
}

impl<'a> Places<'a> {
    /// Sorts them by image.
    #[must_use]
    pub fn of(places: &'a [Place]) -> Self {
        let mut by_image: Vec<u32> = (0..).take(places.len()).collect();
        by_image.sort_by_key(|place| places[*place as usize].image);
        Self { places, by_image }
    }

    /// In the order of the inputs.
    pub fn at(&self, image: u32) -> impl ExactSizeIterator<Item = &'a Place> + use<'a, '_> {
        let places = self.places;
        let from = self.by_image.partition_point(|place| places[*place as usize].image < image);
        let rest = &self.by_image[from..];
        let these = &rest[..rest.partition_point(|place| places[*place as usize].image == image)];
        these.iter().map(move |place| &places[*place as usize])
    }
}

/// A time in reports: RFC 3339, in UTC, with milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub OffsetDateTime);

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.0.checked_to_offset(UtcOffset::UTC).unwrap_or(self.0);
        let (year, month, day) = at.to_calendar_date();
        let (hour, minute, second, milli) = at.to_hms_milli();
        write!(f, "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z", u8::from(month))
    }
}

/// Whole microseconds as milliseconds: a number that prints with at most three decimals.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact up to 285 years")]
    let micros = duration.as_micros() as f64;
    micros / 1000.0
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::super::fixture;
    use super::*;

    #[test]
    fn rows_follow_the_places_and_put_upstream_first() {
        let fixture = fixture::all_statuses();
        let rows: Vec<_> = fixture.view().rows().collect();
        let order: Vec<_> = rows.iter().map(|row| (row.origin.to_string(), row.role)).collect();
        for (place, at) in fixture.run.places.iter().zip(0u32..) {
            let at_place: Vec<_> =
                order.iter().filter(|(origin, _)| *origin == place.origin.to_string()).collect();
            assert_eq!(at_place.len(), fixture.view().results(place.image).len(), "place {at}");
            assert!(at_place.is_sorted_by_key(|(_, role)| *role));
        }
        let origins: Vec<_> = fixture.run.places.iter().map(|place| place.origin.to_string()).collect();
        let mut seen: Vec<_> = order.into_iter().map(|(origin, _)| origin).collect();
        seen.dedup();
        assert_eq!(seen, origins);
    }

    #[test]
    fn an_image_named_twice_is_reported_at_both_places() {
        let fixture = fixture::all_statuses();
        let at = |origin: &str| -> Vec<_> {
            let rows = fixture.view().rows();
            rows.filter(|row| row.origin.to_string() == origin)
                .map(|row| (row.artifact.to_string(), row.mirror, row.status()))
                .collect()
        };
        assert!(!at("images.txt:1").is_empty());
        assert_eq!(at("images.txt:1"), at("deploy/compose.yaml:12"));
        let places = Places::of(&fixture.run.places);
        let origins: Vec<_> = places.at(0).map(|place| place.origin.to_string()).collect();
        assert_eq!(origins, ["images.txt:1", "deploy/compose.yaml:12"]);
    }

    #[test]
    fn times_are_utc_with_milliseconds() {
        let at = datetime!(2025-03-09 01:02:03.045_678 +02:00);
        assert_eq!(Timestamp(at).to_string(), "2025-03-08T23:02:03.045Z");
    }

    #[test]
    fn durations_have_at_most_three_decimals() {
        for (duration, text) in [
            (Duration::from_nanos(12_345_678), "12.345"),
            (Duration::from_secs(12), "12000.0"),
            (Duration::ZERO, "0.0"),
            (Duration::from_secs(86_400) + Duration::from_micros(1), "86400000.001"),
        ] {
            assert_eq!(format!("{:?}", milliseconds(duration)), text);
        }
    }
}
