//! The database, a cache and a front, driven by hand: one input in, all outputs out.

use std::time::Duration;

use cache_fleet::{
    Attempt, Browse, Cache, CallOutcome, Database, Fleet, Front, Mechanism, Member, Message, Note,
    Order, Timer,
};
use machine::{
    Generation, Input, Machine, NodeId, Now, Output, Outputs, Random, Switches, Time, Wall,
};
use rand::SeedableRng;

const DATABASE: NodeId = NodeId(0);
const CACHES: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];
const FRONT: NodeId = NodeId(4);
const MS: fn(u64) -> Duration = Duration::from_millis;

/// A machine and the clock that it is shown.
struct Hand<M> {
    machine: M,
    time: Time,
    random: Random,
}

impl<M: Machine<Protocol = Fleet>> Hand<M> {
    fn of(machine: M) -> Self {
        Hand { machine, time: Time(0), random: Random::seed_from_u64(1) }
    }

    fn give(&mut self, input: Input<Fleet>) -> Given {
        let mut out = Outputs::default();
        let (time, wall, generation) = (self.time, Wall(0), Generation(0));
        let mut now = Now { time, wall, generation, random: &mut self.random };
        self.machine.handle(&mut now, input, &mut out);
        Given(out.drain().collect())
    }

    fn tell(&mut self, from: NodeId, message: Message) -> Given {
        self.give(Input::Message { from, message })
    }

    fn timer(&mut self, timer: Timer) -> Given {
        self.give(Input::Timer(timer))
    }
}

/// What came of an input.
#[derive(Debug)]
struct Given(Vec<Output<Fleet>>);

impl Given {
    fn sent(&self) -> Vec<(NodeId, Message)> {
        let sent = |output: &Output<Fleet>| match output {
            Output::Send { to, message, .. } => Some((*to, message.clone())),
            _ => None,
        };
        self.0.iter().filter_map(sent).collect()
    }

    fn timers(&self) -> Vec<(Timer, Duration)> {
        let set = |output: &Output<Fleet>| match output {
            Output::SetTimer { timer, after } => Some((*timer, *after)),
            _ => None,
        };
        self.0.iter().filter_map(set).collect()
    }

    fn noted(&self, note: &Note) -> bool {
        self.0.iter().any(|output| matches!(output, Output::Note(noted) if noted == note))
    }
}

fn attempt(read: u64, retry: u32) -> Attempt {
    Attempt { read, retry }
}

fn front(copies: usize, switches: Switches) -> Hand<Front> {
    let member = |id: NodeId| Member {
        id,
        name: format!("cache-{}", id.0),
        zone: format!("zone-{}", id.0),
        weight: 1,
    };
    let known = CACHES.map(member).to_vec();
    Hand::of(Front::new(FRONT, DATABASE, known, 3, copies, switches).unwrap())
}

/// Lets one user ask for a key: the request, and the cache that is called, if one is.
fn ask(front: &mut Hand<Front>, key: u64) -> (u64, Option<NodeId>) {
    let crowd = Browse { requests: 1, every_us: 0, first: key, keys: 1, warm: false };
    let begun = front.tell(DATABASE, Message::Order(Order::Browse(crowd)));
    let arrived = front.timer(begun.timers()[0].0);
    let asked = arrived.0.iter().find_map(|output| match output {
        Output::Note(Note::Asked { token, .. }) => Some(*token),
        _ => None,
    });
    let token = asked.unwrap();
    let called = arrived.sent().into_iter().find(|(_, said)| *said == Message::Get { token, key });
    (token, called.map(|(cache, _)| cache))
}

