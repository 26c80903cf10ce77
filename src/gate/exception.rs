//! What is judged otherwise for one image or mirror: with a reason, and only for a while.

use time::Date;

use super::glob::Glob;
use super::policy::Level;
use crate::model::code::Code;
use crate::model::image::ImageRef;
use crate::model::status::Status;

/// Results that are judged otherwise until a day. What is not said matches everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Which images.
    pub image: Option<Glob>,
    /// The name of the mirror; of upstream, where that decides.
    pub mirror: Option<Box<str>>,
    /// Which results.
    pub what: Option<What>,
    /// What they do.
    pub level: Level,
    /// Why, in the user's words.
    pub reason: Box<str>,
    /// The last day (UTC) on which it holds.
    pub expires: Date,
    /// Where it is said.
    pub place: Box<str>,
}

/// Which results an exception is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Those with this status.
    Status(Status),
    /// Those with this code.
    Code(Code),
}

/// How an exception fared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its last day is over: it fails the gate, and is not applied.
    Expired,
    /// Nothing would have been judged otherwise without it.
    Unused,
    /// So many results would have been judged otherwise without it.
    Applied(u64),
}

impl Exception {
    /// Whether its last day was before `today`.
    #[must_use]
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires < today
    }

    /// Whether it is about a result with this code at `mirror`, its image aside.
    #[must_use]
    pub fn is_about(&self, mirror: &str, code: Code) -> bool {
        self.mirror.as_deref().is_none_or(|name| name == mirror)
            && match self.what {
                None => true,
                Some(What::Status(status)) => code.status() == status,
                Some(What::Code(wanted)) => code == wanted,
            }
    }

    /// Whether it is about this image, whatever came of it.
    #[must_use]
    pub fn means(&self, image: &ImageRef) -> bool {
        self.image.as_ref().is_none_or(|glob| glob.matches(image))
    }
}
