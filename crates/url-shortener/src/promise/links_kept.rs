//! An acknowledged link resolves.
//!
//! Those who make, change, delete and look at links see each link linearizably. A visitor may see it as
//! of any moment within the bound before he asked: his visit is a read that began that much earlier
//! (bounded staleness is linearizability with longer reads). And once everything is healed for a while
//! no visitor is turned away.

mod model;

use std::collections::BTreeMap;
use std::time::Duration;

use check::{Budget, Operation, Verdict as Found, linearizable};
use machine::{Machine, Time};
use sim::{Entry, Promise, Verdict, World};

use crate::Key;
use crate::message::{Answer, Ask, Note, Shortener};
use crate::shape::FRESHNESS;
use model::{Asked, Register, Told, What};

type Event = Operation<Asked, Told>;

/// Slices of the search, of up to 100,000 steps each: some seconds.
const SLICES: u32 = 300;
const REMEMBERED: usize = 2_000_000;
/// After the heal: what was given up is over, shards have read their disks.
const RECOVERS: Duration = Duration::from_millis(1_000);
/// Longer than a calm service takes to answer, or to say that it cannot.
const ANSWERS: Duration = Duration::from_millis(500);
/// Moments of an entry: those of widened reads come before its own.
const MOMENTS: u64 = 1 << 20;

pub(super) struct LinksKept;

impl<M: Machine<Protocol = Shortener>> Promise<M> for LinksKept {
    fn end(&mut self, world: &World<M>) -> Verdict {
        if let Some(healed) = world.healed_at()
            && let Some(why) = turned_away(world.history(), healed + RECOVERS, world.now())
        {
            return Verdict::Broken(why);
        }
        judge(world.history())
    }
}

/// A visitor who came while all was calm, and was not answered.
fn turned_away(history: &[Entry<Note>], from: Time, end: Time) -> Option<String> {
    let mut open = BTreeMap::new();
    for entry in history {
        match &entry.note {
            Note::Invoked { token, ask: Ask::Visit { key, .. }, .. }
                if entry.at >= from && entry.at + ANSWERS <= end =>
            {
                open.insert(*token, (key, entry.at));
            }
            Note::Answered { token, answer: Answer::Unavailable(why) } => {
                if let Some((key, at)) = open.get(token) {
                    return Some(format!("a visitor of {key:?} at {at:?} is turned away: {why}"));
                }
            }
            Note::Answered { token, .. } => drop(open.remove(token)),
            _ => {}
        }
    }
    let (key, at) = open.into_values().next()?;
    Some(format!("a visitor of {key:?} at {at:?} has no answer"))
}

fn judge(history: &[Entry<Note>]) -> Verdict {
    let events = events(history);
    let mut slices = 0;
    let mut go_on = || {
        slices += 1;
        slices <= SLICES
    };
    match linearizable::<Register>(&events, Budget { remembered: REMEMBERED, go_on: &mut go_on }) {
        Found::Linearizable => Verdict::Held,
        Found::Unknown(why) => Verdict::Unknown(why.into()),
        Found::NotLinearizable(failure) => {
            let stuck = &events[failure.stuck];
            let at = |moment: u64| history[(moment / MOMENTS) as usize].at;
            let until = stuck
                .returned
                .as_ref()
                .map_or_else(String::new, |(returned, _)| format!(" to {:?}", at(*returned)));
            Verdict::Broken(format!(
                "{stuck}, by n{} from {:?}{until}, fits in nowhere after the {} operations on that \
                 link that can be put in order",
                stuck.process,
                at(stuck.invoked),
                failure.prefix.len()
            ))
        }
    }
}

/// What users asked and were told, as the model knows it. Its moments are places in the history.
fn events(history: &[Entry<Note>]) -> Vec<Event> {
    let mut open = BTreeMap::new();
    let mut events: Vec<Event> = Vec::new();
    for (place, entry) in history.iter().enumerate() {
        match &entry.note {
            Note::Invoked { token, ask, .. } => {
                open.insert(*token, (entry, own_moment(place), ask));
            }
            Note::Answered { answer: Answer::Unavailable(_), .. } => {}
            Note::Answered { token, answer } => {
                let Some((asked, mut invoked, ask)) = open.remove(token) else { continue };
                if matches!(ask, Ask::Visit { .. }) {
                    let from = asked.at - FRESHNESS.links;
                    let first = history.partition_point(|entry| entry.at < from);
                    invoked = first as u64 * MOMENTS + events.len() as u64;
                }
                let process = u64::from(asked.node.0);
                let returned = |told| Some((own_moment(place), told));
                let event =
                    |(input, told)| Event { process, input, invoked, returned: returned(told) };
                events.extend(told(ask, answer).map(event));
            }
            _ => {}
        }
    }
    // A change without an answer may have been made; a picked code that nobody was told is nobody's.
    let maybe = open.into_values().filter_map(|(asked, invoked, ask)| {
        let process = u64::from(asked.node.0);
        Some(Event { process, input: change(ask)?, invoked, returned: None })
    });
    events.extend(maybe);
    events
}

/// After those of all reads that are widened to begin before it.
fn own_moment(place: usize) -> u64 {
    place as u64 * MOMENTS + MOMENTS - 1
}

/// What an answer says. That a link has expired, or that a client asks too much, says nothing.
fn told(ask: &Ask, answer: &Answer) -> Option<(Asked, Told)> {
    let read = |key: &Key, told| Some((Asked { key: key.clone(), what: What::Read }, told));
    match (ask, answer) {
        (Ask::Visit { key, .. }, Answer::Redirect { url, .. }) => {
            read(key, Told::Leads(url.to_string()))
        }
        (Ask::Look(key), Answer::Link(_, link)) => read(key, Told::Leads(link.url.to_string())),
        (Ask::Visit { key, .. } | Ask::Look(key), Answer::Missing) => read(key, Told::Missing),
        (Ask::Create(new), Answer::Link(key, _)) => {
            let what = What::Create(new.link.url.to_string());
            Some((Asked { key: key.clone(), what }, Told::Done))
        }
        (_, Answer::Taken) => Some((change(ask)?, Told::Taken)),
        (_, Answer::Missing) => Some((change(ask)?, Told::Missing)),
        (_, Answer::Link(..) | Answer::Deleted) => Some((change(ask)?, Told::Done)),
        _ => None,
    }
}

/// A change, as the model knows it.
fn change(ask: &Ask) -> Option<Asked> {
    Some(match ask {
        Ask::Create(new) => {
            let key = Key { domain: new.domain.clone(), code: new.alias.clone()? };
            Asked { key, what: What::Create(new.link.url.to_string()) }
        }
        Ask::Edit(key, edit) => {
            let url = edit.url.as_ref()?.to_string();
            Asked { key: key.clone(), what: What::Edit(url) }
        }
        Ask::Delete(key) => Asked { key: key.clone(), what: What::Delete },
        _ => return None,
    })
}
