//! What snowflake can do besides the shared verbs.

use clap::Subcommand;

use crate::arguments::SharedVerb;
use crate::exit::Outcome;

#[derive(Debug, Subcommand)]
pub(crate) enum SnowflakeVerb {
    #[command(flatten)]
    Shared(SharedVerb),
}

impl SnowflakeVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            SnowflakeVerb::Shared(verb) => verb.carry_out("snowflake"),
        }
    }
}
