//! The cluster file: who is who, where, in one form for every system.
//!
//! ```toml
//! system = "snowflake"
//!
//! [[node]]
//! id = 0                                   # of two nodes the higher one dials the other
//! zone = "a"                               # what is lost together
//! spare = false                            # true: no member before the others take it in
//! data = "data/n0"                         # seen from where this file is
//! addresses = { nodes = "127.0.0.1:7410" } # where nodes dial; also `clients` and `admin`
//! ```
//!
//! The law: what is not understood is refused, so that no line is written in vain; no two nodes share
//! a number, an address or a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use machine::NodeId;
use serde::Deserialize;

use crate::links::Neighbours;
use crate::numbers::MEMBERS;

/// A longer file is not a cluster's.
const LONGEST: u64 = 1 << 20;

/// The nodes of a cluster.
#[derive(Clone, Debug)]
pub struct Cluster {
    path: PathBuf,
    members: BTreeMap<NodeId, Member>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Its number.
    pub id: u32,
    /// What is lost together with it.
    #[serde(default)]
    pub zone: String,
    /// Is it no member before the others take it in?
    #[serde(default)]
    pub spare: bool,
    /// Its data folder.
    pub data: PathBuf,
    /// Where it listens.
    #[serde(default)]
    pub addresses: Addresses,
}

/// Where a node listens, for whom. A system says which of them it needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Addresses {
    /// For nodes with higher numbers.
    pub nodes: Option<SocketAddr>,
    /// For clients.
    pub clients: Option<SocketAddr>,
    /// For whoever watches over it.
    pub admin: Option<SocketAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    system: String,
    node: Vec<Member>,
}

impl Cluster {
    /// Reads the file of this system's cluster.
    ///
    /// # Errors
    /// If it cannot be read or is not such a file.
    pub fn read(path: &Path, system: &str) -> Result<Cluster, ClusterError> {
        let wrong = |what| ClusterError { path: path.to_owned(), what };
        let text = read(path).map_err(|error| wrong(Wrong::Unreadable(error)))?;
        Cluster::parse(&text, path, system)
    }

    /// As if this text were in a file there.
    ///
    /// # Errors
    /// If it is not a cluster file of this system.
    pub fn parse(text: &str, path: &Path, system: &str) -> Result<Cluster, ClusterError> {
        let wrong = |what| ClusterError { path: path.to_owned(), what };
        let file: File = toml::from_str(text)
            .map_err(|error| wrong(Wrong::Malformed(error.to_string().trim_end().to_owned())))?;
        if file.system != system {
            return Err(wrong(Wrong::OtherSystem { theirs: file.system, ours: system.to_owned() }));
        }
        let around = path.parent().unwrap_or(Path::new(""));
        let members = members(file.node, around).map_err(|why| wrong(Wrong::Malformed(why)))?;
        Ok(Cluster { path: path.to_owned(), members })
    }

    /// The node of this number.
    ///
    /// # Errors
    /// If there is none.
    pub fn member(&self, id: NodeId) -> Result<&Member, ClusterError> {
        self.members.get(&id).ok_or_else(|| self.lacks(format!("has no node {}", id.0)))
    }

    /// An address that the system needs.
    ///
    /// # Errors
    /// If the file does not give it.
    pub fn address(
        &self,
        id: NodeId,
        name: &'static str,
        which: impl Fn(&Addresses) -> Option<SocketAddr>,
    ) -> Result<SocketAddr, ClusterError> {
        let address = which(&self.member(id)?.addresses);
        address.ok_or_else(|| self.lacks(format!("gives node {} no address for {name}", id.0)))
    }

    /// All nodes, in order of number.
    pub fn members(&self) -> impl Iterator<Item = (NodeId, &Member)> {
        self.members.iter().map(|(id, member)| (*id, member))
    }

    /// Everybody, as this node sees them.
    pub fn neighbours(&self, me: NodeId) -> Neighbours {
        let others = self.members.iter().filter(|(id, _)| **id != me);
        let others = others.map(|(&id, member)| (id, member.addresses.nodes)).collect();
        Neighbours { me, others, accepts_unlisted: false }
    }

    fn lacks(&self, what: String) -> ClusterError {
        ClusterError { path: self.path.clone(), what: Wrong::Lacks(what) }
    }
}

/// Why a cluster file cannot be used. Nothing was started.
#[derive(Debug)]
pub struct ClusterError {
    path: PathBuf,
    what: Wrong,
}

#[derive(Debug)]
enum Wrong {
    /// It is not there, or longer than such a file may be.
    Unreadable(io::Error),
    /// It says what cannot be, or what is not understood.
    Malformed(String),
    /// It is another system's.
    OtherSystem { theirs: String, ours: String },
    /// It does not say what is needed.
    Lacks(String),
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the cluster file {} ", self.path.display())?;
        match &self.what {
            Wrong::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Wrong::Malformed(why) => write!(f, "cannot be used: {why}"),
            Wrong::OtherSystem { theirs, ours } => {
                write!(f, "is one of {theirs:?}; this is {ours}")
            }
            Wrong::Lacks(what) => write!(f, "{what}; add it, or name another node"),
        }
    }
}

impl std::error::Error for ClusterError {}

