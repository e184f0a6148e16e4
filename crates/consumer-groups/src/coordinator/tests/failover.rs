//! What a next coordinator knows.

use proptest::prelude::*;

use super::*;

/// What a coordinator says of the group, as far as it is kept.
type Kept = (i32, Vec<(Name, Bytes)>, Vec<(u32, Offset)>);

fn kept(office: &mut Office, generation: i32) -> Kept {
    let members = office.described().members.into_iter();
    let members = members.map(|it| (it.member, it.assignment)).collect();
    (generation, members, office.offsets())
}

#[test]
fn nothing_is_said_of_a_group_that_is_elsewhere_or_not_known_yet() {
    let mut office = Office::new();
    office.coordinator.resign(0);
    assert_eq!(office.commit_now(&nobody(), 0, 1), Err(ErrorCode::NotCoordinator));
    office.coordinator.lead(0, 2);
    let Some(GroupEvent::Read { ticket: old, .. }) = office.coordinator.next_event() else {
        panic!()
    };
    assert_eq!(office.commit_now(&nobody(), 0, 1), Err(ErrorCode::CoordinatorLoadInProgress));
    let list = office.now(Ask::ListGroups);
    assert_eq!(list, Answer::GroupList(Err(ErrorCode::CoordinatorLoadInProgress)));
    office.coordinator.lead(0, 3);
    let Some(GroupEvent::Read { ticket, .. }) = office.coordinator.next_event() else { panic!() };
    office.coordinator.loaded(office.now, old, &[]);
    assert_eq!(office.commit_now(&nobody(), 0, 1), Err(ErrorCode::CoordinatorLoadInProgress));
    office.coordinator.loaded(office.now, ticket, &[]);
    assert_eq!(office.commit_now(&nobody(), 0, 1), Ok(()));
    let nameless = Member { group: Name::default(), ..nobody() };
    assert_eq!(office.commit_now(&nameless, 0, 1), Err(ErrorCode::InvalidGroupId));
}

#[test]
fn who_waits_is_told_that_the_coordinator_is_another() {
    let (mut office, leader, other) = Office::two();
    office.holds = true;
    let commit = office.commit(&other, 0, 5);
    let join = office.ask(Ask::JoinGroup(join(&leader.member, None)));
    office.coordinator.resign(0);
    office.carry_on();
    assert_eq!(office.committed(commit), Some(Err(ErrorCode::NotCoordinator)));
    assert_eq!(office.joined(join), Some(Err(ErrorCode::NotCoordinator)));
    office.release(Ok(()));
    office.pass(MS(10_000));
    assert_eq!(office.answers, BTreeMap::new(), "and nothing more");
}

#[test]
fn a_next_coordinator_knows_what_was_kept_whatever_that_is() {
    let (mut office, leader, other) = Office::two();
    let mut states = vec![(office.log.len(), kept(&mut office, 1))];
    office.commit_now(&leader, 0, 5).unwrap();
    states.push((office.log.len(), kept(&mut office, 1)));
    office.commit_now(&other, 1, 6).unwrap();
    states.push((office.log.len(), kept(&mut office, 1)));
    office.now(leave(&other));
    let again = office.ask(Ask::JoinGroup(join(&leader.member, None)));
    let again = office.joined(again).unwrap().unwrap();
    let lead = office.lead(&again);
    assert!(office.synced(lead).unwrap().is_ok());
    states.push((office.log.len(), kept(&mut office, 2)));
    office.commit_now(&member(&again), 1, 9).unwrap();
    states.push((office.log.len(), kept(&mut office, 2)));
    office.now(leave(&member(&again)));
    states.push((office.log.len(), kept(&mut office, 3)));
    assert_eq!(states.iter().map(|(length, _)| *length).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);

    for (length, state) in states {
        let log = office.log[..length].to_vec();
        let mut next = Office::over(log, 0, 2, tuning());
        assert_eq!(kept(&mut next, state.0), state, "after {length} entries");
        // Members of the last generation go on, have a session to do so, and no other generation is theirs.
        let owns = |id: &Name| state.1.iter().any(|(it, _)| it == id);
        for (generation, known) in
            [(state.0, Ok(())), (state.0 + 1, Err(ErrorCode::IllegalGeneration))]
        {
            let who = Member { generation, ..leader.clone() };
            let expected = if owns(&who.member) { known } else { Err(ErrorCode::UnknownMemberId) };
            assert_eq!(next.beat(&who), expected);
        }
        next.pass(MS(601));
        assert_eq!(next.state(), "Empty");
        let (fresh, joins) = next.enrol(None);
        assert!(!owns(&fresh), "no id is given twice");
        next.pass(MS(500));
        let joined = next.joined(joins).unwrap().unwrap();
        assert!(joined.generation > state.0, "generations rise");
    }
    let mut none = Office::over(Vec::new(), 0, 2, tuning());
    assert_eq!((none.state(), none.offsets()), ("Dead", Vec::new()));
}

