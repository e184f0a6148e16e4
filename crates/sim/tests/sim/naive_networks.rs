//! Naive machines that trust the network.

use std::sync::Arc;
use std::time::Duration;

use machine::{Input, Inspection, Link, Machine, NodeId, Now, Output, Outputs, Protocol, Time};
use sim::{Delays, Fault, MessageFilter, World};

use crate::puppet::{at, ms, node};
use crate::trial::{strike, trials};

#[derive(Clone, Debug)]
struct Numbers;

impl Protocol for Numbers {
    type Message = u64;
    type Timer = ();
    type Op = ();
    type Note = Duration;

    fn weight(number: &u64) -> u32 {
        if *number < FIRST_QUESTION { 64 } else { 64 << 10 }
    }
}

const SENT: u64 = 500;
/// Questions, and their answers, are heavy.
const FIRST_QUESTION: u64 = 1_000;

/// Sends a number a millisecond to node 1, and believes that sent is received.
#[derive(Clone, Debug)]
struct Sender {
    link: Link,
    sent: u64,
}

/// Writes down what it receives, and believes that it comes once and in order.
#[derive(Clone, Debug, Default)]
struct Receiver {
    received: Vec<u64>,
}

/// Asks node 1 every 10 ms on a stream, and believes that it answers within 50 ms.
#[derive(Clone, Debug, Default)]
struct Asker {
    asked_at: Vec<Time>,
}

/// Answers.
#[derive(Clone, Debug)]
struct Answerer;

sim::nodes! {
    /// Who is naive about networks.
    enum Naive: Numbers { Sender(Sender), Receiver(Receiver), Asker(Asker), Answerer(Answerer) }
}

impl Machine for Sender {
    type Protocol = Numbers;

    fn handle(&mut self, _: &mut Now<'_>, _: Input<Numbers>, out: &mut Outputs<Numbers>) {
        if self.sent < SENT {
            out.push(Output::Send { to: node(1), message: self.sent, link: self.link });
            out.set_timer((), ms(1));
            self.sent += 1;
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "sender", state: self.sent.to_string() }
    }
}

impl Machine for Receiver {
    type Protocol = Numbers;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Numbers>, _: &mut Outputs<Numbers>) {
        if let Input::Message { message, .. } = input {
            self.received.push(message);
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "receiver", state: self.received.len().to_string() }
    }
}

impl Machine for Asker {
    type Protocol = Numbers;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Numbers>, out: &mut Outputs<Numbers>) {
        match input {
            Input::Message { message, .. } => {
                out.note(now.time.since(self.asked_at[(message - FIRST_QUESTION) as usize]));
            }
            Input::Start { .. } | Input::Timer(()) if self.asked_at.len() < 50 => {
                out.send(node(1), FIRST_QUESTION + self.asked_at.len() as u64);
                self.asked_at.push(now.time);
                out.set_timer((), ms(10));
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "asker", state: self.asked_at.len().to_string() }
    }
}

impl Machine for Answerer {
    type Protocol = Numbers;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Numbers>, out: &mut Outputs<Numbers>) {
        if let Input::Message { from, message } = input {
            out.send(from, message);
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "answerer", state: String::new() }
    }
}

/// What the receiver received of what a sender sent over this link. Every message takes
/// equally long, so that without a fault none overtakes another.
fn received(link: Link, fault: Option<Fault>) -> Vec<u64> {
    let boot = move |id| match id {
        NodeId(0) => Naive::Sender(Sender { link, sent: 0 }),
        _ => Naive::Receiver(Receiver::default()),
    };
    let mut world = World::new(1, &[0, 0], Delays::micros(2_500, 2_500), Arc::new(boot));
    world.declare(&[MessageFilter { name: "every-hundredth", picks: |number| number % 100 == 0 }]);
    strike(&mut world, fault);
    world.run_until(at(1_000));
    let Some(Naive::Receiver(receiver)) = world.machine(node(1)) else { return Vec::new() };
    receiver.received.clone()
}

fn no_datagram_is_lost(fault: Option<Fault>) -> bool {
    let received = received(Link::Datagram, fault);
    (0..SENT).all(|number| received.contains(&number))
}

