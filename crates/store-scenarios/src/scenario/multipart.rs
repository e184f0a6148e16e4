//! Uploads in parts, whose answers are lost.

use object_store::note::{Operation, What};

use super::plans::{MS, begin, moment, three_or_six};
use crate::shape::{Draft, Shape};
use sim::Script;

/// An upload is completed, and the link goes on which the answer comes. Others read what it put, and put something else,
/// before its client asks again.
pub(super) fn multipart_retry(draft: &mut Draft) {
    let shape = Shape { clients: 4, ..three_or_six(draft) };
    begin(draft, shape);
    let clients = shape.client_ids();
    for _ in 0..draft.number(15, 25) {
        let (at, key) = (moment(draft), draft.number(0, 5) as u8);
        let (one, other) = (draft.one_of(&clients[..2]), draft.one_of(&clients[2..]));
        let gateway = draft.one_of(&shape.store_ids());
        let bytes = draft.magnitude(65, 12 << 10) as u32;
        let what = match draft.number(0, 9) {
            0 => What::Abort(bytes),
            1 => What::Abandon(bytes),
            _ => What::Upload(bytes),
        };
        draft.operation(at, one, Operation { gateway, key, what });
        if draft.percent(70) {
            let reset = at + MS(draft.number(5, 80));
            draft.between(reset, reset + MS(1)).link_reset([gateway], [one]);
        }
        let then = at + MS(draft.number(60, 250));
        let put = What::Put(draft.magnitude(8, 12 << 10) as u32);
        let later = [What::Get, if draft.percent(70) { put } else { What::Delete }, What::Get];
        for (number, what) in (0..).zip(later) {
            let gateway = draft.one_of(&shape.store_ids());
            draft.operation(then + MS(number), other, Operation { gateway, key, what });
        }
        // By then it was asked again.
        let then = at + MS(draft.number(500, 900));
        let gateway = draft.one_of(&shape.store_ids());
        draft.operation(then, other, Operation { gateway, key, what: What::Get });
    }
}
