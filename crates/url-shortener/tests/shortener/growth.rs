//! Shards join, one after the other: what moves, what stays, and what is seen of it meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use machine::NodeId;
use sim::Script;
use url_shortener::{Answer, Ask, Call, Cursor, Edit, Limits, MAX_SHARDS, RANGE, Range, Reply};

use crate::service::{INSTANCES, MS, SHARDS, Service, create, key, leads_to, visit};

/// Small, so that segments are sealed and compacted.
const LIMITS: Limits = Limits { segment: 4_096 };

/// A service of so many founders, with so many links.
fn with_links(founders: u32, links: usize) -> (Service, BTreeSet<String>) {
    let mut service = Service::founded_by(founders, LIMITS);
    let made: BTreeSet<_> = (0..links).map(|number| format!("link-{number}")).collect();
    for alias in &made {
        service.send(INSTANCES[0], create(Some(alias), &format!("https://{alias}.org/")));
    }
    service.world.run_for(MS(1_000));
    (service, made)
}

/// What a shard shows of its own.
fn links_of(service: &mut Service, shard: NodeId, limit: u32) -> (BTreeSet<String>, Option<u64>) {
    match service.call(shard, Call::Scan { after: None, limit, search: None }) {
        (_, Reply::Page { links, next }) => {
            (links.into_iter().map(|(key, _)| key.code.to_string()).collect(), next)
        }
        other => panic!("{other:?} is no page"),
    }
}

/// A page, and where to go on.
fn page(
    service: &mut Service,
    instance: NodeId,
    after: Option<Cursor>,
) -> (Vec<String>, Option<Cursor>) {
    for _ in 0..10 {
        let token =
            service.send(instance, Ask::List { after: after.clone(), limit: 7, search: None });
        // Longer than an instance waits for a shard; and how long it takes depends on when it is asked.
        let asked = service.world.now();
        while !service.has_answer(token) && service.world.now().since(asked) < MS(400) {
            assert!(service.world.step(), "nothing happens any more");
        }
        match service.answer(token) {
            Answer::Page { links, next } => {
                return (links.into_iter().map(|(key, _)| key.code.to_string()).collect(), next);
            }
            Answer::Unavailable(_) => {}
            other => panic!("{other:?} is no page"),
        }
    }
    panic!("no page after ten attempts")
}

fn phase(service: &Service, shard: NodeId) -> String {
    service.world.inspect(shard).map(|shown| shown.state).unwrap_or_default()
}

/// Is it on a ring of so many, of which no change is going on?
fn settled(service: &Service, shard: NodeId, shards: usize) -> bool {
    phase(service, shard).ends_with(&format!("of {shards} shards: settled"))
}

/// Runs until a shard is so far.
fn until(service: &mut Service, shard: NodeId, so_far: &str) {
    for _ in 0..100_000 {
        if phase(service, shard).ends_with(so_far) {
            return;
        }
        service.world.step();
    }
    panic!("{shard:?} is never {so_far}: {}", phase(service, shard));
}

#[test]
fn each_shard_that_joins_takes_its_share_and_nothing_else_moves() {
    let (mut service, made) = with_links(1, 300);
    let mut before: Vec<_> = vec![links_of(&mut service, SHARDS[0], 1_000).0];
    for (place, joins) in (1..).zip(&SHARDS[1..]) {
        assert_eq!(service.call(*joins, Call::Join), (0, Reply::Agreed));
        service.world.run_for(MS(1_000));
        let after: Vec<_> =
            SHARDS[..=place].iter().map(|shard| links_of(&mut service, *shard, 1_000).0).collect();
        assert_eq!(after.iter().map(BTreeSet::len).sum::<usize>(), 300, "each is on one shard");
        assert_eq!(after.iter().flatten().cloned().collect::<BTreeSet<_>>(), made);
        let stays = |(before, after): (&BTreeSet<_>, &BTreeSet<_>)| after.is_subset(before);
        assert!(before.iter().zip(&after).all(stays), "a link moved between two old shards");
        let share = 300 / (place + 1);
        assert!((share * 2 / 3..share * 4 / 3).contains(&after[place].len()));
        for (shard, links) in SHARDS.iter().zip(&after) {
            let others = service.shard(*shard).entries() - links.len();
            // The counter of leases, and what it knows of the ring.
            assert!(others <= 2, "{shard:?} has {others} keys that are no links of its own");
            assert!(settled(&service, *shard, place + 1));
        }
        before = after;
    }
    for (place, shard) in (0..).zip(SHARDS) {
        let (_, Reply::Leased(Range { first, .. })) = service.call(shard, Call::LeaseRange) else {
            panic!("no numbers");
        };
        assert_eq!(first / RANGE % u64::from(MAX_SHARDS), place);
    }
    for alias in made {
        for instance in INSTANCES {
            assert_eq!(
                leads_to(service.ask(instance, visit(&alias))),
                format!("https://{alias}.org/")
            );
        }
    }
}

