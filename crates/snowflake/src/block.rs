//! A run of ids taken in one go.

use std::iter::FusedIterator;

use crate::claim::{Rules, Run};
use crate::id::Id;

/// Ids of one tick that belong to whoever took them; handing one out is an addition.
///
/// The law: every id of a block carries the tick in which the block was taken, however late it is
/// handed out. So ids of different blocks are out of order by up to the age of a block. Whoever
/// wants them in order keeps blocks small and drops the rest when it stops minting for a while; what
/// is dropped is lost, never minted again.
#[derive(Clone, Debug)]
pub struct Block {
    next: u64,
    step: u64,
    left: u64,
}

impl Block {
    /// A block with nothing in it.
    pub const EMPTY: Block = Block { next: 0, step: 0, left: 0 };

    pub(crate) fn new(rules: &Rules, run: Run) -> Block {
        Block { next: rules.id(run.start).0, step: rules.step(), left: run.len }
    }
}

impl Iterator for Block {
    type Item = Id;

    #[inline]
    fn next(&mut self) -> Option<Id> {
        self.left = self.left.checked_sub(1)?;
        let id = Id(self.next);
        // Past the last id of the layout this wraps, and is never handed out.
        self.next = self.next.wrapping_add(self.step);
        Some(id)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.left);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

impl ExactSizeIterator for Block {}
impl FusedIterator for Block {}
