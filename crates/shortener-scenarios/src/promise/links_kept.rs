//! An acknowledged link resolves.
//!
//! Those who make, change, delete and look at links see each link linearizably. A visitor may see it as
//! of any moment within the bound before he asked: his visit is a read that began that much earlier
//! (bounded staleness is linearizability with longer reads). But where his instance has acknowledged a
//! change since, he sees that: his visit began after it, and the change ended when it was acknowledged,
//! before whoever made it heard of it. And once everything is healed for a while no visitor is turned away.

mod model;

use std::collections::BTreeMap;
use std::time::Duration;

use check::{Budget, Operation, Verdict as Found, linearizable};
use machine::{Machine, NodeId, Time};
use sim::{Breach, Evidence, History, Promise, Verdict, World};

use crate::shape::FRESHNESS;
use model::{Answered, Register, RegisterOp, What};
use url_shortener::Key;
use url_shortener::{Answer, Ask, Click, Note, Shortener};

type Event = Operation<RegisterOp, Answered>;

/// Slices of the search, of up to 100,000 steps each, at least one a link: some seconds.
const SLICES: u32 = 3_000;
const REMEMBERED: usize = 2_000_000;
/// So many operations before the one that fits in nowhere are named beside it.
const NAMED: usize = 2;
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

/// Whoever is answered is told the truth.
pub(super) struct LinksTrue;

impl<M: Machine<Protocol = Shortener>> Promise<M> for LinksTrue {
    fn end(&mut self, world: &World<M>) -> Verdict {
        judge(world.history())
    }
}

/// A visitor who came while all was calm, and was not answered.
fn turned_away(history: &History<Note>, from: Time, end: Time) -> Option<Breach> {
    let mut open = BTreeMap::new();
    for entry in history.iter() {
        match &entry.note {
            Note::Invoked { token, ask: Ask::Visit(Click { key, .. }), .. }
                if entry.at >= from && entry.at + ANSWERS <= end =>
            {
                open.insert(*token, (key, entry.at));
            }
            Note::Answered { token, answer: Answer::Unavailable(why) } => {
                if let Some((key, at)) = open.get(token) {
                    let why = format!("a visitor of {key:?} at {at:?} is turned away: {why}");
                    return Some(Breach::from(why).on_operation(*token));
                }
            }
            Note::Answered { token, .. } => drop(open.remove(token)),
            _ => {}
        }
    }
    let (token, (key, at)) = open.into_iter().next()?;
    Some(Breach::from(format!("a visitor of {key:?} at {at:?} has no answer")).on_operation(token))
}

fn judge(history: &History<Note>) -> Verdict {
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
            let why = format!(
                "{}, by n{} from {:?}{until}, fits in nowhere after the {} operations on that link \
                 that can be put in order",
                stuck.input,
                stuck.process,
                at(stuck.invoked),
                failure.prefix.len()
            );
            // What came last before it is what it contradicts.
            let before = failure.prefix.iter().rev().take(NAMED);
            let named = [&failure.stuck].into_iter().chain(before);
            let tokens = named.filter_map(|&event| token(history, &events[event]));
            let breach = Breach::from(why).on(Evidence::Value(format!("{:?}", stuck.input.key)));
            Verdict::Broken(tokens.fold(breach, Breach::on_operation))
        }
    }
}

/// The question that an event is of.
fn token(history: &History<Note>, event: &Event) -> Option<u64> {
    let moment = event.returned.as_ref().map_or(event.invoked, |(returned, _)| *returned);
    match &history[(moment / MOMENTS) as usize].note {
        Note::Invoked { token, .. }
        | Note::Acknowledged { token, .. }
        | Note::Answered { token, .. } => Some(*token),
        _ => None,
    }
}

/// What users asked and were told, as the model knows it. Its moments are places in the history.
fn events(history: &History<Note>) -> Vec<Event> {
    let mut open = BTreeMap::new();
    let mut changes = Changes::default();
    let mut events: Vec<Event> = Vec::new();
    let times: Vec<Time> = history.iter().map(|entry| entry.at).collect();
    for (place, entry) in history.iter().enumerate() {
        match &entry.note {
            Note::Invoked { token, instance, ask } => {
                let changed = match ask {
                    Ask::Visit(click) => changes.at(*instance, &click.key),
                    _ => 0,
                };
                open.insert(*token, (entry, own_moment(place), changed, ask));
            }
            Note::Acknowledged { token, key } => {
                changes.acknowledged(entry.node, *token, key, place)
            }
            Note::Answered { answer: Answer::Unavailable(_), .. } => {}
            Note::Answered { token, answer } => {
                let Some((asked, mut invoked, changed, ask)) = open.remove(token) else { continue };
                if matches!(ask, Ask::Visit(_)) {
                    let from = asked.at - FRESHNESS.links;
                    let first = times.partition_point(|at| *at < from).max(changed);
                    invoked = first as u64 * MOMENTS + events.len() as u64;
                }
                let process = u64::from(asked.node.0);
                let ended = changes.ended(*token).unwrap_or(place);
                let returned = Some((own_moment(ended), Answered));
                let event = |input| Event { process, input, invoked, returned };
                events.extend(done(ask, answer).map(event));
            }
            _ => {}
        }
    }
    // A change without an answer may have been made; a picked code that nobody was told is nobody's.
    let maybe = open.into_values().filter_map(|(asked, invoked, _, ask)| {
        let process = u64::from(asked.node.0);
        Some(Event { process, input: change(ask)?, invoked, returned: None })
    });
    events.extend(maybe);
    events
}

