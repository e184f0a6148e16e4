//! Every break has a story that tells its cause, and the pages show stories as they are.

use std::sync::Mutex;
use std::thread::available_parallelism;

use sim::{Counterexample, Evidence, Moment, NoteKind, Registered, RunRecord, Seeds, Witness};
use story::{Compared, Look, Reason, Row, Story, Told};

use crate::tidy;

/// Promises that are about sums: their stories show numbers of both runs.
const SUMS: [&str; 3] = ["balanced", "little-movement", "recovers"];

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
    let named = rests_on(ran, promise);
    demand(!named.is_empty(), "the verdict does not say what it rests on".into());
    for moments in named {
        let moment = &ran.moments[moments[0]].1;
        let told = moments.into_iter().any(shown);
        demand(told, format!("the verdict rests on \"{moment}\", which is not told"));
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
    if SUMS.contains(&promise) {
        let differs = |it: &&Compared| it.with.is_some_and(|with| with != it.without);
        let charted = |it: &Compared| it.courses.iter().all(|course| course.len() > 1);
        let drawn = story.table.first().filter(differs).is_some_and(charted);
        demand(drawn, format!("the first number does not differ over time in {:?}", story.table));
    }
    let empty = ["{node}", "{operation}", "{value}"];
    let filled = !story.sentences.iter().any(|said| empty.iter().any(|place| said.contains(place)));
    demand(filled && story.sentences.len() == 3, format!("it says {:?}", story.sentences));
    let named = system.mechanisms().iter().find(|it| it.name == witness.mechanism).unwrap();
    demand(story.title == named.title, "its mechanism has no title".into());
    wrong
}

/// The moments that a verdict names, by what it says: not as the story found them. Of those in one list one is enough.
fn rests_on(ran: &RunRecord, promise: &str) -> Vec<Vec<usize>> {
    let violation = ran.report.violation_of(promise).unwrap();
    let broken = |(_, moment): &(machine::Time, Moment)| matches!(moment, Moment::Broken { promise: broken, .. } if broken == promise);
    let end = ran.moments.iter().position(broken).unwrap();
    let each = |numbers: Vec<usize>| numbers.into_iter().map(|number| vec![number]).collect();
    let named = |evidence: &Evidence| -> Vec<Vec<usize>> {
        match evidence {
            Evidence::Operation(operation) => each(
                (0..end)
                    .filter(|number| {
                        matches!(
                            ran.trails[*number].note,
                            Some(NoteKind::Invoked(it) | NoteKind::Ok(it)) if it == *operation
                        )
                    })
                    .collect(),
            ),
            Evidence::Moment { at, node } => {
                let here = |number: &usize| {
                    let (then, moment) = &ran.moments[*number];
                    then == at && moment.nodes().contains(node)
                };
                let here: Vec<usize> = (0..end).filter(here).collect();
                let arrives =
                    |number: &usize| matches!(ran.moments[*number].1, Moment::Delivered { .. });
                let arrived: Vec<usize> = here.iter().copied().filter(arrives).collect();
                match (arrived.is_empty(), here.is_empty()) {
                    (false, _) => each(arrived),
                    (true, false) => vec![here],
                    (true, true) => Vec::new(),
                }
            }
            Evidence::Value(_) => Vec::new(),
        }
    };
    violation.evidence.iter().flat_map(named).collect()
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
        for (_, moment) in &ran.moments {
            let Moment::Delivered { to, .. } = moment else { continue };
            let shows = ran.changes.iter().any(|change| change.node == *to);
            assert!(
                shows,
                "{name}: {to:?}, to whom is said \"{moment}\", shows no field of its state"
            );
        }
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
    let acknowledges = |text: &str| text.starts_with("matches up to");
    assert!(said.iter().any(|said| acknowledges(said)), "answers to heartbeats are, too");
    let delivered = ran.moments.iter().zip(&ran.trails).filter(|(_, trail)| !trail.routine);
    let news = delivered.filter(|((_, moment), _)| acknowledges(&moment.to_string())).count();
    assert!(news > 10, "those that say that something new is there are not");
    let ran = of("snowflake").run("authority-partition", 13, &[]).unwrap();
    assert!(ran.trails.iter().any(|trail| trail.held_ns > 0), "nothing was held back");
}

/// Before the story of a page: which one it is. The block after it is made by
/// `STORY=write cargo test --test lab pages_show_stories`.
const MARK: &str = "<!-- story: ";
/// Before a chart.
const CHART: &str = "<!-- chart: ";

#[test]
fn pages_show_stories_as_they_are() {
    let (mut shown, write) = (Vec::new(), std::env::var("STORY").is_ok_and(|it| it == "write"));
    for (page, _) in tidy::pages() {
        let text = tidy::read(&page);
        let fresh = refreshed(&text, MARK, &mut |command| {
            if page.components().any(|part| part.as_os_str() == "crates") {
                shown.push(command.to_owned());
            }
            story_of(command).unwrap_or_else(|| panic!("{}: {command}?", page.display()))
        });
        let fresh = refreshed(&fresh, CHART, &mut |command| {
            chart_of(command).unwrap_or_else(|| panic!("{}: {command}?", page.display()))
        });
        if write && fresh != text {
            std::fs::write(&page, &fresh).unwrap();
        }
        let page = page.display();
        assert!(
            write || fresh == text,
            "a story in {page} is not what is told now: STORY=write cargo test --test lab pages_show_stories"
        );
    }
    for system in infralab::systems() {
        let least = system.witnesses().len().min(3);
        let of = format!("infralab {} sweep ", system.name());
        let count = shown.iter().filter(|command| command.starts_with(&of)).count();
        assert!(count >= least, "{count} stories of {} are on a page of its own", system.name());
    }
}

/// The page with what stands in the block after each mark made anew.
fn refreshed(text: &str, mark: &str, make: &mut dyn FnMut(&str) -> String) -> String {
    let mut parts = text.split(mark);
    let mut fresh = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (command, rest) = part.split_once(" -->\n").expect("a mark ends with its line");
        let (_, rest) = rest.split_once("```text\n").expect("what is made stands in a block");
        let (_, rest) = rest.split_once("```\n").expect("a block has an end");
        fresh += &format!("{mark}{command} -->\n```text\n{}```\n{rest}", make(command));
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

/// What `infralab SYSTEM sweep SCENARIO --seeds COUNT --histogram FIGURE` draws.
fn chart_of(command: &str) -> Option<String> {
    let words: Vec<&str> = command.split_whitespace().collect();
    let ["infralab", system, "sweep", scenario, "--seeds", count, "--histogram", figure] =
        words[..]
    else {
        return None;
    };
    let system = infralab::systems().into_iter().find(|it| it.name() == system)?;
    let jobs = available_parallelism().unwrap().get();
    let seeds = Seeds { first: 0, count: count.parse().ok()?, jobs };
    let report = system.sweep(scenario, seeds, &[], &|_, _| ()).ok()?;
    assert!(report.is_clean(), "{command}: {:?}", report.violations);
    Some(story::histogram(report.figures.times.get(figure)?, story::WIDTH))
}
