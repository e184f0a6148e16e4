use resilience::Generations;

#[test]
fn it_stays_small_and_keeps_what_is_used() {
    let mut map = Generations::new(10);
    map.insert(0, "used");
    map.insert(1, "not used");
    for key in 2..1_000 {
        map.insert(key, "new");
        assert!(map.len() <= 20);
        assert_eq!(map.get(&0), Some(&mut "used"));
    }
    assert_eq!(map.get(&1), None);
    assert!((990..1_000).all(|key| map.get(&key).is_some()), "the last ten are there");
}

#[test]
fn the_newest_is_found_and_what_is_removed_is_gone() {
    let mut map = Generations::new(2);
    (0..4).for_each(|key| map.insert(key, "old"));
    map.insert(0, "new");
    assert_eq!(map.get(&0), Some(&mut "new"));
    map.remove(&0);
    assert_eq!(map.get(&0), None, "the old one does not come back");
}
