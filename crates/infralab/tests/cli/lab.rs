//! Runs the binary.

#![expect(
    clippy::disallowed_methods,
    reason = "a command that does not end must not hang the test"
)]

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

use serde_json::Value;

/// Far longer than a command of any test takes.
const LONGEST: Duration = Duration::from_secs(300);

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).expect("it speaks UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        Said { code: output.status.code(), stdout, stderr }
    }
}

pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_infralab"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command that ends by itself.
#[track_caller]
pub(crate) fn lab(arguments: &[&str]) -> Said {
    ended(command(arguments).spawn().unwrap(), &format!("{arguments:?}")).into()
}

/// Waits for the end of a process; `what` says of which. One that does not end is killed.
#[track_caller]
pub(crate) fn ended(child: Child, what: &str) -> Output {
    let id = child.id();
    let (sender, output) = channel();
    std::thread::spawn(move || {
        // A test that failed waits no longer.
        let _ = sender.send(child.wait_with_output());
    });
    let Ok(output) = output.recv_timeout(LONGEST) else {
        send_signal(id, "KILL");
        panic!("it does not end within {LONGEST:?}: {what}");
    };
    output.unwrap()
}

pub(crate) fn send_signal(process: u32, name: &str) {
    let kill = Command::new("kill").args([format!("-{name}"), process.to_string()]).status();
    assert!(kill.unwrap().success(), "SIG{name}");
}

/// The one JSON object that a command prints.
pub(crate) fn json(arguments: &[&str]) -> Value {
    let said = lab(arguments);
    assert_eq!(said.stderr, "", "{arguments:?}");
    serde_json::from_str(&said.stdout).unwrap_or_else(|why| panic!("{arguments:?}: {why}"))
}

/// The command must fail with this status, print no result, and say each of these on stderr.
#[track_caller]
pub(crate) fn refused(arguments: &[&str], code: i32, sentence: &[&str]) {
    let said = lab(arguments);
    assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
    said.complains(sentence);
}

impl Said {
    #[track_caller]
    pub(crate) fn complains(&self, sentence: &[&str]) {
        assert_eq!(self.stdout, "", "only results go to stdout");
        // A machine that halted is in the log as well.
        let mut lines = self.stderr.lines().skip_while(|line| line.contains(" ERROR "));
        assert!(lines.next().is_some_and(|line| line.starts_with("infralab: ")), "{self:?}");
        for words in sentence {
            assert!(self.stderr.contains(words), "{words:?} is not in {:?}", self.stderr);
        }
    }
}

/// A folder of a test's own, gone when the test is over.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(test: &str) -> Scratch {
        let name = format!("{test}-{}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
