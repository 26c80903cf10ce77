//! Renders a run and its decision; one file for each format. Pure: gets everything, prints nothing.

pub mod escape;
