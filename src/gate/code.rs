//! The stable codes of what the gate itself finds, whatever the images came to: what each means, what may be behind it and
//! what to try.
//!
//! Beside the codes of results (`model/code.rs`), for reports and documentation alike. One is never renamed or reused.

use std::fmt;

use super::policy::Level;
use crate::model::code::{self, Cause};

/// What the gate itself may find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GateCode {
    /// An exception that changes nothing.
    ExceptionUnused,
    /// A mirror beyond `--max-latency`.
    MirrorTooSlow,
    /// A mirror beyond `--max-slowdown`.
    MirrorSlower,
    /// Times that are not judged, for want of answers.
    TooFewAnswers,
    /// Times that are not judged, for want of a baseline.
    NoBaseline,
    /// A requirement about mirrors as they are seen from somewhere else.
    JudgedElsewhere,
    /// A name that is made of what is not known offline.
    NotKnownOffline,
}

impl GateCode {
    /// Every one, the gravest first.
    pub const ALL: [Self; 7] = [
        Self::MirrorTooSlow,
        Self::MirrorSlower,
        Self::ExceptionUnused,
        Self::TooFewAnswers,
        Self::NoBaseline,
        Self::JudgedElsewhere,
        Self::NotKnownOffline,
    ];

    /// The kebab-case name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ExceptionUnused => "exception-unused",
            Self::MirrorTooSlow => "mirror-too-slow",
            Self::MirrorSlower => "mirror-slower",
            Self::TooFewAnswers => "too-few-answers",
            Self::NoBaseline => "no-baseline",
            Self::JudgedElsewhere => "judged-elsewhere",
            Self::NotKnownOffline => "not-known-offline",
        }
    }

    /// What it does to the run; [`Level::Pass`] where it is only told.
    #[must_use]
    pub const fn level(self) -> Level {
        match self {
            Self::MirrorTooSlow | Self::MirrorSlower => Level::Fail,
            Self::ExceptionUnused => Level::Warn,
            Self::TooFewAnswers | Self::NoBaseline | Self::JudgedElsewhere | Self::NotKnownOffline => {
                Level::Pass
            }
        }
    }

    /// The word for [`Self::level`] in reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self.level() {
            Level::Fail => "fail",
            Level::Warn => "warn",
            Level::Pass | Level::Undecided => "note",
        }
    }

    /// What it means, in one sentence.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::ExceptionUnused => "An exception of the policy changes nothing: it can go.",
            Self::MirrorTooSlow => "The first bytes of a mirror came later than --max-latency allows.",
            Self::MirrorSlower => {
                "The first bytes of a mirror come later than in the baseline by more than --max-slowdown allows."
            }
            Self::TooFewAnswers => {
                "A mirror gave too few timed answers, now or in the baseline: its times are not judged."
            }
            Self::JudgedElsewhere => {
                "A requirement hangs on mirrors as they are seen from other places: it is not judged in this run."
            }
            Self::NotKnownOffline => {
                "An image's name depends on what is not known offline: nobody was asked for it."
            }
            Self::NoBaseline => {
                "The policy limits how much slower mirrors may get, and there is no baseline: not judged."
            }
        }
    }

    /// What to try, in short.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::ExceptionUnused => "remove the exception, or make it say what was meant",
            Self::MirrorTooSlow => {
                "look at the mirror's load and the way there; raise the limit if that is how it is"
            }
            Self::MirrorSlower => {
                "look at what changed since the baseline; make a new one if that is how it stays"
            }
            Self::TooFewAnswers => "check more images, or judge no times here",
            Self::JudgedElsewhere => "merge the reports of all places, and let that decide",
            Self::NotKnownOffline => {
                "give the variable a value (--env, --build-arg), or fail with --strict-inputs"
            }
            Self::NoBaseline => "name the last run's report with --baseline, or take max_slowdown out",
        }
    }

    /// What may have caused it, the likeliest first.
    #[must_use]
    pub const fn causes(self) -> &'static [Cause] {
        match self {
            Self::ExceptionUnused => &[
                Cause {
                    cause: "what it was written for is mended",
                    remedy: "remove it: should the trouble come back, the gate is to fail",
                },
                Cause {
                    cause: "it is about another status or code than what is found now",
                    remedy: "see the result's code in the report, and write that into the exception",
                },
                Cause {
                    cause: "what it is about has the same level without it, from the status or from an earlier exception",
                    remedy: "remove it, or put it before the one that goes further",
                },
            ],
            Self::MirrorTooSlow => &[
                Cause {
                    cause: "the mirror fetches from upstream while it is asked, and its cache was cold",
                    remedy: "check again: warm answers tell how fast it is",
                },
                Cause {
                    cause: "the mirror or the way to it is overloaded",
                    remedy: "look at its load and at the network; ask it less at a time with --per-host",
                },
                Cause {
                    cause: "the limit is tighter than this place can meet",
                    remedy: "raise --max-latency to what pulls can bear",
                },
            ],
            Self::MirrorSlower => &[
                Cause {
                    cause: "the mirror, its storage or the way to it got slower since the baseline",
                    remedy: "look at what changed there on the days between the two runs",
                },
                Cause {
                    cause: "this run was made from somewhere else, or while more was asked at a time",
                    remedy: "compare runs from one place with one --per-host",
                },
                Cause { cause: "it is slower for good", remedy: "make a new baseline of this run" },
            ],
            Self::TooFewAnswers => &[
                Cause {
                    cause: "the list is short, or has few images of this mirror's registry",
                    remedy: "check more images in one run, or leave times unjudged",
                },
                Cause {
                    cause: "the mirror was down or refused, so that there was nothing to time",
                    remedy: "see the codes of its results",
                },
                Cause {
                    cause: "the mirror is new since the baseline",
                    remedy: "make a new baseline that has it",
                },
            ],
            Self::JudgedElsewhere => &[Cause {
                cause: "require or a group names mirrors by place, and this run was made from another one (--vantage)",
                remedy: "merge the reports of all places under the same policy; or have a group for each place",
            }],
            Self::NotKnownOffline => &[
                Cause {
                    cause: "a variable has no value here: it is set where the file is used",
                    remedy: "give it one with --env or --build-arg, or a default where it stands",
                },
                Cause {
                    cause: "a rule, a matrix, a template or an expression decides when the pipeline runs",
                    remedy: "write such images into a list of their own",
                },
                Cause {
                    cause: "such a name must not go unchecked",
                    remedy: "make it an error with --strict-inputs",
                },
            ],
            Self::NoBaseline => &[Cause {
                cause: "max_slowdown stands in the configuration, and the run was started without --baseline",
                remedy: "name the last run's report with --baseline; on the first run there is none, and this may stay",
            }],
        }
    }

    /// The one that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// The one that `name` is likely to be meant for.
    #[must_use]
    pub fn nearest(name: &str) -> Option<Self> {
        code::nearest(name, &Self::ALL, |code| code.as_str())
    }
}

