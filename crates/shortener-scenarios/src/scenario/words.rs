//! What the plans of all scenarios are written with.

use std::sync::Arc;
use std::time::Duration;

use machine::{NodeId, Time, nanos};

use crate::shape::{Draft, Shape};
use url_shortener::{Action, Which, Wish};

pub(super) const MS: fn(u64) -> Duration = Duration::from_millis;

/// An alias by its number.
pub(super) fn alias(number: u64) -> Arc<str> {
    format!("link-{number}").into()
}

/// The link of this alias.
pub(super) fn named(number: u64) -> Which {
    Which::Alias(alias(number))
}

/// A moment between two, ends included, in milliseconds.
pub(super) fn between(draft: &mut Draft, from: u64, to: u64) -> Time {
    Time(draft.number(nanos(MS(from)), nanos(MS(to))))
}

/// When faults end, in milliseconds.
pub(super) fn heal_ms(draft: &Draft) -> u64 {
    draft.heal_at().0 / 1_000_000
}

/// Some user asks some instance for it.
pub(super) fn anybody(draft: &mut Draft, shape: Shape, at: Time, wish: Wish) {
    let user = draft.one_of(&shape.user_ids());
    somebody(draft, shape, at, user, wish);
}

/// This user asks some instance for it.
pub(super) fn somebody(draft: &mut Draft, shape: Shape, at: Time, user: NodeId, wish: Wish) {
    let instance = draft.one_of(&shape.instance_ids());
    draft.operation(at, user, Action { instance, wish });
}

/// So many aliases are made within the first 100 ms.
pub(super) fn made(draft: &mut Draft, shape: Shape, links: u64) {
    for number in 0..links {
        let at = between(draft, 5, 100);
        let wish = Wish::Create { alias: Some(alias(number)), expires_in_ms: None };
        anybody(draft, shape, at, wish);
    }
}

/// So many visits of these links, one by one, from the first moment to the end of the faults.
pub(super) fn visits(draft: &mut Draft, shape: Shape, visits: u64, links: u64) {
    let end = heal_ms(draft);
    for _ in 0..visits {
        let (at, number) = (between(draft, 100, end), draft.number(0, links - 1));
        anybody(draft, shape, at, Wish::Visit(named(number)));
    }
}

/// A rush: so many visits of one link within 20 ms.
pub(super) fn rush(draft: &mut Draft, shape: Shape, visits: u64, number: u64) {
    let end = heal_ms(draft);
    let at = draft.number(100, end);
    for _ in 0..visits {
        let at = between(draft, at, at + 20);
        anybody(draft, shape, at, Wish::Visit(named(number)));
    }
}

/// Links without an alias, of which some are followed at once.
pub(super) fn picked(draft: &mut Draft, shape: Shape, links: u64) {
    let end = heal_ms(draft);
    for number in 0..links {
        let at = between(draft, 5, end);
        anybody(draft, shape, at, Wish::Create { alias: None, expires_in_ms: None });
        let (at, which) = (between(draft, 100, end), Which::Picked(number as u32));
        anybody(draft, shape, at, Wish::Visit(which));
    }
}

/// Looks, changes and deletions of these links, and new ones in their place.
pub(super) fn chores(draft: &mut Draft, shape: Shape, chores: u64, links: u64) {
    let end = heal_ms(draft);
    chores_within(draft, shape, chores, links, (100, end));
}

/// The same, between two moments.
pub(super) fn chores_within(
    draft: &mut Draft,
    shape: Shape,
    chores: u64,
    links: u64,
    (from, to): (u64, u64),
) {
    for _ in 0..chores {
        let (at, number) = (between(draft, from, to), draft.number(0, links - 1));
        let again = Wish::Create { alias: Some(alias(number)), expires_in_ms: None };
        let choices = [
            Wish::Look(named(number)),
            Wish::Edit(named(number)),
            Wish::Delete(named(number)),
            again,
        ];
        let wish = draft.one_of(&choices);
        anybody(draft, shape, at, wish);
    }
}

/// When all is well again every user visits every alias and some of his picked links, and looks at them.
pub(super) fn roll_call(draft: &mut Draft, shape: Shape, links: u64, picked: u32) {
    let (from, to) = (heal_ms(draft) + 1_000, draft.end().0 / 1_000_000 - 600);
    for user in shape.user_ids() {
        for which in (0..links).map(named).chain((0..picked).map(Which::Picked)) {
            for wish in [Wish::Visit(which.clone()), Wish::Look(which)] {
                let at = between(draft, from, to);
                somebody(draft, shape, at, user, wish);
            }
        }
    }
}
