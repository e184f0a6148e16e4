//! Transcripts: what every member of a small cluster says, as text that needs no code to read.
//!
//! A file of `transcripts` is a story. Lines that begin with `#` tell it, lines that begin with `>` are what
//! is done to the cluster, and what follows is what its members say and become then. The test does the
//! same again, and holds them to each word. `TRANSCRIPTS=write cargo test -p raft transcripts` writes down
//! what they say today; whether that is right the reader of the difference decides.

use std::path::{Path, PathBuf};
use std::time::Duration;

use machine::NodeId;
use raft::{GroupId, Tuning};

use crate::cluster::Cluster;
use crate::lists::Word;

const GROUP: GroupId = GroupId(0);

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/raft/transcripts");
    let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut stories: Vec<PathBuf> = files.filter(|path| path.extension().is_some()).collect();
    stories.sort();
    stories
}

#[test]
fn members_say_what_the_transcripts_say() {
    let stories = stories();
    assert!(!stories.is_empty());
    let mut others = String::new();
    for path in stories {
        let story = std::fs::read_to_string(&path).unwrap();
        let told = tell(&story, &path);
        if std::env::var("TRANSCRIPTS").is_ok_and(|what| what == "write") {
            std::fs::write(&path, told).unwrap();
        } else if story != told {
            others += &first_difference(&path, &story, &told);
        }
    }
    assert!(others.is_empty(), "{others}");
}

fn first_difference(path: &Path, story: &str, told: &str) -> String {
    let differ = story.lines().zip(told.lines()).position(|(was, now)| was != now);
    let place = differ.unwrap_or(story.lines().count().min(told.lines().count()));
    let line = |text: &str| text.lines().nth(place).unwrap_or("(the end)").to_owned();
    let (was, now) = (line(story), line(told));
    format!("\n{}, line {}:\n  was  {was}\n  now  {now}", path.display(), place + 1)
}

/// The story as it goes today: its own words, and after each command what comes of it.
fn tell(story: &str, path: &Path) -> String {
    let (mut told, mut cluster) = (String::new(), None);
    for (number, line) in story.lines().enumerate() {
        let kept = line.is_empty() || line.starts_with(['#', '>']);
        if kept {
            told += line;
            told += "\n";
        }
        if let Some(command) = line.strip_prefix("> ") {
            let place = format!("{}, line {}: {command}", path.display(), number + 1);
            told += &obey(&mut cluster, command, &place);
        }
    }
    told
}

fn obey(cluster: &mut Option<Cluster>, command: &str, place: &str) -> String {
    let words: Vec<&str> = command.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let begin = match &words[..] {
        [founders, "founders", "and", "1", "spare", sizes @ ..] => Some((founders, 1, sizes)),
        [founders, "founders", sizes @ ..] => Some((founders, 0, sizes)),
        _ => None,
    };
    if let Some((founders, spares, sizes)) = begin {
        let founders = number(founders, place) as u32;
        *cluster = Some(Cluster::new(founders, spares, tuning(sizes, place)));
        return String::new();
    }
    let cluster = cluster.as_mut().unwrap_or_else(|| panic!("{place}: there is no cluster"));
    let node = |word: &&str| NodeId(number(word.strip_prefix('n').unwrap_or(word), place) as u32);
    match &words[..] {
        ["show", "all"] => cluster.ids().into_iter().for_each(|node| cluster.show(node)),
        ["show", "what", "is", "on", "its", "way"] => cluster.show_under_way(),
        ["all", "arrives"] => cluster.all_arrives(),
        ["what", "was", "delayed", "arrives"] => cluster.late_arrives(),
        ["the", "next", "from", from, "to", to, "arrives"] => cluster.arrives(node(from), node(to)),
        ["all", "from", from, "to", to, "is", "lost"] => cluster.lose(node(from), node(to)),
        ["all", "from", from, "to", to, "is", "delayed"] => cluster.delay(node(from), node(to)),
        ["the", "stream", "between", one, "and", other, "breaks"] => {
            cluster.breaks(node(one), node(other));
        }
        [time, "ms", "pass"] => cluster.passes(Duration::from_millis(number(time, place))),
        ["the", "timer", "of", who, "fires"] => cluster.timer(node(who)),
        ["the", "disk", "of", who, "is", "slow"] => cluster.set_slow(node(who), true),
        ["the", "disk", "of", who, "is", "quick"] => cluster.set_slow(node(who), false),
        ["the", "disk", "of", who, "answers"] => cluster.disk_answers(node(who)),
        [who, "is", "paused"] => cluster.set_paused(node(who), true),
        [who, "goes", "on"] => cluster.set_paused(node(who), false),
        [who, "is", "cut", "off"] => cluster.set_cut_off(node(who), true),
        [who, "is", "back"] => cluster.set_cut_off(node(who), false),
        [who, "has", "the", "log", terms @ ..] => {
            let terms: Vec<u64> = terms.iter().map(|term| number(term, place)).collect();
            cluster.set_log(node(who), &terms);
        }
        [who, "is", "elected"] => cluster.elect(node(who)),
        [who, "is", "asked", "to", "add", items @ ..] => cluster.add(node(who), items),
        [who, "is", "asked", "to", "read"] => cluster.tell(node(who), Word::Read(GROUP, 1)),
        [who, "takes", "a", "snapshot"] => cluster.tell(node(who), Word::Compact(GROUP)),
        [who, "is", "asked", "to", "change", "the", "voters", "to", voters @ ..] => {
            let voters = voters.iter().map(node).collect();
            cluster.tell(node(who), Word::Change(GROUP, voters));
        }
        [who, "is", "asked", "to", "hand", "over", "to", successor] => {
            cluster.tell(node(who), Word::Transfer(GROUP, Some(node(successor))));
        }
        _ => panic!("{place}: no such command"),
    }
    cluster.written()
}

fn number(word: &str, place: &str) -> u64 {
    word.parse().unwrap_or_else(|_| panic!("{place}: {word} is no number"))
}

/// Sizes that differ from the usual ones; of a snapshot nothing stays behind.
fn tuning(sizes: &[&str], place: &str) -> Tuning {
    let mut tuning = Tuning { keep_entries: 0, ..Tuning::default() };
    for size in sizes.chunks(2) {
        match size {
            ["batch", size] => tuning.max_batch = number(size, place) as usize,
            ["window", size] => tuning.max_in_flight = number(size, place) as usize,
            ["chunk", size] => tuning.snapshot_chunk = number(size, place) as usize,
            _ => panic!("{place}: no such size"),
        }
    }
    tuning
}
