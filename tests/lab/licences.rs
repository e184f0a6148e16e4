//! Every dependency may be used by whoever uses the lab, which is MIT OR Apache-2.0.

use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than to be named.
const ALLOWED: &[&str] = &[
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "Unlicense",
    "CC0-1.0",
    "0BSD",
    "BSL-1.0",
];

/// An SPDX expression of the kinds that crates use: alternatives, each all of some licences.
fn is_allowed(expression: &str) -> bool {
    let all_of = |alternative: &str| {
        alternative
            .split(" AND ")
            .all(|licence| ALLOWED.contains(&licence.trim_matches(['(', ')', ' '])))
    };
    // Where alternatives are grouped, as in "(MIT OR Apache-2.0) AND X", every part must do.
    if expression.contains(") AND ") || expression.contains(" AND (") {
        return expression
            .split(" AND ")
            .all(|part| is_allowed(part.trim_matches(['(', ')', ' '])));
    }
    expression.replace('/', " OR ").split(" OR ").any(all_of)
}

#[test]
fn every_dependency_is_free_to_use() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 10, "cargo metadata lists the dependencies");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none stated");
        assert!(is_allowed(licence), "{} is licensed as {licence}", package["name"]);
    }
}

#[test]
fn expressions_are_understood() {
    assert!(is_allowed("MIT OR Apache-2.0"));
    assert!(is_allowed("MIT/Apache-2.0"));
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0"));
    assert!(is_allowed("GPL-3.0 OR MIT"));
    assert!(!is_allowed("GPL-3.0"));
    assert!(!is_allowed("MIT AND GPL-3.0"));
    assert!(!is_allowed("(MIT OR Apache-2.0) AND GPL-3.0"));
    assert!(!is_allowed("none stated"));
}
