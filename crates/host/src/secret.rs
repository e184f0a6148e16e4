//! Secrets: drawn by the operating system, kept in files that only this user may read.
//!
//! The law: a secret is written to a new file, never through a symbolic link, and read only from a regular
//! file. If others can read the file, a warning says so.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::files::{Readers, replace};

/// No secret takes more, in bytes.
const MAX_SECRET_BYTES: u64 = 4096;

/// Draws a new secret.
///
/// # Errors
/// If the operating system has no randomness.
pub fn draw() -> io::Result<[u8; 16]> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(secret)
}

/// The content of this file; none if it does not exist.
///
/// # Errors
/// If it cannot be read, or is not a regular file.
pub fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let trouble = |why: &str| io::Error::other(format!("{} {why}", file.display()));
    let about = match fs::symlink_metadata(file) {
        Ok(about) => about,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(trouble(&format!("cannot be read: {error}"))),
    };
    if !about.is_file() || about.len() > MAX_SECRET_BYTES {
        return Err(trouble(
            "is not the file that was written there, but a link, perhaps; restore it",
        ));
    }
    if about.permissions().mode() & 0o077 != 0 {
        let file = file.display();
        tracing::warn!("others can read {file}; take that from them: chmod 600 {file}");
    }
    let mut bytes = Vec::new();
    let open = fs::OpenOptions::new().read(true).open(file)?;
    open.take(MAX_SECRET_BYTES).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Replaces the file atomically and durably: after a crash, the old or the new content is there.
///
/// # Errors
/// If it cannot be written. The old content stays.
pub fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    replace(&file.with_extension("new"), file, bytes, Readers::UserAlone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_neither_followed_to_be_written_nor_to_be_read() {
        let folder = std::env::temp_dir().join(format!("secret-links-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (file, elsewhere) = (folder.join("a.key"), folder.join("elsewhere"));
        fs::write(&elsewhere, "theirs").unwrap();
        symlink(&elsewhere, file.with_extension("new")).unwrap();
        symlink(&elsewhere, &file).unwrap();
        assert!(read(&file).unwrap_err().to_string().contains("link"));
        write(&file, b"ours").unwrap();
        assert_eq!(fs::read(&elsewhere).unwrap(), b"theirs");
        assert_eq!(read(&file).unwrap().as_deref(), Some(&b"ours"[..]));
        assert!(!file.with_extension("new").exists());
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(folder).unwrap();
    }
}
