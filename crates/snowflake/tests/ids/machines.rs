//! The worker and the authority, driven by hand: one input in, all outputs out.

use std::time::Duration;

use machine::{
    DiskAnswer, DiskCommand, DiskError, DiskId, DiskResult, Generation, Input, Machine, NodeId,
    Now, Output, Outputs, Random, Switches, Time, Wall,
};
use rand::SeedableRng;
use snowflake::{
    Authority, Grant, Id, LEASE, Layout, Lease, MOST_IDS, Message, Op, Refusal, Snowflake, Wanted,
    Worker,
};

const CLIENT: NodeId = NodeId(9);
pub(crate) const AUTHORITY: NodeId = NodeId(0);
pub(crate) const MS: Duration = Duration::from_millis(1);

/// A machine and the clocks that it is shown.
pub(crate) struct Hand<M> {
    pub(crate) machine: M,
    time: Time,
    pub(crate) wall: Wall,
    random: Random,
}

impl<M: Machine<Protocol = Snowflake>> Hand<M> {
    fn of(machine: M) -> Self {
        let wall = Wall::from_millis(1_767_225_600_000);
        let mut hand = Hand { machine, time: Time(0), wall, random: Random::seed_from_u64(1) };
        let asked = hand.give(Input::Start { disk: DiskId(1) });
        let _ = asked;
        hand
    }

    pub(crate) fn give(&mut self, input: Input<Snowflake>) -> Vec<Output<Snowflake>> {
        let mut out = Outputs::default();
        let (time, wall, generation) = (self.time, self.wall, Generation(0));
        let mut now = Now { time, wall, generation, random: &mut self.random };
        self.machine.handle(&mut now, input, &mut out);
        out.drain().collect()
    }

    pub(crate) fn tell(&mut self, from: NodeId, message: Message) -> Vec<Output<Snowflake>> {
        self.give(Input::Message { from, message })
    }

    pub(crate) fn disk(&mut self, op: Op, result: DiskResult) -> Vec<Output<Snowflake>> {
        self.give(Input::Disk { op, result })
    }

    /// It reads what its disk began with.
    pub(crate) fn load_first(&mut self) {
        let (_, bytes) = self.machine.first_files().pop().expect("its disk begins with a file");
        self.disk(Op::Loaded, Ok(DiskAnswer::Bytes(bytes)));
    }

    pub(crate) fn wait(&mut self, time: Duration) {
        (self.time, self.wall) = (self.time + time, self.wall + time);
    }

    pub(crate) fn mint(&mut self, token: u64, count: u32) -> Vec<Output<Snowflake>> {
        self.tell(CLIENT, Message::Mint { token, count })
    }
}

fn sent(outputs: &[Output<Snowflake>]) -> Vec<(NodeId, Message)> {
    let sent = |output: &Output<Snowflake>| match output {
        Output::Send { to, message, .. } => Some((*to, message.clone())),
        _ => None,
    };
    outputs.iter().filter_map(sent).collect()
}

fn minted(outputs: &[Output<Snowflake>]) -> Vec<Id> {
    let ids = |(_, message): (NodeId, Message)| match message {
        Message::Minted { ids, .. } => ids,
        _ => Vec::new(),
    };
    sent(outputs).into_iter().flat_map(ids).collect()
}

pub(crate) fn refusal(outputs: &[Output<Snowflake>]) -> Option<Refusal> {
    sent(outputs).into_iter().find_map(|(_, message)| match message {
        Message::Refused { why, .. } => Some(why),
        _ => None,
    })
}

pub(crate) fn replaced(outputs: &[Output<Snowflake>]) -> Option<bytes::Bytes> {
    outputs.iter().find_map(|output| match output {
        Output::Disk { command, .. } => match &**command {
            DiskCommand::Replace { parts, .. } => Some(parts.joined()),
            _ => None,
        },
        _ => None,
    })
}

fn halted(outputs: &[Output<Snowflake>]) -> Option<&str> {
    outputs.iter().find_map(|output| match output {
        Output::Halt { why } => Some(&**why),
        _ => None,
    })
}

pub(crate) fn fixed() -> Hand<Worker> {
    Hand::of(Worker::fixed(Layout::twitter(), 7, Switches::ALL_ON).unwrap())
}

