//! No code ever means two acknowledged links.

use std::collections::{BTreeMap, BTreeSet};

use machine::Machine;
use sim::{Breach, Entry, Evidence, Promise, World};

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
    fn note(&mut self, world: &World<M>, entry: &Entry<Note>) -> Result<(), Breach> {
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
                    let first_answer =
                        world.history().iter().find_map(|earlier| match &earlier.note {
                            Note::Answered { token, answer: Answer::Link(code, link) } => {
                                let is_it = code == key && *link.url == *first;
                                is_it.then_some(*token)
                            }
                            _ => None,
                        });
                    let why = format!("{key:?} is the code of {first} and of {url}");
                    let breach = Breach::from(why).on_operation(*token);
                    let breach = breach.on(Evidence::Value(format!("the code {key:?}")));
                    return Err(first_answer.into_iter().fold(breach, Breach::on_operation));
                }
            }
            _ => {}
        }
        Ok(())
    }
}
