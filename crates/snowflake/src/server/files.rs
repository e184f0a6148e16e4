//! A machine's disk: one folder of real files.
//!
//! The law: a name is one component, so no name leads out of the folder; and what is said to be
//! durable was synced, the file and, where its name is new, the folder.

#![expect(clippy::disallowed_types, reason = "machines write through their outputs, to here")]

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use machine::{DiskAnswer, DiskCommand, DiskError};

/// Not the name of a machine's file: those begin with anything but a dot.
const TEMPORARY: &str = ".new";

/// What a failed operation means to the machine, and what the operating system said.
pub(crate) type Trouble = (DiskError, String);

/// The folder.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    folder: PathBuf,
}

impl Files {
    /// The files of this folder, which is there already.
    pub(crate) fn new(folder: PathBuf) -> Files {
        Files { folder }
    }

    /// Does it, now, on this thread.
    pub(crate) fn carry_out(&self, command: DiskCommand) -> Result<DiskAnswer, Trouble> {
        match command {
            DiskCommand::Write { file, offset, bytes } => self.write(&file, offset, &bytes),
            DiskCommand::Sync { file } => self.sync(&file),
            DiskCommand::Read { file, offset, length } => self.read(&file, offset, length),
            DiskCommand::Truncate { file, length } => self.truncate(&file, length),
            DiskCommand::Replace { file, bytes } => self.replace(&file, &bytes),
            DiskCommand::Delete { file } => self.delete(&file),
            DiskCommand::List => self.list(),
        }
    }

    fn write(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<DiskAnswer, Trouble> {
        let path = self.path(name)?;
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(false).open(path).map_err(unchanged)?;
        let length = file.metadata().map_err(unchanged)?.len();
        let written = file.seek(SeekFrom::Start(offset)).and_then(|_| file.write_all(bytes));
        match written {
            // Only what is past the old end needs space, so cutting there undoes it.
            Err(error) if unchanged_kind(&error) == DiskError::Full => {
                file.set_len(length).map_err(unknown)?;
                Err(unchanged(error))
            }
            Err(error) => Err(unknown(error)),
            Ok(()) => Ok(DiskAnswer::Done),
        }
    }

    fn sync(&self, name: &str) -> Result<DiskAnswer, Trouble> {
        let file = File::open(self.path(name)?).map_err(unchanged)?;
        file.sync_all().and_then(|()| sync_folder(&self.folder)).map_err(unknown)?;
        Ok(DiskAnswer::Done)
    }

    fn read(&self, name: &str, offset: u64, length: u64) -> Result<DiskAnswer, Trouble> {
        let mut file = File::open(self.path(name)?).map_err(unchanged)?;
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(offset)).map_err(unchanged)?;
        file.take(length).read_to_end(&mut bytes).map_err(unchanged)?;
        Ok(DiskAnswer::Bytes(bytes.into()))
    }

    fn truncate(&self, name: &str, length: u64) -> Result<DiskAnswer, Trouble> {
        let file = OpenOptions::new().write(true).open(self.path(name)?).map_err(unchanged)?;
        if file.metadata().map_err(unchanged)?.len() > length {
            file.set_len(length).map_err(unknown)?;
        }
        Ok(DiskAnswer::Done)
    }

    fn replace(&self, name: &str, bytes: &[u8]) -> Result<DiskAnswer, Trouble> {
        let path = self.path(name)?;
        replace(&self.folder.join(TEMPORARY), &path, bytes)?;
        Ok(DiskAnswer::Done)
    }

    fn delete(&self, name: &str) -> Result<DiskAnswer, Trouble> {
        fs::remove_file(self.path(name)?).map_err(unchanged)?;
        sync_folder(&self.folder).map_err(unknown)?;
        Ok(DiskAnswer::Done)
    }

    fn list(&self) -> Result<DiskAnswer, Trouble> {
        let entries: io::Result<Vec<_>> = fs::read_dir(&self.folder).and_then(Iterator::collect);
        let names = entries.map_err(unchanged)?.into_iter().map(|entry| entry.file_name());
        let mut names: Vec<_> = names.filter_map(|name| name.into_string().ok()).collect();
        names.retain(|name| self.path(name).is_ok());
        names.sort_unstable();
        Ok(DiskAnswer::Names(names))
    }

    fn path(&self, name: &str) -> Result<PathBuf, Trouble> {
        if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0']) {
            return Err((DiskError::Failed, format!("{name:?} is not the name of a file")));
        }
        Ok(self.folder.join(name))
    }
}

