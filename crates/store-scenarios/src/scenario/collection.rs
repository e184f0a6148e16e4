//! Bytes that nobody names any more, or not yet.

use machine::Time;
use object_store::note::{Operation, What};
use sim::Script;

use super::plans::{MS, begin, three_or_six};
use crate::shape::{Draft, Shape};

/// Keys of these scenarios.
const KEYS: u8 = 6;
/// So many epochs are quiet in the end: what is dead by then has gone.
const QUIET: u64 = 9;

/// Gateways pause while puts are under way through them, for longer than a put may last. Some of these puts have durable
/// shards by then, and the entry that names them is not handed on before the gateway goes on.
pub(super) fn slow_commit(draft: &mut Draft) {
    let shape = Shape { clients: 4, epoch: 1_000, ..three_or_six(draft) };
    begin(draft, shape);
    draft.phases(MS(12_000), MS(3_000 + QUIET * shape.epoch));
    let (clients, stores) = (shape.client_ids(), shape.store_ids());
    for round in 0..draft.number(2, 3) {
        let at = 1_500 + round * 600 + draft.number(0, 300);
        let gateway = draft.one_of(&stores);
        let pause = at + draft.number(4, 40);
        let (from, to) = (Time(0) + MS(pause), Time(0) + MS(pause + draft.number(4_500, 6_000)));
        draft.between(from, to).pause(gateway);
        for client in &clients {
            let at = Time(0) + MS(at + draft.number(0, 12));
            let key = draft.number(0, u64::from(KEYS) - 1) as u8;
            let what = What::Put(draft.number(65, 4 << 10) as u32);
            draft.operation(at, *client, Operation { gateway, key, what });
        }
    }
    // What is there when they have gone on; and then everything is put again, or deleted.
    for round in [9_500, 10_500, 11_500] {
        for key in 0..KEYS {
            let (client, gateway) = (draft.one_of(&clients), draft.one_of(&stores));
            let at = Time(0) + MS(round + draft.number(0, 500));
            draft.operation(at, client, Operation { gateway, key, what: What::Get });
        }
    }
    replace_all(draft, shape, 12_500);
}

/// Readers take a stripe at a time, and objects are put in the place of those that they read.
pub(super) fn overwrite_during_get(draft: &mut Draft) {
    let shape = Shape { clients: 4, ..three_or_six(draft) };
    begin(draft, shape);
    draft.phases(MS(9_000), MS(3_000 + QUIET * shape.epoch));
    let (clients, stores) = (shape.client_ids(), shape.store_ids());
    let large = |draft: &mut Draft| draft.number(8 << 10, 12 << 10) as u32;
    for key in 0..KEYS {
        let (client, gateway) = (draft.one_of(&clients), draft.one_of(&stores));
        let size = large(draft);
        let what = if draft.percent(50) { What::Put(size) } else { What::Upload(size) };
        let at = Time(0) + MS(900 + draft.number(0, 500));
        draft.operation(at, client, Operation { gateway, key, what });
    }
    // Uploads that nobody ends, early enough to be given up and gone in the end.
    for key in 0..2 {
        let (client, gateway) = (draft.one_of(&clients), draft.one_of(&stores));
        let what = What::Abandon(large(draft));
        let at = Time(0) + MS(1_500 + draft.number(0, 400));
        draft.operation(at, client, Operation { gateway, key, what });
    }
    for round in 0..draft.number(8, 12) {
        let at = 6_000 + round * 400;
        let key = draft.number(0, u64::from(KEYS) - 1) as u8;
        let (reader, writer) = (draft.one_of(&clients[..2]), draft.one_of(&clients[2..]));
        let gateway = draft.one_of(&stores);
        let get = Operation { gateway, key, what: What::GetSlowly };
        draft.operation(Time(0) + MS(at), reader, get);
        let what = match draft.number(0, 5) {
            0 => What::Delete,
            1 => What::Abandon(large(draft)),
            _ => What::Put(large(draft)),
        };
        let at = Time(0) + MS(at + draft.number(10, 400));
        let gateway = draft.one_of(&stores);
        draft.operation(at, writer, Operation { gateway, key, what });
    }
    replace_all(draft, shape, 9_500);
}

/// All keys are put again, or deleted, after this millisecond.
fn replace_all(draft: &mut Draft, shape: Shape, after: u64) {
    for key in 0..KEYS {
        let (client, gateway) =
            (draft.one_of(&shape.client_ids()), draft.one_of(&shape.store_ids()));
        let what = if draft.percent(50) { What::Put(4 << 10) } else { What::Delete };
        let at = Time(0) + MS(after + draft.number(0, 500));
        draft.operation(at, client, Operation { gateway, key, what });
    }
}
