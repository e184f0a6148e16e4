//! Whatever a machine asks of its disk, in both worlds it is told what the laws allow, also after a crash of its
//! process.

#![expect(clippy::disallowed_methods, reason = "the real world has clocks and takes time")]

mod allowed;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host::{Files, Metrics, Node, Outside, SESSIONS};
use machine::{
    DiskCommand, DiskId, DiskResult, FileName, Input, Inspection, Link, Machine, NodeId, Now,
    Outputs, Protocol,
};
use proptest::prelude::*;
use sim::{Delays, Fault, World};

#[derive(Clone, Debug)]
struct Orders;

impl Protocol for Orders {
    type Message = Vec<DiskCommand>;
    type Timer = ();
    type Op = usize;
    type Note = ();
}

/// Has the disk do what it is told, all at once, and remembers what the disk said.
#[derive(Clone, Default)]
struct Clerk {
    said: Said,
    asked: usize,
}

impl Machine for Clerk {
    type Protocol = Orders;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Orders>, out: &mut Outputs<Orders>) {
        match input {
            Input::Message { message, .. } => {
                for command in message {
                    out.disk(command, self.asked);
                    self.asked += 1;
                }
            }
            Input::Disk { op, result } => self.said.push((op, result)),
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        let role = if self.said.len() == self.asked { "idle" } else { "busy" };
        Inspection { role, state: String::new() }
    }
}

/// What was asked for by its place, and how it ended, in the order in which it was told.
type Said = Vec<(usize, DiskResult)>;

fn in_the_simulated_world(boots: &[Vec<DiskCommand>]) -> Vec<Said> {
    let clerk = NodeId(0);
    let boot = |_| Clerk::default();
    let mut world = World::new(1, &[0], Delays::micros(50, 500), Arc::new(boot));
    let mut said = Vec::new();
    for orders in boots {
        world.tell(clerk, orders.clone());
        world.run_for(Duration::from_secs(10));
        said.push(world.machine(clerk).unwrap().said.clone());
        let crash = world.begin(Fault::Crash { node: clerk.into() });
        world.end(crash);
    }
    said
}

struct Nobody;
impl Outside<Orders> for Nobody {
    fn deliver(&self, _: NodeId, _: Vec<DiskCommand>, _: Link) {}
    fn halted(&self, _: &str) {}
}

fn in_the_real_world(boots: &[Vec<DiskCommand>]) -> Vec<Said> {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("parity-disk-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    let metrics = Metrics::default();
    let boot = |orders: &Vec<DiskCommand>| {
        let files = Files::new(folder.clone(), &metrics);
        let clerk = Node::start(Clerk::default(), files, DiskId(0), Arc::new(Nobody), &metrics);
        assert!(clerk.input(Input::Message { from: SESSIONS, message: orders.clone() }));
        let begun = Instant::now();
        while clerk.inspect().is_none_or(|shown| shown.role != "idle") {
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "the disk does not answer: {orders:?}"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        let said = clerk.look(|clerk| clerk.said.clone()).unwrap();
        clerk.stop();
        said
    };
    let said = boots.iter().map(boot).collect();
    let _ = std::fs::remove_dir_all(&folder);
    said
}

fn commands() -> impl Strategy<Value = DiskCommand> {
    let file = || prop::sample::select(&["log", "mark", "table"][..]).prop_map(FileName::Borrowed);
    let bytes = || prop::collection::vec(any::<u8>(), 0..20).prop_map(bytes::Bytes::from);
    let place = || 0..40_u64;
    prop_oneof![
        4 => (file(), place(), bytes())
            .prop_map(|(file, offset, bytes)| DiskCommand::Write { file, offset, parts: bytes.into() }),
        4 => file().prop_map(|file| DiskCommand::Sync { file, data_only: false }),
        4 => (file(), place(), place())
            .prop_map(|(file, offset, length)| DiskCommand::Read { file, offset, length }),
        1 => file().prop_map(|file| DiskCommand::Length { file }),
        1 => (file(), place()).prop_map(|(file, length)| DiskCommand::Truncate { file, length }),
        1 => (file(), place()).prop_map(|(file, length)| DiskCommand::Allocate { file, length }),
        2 => (file(), bytes()).prop_map(|(file, bytes)| DiskCommand::Replace { file, parts: bytes.into() }),
        1 => file().prop_map(|file| DiskCommand::Delete { file }),
        1 => prop::sample::select(&["", "l", "ma"][..])
            .prop_map(|prefix| DiskCommand::List { prefix: prefix.into() }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn a_disk_says_what_the_laws_allow_in_both_worlds(
        boots in prop::collection::vec(prop::collection::vec(commands(), 0..20), 1..4)
    ) {
        for said in [in_the_simulated_world(&boots), in_the_real_world(&boots)] {
            prop_assert_eq!(allowed::judge(&boots, &said), Ok(()));
        }
    }
}
