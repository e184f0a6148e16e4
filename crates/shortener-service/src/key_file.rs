//! Files in which people keep keys. Unlike the service's own such a file may be a link, or a pipe: it is
//! named by who starts the program.

#![expect(clippy::disallowed_types, reason = "keys of people are in files of theirs")]

use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// In bytes. More than that is another file.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// The text of such a file, or what is wrong with it. Where others can read it too, `warn` is told.
pub(crate) fn read(file: &Path, warn: &mut dyn FnMut(String)) -> Result<String, String> {
    let wrong = |why: String| format!("{}: {why}", file.display());
    let open = File::open(file).map_err(|error| wrong(error.to_string()))?;
    if open.metadata().is_ok_and(|about| others_can_read(&about)) {
        warn(format!("others can read {0}; take that from them: chmod 600 {0}", file.display()));
    }
    let mut text = String::new();
    let length = open.take(MAX_FILE_BYTES + 1).read_to_string(&mut text);
    match length.map_err(|error| wrong(error.to_string()))? as u64 {
        ..=MAX_FILE_BYTES => Ok(without_mark(text)),
        _ => Err(wrong(format!("it has more than {MAX_FILE_BYTES} bytes"))),
    }
}

/// A text without the mark of UTF-8 that editors of some systems put before it.
pub(crate) fn without_mark(text: String) -> String {
    text.strip_prefix('\u{FEFF}').map(str::to_owned).unwrap_or(text)
}

fn others_can_read(about: &Metadata) -> bool {
    about.is_file() && about.permissions().mode() & 0o077 != 0
}
