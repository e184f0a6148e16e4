//! A deleted link stops resolving within the bound, an expired one at once, and none before its time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use machine::{Machine, Time, Wall};
use sim::{Breach, Entry, Promise, WORLD_BEGINS, World};

use crate::shape::{FRESHNESS, Shape};
use url_shortener::Key;
use url_shortener::{Answer, Ask, Note, Shortener};

/// What is known of links. Every one leads elsewhere, so its target tells which it is.
pub(super) struct DeletedStop {
    skew: Duration,
    asked: BTreeMap<u64, (Time, Ask)>,
    /// Since when they are gone for certain, and by which question.
    gone: BTreeMap<Key, (Time, u64)>,
    /// Somebody may be making one of these at any time.
    revivable: BTreeMap<Key, u32>,
    /// When somebody was last told about one that he wanted to make.
    created: BTreeMap<Key, Time>,
    /// When the time of a link is over, by its target, and which question was for it.
    expires: BTreeMap<String, (Option<Wall>, u64)>,
    /// The earliest of those times of all links that were ever wanted under a code.
    first_expiry: BTreeMap<Key, Wall>,
    /// Codes of links without such a time are not looked at: they were given out more than once.
    mixed: BTreeSet<Key>,
}

impl DeletedStop {
    pub(super) fn new(shape: Shape) -> Self {
        DeletedStop {
            skew: Duration::from_millis(shape.skew_ms),
            asked: BTreeMap::new(),
            gone: BTreeMap::new(),
            revivable: BTreeMap::new(),
            created: BTreeMap::new(),
            expires: BTreeMap::new(),
            first_expiry: BTreeMap::new(),
            mixed: BTreeSet::new(),
        }
    }

    fn invoked(&mut self, token: u64, at: Time, ask: &Ask) {
        if let Ask::Create(new) = ask {
            self.expires.insert(new.link.url.to_string(), (new.link.expires_at, token));
            if let Some(alias) = &new.alias {
                let key = Key { domain: new.domain.clone(), code: alias.clone() };
                self.gone.remove(&key);
                match new.link.expires_at {
                    Some(at) => {
                        let first = self.first_expiry.entry(key.clone()).or_insert(at);
                        *first = at.min(*first);
                    }
                    None => drop(self.mixed.insert(key.clone())),
                }
                *self.revivable.entry(key).or_default() += 1;
            }
        }
        self.asked.insert(token, (at, ask.clone()));
    }

    fn answered(
        &mut self,
        token: u64,
        now: Time,
        skew: Duration,
        answer: &Answer,
    ) -> Result<(), Breach> {
        let Some((at, ask)) = self.asked.remove(&token) else { return Ok(()) };
        match (ask, answer) {
            // It may still be made.
            (Ask::Create(_), Answer::Unavailable(_)) => Ok(()),
            (Ask::Create(new), _) => {
                let Some(code) = new.alias else { return Ok(()) };
                let key = Key { domain: new.domain, code };
                self.revivable.entry(key.clone()).and_modify(|open| *open -= 1);
                self.created.insert(key, now);
                Ok(())
            }
            (Ask::Delete(key), Answer::Deleted) => {
                let made_since = self.created.get(&key).is_some_and(|created| *created >= at);
                if !made_since && self.revivable.get(&key).is_none_or(|open| *open == 0) {
                    self.gone.entry(key).or_insert((now, token));
                }
                Ok(())
            }
            (Ask::Visit(click), Answer::Redirect { url, .. }) => {
                self.redirected(&click.key, at, skew, url)
            }
            (Ask::Visit(click), Answer::Expired) => self.expired(&click.key, now, skew),
            _ => Ok(()),
        }
    }

    fn redirected(&self, key: &Key, asked: Time, skew: Duration, url: &str) -> Result<(), Breach> {
        if let Some((gone, deletion)) = self.gone.get(key)
            && *gone + FRESHNESS.links <= asked
        {
            let why = format!("{key:?} was deleted at {gone:?}, and leads to {url} at {asked:?}");
            return Err(Breach::from(why).on_operation(*deletion));
        }
        match self.expires.get(url) {
            Some((Some(over), creation)) if *over + skew <= true_wall(asked) => {
                let late = true_wall(asked).distance(*over).as_millis();
                let why = format!("{key:?} expired {late} ms before somebody was led to {url}");
                Err(Breach::from(why).on_operation(*creation))
            }
            _ => Ok(()),
        }
    }

