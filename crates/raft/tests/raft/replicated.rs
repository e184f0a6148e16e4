//! A machine on a replicated log: one that adds up, and says a sum when its disk has it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use journal::{Journal, JournalOp, JournalTimer};
use machine::{
    Checkpoint, CheckpointOp, DiskCommand, DiskError, Embeds, FileName, Input, Inspection, Machine,
    NodeId, Now, Output, Outputs, Protocol, Separates, Time,
};
use raft::{Envelope, Groups, GroupsOp, GroupsTimer, LONGEST_COMMAND, Replicated, Tuning};
use sim::{Delays, Script, World};

const MS: fn(u64) -> Duration = Duration::from_millis;
/// How long after its birth the machine's only timer fires.
const ALARM: Duration = Duration::from_millis(2_000);
const ALL: [NodeId; 3] = [NodeId(0), NodeId(1), NodeId(2)];

#[derive(Clone, Debug)]
struct Sums;

impl Protocol for Sums {
    type Message = Word;
    type Timer = Timer;
    type Op = Op;
    type Note = Note;
}

#[derive(Clone, Debug, Hash)]
enum Word {
    Raft(Envelope),
    Add,
    /// Ask the disk for this.
    Ask(DiskCommand),
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Timer {
    Raft(GroupsTimer),
    Alarm,
}

#[derive(Clone, Debug, Hash)]
enum Op {
    Raft(GroupsOp),
    Loaded,
    Saved,
    Asked,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq)]
enum Note {
    Sometimes(&'static str),
    /// This sum is durable.
    Durable(u64),
    /// The timer fired, so long after the machine's birth.
    Alarm(Duration),
    Answered(Result<(), DiskError>),
}

impl Embeds<Groups> for Sums {
    fn message(envelope: Envelope) -> Word {
        Word::Raft(envelope)
    }
    fn timer(timer: GroupsTimer) -> Timer {
        Timer::Raft(timer)
    }
    fn op(op: GroupsOp) -> Op {
        Op::Raft(op)
    }
    fn note(what: &'static str) -> Note {
        Note::Sometimes(what)
    }
}

impl Embeds<Journal> for Sums {
    fn timer(timer: JournalTimer) -> Timer {
        Timer::Raft(GroupsTimer::Journal(timer))
    }
    fn op(op: JournalOp) -> Op {
        Op::Raft(GroupsOp::Journal(op))
    }
}

impl Separates<Groups> for Sums {
    fn separate(input: Input<Sums>) -> Result<Input<Groups>, Input<Sums>> {
        match input {
            Input::Message { from, message: Word::Raft(message) } => {
                Ok(Input::Message { from, message })
            }
            Input::Timer(Timer::Raft(timer)) => Ok(Input::Timer(timer)),
            Input::Disk { op: Op::Raft(op), result } => Ok(Input::Disk { op, result }),
            own => Err(own),
        }
    }
}

impl Embeds<Checkpoint<Sums>> for Sums {
    fn op(op: CheckpointOp) -> Op {
        match op {
            CheckpointOp::Loaded => Op::Loaded,
            CheckpointOp::Saved => Op::Saved,
        }
    }
}

#[derive(Clone)]
struct Adder {
    checkpoint: Checkpoint<Sums>,
    born: Time,
    sum: Option<u64>,
}

impl Machine for Adder {
    type Protocol = Sums;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Sums>, out: &mut Outputs<Sums>) {
        match (input, &mut self.sum) {
            (Input::Start { .. }, _) => {
                self.born = now.time;
                out.set_timer(Timer::Alarm, ALARM);
                self.checkpoint.load(out);
            }
            (Input::Disk { op: Op::Loaded, result }, sum) => {
                let bytes =
                    self.checkpoint.loaded(result).expect("it began with one, and nothing rots");
                *sum = Some(u64::from_le_bytes(bytes.as_ref().try_into().unwrap()));
            }
            (Input::Disk { op: Op::Saved, result }, _) => {
                self.checkpoint.saved(result, out).expect("nothing fails");
            }
            (Input::Disk { op: Op::Asked, result }, _) => {
                out.note(Note::Answered(result.map(|_| ())));
            }
            (Input::Message { message: Word::Add, .. }, Some(sum)) => {
                *sum += 1;
                let (bytes, then) = (sum.to_le_bytes(), vec![Output::Note(Note::Durable(*sum))]);
                self.checkpoint.save(&bytes, then, out);
            }
            (Input::Message { message: Word::Ask(command), .. }, _) => {
                out.disk(command, Op::Asked);
            }
            (Input::Timer(_), _) => out.note(Note::Alarm(now.time.since(self.born))),
            _ => {}
        }
    }

    fn first_files(&self) -> Vec<(FileName, bytes::Bytes)> {
        vec![("sum".into(), Checkpoint::<Sums>::sealed(&0_u64.to_le_bytes()))]
    }

    fn inspect(&self) -> Inspection {
        let role = if self.sum.is_some() { "adder" } else { "waiting" };
        Inspection { role, state: format!("{:?}", self.sum) }
    }
}

