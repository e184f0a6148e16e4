//! A machine at work on real clocks, threads and files.

#![expect(clippy::disallowed_methods, reason = "what is tested has threads")]

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use host::{Files, Metrics, Node, Outside};
use machine::{
    DiskCommand, DiskId, FileName, Input, Inspection, Link, Machine, NodeId, Now, Outputs, Protocol,
};

use crate::scratch::Scratch;
use crate::stall::Stall;
use crate::wait::{next, within};

#[derive(Clone, Debug)]
struct Bells;
impl Protocol for Bells {
    type Message = &'static str;
    type Timer = &'static str;
    type Op = ();
    type Note = &'static str;
}

/// Sends on whatever reaches it, and does as it is told.
#[derive(Clone)]
struct Ringer;
impl Machine for Ringer {
    type Protocol = Bells;
    fn handle(&mut self, now: &mut Now<'_>, input: Input<Bells>, out: &mut Outputs<Bells>) {
        let file = || FileName::Borrowed("bell");
        match input {
            Input::Message { message: "set", .. } => {
                out.set_timer("replaced", Duration::ZERO);
                out.set_timer("cancelled", Duration::ZERO);
                out.set_timer("late", Duration::from_millis(30));
                out.set_timer("replaced", Duration::from_millis(10));
                out.cancel_timer("cancelled");
                out.send(NodeId(now.time.0 as u32), "set");
            }
            Input::Message { from, message: "answer" } => {
                out.send(NodeId(0), "aside");
                out.send(from, "here it is");
            }
            Input::Message { message: "halt", .. } => {
                out.halt("enough");
                out.send(NodeId(0), "from beyond");
            }
            Input::Message { message: "sync", .. } => {
                out.disk(DiskCommand::Sync { file: file(), data_only: false }, ());
            }
            Input::Message { message: "delete", .. } => {
                out.disk(DiskCommand::Delete { file: file() }, ());
            }
            Input::Message { message: "flood", .. } => {
                (0..2_000).for_each(|_| {
                    out.disk(DiskCommand::Sync { file: file(), data_only: false }, ())
                });
            }
            Input::Message { .. } => panic!("as it was told"),
            Input::Timer(timer) => out.send(NodeId(now.time.0 as u32), timer),
            Input::Disk { result, .. } => {
                out.send(NodeId(0), if result.is_ok() { "done" } else { "failed" });
            }
            Input::Start { .. } => {
                out.note("started");
                out.disk(DiskCommand::List { prefix: "".into() }, ());
            }
            _ => {}
        }
    }
    fn inspect(&self) -> Inspection {
        Inspection { role: "ringer", state: String::new() }
    }
}

struct Street(Sender<(u32, String)>);
impl Outside<Bells> for Street {
    fn deliver(&self, to: NodeId, message: &'static str, _link: Link) {
        let _ = self.0.send((to.0, message.to_owned()));
    }
    fn noted(&self, note: &'static str) {
        let _ = self.0.send((0, format!("noted: {note}")));
    }
    fn halted(&self, why: &str) {
        let _ = self.0.send((0, format!("halted: {why}")));
    }
}

/// A ringer that has booted, and what is heard of it.
fn ringer(folder: &Path) -> (Arc<Node<Ringer>>, Receiver<(u32, String)>) {
    counted_ringer(folder, &Metrics::default())
}

fn counted_ringer(
    folder: &Path,
    metrics: &Metrics,
) -> (Arc<Node<Ringer>>, Receiver<(u32, String)>) {
    let (sender, heard) = channel();
    let files = Files::new(folder.to_owned(), metrics);
    let node = Node::start(Ringer, files, DiskId(1), Arc::new(Street(sender)), metrics);
    assert_eq!(hear(&heard).1, "noted: started");
    (node, heard)
}

/// What is heard of it next.
#[track_caller]
fn hear(heard: &Receiver<(u32, String)>) -> (u32, String) {
    next(heard, "the machine says or sends something")
}

/// Waits until it shows this role, or cannot.
fn shows(node: &Arc<Node<Ringer>>, role: &'static str) -> Result<(), String> {
    let node = node.clone();
    within("the machine shows its role or stops", move || node.until(|shown| shown.role == role))
}

fn stop(node: &Arc<Node<Ringer>>) {
    let node = node.clone();
    within("the node stops", move || node.stop());
}

fn tell(node: &Node<Ringer>, message: &'static str) -> bool {
    node.input(Input::Message { from: NodeId(1), message })
}

#[test]
fn timers_fire_in_order_once_and_never_early() {
    let (node, heard) = ringer(".".as_ref());
    assert_eq!(hear(&heard).1, "done");
    assert!(tell(&node, "set"));
    let set = hear(&heard);
    let rung = [hear(&heard), hear(&heard)];
    let after = rung.map(|(at, timer)| (timer, (at - set.0) / 1_000_000));
    assert_eq!((after[0].0.as_str(), after[1].0.as_str()), ("replaced", "late"));
    assert!(after[0].1 >= 10 && after[1].1 >= 30, "{after:?}");
    stop(&node);
    assert!(heard.try_recv().is_err(), "nothing fires twice");
}

