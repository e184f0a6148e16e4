//! Two lanes between a pair of nodes: what is heavy takes time, and no more is on its way than a window.

use std::sync::Arc;

use machine::{
    CREDIT, DATAGRAM, Input, LONGEST, Link, Machine, NodeId, Now, Output, Outputs, Protocol, Time,
    WINDOW, Window,
};
use sim::{Delays, Distance, Fault, FaultId, Script, World};

use crate::puppet::{
    Act, Puppet, Seen, What, Word, at, heard, ms, node, puppet, resets, seen, stage, tell, tell_at,
};

const MIB: u32 = 1 << 20;

fn parcels(link: Link, numbers: std::ops::Range<u64>, weight: u32) -> Vec<Act> {
    numbers.map(|number| Act::Parcel(1, link, number, weight)).collect()
}

/// How often node 0 was told of a credit of node 1's.
fn credits(world: &World<Puppet>, link: Link) -> usize {
    let told = What::Writable(node(1), link);
    seen(world, 0).iter().filter(|(_, seen)| seen.what == told).count()
}

#[test]
fn a_message_that_exceeds_the_window_resets_the_pair_and_the_one_before_does_not() {
    for link in [Link::Stream, Link::Bulk] {
        for (parcels_sent, told) in [(8, 0), (9, 1)] {
            let mut world = stage(1, &[0, 0]);
            tell(&mut world, 0, &parcels(link, 0..parcels_sent, WINDOW / 8));
            world.run_until(at(100));
            assert_eq!([resets(&world, 0, 1), resets(&world, 1, 0)], [told; 2], "{link:?}");
            assert_eq!(heard(&world, 1).len(), if told == 0 { 8 } else { 0 });
        }
    }
}

#[test]
fn the_longest_message_arrives_and_a_longer_one_resets_the_pair() {
    for (weight, told) in [(LONGEST, 0), (LONGEST + 1, 1)] {
        let mut world = stage(2, &[0, 0]);
        tell(&mut world, 0, &parcels(Link::Stream, 0..1, weight));
        world.run_until(at(100));
        assert_eq!([resets(&world, 0, 1), resets(&world, 1, 0)], [told; 2]);
        assert_eq!(heard(&world, 1).len(), 1 - told);
    }
}

#[test]
fn either_lane_that_is_reset_takes_the_other_with_it() {
    for (heavy, light) in [(Link::Bulk, Link::Stream), (Link::Stream, Link::Bulk)] {
        let mut world = stage(3, &[0, 0]);
        tell(&mut world, 0, &parcels(light, 0..1, 64));
        tell(&mut world, 1, &[Act::Parcel(0, light, 7, 64)]);
        tell(&mut world, 0, &parcels(heavy, 1..2, LONGEST + 1));
        world.run_until(at(100));
        assert!(heard(&world, 1).is_empty() && heard(&world, 0).is_empty());
        assert_eq!([resets(&world, 0, 1), resets(&world, 1, 0)], [1, 1], "once for both");
        tell(&mut world, 0, &parcels(light, 2..3, 64));
        world.run_until(at(200));
        assert_eq!(heard(&world, 1), [2], "what is sent after it was told goes on new lanes");
    }
}

#[test]
fn credit_is_given_for_what_the_machine_was_handed_and_not_for_what_waits() {
    let mut world = stage(4, &[0, 0]);
    let pause = world.begin(Fault::Pause { node: 1.into() });
    tell(&mut world, 0, &parcels(Link::Bulk, 0..8, MIB));
    world.run_until(at(100));
    assert_eq!((credits(&world, Link::Bulk), resets(&world, 0, 1)), (0, 0), "all of it waits");
    world.end(pause);
    world.run_until(at(200));
    assert_eq!(credits(&world, Link::Bulk), (8 * MIB / CREDIT) as usize);
    assert_eq!(credits(&world, Link::Stream), 0, "of the other lane nothing was taken");
    tell(&mut world, 0, &parcels(Link::Bulk, 8..16, MIB));
    world.run_until(at(300));
    assert_eq!((heard(&world, 1).len(), resets(&world, 0, 1)), (16, 0));
}

#[test]
fn a_message_that_waits_for_a_paused_node_fills_the_window() {
    let mut world = stage(5, &[0, 0]);
    world.begin(Fault::Pause { node: 1.into() });
    tell(&mut world, 0, &parcels(Link::Bulk, 0..8, MIB));
    tell_at(&mut world, 50, 0, &parcels(Link::Bulk, 8..9, 64));
    world.run_until(at(100));
    assert_eq!(resets(&world, 0, 1), 1);
}

