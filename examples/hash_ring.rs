//! hash-ring in a program of yours: keys on nodes, copies in different zones, a node that is lost, and
//! a hot key.
//! Run: cargo run --example hash_ring

use hash_ring::{BoundedRing, Maglev, Node, Nodes, Placement, Ring};

const FLEET: &str = "
ams-1 1 ams
ams-2 1 ams
fra-1 2 fra     # no remark can stand here, so this line is refused
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A list of nodes is text, checked when it is read: name, weight, zone.
    if let Err(why) = Nodes::parse(FLEET) {
        println!("the fleet: {why}");
    }
    let fleet = Nodes::parse("ams-1 1 ams\nams-2 1 ams\nfra-1 2 fra\nfra-2 1 fra\nlon-1 1 lon")?;

    // The node of a key, and two more for its copies: no two of the three in one zone.
    let mut ring = Ring::new(fleet.clone())?;
    let key = ring.hash(b"user:7");
    let names = |ring: &Ring| -> Vec<String> {
        let copies = ring.replicas(key, 3);
        copies.into_iter().map(|node| ring.nodes()[node].name().to_owned()).collect()
    };
    println!("user:7 is on {}", names(&ring).join(", "));

    // A node is lost: its keys move, a sixth of them by its weight, and no other.
    let keys: Vec<u64> = (0..60_000u32).map(|user| ring.hash(&user.to_le_bytes())).collect();
    let before: Vec<_> = keys.iter().map(|key| ring.locate(*key)).collect();
    let lost = ring.nodes().find("ams-2").ok_or("it is in the list")?;
    ring.remove("ams-2")?;
    let after: Vec<_> = keys.iter().map(|key| ring.locate(*key)).collect();
    let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
    assert!(moved.clone().all(|(before, _)| *before == lost), "only its keys move");
    println!(
        "without ams-2, {} of {} keys moved; user:7 is on {}",
        moved.count(),
        keys.len(),
        names(&ring).join(", ")
    );

    // A new one comes in its place, with twice its weight.
    ring.add(Node::new("ams-3")?.with_weight(2.0)?.with_zone("ams")?)?;
    let came = keys.iter().zip(&after).filter(|(key, was)| ring.locate(**key) != **was).count();
    println!("with ams-3, {came} moved to it");

    // Many look-ups, few changes: a table answers in one look.
    let table = Maglev::new(fleet.clone())?;
    println!("the table has {} slots for {} nodes", table.slots().count(), table.nodes().count());

    // A hot key: requests that find their node full walk on.
    let mut bounded = BoundedRing::new(fleet)?;
    let mut requests: Vec<_> = (0..1_000).map(|_| bounded.admit(key)).collect();
    requests.sort_unstable();
    for of_one in requests.chunk_by(|a, b| a == b) {
        let name = bounded.nodes()[of_one[0]].name();
        println!("{name} has {} of 1000 requests for one key", of_one.len());
    }
    // A request that is done makes room.
    bounded.release(requests[0])?;
    Ok(())
}
