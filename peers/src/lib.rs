//! infralab against its peers, in the same run: what they are measured with.

pub mod ids;
#[path = "../../benches/workload/ping_pong.rs"]
pub mod ping_pong;
pub mod placements;
pub mod rounds;
pub mod simcore_ping_pong;
