//! What the servers of the fleet do, by hand and under load.

mod overload;
mod servers;
