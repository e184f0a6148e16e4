//! A request comes: a write is proposed to the group, a read asks the group for leave. Both then wait.

use machine::{NodeId, Now, Outputs};
use raft::{ChangeRefused, Consistency, Group, NotLeader, TransferRefused};

use super::{GROUP, PendingRead, PendingWrite, Replica, respond};
use crate::command::{Change, Command, TooLarge};
use crate::message::{Answer, Ask, KeyValue, ReadMode, Refusal, Request};
use crate::store::MOST_PAIRS;

impl Replica {
    pub(super) fn request(
        &mut self,
        client: NodeId,
        request: Request,
        now: &mut Now<'_>,
        out: &mut Outputs<KeyValue>,
    ) {
        let token = request.token;
        let answer = match &request.ask {
            _ if self.group().is_some_and(Group::is_outside) => Some(self.not_member(token)),
            _ if self.writes.len() + self.reads.len() >= self.limits.most_waiting => {
                Some(Answer::Refused(Refusal::Overloaded))
            }
            Ask::Change { voters, addresses } => {
                let changed = self.groups.change(GROUP, voters, addresses, now);
                Some(changed.map_or_else(Answer::from, |()| Answer::Done))
            }
            Ask::Transfer { to } => {
                let transferred = self.groups.transfer(GROUP, *to, now);
                Some(transferred.map_or_else(Answer::from, |()| Answer::Done))
            }
            Ask::Get { read, .. } | Ask::Range { read, .. } => {
                self.read(client, *read, request, now)
            }
            write => match write.change() {
                Some((key, change)) => {
                    let command = Command { session: request.session, key, change };
                    self.write(client, token, command, now)
                }
                None => None,
            },
        };
        if let Some(answer) = answer {
            respond(client, token, answer, out);
        }
    }

    /// The members are others. Whoever asks again is sent to another of them.
    fn not_member(&self, token: u64) -> Answer {
        let Some(group) = self.group() else { return Answer::NotLeader { leader: None } };
        let voters = &group.membership().voters;
        let member = voters.iter().nth(token as usize % voters.len().max(1));
        let removed = group.is_removed();
        Answer::NotMember { removed, member: member.map(|member| member.node) }
    }

    /// Proposes it. An answer at once is that nothing was done.
    fn write(
        &mut self,
        client: NodeId,
        token: u64,
        command: Command<'_>,
        now: &mut Now<'_>,
    ) -> Option<Answer> {
        let bytes = match command.encode() {
            Ok(bytes) => bytes,
            Err(too_large) => return Some(too_large.into()),
        };
        match self.groups.propose(GROUP, bytes, now) {
            Err(refused) => Some(refused.into()),
            Ok(at) => {
                let is_cas = matches!(command.change, Change::Cas { .. });
                self.writes.push_back(PendingWrite { at, client, token, is_cas });
                None
            }
        }
    }

    fn read(
        &mut self,
        client: NodeId,
        read: ReadMode,
        Request { token, ask, .. }: Request,
        now: &mut Now<'_>,
    ) -> Option<Answer> {
        let consistency = match read {
            ReadMode::Stale => return self.look_up(&ask),
            ReadMode::Index => Consistency::Index,
            ReadMode::Lease => Consistency::Lease,
        };
        let number = self.next_read;
        match self.groups.read(GROUP, consistency, number, now) {
            Err(refused) => Some(refused.into()),
            Ok(()) => {
                self.next_read += 1;
                self.reads.insert(number, PendingRead { client, token, ask });
                None
            }
        }
    }

    /// What a read finds in the store.
    pub(super) fn look_up(&self, ask: &Ask) -> Option<Answer> {
        match ask {
            Ask::Get { key, .. } => Some(Answer::Value(self.store.get(key).cloned())),
            Ask::Range { start, end, limit, .. } => {
                let limit = (*limit as usize).min(MOST_PAIRS);
                Some(Answer::Pairs(self.store.range(start, end.as_ref(), limit)))
            }
            _ => None,
        }
    }
}

impl From<TooLarge> for Answer {
    fn from(TooLarge: TooLarge) -> Answer {
        Answer::Refused(Refusal::TooLarge)
    }
}

impl From<NotLeader> for Answer {
    fn from(NotLeader { leader }: NotLeader) -> Answer {
        Answer::NotLeader { leader }
    }
}

impl From<ChangeRefused> for Answer {
    fn from(refused: ChangeRefused) -> Answer {
        match refused {
            ChangeRefused::NotLeader(refused) => refused.into(),
            ChangeRefused::Nothing => Answer::Nothing,
            ChangeRefused::Unknown(_) => Answer::Refused(Refusal::Unknown),
            ChangeRefused::Nobody => Answer::Refused(Refusal::Nobody),
        }
    }
}

impl From<TransferRefused> for Answer {
    fn from(refused: TransferRefused) -> Answer {
        match refused {
            TransferRefused::NotLeader(refused) => refused.into(),
            TransferRefused::Nothing => Answer::Nothing,
            TransferRefused::NoVote => Answer::Refused(Refusal::NoVote),
        }
    }
}