#[test]
fn a_disk_that_fails_is_an_answer_and_a_halt_is_the_end() {
    let metrics = Metrics::default();
    let (node, heard) = counted_ringer("/no/such/folder".as_ref(), &metrics);
    let halts = metrics.counter("host_halts_total", "");
    assert_eq!(hear(&heard).1, "failed");
    assert_eq!(shows(&node, "ringer"), Ok(()));
    assert_eq!(halts.get(), 0);
    tell(&node, "halt");
    let why = hear(&heard).1;
    assert!(why.starts_with("halted: enough"), "{why}");
    assert!(!tell(&node, "set"), "it takes no further input");
    assert_eq!(halts.get(), 1);
    assert!(heard.try_recv().is_err(), "what it asked for after its end goes with it");
    assert!(shows(&node, "ringer").unwrap_err().starts_with("enough"));
    assert_eq!(node.inspect(), None);
}

#[test]
fn a_machine_that_panicked_never_gets_another_input() {
    let (node, heard) = ringer(".".as_ref());
    hear(&heard);
    let told = node.clone();
    let telling = std::thread::spawn(move || tell(&told, "panic"));
    // Whoever has the machine handles what it is told: this thread, or the lane that answered last.
    until!(telling.is_finished() && node.inspect().is_none());
    drop(telling.join());
    assert!(!tell(&node, "set"));
    assert!(hear(&heard).1.contains("panicked"));
    assert!(shows(&node, "ringer").is_err());
}

/// The file is a device that cannot be synced, which is how a real one answers once it has failed.
#[test]
fn a_failed_sync_is_the_end_whatever_the_machine_makes_of_it() {
    let scratch = Scratch::new("fsyncgate");
    std::os::unix::fs::symlink("/dev/null", scratch.0.join("bell")).unwrap();
    let (node, heard) = ringer(&scratch.0);
    assert_eq!(hear(&heard).1, "done");
    assert!(tell(&node, "sync"));
    let end = hear(&heard).1;
    assert!(end.starts_with("halted: what was written could not be made durable ("), "{end}");
    assert!(heard.try_recv().is_err(), "it said that it failed, and was not let");
    assert!(!tell(&node, "set"));
}

/// A folder has the name, and is no file that could be deleted.
#[test]
fn a_failed_deletion_is_the_end_too_and_one_of_nothing_is_not() {
    let scratch = Scratch::new("undeleted");
    let (node, heard) = ringer(&scratch.0);
    assert_eq!(hear(&heard).1, "done");
    assert!(tell(&node, "delete"));
    assert_eq!(hear(&heard).1, "failed", "there is nothing to delete");
    std::fs::create_dir(scratch.0.join("bell")).unwrap();
    assert!(tell(&node, "delete"));
    let end = hear(&heard).1;
    assert!(end.starts_with("halted: what was written could not be made durable ("), "{end}");
    assert!(!tell(&node, "set"));
}

#[test]
fn a_machine_that_is_behind_with_its_disk_asks_for_time() {
    let scratch = Scratch::quiet("behind");
    std::fs::write(scratch.0.join("bell"), "").unwrap();
    let metrics = Metrics::default();
    let (node, _heard) = counted_ringer(&scratch.0, &metrics);
    let waiting = metrics.gauge("host_disk_waiting", "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let room = async |within| tokio::time::timeout(within, node.room()).await.is_ok();
        let stalled = Stall::of(&scratch.0);
        assert!(room(Duration::from_secs(60)).await, "it has nothing to do");
        tell(&node, "flood");
        until!(waiting.get() == 2_000);
        assert!(!room(Duration::from_millis(50)).await, "2,000 operations are under way");
        drop(stalled);
        assert!(room(Duration::from_secs(60)).await, "it catches up");
    });
}

/// Each operation is counted for as long as somebody waits for it, whoever that is.
#[test]
fn what_waits_for_a_disk_is_counted_over_all_nodes() {
    let (scratch, metrics) = (Scratch::quiet("counted"), Metrics::default());
    std::fs::write(scratch.0.join("bell"), "").unwrap();
    let waiting = metrics.gauge("host_disk_waiting", "");
    let [one, other, gone] = [(); 3].map(|()| counted_ringer(&scratch.0, &metrics));
    for (_, heard) in [&one, &other, &gone] {
        assert_eq!(hear(heard).1, "done");
    }
    until!(waiting.get() == 0);
    let stalled = Stall::of(&scratch.0);
    for (node, _) in [&one, &other, &other, &gone] {
        assert!(tell(node, "sync"));
    }
    until!(waiting.get() == 4);
    stop(&gone.0);
    assert_eq!(waiting.get(), 3, "nobody waits any more for what it asked");
    drop(stalled);
    until!(waiting.get() == 0);
}

#[test]
fn whoever_waits_for_a_machine_is_told_when_it_is_stopped() {
    let (node, _heard) = ringer(".".as_ref());
    let waiting = node.clone();
    let waiting = std::thread::spawn(move || waiting.until(|shown| shown.role == "never"));
    stop(&node);
    until!(waiting.is_finished());
    assert_eq!(waiting.join().unwrap(), Err("it was stopped".to_owned()));
}
