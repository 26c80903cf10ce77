//! `registry-check demo`.

use super::Error;
use crate::cli::{CommonArgs, DemoArgs};

pub(super) async fn run(_args: &DemoArgs, _common: &CommonArgs) -> Result<u8, Error> {
    Ok(0)
}
