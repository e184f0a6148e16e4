//! What of a disk's work a power cut may come between: each call that reaches the operating system and
//! changes a file, a name or what is durable of them.
//!
//! The law: no other code in this crate makes such a call (but for the lock of a folder, which need not
//! outlive anything), so a test that watches here sees all of them, in their order. Outside of tests nobody
//! watches, and nothing is paid for it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// The system takes no more at once.
const MOST_SLICES: usize = 1024;

/// Opens a file to be written to, and makes it if it is not there.
pub(super) fn create(path: &Path) -> io::Result<File> {
    saw("create", path);
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Makes a file that is nobody else's.
pub(super) fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    saw("create", path);
    OpenOptions::new().read(true).write(true).create_new(true).mode(mode).open(path)
}

/// Makes a folder.
pub(super) fn create_folder(path: &Path) -> io::Result<()> {
    saw("create", path);
    fs::create_dir(path)
}

/// Writes all of these, one after the other; where there is no space for all, some of it may be there.
pub(super) fn write(file: &File, path: &Path, offset: u64, slices: &[&[u8]]) -> io::Result<()> {
    saw("write", path);
    #[cfg(test)]
    if let Some(fits) = watch::fits(slices.iter().map(|slice| slice.len()).sum()) {
        file.write_all_at(&slices.concat()[..fits], offset)?;
        return Err(io::ErrorKind::StorageFull.into());
    }
    if let [slice] = slices {
        return file.write_all_at(slice, offset);
    }
    let mut slices: Vec<_> = slices.iter().map(|slice| IoSlice::new(slice)).collect();
    let (mut rest, mut offset) = (&mut slices[..], offset);
    while !rest.is_empty() {
        match rustix::io::pwritev(file, &rest[..rest.len().min(MOST_SLICES)], offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                offset += written as u64;
                IoSlice::advance_slices(&mut rest, written);
            }
            Err(error) if error == rustix::io::Errno::INTR => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Cuts or lengthens a file.
pub(super) fn set_length(file: &File, path: &Path, length: u64) -> io::Result<()> {
    saw("set length", path);
    file.set_len(length)
}

/// Reserves space for a file behind its end, of some length: the system takes a reservation of nothing for a
/// mistake.
pub(super) fn allocate(file: &File, path: &Path, length: u64) -> io::Result<()> {
    saw("allocate", path);
    #[cfg(test)]
    if watch::fits(length as usize).is_some() {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, length)?)
}

/// Makes durable what is in a file; only what is needed to read it, or all that is known of it.
pub(super) fn sync(file: &File, path: &Path, data_only: bool) -> io::Result<()> {
    saw(if data_only { "sync data" } else { "sync" }, path);
    if data_only { file.sync_data() } else { file.sync_all() }
}

/// Makes durable which names are in a folder.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    saw("sync", folder);
    File::open(folder)?.sync_all()
}

/// Puts a file into another's place.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    saw("rename to", to);
    fs::rename(from, to)
}

/// Takes a name away.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)?;
    saw("remove", path);
    Ok(())
}

#[cfg(not(test))]
fn saw(_call: &str, _path: &Path) {}

#[cfg(test)]
use watch::saw;

/// What a test sees of the calls of its own thread.
#[cfg(test)]
pub(crate) mod watch {
    use std::cell::{Cell, RefCell};
    use std::path::Path;

    thread_local! {
        static CALLS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
        static ROOM: Cell<usize> = const { Cell::new(usize::MAX) };
    }

    /// The calls since this was asked last, with the last part of the path of each.
    pub(crate) fn calls() -> Vec<String> {
        CALLS.take()
    }

    /// From now on the disk has space for so many bytes.
    pub(crate) fn set_room(bytes: usize) {
        ROOM.set(bytes);
    }

    pub(super) fn saw(call: &str, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        CALLS.with_borrow_mut(|calls| calls.push(format!("{call} {name}")));
    }

    /// How many of so many bytes there is space for, if not for all.
    pub(super) fn fits(bytes: usize) -> Option<usize> {
        let room = ROOM.get();
        ROOM.set(room.saturating_sub(bytes));
        (bytes > room).then_some(room)
    }
}