#[test]
fn a_credit_that_a_cut_holds_back_comes_when_it_is_healed() {
    let mut world = stage(6, &[0, 0]);
    let cut = world.begin(Fault::OneWayPartition { from: vec![1.into()], to: vec![0.into()] });
    tell(&mut world, 0, &parcels(Link::Bulk, 0..8, MIB));
    world.run_until(at(100));
    assert_eq!((heard(&world, 1).len(), credits(&world, Link::Bulk)), (8, 0));
    world.end(cut);
    world.run_until(at(200));
    assert_eq!(credits(&world, Link::Bulk), 4);
}

/// The incident that would be: the sender fills a window, the receiver takes it, and the pair is reset while the
/// credit is on its way. If that counted, the sender's machine would have more on its way than a window.
#[test]
fn a_credit_of_an_old_connection_never_counts_for_the_new_one() {
    for seed in 0..100 {
        let mut world = stage(seed, &[0, 0]);
        tell(&mut world, 0, &parcels(Link::Bulk, 0..8, MIB));
        // The parcels arrive from 1.8 to 8.7 ms, and credit for them a millisecond or two later.
        world.schedule(at(8), at(8), Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] });
        world.run_until(at(8));
        let before = credits(&world, Link::Bulk);
        world.run_until(at(50));
        assert_eq!(credits(&world, Link::Bulk), before, "seed {seed}");
        world.begin(Fault::Pause { node: 1.into() });
        tell(&mut world, 0, &parcels(Link::Bulk, 10..18, MIB));
        world.run_until(at(100));
        assert_eq!(resets(&world, 0, 1), 1, "a window is free again, seed {seed}");
        tell(&mut world, 0, &parcels(Link::Bulk, 18..19, 1));
        world.run_until(at(200));
        assert_eq!(resets(&world, 0, 1), 2, "and not a byte more, seed {seed}");
    }
}

/// The incident: a credit of the old connection came to a cut, was held back there, and counted for the connection
/// that was there when the cut ended.
#[test]
fn a_credit_of_an_old_connection_is_not_kept_for_the_new_one_by_a_cut() {
    for seed in 0..100 {
        let mut world = stage(seed, &[0, 0]);
        tell(&mut world, 0, &parcels(Link::Bulk, 0..8, MIB));
        world.schedule(at(8), at(8), Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] });
        let cut = Fault::OneWayPartition { from: vec![1.into()], to: vec![0.into()] };
        world.schedule(at(8), at(30), cut);
        world.run_until(at(8));
        let before = credits(&world, Link::Bulk);
        world.run_until(at(60));
        assert_eq!(credits(&world, Link::Bulk), before, "seed {seed}");
    }
}

/// The incident: what was sent after a reset waited for the last message of the connection before it.
#[test]
fn a_new_connection_is_not_as_late_as_the_old_one_was() {
    let late: [fn(&mut World<Puppet>) -> FaultId; 3] = [
        |world| world.delay([0], ms(1_000)),
        |world| world.slow_link([0], [1], 1_000),
        |world| world.delay_messages("even-number", [0], [1], ms(1_000)),
    ];
    for late in late {
        let mut world = stage(13, &[0, 0]);
        let fault = late(&mut world);
        tell(&mut world, 0, &parcels(Link::Stream, 0..1, MIB));
        tell(&mut world, 0, &[Act::Send(1, 2)]);
        world.run_until(at(20));
        world.end(fault);
        world.link_reset([0], [1]);
        world.run_until(at(30));
        tell(&mut world, 0, &[Act::Send(1, 7)]);
        world.run_until(at(40));
        let heard = heard(&world, 1);
        assert_eq!((heard.last(), resets(&world, 1, 0)), (Some(&7), 1));
        assert!(!heard.contains(&2), "it was of the old one");
    }
}

#[test]
fn a_lane_that_opens_is_not_as_late_as_the_one_beside_it() {
    let mut world = stage(14, &[0, 0]);
    let late = world.delay_messages("even-number", [0], [1], ms(1_000));
    tell(&mut world, 0, &[Act::Send(1, 2)]);
    world.run_until(at(1));
    world.end(late);
    tell(&mut world, 0, &parcels(Link::Bulk, 1..2, 64));
    world.run_until(at(10));
    assert_eq!(heard(&world, 1), [1]);
}

