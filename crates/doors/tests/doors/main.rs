//! Doors and the client, held to what they promise to whoever comes.

mod client;
mod visitors;
