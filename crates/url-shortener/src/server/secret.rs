//! Secrets: drawn by the operating system, kept in files that only we may read.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The key of the permutation of codes is for good.
const CODES: &str = "codes.key";

/// A secret that nobody had before.
pub(super) fn draw() -> io::Result<[u8; 16]> {
    let mut secret = [0; 16];
    getrandom::fill(&mut secret).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(secret)
}

/// Puts this into the place of the file, durably: after a crash the old or the new one is there.
pub(super) fn write(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = file.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut new = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    fs::rename(temporary, file)?;
    match file.parent() {
        Some(folder) => fs::OpenOptions::new().read(true).open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// The key by which codes are picked in this data folder. `is_new` says that no link was made yet.
///
/// # Errors
/// If it is not there although links were made: under another key codes that are taken would be
/// picked, over and over.
pub(super) fn of_codes(folder: &Path, is_new: bool) -> io::Result<[u8; 16]> {
    let file = folder.join(CODES);
    match fs::read(&file) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            io::Error::other(format!("{} is not 16 bytes long; restore it", file.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && is_new => {
            fs::create_dir_all(folder)?;
            let secret = draw()?;
            write(&file, &secret)?;
            Ok(secret)
        }
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", file.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_drawn_once_and_missed_when_it_is_gone() {
        let folder = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        let key = of_codes(&folder, true).unwrap();
        assert_eq!(of_codes(&folder, true).unwrap(), key);
        assert_eq!(of_codes(&folder, false).unwrap(), key);
        fs::write(folder.join(CODES), "short").unwrap();
        assert!(of_codes(&folder, true).unwrap_err().to_string().contains("16 bytes"));
        fs::remove_file(folder.join(CODES)).unwrap();
        assert_eq!(of_codes(&folder, false).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(folder).unwrap();
    }
}