/// What instances have acknowledged so far, and where in the history.
#[derive(Default)]
struct Changes<'a> {
    /// By the questions that wanted it.
    places: BTreeMap<u64, usize>,
    /// The last one of a link at an instance.
    last: BTreeMap<(NodeId, &'a Key), usize>,
}

impl<'a> Changes<'a> {
    fn acknowledged(&mut self, instance: NodeId, token: u64, key: &'a Key, place: usize) {
        self.places.insert(token, place);
        self.last.insert((instance, key), place);
    }

    fn ended(&self, token: u64) -> Option<usize> {
        self.places.get(&token).copied()
    }

    /// From where on this instance shows the last change of the link; from anywhere, if it made none.
    fn at(&self, instance: NodeId, key: &'a Key) -> usize {
        self.last.get(&(instance, key)).map_or(0, |place| place + 1)
    }
}

/// After those of all reads that are widened to begin before it.
fn own_moment(place: usize) -> u64 {
    place as u64 * MOMENTS + MOMENTS - 1
}

/// What an answer says. That a link has expired, or that a client asks too much, says nothing.
fn done(ask: &Ask, answer: &Answer) -> Option<RegisterOp> {
    let seen = |key: &Key, what| Some(RegisterOp { key: key.clone(), what });
    match (ask, answer) {
        (Ask::Visit(Click { key, .. }), Answer::Redirect { url, .. }) => {
            seen(key, What::Seen(Some(url.to_string())))
        }
        (Ask::Look(key), Answer::Link(_, link)) => {
            seen(key, What::Seen(Some(link.url.to_string())))
        }
        (
            Ask::Visit(Click { key, .. }) | Ask::Look(key) | Ask::Edit(key, _) | Ask::Delete(key),
            Answer::Missing,
        ) => seen(key, What::Seen(None)),
        (Ask::Create(new), Answer::Link(key, _)) => {
            Some(RegisterOp { key: key.clone(), what: What::Made(new.link.url.to_string()) })
        }
        (Ask::Create(_), Answer::Taken) => Some(RegisterOp { what: What::Taken, ..change(ask)? }),
        (Ask::Edit(..), Answer::Link(..)) | (Ask::Delete(_), Answer::Deleted) => change(ask),
        _ => None,
    }
}

