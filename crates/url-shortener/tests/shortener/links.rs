//! Instances and shards in a calm world: links are made, followed, changed, listed, and nobody is left
//! without an answer.

use std::collections::BTreeSet;
use std::sync::Arc;

use machine::Switches;
use sim::Script;
use url_shortener::{
    Answer, Ask, Cursor, Edit, Instance, Link, LinkId, Message, NewLink, Permutation, RANGE, Reply,
    Settings,
};

use crate::hand::{CALLER, Hand};
use crate::service::{
    INSTANCES, MS, SECRET, SHARDS, Service, TALLY, code, create, key, leads_to, link, visit,
};

#[test]
fn picked_codes_are_distinct_over_ranges_instances_and_crashes() {
    let mut service = Service::new();
    let mut codes = BTreeSet::new();
    for round in 0..3u64 {
        for instance in INSTANCES {
            let tokens: Vec<_> = (0..RANGE)
                .map(|_| service.send(instance, create(None, "https://a.org/")))
                .collect();
            service.world.run_for(MS(2_000));
            codes.extend(tokens.into_iter().map(|token| code(service.answer(token))));
        }
        assert_eq!(codes.len() as u64, (round + 1) * 2 * RANGE);
        let crash = service.world.crash(INSTANCES[0]);
        service.world.run_for(MS(10));
        service.world.end(crash);
        service.world.run_for(MS(10));
    }
}

#[test]
fn a_link_that_was_imported_under_a_code_to_come_is_not_lost() {
    let mut service = Service::new();
    let permutation = Permutation::new(SECRET);
    let firsts: Vec<_> = (0..3).map(|shard| permutation.code(shard * RANGE).unwrap()).collect();
    for first in &firsts {
        let made = service.make(INSTANCES[0], Some(first), "https://imported.org/");
        assert_eq!(code(made), *first);
    }
    for _ in 0..3 {
        let picked = code(service.make(INSTANCES[1], None, "https://new.org/"));
        assert!(!firsts.contains(&picked));
    }
    for first in firsts {
        let seen = service.ask(INSTANCES[1], visit(&first));
        assert_eq!(leads_to(seen), "https://imported.org/");
    }
}

#[test]
fn an_owner_sees_his_change_at_once_and_others_when_their_copy_has_aged() {
    let mut service = Service::new();
    let [here, there] = INSTANCES;
    service.make(here, Some("a"), "https://old.org/");
    for instance in INSTANCES {
        assert_eq!(leads_to(service.ask(instance, visit("a"))), "https://old.org/");
    }
    let edit = Edit { url: Some("https://new.org/".into()), ..Edit::default() };
    assert_eq!(leads_to(service.ask(here, Ask::Edit(key("a"), edit))), "https://new.org/");
    assert_eq!(leads_to(service.ask(here, visit("a"))), "https://new.org/");
    assert_eq!(leads_to(service.ask(there, visit("a"))), "https://old.org/", "from its cache");
    assert_eq!(leads_to(service.ask(there, Ask::Look(key("a")))), "https://new.org/");
    service.world.run_for(MS(500));
    assert_eq!(leads_to(service.ask(there, visit("a"))), "https://new.org/");
    assert_eq!(service.ask(there, Ask::Delete(key("a"))), Answer::Deleted);
    assert_eq!(service.ask(there, visit("a")), Answer::Missing);
    assert_eq!(service.ask(there, Ask::Delete(key("a"))), Answer::Missing);
}

#[test]
fn a_redirect_says_how_long_it_holds_and_whether_the_store_was_asked() {
    let mut service = Service::new();
    let [here, there] = INSTANCES;
    service.make(here, Some("for-good"), "https://a.org/");
    let expires_at = Some(service.world.wall(there) + MS(10_000));
    let link = Link { expires_at, ..link("https://b.org/") };
    let (alias, domain) = (Some("for-a-while".into()), "".into());
    service.ask(here, Ask::Create(NewLink { alias, domain, link, made_at: None }));
    let mut follow = |code| match service.ask(there, visit(code)) {
        Answer::Redirect { expires_in, from_cache, .. } => (expires_in, from_cache),
        other => panic!("{other:?} leads nowhere"),
    };
    assert_eq!(follow("for-good"), (None, false));
    assert_eq!(follow("for-good"), (None, true));
    let (first, from_cache) = follow("for-a-while");
    let (then, from_cache_then) = follow("for-a-while");
    assert!(!from_cache && from_cache_then);
    let (first, then) = (first.unwrap(), then.unwrap());
    // One delay of 0.1 to 0.2 ms is in it or not, and a trip to the store.
    assert!((MS(19)..MS(21)).contains(&(first - then)), "{first:?}, then {then:?}");
    assert!((MS(9_900)..MS(10_000)).contains(&first), "{first:?}");
}

