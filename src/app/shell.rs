//! `registry-check completions` and `registry-check man`: prints what the command line says of itself.

use std::io::{self, Write};

use super::{Error, OutputError};
use crate::cli::{self, CompletionsArgs};
use crate::exit;

pub(super) fn completions(args: &CompletionsArgs) -> Result<u8, Error> {
    print(Ok(cli::completions(args.shell)))
}

pub(super) fn man() -> Result<u8, Error> {
    print(cli::man())
}

fn print(text: io::Result<Vec<u8>>) -> Result<u8, Error> {
    let mut out = io::stdout().lock();
    match text.and_then(|text| out.write_all(&text)).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Error::Outputs(vec![OutputError { path: "standard output".into(), why: error.to_string() }]))
        }
        _ => Ok(exit::PASSED),
    }
}