/// Two instances take turns, and the second never learned of a shard from anybody but shards.
#[test]
fn a_list_has_every_link_whenever_a_shard_joins_meanwhile() {
    for starts in (0..120).step_by(2) {
        let (mut service, made) = with_links(2, 60);
        for alias in ["link-3", "link-33", "link-53"] {
            assert_eq!(service.ask(INSTANCES[0], Ask::Delete(key(alias))), Answer::Deleted);
        }
        service.world.slow_disk(SHARDS[1], 100);
        let begins = service.world.now();
        let (mut joins, mut seen, mut after) = (None, BTreeMap::<String, u32>::new(), None);
        for round in 0..1_000 {
            if joins.is_none() && service.world.now().since(begins) >= MS(starts) {
                joins = Some(service.begin(SHARDS[2], Call::Join));
            }
            let (links, next) = page(&mut service, INSTANCES[round % 2], after.take());
            links.into_iter().for_each(|link| *seen.entry(link).or_default() += 1);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert!(after.is_none(), "the list does not come to an end");
        for alias in made {
            let is_gone = ["link-3", "link-33", "link-53"].contains(&&*alias);
            let times = seen.get(&alias).copied().unwrap_or_default();
            assert_eq!(times == 0, is_gone, "{alias} is on {times} pages; joins after {starts} ms");
        }
    }
}

/// A shard that has ceded a link shows its copy to nobody: it may have been changed elsewhere. And the one
/// that joins shows nothing until it has all.
#[test]
fn between_the_fence_and_the_last_copy_nobody_shows_what_may_be_old() {
    let (mut service, made) = with_links(2, 60);
    let before = SHARDS[..2].iter().map(|shard| links_of(&mut service, *shard, 1_000).0);
    let before: Vec<_> = before.collect();
    service.begin(SHARDS[2], Call::Join);
    until(&mut service, SHARDS[1], "ceded");
    let cut = service.world.partition([SHARDS[1].0], [SHARDS[2].0]);
    until(&mut service, SHARDS[0], "ceded");
    service.world.run_for(MS(100));
    let kept: Vec<_> =
        SHARDS[..2].iter().map(|shard| links_of(&mut service, *shard, 1_000).0).collect();
    assert!(kept[0].len() < before[0].len() && kept[1].len() < before[1].len());
    let early = service.begin(SHARDS[2], Call::Scan { after: None, limit: 1_000, search: None });
    let moved = before[0].difference(&kept[0]).next().unwrap();
    let edit = Edit { url: Some("https://new.org/".into()), ..Edit::default() };
    assert_eq!(
        leads_to(service.ask(INSTANCES[0], Ask::Edit(key(moved), edit))),
        "https://new.org/"
    );
    assert!(service.reply(early).is_none(), "it has only a part of its share");
    service.world.end(cut);
    service.world.run_for(MS(1_000));
    let Some((_, Reply::Page { links, .. })) = service.reply(early) else { panic!("no page") };
    assert_eq!(links.len() + kept[0].len() + kept[1].len(), made.len());
    assert_eq!(leads_to(service.ask(INSTANCES[1], visit(moved))), "https://new.org/");
}

#[test]
fn who_is_told_to_join_too_early_waits_and_misleads_nobody() {
    let (mut service, made) = with_links(1, 60);
    for _ in 0..3 {
        assert_eq!(service.call(SHARDS[2], Call::Join), (0, Reply::Agreed));
    }
    service.world.run_for(MS(1_000));
    assert!(settled(&service, SHARDS[0], 1));
    service.begin(SHARDS[1], Call::Join);
    service.world.run_for(MS(2_000));
    for shard in SHARDS {
        assert!(settled(&service, shard, 3));
    }
    for alias in made {
        leads_to(service.ask(INSTANCES[1], visit(&alias)));
    }
}

/// Full disks hold a change of the ring up, and are not asked again and again without a pause.
#[test]
fn a_change_of_the_ring_waits_for_space() {
    for (full, at) in [
        (SHARDS[1], "joining"),
        (SHARDS[0], "donating"),
        (SHARDS[0], "cleaning"),
        (SHARDS[1], "cleaning"),
    ] {
        let (mut service, _) = with_links(1, 60);
        service.begin(SHARDS[1], Call::Join);
        let watched = if at == "joining" { SHARDS[1] } else { SHARDS[0] };
        until(&mut service, watched, at);
        let fault = service.world.full_disk(full);
        let begun = service.world.events();
        service.world.run_for(MS(1_000));
        let events = service.world.events() - begun;
        assert!(events < 1_000, "{full:?} is full, {at}: {events} events in a second");
        assert!(!SHARDS[..2].iter().all(|shard| settled(&service, *shard, 2)));
        service.world.end(fault);
        service.world.run_for(MS(1_000));
        for shard in &SHARDS[..2] {
            assert!(settled(&service, *shard, 2), "{full:?} was full, {at}");
        }
    }
}

/// A read takes it half a second and more: asked anew all the while, it would never be in time.
#[test]
fn a_donor_that_is_slow_is_waited_for() {
    let (mut service, _) = with_links(1, 60);
    let slow = service.world.slow_disk(SHARDS[0], 20_000);
    service.begin(SHARDS[1], Call::Join);
    service.world.run_for(MS(300_000));
    assert!(!phase(&service, SHARDS[0]).ends_with("donating"), "{}", phase(&service, SHARDS[0]));
    service.world.end(slow);
    service.world.run_for(MS(1_000));
    assert!(settled(&service, SHARDS[1], 2));
}
