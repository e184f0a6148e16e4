//! Style that can be checked is checked; each message gives the reason.

use std::path::{Path, PathBuf};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Who may import whom, besides the outside world.
const FLOORS: &[(&str, &[&str])] = &[
    ("machine", &[]),
    ("recording", &["machine"]),
    ("sim", &["machine", "recording"]),
    ("story", &["machine", "sim"]),
    ("check", &[]),
    ("resilience", &["machine"]),
    ("doors", &["machine"]),
    ("host", &["machine", "doors"]),
    ("journal", &["machine", "sim"]),
    ("bitcask", &["machine", "journal", "sim"]),
    ("snowflake", &["machine", "journal", "sim", "resilience", "host", "raft"]),
    ("hash-ring", &[]),
    ("cache-fleet", &["machine", "sim", "resilience", "hash-ring"]),
    ("raft", &["machine", "journal", "sim", "host"]),
    ("raft-kv", &["machine", "journal", "raft", "sim", "check", "host"]),
    ("log-protocol", &["machine"]),
    ("log-metadata", &["machine", "log-protocol"]),
    ("partition-log", &["machine", "journal", "log-protocol"]),
    ("consumer-groups", &["machine", "log-protocol"]),
    (
        "replicated-log",
        &[
            "machine",
            "journal",
            "raft",
            "host",
            "log-protocol",
            "log-metadata",
            "partition-log",
            "consumer-groups",
        ],
    ),
    ("object-store", &["machine", "journal", "bitcask", "raft", "resilience", "hash-ring"]),
    ("store-scenarios", &["machine", "sim", "check", "object-store"]),
    ("log-scenarios", &["machine", "journal", "raft", "sim", "replicated-log"]),
    ("log-kafka", &["machine", "raft", "sim", "host", "replicated-log"]),
    ("store-s3", &["machine", "host", "object-store"]),
    (
        "url-shortener",
        &["machine", "journal", "bitcask", "sim", "resilience", "host", "hash-ring", "snowflake"],
    ),
    ("shortener-scenarios", &["machine", "sim", "check", "resilience", "url-shortener"]),
    ("shortener-api", &["machine", "host", "url-shortener"]),
    ("shortener-page", &["machine", "resilience", "host", "url-shortener", "shortener-api"]),
    ("shortener-transfer", &["machine", "shortener-api"]),
    ("shortener-capacity", &["machine", "bitcask", "sim", "url-shortener"]),
    ("shortener-postgres", &["url-shortener", "machine", "host"]),
    (
        "shortener-service",
        &[
            "machine",
            "resilience",
            "host",
            "url-shortener",
            "shortener-api",
            "shortener-page",
            "shortener-postgres",
            "shortener-transfer",
        ],
    ),
    (
        "infralab",
        &[
            "machine",
            "sim",
            "story",
            "check",
            "host",
            "journal",
            "bitcask",
            "snowflake",
            "hash-ring",
            "cache-fleet",
            "raft-kv",
            "log-kafka",
            "log-scenarios",
            "log-protocol",
            "url-shortener",
            "shortener-api",
            "shortener-transfer",
            "shortener-capacity",
            "shortener-scenarios",
            "shortener-service",
            "store-s3",
            "store-scenarios",
        ],
    ),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// The sources of machines, worlds and systems: everything that must be deterministic.
fn deterministic() -> Vec<PathBuf> {
    let crates = Path::new(ROOT).join("crates");
    let shell = |path: &PathBuf| {
        let path = path.to_string_lossy();
        ["/infralab/", "/doors/", "/host/", "/server", "/tests/"]
            .iter()
            .any(|shell| path.contains(shell))
    };
    sources(&crates).into_iter().filter(|path| !shell(path)).collect()
}

#[test]
fn no_arrow_points_upwards() {
    for entry in std::fs::read_dir(Path::new(ROOT).join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        let (_, allowed) = FLOORS
            .iter()
            .find(|(floor, _)| *floor == name)
            .unwrap_or_else(|| panic!("say in FLOORS whom {name} may import"));
        let manifest = read(&folder.join("Cargo.toml"));
        for (other, _) in FLOORS {
            let imports = manifest.lines().any(|line| {
                line.strip_prefix(other).is_some_and(|rest| rest.starts_with(['.', ' ']))
            });
            assert!(
                !imports || allowed.contains(other),
                "{name} imports {other}: a lower floor that knows a higher one cannot be read alone"
            );
        }
    }
}

#[test]
fn files_are_short_enough_to_be_read_in_one_sitting() {
    for path in sources(Path::new(ROOT)) {
        let lines = read(&path).lines().count();
        assert!(
            lines <= 500,
            "{} has {lines} lines: a file is one idea; over 500 lines it is two",
            path.display()
        );
    }
}

/// None of these words stands in any of these files.
fn forbid(paths: impl IntoIterator<Item = PathBuf>, words: &[&str], why: &str) {
    for path in paths {
        let text = read(&path);
        for word in words {
            assert!(!text.contains(word), "{} has {word}: {why}", path.display());
        }
    }
}

#[test]
fn nothing_deterministic_hashes_with_a_random_seed() {
    let words = ["HashMap::", "HashSet", "RandomState", "thread_rng"];
    forbid(deterministic(), &words, "its order differs from run to run; use a BTreeMap");
    for path in deterministic() {
        for line in read(&path).lines().filter(|line| line.contains("HashMap<")) {
            assert!(
                line.contains("BuildHasherDefault<"),
                "{}: a map that is only looked up says with which hash, or is a BTreeMap",
                path.display()
            );
        }
    }
}

#[test]
fn machines_do_not_compute_with_floats() {
    let machines =
        deterministic().into_iter().filter(|path| read(path).contains("impl Machine for"));
    forbid(machines, &["f64", "f32"], "rounding may differ between platforms; use integers");
}

#[test]
fn checkers_never_see_the_switches() {
    let crates = sources(&Path::new(ROOT).join("crates"));
    // Tests of a checker may boot a world for it.
    let checker = |path: &PathBuf| {
        let within = path.to_string_lossy().contains("src/promise/");
        (path.ends_with("src/promise.rs") || within) && !path.ends_with("tests.rs")
    };
    let checkers = crates.into_iter().filter(checker);
    let words = ["Switches", "Mechanism::", "mechanism::"];
    forbid(checkers, &words, "a checker that knows what is off can excuse it");
}

#[test]
fn one_file_alone_is_trusted_with_memory() {
    let trusted = ["host/src/files/handle.rs", "lab/tidy.rs"];
    let all = sources(Path::new(ROOT)).into_iter().filter(|path| {
        !path.starts_with(Path::new(ROOT).join("peers"))
            && !trusted.iter().any(|file| path.ends_with(file))
    });
    let why =
        "mapped files are what no safe code can be had for; all else is checked by the compiler";
    forbid(all, &["unsafe_code", "unsafe {"], why);
}

#[test]
fn nothing_is_left_for_later() {
    let all = sources(Path::new(ROOT)).into_iter().filter(|path| !path.ends_with("lab/tidy.rs"));
    let words = ["todo!(", "unimplemented!(", "FIXME", "TODO", "XXX", "#[ignore"];
    forbid(all, &words, "a feature is there or it is not named");
}

/// `{:.40?}` looks as if it cut a text, and does not: a stranger's was repeated at any length.
#[test]
fn texts_are_cut_by_what_cuts_them() {
    for path in sources(&Path::new(ROOT).join("crates")) {
        for line in read(&path).lines() {
            let cuts = line.split(":.").skip(1).any(|rest| {
                let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
                digits.len() < rest.len() && digits.starts_with("?}")
            });
            assert!(
                !cuts,
                "{}: {line}: the length of a Debug form is not bounded so",
                path.display()
            );
        }
    }
}

#[test]
fn modules_are_named_by_their_nouns() {
    for path in sources(&Path::new(ROOT).join("crates")) {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            !["utils", "util", "common", "core", "manager", "helper", "helpers", "misc"]
                .contains(&name.as_str()),
            "{}: such a name says nothing about what is inside",
            path.display()
        );
    }
}