/// Puts new content in a file's place, atomically and durably. The temporary file is in its folder.
pub(crate) fn replace(temporary: &Path, path: &Path, bytes: &[u8]) -> Result<(), Trouble> {
    // One left behind by a crash must go first: the new one is to be nobody else's file.
    match fs::remove_file(temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(unchanged(error)),
        _ => {}
    }
    let created = File::create_new(temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = created.and_then(|()| fs::rename(temporary, path)) {
        // On a full disk the space is wanted; elsewhere the next attempt removes it.
        let _ = fs::remove_file(temporary);
        return Err(unchanged(error));
    }
    path.parent().map_or(Ok(()), sync_folder).map_err(unknown)
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// It failed before anything was changed.
fn unchanged(error: io::Error) -> Trouble {
    (unchanged_kind(&error), error.to_string())
}

fn unchanged_kind(error: &io::Error) -> DiskError {
    match error.kind() {
        ErrorKind::NotFound => DiskError::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskError::Full,
        _ => DiskError::Failed,
    }
}

/// It failed when something may have been changed, whatever the reason.
fn unknown(error: io::Error) -> Trouble {
    (DiskError::Failed, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use machine::FileName;

    /// A folder that is gone when the test is over.
    struct Scratch(Files);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("infralab-files-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(name);
            fs::create_dir_all(&folder).unwrap();
            Scratch(Files::new(folder))
        }

        fn read(&self, file: &'static str) -> Result<DiskAnswer, DiskError> {
            let command = DiskCommand::Read { file: file.into(), offset: 0, length: 100 };
            self.0.carry_out(command).map_err(|trouble| trouble.0)
        }

        fn done(&self, command: DiskCommand) {
            assert_eq!(self.0.carry_out(command), Ok(DiskAnswer::Done));
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0.folder);
        }
    }

    fn bytes(text: &'static str) -> Result<DiskAnswer, DiskError> {
        Ok(DiskAnswer::Bytes(text.as_bytes().to_vec().into()))
    }

    const FILE: FileName = FileName::Borrowed("log");

    #[test]
    fn a_file_is_written_synced_cut_listed_and_deleted() {
        let scratch = Scratch::new("life");
        assert_eq!(scratch.read("log"), Err(DiskError::NotFound));
        scratch.done(DiskCommand::Write { file: FILE, offset: 2, bytes: b"cdef".to_vec().into() });
        scratch.done(DiskCommand::Write { file: FILE, offset: 0, bytes: b"ab".to_vec().into() });
        scratch.done(DiskCommand::Sync { file: FILE });
        assert_eq!(scratch.read("log"), bytes("abcdef"));
        scratch.done(DiskCommand::Truncate { file: FILE, length: 3 });
        scratch.done(DiskCommand::Truncate { file: FILE, length: 9 });
        assert_eq!(scratch.read("log"), bytes("abc"), "a longer length changes nothing");
        let names = DiskAnswer::Names(vec!["log".to_owned()]);
        assert_eq!(scratch.0.carry_out(DiskCommand::List), Ok(names));
        scratch.done(DiskCommand::Delete { file: FILE });
        assert_eq!(scratch.read("log"), Err(DiskError::NotFound));
    }

    #[test]
    fn what_replaces_a_file_is_whole_and_leaves_nothing_else_behind() {
        let scratch = Scratch::new("replace");
        fs::write(scratch.0.folder.join(TEMPORARY), "left behind by a crash").unwrap();
        scratch.done(DiskCommand::Replace { file: FILE, bytes: b"a longer text".to_vec().into() });
        scratch.done(DiskCommand::Replace { file: FILE, bytes: b"short".to_vec().into() });
        assert_eq!(scratch.read("log"), bytes("short"));
        assert_eq!(fs::read_dir(&scratch.0.folder).unwrap().count(), 1);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let scratch = Scratch::new("names");
        for name in ["", ".", "..", "../mark", "/etc/passwd", "a/b", "a\\b", ".new", "a\0b"] {
            let command = DiskCommand::Read { file: name.into(), offset: 0, length: 1 };
            let refused = scratch.0.carry_out(command).unwrap_err();
            assert_eq!(refused.0, DiskError::Failed, "{name:?}");
        }
    }

    #[test]
    fn a_full_disk_is_not_a_failed_one() {
        let means = |kind: ErrorKind| unchanged(kind.into()).0;
        assert_eq!(means(ErrorKind::StorageFull), DiskError::Full);
        assert_eq!(means(ErrorKind::QuotaExceeded), DiskError::Full);
        assert_eq!(means(ErrorKind::PermissionDenied), DiskError::Failed);
        assert_eq!(unknown(ErrorKind::StorageFull.into()).0, DiskError::Failed);
    }
}