/// The incident: what a slow link had begun to carry was late by minutes, long after the link was quick again.
#[test]
fn what_a_slow_link_held_back_goes_on_when_it_is_quick_again() {
    for link in [Link::Stream, Link::Bulk] {
        let mut world = stage(15, &[0, 0]);
        let slow = world.slow_link([0], [1], 1_000);
        tell(&mut world, 0, &parcels(link, 0..4, MIB));
        world.run_until(at(1_000));
        assert_eq!(heard(&world, 1), [0], "0.84 s each");
        world.end(slow);
        world.run_until(at(1_010));
        assert_eq!(heard(&world, 1), [0, 1, 2, 3]);
    }
}

#[test]
fn what_a_slow_link_holds_back_waits_for_a_cut_too_and_stays_in_order() {
    for seed in 0..50 {
        let mut world = stage(seed, &[0, 0]);
        for number in 0..60 {
            tell_at(&mut world, 10 * number, 0, &[Act::Parcel(1, Link::Stream, number, 20_000)]);
        }
        // 16 ms each: more than come.
        let slow = Fault::SlowLink { a: vec![0.into()], b: vec![1.into()], times: 1_000 };
        world.schedule(at(50), at(400), slow);
        world.schedule(at(200), at(300), Fault::Partition { a: vec![0.into()], b: vec![1.into()] });
        world.run_until(at(200));
        let before = heard(&world, 1).len();
        assert!((12..=16).contains(&before), "{before}");
        world.run_until(at(300));
        assert_eq!(heard(&world, 1).len(), before, "a cut lets nothing pass");
        world.run_until(at(400));
        let passed = heard(&world, 1).len() - before;
        assert!((4..=8).contains(&passed), "and it is as slow as before: {passed}");
        world.run_until(at(1_000));
        assert_eq!(heard(&world, 1), Vec::from_iter(0..60), "seed {seed}");
        assert_eq!(resets(&world, 0, 1), 0);
    }
}

/// A node that is told of several resets is told of the first one first: what comes between them would be a
/// connection that ended before it began.
#[test]
fn nothing_of_a_new_connection_comes_before_the_end_of_an_old_one_was_told() {
    for seed in 0..300 {
        // Some of it travels forty times as long as the rest.
        let delays = Delays::micros(100, 4_000);
        let mut world = World::new(seed, &[0, 0], delays, Arc::new(|_| puppet()));
        for tenth in 0..200 {
            let send = Word::Do(vec![Act::Send(1, tenth)]);
            world.tell_at(Time(tenth * 100_000), node(0), send);
        }
        for reset in 0..2 + seed % 2 {
            let at = Time(8_000_000 + reset * 100_000);
            world.schedule(at, at, Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] });
        }
        world.run_until(at(100));
        let told = seen(&world, 1);
        let last = told.iter().rposition(|(_, seen)| seen.what == What::Reset(node(0))).unwrap();
        let after = told[last..].iter().filter_map(|(_, seen)| match seen.what {
            What::Number(_, number) => Some(number),
            _ => None,
        });
        let after = Vec::from_iter(after);
        assert_eq!(after, Vec::from_iter(after[0]..200), "a gap, seed {seed}");
        let before = heard(&world, 1).len() - after.len();
        assert_eq!(heard(&world, 1)[..before], Vec::from_iter(0..before as u64), "seed {seed}");
    }
}

/// A sender that is told of a reset later than its receiver could have its messages accepted, and later ones
/// not: a gap that the receiver was not told of.
#[test]
fn no_receiver_sees_a_gap_that_it_was_not_told_of() {
    for seed in 0..200 {
        let mut world = stage(seed, &[0, 0]);
        for tenth in 0..300 {
            let send = Word::Do(vec![Act::Send(1, tenth)]);
            world.tell_at(Time(tenth * 100_000), node(0), send);
        }
        world.schedule(at(10), at(10), Fault::LinkReset { a: vec![0.into()], b: vec![1.into()] });
        world.run_until(at(100));
        let seen = seen(&world, 1);
        let reset = seen.iter().position(|(_, seen)| seen.what == What::Reset(node(0))).unwrap();
        let number = |(_, seen): &(Time, &Seen)| match seen.what {
            What::Number(_, number) => Some(number),
            _ => None,
        };
        let after: Vec<u64> = seen[reset..].iter().filter_map(number).collect();
        assert_eq!(after, Vec::from_iter(after[0]..300), "seed {seed}");
    }
}