/// The pages for people: each with the folder whose files it may name by their names alone.
pub(crate) fn pages() -> Vec<(PathBuf, PathBuf)> {
    let root = Path::new(ROOT);
    let mut pages =
        ["README.md", "ARCHITECTURE.md"].map(|name| (root.join(name), root.to_owned())).to_vec();
    for entry in std::fs::read_dir(root.join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let page = folder.join("README.md");
        if page.exists() {
            pages.push((page, folder.clone()));
        }
        // Its head says in which order the files are read.
        pages.push((folder.join("src/lib.rs"), folder));
    }
    pages
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if !path.is_dir() {
            found.push(path);
        } else if !path.ends_with("target") && !path.ends_with(".git") {
            found.extend(files(&path));
        }
    }
    found
}

/// Words that could be paths.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_path = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    text.split(move |c| !is_path(c)).map(|word| word.trim_end_matches('.'))
}

/// A name alone is one of the page's own folder; with a folder before it, it may be of any crate.
fn names(file: &Path, name: &str, own: &Path) -> bool {
    let whole = file == Path::new(ROOT).join(name);
    whole || file.ends_with(name) && (file.starts_with(own) || name.contains('/'))
}

#[test]
fn pages_name_no_file_that_is_not_there() {
    let files = files(Path::new(ROOT));
    for (page, own) in pages() {
        let text = read(&page);
        // What is included from above is checked by the compiler.
        let named = |word: &&str| {
            (word.ends_with(".rs") || word.ends_with(".md")) && !word.starts_with("../")
        };
        for name in words(&text).filter(named) {
            let is_there = files.iter().any(|file| names(file, name, &own));
            assert!(
                is_there,
                "{} names {name}: whoever looks for it finds nothing",
                page.display()
            );
        }
        for (flag, places) in [
            ("--example ", &["examples/NAME.rs", "examples/NAME/main.rs"][..]),
            ("--bench ", &["benches/NAME.rs"]),
            ("--bin ", &["src/bin/NAME.rs", "src/bin/NAME/main.rs"]),
        ] {
            for (_, rest) in text.match_indices(flag).map(|(at, _)| text[at..].split_at(flag.len()))
            {
                let name = words(rest).next().unwrap();
                let place = |place: &&str| {
                    let place = place.replace("NAME", name);
                    files.iter().any(|file| file.ends_with(&place))
                };
                assert!(places.iter().any(place), "{}: {flag}{name}", page.display());
            }
        }
    }
}

