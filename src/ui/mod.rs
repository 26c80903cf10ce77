//! What a person sees on stderr while the program works: messages and progress.

pub mod log;
pub mod progress;
mod standing;
