//! `add-shard`: one more, while the others serve.

use std::time::Duration;

use hyper::Method;
use shortener_api::{OneShard, Shards};

use super::client::Server;
use crate::exit::{Outcome, print};

const PATH: &str = "/api/shards";
/// How often to look.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

pub(super) fn add(json: bool, server: &Server) -> Outcome {
    let mut client = server.client()?;
    let mut answer = client.ask(Method::POST, PATH, None::<&()>)?;
    let mut shards: Shards = answer.wanted()?;
    let mut seen = None;
    while !shards.settled {
        let joins = shards.shards.iter().find(|shard| shard.state == "joining");
        let came = joins.map(|OneShard { shard, entries, .. }| (*shard, *entries));
        if let Some((shard, entries)) = came.filter(|_| came != seen) {
            anstream::eprintln!("shard {shard} has {entries} entries");
        }
        seen = came;
        client.pause(LOOK_AGAIN);
        answer = client.ask(Method::GET, PATH, None::<&()>)?;
        shards = answer.wanted()?;
    }
    let line = |OneShard { shard, entries, state }: &OneShard| {
        format!("shard {shard}: {entries} entries, {state}\n")
    };
    let text: String = shards.shards.iter().map(line).collect();
    print(&if json { format!("{}\n", answer.text()) } else { text })
}
