//! A worker's side of its lease: asking, renewing, and knowing when to stop.
//!
//! The law: a lease counts from the moment at which it was asked for, by the monotonic clock, so
//! the worker stops before the authority, which counts from a later moment and adds a grace, can
//! give the number away.

use std::fmt;
use std::time::Duration;

use machine::{NodeId, Now, Outputs, Switches, Time, Wall};
use rand::Rng;

use crate::authority::LEASE;
use crate::mechanism::Mechanism;
use crate::message::{Grant, Lease, Message, Note, Refusal, Snowflake, Timer, Wanted};

/// How often a worker renews, and asks again when nobody answers.
const RENEW_EVERY: Duration = Duration::from_millis(300);
/// How soon it asks again where no worker id was free.
const ASK_AGAIN: Duration = Duration::from_millis(100);
/// A worker's clock may be so far from the authority's.
pub(crate) const SKEW_BOUND: Duration = Duration::from_millis(100);

#[derive(Clone, Debug)]
pub(crate) struct Tenure {
    authority: NodeId,
    switches: Switches,
    held: Option<Held>,
    /// The request in flight, and when it was first made.
    asked: Option<(u64, Time)>,
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

impl Tenure {
    pub(crate) fn new(authority: NodeId, switches: Switches) -> Self {
        Tenure { authority, switches, held: None, asked: None }
    }

    /// Asks for a lease, or to renew the one that is held, even if it has run out: if nobody else
    /// was given the number, it may be kept.
    ///
    /// A request that was not answered is repeated under its number, so that an authority slower
    /// than we are impatient still gets its answer through.
    pub(crate) fn ask(&mut self, now: &mut Now<'_>, out: &mut Outputs<Snowflake>) {
        // The answer to one that is older than a lease would be worth nothing. Numbers are drawn,
        // so that the answers to an earlier life are not taken for answers to this one.
        let repeated = self.asked.filter(|&(_, sent)| now.time < sent + LEASE);
        let (request, _) =
            *self.asked.insert(repeated.unwrap_or_else(|| (now.random.next_u64(), now.time)));
        // Lease and ceiling run out together: then neither makes the next holder wait for long.
        let wanted = Wanted { request, ceiling: now.wall + LEASE };
        let message = match self.held {
            Some(held) => Message::Renew(wanted, held.lease),
            None => Message::Acquire(wanted),
        };
        out.send(self.authority, message);
        out.set_timer(Timer::Lease, RENEW_EVERY);
    }

    /// The authority gave or renewed a lease; false where that is the answer to an old request.
    pub(crate) fn granted(
        &mut self,
        grant: &Grant,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) -> bool {
        let Some((_, sent)) = self.asked.take_if(|(asked, _)| *asked == grant.request) else {
            return false;
        };
        self.held = Some(Held {
            lease: grant.lease,
            expires: sent + grant.lasts,
            expired: false,
            wall: grant.wall,
            sent,
            received: now.time,
        });
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
        if self.asked.take_if(|(asked, _)| *asked == request).is_none() {
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

    /// May an id be minted now?
    pub(crate) fn permits(
        &mut self,
        now: &Now<'_>,
        out: &mut Outputs<Snowflake>,
    ) -> Result<(), Refusal> {
        let Some(held) = &mut self.held else { return Err(Refusal::NotReady) };
        if Mechanism::StopBeforeExpiry.on(self.switches) && now.time >= held.expires {
            if !std::mem::replace(&mut held.expired, true) {
                out.note(Note::LeaseExpired);
            }
            return Err(Refusal::NotReady);
        }
        if Mechanism::SkewCheck.on(self.switches) && held.skew(now) > SKEW_BOUND {
            out.note(Note::ClockWrong);
            return Err(Refusal::ClockWrong);
        }
        Ok(())
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

impl fmt::Display for Tenure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.held {
            None => f.write_str("no lease"),
            Some(Held { lease: Lease { worker, epoch }, expires, .. }) => {
                write!(f, "worker {worker} in epoch {epoch} until {expires:?}")
            }
        }
    }
}
