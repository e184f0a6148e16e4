//! The collector of a node: it deletes the bytes that nobody names any more.
//!
//! # The law
//!
//! A shard is deleted if the group of its put says that the put is dead (`catalog/epochs.rs`), and for no other reason.
//! Bytes that became dead are asked about again and again, until a leader has answered: they go.
//!
//! Whoever deleted a put, or whichever node went in the middle of one, need tell nobody: what is on a disk is held against
//! what the catalogs name.

use std::collections::{BTreeMap, VecDeque};

use machine::{DiskAnswer, DiskCommand, DiskResult, Now, Outputs};

use crate::answer::Answer;
use crate::gateway::Gateway;
use crate::message::{ObjectStore, Op};
use crate::shards::ShardId;
use crate::words::{GroupNumber, PutId};

/// So many puts are asked about at a time.
const PAGE: usize = 256;

/// What it has before it of a walk over the disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Collector {
    is_listing: bool,
    /// Pages of puts of one group, with the shards that are here.
    pages: VecDeque<(GroupNumber, BTreeMap<PutId, Vec<ShardId>>)>,
    /// The question about the first of them.
    asked: u64,
}

impl Collector {
    /// Begins to walk, where the last walk is over.
    pub(crate) fn begin(&mut self, out: &mut Outputs<ObjectStore>) {
        if !self.is_listing && self.pages.is_empty() {
            self.is_listing = true;
            out.disk(DiskCommand::List { prefix: "s-".into() }, Op::Listed);
        }
    }

    /// The names of all shards are here.
    pub(crate) fn listed(
        &mut self,
        result: DiskResult,
        gateway: &mut Gateway,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) {
        self.is_listing = false;
        let Ok(DiskAnswer::Names(names)) = result else { return };
        let mut groups: BTreeMap<GroupNumber, BTreeMap<PutId, Vec<ShardId>>> = BTreeMap::new();
        for id in names.iter().filter_map(|name| ShardId::parse(name)) {
            groups.entry(id.put.group).or_default().entry(id.put).or_default().push(id);
        }
        for (group, mut puts) in groups {
            while let Some(behind) = puts.keys().nth(PAGE).copied() {
                let rest = puts.split_off(&behind);
                self.pages.push_back((group, std::mem::replace(&mut puts, rest)));
            }
            self.pages.push_back((group, puts));
        }
        self.ask(gateway, now, out);
    }

    fn ask(&mut self, gateway: &mut Gateway, now: &mut Now<'_>, out: &mut Outputs<ObjectStore>) {
        if let Some((group, puts)) = self.pages.front() {
            self.asked += 1;
            gateway.ask_dead(self.asked, (*group, puts.keys().copied().collect()), now, out);
        }
    }

    /// The group has answered: these shards may go. One that has not is asked again in the next walk.
    #[must_use]
    pub(crate) fn told(
        &mut self,
        (token, answer): (u64, Answer),
        gateway: &mut Gateway,
        now: &mut Now<'_>,
        out: &mut Outputs<ObjectStore>,
    ) -> Vec<ShardId> {
        let page = self.pages.front().filter(|_| token == self.asked);
        let Some((_, puts)) = page else { return Vec::new() };
        let dead = if let Answer::Dead(dead) = answer { dead } else { Vec::new() };
        let shards = dead.iter().filter_map(|put| puts.get(put)).flatten().copied().collect();
        self.pages.pop_front();
        self.ask(gateway, now, out);
        shards
    }
}