#[test]
fn what_lies_before_a_snapshot_can_go() {
    let tuning = GroupTuning { snapshot_bytes: 4_000, ..tuning() };
    let mut office = Office::over(Vec::new(), 0, 1, tuning);
    let (_, joins) = office.enrol(None);
    office.pass(MS(500));
    let leader = office.joined(joins).unwrap().unwrap();
    let lead = office.lead(&leader);
    office.synced(lead).unwrap().unwrap();
    let (mut raised, mut largest) = (Vec::new(), 0);
    for turn in 0..200 {
        office.holds = turn % 3 > 0;
        let commits =
            [0, 1].map(|part| office.commit(&member(&leader), part, 2 * turn + u64::from(part)));
        office.beat(&member(&leader)).unwrap();
        office.release(Ok(()));
        assert_eq!(commits.map(|token| office.committed(token)), [Some(Ok(())); 2]);
        if raised.last() != Some(&office.start) {
            raised.push(office.start);
        }
        let left: u64 = office
            .log
            .iter()
            .filter(|it| it.base_offset() >= office.start)
            .map(|it| u64::from(it.length()))
            .sum();
        largest = largest.max(left);
        let (log, start) = (office.log.clone(), office.start);
        let mut next = Office::over(log, start, 2, tuning);
        assert_eq!(kept(&mut next, 1), kept(&mut office, 1), "turn {turn}, from {start}");
    }
    assert!(raised.len() > 5, "{raised:?}");
    assert!(largest < 6_000, "{largest} bytes");
}

#[test]
fn a_snapshot_of_several_parts_counts_when_all_are_kept_and_begins_where_the_first_does() {
    for lost in [None, Some(0), Some(1), Some(2)] {
        let mut office = Office::over(Vec::new(), 0, 1, tuning());
        let text = Some(Name::from("x".repeat(4_000)));
        let commit = |office: &mut Office, partition| {
            let part = CommitPart { partition, offset: 7, leader_epoch: None, text: text.clone() };
            let topics = vec![(TopicRef::Name(format!("t{partition}").into()), vec![part])];
            let token = office.ask(Ask::Commit(Commit { member: nobody(), topics }));
            office.committed(token)
        };
        (0..40).for_each(|part| assert_eq!(commit(&mut office, part), Some(Ok(()))));
        office.coordinator.partitions.snapshot_soon(0);
        office.holds = true;
        let last = commit(&mut office, 40);
        office.release_one();
        assert_eq!((office.held.len(), last), (3, None), "three parts");
        let (begins, before) = (office.end(), office.start);
        for part in 0..3 {
            match lost == Some(part) {
                false => office.release_one(),
                true => {
                    let (ticket, _) = office.held.pop_front().unwrap();
                    office.coordinator.appended(
                        office.now,
                        ticket,
                        Err(ErrorCode::RequestTimedOut),
                    );
                    office.carry_on();
                }
            }
        }
        let expected = if lost.is_some() { before } else { begins };
        assert_eq!(office.start, expected, "part {lost:?} was lost");
        let mut next = Office::over(office.log.clone(), office.start, 2, tuning());
        assert_eq!(next.offsets(), office.offsets());
    }
}

/// A client of the group, as far as it knows itself.
#[derive(Clone, Debug)]
struct Client {
    id: Name,
    joined: Option<Joined>,
    /// It waits for the answer to one of its questions at a time.
    waits: Option<u64>,
}

/// What nobody may see broken.
#[derive(Default)]
struct Law {
    /// Which assignment of a generation its members have: the number of the call that made it.
    assigned: BTreeMap<i32, Bytes>,
    /// The largest generation that anybody had a part of.
    newest: i32,
    /// Commits that were acknowledged, and those under way: who said it, in which generation, and what was the
    /// newest generation then.
    kept: BTreeMap<u32, Offset>,
    commits: BTreeMap<u64, (i32, i32, u32, Offset)>,
}

struct History {
    office: Office,
    clients: Vec<Client>,
    law: Law,
    steps: u64,
}

