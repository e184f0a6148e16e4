//! A shard and its disk, moved by hand: what is said, and when, while links go from one shard to another.

use std::collections::VecDeque;

use bytes::Bytes;
use machine::{
    DiskCommand, DiskId, Generation, Input, Machine, NodeId, Now, Output, Outputs, Random,
    Switches, Time, Wall,
};
use rand::SeedableRng;
use url_shortener::{
    Call, Edit, Handover, Key, Limits, Message, Op, Reply, Roster, Shard, Shortener,
};

use crate::service::{key, link};
use crate::store::disk::Disk;

const NODES: [NodeId; 2] = [NodeId(10), NodeId(11)];
const CALLER: NodeId = NodeId(1);

#[derive(Clone)]
struct Hand {
    place: u32,
    shard: Shard,
    disk: Disk,
    /// What the disk was asked, and has not done.
    pending: VecDeque<(DiskCommand, Op)>,
    random: Random,
    said: Vec<Message>,
}

fn new(place: u32) -> Shard {
    let roster = Roster { nodes: NODES.to_vec(), founders: 1 };
    Shard::new(place, roster, Limits::default(), Switches::ALL_ON)
}

impl Hand {
    /// The shard at this place has read its empty disk.
    fn on_an_empty_disk(place: u32) -> Hand {
        let (disk, pending, said) = (Disk::default(), VecDeque::new(), Vec::new());
        let random = Random::seed_from_u64(1);
        let mut hand = Hand { place, shard: new(place), disk, pending, random, said };
        hand.input(Input::Start { disk: DiskId(1) });
        hand.settle();
        hand
    }

    fn input(&mut self, input: Input<Shortener>) {
        let (time, wall, generation) = (Time(0), Wall(0), Generation(0));
        let mut now = Now { time, wall, generation, random: &mut self.random };
        let mut out = Outputs::default();
        self.shard.handle(&mut now, input, &mut out);
        for output in out.drain() {
            match output {
                Output::Disk { command, op } => self.pending.push_back((*command, op)),
                Output::Send { message, .. } => self.said.push(message),
                _ => {}
            }
        }
    }

    fn call(&mut self, call: u64, wanted: Call) {
        self.input(Input::Message { from: CALLER, message: Message::Call { call, wanted } });
    }

    /// The disk does this one of what it was asked.
    fn step(&mut self, place: usize) {
        let (command, op) = self.pending.remove(place).expect("it was asked for something");
        let result = self.disk.perform(command);
        self.input(Input::Disk { op, result });
    }

    fn settle(&mut self) {
        while !self.pending.is_empty() {
            self.step(0);
        }
    }

    /// The process dies, and boots on what the disk has.
    fn crash(&mut self) {
        self.pending.clear();
        self.said.clear();
        self.shard = new(self.place);
        self.input(Input::Start { disk: DiskId(1) });
        self.settle();
    }

    /// What was replied to a call, if it was.
    fn reply(&self, wanted: u64) -> Option<&Reply> {
        self.said.iter().find_map(|message| match message {
            Message::Reply { call, reply, .. } if *call == wanted => Some(reply),
            _ => None,
        })
    }
}

/// A founder with some links that is asked for the share of a second shard; and a link of that share.
fn donor() -> (Hand, Key) {
    let mut hand = Hand::on_an_empty_disk(0);
    for number in 0..20 {
        let key = key(&format!("link-{number}"));
        hand.call(number, Call::PutIfAbsent(key, link("https://a.org/")));
    }
    hand.call(100, Call::Handover { shards: 2, step: Handover::Changes { after: 0 } });
    hand.settle();
    let Some(Reply::Changes { changes, .. }) = hand.reply(100) else { panic!("no changes") };
    let moves = Key::of_bytes(&changes.first().expect("a share").0).expect("a link");
    (hand, moves)
}

const CEDE: Call = Call::Handover { shards: 2, step: Handover::Cede };

fn edit(key: &Key) -> Call {
    Call::Edit(key.clone(), Edit { url: Some("https://b.org/".into()), ..Edit::default() })
}

#[test]
fn a_change_that_began_before_the_fence_is_not_made_behind_it() {
    let (mut donor, key) = donor();
    donor.call(101, edit(&key));
    assert!(matches!(donor.pending[0].0, DiskCommand::Read { .. }), "it is being read");
    donor.call(102, CEDE);
    while donor.pending.len() > 1 {
        donor.step(1);
    }
    assert_eq!(donor.reply(102), Some(&Reply::Agreed));
    donor.settle();
    assert!(matches!(donor.reply(101), Some(Reply::Moved(_))), "{:?}", donor.reply(101));
}

#[test]
fn until_the_fence_is_durable_nothing_is_said_of_it_and_nothing_happens_behind_it() {
    let (mut donor, key) = donor();
    donor.call(101, CEDE);
    let writing = donor.pending.len();
    donor.call(102, Call::Remove(key.clone()));
    donor.call(103, Call::Get(key.clone()));
    assert_eq!(donor.pending.len(), writing);
    assert!([101, 102, 103].iter().all(|call| donor.reply(*call).is_none()));
    let mut dies = donor.clone();
    dies.crash();
    dies.call(104, Call::Remove(key));
    dies.settle();
    assert_eq!(dies.reply(104), Some(&Reply::Removed), "nothing was ceded");
    donor.settle();
    assert_eq!(donor.reply(101), Some(&Reply::Agreed));
    assert!([102, 103].iter().all(|call| matches!(donor.reply(*call), Some(Reply::Moved(_)))));
}

/// Where there is no space for the fence, the share stays, and those who waited are served.
#[test]
fn a_fence_that_finds_no_space_is_none() {
    let (mut donor, key) = donor();
    donor.disk.full = true;
    donor.call(101, CEDE);
    donor.call(102, Call::Get(key));
    donor.settle();
    assert!(matches!(donor.reply(101), Some(Reply::Refused(_))));
    assert!(matches!(donor.reply(102), Some(Reply::Found(_))));
}

/// The process dies at every moment between the reply and the end of the last write.
#[test]
fn how_far_a_shard_has_come_is_never_ahead_of_what_it_has() {
    let mut joins = Hand::on_an_empty_disk(1);
    joins.call(1, Call::Join);
    joins.settle();
    let asks = |hand: &Hand| match hand.said.last() {
        Some(Message::Call {
            call,
            wanted: Call::Handover { step: Handover::Changes { after }, .. },
        }) => (*call, *after),
        other => panic!("{other:?}"),
    };
    let (call, 0) = asks(&joins) else { panic!("it begins at the beginning") };
    let changes = vec![(Bytes::from("/a"), Some(Bytes::from("of no matter here")))];
    let reply = Reply::Changes { changes, next: Some(5) };
    let message = Message::Reply { call, shards: 1, reply };
    joins.input(Input::Message { from: NODES[0], message });
    let mut seen = Vec::new();
    loop {
        let mut dies = joins.clone();
        dies.crash();
        let (_, after) = asks(&dies);
        // What it knows of the ring, and then: how far it has come, and the link.
        assert_eq!(dies.shard.entries(), if after == 5 { 3 } else { 1 });
        seen.push(after);
        if joins.pending.is_empty() {
            break;
        }
        joins.step(0);
    }
    assert_eq!((seen.first(), seen.last()), (Some(&0), Some(&5)));
}
