//! A node that appends to a file a million times, and says so each time: its world is long in history, disk and
//! changes.

use std::sync::Arc;

use bytes::Bytes;
use machine::{DiskCommand, Input, Machine, Now, Outputs, Protocol, Time};
use sim::{Delays, World};

const APPENDS: u64 = 1_000_000;
const APPENDED: Bytes = Bytes::from_static(&[7; 100]);

#[derive(Clone, Debug)]
pub(crate) struct Appends;

impl Protocol for Appends {
    type Message = ();
    type Timer = ();
    type Op = Step;
    /// How many there are.
    type Note = u64;
}

#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Step {
    Written,
    Synced,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Appender(u64);

impl Machine for Appender {
    type Protocol = Appends;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Appends>, out: &mut Outputs<Appends>) {
        let file = || "log".into();
        match input {
            Input::Disk { op: Step::Written, .. } => {
                out.disk(DiskCommand::Sync { file: file(), data_only: true }, Step::Synced);
            }
            _ if self.0 < APPENDS => {
                let offset = self.0 * APPENDED.len() as u64;
                // Bytes of its own, as a real appender has.
                let parts = Bytes::copy_from_slice(&APPENDED).into();
                out.disk(DiskCommand::Write { file: file(), offset, parts }, Step::Written);
                self.0 += 1;
                out.note(self.0);
            }
            _ => {}
        }
    }
}

/// The world, when all is appended.
pub(crate) fn world() -> World<Appender> {
    let boot = |_| Appender::default();
    let mut world = World::new(1, &[0], Delays::micros(200, 2_000), Arc::new(boot));
    world.run_until(Time(86_400_000_000_000));
    assert_eq!(world.history().len() as u64, APPENDS);
    world
}
