//! Nodes of a process that speak with each other, with a service, and with those of another process at one address.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use host::{
    Access, Called, Company, Exposure, Folder, FolderOwner, Neighbours, Node, SESSIONS, Server,
};
use machine::{Input, Link, NodeId};
use serde::{Deserialize, Serialize};

use crate::scratch::Scratch;
use crate::talker::{Talker, Word};

#[derive(PartialEq, Serialize, Deserialize)]
struct Owner {}

impl FolderOwner for Owner {
    const SYSTEMS: &'static [&'static str] = &["talk"];

    fn name(&self) -> String {
        "talk".to_owned()
    }

    fn arguments(&self) -> String {
        String::new()
    }

    fn with_another_folder(&self) -> &'static str {
        ""
    }
}

fn server() -> Server<Talker> {
    Server::open(Access { admin: None, exposure: Exposure::Loopback }).unwrap()
}

/// Boots one whose neighbours in another process are these.
fn boot(
    company: &Company<Talker>,
    scratch: &Scratch,
    me: u32,
    others: &[(u32, Option<SocketAddr>)],
) -> Arc<Node<Talker>> {
    let others = others.iter().map(|(id, address)| (NodeId(*id), *address)).collect();
    let neighbours = Neighbours { me: NodeId(me), others, accepts_unlisted: false };
    let folder = Folder::open(&scratch.0.join(me.to_string()), Owner {}, &[]).unwrap();
    company.boot(NodeId(me), Talker::default(), folder, Some(neighbours), |()| {})
}

fn say(node: &Node<Talker>, to: u32, number: u64) {
    let numbers = number..number + 1;
    let message = Word::Say { to, numbers, link: Link::Stream };
    assert!(node.input(Input::Message { from: SESSIONS, message }));
}

fn heard(node: &Node<Talker>, from: u32) -> Vec<u64> {
    node.look(|talker| talker.heard_from(from)).unwrap()
}

#[test]
fn a_node_speaks_in_the_same_words_with_whoever_it_is() {
    let scratch = Scratch::new("companies");
    let (here, there) = (server(), server());
    let (listener, address) = here.listen(([127, 0, 0, 1], 0).into()).unwrap();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = asked.clone();
    let service: Called<Talker> = Box::new(move |from, message| {
        assert!(from.upgrade().is_some(), "it may be answered");
        seen.lock().unwrap().push(message);
    });
    let company = Arc::new(Company::new(&here, [(NodeId(9), service)].into()));
    let one = boot(&company, &scratch, 1, &[(3, None)]);
    let two = boot(&company, &scratch, 2, &[(3, None)]);
    let at_work = company.clone();
    here.runtime.spawn(async move { at_work.accept(listener, std::future::pending::<()>()).await });
    let elsewhere = Company::new(&there, Default::default());
    let three = boot(&elsewhere, &scratch, 3, &[(1, Some(address)), (2, Some(address))]);

    say(&one, 2, 12);
    say(&one, 9, 19);
    until!(heard(&two, 1) == [12]);
    until!(*asked.lock().unwrap() == [Word::Number(19)]);
    say(&three, 1, 31);
    say(&three, 2, 32);
    until!(heard(&one, 3) == [31] && heard(&two, 3) == [32]);
    say(&one, 3, 13);
    say(&two, 3, 23);
    until!(heard(&three, 1) == [13] && heard(&three, 2) == [23]);
    assert!(company.has(NodeId(2)) && !company.has(NodeId(3)) && !company.has(NodeId(9)));
    for node in [one, two, three] {
        node.stop();
    }
    here.runtime.shutdown_background();
    there.runtime.shutdown_background();
}
