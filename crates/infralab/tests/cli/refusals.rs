//! A server that must not start does not, and leaves everything as it was.

use std::fs;

use crate::lab::Scratch;
use crate::server::Server;

/// The server must refuse to start on this folder, with this status, saying this.
#[track_caller]
fn will_not_start(data: &str, more: &[&str], code: i32, sentence: &[&str]) {
    let said = Server::try_start(data, more).expect_err("it must not start");
    assert_eq!(said.code, Some(code), "{said:?}");
    said.complains(sentence);
}

#[test]
fn a_folder_has_one_server_at_a_time() {
    let scratch = Scratch::new("twice");
    let data = scratch.text("data");
    let server = Server::start(&data, &[]);
    will_not_start(&data, &[], 4, &["a server that is running", "--data"]);
    assert!(server.id() > 0, "the first is not disturbed");
    server.kill();
    assert!(Server::start(&data, &[]).id() > 0, "the lock goes with its holder");
}

#[test]
fn a_port_has_one_server() {
    let scratch = Scratch::new("port");
    let server = Server::start(&scratch.text("data"), &[]);
    let taken = server.address.to_string();
    let other = scratch.text("other");
    let arguments = ["snowflake", "serve", "--listen", &taken, "--data", &other];
    crate::lab::refused(&arguments, 4, &[&taken, "--listen"]);
    assert!(!scratch.join("other").exists());
}

#[test]
fn a_folder_belongs_to_one_worker_and_one_layout() {
    let scratch = Scratch::new("owner");
    let data = scratch.text("data");
    Server::start(&data, &["--worker", "3"]).id();
    let format = fs::read(scratch.join("data/format.json")).unwrap();
    let way_out = ["--layout twitter --worker 3", "--data"];
    will_not_start(&data, &["--worker", "4"], 2, &way_out);
    will_not_start(&data, &["--worker", "3", "--layout", "discord"], 2, &way_out);
    assert_eq!(fs::read(scratch.join("data/format.json")).unwrap(), format);
    assert!(Server::start(&data, &["--worker", "3"]).id() > 0);
}

#[test]
fn a_mark_that_rotted_is_not_used_and_not_touched() {
    let scratch = Scratch::new("rotten");
    let data = scratch.text("data");
    Server::start(&data, &[]).id();
    let mark = scratch.join("data/disk/mark");
    let sound = fs::read(&mark).unwrap();
    let mut rotten = sound.clone();
    rotten[3] ^= 0x10;
    for bad in [&rotten[..], &sound[..5], b""] {
        fs::write(&mark, bad).unwrap();
        will_not_start(&data, &[], 4, &["not what was written", "left as it is"]);
        assert_eq!(fs::read(&mark).unwrap(), bad, "it is evidence, and perhaps it can be repaired");
    }
    fs::write(&mark, sound).unwrap();
    assert!(Server::start(&data, &[]).id() > 0);
}

/// A mark that was deleted by hand was once taken for that of a new disk: the worker minted from the
/// clock alone, and after a step back gave ids twice.
#[test]
fn a_mark_that_was_lost_is_not_taken_for_one_that_never_was() {
    let scratch = Scratch::new("lost");
    let data = scratch.text("data");
    Server::start(&data, &[]).id();
    fs::remove_file(scratch.join("data/disk/mark")).unwrap();
    will_not_start(&data, &[], 4, &["lost its file disk/mark", "restore", "--data", "--worker"]);
    fs::remove_dir_all(scratch.join("data/disk")).unwrap();
    will_not_start(&data, &[], 4, &["lost its file disk/mark"]);
    assert!(!scratch.join("data/disk").exists());
}

/// What a start leaves that was cut short before the folder was whole.
#[test]
fn a_folder_that_was_half_made_is_made_again() {
    let scratch = Scratch::new("half");
    let data = scratch.text("data");
    Server::start(&data, &[]).kill();
    let mark = scratch.join("data/disk/mark");
    fs::remove_file(scratch.join("data/format.json")).unwrap();
    fs::write(scratch.join("data/disk/.new"), "half a mark").unwrap();
    let server = Server::start(&data, &[]);
    server.id();
    server.kill();
    fs::remove_file(scratch.join("data/format.json")).unwrap();
    will_not_start(&data, &[], 4, &["has other files in it"]);
    assert!(mark.exists(), "a mark that was raised is nobody's to make anew");
}

#[test]
fn a_layout_that_is_spelled_out_is_the_layout_of_its_name() {
    let scratch = Scratch::new("spelled");
    let data = scratch.text("data");
    Server::start(&data, &[]).id();
    let spec = "custom:epoch=1288834974657,tick=1ms,timestamp=41,worker=10,sequence=12";
    assert!(Server::start(&data, &["--layout", spec]).id() > 0);
}

#[test]
fn a_folder_that_is_somebody_elses_is_left_alone() {
    let scratch = Scratch::new("foreign");
    let data = scratch.text("data");
    fs::create_dir(&data).unwrap();
    fs::write(scratch.join("data/thesis.txt"), "years of work").unwrap();
    will_not_start(&data, &[], 4, &["has other files in it", "--data"]);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);

    let file = scratch.text("data/thesis.txt");
    will_not_start(&file, &[], 4, &["cannot be used"]);
}

#[test]
fn a_format_file_is_read_as_if_a_stranger_wrote_it() {
    let scratch = Scratch::new("format");
    let data = scratch.text("data");
    Server::start(&data, &[]).kill();
    let format = scratch.join("data/format.json");
    let long = " ".repeat(10_000) + "{}";
    for bad in ["", "{}", "[1]", "{\"format\":1}", "{\"format\":1,\"disk\":-1}", &long, "\0"] {
        fs::write(&format, bad).unwrap();
        will_not_start(&data, &[], 4, &["damaged format.json"]);
    }
    fs::write(&format, "{\"format\":2,\"shape\":\"another\"}").unwrap();
    fs::remove_file(scratch.join("data/lock")).unwrap();
    will_not_start(&data, &[], 4, &["has format 2", "the version that made it"]);
    assert!(!scratch.join("data/lock").exists(), "it was left exactly as it was");
}
