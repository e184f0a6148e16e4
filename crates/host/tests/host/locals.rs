//! Nodes of one process: what they say to each other, and what waits for one that is busy.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};

use host::{Files, LocalNodes, Metrics, Node, Outside};
use machine::{
    CREDIT, DATAGRAM, DiskId, Input, LIGHTEST, LONGEST, Link, Machine, NodeId, Now, Outputs,
    Protocol, WINDOW,
};

use crate::wait::next;

#[derive(Clone, Debug)]
struct Words;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Word {
    /// Of the test: send what follows there, on this link.
    Say(u32, Link, Vec<Word>),
    /// Noted.
    Weight(u32),
    /// Answered with one less, until there is none.
    Ball(u32),
}

impl Protocol for Words {
    type Message = Word;
    type Timer = ();
    type Op = ();
    type Note = String;

    fn weight(message: &Word) -> u32 {
        match message {
            Word::Weight(weight) => *weight,
            _ => 64,
        }
    }
}

/// Notes what it is told, and says what it is told to say.
#[derive(Clone)]
struct Parrot;

impl Machine for Parrot {
    type Protocol = Words;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Words>, out: &mut Outputs<Words>) {
        match input {
            Input::Start { .. } => out.note("start".to_owned()),
            Input::Message { message: Word::Say(to, link, words), .. } => {
                for word in words {
                    match link {
                        Link::Datagram => out.datagram(NodeId(to), word),
                        Link::Stream => out.send(NodeId(to), word),
                        Link::Bulk => out.bulk(NodeId(to), word),
                    }
                }
            }
            Input::Message { from, message: Word::Ball(left) } => match left.checked_sub(1) {
                Some(left) => out.send(from, Word::Ball(left)),
                None => out.note("the ball is down".to_owned()),
            },
            Input::Message { from, message: Word::Weight(weight) } => {
                out.note(format!("{weight} from {}", from.0));
            }
            Input::LinkReset { peer } => out.note(format!("reset with {}", peer.0)),
            Input::Writable { peer, link } => out.note(format!("{} takes {link:?}", peer.0)),
            _ => {}
        }
    }
}

struct Ear(Sender<String>);

impl Outside<Words> for Ear {
    fn deliver(&self, to: NodeId, _: Word, _: Link) {
        let _ = self.0.send(format!("to {} outside", to.0));
    }
    fn noted(&self, note: String) {
        let _ = self.0.send(note);
    }
    fn halted(&self, _: &str) {}
}

struct Cage {
    nodes: Vec<Arc<Node<Parrot>>>,
    heard: Vec<Receiver<String>>,
}

impl Cage {
    fn new(nodes: u32) -> Cage {
        let (local, metrics) = (Arc::new(LocalNodes::default()), Metrics::default());
        let mut cage = Cage { nodes: Vec::new(), heard: Vec::new() };
        for id in 0..nodes {
            let (sender, heard) = channel();
            // It has no files.
            let disk = (Files::new(PathBuf::from("/no/such/folder"), &metrics), DiskId(0));
            let node = local.start(NodeId(id), Parrot, disk, Arc::new(Ear(sender)), &metrics);
            assert_eq!(next(&heard, "it starts"), "start");
            cage.nodes.push(node);
            cage.heard.push(heard);
        }
        cage
    }

    fn tell(&self, node: usize, word: Word) {
        assert!(self.nodes[node].input(Input::Message { from: NodeId(99), message: word }));
    }

    fn say(&self, from: usize, to: u32, link: Link, weights: &[u32]) {
        let words = weights.iter().map(|weight| Word::Weight(*weight)).collect();
        self.tell(from, Word::Say(to, link, words));
    }

    /// Does this while the node is busy.
    fn while_busy<T>(&self, node: usize, work: impl FnOnce() -> T) -> T {
        self.nodes[node].look(|_| work()).unwrap()
    }

    fn heard(&self, node: usize) -> Vec<String> {
        self.heard[node].try_iter().collect()
    }
}

const MIB: u32 = 1 << 20;

#[test]
fn whoever_brings_an_input_to_a_busy_machine_goes_on_and_it_has_them_in_order() {
    let cage = Cage::new(1);
    let brought = cage.while_busy(0, || {
        (0..200).for_each(|number| cage.tell(0, Word::Weight(number)));
        cage.heard(0)
    });
    assert_eq!(brought, [""; 0], "it was busy");
    let all: Vec<_> = (0..200).map(|number| format!("{number} from 99")).collect();
    assert_eq!(cage.heard(0), all, "they were handled when it was let go");
}

#[test]
fn two_that_answer_each_other_neither_nest_nor_wait() {
    let cage = Cage::new(2);
    cage.tell(0, Word::Say(1, Link::Stream, vec![Word::Ball(200_000)]));
    let down = || next(&cage.heard[1], "the ball falls") == "the ball is down";
    assert!((0..100).any(|_| down()), "what else it is told is that it may go on sending");
}

#[test]
fn what_is_said_is_heard_in_order_and_credit_is_given_for_what_was_taken() {
    let cage = Cage::new(2);
    let weights: Vec<u32> = (0..8).map(|n| MIB - n).collect();
    cage.while_busy(1, || {
        cage.say(0, 1, Link::Bulk, &weights);
        assert_eq!(cage.heard(0), [""; 0], "nothing was taken yet");
    });
    let all: Vec<_> = weights.iter().map(|weight| format!("{weight} from 0")).collect();
    assert_eq!(cage.heard(1), all);
    // 28 bytes less than a whole window.
    assert_eq!(cage.heard(0), ["1 takes Bulk"; 3]);
    cage.say(0, 1, Link::Bulk, &[28]);
    assert_eq!(cage.heard(0), ["1 takes Bulk"]);
}