impl fmt::Display for GateCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::code::Code;

    #[test]
    fn every_code_of_the_gate_is_a_kind_of_finding_in_the_schema() {
        let schema = include_str!("../../schemas/report-v1.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let kinds =
            schema.pointer("/properties/decision/properties/findings/items/properties/kind/enum").unwrap();
        // What is not known offline is the inputs' finding: JSON has it among the list's names.
        let found = GateCode::ALL.iter().filter(|code| **code != GateCode::NotKnownOffline);
        let mut known: Vec<_> = found.map(|code| code.as_str()).collect();
        known.push("exception-expired");
        known.sort_unstable();
        let mut listed: Vec<_> =
            kinds.as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
        listed.sort_unstable();
        assert_eq!(listed, known);
    }

    #[test]
    fn every_code_of_the_gate_has_a_name_of_its_own_and_is_explained() {
        for code in GateCode::ALL {
            assert_eq!(GateCode::from_name(code.as_str()), Some(code));
            assert_eq!(GateCode::nearest(&code.as_str()[1..]), Some(code));
            assert_eq!((Code::from_name(code.as_str()), Code::nearest(&code.as_str()[1..])), (None, None));
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
            assert!(code.meaning().ends_with('.') && !code.advice().ends_with('.'), "{code}");
            assert!(!code.causes().is_empty(), "{code}");
            for Cause { cause, remedy } in code.causes() {
                assert!(!cause.is_empty() && !remedy.is_empty() && !remedy.ends_with('.'), "{code}: {cause}");
            }
        }
    }
}