#[test]
fn pages_go_through_all_shards_and_have_every_link_once() {
    let mut service = Service::new();
    let made: BTreeSet<_> = (0..50).map(|number| format!("link-{number}")).collect();
    for alias in &made {
        service.make(INSTANCES[0], Some(alias), &format!("https://{alias}.org/"));
    }
    let mut pages = |limit, search: Option<&str>| {
        let (mut found, mut after) = (Vec::new(), None::<Cursor>);
        for _ in 0..1_000 {
            let search = search.map(Arc::from);
            let asked = Ask::List { after: after.take(), limit, search };
            let Answer::Page { links, next } = service.ask(INSTANCES[1], asked) else {
                panic!("no page");
            };
            assert!(links.len() <= limit as usize);
            found.extend(links.into_iter().map(|(key, _)| key.code.to_string()));
            after = next;
            if after.is_none() {
                return found;
            }
        }
        panic!("the list does not come to an end");
    };
    for limit in [1, 7, 1_000] {
        let found = pages(limit, None);
        assert_eq!(found.len(), made.len());
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), made);
    }
    assert_eq!(pages(10, Some("LINK-49")), ["link-49"]);
    let nowhere = Ask::List {
        after: Some(Cursor { shards: 9, shard: 3, position: None }),
        limit: 1,
        search: None,
    };
    assert!(matches!(service.ask(INSTANCES[0], nowhere), Answer::Refused(_)));
}

#[test]
fn the_newest_come_first_and_every_link_once() {
    let mut service = Service::new();
    for number in 0..50 {
        service.make(INSTANCES[0], Some(&format!("link-{number}")), "https://a.org/");
        service.world.run_for(MS(2));
    }
    for limit in [3, 7, 1_000] {
        let (mut found, mut below) = (Vec::new(), Vec::new());
        loop {
            let asked = Ask::Newest { below, limit, search: None };
            let Answer::Newest { links, below: next } = service.ask(INSTANCES[1], asked) else {
                panic!("no page");
            };
            assert!(links.is_sorted_by_key(|(_, link)| std::cmp::Reverse(link.created_at)));
            found.extend(links.into_iter().map(|(key, _)| key.code.to_string()));
            match next {
                Some(next) => below = next,
                None => break,
            }
        }
        assert_eq!(found[0], "link-49", "pages of {limit}");
        assert_eq!(found.len(), 50, "pages of {limit}");
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>().len(), 50, "pages of {limit}");
    }
    let search = Some("LINK-7".into());
    let asked = Ask::Newest { below: Vec::new(), limit: 10, search };
    match service.ask(INSTANCES[1], asked) {
        Answer::Newest { links, .. } => assert_eq!(links[0].0, key("link-7")),
        other => panic!("{other:?} is no page"),
    }
    for (below, answers) in [(vec![0, 0, 0], true), (vec![1; 9], false)] {
        let asked = Ask::Newest { below, limit: 10, search: None };
        let nothing = Answer::Newest { links: Vec::new(), below: None };
        assert_eq!(service.ask(INSTANCES[1], asked) == nothing, answers);
    }
}

