//! Commands to paste.

/// This program as it was called, so that what is printed can be pasted: it need not be on the PATH.
pub(crate) fn program() -> String {
    std::env::args().next().unwrap_or_else(|| "infralab".into())
}

/// The command that runs this again.
pub(crate) fn command(system: &str, scenario: &str, seed: u64, without: &[String]) -> String {
    let without: String = without.iter().map(|name| format!(" --without {name}")).collect();
    let program = program();
    format!("{program} {system} run {scenario} --seed {seed}{without}")
}

/// The command that sweeps the scenario with the same mechanisms.
pub(crate) fn sweep_command(system: &str, scenario: &str, without: &[String]) -> String {
    let without: String = without.iter().map(|name| format!(" --without {name}")).collect();
    format!("{} {system} sweep {scenario}{without}", program())
}
