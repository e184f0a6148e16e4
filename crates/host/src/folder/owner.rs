//! Whose a data folder is.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Whose files they are: a system and what its promises about these files depend on.
pub trait FolderOwner: Serialize + DeserializeOwned + PartialEq {
    /// What servers of this system call it in the field `system` of an owner, first of all the one that has
    /// several nodes in a folder. Files of any other are another's.
    const SYSTEMS: &'static [&'static str];

    /// Are the files of the one those of the other?
    fn is(&self, other: &Self) -> bool {
        self == other
    }

    /// What is put in the place of a first file that is not there: nothing where every folder of this owner began
    /// with it, so that it was lost. A version without that file says who it was.
    fn stands_for(&self, file: &str) -> Option<Bytes> {
        let _ = file;
        None
    }

    /// Such as `snowflake, layout twitter, worker 3`: the system, and what else it says of itself.
    fn name(&self) -> String {
        let (system, rest) = said(self);
        rest.iter().fold(system, |name, (field, value)| format!("{name}, {field} {value}"))
    }

    /// The verb with which they are used, such as `serve`; nothing where there is only one.
    fn verb(&self) -> &'static str {
        ""
    }

    /// The arguments with which they are used, such as `serve --layout twitter --worker 3`: the verb, and what it
    /// says of itself.
    fn arguments(&self) -> String {
        let flag = |(field, value)| format!(" --{field} {value}");
        let flags: String = said(self).1.into_iter().map(flag).collect();
        (self.verb().to_owned() + &flags).trim_start().to_owned()
    }

    /// What else a server with another folder needs, such as `and another worker with --worker`;
    /// nothing where that is all.
    fn with_another_folder(&self) -> &'static str;
}

/// The system that an owner names, and its other fields, as they are in the format file.
fn said(owner: &impl Serialize) -> (String, BTreeMap<String, String>) {
    // An owner is a struct of texts and numbers, and has a JSON form.
    let fields = match serde_json::to_value(owner) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut said: BTreeMap<_, _> =
        fields.into_iter().map(|(field, value)| (field, text(value))).collect();
    (said.remove("system").unwrap_or_default(), said)
}
