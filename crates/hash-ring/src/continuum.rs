//! Sorted points on a circle, and the first one at or after a position on it.
//!
//! A binary search over a million points misses the cache at most of its twenty steps, and the
//! processor guesses half of them wrong. The points are hashes, though, spread evenly, so that their
//! upper bits nearly give their position: a table that is indexed with these bits says where to
//! start, and the few points from there on are counted without a branch.

use crate::nodes::NodeIndex;

/// The most points that a circle may have: 128 MiB of them.
pub(crate) const MOST_POINTS: u32 = 1 << 24;

/// A node's point on the circle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) at: u32,
    pub(crate) owner: NodeIndex,
}

/// The law: the points are sorted and there is at least one; after them come [`WINDOW`] more at the
/// end of the circle, which belong to the owner of the first and so lead back to it. `starts[b]` is the
/// number of points before the positions whose upper bits are `b`.
#[derive(Clone, Debug)]
pub(crate) struct Continuum {
    points: Vec<Point>,
    starts: Vec<u32>,
    shift: u32,
}

/// How many points are looked at together: half a cache line of them.
const WINDOW: usize = 4;

impl Continuum {
    /// Points in the order in which they stand; of two at the same position the first owns it.
    pub(crate) fn new(mut points: Vec<Point>) -> Continuum {
        debug_assert!(points.is_sorted_by_key(|point| point.at));
        // One or two points for each entry.
        let bits = points.len().ilog2();
        let shift = 32 - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for point in &points {
            starts[(u64::from(point.at) >> shift) as usize + 1] += 1;
        }
        for bucket in 1..starts.len() {
            starts[bucket] += starts[bucket - 1];
        }
        points.extend([Point { at: u32::MAX, owner: points[0].owner }; WINDOW]);
        points.shrink_to_fit();
        Continuum { points, starts, shift }
    }

    /// The owner of the first point at or after a position; after the last one comes the first.
    #[inline]
    pub(crate) fn locate(&self, position: u32) -> NodeIndex {
        self.points[self.first_from(position)].owner
    }

    /// The owners of the points from a position on, once around.
    pub(crate) fn walk(&self, position: u32) -> impl Iterator<Item = NodeIndex> {
        let (before, after) = self.points().split_at(self.first_from(position));
        after.iter().chain(before).map(|point| point.owner)
    }

    /// The points, sorted.
    pub(crate) fn points(&self) -> &[Point] {
        &self.points[..self.points.len() - WINDOW]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, NodeIndex)> {
        self.points().iter().map(|point| (point.at, point.owner))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.points.capacity() * size_of::<Point>() + self.starts.capacity() * size_of::<u32>()
    }

    /// How many points are before a position.
    #[inline]
    fn first_from(&self, position: u32) -> usize {
        let mut first = self.starts[(u64::from(position) >> self.shift) as usize] as usize;
        loop {
            let window = &self.points[first..first + WINDOW];
            let before: usize = window.iter().map(|point| usize::from(point.at < position)).sum();
            first += before;
            if before < WINDOW {
                return first;
            }
        }
    }
}
