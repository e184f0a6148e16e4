//! Which numbers nodes have.

use std::ops::Range;

use machine::{DiskId, NodeId};

/// Of those that a list names.
pub(crate) const MEMBERS: Range<u32> = 0..1 << 30;
/// Of those that are on no list and dial, each of which draws its own. Higher ones are handed out by the host.
pub const UNLISTED: Range<u32> = 1 << 30..1 << 31;

/// The number of a node that is on no list, the one at this place of those of its disk: the same after every
/// restart, so that whom it dials knows whom it has given what. Two in 2^30 have the same; of these the second is
/// not let in.
pub fn unlisted(DiskId(disk): DiskId, place: usize) -> NodeId {
    let numbers = UNLISTED.len() as u64;
    NodeId(UNLISTED.start + ((disk % numbers + place as u64) % numbers) as u32)
}