#[test]
fn the_database_serves_two_at_a_time_and_turns_away_what_its_queue_cannot_hold() {
    let mut database = Hand::of(Database::new());
    let mut read = |number| {
        database.tell(FRONT, Message::Read { attempt: attempt(number, 0), key: number, left: None })
    };
    assert_eq!(read(1).timers(), [(Timer::Served(1), MS(20))]);
    assert_eq!(read(2).timers(), [(Timer::Served(2), MS(20))]);
    assert!((3..=10).all(|number| read(number).0.is_empty()), "eight wait");
    let full = read(11);
    assert!(full.noted(&Note::TurnedAway));
    assert_eq!(full.sent(), [(FRONT, Message::TurnedAway { attempt: attempt(11, 0) })]);

    let done = database.timer(Timer::Served(1));
    assert_eq!(done.sent(), [(FRONT, Message::Row { attempt: attempt(1, 0) })]);
    assert_eq!(done.timers(), [(Timer::Served(3), MS(24))], "it took 4 ms to say no");
    assert_eq!(database.timer(Timer::Served(2)).timers(), [(Timer::Served(4), MS(20))]);
}

#[test]
fn a_read_leaves_the_line_when_nobody_waits_for_it_any_longer() {
    let mut database = Hand::of(Database::new());
    let read = |database: &mut Hand<Database>, number, left| {
        database.tell(FRONT, Message::Read { attempt: attempt(number, 0), key: number, left })
    };
    (1..=5).for_each(|number| drop(read(&mut database, number, Some(MS(150)))));
    read(&mut database, 6, None);
    database.time = database.time + MS(149);
    assert!(!database.timer(Timer::Served(1)).noted(&Note::GivenUp), "the third is served in time");
    database.time = database.time + MS(1);
    let done = database.timer(Timer::Served(2));
    assert!(done.noted(&Note::GivenUp));
    assert!(done.noted(&Note::Serves { front: FRONT, attempt: attempt(6, 0) }), "it did not say");
    // There is room in the line again, for as many as gave up.
    assert!((7..=14).all(|number| !read(&mut database, number, None).noted(&Note::TurnedAway)));
    assert!(read(&mut database, 15, None).noted(&Note::TurnedAway));
}

#[test]
fn a_cache_finds_what_it_was_given_until_that_expires() {
    let mut cache = Hand::of(Cache::new(2));
    let get = |cache: &mut Hand<Cache>, token| {
        let timers = cache.tell(FRONT, Message::Get { token, key: 7 }).timers();
        assert_eq!(timers[0].1, Duration::from_micros(200), "twice as quick as others");
        cache.timer(timers[0].0).sent()
    };
    assert_eq!(get(&mut cache, 1), [(FRONT, Message::Missing { token: 1 })]);
    cache.tell(FRONT, Message::Put { key: 7 });
    assert_eq!(get(&mut cache, 2), [(FRONT, Message::Found { token: 2 })]);
    cache.tell(FRONT, Message::Order(Order::Expire(7)));
    assert_eq!(get(&mut cache, 3), [(FRONT, Message::Missing { token: 3 })]);
}

#[test]
fn a_miss_is_read_once_for_all_who_wait_and_put_into_the_cache() {
    let mut front = front(1, Switches::ALL_ON);
    let (first, cache) = ask(&mut front, 7);
    let cache = cache.unwrap();
    let missed = front.tell(cache, Message::Missing { token: first });
    assert_eq!(
        missed.sent(),
        [(DATABASE, Message::Read { attempt: attempt(1, 0), key: 7, left: Some(MS(150)) })]
    );

    let (second, other) = ask(&mut front, 7);
    let joined = front.tell(other.unwrap(), Message::Missing { token: second });
    assert!(joined.noted(&Note::Coalesced) && joined.sent().is_empty());

    let row = front.tell(DATABASE, Message::Row { attempt: attempt(1, 0) });
    assert!(row.sent().contains(&(cache, Message::Put { key: 7 })));
    assert!(
        row.noted(&Note::Answered { token: first }) && row.noted(&Note::Answered { token: second })
    );
    assert!(front.tell(DATABASE, Message::Row { attempt: attempt(1, 0) }).0.is_empty());
}

