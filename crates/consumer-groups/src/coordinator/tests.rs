mod failover;
mod members;
mod offsets;

use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use log_protocol::ask::{CommitPart, Joined, Leaver, Member};

const MS: fn(u64) -> Duration = Duration::from_millis;

/// A coordinator of one partition, with its log.
struct Office {
    coordinator: Coordinator,
    now: Time,
    epoch: LeaderEpoch,
    log: Vec<Batch>,
    start: Offset,
    /// What is to be appended waits.
    holds: bool,
    held: VecDeque<(u64, Batch)>,
    wakes: Option<Time>,
    answers: BTreeMap<u64, Answer>,
    asked: u64,
}

fn tuning() -> GroupTuning {
    GroupTuning {
        first_rebalance: MS(500),
        partitions: 1,
        snapshot_bytes: 8 << 20,
        fences_generations: true,
    }
}

impl Office {
    fn new() -> Office {
        Office::over(Vec::new(), 0, 1, tuning())
    }

    /// One that is new to this log.
    fn over(log: Vec<Batch>, start: Offset, epoch: LeaderEpoch, tuning: GroupTuning) -> Office {
        let mut office = Office {
            coordinator: Coordinator::new(tuning),
            now: Time(1_000_000_000),
            epoch,
            log,
            start,
            holds: false,
            held: VecDeque::new(),
            wakes: None,
            answers: BTreeMap::new(),
            asked: 0,
        };
        office.coordinator.lead(0, epoch);
        office.carry_on();
        office
    }

    fn end(&self) -> Offset {
        self.log.last().map_or(0, Batch::next_offset)
    }

    fn carry_on(&mut self) {
        while let Some(event) = self.coordinator.next_event() {
            match event {
                GroupEvent::Answer { token, answer, .. } => {
                    assert!(self.answers.insert(token, answer).is_none(), "answered twice");
                }
                GroupEvent::Append { ticket, batch, .. } if self.holds => {
                    self.held.push_back((ticket, batch));
                }
                GroupEvent::Append { ticket, batch, .. } => self.keep(ticket, &batch),
                GroupEvent::Read { ticket, from, .. } => {
                    let from = from.max(self.start);
                    let log = self.log.iter().filter(|batch| batch.base_offset() >= from);
                    let some: Vec<_> = log.take(2).cloned().collect();
                    self.coordinator.loaded(self.now, ticket, &some);
                }
                GroupEvent::RaiseStart { to, .. } => self.start = to,
                GroupEvent::Wake { at } => self.wakes = Some(at),
            }
        }
    }

    fn keep(&mut self, ticket: u64, batch: &Batch) {
        let base = self.end();
        self.log.push(batch.stamped(base, self.epoch));
        self.coordinator.appended(self.now, ticket, Ok(base));
    }

    /// The first of what is held is kept.
    fn release_one(&mut self) {
        if let Some((ticket, batch)) = self.held.pop_front() {
            self.keep(ticket, &batch);
            self.carry_on();
        }
    }

