//! Which numbers nodes have.

use std::ops::Range;

/// Of those that a list names.
pub(crate) const MEMBERS: Range<u32> = 0..1 << 30;
/// Of those that are on no list and dial, each of which draws its own. Higher ones are handed out by the host.
pub const UNLISTED: Range<u32> = 1 << 30..1 << 31;