/// A worker on an empty disk whose mark was raised once, and the file of that mark.
pub(crate) fn ready() -> (Hand<Worker>, bytes::Bytes) {
    let mut worker = fixed();
    worker.load_first();
    let mark = replaced(&worker.mint(1, 1)).expect("the mark rises before the first id");
    worker.disk(Op::Saved, Ok(DiskAnswer::Done));
    (worker, mark)
}

#[test]
fn a_mark_and_a_table_that_are_gone_were_lost() {
    let halts = |outputs: Vec<Output<Snowflake>>| halted(&outputs).is_some();
    assert!(halts(fixed().disk(Op::Loaded, Err(DiskError::NotFound))));
    let mut authority = Hand::of(Authority::new(1, Switches::ALL_ON));
    assert!(halts(authority.disk(Op::Loaded, Err(DiskError::NotFound))));
}

#[test]
fn no_id_leaves_before_the_mark_above_it_is_durable() {
    let mut worker = fixed();
    assert_eq!(refusal(&worker.mint(0, 1)), Some(Refusal::NotReady), "the mark is not read yet");
    worker.load_first();
    let asked = worker.mint(1, 2);
    assert!(replaced(&asked).is_some() && sent(&asked).is_empty());
    let answered = worker.disk(Op::Saved, Ok(DiskAnswer::Done));
    let ids = minted(&answered);
    assert_eq!(ids.len(), 2);
    assert!(ids.iter().all(|&id| Layout::twitter().worker(id) == 7));
}

#[test]
fn a_restart_behind_its_mark_waits_and_then_mints_above_all_before() {
    let (mut before, mark) = ready();
    let ids = minted(&before.mint(2, 50));
    let mut after = fixed();
    after.wall = before.wall - MS * 200;
    after.disk(Op::Loaded, Ok(DiskAnswer::Bytes(mark)));
    let waiting = after.mint(3, 1);
    assert!(sent(&waiting).is_empty() || refusal(&waiting) == Some(Refusal::ClockBehind));
    after.wait(MS * 1_000);
    let asked = after.mint(4, 1);
    assert!(replaced(&asked).is_some());
    let first = minted(&after.disk(Op::Saved, Ok(DiskAnswer::Done)))[0];
    assert!(ids.iter().all(|&id| id < first));
}

#[test]
fn a_rotten_mark_halts_the_worker_with_a_sentence() {
    let (_, mark) = ready();
    for bit in 0..mark.len() * 8 {
        let mut rotten = mark.to_vec();
        rotten[bit / 8] ^= 1 << (bit % 8);
        let mut worker = fixed();
        let outputs = worker.disk(Op::Loaded, Ok(DiskAnswer::Bytes(rotten.into())));
        assert!(
            halted(&outputs)
                .is_some_and(|why| why.contains("left as it is") || why.contains("left as it was")),
            "bit {bit}"
        );
        assert_eq!(refusal(&worker.mint(1, 1)), Some(Refusal::NotReady));
    }
}

#[test]
fn a_full_disk_refuses_and_recovers_and_a_failed_one_halts() {
    let mut worker = fixed();
    worker.load_first();
    worker.mint(1, 1);
    let full = worker.disk(Op::Saved, Err(DiskError::Full));
    assert_eq!(refusal(&full), Some(Refusal::DiskFull));
    assert!(replaced(&worker.mint(2, 1)).is_some(), "the next request tries again");
    assert_eq!(minted(&worker.disk(Op::Saved, Ok(DiskAnswer::Done))).len(), 1);

    worker.wait(MS * 600);
    worker.mint(3, 1);
    assert!(halted(&worker.disk(Op::Saved, Err(DiskError::Failed))).is_some());
}

#[test]
fn bad_counts_and_too_many_requests_are_refused() {
    let (mut worker, _) = ready();
    for count in [0, MOST_IDS + 1, u32::MAX] {
        assert_eq!(refusal(&worker.mint(1, count)), Some(Refusal::BadCount));
    }
    worker.wall = worker.wall - MS * 100;
    let refused =
        (0..2_000).filter_map(|token| refusal(&worker.mint(token, 1))).collect::<Vec<_>>();
    assert_eq!(refused.len(), 2_000 - 1024, "so many wait for the clock");
    assert!(refused.iter().all(|&why| why == Refusal::Overloaded));
}

