//! What is judged otherwise for one image or mirror: with a reason, and only for a while.

use std::fmt;

use time::Date;

use super::glob::Glob;
use super::policy::Level;
use crate::model::code::Code;
use crate::model::endpoint::Endpoint;
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

/// How an exception fared. One whose last day is over fares in no way: no run is judged by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing would have been judged otherwise without it.
    Unused,
    /// So many results would have been judged otherwise without it.
    Applied(u64),
}

/// What it is about, in the user's words: `nginx:* at harbor, stale`; not escaped.
impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.image.as_ref().map_or("every image", |glob| glob.as_str()))?;
        if let Some(mirror) = &self.mirror {
            write!(f, " at {mirror}")?;
        }
        match self.what {
            None => Ok(()),
            Some(What::Status(status)) => write!(f, ", {status}"),
            Some(What::Code(code)) => write!(f, ", {code}"),
        }
    }
}

impl Exception {
    /// Whether its last day was before `today`.
    #[must_use]
    pub fn is_expired(&self, today: Date) -> bool {
        self.expires < today
    }

    /// Whether it is about a result with this code at `mirror`, its image aside.
    #[must_use]
    pub fn is_about(&self, mirror: &Endpoint, code: Code) -> bool {
        self.mirror.as_deref().is_none_or(|name| mirror.is_called(name))
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