fn read(path: &Path) -> io::Result<String> {
    #[expect(clippy::disallowed_types, reason = "this is where a cluster file is read")]
    let file = std::fs::File::open(path)?;
    let mut text = String::new();
    if file.take(LONGEST + 1).read_to_string(&mut text)? as u64 > LONGEST {
        return Err(io::Error::other(format!("it is longer than {LONGEST} bytes")));
    }
    Ok(text)
}

/// The list as a map, once nothing in it is there twice.
fn members(list: Vec<Member>, around: &Path) -> Result<BTreeMap<NodeId, Member>, String> {
    let (mut members, mut addresses, mut folders) =
        (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for mut member in list {
        let id = member.id;
        if !MEMBERS.contains(&id) {
            return Err(format!("node {id}: numbers are below {}", MEMBERS.end));
        }
        let Addresses { nodes, clients, admin } = member.addresses;
        for address in [nodes, clients, admin].into_iter().flatten() {
            if address.port() == 0 {
                return Err(format!("node {id}: {address} has no port that others could know"));
            }
            if !addresses.insert(address) {
                return Err(format!("node {id}: {address} is given twice"));
            }
        }
        if member.data.as_os_str().is_empty() {
            return Err(format!("node {id} has no data folder"));
        }
        member.data = around.join(&member.data);
        if !folders.insert(member.data.clone()) {
            return Err(format!("node {id}: the folder {} is given twice", member.data.display()));
        }
        if members.insert(NodeId(id), member).is_some() {
            return Err(format!("node {id} is there twice"));
        }
    }
    if members.is_empty() { Err("it has no [[node]]".to_owned()) } else { Ok(members) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const THREE: &str = r#"
        system = "snowflake"
        [[node]]
        id = 0
        zone = "a"
        data = "data/n0"
        addresses = { nodes = "127.0.0.1:7410", admin = "127.0.0.1:7420" }
        [[node]]
        id = 7
        zone = "b"
        data = "/srv/n7"
        addresses = { clients = "[::1]:7411" }
        [[node]]
        id = 8
        data = "n8"
    "#;

    fn parse(text: &str) -> Result<Cluster, String> {
        Cluster::parse(text, "lab/cluster.toml".as_ref(), "snowflake")
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_says_who_is_who_and_where() {
        // An editor may have put the mark of UTF-8 before it.
        let cluster = parse(&format!("\u{FEFF}{THREE}")).unwrap();
        let first = cluster.member(NodeId(0)).unwrap();
        assert_eq!((first.zone.as_str(), first.data.as_path()), ("a", Path::new("lab/data/n0")));
        assert_eq!(cluster.member(NodeId(7)).unwrap().data, Path::new("/srv/n7"));
        let address = cluster.address(NodeId(7), "clients", |addresses| addresses.clients);
        assert_eq!(address.unwrap().to_string(), "[::1]:7411");
        let seven = cluster.neighbours(NodeId(7));
        let others: Vec<_> = seven.others.iter().map(|(id, at)| (id.0, at.is_some())).collect();
        assert_eq!((seven.me, others), (NodeId(7), vec![(0, true), (8, false)]));
    }

    #[test]
    fn what_it_does_not_say_is_a_sentence() {
        let cluster = parse(THREE).unwrap();
        let none = cluster.member(NodeId(5)).unwrap_err().to_string();
        assert!(none.starts_with("the cluster file lab/cluster.toml has no node 5"), "{none}");
        let none = cluster.address(NodeId(8), "nodes", |addresses| addresses.nodes);
        assert!(none.unwrap_err().to_string().contains("node 8 no address for nodes"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let node = |rest: &str| format!("system = \"snowflake\"\n[[node]]\nid = 1\n{rest}");
        let twice = THREE.replace("id = 8", "id = 7");
        let shared = THREE.replace("\"n8\"", "\"data/n0\"");
        let same_port = THREE.replace("[::1]:7411", "127.0.0.1:7410");
        let no_port = THREE.replace("[::1]:7411", "[::1]:0");
        let typo = THREE.replace("clients", "client");
        for (text, words) in [
            ("", "missing field `system`"),
            ("system = \"snowflake\"\nnode = []", "has no [[node]]"),
            ("system = \"raft\"\nnode = []", "is one of \"raft\"; this is snowflake"),
            (&node(""), "missing field `data`"),
            (&node("data = \"\""), "no data folder"),
            (&node("data = \"x\"\nrack = 3"), "unknown field `rack`"),
            (&node("data = \"x\"\nid = 2"), "duplicate key"),
            (&node("data = \"x\"\naddresses = { nodes = \"here\" }"), "invalid socket address"),
            (&THREE.replace("id = 8", "id = 1073741824"), "below 1073741824"),
            (&THREE.replace("id = 8", "id = -1"), "-1"),
            (&twice, "node 7 is there twice"),
            (&shared, "given twice"),
            (&same_port, "127.0.0.1:7410 is given twice"),
            (&no_port, "has no port"),
            (&typo, "unknown field `client`"),
        ] {
            let why = parse(text).unwrap_err();
            assert!(why.contains(words), "{words:?} is not in {why:?}");
        }
    }

    proptest! {
        #[test]
        fn a_changed_file_is_a_file_or_a_sentence(at in any::<prop::sample::Index>(), to: char) {
            let mut text: Vec<char> = THREE.chars().collect();
            let at = at.index(text.len());
            text[at] = to;
            let text: String = text.into_iter().collect();
            if let Err(why) = parse(&text) {
                prop_assert!(why.starts_with("the cluster file lab/cluster.toml "));
            }
        }
    }
}