/// Logs are compacted all the time.
fn world(seed: u64) -> World<Replicated<Adder>> {
    let boot = |id| {
        let adder = Adder { checkpoint: Checkpoint::new("sum"), born: Time(0), sum: None };
        let tuning = Tuning { keep_entries: 4, ..Tuning::default() };
        Replicated::new(id, ALL.to_vec(), tuning, 500, adder)
    };
    World::new(seed, &[0; 3], Delays::micros(200, 2_000), Arc::new(boot))
}

/// Where it runs; of several that do not know of each other, the one of the newest term.
fn adder(world: &mut World<Replicated<Adder>>) -> NodeId {
    for _ in 0..1_000 {
        let runs = |node: &NodeId| world.inspect(*node).is_some_and(|shown| shown.role == "adder");
        let term = |node: &NodeId| world.machine(*node)?.group().map(raft::Group::term);
        if let Some(node) = ALL.into_iter().filter(runs).max_by_key(term) {
            return node;
        }
        world.run_for(MS(10));
    }
    panic!("it runs nowhere")
}

/// Asks everybody to add one, so often, 10 ms apart.
fn add(world: &mut World<Replicated<Adder>>, times: u64) {
    for _ in 0..times {
        ALL.into_iter().for_each(|node| world.tell(node, Word::Add));
        world.run_for(MS(10));
    }
}

fn notes(world: &World<Replicated<Adder>>) -> impl Iterator<Item = (NodeId, &Note)> {
    world.history().iter().map(|entry| (entry.node, &entry.note))
}

/// What was told to be durable is there for every later incarnation, so no two say the same sum, even
/// if one of them learns late that its own was committed.
#[test]
fn a_sum_that_was_durable_is_in_every_later_one() {
    let mut moved = 0;
    for seed in 0..40 {
        let mut world = world(seed);
        adder(&mut world);
        for round in 0..6 {
            add(&mut world, 20);
            let acting = adder(&mut world);
            let fault = match (seed + round) % 4 {
                0 => world.crash(acting),
                1 => world.partition([acting], ALL),
                2 => world.pause(acting),
                _ => world.one_way_partition(ALL, [acting]),
            };
            add(&mut world, 60 + seed);
            world.end(fault);
            moved += u64::from(adder(&mut world) != acting);
        }
        add(&mut world, 100);
        world.run_for(MS(500));
        let durable: Vec<u64> = notes(&world)
            .filter_map(|(_, note)| match note {
                Note::Durable(sum) => Some(*sum),
                _ => None,
            })
            .collect();
        let distinct: BTreeSet<_> = durable.iter().collect();
        assert_eq!(distinct.len(), durable.len(), "seed {seed}: a sum was lost");
        assert!(durable.len() > 200, "seed {seed}: {}", durable.len());
        let snapshot = Note::Sometimes("snapshot-taken");
        assert!(notes(&world).any(|(_, note)| *note == snapshot), "seed {seed}");
    }
    assert!(moved > 100, "{moved}");
}

#[test]
fn a_timer_of_an_incarnation_that_is_gone_is_void() {
    let mut twice = 0;
    for seed in 0..30 {
        let mut world = world(seed);
        let first = adder(&mut world);
        // The first is deposed, the second too, and perhaps the first is the third.
        let mut acting = first;
        for _ in 0..2 {
            let fault = world.partition([acting], ALL);
            world.run_for(MS(700));
            world.end(fault);
            world.run_for(MS(100));
            acting = adder(&mut world);
        }
        twice += u64::from(acting == first);
        world.run_for(MS(3_000));
        let alarms: Vec<_> = notes(&world)
            .filter_map(|(_, note)| match note {
                Note::Alarm(after) => Some(*after),
                _ => None,
            })
            .collect();
        assert!(alarms.iter().all(|after| *after >= ALARM), "seed {seed}: {alarms:?}");
        assert_eq!(alarms.len(), 1, "seed {seed}: only one lived so long");
    }
    assert!(twice > 5, "{twice}");
}

#[test]
fn what_a_log_cannot_do_is_refused() {
    let ask = |command| {
        let mut world = world(1);
        let acting = adder(&mut world);
        world.tell(acting, Word::Ask(command));
        world.run_for(MS(100));
        let answers: Vec<_> = notes(&world)
            .filter_map(|(_, note)| match note {
                Note::Answered(answer) => Some(*answer),
                _ => None,
            })
            .collect();
        (answers, world.machine(acting).is_none())
    };
    let file = || FileName::from("other");
    let replace = |length| DiskCommand::Replace { file: file(), parts: vec![7; length].into() };
    assert_eq!(ask(replace(LONGEST_COMMAND - 100)), (vec![Ok(())], false));
    assert_eq!(ask(replace(LONGEST_COMMAND)), (vec![Err(DiskError::Full)], false));
    let missing = DiskCommand::Read { file: file(), offset: 0, length: 1 };
    assert_eq!(ask(missing), (vec![Err(DiskError::NotFound)], false));
    // A mistake in the machine, and it hears of it.
    assert_eq!(ask(DiskCommand::Sync { file: file(), data_only: false }), (vec![], true));
    assert_eq!(ask(DiskCommand::List { prefix: "".into() }), (vec![], true));
}
