use peers::ping_pong::{PingPong, SIZES, play, DELIVERIES};
use sim::register;
fn main() {
    let what = std::env::args().nth(1).unwrap();
    let n: usize = std::env::args().nth(2).unwrap().parse().unwrap();
    let mut d = 0;
    if what == "ours" { let room = register::<PingPong>(); for _ in 0..n { d += play(&*room, SIZES[2].1, 1); } }
    else { for _ in 0..n { d += peers::simcore_ping_pong::play(100, DELIVERIES, 1); } }
    println!("{d}");
}