#[test]
fn bulk_delays_no_heartbeat_and_a_heavy_stream_does() {
    for (link, most) in [(Link::Bulk, ms(3)), (Link::Stream, ms(9))] {
        let mut world = stage(7, &[0, 0]);
        tell(&mut world, 0, &parcels(link, 0..7, MIB));
        tell(&mut world, 0, &[Act::Send(1, 99)]);
        world.run_until(at(100));
        let is_beat = |(_, seen): &&(Time, &Seen)| matches!(seen.what, What::Number(_, 99));
        let beat = seen(&world, 1).iter().find(is_beat).unwrap().0;
        assert!(beat <= Time(0) + most, "{link:?}: {beat:?}");
        // 7 MiB at 1.25 GB/s take 5.9 ms to leave.
        assert_eq!(link == Link::Stream, beat > Time(5_870_000), "{link:?}: {beat:?}");
    }
}

#[test]
fn a_heavy_message_keeps_its_receiver_busy_and_a_light_one_does_not() {
    for (weight, busy_ns) in [(LONGEST, 1 << 20), (16 << 10, 4 << 10), (16_383, 0)] {
        let mut world = stage(8, &[0, 0]);
        tell(&mut world, 0, &parcels(Link::Bulk, 0..1, weight));
        while heard(&world, 1).is_empty() {
            assert!(world.step());
        }
        let handed = world.now();
        world.tell(node(1), Word::Number(1));
        world.run_until(at(100));
        let next = seen(&world, 1).last().unwrap().0;
        assert_eq!(next.since(handed).as_nanos(), busy_ns, "{weight}");
    }
}

#[test]
fn a_datagram_that_is_too_heavy_never_arrives_and_is_an_error_of_the_machine() {
    let mut world = stage(9, &[0, 0]);
    tell(&mut world, 0, &[Act::Parcel(1, Link::Datagram, 1, DATAGRAM)]);
    world.run_until(at(50));
    assert_eq!((heard(&world, 1), world.error()), (vec![1], None));
    tell(&mut world, 0, &[Act::Parcel(1, Link::Datagram, 2, DATAGRAM + 1)]);
    world.run_until(at(100));
    assert_eq!(heard(&world, 1), [1]);
    let error = world.error().unwrap();
    assert!(error.contains("n0 sent n1 a datagram of 1201 bytes at 50 ms"), "{error}");
}

#[test]
fn zones_are_as_far_apart_as_it_was_said() {
    let far = Distance { zones: (0, 2), delays: Delays::micros(40_000, 50_000) };
    let boot = |_| crate::puppet::puppet();
    let delays = Delays::micros(1_000, 2_000);
    let mut world = World::with_distances(1, &[0, 1, 2], delays, &[far], Arc::new(boot));
    tell(&mut world, 0, &[Act::Send(1, 1), Act::Send(2, 2), Act::Datagram(2, 3)]);
    tell(&mut world, 2, &[Act::Send(0, 4), Act::Datagram(1, 5)]);
    world.run_until(at(39));
    assert_eq!(
        [heard(&world, 0), heard(&world, 1), heard(&world, 2)],
        [vec![], vec![1, 5], vec![]]
    );
    world.run_until(at(51));
    let mut arrived = [heard(&world, 0), heard(&world, 2)];
    arrived[1].sort_unstable();
    assert_eq!(arrived, [vec![4], vec![2, 3]]);
}

#[test]
fn a_slow_link_slows_what_is_named_and_nothing_else() {
    let mut world = stage(10, &[0, 0, 0]);
    world.slow_link([0], [1], 1_000);
    tell(&mut world, 0, &[Act::Parcel(1, Link::Bulk, 1, MIB), Act::Parcel(2, Link::Bulk, 2, MIB)]);
    tell(&mut world, 2, &[Act::Parcel(1, Link::Bulk, 3, MIB)]);
    world.run_until(at(800));
    assert_eq!((heard(&world, 1), heard(&world, 2)), (vec![3], vec![2]));
    // 1 MiB takes 0.84 ms, or 840.
    world.run_until(at(850));
    assert_eq!(heard(&world, 1), [3, 1]);
}

