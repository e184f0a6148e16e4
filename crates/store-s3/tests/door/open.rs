//! A door that is open on a port of its own while a test runs.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use host::{Files, Metrics, Node, Outside, wall};
use machine::{DiskId, Link, NodeId};
use object_store::message::{Message, ObjectStore};
use object_store::tuning::Tuning;
use store_s3::server::{Front, KeyPairs};
use tokio::net::TcpListener;

use crate::client::{Answer, KEY, OTHERS, Request};
use crate::fake::Fake;

pub(crate) struct Open {
    pub(crate) address: SocketAddr,
    pub(crate) gateway: Arc<Node<Fake>>,
}

struct Nobody;
impl Outside<ObjectStore> for Nobody {
    fn deliver(&self, to: NodeId, message: Message, _: Link) {
        panic!("{message:?} to {to:?}: there are only sessions");
    }
}

/// Does this at a door behind which there is this.
pub(crate) fn at_a_door<W: Future<Output = ()>>(tuning: Tuning, work: impl FnOnce(Arc<Open>) -> W) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let metrics = Metrics::default();
        let files = Files::new(Path::new(".").to_owned(), &metrics);
        let gateway = Node::start(Fake::new(tuning), files, DiskId(1), Arc::new(Nobody), &metrics);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let pairs = format!("anna {} {}\nbert {} {}", KEY.0, KEY.1, OTHERS.0, OTHERS.1);
        let keys = Arc::new(KeyPairs::parse(&pairs).unwrap());
        let front = Front::new(vec![gateway.clone()], keys, tuning).unwrap();
        let serving = tokio::spawn(front.serve(listener, std::future::pending::<()>()));
        let open = Arc::new(Open { address, gateway });
        work(open.clone()).await;
        serving.abort();
        open.gateway.stop();
    });
}

impl Open {
    /// Sends it, signed by anna.
    pub(crate) async fn ask(&self, request: Request) -> Answer {
        request.signed(KEY, &now()).send(self.address).await
    }

    /// As [`Open::ask`]; it is done.
    pub(crate) async fn done(&self, request: Request) -> Answer {
        let answer = self.ask(request.clone()).await;
        assert!((200..300).contains(&answer.status), "{request:?}: {answer:?} {}", answer.text());
        answer
    }

    pub(crate) fn look<T>(&self, at: impl FnOnce(&Fake) -> T) -> T {
        self.gateway.look(at).unwrap()
    }
}

pub(crate) fn get(path: &str) -> Request {
    Request::new("GET", path)
}

pub(crate) fn put(path: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::new("PUT", path).body(body)
}

/// The time as signatures write it.
pub(crate) fn now() -> String {
    seconds_ago(0)
}

pub(crate) fn seconds_ago(seconds: i64) -> String {
    let now = i64::try_from(wall().0 / 1_000_000_000).unwrap();
    let then = jiff::Timestamp::from_second(now - seconds).unwrap();
    then.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// So many bytes, none like its neighbour.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| ((at * 31) >> 2) as u8).collect()
}
