//! Bytes into located images: one file for each kind of input.
