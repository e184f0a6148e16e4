//! The key that permutes codes. It is drawn once for a data folder, and kept with a checksum: with another
//! key, codes that are taken would be picked over and over.

use std::fs;
use std::io;
use std::path::Path;

use host::secret::{draw, read, write};

/// The file of the key that permutes codes. This key never changes.
const CODES: &str = "codes.key";
/// Its length without and with the checksum; the first versions wrote none.
const LENGTHS: [usize; 2] = [16, 20];

/// The key that permutes the codes of this data folder. `is_new` says that no link was made yet.
///
/// # Errors
/// If the key is lost or damaged: with another key, codes that are taken would be picked over and over.
pub(super) fn of_codes(folder: &Path, is_new: bool) -> io::Result<[u8; 16]> {
    let file = folder.join(CODES);
    let restore = |why: &str| format!("{} {why}; restore it", file.display());
    match read(&file)? {
        Some(bytes) => {
            sound(&bytes).ok_or_else(|| io::Error::other(restore("is not what was written there")))
        }
        None if is_new => {
            fs::create_dir_all(folder)?;
            let secret = draw()?;
            write(&file, &[&secret[..], &crc32fast::hash(&secret).to_le_bytes()].concat())?;
            Ok(secret)
        }
        None => Err(io::Error::new(io::ErrorKind::NotFound, restore("is lost"))),
    }
}

fn sound(bytes: &[u8]) -> Option<[u8; 16]> {
    let (secret, check) = bytes.split_first_chunk::<16>()?;
    let is_sound = check.is_empty() || check == crc32fast::hash(secret).to_le_bytes();
    (LENGTHS.contains(&bytes.len()) && is_sound).then_some(*secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_drawn_once_and_missed_when_it_is_gone_or_rotten() {
        let folder = std::env::temp_dir().join(format!("secret-{}", std::process::id()));
        let key = of_codes(&folder, true).unwrap();
        assert_eq!(of_codes(&folder, true).unwrap(), key);
        assert_eq!(of_codes(&folder, false).unwrap(), key);
        let file = folder.join(CODES);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        let sound = fs::read(&file).unwrap();
        let mut rotten = sound.clone();
        rotten[3] ^= 1;
        for bad in [&b"short"[..], &rotten, &sound[..19], b"", &[0; 5000]] {
            fs::write(&file, bad).unwrap();
            assert!(of_codes(&folder, true).unwrap_err().to_string().contains("restore it"));
        }
        fs::write(&file, &sound[..16]).unwrap();
        assert_eq!(of_codes(&folder, false).unwrap(), key, "as the first versions wrote it");
        fs::remove_file(file).unwrap();
        assert_eq!(of_codes(&folder, false).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(folder).unwrap();
    }
}