#[test]
fn a_silent_cache_is_not_called_after_three_time_outs_but_for_probes() {
    let mut front = front(1, Mechanism::BoundedLoad.off());
    let mut dead = None;
    for _ in 0..3 {
        let (token, called) = ask(&mut front, 7);
        dead = called;
        front.time = front.time + MS(50);
        let gone = front.timer(Timer::Call(token));
        assert!(gone.noted(&Note::Returned {
            token,
            cache: called.unwrap(),
            outcome: CallOutcome::TimedOut
        }));
    }
    assert_eq!(ask(&mut front, 7).1, None, "straight to the database");
    front.time = front.time + MS(200);
    let (probe, called) = ask(&mut front, 7);
    assert_eq!(called, dead);
    assert_eq!(ask(&mut front, 7).1, None, "one probe at a time");
    front.tell(dead.unwrap(), Message::Found { token: probe });
    assert_eq!(ask(&mut front, 7).1, dead);
}

#[test]
fn where_one_copy_is_gone_the_other_is_asked() {
    let mut front = front(2, Switches::ALL_ON);
    let (token, called) = ask(&mut front, 7);
    let reset = front.give(Input::LinkReset { peer: called.unwrap() });
    let [(other, Message::Get { token: again, key: 7 })] = reset.sent()[..] else {
        panic!("{reset:?}")
    };
    assert!(again == token && Some(other) != called);
    let late = front.tell(called.unwrap(), Message::Found { token });
    assert!(late.0.is_empty(), "an answer to a call that was given up is nobody's");
    assert!(front.tell(other, Message::Found { token }).noted(&Note::Answered { token }));
}

/// A read that is turned away until it is given up: how long it waited each time.
fn waits(front: &mut Hand<Front>, key: u64, read: u64) -> Vec<Duration> {
    let (token, cache) = ask(front, key);
    front.tell(cache.unwrap(), Message::Missing { token });
    let mut waits = Vec::new();
    for retry in 0..100 {
        let refused = front.tell(DATABASE, Message::TurnedAway { attempt: attempt(read, retry) });
        if refused.noted(&Note::Failed { token }) {
            return waits;
        }
        waits.push(refused.timers()[0].1);
        assert!(front.timer(Timer::Read(read)).noted(&Note::Retried));
    }
    panic!("a read that is turned away is never given up");
}

#[test]
fn a_read_is_tried_again_three_times_at_most_and_later_each_time() {
    let spent = Mechanism::RetryBudget.off();
    let mut lockstep = front(1, spent.without(Mechanism::Jitter as usize));
    assert_eq!(waits(&mut lockstep, 7, 1), [MS(400), MS(800), MS(1_600)]);
    let mut spread = front(1, spent);
    let drawn: Vec<_> = (1..=20).map(|read| waits(&mut spread, read, read)).collect();
    assert!(drawn.iter().all(|waits| waits[0] <= MS(400) && waits[2] <= MS(1_600)));
    assert!(drawn.windows(2).all(|pair| pair[0][0] != pair[1][0]));
}

#[test]
fn retries_end_when_the_budget_is_spent() {
    let mut front = front(1, Switches::ALL_ON);
    let retries: Vec<_> = (1..=24).map(|read| waits(&mut front, read, read).len()).collect();
    assert_eq!(retries[..3], [3, 3, 3], "ten are saved");
    assert_eq!(retries.iter().sum::<usize>(), 12, "and 24 requests have earned two more");
}

#[test]
fn caches_join_and_leave_once() {
    let mut front = front(1, Switches::ALL_ON);
    let [first, ..] = CACHES;
    let mut order = |order| front.tell(DATABASE, Message::Order(order));
    assert!(!order(Order::Join(first)).noted(&Note::Joined { cache: first }), "it is there");
    assert!(order(Order::Leave(first)).noted(&Note::Left { cache: first }));
    assert!(!order(Order::Leave(first)).noted(&Note::Left { cache: first }));
    assert!(order(Order::Join(first)).noted(&Note::Joined { cache: first }));
    assert!(order(Order::Join(NodeId(99))).0.is_empty(), "nobody knows it");
}