#[test]
fn who_asks_for_what_a_silent_shard_keeps_is_told_so_and_others_are_served() {
    let mut service = Service::new();
    let aliases: Vec<_> = (0..30).map(|number| format!("link-{number}")).collect();
    for alias in &aliases {
        service.make(INSTANCES[0], Some(alias), "https://a.org/");
    }
    let cut = service.world.partition([SHARDS[0].0], [INSTANCES[1].0]);
    let tokens: Vec<_> =
        aliases.iter().map(|alias| service.send(INSTANCES[1], visit(alias))).collect();
    service.world.run_for(MS(400));
    let answers: Vec<_> = tokens.into_iter().map(|token| service.answer(token)).collect();
    let silent = answers.iter().filter(|answer| matches!(answer, Answer::Unavailable(_))).count();
    assert!((1..30).contains(&silent), "{silent} of 30 links are on the shard that is cut off");
    service.world.end(cut);
    service.world.run_for(MS(100));
    for alias in &aliases {
        assert_eq!(leads_to(service.ask(INSTANCES[1], visit(alias))), "https://a.org/");
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_nothing_is_made() {
    let mut service = Service::new();
    for alias in ["api", "Static", "", "a b", "a/b", &"x".repeat(65)] {
        let made = service.make(INSTANCES[0], Some(alias), "https://a.org/");
        assert!(matches!(made, Answer::Refused(_)), "{alias:?}: {made:?}");
    }
    let long = format!("https://a.org/{}", "x".repeat(8_000));
    assert!(matches!(service.make(INSTANCES[0], Some("a"), &long), Answer::Refused(_)));
    let everything = Ask::List { after: None, limit: 100, search: None };
    let nothing = Answer::Page { links: Vec::new(), next: None };
    assert_eq!(service.ask(INSTANCES[0], everything), nothing);
}

#[test]
fn clicks_are_acknowledged_and_counted() {
    let mut service = Service::new();
    let link = made(&mut service, "a");
    (0..5).for_each(|_| drop(service.ask(INSTANCES[0], visit("a"))));
    service.world.run_for(MS(1_000));
    match service.ask(INSTANCES[0], Ask::Stats(link)) {
        Answer::Stats { stats: Some(stats), acknowledged: 5, .. } => assert_eq!(stats.clicks, 5),
        other => panic!("{other:?}"),
    }
}

fn made(service: &mut Service, alias: &str) -> LinkId {
    match service.make(INSTANCES[0], Some(alias), "https://a.org/") {
        Answer::Link(key, link) => LinkId::of(key, &link),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_alias_that_is_made_again_begins_at_nothing_and_late_clicks_are_not_its_own() {
    let mut service = Service::new();
    let first = made(&mut service, "a");
    // The clicks of one instance come to the tally when the link is another one's already.
    let away = service.world.partition([INSTANCES[1]], [TALLY]);
    for instance in INSTANCES {
        (0..5).for_each(|_| drop(service.ask(instance, visit("a"))));
    }
    service.ask(INSTANCES[0], Ask::Delete(key("a")));
    let second = made(&mut service, "a");
    service.ask(INSTANCES[0], visit("a"));
    service.world.run_for(MS(1_000));
    service.world.end(away);
    service.world.run_for(MS(3_000));
    let mut clicks = |link| match service.ask(INSTANCES[0], Ask::Stats(link)) {
        Answer::Stats { stats, .. } => stats.map_or(0, |stats| stats.clicks),
        other => panic!("{other:?}"),
    };
    assert_eq!((clicks(second), clicks(first)), (1, 5 * INSTANCES.len() as u64));
}

/// What stands in for a shard is late with one of two calls.
#[test]
fn a_call_that_has_no_answer_ends_alone() {
    let (shard, tally) = (SHARDS[0], TALLY);
    let instance = Instance::new(Settings::new(vec![shard], tally, SECRET), Switches::ALL_ON);
    let mut hand = Hand::on_an_empty_disk(instance.unwrap());
    let calls = [1, 2].map(|token| {
        let ask = visit(&format!("link-{token}"));
        let said = hand.tell(CALLER, Message::Ask { token, client: 1, ask });
        let call = said.into_iter().find_map(|(to, message)| match message {
            Message::Call { call, .. } if to == shard => Some(call),
            _ => None,
        });
        call.expect("the shard is asked")
    });
    let mut answers = |message| {
        let said = hand.tell(shard, message).into_iter();
        let answers = said.filter_map(|(_, message)| match message {
            Message::Answer { token, answer } => Some((token, answer)),
            _ => None,
        });
        answers.collect::<Vec<_>>()
    };
    let late = answers(Message::Unanswered { call: calls[0] });
    assert!(matches!(late[..], [(1, Answer::Unavailable(_))]), "{late:?}");
    let reply = Reply::Missing;
    let other = answers(Message::Reply { call: calls[1], shards: 1, reply });
    assert_eq!(other, [(2, Answer::Missing)]);
    assert_eq!(answers(Message::Unanswered { call: calls[1] }), [], "it was answered");
}
