//! The real world: the machines of the lab on sockets, files and this computer's clocks.
#![doc = include_str!("../README.md")]

mod admin;
mod cluster;
mod codec;
mod company;
mod disk;
mod entrances;
mod files;
mod folder;
mod inbox;
mod links;
mod local;
mod metrics;
mod node;
mod numbers;
mod options;
mod running;
pub mod secret;
mod server;
mod service;
mod session;
mod shutdown;
mod timers;

pub use admin::{AdminExtension, admin};
pub use cluster::{Addresses, Cluster, ClusterError, Member};
pub use codec::Codec;
pub use company::{Called, Company};
// The doors stand in a crate of their own. Who serves a machine needs both.
pub use doors::{
    Budget, Client, Door, Exposure, FetchError, FetchLimits, ListenError, Places, Taken, Visitor,
    framed, http, listen,
};
pub use entrances::Listening;
pub use files::Files;
pub use folder::{FirstFile, Folder, FolderError, FolderOwner, SharedFolder};
pub use links::{Links, Neighbours};
pub use local::LocalNodes;
pub use machine::codec::{Encoder, Malformed};
pub use metrics::{Count, Metrics};
pub use node::{Node, Outside, wall};
pub use numbers::{UNLISTED, unlisted};
pub use options::{Access, BadOption, Options, Place, Seat, ServerConfig, address, number};
pub use running::RunningNodes;
pub use server::{ServeError, Server, Stop, Stopping, runtime};
pub use service::{Service, ServiceLimits};
pub use session::{Answers, NoAnswer, SESSIONS, Session};