#[test]
fn a_batch_larger_than_a_tick_takes_several() {
    let (mut worker, _) = ready();
    let mut ids = minted(&worker.mint(1, 10_000));
    for _ in 0..3 {
        worker.wait(MS);
        ids.extend(minted(&worker.give(Input::Timer(snowflake::Timer::Serve))));
    }
    assert_eq!(ids.len(), 10_000);
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
}

pub(crate) fn wanted(outputs: &[Output<Snowflake>]) -> Wanted {
    let asked = |(_, message): (NodeId, Message)| match message {
        Message::Acquire(wanted) | Message::Renew(wanted, _) => Some(wanted),
        _ => None,
    };
    sent(outputs).into_iter().find_map(asked).expect("the worker asks the authority")
}

/// A worker that has just been granted a lease, and the grant.
pub(crate) fn holder() -> (Hand<Worker>, Grant) {
    holder_after(Duration::ZERO)
}

/// The same, so long after it asked.
fn holder_after(late: Duration) -> (Hand<Worker>, Grant) {
    let machine = Worker::leased(Layout::twitter(), vec![AUTHORITY], Switches::ALL_ON);
    let mut worker = Hand::of(machine);
    worker.wait(LEASE * 2);
    let asked = worker.give(Input::Timer(snowflake::Timer::Lease));
    let Wanted { request, ceiling } = wanted(&asked);
    worker.wait(late);
    let lease = Lease { worker: 3, epoch: 1 };
    let (floor, wall) = (Wall(0), worker.wall);
    let grant = Grant { request, lease, lasts: LEASE, floor, ceiling, wall };
    worker.tell(AUTHORITY, Message::Granted(grant));
    (worker, grant)
}

#[test]
fn a_holder_mints_until_its_lease_runs_out() {
    let (mut worker, grant) = holder();
    assert_eq!(Layout::twitter().worker(minted(&worker.mint(1, 1))[0]), grant.lease.worker);
    worker.wait(LEASE - MS);
    assert_eq!(minted(&worker.mint(2, 1)).len(), 1);
    worker.wait(MS);
    assert_eq!(refusal(&worker.mint(3, 1)), Some(Refusal::NotReady));
}

/// The authority counts while its answer is on the way.
#[test]
fn a_lease_is_counted_from_the_question_and_not_from_the_answer() {
    let (mut worker, _) = holder_after(60 * MS);
    worker.wait(LEASE - 61 * MS);
    assert_eq!(minted(&worker.mint(1, 1)).len(), 1);
    worker.wait(MS);
    assert_eq!(refusal(&worker.mint(2, 1)), Some(Refusal::NotReady));
}

#[test]
fn an_answer_to_an_old_request_is_not_a_lease() {
    let (mut worker, grant) = holder();
    worker.wait(LEASE);
    worker.tell(AUTHORITY, Message::Granted(grant));
    assert_eq!(refusal(&worker.mint(1, 1)), Some(Refusal::NotReady));
}

#[test]
fn a_holder_whose_clock_is_off_does_not_serve() {
    let (mut worker, _) = holder();
    let right = worker.wall;
    for wrong in [right + MS * 101, right - MS * 101] {
        worker.wall = wrong;
        assert_eq!(refusal(&worker.mint(1, 1)), Some(Refusal::ClockWrong));
    }
    worker.wall = right + MS * 100;
    assert_eq!(minted(&worker.mint(2, 1)).len(), 1);
}

/// An authority over one worker id, on an empty disk.
fn authority() -> Hand<Authority> {
    let mut authority = Hand::of(Authority::new(1, Switches::ALL_ON));
    authority.load_first();
    authority
}

fn ask(authority: &mut Hand<Authority>, from: u32, request: u64) -> Vec<Output<Snowflake>> {
    let ceiling = authority.wall + LEASE;
    authority.tell(NodeId(from), Message::Acquire(Wanted { request, ceiling }))
}

fn granted(outputs: &[Output<Snowflake>]) -> Option<Grant> {
    sent(outputs).into_iter().find_map(|(_, message)| match message {
        Message::Granted(grant) => Some(grant),
        _ => None,
    })
}

/// Asks, lets the disk answer, and gives what was granted.
fn acquire(authority: &mut Hand<Authority>, from: u32, request: u64) -> Option<Grant> {
    replaced(&ask(authority, from, request))?;
    granted(&authority.disk(Op::Saved, Ok(DiskAnswer::Done)))
}