impl History {
    fn step(&mut self, who: usize, what: u8) {
        self.steps += 1;
        let Client { id, joined, waits } = self.clients[who].clone();
        let me = joined.as_ref().map(member);
        let token = match (what, waits, me) {
            (0..=3, None, _) => Some(self.office.ask(Ask::JoinGroup(join(&id, None)))),
            (4..=7, None, Some(me)) => {
                let call = Bytes::from(self.steps.to_string());
                let members = joined.iter().flat_map(|joined| &joined.members);
                let all = members.map(|(id, ..)| (id.clone(), call.clone())).collect();
                Some(self.office.sync(&me, all))
            }
            (8..=10, _, Some(me)) => {
                let (partition, offset) = (who as u32, self.steps);
                let token = self.office.commit(&me, partition, offset);
                let commit = (me.generation, self.law.newest, partition, offset);
                self.law.commits.insert(token, commit);
                waits
            }
            (11, None, Some(me)) => {
                let _ = self.office.beat(&me);
                None
            }
            (12, None, Some(me)) => {
                self.office.now(leave(&me));
                self.clients[who].joined = None;
                None
            }
            (13, ..) => {
                self.office.holds = true;
                waits
            }
            (14, ..) => {
                self.office.release(Ok(()));
                waits
            }
            (15, ..) => {
                self.office.release(Err(ErrorCode::RequestTimedOut));
                waits
            }
            (16, ..) => return self.fail_over(who),
            _ => {
                self.office.pass(MS(130 * who as u64));
                waits
            }
        };
        self.clients[who].waits = token;
        self.listen();
    }

    /// Of what was under way so much is kept, and nobody was told.
    fn fail_over(&mut self, kept: usize) {
        let old = &mut self.office;
        let mut log = std::mem::take(&mut old.log);
        for (_, batch) in old.held.iter().take(kept) {
            let base = log.last().map_or(0, Batch::next_offset);
            log.push(batch.stamped(base, old.epoch));
        }
        let (start, epoch, now, asked) = (old.start, old.epoch + 1, old.now, old.asked);
        self.office = Office::over(log, start, epoch, old.coordinator.tuning);
        self.office.asked = asked;
        self.office.pass(now.since(self.office.now));
        self.clients.iter_mut().for_each(|client| client.waits = None);
        self.law.commits.clear();
    }

    fn listen(&mut self) {
        for (token, answer) in std::mem::take(&mut self.office.answers) {
            if let Some(commit) = self.law.commits.remove(&token) {
                self.law.hear_of_commit(commit, &answer);
                continue;
            }
            let of_this = |client: &&mut Client| client.waits == Some(token);
            let Some(client) = self.clients.iter_mut().find(of_this) else { continue };
            client.waits = None;
            match answer {
                Answer::Joined(Ok(joined)) => {
                    client.id = joined.member.clone();
                    client.joined = Some(joined);
                }
                Answer::Joined(Err(refused)) if refused.error == ErrorCode::MemberIdRequired => {
                    client.id = refused.member;
                }
                Answer::Joined(Err(refused)) if refused.error == ErrorCode::UnknownMemberId => {
                    (client.id, client.joined) = (Name::default(), None);
                }
                Answer::Synced(Ok(assignment)) => {
                    let generation = client.joined.as_ref().unwrap().generation;
                    self.law.hear_of_assignment(generation, assignment);
                }
                _ => {}
            }
        }
        let offsets = self.office.offsets();
        for (partition, offset) in &self.law.kept {
            let found = offsets.iter().find(|(it, _)| it == partition).map(|(_, offset)| *offset);
            assert!(found >= Some(*offset), "{offset} of {partition} was kept: {offsets:?}");
        }
    }
}

impl Law {
    fn hear_of_assignment(&mut self, generation: i32, assignment: Bytes) {
        let first = self.assigned.entry(generation).or_insert_with(|| assignment.clone());
        assert_eq!(*first, assignment, "generation {generation} was assigned twice");
        self.newest = self.newest.max(generation);
    }

    fn hear_of_commit(&mut self, commit: (i32, i32, u32, Offset), answer: &Answer) {
        let (generation, newest, partition, offset) = commit;
        let Answer::Committed(topics) = answer else { panic!("{answer:?}") };
        if topics[0].1[0].1.is_ok() {
            assert!(generation >= newest, "{generation} committed when {newest} had begun");
            self.kept.insert(partition, offset);
        }
    }
}

proptest! {
    /// Clients join, leave, are silent and commit; entries wait, are refused and are lost; coordinators come and go.
    #[test]
    fn a_generation_is_assigned_once_and_what_was_kept_stays_whoever_coordinates(
        steps in prop::collection::vec((0..4_usize, 0..18_u8), 1..150),
    ) {
        let tuning = GroupTuning { snapshot_bytes: 3_000, ..tuning() };
        let office = Office::over(Vec::new(), 0, 1, tuning);
        let client = Client { id: Name::default(), joined: None, waits: None };
        let clients = vec![client; 4];
        let mut history = History { office, clients, law: Law::default(), steps: 0 };
        steps.into_iter().for_each(|(who, what)| history.step(who, what));
    }
}
