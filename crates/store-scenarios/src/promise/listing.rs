//! The promise `listing-consistent`: whatever changes while a bucket is listed by pages, a key that has an object throughout
//! is listed once, one that has none throughout is not, and keys come in their order.

use std::collections::BTreeMap;

use machine::Time;
use object_store::message::Note;
use object_store::note::{Told, What};
use sim::{Breach, Entry, Promise, World};

use super::changes::Changes;
use crate::client::place;
use crate::shape::{BUCKETS, Node};

#[derive(Default)]
pub(super) struct Listings {
    changes: Changes,
    open: BTreeMap<u64, Listing>,
}

/// A listing that is under way.
struct Listing {
    /// A key of its bucket.
    key: u8,
    since: u64,
    shown: Vec<u8>,
}

impl Listings {
    fn heard(&mut self, at: Time, note: &Note) -> Result<(), Breach> {
        self.changes.heard(at, note);
        match note {
            Note::Invoked { operation, key, what: What::List(_), .. } => {
                let (since, shown) = (self.changes.moment(), Vec::new());
                self.open.insert(*operation, Listing { key: *key, since, shown });
            }
            Note::Page { operation, keys } => {
                let Some(Listing { shown, .. }) = self.open.get_mut(operation) else {
                    return Ok(());
                };
                shown.extend(keys);
                if !shown.windows(2).all(|pair| place(pair[0]).1 < place(pair[1]).1) {
                    let why =
                        format!("a listing shows keys twice, or not in their order: {shown:?}");
                    return Err(Breach::from(why).on_operation(*operation));
                }
            }
            Note::Answered { operation, told: Told::Done } => {
                let Some(listing) = self.open.remove(operation) else { return Ok(()) };
                return self.judge(&listing).map_err(|why| {
                    Breach::from(format!("{why} (shown: {:?})", listing.shown))
                        .on_operation(*operation)
                });
            }
            _ => {}
        }
        Ok(())
    }

    fn judge(&self, Listing { key, since, shown }: &Listing) -> Result<(), String> {
        let bucket = |key: u8| usize::from(key) % BUCKETS.len();
        for other in self.changes.keys().filter(|other| bucket(*other) == bucket(*key)) {
            if !shown.contains(&other) && self.changes.was_there(other, *since) {
                return Err(format!("a listing lacks key {other}, which had an object throughout"));
            }
        }
        for other in shown {
            if bucket(*other) != bucket(*key) || self.changes.was_absent(*other, *since) {
                return Err(format!("a listing shows key {other}, which had no object throughout"));
            }
        }
        Ok(())
    }
}

impl Promise<Node> for Listings {
    fn note(&mut self, _: &World<Node>, entry: &Entry<Note>) -> Result<(), Breach> {
        self.heard(entry.at, &entry.note)
    }
}

#[cfg(test)]
mod tests {
    use machine::NodeId;

    use super::*;

    /// What happens, in order.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Begins(u64, u8, What),
        Done(u64),
        Failed(u64),
        GivenUp(u64),
        Shows(u8),
    }
    use Step::{Begins, Done, Failed, GivenUp, Shows};

    const LISTS: Step = Begins(9, 0, What::List(2));

    fn judged(steps: &[Step]) -> Result<(), Breach> {
        let mut listings = Listings::default();
        steps.iter().try_for_each(|step| {
            let gateway = NodeId(0);
            let note = match *step {
                Begins(operation, key, what) => {
                    Note::Invoked { operation, gateway, key, what, seen: None }
                }
                Done(operation) => Note::Answered { operation, told: Told::Done },
                Failed(operation) => Note::Failed { operation },
                GivenUp(operation) => Note::GivenUp { operation },
                Shows(key) => Note::Page { operation: 9, keys: vec![key] },
            };
            listings.heard(Time(0), &note)
        })
    }

    const fn puts(operation: u64, key: u8) -> Step {
        Begins(operation, key, What::Put(8))
    }

    const fn deletes(operation: u64, key: u8) -> Step {
        Begins(operation, key, What::Delete)
    }

    #[test]
    fn a_listing_may_show_or_lack_what_changes_while_it_goes_on() {
        for steps in [
            &[puts(1, 0), Done(1), puts(2, 3), Done(2), LISTS, Shows(0), Shows(3), Done(9)][..],
            &[puts(1, 0), LISTS, Done(9)],
            &[puts(1, 0), LISTS, Shows(0), Done(9)],
            &[puts(1, 0), Done(1), deletes(2, 0), LISTS, Done(9)],
            &[puts(1, 0), Done(1), LISTS, deletes(2, 0), Done(2), Shows(0), Done(9)],
            &[puts(1, 0), Done(1), deletes(2, 0), GivenUp(2), puts(3, 0), Done(3), LISTS, Done(9)],
            &[deletes(1, 0), puts(2, 0), Done(1), Done(2), LISTS, Done(9)],
            // Of another bucket.
            &[puts(1, 1), Done(1), LISTS, Done(9)],
        ] {
            assert_eq!(judged(steps), Ok(()), "{steps:?}");
        }
    }

    #[test]
    fn a_listing_shows_once_what_is_there_throughout_and_never_what_is_not() {
        for steps in [
            &[puts(1, 0), Done(1), LISTS, Done(9)][..],
            &[puts(1, 0), Done(1), deletes(2, 0), Failed(2), LISTS, Done(9)],
            &[deletes(1, 0), Done(1), puts(2, 0), Done(2), LISTS, Done(9)],
            &[puts(1, 0), Done(1), LISTS, puts(2, 0), Shows(3), Done(9)],
            &[LISTS, Shows(0), Done(9)],
            &[puts(1, 0), Failed(1), LISTS, Shows(0), Done(9)],
            &[puts(1, 0), Done(1), deletes(2, 0), Done(2), LISTS, Shows(0), Done(9)],
            &[puts(1, 0), Done(1), LISTS, Shows(0), Shows(0), Done(9)],
            &[puts(1, 0), Done(1), puts(2, 3), Done(2), LISTS, Shows(3), Shows(0), Done(9)],
            &[puts(1, 1), Done(1), LISTS, Shows(1), Done(9)],
        ] {
            assert!(judged(steps).is_err(), "{steps:?}");
        }
    }
}