    /// What is held is kept, or is not.
    fn release(&mut self, outcome: Result<(), ErrorCode>) {
        self.holds = false;
        while let Some((ticket, batch)) = self.held.pop_front() {
            match outcome {
                Ok(()) => self.keep(ticket, &batch),
                Err(error) => self.coordinator.appended(self.now, ticket, Err(error)),
            }
            self.carry_on();
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.wakes.filter(|at| *at <= until) {
            assert!(at >= self.now, "it wants to be called in the past");
            (self.now, self.wakes) = (at, None);
            self.coordinator.time_passed(at);
            self.carry_on();
        }
        self.now = until;
    }

    fn ask(&mut self, ask: Ask) -> u64 {
        self.asked += 1;
        // "t" has nine partitions, and there are others whose names go on.
        let has = |topic: &Name, partition| match &**topic {
            "t" => partition < 9,
            other => other.starts_with('t'),
        };
        self.coordinator.ask(self.now, (NodeId(201), self.asked), &ask, has);
        self.carry_on();
        self.asked
    }

    fn forget_topics(&mut self, is_there: impl Fn(&Name) -> bool) {
        self.coordinator.forget_topics(is_there);
        self.carry_on();
    }

    fn now(&mut self, ask: Ask) -> Answer {
        let token = self.ask(ask);
        self.answers.remove(&token).expect("an answer at once")
    }

    fn beat(&mut self, who: &Member) -> Result<(), ErrorCode> {
        match self.now(Ask::Heartbeat(who.clone())) {
            Answer::Beat(beat) => beat,
            other => panic!("{other:?}"),
        }
    }

    fn joined(&mut self, token: u64) -> Option<Result<Joined, ErrorCode>> {
        match self.answers.remove(&token)? {
            Answer::Joined(joined) => Some(joined.map_err(|refused| refused.error)),
            other => panic!("{other:?}"),
        }
    }

    fn synced(&mut self, token: u64) -> Option<Result<Bytes, ErrorCode>> {
        match self.answers.remove(&token)? {
            Answer::Synced(synced) => Some(synced),
            other => panic!("{other:?}"),
        }
    }

    fn commit(&mut self, who: &Member, partition: u32, offset: Offset) -> u64 {
        let part = CommitPart { partition, offset, leader_epoch: None, text: None };
        let topics = vec![(TopicRef::Name("t".into()), vec![part])];
        self.ask(Ask::Commit(Commit { member: who.clone(), topics }))
    }

    fn commit_now(
        &mut self,
        who: &Member,
        partition: u32,
        offset: Offset,
    ) -> Result<(), ErrorCode> {
        let token = self.commit(who, partition, offset);
        self.committed(token).expect("an answer at once")
    }

    fn committed(&mut self, token: u64) -> Option<Result<(), ErrorCode>> {
        match self.answers.remove(&token)? {
            Answer::Committed(topics) => Some(topics[0].1[0].1),
            other => panic!("{other:?}"),
        }
    }

    /// All offsets of the group, by partition.
    fn offsets(&mut self) -> Vec<(u32, Offset)> {
        let asked = vec![CommittedAsk { group: "g".into(), topics: None }];
        match self.now(Ask::Committed(asked)) {
            Answer::Offset(found) => {
                let topics = found[0].outcome.clone().unwrap();
                let all = topics.into_iter().flat_map(|(_, parts)| parts);
                all.map(|part| (part.partition, part.found.unwrap().0)).collect()
            }
            other => panic!("{other:?}"),
        }
    }

    fn described(&mut self) -> GroupDescription {
        match self.now(Ask::DescribeGroups(vec!["g".into()])) {
            Answer::Groups(mut found) => found.remove(0).1.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn state(&mut self) -> &'static str {
        self.described().state
    }

    /// Who joins for the first time, as clients that know of KIP-394 do.
    fn enrol(&mut self, instance: Option<&str>) -> (Name, u64) {
        let join = join("", instance);
        if instance.is_some() {
            return (Name::default(), self.ask(Ask::JoinGroup(join)));
        }
        let Answer::Joined(Err(refused)) = self.now(Ask::JoinGroup(join)) else { panic!() };
        assert_eq!(refused.error, ErrorCode::MemberIdRequired);
        let again = self.ask(Ask::JoinGroup(self::join(&refused.member, None)));
        (refused.member, again)
    }

    /// The leader says who has what: each its own name.
    fn lead(&mut self, leader: &Joined) -> u64 {
        let own = |(id, ..): &(Name, Option<Name>, Bytes)| (id.clone(), has(id));
        let assignments = leader.members.iter().map(own).collect();
        self.sync(&member(leader), assignments)
    }

    fn sync(&mut self, who: &Member, assignments: Vec<(Name, Bytes)>) -> u64 {
        let (member, protocol_type, protocol) = (who.clone(), None, None);
        self.ask(Ask::SyncGroup(SyncGroup { member, assignments, protocol_type, protocol }))
    }

    /// A stable group of two: its leader and its other member.
    fn two() -> (Office, Member, Member) {
        let mut office = Office::new();
        let (_, one) = office.enrol(None);
        let (_, two) = office.enrol(None);
        office.pass(MS(500));
        let all = [one, two].map(|token| office.joined(token).unwrap().unwrap());
        let leads = |joined: &Joined| joined.leader == joined.member;
        let (leader, other) = if leads(&all[0]) { (&all[0], &all[1]) } else { (&all[1], &all[0]) };
        assert!(leads(leader) && !leads(other));
        let synced = [office.lead(leader), office.sync(&member(other), Vec::new())];
        let own = [leader, other].map(|joined| Some(Ok(has(&joined.member))));
        assert_eq!(synced.map(|token| office.synced(token)), own);
        assert_eq!(office.state(), "Stable");
        (office, member(leader), member(other))
    }
}

fn has(id: &Name) -> Bytes {
    Bytes::from(format!("for {id}"))
}

fn member(joined: &Joined) -> Member {
    let (group, instance) = ("g".into(), None);
    Member { group, generation: joined.generation, member: joined.member.clone(), instance }
}

fn join(id: &str, instance: Option<&str>) -> JoinGroup {
    JoinGroup {
        group: "g".into(),
        member: id.into(),
        instance: instance.map(Name::from),
        client: "kcat".into(),
        host: "127.0.0.1".into(),
        session_timeout: MS(600),
        rebalance_timeout: MS(2_000),
        protocol_type: "consumer".into(),
        protocols: vec![("range".into(), Bytes::from_static(b"t"))],
        knows_member_ids: true,
    }
}

fn leave(who: &Member) -> Ask {
    let leaver = Leaver { member: who.member.clone(), instance: who.instance.clone() };
    Ask::LeaveGroup { group: who.group.clone(), members: vec![leaver] }
}

const NOBODY: i32 = -1;

fn nobody() -> Member {
    Member { group: "g".into(), generation: NOBODY, member: Name::default(), instance: None }
}