/// The commands of a page, in order: each ends with its line, its code or its remark.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let begins = |(at, _)| &text[at..];
    let commands = text.match_indices("infralab ").map(begins).map(|rest| {
        let end = rest.find(['\n', '`', '#', ';', '(', '|']).unwrap_or(rest.len());
        rest[..end].split_whitespace().skip(1).collect::<Vec<_>>()
    });
    commands.collect()
}

#[test]
fn commands_of_pages_read_no_file_that_is_not_there() {
    let makes = ["--save", "--history", "--plot", "--svg", "--html", ">"];
    let kinds = [".json", ".jsonl", ".edn", ".log", ".txt", ".toml", ".csv"];
    for (page, _) in pages() {
        let text = read(&page);
        let mut made = Vec::new();
        for command in commands(&text) {
            for (at, word) in command.iter().enumerate() {
                if !kinds.iter().any(|kind| word.ends_with(kind)) {
                    continue;
                }
                if at > 0 && makes.contains(&command[at - 1]) {
                    made.push(*word);
                }
                // Or another program of the page has written it, or the page shows it.
                let shown = word.ends_with(".toml") && text.contains("```toml\nsystem = ");
                let written = made.contains(word) || text.contains(&format!(" > {word}")) || shown;
                let is_there = written || Path::new(ROOT).join(word).exists();
                let page = page.display();
                assert!(is_there, "{page}: {command:?} reads {word}, which nobody has");
            }
        }
    }
}

/// Where a server of a page listens for clients or nodes, if its command decides that.
fn port(command: &[&str]) -> Option<u16> {
    if command.contains(&"--cluster") {
        return None;
    }
    let default = match command {
        ["snowflake", "serve", ..] => 7411,
        ["snowflake", "authority", ..] => 7410,
        ["raft", "serve", ..] => 7431,
        ["url-shortener", "serve", ..] => 7441,
        ["object-store", "serve", ..] => 9000,
        _ => return None,
    };
    let listen = command.iter().position(|word| *word == "--listen");
    let given = listen.and_then(|at| command.get(at + 1)?.rsplit_once(':')?.1.parse().ok());
    Some(given.unwrap_or(default))
}

#[test]
fn servers_of_a_page_can_run_beside_each_other() {
    for (page, _) in pages() {
        let text = read(&page);
        let mut taken = std::collections::BTreeMap::new();
        for command in commands(&text) {
            let Some(port) = port(&command) else { continue };
            let other = taken.insert(port, command.clone()).filter(|other| *other != command);
            assert!(
                other.is_none(),
                "{}: {command:?} and {other:?} listen on {port}",
                page.display()
            );
        }
    }
}
