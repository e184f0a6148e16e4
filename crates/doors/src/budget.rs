//! How many bytes of requests a server keeps at a time, whoever sends them.
//!
//! The law: bytes are taken before what has them is read, and given back when the last of them is dropped. So
//! however many large bodies and frames come at once, they have no more memory than this.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Of a server that says nothing else.
const DEFAULT: u32 = 128 << 20;

/// Bytes that may be kept. Clones share them.
#[derive(Clone, Debug)]
pub struct Budget {
    left: Arc<Semaphore>,
    all: u32,
}

/// Bytes that are taken until this is dropped.
#[derive(Debug)]
pub struct Taken(OwnedSemaphorePermit);

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(DEFAULT)
    }
}

impl Budget {
    /// So many bytes.
    pub fn new(bytes: u32) -> Budget {
        Budget { left: Arc::new(Semaphore::new(bytes as usize)), all: bytes }
    }

    /// How many are left.
    pub fn left(&self) -> u64 {
        self.left.available_permits() as u64
    }

    /// So many, if there are as many now.
    pub fn take(&self, bytes: u64) -> Option<Taken> {
        self.left.clone().try_acquire_many_owned(u32::try_from(bytes).ok()?).ok().map(Taken)
    }

    /// So many, if there are as many soon. Those who wait are served in their order.
    pub async fn wait(&self, bytes: u64, most: Duration) -> Option<Taken> {
        let bytes = u32::try_from(bytes).ok().filter(|bytes| *bytes <= self.all)?;
        timeout(most, self.left.clone().acquire_many_owned(bytes)).await.ok()?.ok().map(Taken)
    }
}

impl Taken {
    /// How many.
    pub fn bytes(&self) -> u64 {
        self.0.num_permits() as u64
    }

    /// These too.
    pub fn merge(&mut self, other: Taken) {
        self.0.merge(other.0);
    }

    /// So many of them, or all, apart.
    pub fn split(&mut self, bytes: u64) -> Taken {
        let bytes = usize::try_from(bytes.min(self.bytes())).unwrap_or(0);
        // No more are split off than there are.
        Taken(self.0.split(bytes).unwrap_or_else(|| unreachable!("there are as many")))
    }

    /// These bytes, for which this was taken: given back with the last slice of them. None is copied.
    pub fn hold(self, bytes: Bytes) -> Bytes {
        struct Kept(Bytes, #[expect(dead_code, reason = "it is there to be dropped")] Taken);
        impl AsRef<[u8]> for Kept {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }
        match bytes.is_empty() {
            true => bytes,
            false => Bytes::from_owner(Kept(bytes, self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_counted_until_its_last_slice_is_dropped() {
        let budget = Budget::new(100);
        let mut taken = budget.take(60).unwrap();
        assert!(budget.take(41).is_none() && budget.take(1 << 40).is_none());
        let held = taken.split(50).hold(Bytes::from_static(b"hello"));
        drop(taken);
        assert_eq!(budget.left(), 50);
        let slice = held.slice(1..2);
        drop(held);
        assert_eq!(budget.left(), 50);
        drop(slice);
        assert_eq!(budget.left(), 100);
        let soon = budget.wait(101, Duration::from_secs(60));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        assert!(runtime.block_on(soon).is_none(), "there never will be as many");
    }
}
