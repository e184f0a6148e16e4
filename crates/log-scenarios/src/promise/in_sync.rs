//! The promise `in-sync-after-heal`: what failed is made good when nothing fails any more.
//!
//! Other promises hold of a partition that has lost a replica for good, or that nobody leads: it keeps what it has, and
//! two replicas acknowledge. A replica that asks once and is not answered is such a loss, and shows nowhere else.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Evidence, Promise, Verdict, World};

use super::ledger::Newest;
use replicated_log::cluster::Partition;
use replicated_log::message::ReplicatedLog;
use replicated_log::note::Note;
use replicated_log::words::TopicPartition;

/// To boot, to elect controllers, to be registered, to fetch what is missing and to be taken in again.
const WITHIN: Duration = Duration::from_secs(2);

#[derive(Default)]
pub(super) struct InSyncAfterHeal {
    /// Those that lack something: what, since when, and the controller that said so.
    lacking: BTreeMap<TopicPartition, (Lack, Time, NodeId)>,
    newest: Newest,
}

/// What a partition does not have.
#[derive(Debug, PartialEq, Eq)]
struct Lack {
    leader: bool,
    /// Replicas that are not in sync; those that are being added may take their time.
    replicas: Vec<NodeId>,
}

impl Lack {
    fn of(is: &Partition) -> Option<Lack> {
        let is_missing = |id: &&NodeId| !is.isr.contains(id) && !is.adding.contains(id);
        let replicas: Vec<NodeId> = is.replicas.iter().filter(is_missing).copied().collect();
        let leader = is.leader.is_none();
        (leader || !replicas.is_empty()).then_some(Lack { leader, replicas })
    }
}

impl InSyncAfterHeal {
    fn look(&mut self, entry: &Entry<Note>) {
        if let Note::Partition { partition, is } = &entry.note
            && self.newest.is_it(*partition, is)
        {
            match Lack::of(is) {
                Some(lack) => self.lacking.insert(*partition, (lack, entry.at, entry.node)),
                None => self.lacking.remove(partition),
            };
        }
    }

    /// Where all that lives has been well for long enough.
    fn judge(&self, lives: impl Fn(NodeId) -> bool) -> Result<(), Breach> {
        for (partition, (lack, since, controller)) in &self.lacking {
            let out = lack.replicas.iter().copied().find(|replica| lives(*replica));
            let (what, who) = match out {
                Some(replica) => (format!("{replica:?} is not in sync with"), Some(replica)),
                None if lack.leader => ("nobody leads".into(), None),
                None => continue,
            };
            let why = format!(
                "{what} {partition:?}, since {since:?}, and nothing has failed for {WITHIN:?}"
            );
            let breach = Breach::from(why).on_moment(*since, *controller);
            let who = who.map(|replica| Evidence::Value(format!("{replica:?}")));
            return Err(who.into_iter().fold(breach, Breach::on));
        }
        Ok(())
    }
}

impl<M: Machine<Protocol = ReplicatedLog>> Promise<M> for InSyncAfterHeal {
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let is_due = |healed: Time| entry.at > healed + WITHIN;
        // What was so until now; and what becomes of it is looked at when there is something new, or in the end.
        if !self.lacking.is_empty() && world.healed_at().is_some_and(is_due) {
            self.judge(|node| world.machine(node).is_some())?;
        }
        self.look(entry);
        Ok(())
    }

    fn end(&mut self, world: &World<M>) -> Verdict {
        let is_due = world.healed_at().is_some_and(|healed| world.now() > healed + WITHIN);
        match self.judge(|node| world.machine(node).is_some()) {
            Err(breach) if is_due => Verdict::Broken(breach),
            _ => Verdict::Held,
        }
    }
}

#[cfg(test)]
mod tests;