#[test]
fn more_than_a_window_ends_both_lanes_and_both_are_told() {
    let cage = Cage::new(2);
    cage.while_busy(1, || {
        cage.say(0, 1, Link::Stream, &[1]);
        cage.say(0, 1, Link::Bulk, &[LONGEST, LONGEST]);
        assert_eq!(cage.heard(0), [""; 0], "a whole window is outstanding, and no more");
        cage.say(0, 1, Link::Bulk, &[2, 3]);
        assert_eq!(cage.heard(0), ["reset with 1"]);
        cage.say(0, 1, Link::Stream, &[4]);
    });
    assert_eq!(cage.heard(1), ["reset with 0", "4 from 0"], "the lanes from before are over");
    assert_eq!(cage.heard(0), [""; 0], "and so is credit for what they carried");
    cage.say(0, 1, Link::Bulk, &[CREDIT]);
    assert_eq!(cage.heard(0), ["1 takes Bulk"], "new ones begin with a whole window");
    cage.say(0, 1, Link::Bulk, &[LONGEST + 1]);
    assert_eq!(cage.heard(0), ["reset with 1"], "it is too heavy");
    assert_eq!(cage.heard(1), [format!("{CREDIT} from 0"), "reset with 0".to_owned()]);
}

/// To keep a word takes memory, also where it weighs nothing.
#[test]
fn words_that_weigh_nothing_fill_a_window_too() {
    let cage = Cage::new(2);
    let room = vec![0; (WINDOW / LIGHTEST) as usize];
    cage.while_busy(1, || {
        cage.say(0, 1, Link::Stream, &room);
        assert_eq!(cage.heard(0), [""; 0], "a whole window is outstanding, and no more");
    });
    assert_eq!(cage.heard(1).len(), room.len());
    assert_eq!(cage.heard(0), ["1 takes Stream"; 4]);
    cage.while_busy(1, || {
        cage.say(0, 1, Link::Stream, &room);
        cage.say(0, 1, Link::Stream, &[0]);
        assert_eq!(cage.heard(0), ["reset with 1"]);
    });
}

/// The credit for what was taken comes to the sender behind the word that makes it break the lanes.
#[test]
fn credit_of_lanes_that_are_over_does_not_count_for_new_ones() {
    let cage = Cage::new(2);
    cage.while_busy(1, || {
        let breaks = Word::Say(1, Link::Bulk, vec![Word::Weight(LONGEST + 1)]);
        cage.tell(1, Word::Say(0, Link::Stream, vec![breaks]));
        cage.say(0, 1, Link::Bulk, &[CREDIT]);
    });
    assert_eq!(cage.heard(1), [format!("{CREDIT} from 0"), "reset with 0".to_owned()]);
    assert_eq!(cage.heard(0), ["reset with 1"]);
}

#[test]
fn datagrams_to_a_busy_machine_are_kept_only_so_far() {
    let cage = Cage::new(2);
    cage.while_busy(1, || {
        cage.say(0, 1, Link::Datagram, &[7; 3000]);
        cage.say(0, 1, Link::Stream, &[8]);
    });
    let heard = cage.heard(1);
    assert!(heard.len() < 2000, "{} wait for it", heard.len());
    assert_eq!(heard.last().unwrap(), "8 from 0", "what is no datagram is not lost");
    cage.say(0, 1, Link::Datagram, &[7]);
    assert_eq!(cage.heard(1), ["7 from 0"]);
}

#[test]
fn a_datagram_that_is_too_heavy_is_lost_and_one_to_elsewhere_leaves() {
    let cage = Cage::new(2);
    cage.say(0, 1, Link::Datagram, &[DATAGRAM + 1, DATAGRAM]);
    assert_eq!(cage.heard(1), [format!("{DATAGRAM} from 0")]);
    cage.say(0, 7, Link::Datagram, &[1]);
    assert_eq!(cage.heard(0), ["to 7 outside"]);
}

#[test]
fn one_that_has_stopped_is_a_reset_to_who_speaks_to_it() {
    let cage = Cage::new(2);
    cage.nodes[1].stop();
    cage.say(0, 1, Link::Stream, &[1, 2]);
    assert_eq!(cage.heard(0), ["reset with 1"]);
    cage.say(0, 1, Link::Stream, &[3]);
    assert_eq!(cage.heard(0), ["reset with 1"], "also the next time");
    assert_eq!(cage.heard(1), [""; 0]);
}

/// A timer, an asker and a thousand messages for each of many nodes need no thread of theirs.
#[test]
fn many_nodes_start_no_more_threads_than_few() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let _few = Cage::new(2);
    // Other tests begin and end threads meanwhile, but not by the hundred.
    let before = threads();
    let many = Cage::new(500);
    for node in 0..500 {
        many.say(node, (node as u32 + 1) % 500, Link::Stream, &[1]);
        assert_eq!(many.heard(node).len() + many.heard((node + 1) % 500).len(), 1);
    }
    assert!(threads() < before + 100, "{before} threads before, {} after", threads());
}
