//! What a keeper of a log promises: each client remembers what must be there.

use std::collections::{BTreeMap, BTreeSet};

use machine::{Machine, NodeId, Time};
use sim::{Breach, Entry, Evidence, Promise, PromiseSpec, Verdict, World};

use crate::client::KEEPER;
use crate::message::{Keeping, Note, Order};
use crate::shape::{Node, Shape};
use crate::unseen::Unseen;

/// All of them.
pub(crate) const PROMISES: &[PromiseSpec<Node, Shape>] = &[
    PromiseSpec {
        name: "nothing-forgotten",
        about: "what a client knows to be durable is in every later read that is answered",
        checker: |_| Box::new(Checker::of(Ledger::forgotten)),
    },
    PromiseSpec {
        name: "losses-told",
        about: "files that are lost are told, and not taken for never written; what became durable after the \
                last bound, in the second before that, may go with them unseen",
        checker: |_| {
            Box::new(Checker { unseen: Some(Unseen::of(KEEPER)), ..Checker::of(Ledger::forgotten) })
        },
    },
    PromiseSpec {
        name: "in-order",
        about: "a read shows what was appended, each entry once and in the order in which it was asked for",
        checker: |_| Box::new(Checker::of(Ledger::disorder)),
    },
    PromiseSpec {
        name: "answers-again",
        about: "when what may go wrong is over, reads are answered: a crash is not taken for a loss",
        checker: |_| Box::new(Answers::default()),
    },
];

/// What one client asked, and knows.
#[derive(Default)]
struct Ledger {
    asked: BTreeSet<u64>,
    /// And since when.
    durable: BTreeMap<u64, Time>,
    /// What was durable when a read began.
    reads: BTreeMap<u64, BTreeSet<u64>>,
}

struct Checker {
    clients: BTreeMap<NodeId, Ledger>,
    judge: fn(&Ledger, u64, &[u64]) -> Result<(), Breach>,
    /// Where what the bound cannot know yet may go unseen with a file that is lost.
    unseen: Option<Unseen>,
}

impl Checker {
    fn of(judge: fn(&Ledger, u64, &[u64]) -> Result<(), Breach>) -> Checker {
        Checker { clients: BTreeMap::new(), judge, unseen: None }
    }
}

impl Ledger {
    fn forgotten(&self, read: u64, entries: &[u64]) -> Result<(), Breach> {
        let Some(durable) = self.reads.get(&read) else { return Ok(()) };
        match durable.iter().find(|token| !entries.contains(token)) {
            Some(token) => {
                let why = format!("entry {} was durable, and is not there", short(*token));
                let value = Evidence::Value(format!("entry {}", short(*token)));
                Err(Breach::from(why).on_operation(*token).on(value))
            }
            None => Ok(()),
        }
    }

    fn disorder(&self, _: u64, entries: &[u64]) -> Result<(), Breach> {
        if let Some(token) = entries.iter().find(|token| !self.asked.contains(token)) {
            return Err(Breach::from(format!(
                "entry {} is there, and nobody appended it",
                short(*token)
            )));
        }
        match entries.windows(2).find(|pair| pair[0] >= pair[1]) {
            Some(pair) => {
                Err(Breach::from(format!("entry {} follows {}", short(pair[1]), short(pair[0])))
                    .on_operation(pair[1]))
            }
            None => Ok(()),
        }
    }
}

impl<M: Machine<Protocol = Keeping>> Promise<M> for Checker {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        let ledger = self.clients.entry(entry.node).or_default();
        match &entry.note {
            Note::Asked { token, order: Order::Append(_) } => drop(ledger.asked.insert(*token)),
            Note::Asked { token, order: Order::Read } => {
                ledger.reads.insert(*token, ledger.durable.keys().copied().collect());
            }
            Note::Written { token } => {
                ledger.durable.insert(*token, entry.at);
            }
            Note::Read { token, entries } => {
                (self.judge)(ledger, *token, entries)?;
                // What was read is durable, even if that was not yet acknowledged.
                for token in entries {
                    ledger.durable.entry(*token).or_insert(entry.at);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn step(&mut self, world: &World<M>) -> Result<(), Breach> {
        // What no bound knew yet may have gone with a file.
        if let Some(known) = self.unseen.as_mut().and_then(|unseen| unseen.lost(world)) {
            let clients = self.clients.values_mut();
            clients.for_each(|ledger| ledger.durable.retain(|_, since| *since <= known));
        }
        Ok(())
    }
}

/// The last read of each client, and whether it was answered.
#[derive(Default)]
struct Answers(BTreeMap<NodeId, (u64, bool)>);

impl<M: Machine<Protocol = Keeping>> Promise<M> for Answers {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
        match &entry.note {
            Note::Asked { token, order: Order::Read } => {
                self.0.insert(entry.node, (*token, false));
            }
            Note::Read { token, .. } => {
                let last = self.0.get_mut(&entry.node).filter(|(last, _)| last == token);
                last.into_iter().for_each(|(_, answered)| *answered = true);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, _: &World<M>) -> Verdict {
        match self.0.iter().find(|(_, (_, answered))| !answered) {
            Some((client, (token, _))) => {
                let why = format!("read {} of {client:?} was not answered", short(*token));
                Verdict::Broken(Breach::from(why).on_operation(*token))
            }
            None => Verdict::Held,
        }
    }
}

/// A request's number at its client: the upper half of a token is the client's.
pub fn short(token: u64) -> u64 {
    token & 0xFFFF_FFFF
}
