//! What the object store can do besides the shared verbs.

use clap::Subcommand;
use store_s3::options::ServeOptions;

use crate::exit::Outcome;
use crate::serving::Serving;
use crate::shared_verbs::SharedVerb;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Keeps objects for whoever speaks S3, until it is told to stop (SIGINT or SIGTERM).
    ///
    /// A store of several nodes in this process, each with a folder for a disk. Requests are by path
    /// (`/bucket/key`) and signed with a key of --keys; a bucket is its owner's alone.
    #[command(after_help = "Examples:
  infralab object-store serve
  infralab object-store serve --nodes 3 --code 1+2 --listen 127.0.0.1:9000
  aws --endpoint-url http://127.0.0.1:9000 s3 mb s3://photos")]
    Serve(Serving<ServeOptions>),
}

impl StoreVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            StoreVerb::Shared(verb) => verb.carry_out("object-store"),
            StoreVerb::Serve(serving) => serving.carry_out(),
        }
    }
}