#[test]
fn what_two_nodes_say_moves_nothing_between_others() {
    let arrivals = |chatter: bool| {
        let mut world = stage(11, &[0, 0, 0]);
        for number in 0..100 {
            if chatter {
                let to_others = [Act::Send(2, 1), Act::Datagram(2, 1), Act::Datagram(0, 1)];
                tell_at(&mut world, number, 0, &to_others);
            }
            tell_at(&mut world, number, 0, &[Act::Send(1, number), Act::Datagram(1, number)]);
        }
        world.run_until(at(200));
        seen(&world, 1).into_iter().map(|(at, seen)| (at, seen.clone())).collect::<Vec<_>>()
    };
    assert_eq!(arrivals(false), arrivals(true));
}

#[derive(Clone, Debug)]
struct Cargo;

impl Protocol for Cargo {
    type Message = u32;
    type Timer = ();
    type Op = ();
    type Note = ();

    fn weight(weight: &u32) -> u32 {
        *weight
    }
}

/// Sends 64 MiB in bulk to node 1, or as much as there is room for. On node 1 it counts what arrives.
#[derive(Clone, Debug, Default)]
struct Hauler {
    window: Option<Window>,
    left: u32,
    sent: u32,
    arrived: u32,
    resets: u32,
}

const PARCEL: u32 = 1 << 18;

impl Machine for Hauler {
    type Protocol = Cargo;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Cargo>, out: &mut Outputs<Cargo>) {
        match input {
            // By then the other has started too.
            Input::Start { .. } => return out.set_timer((), ms(1)),
            Input::Message { message, .. } => self.arrived += message,
            Input::LinkReset { .. } => {
                self.resets += 1;
                self.left = 0;
            }
            Input::Writable { peer, link } => {
                self.window.iter_mut().for_each(|window| window.writable(peer, link));
            }
            _ => {}
        }
        let room = |window: &Option<Window>| {
            window.as_ref().is_none_or(|window| window.has_room(node(1), Link::Bulk))
        };
        while self.left > 0 && room(&self.window) {
            out.push(Output::Send { to: node(1), message: PARCEL, link: Link::Bulk });
            self.window.iter_mut().for_each(|window| window.sent(node(1), Link::Bulk, PARCEL));
            (self.left, self.sent) = (self.left - PARCEL, self.sent + PARCEL);
        }
    }
}

fn haul(window: Option<Window>) -> [Hauler; 2] {
    let boot = move |id| match id {
        NodeId(0) => Hauler { window: window.clone(), left: 64 * MIB, ..Hauler::default() },
        _ => Hauler::default(),
    };
    let mut world = World::new(1, &[0, 0], Delays::micros(200, 2_000), Arc::new(boot));
    world.run_until(at(2_000));
    [0, 1].map(|id| world.machine(node(id)).unwrap().clone())
}

#[test]
fn sixty_four_mebibytes_pass_with_a_window_and_without_a_reset() {
    let [sender, receiver] = haul(Some(Window::default()));
    assert_eq!((sender.sent, receiver.arrived), (64 * MIB, 64 * MIB));
    assert_eq!((sender.resets, receiver.resets), (0, 0));
}

#[test]
fn without_one_the_pair_is_reset_at_the_first_message_beyond_the_window() {
    let [sender, receiver] = haul(None);
    assert_eq!((sender.resets, receiver.resets), (1, 1));
    assert_eq!(receiver.arrived, 0, "all of it is sent at once, and lost");
}

/// Greets node 0 as it starts.
#[derive(Clone, Debug, Default)]
struct Greeter {
    greeted: u32,
}

impl Machine for Greeter {
    type Protocol = Cargo;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Cargo>, out: &mut Outputs<Cargo>) {
        match input {
            Input::Start { .. } => out.send(node(0), 64),
            Input::Message { .. } => self.greeted += 1,
            _ => {}
        }
    }
}

/// Its peers are told that its lanes broke when it is back, since nobody could tell them before. What it
/// sends as it starts is on the new ones.
#[test]
fn what_a_node_sends_as_it_starts_after_a_loss_of_power_arrives() {
    for seed in 0..20 {
        let boot = |_| Greeter::default();
        let mut world = World::new(seed, &[0, 0], Delays::micros(200, 2_000), Arc::new(boot));
        world.schedule(at(50), at(100), Fault::PowerLoss { node: 1.into() });
        world.run_until(at(200));
        let greeted = world.machine(node(0)).unwrap().greeted;
        assert_eq!(greeted, 3, "by itself, and by each boot of the other, seed {seed}");
    }
}
