//! No code ever means two acknowledged links.

use std::collections::{BTreeMap, BTreeSet};

use machine::Machine;
use sim::{Entry, Promise, World};

use url_shortener::Key;
use url_shortener::{Answer, Ask, Note, Shortener};

/// A code whose owner ever wanted it to be deleted may be given out again, so it is not looked at.
#[derive(Default)]
pub(super) struct CodesDistinct {
    /// Questions for new links.
    creates: BTreeSet<u64>,
    deleted: BTreeSet<Key>,
    /// Where the link leads that was acknowledged under a code.
    held: BTreeMap<Key, String>,
}

impl<M: Machine<Protocol = Shortener>> Promise<M> for CodesDistinct {
    fn note(&mut self, _: &World<M>, entry: &Entry<Note>) -> Result<(), String> {
        match &entry.note {
            Note::Invoked { token, ask: Ask::Create(_), .. } => drop(self.creates.insert(*token)),
            Note::Invoked { ask: Ask::Delete(key), .. } => {
                self.deleted.insert(key.clone());
            }
            Note::Answered { token, answer: Answer::Link(key, link) }
                if self.creates.remove(token) && !self.deleted.contains(key) =>
            {
                let url = link.url.to_string();
                if let Some(first) = self.held.insert(key.clone(), url.clone()) {
                    return Err(format!("{key:?} is the code of {first} and of {url}"));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
