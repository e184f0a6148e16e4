//! Files in which people keep keys. Unlike the service's own such a file may be a link, or a pipe: it is
//! named by who starts the command.

#![expect(clippy::disallowed_types, reason = "keys of people are in files of theirs")]

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::exit::{Failure, harmless};
use crate::text_file::without_mark;

/// In bytes. More than that is another file.
const LONGEST: u64 = 1 << 20;

/// The text of such a file. Where others can read it too, that is said.
pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let wrong = |why: String| Failure::input(format!("{}: {why}", file.display()));
    let open = File::open(file).map_err(|error| wrong(error.to_string()))?;
    if open.metadata().is_ok_and(|about| others_can_read(&about)) {
        let said =
            format!("others can read {0}; take that from them: chmod 600 {0}", file.display());
        anstream::eprintln!("infralab: {}", harmless(&said));
    }
    let mut text = String::new();
    let length = open.take(LONGEST + 1).read_to_string(&mut text);
    match length.map_err(|error| wrong(error.to_string()))? as u64 {
        ..=LONGEST => Ok(without_mark(text)),
        _ => Err(wrong(format!("it has more than {LONGEST} bytes"))),
    }
}

fn others_can_read(about: &Metadata) -> bool {
    about.is_file() && about.permissions().mode() & 0o077 != 0
}
