//! A simulated user: does what the plan says, and remembers nothing but its picked links.

use std::collections::BTreeMap;
use std::time::Duration;

use machine::{Field, Input, Inspection, Machine, NodeId, Now, Outputs, Wall};

use url_shortener::{
    Action, Answer, Ask, Call, Click, Device, Message, Note, Shortener, Timer, Which, Wish,
};
use url_shortener::{Edit, Key, Link, NewLink, RedirectStatus};

/// Longer than an instance waits for a shard.
const PATIENCE: Duration = Duration::from_millis(1_000);

/// A user who makes, follows, changes and deletes links.
#[derive(Clone, Debug)]
pub struct User {
    id: NodeId,
    tokens: u64,
    open: BTreeMap<u64, Question>,
    /// The links for which the service picked codes, in the order of the answers.
    picked: Vec<Key>,
}

#[derive(Clone, Debug)]
struct Question {
    instance: NodeId,
    /// The service is to pick a code.
    picks: bool,
}

impl User {
    /// The user of this number.
    pub fn new(id: NodeId) -> User {
        User { id, tokens: 0, open: BTreeMap::new(), picked: Vec::new() }
    }

    fn act(&mut self, action: Action, wall: Wall, out: &mut Outputs<Shortener>) {
        let token = u64::from(self.id.0) << 32 | (self.tokens + 1);
        if action.wish == Wish::Join {
            return out.send(action.instance, Message::Call { call: token, wanted: Call::Join });
        }
        let Some(ask) = self.ask(action.wish, token, wall) else { return };
        self.tokens += 1;
        let instance = action.instance;
        let picks = matches!(&ask, Ask::Create(NewLink { alias: None, .. }));
        self.open.insert(token, Question { instance, picks });
        out.note(Note::Invoked { token, instance, ask: ask.clone() });
        out.send(instance, Message::Ask { token, client: self.id.0.into(), ask });
        out.set_timer(Timer::Answer(token), PATIENCE);
    }

    fn ask(&self, wish: Wish, token: u64, wall: Wall) -> Option<Ask> {
        let url = || format!("https://example.org/{}-{}", self.id.0, token & 0xFFFF_FFFF).into();
        Some(match wish {
            Wish::Create { alias, expires_in_ms } => {
                let expires_at = expires_in_ms.map(|ms| wall + Duration::from_millis(ms));
                let link = Link {
                    url: url(),
                    status: RedirectStatus::Found,
                    created_at: wall,
                    expires_at,
                    title: None,
                    tags: Vec::new(),
                    earlier_clicks: 0,
                    incarnation: 0,
                    forward_query: None,
                };
                Ask::Create(NewLink { alias, domain: "".into(), link, made_at: None })
            }
            Wish::Visit(which) => {
                let (key, visitor) = (self.key(which)?, self.id.0.into());
                let (referrer, device) = (None, Device::Desktop);
                Ask::Visit(Click { key, at_ms: 0, visitor, referrer, device })
            }
            Wish::Look(which) => Ask::Look(self.key(which)?),
            Wish::Edit(which) => {
                Ask::Edit(self.key(which)?, Edit { url: Some(url()), ..Edit::default() })
            }
            Wish::Delete(which) => Ask::Delete(self.key(which)?),
            Wish::Join => return None,
        })
    }

    fn key(&self, which: Which) -> Option<Key> {
        match which {
            Which::Alias(alias) => Some(Key { domain: "".into(), code: alias }),
            Which::Picked(_) if self.picked.is_empty() => None,
            Which::Picked(number) => Some(self.picked[number as usize % self.picked.len()].clone()),
        }
    }

    fn answered(&mut self, token: u64, answer: Answer, out: &mut Outputs<Shortener>) {
        let Some(question) = self.open.remove(&token) else { return };
        out.cancel_timer(Timer::Answer(token));
        if let (true, Answer::Link(key, _)) = (question.picks, &answer) {
            self.picked.push(key.clone());
        }
        out.note(Note::Answered { token, answer });
    }

    fn give_up(&mut self, token: u64, out: &mut Outputs<Shortener>) {
        if self.open.remove(&token).is_some() {
            out.cancel_timer(Timer::Answer(token));
            out.note(Note::GivenUp { token });
        }
    }
}

impl Machine for User {
    type Protocol = Shortener;

    fn handle(&mut self, now: &mut Now<'_>, input: Input<Shortener>, out: &mut Outputs<Shortener>) {
        match input {
            Input::Message { message: Message::Do(action), .. } => self.act(action, now.wall, out),
            Input::Message { message: Message::Answer { token, answer }, .. } => {
                self.answered(token, answer, out);
            }
            Input::Timer(Timer::Answer(token)) => self.give_up(token, out),
            Input::LinkReset { peer } => {
                let lost = self.open.iter().filter(|(_, question)| question.instance == peer);
                let lost: Vec<_> = lost.map(|(token, _)| *token).collect();
                lost.into_iter().for_each(|token| self.give_up(token, out));
            }
            Input::Stop => out.stopped(),
            _ => {}
        }
    }

    fn fields(&self) -> Vec<Field> {
        vec![Field::number("questions open", self.open.len() as u64)]
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "user", state: format!("{} questions open", self.open.len()) }
    }
}
