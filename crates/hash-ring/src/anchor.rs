//! AnchorHash: as even as jump, but any node may go.
//!
//! Mendelson et al., "AnchorHash: A Scalable Consistent Hash" (IEEE/ACM Transactions on Networking,
//! 2021). There is a fixed number of buckets, the anchor; some work and the others were removed, in
//! some order. A key is hashed to any bucket. If that one was removed, the key is hashed anew, among
//! the buckets that still worked right after it went, and so on until it meets one that works. So
//! the keys of a removed bucket spread evenly over what was left, and come back when it does.
//!
//! The buckets come back in the reverse of the order in which they went, which makes the state small:
//! for each removed bucket its successor, the bucket that took its place in the list of working ones.

use crate::error::Refused;
use crate::hash::{nth, scale};
use crate::nodes::{Node, NodeIndex, Nodes};
use crate::placement::Placement;

/// Placement by AnchorHash, in the form that keeps four numbers a bucket (algorithm 3 of the paper).
///
/// The law: only keys of the node that came or went move, whichever it is, and adding a node undoes
/// the removal of the last. Bucket i is the node with index i. Who is where depends on the order in
/// which nodes came and went, so those who are to agree must have seen the same. There are no weights.
#[derive(Clone, Debug)]
pub struct Anchor {
    nodes: Nodes,
    buckets: Vec<Bucket>,
    /// The working buckets, in the first `nodes.count()` positions; and the position of each bucket.
    working: Vec<u32>,
    position: Vec<u32>,
    /// Buckets that do not work, the last one that was removed at the end.
    removed: Vec<u32>,
}

/// The law: its successor went later than it, or works.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    /// How many buckets still worked after this one went; 0 while it works.
    left: u32,
    /// Which bucket took its place when it went.
    successor: u32,
}

impl Anchor {
    /// Room for a tenth more nodes, and for sixteen at least.
    pub fn new(nodes: Nodes) -> Result<Anchor, Refused> {
        let count = nodes.count() as u32;
        Anchor::with_capacity(nodes, count + (count / 10).max(16))
    }

    /// Room for so many nodes in all. A look-up takes about 1 + ln(capacity / nodes) steps.
    pub fn with_capacity(nodes: Nodes, capacity: u32) -> Result<Anchor, Refused> {
        nodes.check_even("anchor")?;
        let count = nodes.count() as u32;
        if capacity < count {
            return Err(Refused::Full { capacity });
        }
        let left = |bucket| if bucket < count { 0 } else { bucket };
        let bucket = |bucket| Bucket { left: left(bucket), successor: bucket };
        Ok(Anchor {
            nodes: nodes.packed(),
            buckets: (0..capacity).map(bucket).collect(),
            working: (0..capacity).collect(),
            position: (0..capacity).collect(),
            removed: (count..capacity).rev().collect(),
        })
    }
}

impl Placement for Anchor {
    fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    #[inline]
    fn locate(&self, key: u64) -> NodeIndex {
        let mut bucket = scale(key, self.buckets.len() as u64) as u32;
        loop {
            let left = self.buckets[bucket as usize].left;
            if left == 0 {
                return NodeIndex(bucket);
            }
            let mut next = scale(nth(key, u64::from(bucket)), u64::from(left)) as u32;
            // What was at this position when `bucket` went: earlier removals had moved others there.
            loop {
                let Bucket { left: its, successor } = self.buckets[next as usize];
                if its < left {
                    break;
                }
                // Or it would loop for ever.
                assert!(self.buckets[successor as usize].left < its, "a successor goes later");
                next = successor;
            }
            bucket = next;
        }
    }

    fn add(&mut self, node: Node) -> Result<NodeIndex, Refused> {
        self.nodes.check_fits("anchor", &node)?;
        let Some(bucket) = self.removed.last().copied() else {
            return Err(Refused::Full { capacity: self.buckets.len() as u32 });
        };
        let end = self.nodes.count();
        let index = self.nodes.add(node)?;
        debug_assert_eq!(index.0, bucket, "both give out what was removed last");
        self.removed.pop();
        let at = self.position[bucket as usize];
        self.position[self.working[end] as usize] = end as u32;
        self.working[at as usize] = bucket;
        self.buckets[bucket as usize] = Bucket { left: 0, successor: bucket };
        Ok(index)
    }

    fn remove(&mut self, name: &str) -> Result<Node, Refused> {
        let (index, node) = self.nodes.remove(name)?;
        let (bucket, end) = (index.0, self.nodes.count());
        self.removed.push(bucket);
        let (at, last) = (self.position[index.at()], self.working[end]);
        self.working[at as usize] = last;
        self.position[last as usize] = at;
        self.buckets[index.at()] = Bucket { left: end as u32, successor: last };
        Ok(node)
    }

    fn bytes(&self) -> usize {
        let lists = self.working.capacity() + self.position.capacity() + self.removed.capacity();
        self.buckets.capacity() * size_of::<Bucket>() + lists * size_of::<u32>()
    }
}
