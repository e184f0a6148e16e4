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
    let way_out = ["--worker 3 --layout twitter", "--data"];
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
    will_not_start(&data, &[], 4, &["has format 2", "the version that made it"]);
}