/// What is changed, if it is.
fn change(ask: &Ask) -> Option<RegisterOp> {
    Some(match ask {
        Ask::Create(new) => {
            let key = Key { domain: new.domain.clone(), code: new.alias.clone()? };
            RegisterOp { key, what: What::Made(new.link.url.to_string()) }
        }
        Ask::Edit(key, edit) => {
            let url = edit.url.as_ref()?.to_string();
            RegisterOp { key: key.clone(), what: What::Changed(url) }
        }
        Ask::Delete(key) => RegisterOp { key: key.clone(), what: What::Removed },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use machine::NodeId;
    use sim::Entry;

    use super::*;
    use url_shortener::{Device, Edit, Link, NewLink, RedirectStatus};

    fn key() -> Key {
        Key::new("", "a")
    }

    fn link(url: &str) -> Link {
        Link {
            url: url.into(),
            status: RedirectStatus::Found,
            created_at: Default::default(),
            expires_at: None,
            title: None,
            tags: Vec::new(),
            earlier_clicks: 0,
            incarnation: 0,
            forward_query: None,
        }
    }

    fn create(url: &str) -> Ask {
        let (alias, domain) = (Some("a".into()), "".into());
        Ask::Create(NewLink { alias, domain, link: link(url), made_at: None })
    }

    fn edit(url: &str) -> Ask {
        Ask::Edit(key(), Edit { url: Some(url.into()), ..Edit::default() })
    }

    fn visit() -> Ask {
        let (referrer, device) = (None, Device::Desktop);
        Ask::Visit(Click { key: key(), at_ms: 0, visitor: 0, referrer, device })
    }

    fn leads(url: &str) -> Answer {
        let (url, status) = (url.into(), RedirectStatus::Found);
        Answer::Redirect { url, status, expires_in: None, forward_query: None, from_cache: false }
    }

    fn kept(url: &str) -> Answer {
        Answer::Link(key(), link(url).into())
    }

    /// One after the other, each at its millisecond and answered within it, or never.
    fn judged(operations: &[(u64, Ask, Option<Answer>)]) -> Verdict {
        let mut history = Vec::new();
        for (token, (ms, ask, answer)) in (0..).zip(operations) {
            let entry = |ns, note| Entry { at: Time(ms * 1_000_000 + ns), node: NodeId(9), note };
            let instance = NodeId(0);
            history.push(entry(0, Note::Invoked { token, instance, ask: ask.clone() }));
            let answered = |answer| entry(1, Note::Answered { token, answer });
            history.extend(answer.clone().map(answered));
        }
        judge(&history.into_iter().collect())
    }

    #[track_caller]
    fn breaks(operations: &[(u64, Ask, Option<Answer>)]) {
        assert!(matches!(judged(operations), Verdict::Broken(_)), "{:?}", judged(operations));
    }

    #[test]
    fn a_visitor_may_see_what_was_there_within_the_bound_and_no_longer() {
        let at = |ms| {
            [
                (0, create("u"), Some(kept("u"))),
                (10, edit("v"), Some(kept("v"))),
                (ms, visit(), Some(leads("u"))),
            ]
        };
        assert_eq!(judged(&at(509)), Verdict::Held);
        breaks(&at(511));
    }

    /// A visitor asks an instance 10 ms after the same one, or another, has acknowledged a change.
    #[test]
    fn a_visitor_sees_what_his_instance_has_acknowledged() {
        for (here, held) in [(NodeId(0), false), (NodeId(1), true)] {
            let entry = |ms: u64, node, note| Entry { at: Time(ms * 1_000_000), node, note };
            let invoked = |ms, token, instance, ask| {
                entry(ms, NodeId(9), Note::Invoked { token, instance, ask })
            };
            let answered =
                |ms, token, answer| entry(ms, NodeId(9), Note::Answered { token, answer });
            let done = |ms, token| entry(ms, NodeId(0), Note::Acknowledged { token, key: key() });
            let mut history = vec![
                invoked(0, 1, NodeId(0), create("u")),
                done(1, 1),
                answered(2, 1, kept("u")),
                invoked(100, 2, NodeId(0), edit("v")),
                done(101, 2),
                // Before its owner hears of it.
                invoked(111, 3, here, visit()),
                answered(112, 3, leads("u")),
                answered(113, 2, kept("v")),
            ];
            let verdict = judge(&history.iter().cloned().collect());
            assert_eq!(verdict == Verdict::Held, held, "{verdict:?}");
            history[6] = answered(112, 3, leads("v"));
            assert_eq!(judge(&history.into_iter().collect()), Verdict::Held);
        }
    }

    #[test]
    fn an_owner_sees_what_is_there() {
        let look = Ask::Look(key());
        let history = |seen| {
            [
                (0, create("u"), Some(kept("u"))),
                (10, edit("v"), Some(kept("v"))),
                (11, look.clone(), Some(seen)),
            ]
        };
        assert_eq!(judged(&history(kept("v"))), Verdict::Held);
        breaks(&history(kept("u")));
        breaks(&history(Answer::Missing));
    }

    #[test]
    fn what_nobody_was_told_of_may_have_been_done_at_any_later_time() {
        let history = |seen| {
            [
                (0, create("u"), Some(kept("u"))),
                (1, edit("v"), Some(Answer::Unavailable("silent".into()))),
                (2, Ask::Look(key()), Some(kept("u"))),
                (5_000, Ask::Look(key()), Some(seen)),
            ]
        };
        assert_eq!(judged(&history(kept("u"))), Verdict::Held);
        assert_eq!(judged(&history(kept("v"))), Verdict::Held);
        breaks(&history(kept("w")));
    }

    #[test]
    fn an_acknowledged_link_that_is_gone_is_found_and_so_is_one_that_comes_back() {
        let made = (0, create("u"), Some(kept("u")));
        breaks(&[made.clone(), (1_000, visit(), Some(Answer::Missing))]);
        breaks(&[made.clone(), (1, create("v"), Some(kept("v")))]);
        let taken = (1, create("v"), Some(Answer::Taken));
        assert_eq!(judged(&[made.clone(), taken.clone()]), Verdict::Held);
        let deleted = (2, Ask::Delete(key()), Some(Answer::Deleted));
        breaks(&[made.clone(), deleted.clone(), (600, visit(), Some(leads("u")))]);
        breaks(&[made, deleted, taken]);
    }
}
