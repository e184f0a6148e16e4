//! Buckets that change while they are listed.

use machine::Time;
use object_store::note::{Operation, What};
use sim::{FaultKind, Script};

use super::plans::{MS, begin, moment, size, three_or_six};
use crate::shape::{BUCKETS, Draft, Shape};

/// So many keys, over all buckets.
const KEYS: u64 = 30;

/// Clients list buckets, a few keys a page, while others put and delete; and whoever leads is cut off, or goes.
pub(super) fn list_while_changed(draft: &mut Draft) {
    let shape = Shape { clients: 4, ..three_or_six(draft) };
    begin(draft, shape);
    let (from, to) = (900, draft.end().0 / 1_000_000 - 1_500);
    for number in 0..200 {
        let at = Time(0) + MS(from + number * (to - from) / 200 + draft.number(0, 20));
        let client = draft.one_of(&shape.client_ids());
        let gateway = draft.one_of(&shape.store_ids());
        let key = draft.number(0, KEYS - 1) as u8;
        let what = match draft.number(0, 9) {
            0..=2 => What::List(draft.number(1, 4) as u16),
            3..=6 => What::Put(size(draft)),
            _ => What::Delete,
        };
        draft.operation(at, client, Operation { gateway, key, what });
    }
    for _ in 0..draft.number(0, 2) {
        let (at, lasts) = (moment(draft), MS(draft.number(300, 1_500)));
        let leader = format!("leader/{}", draft.number(0, BUCKETS.len() as u64 - 1));
        draft.between(at, at + lasts).partition([&*leader], shape.store_ids());
    }
    draft.swarm(&[FaultKind::Crash, FaultKind::Delay], &shape.store_targets());
}
