//! A worker's side of its lease: asking, renewing, and knowing when to stop.
//!
//! The law: a lease counts from the moment at which the authority that gave it was asked for it, by the
//! monotonic clock, so the worker stops before the authority, which counts from a later moment and
//! adds a grace, can give the number away.
//!
//! Where there are several authorities one of them answers. The one that answered last is asked, and
//! where it is silent the next: a period has room for a question to each.

use std::fmt;
use std::time::Duration;

use machine::{NodeId, Now, Outputs, Switches, Time, Wall};
use rand::Rng;

use crate::lease::{LEASE, SKEW_BOUND};
use crate::mechanism::Mechanism;
use crate::message::{Grant, Lease, Message, Note, Refusal, Snowflake, Timer, Wanted};

/// How often a worker renews, and asks again when nobody answers.
const RENEW_EVERY: Duration = Duration::from_millis(300);
/// How soon it asks again where no worker id was free.
const ASK_AGAIN: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(crate) struct LeaseClient {
    authorities: Vec<NodeId>,
    /// Of the one to ask, among them.
    place: usize,
    switches: Switches,
    held: Option<Held>,
    asked: Option<Asked>,
}

/// The request in flight.
#[derive(Clone, Debug)]
struct Asked {
    request: u64,
    /// Who was asked so far, and when for the first time.
    sent: Vec<(NodeId, Time)>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    lease: Lease,
    expires: Time,
    /// The expiry was noted.
    expired: bool,
    /// What the authority's wall clock showed, at some moment between these two.
    wall: Wall,
    sent: Time,
    received: Time,
}

impl LeaseClient {
    pub(crate) fn new(authorities: Vec<NodeId>, switches: Switches) -> Self {
        LeaseClient { authorities, place: 0, switches, held: None, asked: None }
    }

    /// Asks for a lease, or to renew the one that is held, even if it has run out: if nobody else
    /// was given the number, it may be kept.
    ///
    /// A request that was not answered is repeated under its number, to the next authority where
    /// there is one, so that an authority slower than we are impatient still gets its answer through.
    pub(crate) fn ask(&mut self, now: &mut Now<'_>, out: &mut Outputs<Snowflake>) {
        let count = self.authorities.len().max(1);
        if self.asked.is_some() {
            self.place = (self.place + 1) % count;
        }
        // The answer to one that is older than a lease would be worth nothing. Numbers are drawn,
        // so that the answers to an earlier life are not taken for answers to this one.
        let fresh = |sent: Time| now.time < sent + LEASE;
        let repeated = self.asked.take().filter(|asked| asked.first().is_some_and(fresh));
        let mut asked =
            repeated.unwrap_or_else(|| Asked { request: now.random.next_u64(), sent: Vec::new() });
        // Lease and ceiling run out together: then neither makes the next holder wait for long.
        let wanted = Wanted { request: asked.request, ceiling: now.wall + LEASE };
        let message = match self.held {
            Some(held) => Message::Renew(wanted, held.lease),
            None => Message::Acquire(wanted),
        };
        if let Some(&authority) = self.authorities.get(self.place) {
            if asked.of(authority).is_none() {
                asked.sent.push((authority, now.time));
            }
            out.send(authority, message);
        }
        self.asked = Some(asked);
        out.set_timer(Timer::Lease, RENEW_EVERY / count as u32);
    }

    /// An authority gave or renewed a lease; false where that is the answer to an old request.
    pub(crate) fn granted(
        &mut self,
        from: NodeId,
        grant: &Grant,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) -> bool {
        let asked = self.asked.as_ref().filter(|asked| asked.request == grant.request);
        let Some(sent) = asked.and_then(|asked| asked.of(from)) else {
            return false;
        };
        self.asked = None;
        let place = self.authorities.iter().position(|&authority| authority == from);
        self.place = place.unwrap_or(self.place);
        self.held = Some(Held {
            lease: grant.lease,
            expires: sent + grant.lasts,
            expired: false,
            wall: grant.wall,
            sent,
            received: now.time,
        });
        out.note(Note::Compared { distance: self.distance(now) });
        out.set_timer(Timer::Lease, RENEW_EVERY.saturating_sub(now.time.since(sent)));
        true
    }

    /// The authority said no; true where a lease was lost by that.
    pub(crate) fn denied(
        &mut self,
        request: u64,
        now: &mut Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) -> bool {
        if self.asked.take_if(|asked| asked.request == request).is_none() {
            return false;
        }
        let lost = self.held.take().is_some();
        match lost {
            true => self.ask(now, out),
            false => out.set_timer(Timer::Lease, ASK_AGAIN),
        }
        lost
    }

    pub(crate) fn holds(&self, lease: Lease) -> bool {
        self.held.is_some_and(|held| held.lease == lease)
    }

    /// Forgets the lease, and the request in flight.
    pub(crate) fn drop_lease(&mut self) {
        (self.held, self.asked) = (None, None);
    }

    /// May an id be minted now? Notes why not.
    pub(crate) fn permits(
        &mut self,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) -> Result<(), Refusal> {
        let Some(why) = self.refuses(now) else { return Ok(()) };
        if why == Refusal::ClockWrong {
            out.note(Note::ClockWrong);
        } else if let Some(held) = &mut self.held
            && !std::mem::replace(&mut held.expired, true)
        {
            out.note(Note::LeaseExpired);
        }
        Err(why)
    }

    /// Why no id may be minted now, if so.
    pub(crate) fn refuses(&self, now: &Now<'_>) -> Option<Refusal> {
        let Some(held) = &self.held else { return Some(Refusal::NotReady) };
        if Mechanism::StopBeforeExpiry.on(self.switches) && now.time >= held.expires {
            return Some(Refusal::NotReady);
        }
        let wrong = Mechanism::SkewCheck.on(self.switches) && held.skew(now) > SKEW_BOUND;
        wrong.then_some(Refusal::ClockWrong)
    }

    /// How far the wall clock may be from the authority's; zero where there is nothing to tell by.
    pub(crate) fn distance(&self, now: &Now<'_>) -> Duration {
        self.held.map_or(Duration::ZERO, |held| held.skew(now))
    }
}

impl Asked {
    /// When it was first made.
    fn first(&self) -> Option<Time> {
        self.sent.first().map(|(_, sent)| *sent)
    }

    /// When it was first made of this authority.
    fn of(&self, authority: NodeId) -> Option<Time> {
        self.sent.iter().find(|(asked, _)| *asked == authority).map(|(_, sent)| *sent)
    }
}

impl Held {
    /// How far the wall clock may be from the authority's: the answer was on its way for some
    /// unknown part of the round trip, so the worst is assumed.
    fn skew(&self, now: &Now<'_>) -> Duration {
        let latest = self.wall + now.time.since(self.sent);
        let earliest = self.wall + now.time.since(self.received);
        now.wall.distance(latest).max(now.wall.distance(earliest))
    }
}

impl fmt::Display for LeaseClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.held {
            None => f.write_str("no lease"),
            Some(Held { lease: Lease { worker, epoch }, expires, .. }) => {
                write!(f, "worker {worker} in epoch {epoch} until {expires:?}")
            }
        }
    }
}
