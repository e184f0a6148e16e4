//! Asks the authority what it is told to ask, and remembers what it hears.

use machine::{Input, Inspection, Machine, NodeId, Now, Outputs};
use snowflake::{Grant, Lease, Message, Snowflake};

pub(super) const AUTHORITY: NodeId = NodeId(0);

#[derive(Clone, Debug, Default)]
pub(super) struct Asker {
    heard: Vec<String>,
}

impl Machine for Asker {
    type Protocol = Snowflake;

    fn handle(&mut self, _: &mut Now<'_>, input: Input<Snowflake>, out: &mut Outputs<Snowflake>) {
        match input {
            Input::Message { from: AUTHORITY, message } => self.heard.push(sentence(&message)),
            Input::Message { message, .. } => out.send(AUTHORITY, message),
            Input::LinkReset { peer } => {
                self.heard.push(format!("the link with {peer:?} was reset"));
            }
            _ => {}
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "asker", state: self.heard.join("\n") }
    }
}

/// What it has heard, of what it shows of itself.
pub(super) fn heard(shown: &Inspection) -> Vec<String> {
    shown.state.lines().map(str::to_owned).collect()
}

/// All of an answer but the clock of the one who gave it.
fn sentence(message: &Message) -> String {
    match message {
        Message::Granted(Grant { lease: Lease { worker, epoch }, floor, ceiling, .. }) => {
            let (floor, ceiling) = (floor.0, ceiling.0);
            format!("granted worker {worker}, epoch {epoch}, above {floor} up to {ceiling}")
        }
        other => format!("{other:?}"),
    }
}
