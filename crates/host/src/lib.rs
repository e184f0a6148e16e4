//! The real world: the machines of the lab on sockets, files and this computer's clocks.
#![doc = include_str!("../README.md")]

mod accept;
mod admin;
mod budget;
mod cluster;
mod codec;
mod disk;
mod files;
mod folder;
pub mod http;
mod inbox;
mod links;
mod listen;
mod local;
mod metrics;
mod node;
mod numbers;
mod options;
mod pending;
mod running;
pub mod secret;
mod server;
mod shutdown;
mod threads;
mod timers;

pub use accept::{Activity, Places};
pub use admin::admin;
pub use budget::{Budget, Taken};
pub use cluster::{Addresses, Cluster, ClusterError, Member};
pub use codec::Codec;
pub use files::{DiskFailure, DiskOutcome, Files};
pub use folder::{FirstFile, Folder, FolderError, FolderOwner, SharedFolder};
pub use links::{Links, Neighbours, PEER_TIMEOUT};
pub use listen::{Exposure, ListenError, listen};
pub use local::LocalNodes;
pub use machine::codec::{Encoder, Malformed};
pub use metrics::{Count, Metrics};
pub use node::{FRONT_END, Node, Outside};
pub use numbers::{MEMBERS, UNLISTED};
pub use options::{Access, BadOption, Options, address, number};
pub use pending::{Asked, PendingRequest, PendingRequests};
pub use running::RunningNodes;
pub use server::{ServeError, Server, Stop, runtime};
pub use shutdown::asked_to_stop;
pub use threads::on_each_thread;
