//! Whose a data folder is.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Whose files they are: a system and what its promises about these files depend on.
pub trait FolderOwner: Serialize + DeserializeOwned {
    /// What servers of this system call it in the field `system` of an owner, first of all the one that has
    /// several nodes in a folder. Files of any other are another's.
    const SYSTEMS: &'static [&'static str];

    /// Are the files of the one those of the other?
    fn is(&self, other: &Self) -> bool;

    /// What is put in the place of a first file that is not there: nothing where every folder of this owner began
    /// with it, so that it was lost. A version without that file says who it was.
    fn stands_for(&self, file: &str) -> Option<Bytes> {
        let _ = file;
        None
    }

    /// Such as `snowflake, worker 3, layout twitter`.
    fn name(&self) -> String;

    /// The arguments with which they are used, such as `--worker 3 --layout twitter`.
    fn arguments(&self) -> String;

    /// What else a server with another folder needs, such as `and another worker with --worker`;
    /// nothing where that is all.
    fn with_another_folder(&self) -> &'static str;
}
