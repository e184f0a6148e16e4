//! Visitors as hashes, so that they can be counted and not identified.
//!
//! The law: an address leaves this file only as a keyed hash. A new key is drawn each day (UTC) and the
//! old one is deleted. So a visitor on two days has two hashes, and nobody can identify a visitor later,
//! not even from the disk.

use std::hash::Hasher;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use host::secret;

const FILE: &str = "visitors.json";
const DAY: u64 = 24 * 60 * 60;

/// The key of today, and the key of this process.
#[derive(Debug)]
pub(super) struct Salt {
    folder: PathBuf,
    today: RwLock<Key>,
    /// For hashes that are not stored.
    process: [u8; 16],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    /// Days since 1970.
    day: u64,
    key: [u8; 16],
}

impl Salt {
    /// Reads the key in this folder, if it is today's, so that a restart does not count visitors twice.
    ///
    /// # Errors
    /// If the folder cannot be read or written, or the operating system has no randomness.
    pub(super) fn open(folder: &Path) -> io::Result<Salt> {
        let kept = secret::read(&folder.join(FILE))?;
        let kept = kept.and_then(|bytes| {
            let read = serde_json::from_slice(&bytes);
            read.inspect_err(|why| {
                tracing::warn!("{FILE} is damaged ({why}): who came today already is counted anew");
            })
            .ok()
        });
        let today = match kept.filter(|key: &Key| key.day == today()) {
            Some(key) => key,
            None => draw(folder, today())?,
        };
        let (folder, process) = (folder.to_owned(), secret::draw()?);
        Ok(Salt { folder, today: RwLock::new(today), process })
    }

    /// The hash of a visitor with this address and browser.
    pub(super) fn visitor(&self, address: IpAddr, browser: &[u8]) -> u64 {
        let mut hash = SipHasher13::new_with_key(&self.key(today()));
        hash.write(&network(address));
        hash.write(browser);
        hash.finish()
    }

    /// The hash of a client's address, for limits. Other processes have other hashes.
    pub(super) fn client(&self, address: IpAddr) -> u64 {
        let mut hash = SipHasher13::new_with_key(&self.process);
        hash.write(&network(address));
        hash.finish()
    }

    fn key(&self, day: u64) -> [u8; 16] {
        let kept = *self.today.read().unwrap_or_else(PoisonError::into_inner);
        if kept.day == day {
            return kept.key;
        }
        let mut today = self.today.write().unwrap_or_else(PoisonError::into_inner);
        if today.day != day {
            match draw(&self.folder, day) {
                Ok(key) => *today = key,
                // Then visitors on two days have one hash, which is better than not counting today's.
                Err(error) => {
                    tracing::warn!("the key of visitors is yesterday's still: {error}");
                    today.day = day;
                }
            }
        }
        today.key
    }
}

/// Draws the key of this day, and stores it.
fn draw(folder: &Path, day: u64) -> io::Result<Key> {
    let key = Key { day, key: secret::draw()? };
    secret::write(&folder.join(FILE), &serde_json::to_vec(&key)?)?;
    Ok(key)
}

/// The bytes that are hashed. Whoever has one IPv6 address has a whole /64 network.
fn network(address: IpAddr) -> [u8; 8] {
    match address.to_canonical() {
        IpAddr::V4(ip) => (u64::from(ip.to_bits()) | 4 << 32).to_be_bytes(),
        IpAddr::V6(ip) => ((ip.to_bits() >> 64) as u64).to_be_bytes(),
    }
}

#[expect(clippy::disallowed_methods, reason = "the day is the wall clock's")]
fn today() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() / DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_visitor_is_one_number_a_day() {
        let folder = std::env::temp_dir().join(format!("salt-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let salt = Salt::open(&folder).unwrap();
        let one = salt.visitor(ip("192.0.2.1"), b"browser");
        assert_eq!(Salt::open(&folder).unwrap().visitor(ip("192.0.2.1"), b"browser"), one);
        assert_eq!(salt.visitor(ip("::ffff:192.0.2.1"), b"browser"), one);
        assert_ne!(salt.visitor(ip("192.0.2.2"), b"browser"), one);
        assert_ne!(salt.visitor(ip("192.0.2.1"), b"another"), one);
        assert_ne!(salt.client(ip("192.0.2.1")), salt.client(ip("192.0.2.2")));
        assert_eq!(salt.client(ip("2001:db8::1")), salt.client(ip("2001:db8::2")));
        // The next day has another key, also for who comes back to the day before.
        let (before, after) = (salt.key(today()), salt.key(today() + 1));
        assert_ne!(before, after);
        let kept: Key = serde_json::from_slice(&fs::read(folder.join(FILE)).unwrap()).unwrap();
        assert_eq!((kept.day, kept.key), (today() + 1, after));
        fs::remove_dir_all(folder).unwrap();
    }
}