#[test]
fn no_grant_leaves_before_it_is_durable() {
    let mut authority = authority();
    let asked = ask(&mut authority, 1, 10);
    assert!(sent(&asked).is_empty() && replaced(&asked).is_some());
    assert!(granted(&authority.disk(Op::Saved, Ok(DiskAnswer::Done))).is_some());
}

#[test]
fn a_number_changes_hands_only_after_lease_and_grace_and_above_the_ceiling() {
    let mut authority = authority();
    let first = acquire(&mut authority, 1, 10).unwrap();
    authority.wait(LEASE);
    assert_eq!(acquire(&mut authority, 2, 20), None, "the grace is not over");
    authority.wait(MS * 50);
    let second = acquire(&mut authority, 2, 21).unwrap();
    assert!(second.lease.epoch > first.lease.epoch);
    assert_eq!(second.floor, first.ceiling);

    let stale = Wanted { request: 11, ceiling: authority.wall };
    let answer = authority.tell(NodeId(1), Message::Renew(stale, first.lease));
    assert!(matches!(sent(&answer)[..], [(NodeId(1), Message::Denied { request: 11 })]));
}

#[test]
fn a_repeated_request_is_the_same_request() {
    let mut authority = authority();
    let first = acquire(&mut authority, 1, 10).unwrap();
    let again = acquire(&mut authority, 1, 10).unwrap();
    assert_eq!((first.lease, first.floor), (again.lease, again.floor));
}

#[test]
fn one_wrong_clock_cannot_push_a_number_into_the_future() {
    let mut authority = authority();
    let ceiling = authority.wall + LEASE * 3_600;
    authority.tell(NodeId(1), Message::Acquire(Wanted { request: 1, ceiling }));
    let grant = granted(&authority.disk(Op::Saved, Ok(DiskAnswer::Done))).unwrap();
    assert!(grant.ceiling <= authority.wall + LEASE * 2);
}

#[test]
fn a_restarted_authority_counts_every_lease_as_just_given() {
    let mut before = authority();
    let table = replaced(&ask(&mut before, 1, 10)).unwrap();
    let mut after = Hand::of(Authority::new(1, Switches::ALL_ON));
    after.disk(Op::Loaded, Ok(DiskAnswer::Bytes(table)));
    assert_eq!(acquire(&mut after, 2, 20), None);
    after.wait(LEASE + MS * 50);
    assert!(acquire(&mut after, 2, 21).is_some());
}

#[test]
fn where_an_authority_is_silent_the_next_is_asked_and_who_answered_stays() {
    let all = [0, 1, 2].map(NodeId).to_vec();
    // It asks the first when it boots.
    let mut worker = Hand::of(Worker::leased(Layout::twitter(), all, Switches::ALL_ON));
    let mut requests = Vec::new();
    for next in [1, 2, 0, 1, 2] {
        worker.wait(MS * 100);
        let asked = worker.give(Input::Timer(snowflake::Timer::Lease));
        assert_eq!(sent(&asked)[0].0, NodeId(next));
        requests.push(wanted(&asked));
    }
    let Wanted { request, ceiling } = requests[4];
    assert!(requests.iter().all(|wanted| wanted.request == request), "it is the same request");

    let lease = Lease { worker: 3, epoch: 1 };
    let (floor, wall) = (Wall(0), worker.wall);
    let grant = Grant { request, lease, lasts: LEASE, floor, ceiling, wall };
    worker.wait(MS * 10);
    worker.tell(NodeId(2), Message::Granted(grant));
    // It was asked 200 ms after the boot for the first time: from there its lease counts.
    let held = "worker 3 in epoch 1 until 1200.000000 ms";
    // And so long, for all it knows, was the answer on its way: too long to compare clocks by.
    let held = held.to_owned() + ": the wall clock of this worker is too far";
    assert!(worker.machine.inspect().state.starts_with(&held));
    worker
        .tell(NodeId(1), Message::Granted(Grant { lease: Lease { worker: 4, epoch: 2 }, ..grant }));
    assert!(worker.machine.inspect().state.starts_with(&held), "the request was answered");
    let renewed = worker.give(Input::Timer(snowflake::Timer::Lease));
    assert_eq!(sent(&renewed)[0].0, NodeId(2));
}