    fn expired(&self, key: &Key, now: Time, skew: Duration) -> Result<(), Breach> {
        if self.mixed.contains(key) && !self.first_expiry.contains_key(key) {
            return Err(Breach::from(format!("{key:?} never expires, and is said to have")));
        }
        match self.first_expiry.get(key) {
            Some(first) if true_wall(now) + skew < *first => Err(Breach::from(format!(
                "{key:?} is said to have expired {} ms before its time",
                true_wall(now).distance(*first).as_millis()
            ))),
            _ => Ok(()),
        }
    }
}

/// What a clock shows that is right.
fn true_wall(at: Time) -> Wall {
    Wall(WORLD_BEGINS.0 + at.0)
}

impl<M: Machine<Protocol = Shortener>> Promise<M> for DeletedStop {
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        match &entry.note {
            Note::Invoked { token, ask, .. } => self.invoked(*token, entry.at, ask),
            Note::Answered { token, answer } => {
                // Healed clocks are right, but for answers that were on their way.
                let asked = self.asked.get(token).map_or(entry.at, |(at, _)| *at);
                let healed = world.healed_at().is_some_and(|healed| healed <= asked);
                let skew = if healed { Duration::ZERO } else { self.skew };
                let judged = self.answered(*token, entry.at, skew, answer);
                return judged.map_err(|breach| breach.on_operation(*token));
            }
            _ => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use url_shortener::{Click, Device, Link, NewLink, RedirectStatus};

    fn key() -> Key {
        Key::new("", "a")
    }

    fn at(ms: u64) -> Time {
        Time(ms * 1_000_000)
    }

    /// Clocks are right to within 50 ms.
    struct Watch(DeletedStop, u64);

    impl Watch {
        fn new() -> Watch {
            let shape =
                Shape { instances: 1, shards: 1, users: 1, skew_ms: 50, ..Shape::default() };
            Watch(DeletedStop::new(shape), 0)
        }

        fn saw(&mut self, ms: u64, ask: Ask, answer: Answer) -> Result<(), Breach> {
            let Watch(promise, token) = self;
            *token += 1;
            let skew = promise.skew;
            promise.invoked(*token, at(ms), &ask);
            promise.answered(*token, at(ms), skew, &answer)
        }

        fn made(&mut self, ms: u64, expires_at: Option<Wall>) {
            let link = Link {
                url: "u".into(),
                status: RedirectStatus::Found,
                created_at: Wall(0),
                expires_at,
                title: None,
                tags: Vec::new(),
                earlier_clicks: 0,
                incarnation: 0,
                forward_query: None,
            };
            let (alias, domain) = (Some("a".into()), "".into());
            let new = NewLink { alias, domain, link: link.clone(), made_at: None };
            self.saw(ms, Ask::Create(new), Answer::Link(key(), link.into())).unwrap();
        }

        fn visited(&mut self, ms: u64, answer: Answer) -> bool {
            let (referrer, device) = (None, Device::Other);
            let click = Click { key: key(), at_ms: 0, visitor: 0, referrer, device };
            self.saw(ms, Ask::Visit(click), answer).is_ok()
        }
    }

    fn leads() -> Answer {
        let (url, status) = ("u".into(), RedirectStatus::Found);
        Answer::Redirect { url, status, expires_in: None, forward_query: None, from_cache: false }
    }

    #[test]
    fn a_deleted_link_may_lead_somewhere_for_as_long_as_copies_are_used() {
        let mut watch = Watch::new();
        watch.made(0, None);
        watch.saw(100, Ask::Delete(key()), Answer::Deleted).unwrap();
        assert!(watch.visited(599, leads()));
        assert!(!watch.visited(600, leads()));
        watch.made(700, None);
        assert!(watch.visited(5_000, leads()), "it was made anew");
    }

    #[test]
    fn a_link_expires_when_it_says_by_a_clock_that_may_be_off() {
        let mut watch = Watch::new();
        watch.made(0, Some(true_wall(at(1_000))));
        assert!(watch.visited(1_049, leads()) && !watch.visited(1_050, leads()));
        assert!(watch.visited(950, Answer::Expired) && !watch.visited(949, Answer::Expired));
    }

    #[test]
    fn a_link_without_an_end_does_not_expire() {
        let mut watch = Watch::new();
        watch.made(0, None);
        assert!(!watch.visited(1_000, Answer::Expired));
    }
}
