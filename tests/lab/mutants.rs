//! The mutants in `tests/mutants` are of the code that is there. That each makes its test fail is shown by
//! `bash tests/mutants/run`, which takes longer.

use std::path::{Path, PathBuf};
use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn patches() -> Vec<PathBuf> {
    let found = std::fs::read_dir(Path::new(ROOT).join("tests/mutants")).unwrap();
    let paths = found.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|extension| extension == "patch")).collect()
}

/// What the head of a patch says after this word.
fn said(patch: &str, word: &str) -> String {
    let mut lines = patch.lines().filter_map(|line| line.strip_prefix(&format!("# {word}: ")));
    let said = lines.next().unwrap_or_else(|| panic!("no line says # {word}: {patch}"));
    assert_eq!(lines.next(), None, "# {word} is there twice: {patch}");
    said.to_string()
}

/// Is there a function of this name in the sources or tests of the package?
fn is_test(package: &str, name: &str) -> bool {
    let folder = Path::new(ROOT).join("crates").join(package.trim_start_matches("infralab-"));
    let is_it = |text: String| text.contains(&format!("fn {name}("));
    let mut folders = vec![folder.join("src"), folder.join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if std::fs::read_to_string(&path).is_ok_and(is_it) {
                return true;
            }
        }
    }
    false
}

#[test]
fn every_mutant_applies_and_names_a_test_that_is_there() {
    let patches = patches();
    assert!(patches.len() >= 35, "{} mutants", patches.len());
    for path in patches {
        let patch = std::fs::read_to_string(&path).unwrap();
        assert!(!said(&patch, "breaks").is_empty());
        let test = said(&patch, "test");
        let words: Vec<&str> = test.split_whitespace().collect();
        let (["-p", package, ..], Some(name)) = (&words[..], words.last()) else {
            panic!("{}: -p PACKAGE and a test, not {test:?}", path.display());
        };
        let name = name.rsplit("::").next().unwrap();
        assert!(is_test(package, name), "{}: {package} has no test {name}", path.display());
        let applies = Command::new("git")
            .args(["apply", "--check", "-C1"])
            .arg(&path)
            .current_dir(ROOT)
            .status()
            .unwrap();
        assert!(applies.success(), "{} does not apply: make it anew", path.display());
    }
}
