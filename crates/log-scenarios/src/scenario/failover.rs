//! Leaders that go: crashed, cut off, or robbed of their disk; and who leads after them.

use machine::NodeId;
use sim::{Script, Shape as _};

use super::workload::{
    BEGUN, HEAL, LAST, MS, at, begin, burst, others, produce_between, shuffled, usual,
};
use crate::shape::{Draft, Shape};

/// One crash at a time: the next one comes when the first has been back for long enough to be in sync again.
pub(super) fn leader_crash(draft: &mut Draft) {
    let shape = usual(draft);
    let shape = begin(draft, shape);
    let mut crash = draft.number(BEGUN + 200, 3_000);
    for _ in 0..draft.number(1, 3) {
        let down = draft.magnitude(20, 1_200);
        if crash + down > HEAL {
            break;
        }
        draft.between(at(crash), at(crash + down)).crash("leader/0");
        burst(draft, shape, crash);
        crash += down.max(700) + draft.number(1_000, 1_500);
    }
    produce_between(draft, shape, BEGUN, LAST, 150);
    if draft.percent(50) {
        let resets = at(draft.number(BEGUN, HEAL));
        draft
            .between(resets, resets + MS(1))
            .link_reset(shape.targets("producer"), shape.broker_targets());
    }
}

/// In the first part a record is acknowledged by all of three. When its leader is gone, and the second one too before
/// the third has fetched from it, the third must have what was acknowledged.
pub(super) fn double_failover(draft: &mut Draft) {
    let shape = usual(draft);
    let shape = begin(draft, shape);
    let crash = draft.number(BEGUN + 400, 3_500);
    let brokers = shape.broker_ids();
    let cut = crash - draft.number(0, 10);
    draft.between(at(cut), at(cut + 1_500)).partition(brokers.clone(), brokers);
    let back = crash + draft.number(2_000, 3_000);
    draft.between(at(crash), at(back)).crash("leader/0");
    let second = crash + draft.number(550, 1_000);
    let back = second + draft.number(1_000, 2_500);
    draft.between(at(second), at(back)).crash("leader/0");
    burst(draft, shape, crash);
    burst(draft, shape, second);
    produce_between(draft, shape, BEGUN, LAST, 150);
}

/// A broker and the controllers on one side, the others on the other, for longer than a session.
fn apart(draft: &mut Draft, shape: Shape, from: u64, until: u64) {
    let one = draft.one_of(&shape.broker_ids());
    let side = [vec![one], shape.ids("controller")].concat();
    draft.between(at(from), at(until)).partition(side, others(shape, &[one]));
}

pub(super) fn rack_readers(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { readers: 3, racks: true, ..usual });
    let mut cut = draft.number(BEGUN + 200, 3_000);
    for _ in 0..draft.number(1, 2) {
        let until = cut + draft.number(700, 1_600);
        apart(draft, shape, cut, until);
        burst(draft, shape, cut + 20);
        produce_between(draft, shape, cut, until, 20);
        cut = until + draft.number(500, 1_000);
    }
    produce_between(draft, shape, BEGUN, LAST, 120);
}

/// Its followers leave the ISR while it is cut off from them, and come back when its disk is gone.
pub(super) fn isr_of_one(draft: &mut Draft) {
    let shape = usual(draft);
    let shape = begin(draft, shape);
    let cut = draft.number(BEGUN + 200, 3_500);
    let until = cut + draft.number(1_400, 2_200);
    draft.between(at(cut), at(until)).partition(["leader/0"], shape.broker_targets());
    let lost = until - draft.number(0, 100);
    let back = lost + draft.number(50, 800);
    draft.between(at(lost), at(back)).disk_replaced("leader/0");
    produce_between(draft, shape, cut + 1_000, lost, 40);
    produce_between(draft, shape, BEGUN, LAST, 120);
}

/// Brokers 0 and 1 and a controller are in one rack, broker 2 and two controllers in the other; clients are in neither.
pub(super) fn rack_loss(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, usual);
    let clients = shape.nodes() - shape.brokers - shape.controllers;
    draft.zones([vec![0, 0, 1, 0, 1, 1], vec![2; clients as usize]].concat());
    let last = NodeId(2);
    let cut = draft.number(BEGUN + 200, 3_000);
    let until = cut + draft.number(1_200, 2_000);
    draft.between(at(cut), at(until)).partition([last], others(shape, &[last]));
    let lost = until - draft.number(0, 60);
    let back = lost + draft.number(600, 2_000);
    draft.between(at(lost), at(back)).zone_loss(0);
    produce_between(draft, shape, cut, lost, 60);
    produce_between(draft, shape, BEGUN, LAST, 120);
}

/// Two brokers lose touch with the others, one after the other, and the third loses power, and with that what it has
/// not synced.
pub(super) fn last_replica_standing(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { flush_os: true, ..usual });
    let brokers = shuffled(draft, shape);
    let first = draft.number(BEGUN + 200, 2_400);
    let second = first + draft.number(1_150, 1_700);
    let lost = second + draft.number(1_100, 1_500);
    let until = lost + draft.number(0, 1_000);
    for (broker, from) in [(brokers[0], first), (brokers[1], second)] {
        draft.between(at(from), at(until)).partition([broker], others(shape, &[broker]));
    }
    let back = lost + draft.number(20, 400);
    draft.between(at(lost), at(back)).power_loss(brokers[2]);
    produce_between(draft, shape, first, second, 60);
    produce_between(draft, shape, BEGUN, LAST, 120);
}

/// With a lag limit that is shorter than the session: otherwise a leader stops to acknowledge before it drops a follower.
pub(super) fn cut_off_from_controller(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { lag: 150, session: 800, ..usual });
    let mut cut = draft.number(BEGUN + 200, 3_000);
    for _ in 0..draft.number(1, 2) {
        let until = cut + draft.number(1_000, 1_800);
        apart(draft, shape, cut, until);
        produce_between(draft, shape, cut, until, 40);
        cut = until + draft.number(500, 1_000);
    }
    produce_between(draft, shape, BEGUN, LAST, 120);
}

pub(super) fn controller_loss(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { downtime: 1_500, ..usual });
    let crash = draft.number(BEGUN + 200, 4_000);
    let down = draft.magnitude(50, 2_000);
    draft.between(at(crash), at(crash + down)).crash("leader/0");
    let together = crash + draft.number(0, 30);
    let down = draft.magnitude(50, 2_000);
    draft.between(at(together), at(together + down)).crash("controller");
    burst(draft, shape, crash);
    produce_between(draft, shape, BEGUN, LAST, 200);
}

/// Nobody is taken for dead: what is sent meanwhile waits for as long as somebody sleeps, and is acknowledged.
pub(super) fn short_pauses(draft: &mut Draft) {
    let usual = usual(draft);
    let shape = begin(draft, Shape { downtime: 450, ..usual });
    let mut from = draft.number(BEGUN, BEGUN + 500);
    while from < HEAL - 300 {
        let lasts = draft.number(20, 199);
        let target = draft.one_of(
            &[shape.server_targets(), vec!["leader/0".into(), "controller".into()]].concat(),
        );
        draft.between(at(from), at(from + lasts)).pause(target);
        from += lasts + draft.number(400, 900);
    }
    produce_between(draft, shape, BEGUN, LAST, 250);
}