fn no_datagram_comes_twice(fault: Option<Fault>) -> bool {
    let mut received = received(Link::Datagram, fault);
    let arrived = received.len();
    received.sort_unstable();
    received.dedup();
    received.len() == arrived
}

fn no_datagram_is_overtaken(fault: Option<Fault>) -> bool {
    received(Link::Datagram, fault).is_sorted()
}

fn what_a_stream_was_given_arrives(fault: Option<Fault>) -> bool {
    received(Link::Stream, fault) == Vec::from_iter(0..SENT)
}

fn a_peer_answers_within_50_ms(fault: Option<Fault>) -> bool {
    let boot = |id| match id {
        NodeId(0) => Naive::Asker(Asker::default()),
        _ => Naive::Answerer(Answerer),
    };
    let mut world = World::new(1, &[0, 0], Delays::micros(200, 2_000), Arc::new(boot));
    strike(&mut world, fault);
    world.run_until(at(2_000));
    assert_eq!(world.history().len(), 50, "a stream answers late rather than never");
    world.history().iter().all(|entry| entry.note <= ms(50))
}

trials! {
    a_partition_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "partition",
        Fault::Partition { a: vec![0.into()], b: vec![1.into()] };
    a_one_way_partition_of_the_answers_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "one-way-partition",
        Fault::OneWayPartition { from: vec![1.into()], to: vec![0.into()] };
    a_flapping_link_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "flapping-link",
        Fault::FlappingLink { a: vec![0.into()], b: vec![1.into()], period_ns: 150_000_000 };
    delay_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "delay",
        Fault::Delay { nodes: vec![1.into()], by_ns: 30_000_000 };
    a_retransmission_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "loss", Fault::Loss { nodes: vec![1.into()], ppm: 200_000 };
    a_slow_node_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "slow-node",
        Fault::SlowNode { node: 1.into(), service_ns: 20_000_000 };
    a_paused_peer_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "pause", Fault::Pause { node: 1.into() };
    a_lossy_link_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "lossy-link",
        Fault::LossyLink { a: vec![0.into()], b: vec![1.into()], ppm: 200_000 };
    a_slow_link_breaks_who_waits_50_ms:
        a_peer_answers_within_50_ms, "slow-link",
        Fault::SlowLink { a: vec![0.into()], b: vec![1.into()], times: 1_000 };
    a_filter_breaks_who_believes_that_datagrams_arrive:
        no_datagram_is_lost, "message-filter",
        Fault::MessageFilter {
            filter: "every-hundredth".into(), from: vec![0.into()], to: vec![], delay_ns: 0,
        };
    a_lossy_link_breaks_who_believes_that_datagrams_arrive:
        no_datagram_is_lost, "lossy-link",
        Fault::LossyLink { a: vec![1.into()], b: vec![0.into()], ppm: 20_000 };
    loss_breaks_who_believes_that_datagrams_arrive:
        no_datagram_is_lost, "loss", Fault::Loss { nodes: vec![0.into()], ppm: 20_000 };
    duplication_breaks_who_believes_that_datagrams_come_once:
        no_datagram_comes_twice, "duplication",
        Fault::Duplication { nodes: vec![0.into()], ppm: 20_000 };
    reordering_breaks_who_believes_that_datagrams_come_in_order:
        no_datagram_is_overtaken, "reordering",
        Fault::Reordering { nodes: vec![1.into()], ppm: 20_000, by_ns: 5_000_000 };
    a_link_reset_breaks_who_believes_that_sent_on_a_stream_is_received:
        what_a_stream_was_given_arrives, "link-reset",
        Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] };
}

#[test]
fn each_fault_of_datagrams_does_one_thing_only() {
    let nodes = || vec![0.into()];
    let loss = Fault::Loss { nodes: nodes(), ppm: 20_000 };
    assert!(no_datagram_comes_twice(Some(loss.clone())) && no_datagram_is_overtaken(Some(loss)));
    let twice = Fault::Duplication { nodes: nodes(), ppm: 20_000 };
    assert!(no_datagram_is_lost(Some(twice.clone())) && no_datagram_is_overtaken(Some(twice)));
    let late = Fault::Reordering { nodes: nodes(), ppm: 20_000, by_ns: 5_000_000 };
    assert!(no_datagram_is_lost(Some(late.clone())) && no_datagram_comes_twice(Some(late)));
}
