//! An instance that knows less of the ring than the shards, moved by hand.

use std::sync::Arc;

use machine::{
    DiskId, Generation, Input, Machine, NodeId, Now, Output, Outputs, Random, Switches, Time, Wall,
};
use rand::SeedableRng;
use url_shortener::{Answer, Ask, Call, Instance, Message, Reply, Roster, Settings, Shortener};

use crate::service::{key, visit};

const SHARDS: [NodeId; 2] = [NodeId(10), NodeId(11)];
const TALLY: NodeId = NodeId(20);
const USER: NodeId = NodeId(30);

struct Hand {
    instance: Instance,
    random: Random,
}

/// What was said to whom.
type Said = Vec<(NodeId, Message)>;

impl Hand {
    fn input(&mut self, input: Input<Shortener>) -> Said {
        let (time, wall, generation) = (Time(0), Wall(0), Generation(0));
        let mut now = Now { time, wall, generation, random: &mut self.random };
        let mut out = Outputs::default();
        self.instance.handle(&mut now, input, &mut out);
        let said = out.drain().filter_map(|output| match output {
            Output::Send { to, message, .. } => Some((to, message)),
            _ => None,
        });
        said.collect()
    }

    fn ask(&mut self, ask: Ask) -> Said {
        let message = Message::Ask { token: 1, client: 1, ask };
        self.input(Input::Message { from: USER, message })
    }

    /// A shard, which knows of two, replies.
    fn reply(&mut self, from: NodeId, call: u64, reply: Reply) -> Said {
        let message = Message::Reply { call, shards: 2, reply };
        self.input(Input::Message { from, message })
    }
}

/// The only call among what was said, and to whom.
fn call(said: &Said) -> (NodeId, u64, Call) {
    match &said[..] {
        [(to, Message::Call { call, wanted })] => (*to, *call, wanted.clone()),
        other => panic!("{other:?} is not one call"),
    }
}

/// Somebody takes a link away while another reads it, and then it has moved: where it is now it is read anew,
/// so what that brings is kept.
#[test]
fn what_is_read_where_a_link_has_moved_is_from_after_what_came_before() {
    let shards = Roster { nodes: SHARDS.to_vec(), founders: 1 };
    let settings = Settings { shards, ..Settings::new(vec![SHARDS[0]], TALLY, [0; 16]) };
    let instance = Instance::new(settings, Switches::ALL_ON).unwrap();
    let mut hand = Hand { instance, random: Random::seed_from_u64(1) };
    hand.input(Input::Start { disk: DiskId(1) });
    // Of these some are the second shard's, once that has joined.
    let moved = (0..100).find_map(|number| {
        let code = format!("link-{number}");
        let (to, read, get) = call(&hand.ask(visit(&code)));
        let (_, removal, _) = call(&hand.ask(Ask::Delete(key(&code))));
        assert_eq!((to, &get), (SHARDS[0], &Call::Get(key(&code))));
        let said = hand.reply(SHARDS[0], removal, Reply::Removed);
        assert!(matches!(said[..], [(USER, Message::Answer { answer: Answer::Deleted, .. })]));
        match &hand.reply(SHARDS[0], read, Reply::Moved(Box::new(get.clone())))[..] {
            [(to, Message::Call { call, wanted })] => {
                assert_eq!((*to, wanted), (SHARDS[1], &get));
                Some((code, *call))
            }
            // A shard that gives back what is its own is not asked for ever.
            [(USER, Message::Answer { answer: Answer::Unavailable(_), .. })] => None,
            other => panic!("{other:?}"),
        }
    });
    let (code, read) = moved.expect("the second shard has a share");
    let missing = |said: &Said| {
        matches!(&said[..], [(USER, Message::Answer { answer: Answer::Missing, .. })])
    };
    assert!(missing(&hand.reply(SHARDS[1], read, Reply::Missing)));
    assert!(missing(&hand.ask(visit(&code))), "it is known that there is none");
    let key = key(&Arc::<str>::from(code));
    let (to, ..) = call(&hand.ask(Ask::Look(key)));
    assert_eq!(to, SHARDS[1], "and where it would be");
}
