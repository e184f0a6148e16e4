//! The real server: brokers with Kafka's protocol in front of them, and controllers, all of a cluster in one process
//! or those of one.
//!
//! The law: nothing in here decides. A frame becomes an [`Ask`](replicated_log::ask::Ask), the broker's answer becomes a frame,
//! and what a machine wants done is done by `host`. The same machines, with the same mechanisms on, are what the
//! scenarios judge.
//!
//! They listen on loopback unless the user insists, because they ask nobody who they are.

mod metrics;
mod moves;
mod owner;
mod standing;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use host::framed::{self, Refusal};
use host::{
    Access, Addresses, Company, Door, Neighbours, NoAnswer, Node, Places, ServeError, Server,
    Session, SharedFolder, Stopping, Visitor,
};
use machine::{Inspection, Machine, NodeId, Switches};
use tokio::net::TcpListener;
use tokio::time::sleep;

use crate::wire::{Head, Kafka, Reply, Request};
use metrics::LogMetrics;
use owner::FolderOwner;
use replicated_log::broker::{Broker, BrokerConfig};
use replicated_log::controller::Controller;
use replicated_log::message::{Message, ReplicatedLog};
use replicated_log::tuning::Tuning;
use replicated_log::words::Name;

/// The numbers of processes. A controller has that of its process.
pub(crate) const PROCESSES: RangeInclusive<u32> = 1..=99;
/// And a broker this much more: whoever comes later dials, and that is a broker.
const BROKERS: u32 = 100;

/// A process of a cluster: a broker, and perhaps a controller.
#[derive(Clone, Debug)]
pub struct Process {
    /// Its number, in [`PROCESSES`].
    pub id: u32,
    /// Where its broker listens for clients.
    pub clients: SocketAddr,
    /// Where its nodes listen for those of other processes, if there are any.
    pub nodes: Option<SocketAddr>,
    /// Does it have a controller?
    pub has_controller: bool,
    /// Where it is.
    pub rack: Option<Name>,
}

/// A cluster, and which of its processes this one is.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// All of them.
    pub processes: Vec<Process>,
    /// The one that this is; none where it is all of them.
    pub here: Option<u32>,
    /// The data folder, made where there is none.
    pub data: PathBuf,
    /// Nodes, by the names of their folders, that are gone and begin anew.
    pub replace: Vec<String>,
    /// Times and sizes.
    pub tuning: Tuning,
    /// Who may reach it, and where to show what is counted.
    pub access: Access,
}

sim::nodes! {
    /// A node of a real cluster.
    pub(crate) enum Member: ReplicatedLog {
        Broker(Broker),
        Controller(Controller),
    }
}

/// Longer than any question may wait.
const PATIENCE: Duration = Duration::from_secs(330);
/// Kafka's clients keep a connection to each broker, and most of them are idle for long.
const MOST_CONNECTIONS: u64 = 16_384;
/// While a broker is not registered.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Serves until it is told to stop, by SIGINT or SIGTERM. `ready` is called once, with the address of the first
/// broker here, when all brokers here are registered.
///
/// # Errors
/// If it could not start, or if a node found that it cannot keep its promises.
pub fn serve(mut config: ServeConfig, ready: impl FnOnce(Addresses)) -> Result<(), ServeError> {
    let mut server = Server::open(config.access)?;
    let is_here = |id| config.here.is_none_or(|here| here == id);
    let (mut doors, mut links) = (Vec::new(), None);
    for process in config.processes.iter_mut().filter(|process| is_here(process.id)) {
        let (listener, address) = server.listen(process.clients)?;
        process.clients = address;
        doors.push((process.id, listener));
        if let Some(nodes) = process.nodes {
            links = Some(server.listen(nodes)?);
        }
    }
    let whole = SharedFolder::open::<FolderOwner>(&config.data, &[], &config.replace)?;
    let company = Arc::new(Company::new(&server, BTreeMap::new()));
    let mut brokers = Vec::new();
    for (id, listener) in doors {
        let Some(process) = config.processes.iter().find(|process| process.id == id) else {
            continue;
        };
        if process.has_controller {
            boot(&config, &company, &whole, &server, (process, Kind::Controller))?;
        }
        let broker = boot(&config, &company, &whole, &server, (process, Kind::Broker))?;
        brokers.push((broker, listener));
    }
    if let Some((broker, _)) = brokers.first() {
        server.extension.routes = moves::routes(broker);
    }
    let here: Vec<_> = brokers.iter().map(|(broker, _)| broker.clone()).collect();
    server.extension.numbers = Some(Arc::new(move || standing::numbers(&here)));
    let clients = config.processes.iter().find(|process| is_here(process.id));
    let listens = Addresses {
        clients: clients.map(|process| process.clients),
        nodes: links.as_ref().map(|(_, address)| *address),
        ..server.addresses()
    };
    let work = |Stopping { asked, stopped }| async move {
        let linked = async {
            match links {
                Some((listener, _)) => company.accept(listener, stopped.clone()).await,
                None => stopped.clone().await,
            }
        };
        let served = async {
            let registered = join_all(brokers.iter().map(|(broker, _)| registered(broker)));
            tokio::select! {
                _ = registered => ready(listens),
                _ = asked.clone() => {}
            }
            // A leader hands over first: until then it answers.
            let stop = stopped.clone().shared();
            let door = Door { places: Places::new(most_connections()), ..Door::default() };
            let doors = brokers.into_iter().map(|(broker, listener)| {
                serve_clients(broker, listener, door.clone(), stop.clone())
            });
            join_all(doors).await
        };
        tokio::join!(linked, served).0
    };
    let booted = |shown: &Inspection| shown.role != "booting";
    let served = server.run(booted, || (), work);
    served.map_err(|why| ServeError::Halted(format!("a node stopped: {why}")))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Controller,
    Broker,
}

