//! A folder of a test's own, gone when the test is over.

use std::path::{Path, PathBuf};

#[derive(Debug)]
pub(crate) struct Scratch(pub(crate) PathBuf);

/// Where nobody syncs anything, so that no other test and no build beside keeps its lanes busy: in memory,
/// where the machine has such a folder.
pub(crate) fn quiet_device() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { env!("CARGO_TARGET_TMPDIR").into() }
}

impl Scratch {
    pub(crate) fn new(test: &str) -> Scratch {
        Scratch::within(env!("CARGO_TARGET_TMPDIR").as_ref(), test)
    }

    /// On a device that is as quick as the test is.
    pub(crate) fn quiet(test: &str) -> Scratch {
        Scratch::within(&quiet_device(), test)
    }

    fn within(folder: &Path, test: &str) -> Scratch {
        let path = folder.join(format!("{test}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
