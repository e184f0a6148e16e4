//! A disk that does not answer: all lanes for changes of a device are held until this is dropped.
//!
//! A lane that tells a machine how an operation ended hands it over itself. So machines that do not return from
//! that hold the lanes, as a device does that is slow, for whoever has files on it.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;
use std::time::Duration;

use host::{Files, Metrics, Node, Outside};
use machine::{DiskCommand, DiskId, Input, Link, Machine, NodeId, Now, Outputs, Protocol};

/// As many as `host` has of a device.
const LANES: usize = 4;

/// Two that hold some lanes each would wait for each other.
static ONE: Mutex<()> = Mutex::new(());

#[derive(Clone, Debug)]
struct Hold;
impl Protocol for Hold {
    type Message = ();
    type Timer = ();
    type Op = ();
    type Note = ();
}

#[derive(Default)]
struct Gate {
    /// How many lanes are held, and whether they may go on.
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

#[derive(Clone)]
struct Holder {
    gate: Arc<Gate>,
    asker: Option<ThreadId>,
}

impl Machine for Holder {
    type Protocol = Hold;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Hold>, out: &mut Outputs<Hold>) {
        let me = Some(std::thread::current().id());
        match input {
            Input::Message { .. } => self.asker = me,
            // Whoever asked was still there, and no lane is held so.
            Input::Disk { .. } if self.asker == me => {}
            Input::Disk { .. } => {
                let mut state = self.gate.state.lock().unwrap();
                state.0 += 1;
                self.gate.changed.notify_all();
                drop(self.gate.changed.wait_while(state, |state| !state.1).unwrap());
                return;
            }
            _ => return,
        }
        out.disk(DiskCommand::Sync { file: "nothing".into(), data_only: false }, ());
    }
}

struct Nobody;
impl Outside<Hold> for Nobody {
    fn deliver(&self, _: NodeId, (): (), _: Link) {}
}

pub(crate) struct Stall {
    gate: Arc<Gate>,
    holders: Vec<Arc<Node<Holder>>>,
    _one: MutexGuard<'static, ()>,
}

impl Stall {
    /// Of the device that this folder is on.
    pub(crate) fn of(folder: &Path) -> Stall {
        let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (gate, metrics) = (Arc::new(Gate::default()), Metrics::default());
        let holder = |_| {
            let machine = Holder { gate: gate.clone(), asker: None };
            let files = Files::new(folder.to_owned(), &metrics);
            Node::start(machine, files, DiskId(0), Arc::new(Nobody), &metrics)
        };
        let holders: Vec<_> = (0..LANES).map(holder).collect();
        for holder in &holders {
            assert!(holder.input(Input::Message { from: NodeId(1), message: () }));
        }
        let (state, minute) = (gate.state.lock().unwrap(), Duration::from_secs(60));
        let held = gate.changed.wait_timeout_while(state, minute, |state| state.0 < LANES).unwrap();
        assert_eq!(held.0.0, LANES, "all lanes are held");
        drop(held);
        Stall { gate, holders, _one }
    }
}

impl Drop for Stall {
    fn drop(&mut self) {
        self.gate.state.lock().unwrap().1 = true;
        self.gate.changed.notify_all();
        self.holders.iter().for_each(|holder| holder.stop());
    }
}
