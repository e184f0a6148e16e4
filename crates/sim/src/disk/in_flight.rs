//! What was asked of a disk and has not ended yet. Each operation ends by itself.

use machine::DiskCommand;

use super::{Ended, Span};

#[derive(Clone, Debug)]
pub(crate) struct InFlight<O> {
    slots: Vec<Option<Flight<O>>>,
    free: Vec<u32>,
    tickets: u32,
}

/// An operation, and what its machine wants to remember when it ends.
#[derive(Clone, Debug)]
pub(crate) struct Flight<O> {
    /// In the order in which they were asked for; tells it from one that was in its slot before.
    pub(crate) ticket: u32,
    pub(crate) place: u32,
    pub(crate) span: Span,
    /// What came of it, where it was carried out and has not ended.
    pub(crate) carried_out: Option<Ended>,
    pub(crate) command: Box<DiskCommand>,
    pub(crate) op: O,
}

impl<O> Flight<O> {
    /// When it is carried out, or else ends, in the device's time.
    pub(crate) fn next(&self) -> u64 {
        if self.carried_out.is_some() { self.span.ends } else { self.span.carried_out }
    }
}

impl<O> InFlight<O> {
    pub(crate) const NONE: Self = InFlight { slots: Vec::new(), free: Vec::new(), tickets: 0 };

    /// Gives its slot and ticket.
    pub(crate) fn push(
        &mut self,
        place: u32,
        span: Span,
        command: Box<DiskCommand>,
        op: O,
    ) -> (u32, u32) {
        self.tickets = self.tickets.wrapping_add(1);
        let ticket = self.tickets;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        self.slots[slot as usize] =
            Some(Flight { ticket, place, span, carried_out: None, command, op });
        (slot, ticket)
    }

    /// What is carried out now and ends later, unless it was put off.
    pub(crate) fn carried_out(&mut self, slot: u32, ticket: u32) -> Option<&mut Flight<O>> {
        let flight = self.slots.get_mut(slot as usize)?.as_mut()?;
        let is_due = flight.carried_out.is_none() && flight.span.carried_out < flight.span.ends;
        (flight.ticket == ticket && is_due).then_some(flight)
    }

    /// Takes what ends now, unless it ended or was put off.
    pub(crate) fn take(&mut self, slot: u32, ticket: u32) -> Option<Flight<O>> {
        let slot_of = self.slots.get_mut(slot as usize)?;
        let flight = slot_of.take_if(|flight| flight.ticket == ticket)?;
        self.free.push(slot);
        Some(flight)
    }

    /// Takes all, in the order in which they were asked for.
    pub(crate) fn drain(&mut self) -> Vec<Flight<O>> {
        self.free.clear();
        let mut all: Vec<Flight<O>> = self.slots.drain(..).flatten().collect();
        all.sort_by_key(|flight| flight.ticket);
        all
    }

    /// Gives all of them new tickets, in the same order: slot, ticket, and when it is looked at next.
    pub(crate) fn put_off(&mut self) -> Vec<(u32, u32, u64)> {
        let slots = self.slots.iter_mut().enumerate();
        let mut all: Vec<_> =
            slots.filter_map(|(slot, flight)| Some((slot as u32, flight.as_mut()?))).collect();
        all.sort_by_key(|(_, flight)| flight.ticket);
        let renewed = all.into_iter().map(|(slot, flight)| {
            self.tickets = self.tickets.wrapping_add(1);
            flight.ticket = self.tickets;
            (slot, flight.ticket, flight.next())
        });
        renewed.collect()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.len() == self.free.len()
    }

    /// What was in flight at a snapshot is again, and what was asked for since is not.
    pub(crate) fn resume(&mut self, snapshot: Self) {
        let tickets = self.tickets;
        *self = snapshot;
        self.tickets = tickets;
    }
}
