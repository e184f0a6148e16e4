//! Every break has a story that tells its cause, and the pages show stories as they are.

use std::path::Path;
use std::sync::Mutex;
use std::thread::available_parallelism;

use sim::{Counterexample, Evidence, Moment, NoteKind, Registered, RunRecord, Witness};
use story::{Look, Reason, Row, Story, Told};

use crate::tidy;

/// The shortest history of a witness, and its story.
fn shortest(system: &dyn Registered, witness: &Witness) -> (Counterexample, Story) {
    let without = [witness.mechanism.to_string()];
    let shrunk = system.shrink(witness.scenario, witness.seed, &without, witness.promise);
    let shrunk = shrunk.unwrap_or_else(|why| panic!("{witness:?}: {why}"));
    let story = story::tell(system, &shrunk.ran, story::ROWS).unwrap();
    let story = story.unwrap_or_else(|| panic!("{witness:?} has no story"));
    (shrunk, story)
}

fn told(story: &Story) -> Vec<&Told> {
    let told = story.rows.iter().filter_map(|row| match row {
        Row::Told(told) => Some(told),
        Row::Folded(_) => None,
    });
    told.collect()
}

#[test]
#[expect(clippy::disallowed_methods, reason = "witnesses are independent: threads share the work")]
fn every_witness_has_a_story_with_its_verdict_its_faults_and_its_parting_on_one_page() {
    let systems = infralab::systems();
    let all = systems.iter().flat_map(|system| {
        let witnesses = system.witnesses().iter();
        witnesses.map(move |witness| (system.as_ref(), witness))
    });
    let (all, wrong) = (Mutex::new(all), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((system, witness)) = all.lock().unwrap().next() else { return };
            let found = faults_of(system, witness);
            wrong.lock().unwrap().extend(found);
        }
    };
    std::thread::scope(|scope| {
        (0..available_parallelism().unwrap().get()).for_each(|_| drop(scope.spawn(work)));
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is wrong with the story of a witness, in sentences.
fn faults_of(system: &dyn Registered, witness: &Witness) -> Vec<String> {
    let (shrunk, story) = shortest(system, witness);
    let (ran, told) = (&shrunk.ran, told(&story));
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, what: String| {
        if !holds {
            wrong.push(format!("{} without {}: {what}", witness.scenario, witness.mechanism));
        }
    };
    let promise = witness.promise;
    demand(story.promise == promise, format!("it tells of {}, not of {promise}", story.promise));
    let first = &ran.report.violations[0].promise;
    let says_so = story.remarks.iter().any(|remark| remark.contains(first.as_str()));
    demand(first == promise || says_so, format!("{first} breaks first, and it does not say so"));
    let breaks = told.last().is_some_and(|last| last.why == Reason::Break);
    demand(breaks, "it does not end with the break".into());

    let shown = |number: usize| told.iter().any(|told| told.event == number);
    for number in rests_on(ran, promise) {
        let moment = &ran.moments[number].1;
        demand(shown(number), format!("the verdict rests on \"{moment}\", which is not told"));
    }
    let end = told.last().map_or(0, |last| last.event);
    for (number, (_, moment)) in ran.moments[..end].iter().enumerate() {
        if matches!(moment, Moment::FaultBegins { .. }) {
            demand(shown(number), format!("the fault \"{moment}\" is not told"));
        }
    }
    let parting = story.parting.as_ref().map(|parting| parting.a.event);
    demand(parting.is_some_and(shown), "it does not show where the runs part".into());

    demand(story.rows.len() <= story::ROWS, format!("it has {} rows", story.rows.len()));
    for width in [80, 120] {
        let text = story::show(&story, Look { width, colour: false });
        let widest = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        demand(widest <= width, format!("a line of {width} letters has {widest}"));
    }
    let empty = ["{node}", "{operation}", "{value}"];
    let filled = !story.sentences.iter().any(|said| empty.iter().any(|place| said.contains(place)));
    demand(filled && story.sentences.len() == 3, format!("it says {:?}", story.sentences));
    let named = system.mechanisms().iter().find(|it| it.name == witness.mechanism).unwrap();
    demand(story.title == named.title, "its mechanism has no title".into());
    wrong
}

/// The moments that a verdict names, by what it says: not as the story found them.
fn rests_on(ran: &RunRecord, promise: &str) -> Vec<usize> {
    let violation = ran.report.violation_of(promise).unwrap();
    let names = |evidence: &Evidence, number: usize| {
        let (at, moment) = &ran.moments[number];
        match evidence {
            Evidence::Operation(operation) => matches!(
                ran.trails[number].note,
                Some(NoteKind::Invoked(it) | NoteKind::Ok(it)) if it == *operation
            ),
            Evidence::Moment { at: then, node } => {
                at == then && matches!(moment, Moment::Delivered { to, .. } if to == node)
            }
            Evidence::Word(_) | Evidence::Value(_) => false,
        }
    };
    let broken = |(_, moment): &(machine::Time, Moment)| matches!(moment, Moment::Broken { promise: broken, .. } if broken == promise);
    let end = ran.moments.iter().position(broken).unwrap();
    let named = |number: &usize| violation.evidence.iter().any(|it| names(it, *number));
    (0..end).filter(named).collect()
}

#[test]
fn a_story_is_data_that_a_page_can_draw() {
    let systems = infralab::systems();
    let raft = systems.iter().find(|system| system.name() == "raft").unwrap();
    let of = |it: &&Witness| it.mechanism == "session-dedup";
    let (_, story) = shortest(raft.as_ref(), raft.witnesses().iter().find(of).unwrap());
    let json = serde_json::to_value(&story).unwrap();
    for key in ["title", "sentences", "steps", "rows", "parting", "with", "without"] {
        assert!(json.get(key).is_some(), "{key} is not in {json}");
    }
    for step in json["steps"].as_array().unwrap() {
        for key in ["event", "node", "title", "why"] {
            assert!(step.get(key).is_some(), "{key} is not in {step}");
        }
    }
    let parting = &json["parting"];
    assert!(parting["a"]["event"].is_u64() && parting["b"]["event"].is_u64(), "{parting}");
}

#[test]
fn what_a_story_needs_is_recorded_of_every_system() {
    for system in infralab::systems() {
        let name = system.name();
        let ran = system.run(system.scenarios()[0].name, 1, &[]).unwrap();
        assert_eq!(ran.trails.len(), ran.moments.len());
        assert!(!ran.changes.is_empty(), "no node of {name} shows a field of its state");
        for (number, ((at, moment), trail)) in ran.moments.iter().zip(&ran.trails).enumerate() {
            let Moment::Delivered { from, text, .. } = moment else { continue };
            let Some(sent) = trail.sent else { continue };
            assert!(sent <= *at && trail.held_ns <= at.since(sent).as_nanos() as u64, "{text}");
            // Of what was sent as nodes began nothing was recorded yet.
            if let Some(cause) = trail.cause {
                let (then, before) = &ran.moments[cause];
                // A node that was busy came to it later.
                let there = before.nodes().contains(from) && *then <= sent;
                assert!(cause < number && there, "{name}: {before} led to {text}?");
            }
        }
        let messages = || {
            ran.moments.iter().zip(&ran.trails).filter(|((_, moment), _)| {
            matches!(moment, Moment::Delivered { from, .. } if *from != sim::OUTSIDE)
        })
        };
        let led = messages().filter(|(_, trail)| trail.cause.is_some()).count();
        assert!(led * 10 > messages().count() * 9, "{name}: most messages came from nowhere");
    }
}

#[test]
fn heartbeats_are_routine_and_a_cut_holds_messages_back() {
    let systems = infralab::systems();
    let of = |name: &str| systems.iter().find(|system| system.name() == name).unwrap();
    let ran = of("raft").run("leader-crash", 0, &[]).unwrap();
    let routine = ran.moments.iter().zip(&ran.trails).filter(|(_, trail)| trail.routine);
    let said: Vec<String> = routine.map(|((_, moment), _)| moment.to_string()).collect();
    assert!(said.len() > 100 && said.iter().all(|said| !said.contains("append")), "{said:?}");
    let ran = of("snowflake").run("authority-partition", 13, &[]).unwrap();
    assert!(ran.trails.iter().any(|trail| trail.held_ns > 0), "nothing was held back");
}

/// Before the story of a page: which one it is. The block after it is made by
/// `STORY=write cargo test --test lab pages_show_stories`.
const MARK: &str = "<!-- story: ";

#[test]
fn pages_show_stories_as_they_are() {
    let (mut shown, write) = (0, std::env::var("STORY").is_ok_and(|it| it == "write"));
    for (page, _) in tidy::pages() {
        let text = tidy::read(&page);
        let fresh = with_fresh_stories(&text, &page, &mut shown);
        if write && fresh != text {
            std::fs::write(&page, &fresh).unwrap();
        }
        let page = page.display();
        assert!(
            write || fresh == text,
            "a story in {page} is not what is told now: STORY=write cargo test --test lab pages_show_stories"
        );
    }
    assert!(shown > 0, "no page shows a story");
}

/// The page with each of its stories told anew.
fn with_fresh_stories(text: &str, page: &Path, shown: &mut usize) -> String {
    let mut parts = text.split(MARK);
    let mut fresh = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (command, rest) = part.split_once(" -->\n").expect("a mark ends with its line");
        let (_, rest) = rest.split_once("```text\n").expect("a story stands in a block");
        let (_, rest) = rest.split_once("```\n").expect("a block has an end");
        let story = story_of(command).unwrap_or_else(|| panic!("{}: {command}?", page.display()));
        fresh += &format!("{MARK}{command} -->\n```text\n{story}```\n{rest}");
        *shown += 1;
    }
    fresh
}

/// The story of `infralab SYSTEM sweep SCENARIO --without MECHANISM --shrink`, at the recorded seed.
fn story_of(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let ["infralab", system, "sweep", scenario, "--without", mechanism, "--shrink"] = words[..]
    else {
        return None;
    };
    let system = infralab::systems().into_iter().find(|it| it.name() == system)?;
    let mut witnesses = system.witnesses().iter();
    let witness = witnesses.find(|it| it.mechanism == mechanism && it.scenario == scenario)?;
    let (_, story) = shortest(system.as_ref(), witness);
    Some(story::show(&story, Look::default()))
}
