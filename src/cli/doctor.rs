//! doctor
use super::{Ended, Formatted};
use crate::exit::Exit;
use clap::Args;
#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    formatted: Formatted,
}
impl Doctor {
    pub fn execute(self) -> Result<Exit, Ended> {
        Ok(Exit::Passed)
    }
}