impl Kind {
    fn node(self, process: u32) -> NodeId {
        match self {
            Kind::Controller => NodeId(process),
            Kind::Broker => NodeId(BROKERS + process),
        }
    }
}

/// Boots a node of a process that is here.
fn boot(
    config: &ServeConfig,
    company: &Company<Member>,
    whole: &SharedFolder,
    server: &Server<Member>,
    (process, kind): (&Process, Kind),
) -> Result<Arc<Node<Member>>, ServeError> {
    let id = kind.node(process.id);
    let with_controllers = config.processes.iter().filter(|process| process.has_controller);
    let controllers = with_controllers.map(|process| Kind::Controller.node(process.id)).collect();
    let tuning = config.tuning;
    let (name, machine) = match kind {
        Kind::Controller => {
            let controller = Controller::new(id, controllers, tuning, Switches::ALL_ON);
            (format!("controller-{}", process.id), Member::Controller(controller))
        }
        Kind::Broker => {
            let addresses = Some((process.clients, process.nodes.unwrap_or(process.clients)));
            let rack = process.rack.clone();
            let config = BrokerConfig { controllers, rack, addresses, tuning };
            let broker = Broker::new(id, config, Switches::ALL_ON);
            (format!("broker-{}", process.id), Member::Broker(broker))
        }
    };
    let folder = whole.part(&name, FolderOwner::new(kind, process.id), &machine.first_files())?;
    let neighbours = config.here.map(|here| neighbours(config, here, id));
    let metrics = LogMetrics::new(&server.metrics);
    Ok(company.boot(id, machine, folder, neighbours, move |note| metrics.noted(&note)))
}

/// The nodes of all other processes: each speaks with each.
fn neighbours(config: &ServeConfig, here: u32, me: NodeId) -> Neighbours {
    let others = config.processes.iter().filter(|process| process.id != here);
    let others = others.flat_map(|process| {
        let controller = process.has_controller.then(|| Kind::Controller.node(process.id));
        let nodes = controller.into_iter().chain([Kind::Broker.node(process.id)]);
        nodes.map(|node| (node, process.nodes))
    });
    Neighbours { me, others: others.collect(), accepts_unlisted: false }
}

/// Waits until the controllers know of this broker, and it of the others.
async fn registered(broker: &Arc<Node<Member>>) {
    while broker.inspect().is_none_or(|shown| !shown.is_ready()) {
        sleep(LOOK_AGAIN).await;
    }
}

/// As many as there may be, and three eighths of the files that the system allows this process: half are for its data
/// (`host`), and the rest for links and the admin address.
fn most_connections() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.map_or(MOST_CONNECTIONS, |limit| MOST_CONNECTIONS.min(limit / 8 * 3)).max(16) as usize
}

/// Answers clients of a broker, until it ends. The brokers of a process share what a door may have.
async fn serve_clients<T>(
    broker: Arc<Node<Member>>,
    listener: TcpListener,
    door: Door,
    stop: impl Future<Output = T>,
) {
    let answer = move |visitor: Visitor, mut request: Request| {
        let broker = broker.clone();
        request.comes_from(visitor.address.ip());
        async move {
            match request {
                Request::Known(bytes) => Ok(Some(Reply::Known(bytes))),
                Request::Ask(head, ask) => {
                    let session = Session::of(&visitor, &broker);
                    let asked = session.ask_once(PATIENCE, |token| Message::Ask { token, ask });
                    reply(head, asked.await)
                }
            }
        }
    };
    framed::serve(listener, &door, Arc::new(Kafka), answer, stop).await;
}

/// What a client is told.
///
/// # Errors
/// If the broker has stopped, or does not know the question any more: the client would take the next answer for this.
fn reply(head: Head, asked: Result<Message, NoAnswer>) -> Result<Option<Reply>, Refusal> {
    match asked {
        Ok(Message::Answer { answer, .. }) => {
            Ok(head.wants_answer().then_some(Reply::Answer(head, answer)))
        }
        _ => Err(Refusal::default()),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use host::framed::Framed;
    use replicated_log::ask::Answer;

    use super::*;

    #[test]
    fn a_question_without_an_answer_ends_its_connection() {
        // A heartbeat: its length, key and version, correlation, no client; a group, a generation, a member.
        let frame = b"\0\0\0\x13\0\x0c\0\0\0\0\0\x07\xff\xff\0\x01g\0\0\0\x01\0\0";
        let head = || match Kafka.decode(Bytes::from_static(frame)) {
            Ok(Request::Ask(head, _)) => head,
            other => panic!("{other:?}"),
        };
        let answer = Box::new(Answer::Beat(Ok(())));
        let answered = reply(head(), Ok(Message::Answer { token: 1, answer }));
        assert!(matches!(answered, Ok(Some(Reply::Answer(..)))));
        for why in [NoAnswer::Late, NoAnswer::Stopped] {
            assert!(reply(head(), Err(why)).is_err(), "{why}");
        }
    }
}
