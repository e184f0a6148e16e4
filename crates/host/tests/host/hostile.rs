//! Links with peers that are broken, slow or ill-meaning: the node goes on, keeps little of them, and
//! waits for none for ever.

#![expect(clippy::disallowed_types, reason = "the test is the peer")]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;

use crate::talker::Speaker;
use crate::wait::within;

/// A peer that speaks in bytes.
struct Raw(TcpStream);

fn framed(body: &[u8]) -> Vec<u8> {
    [&(body.len() as u32).to_le_bytes()[..], body].concat()
}

fn hello(protocol: &str, version: u32, from: u32, to: u32, boot: u64) -> Vec<u8> {
    let mut body = b"infralab\x01\0".to_vec();
    body.push(protocol.len() as u8);
    body.extend_from_slice(protocol.as_bytes());
    for number in [version, from, to] {
        body.extend_from_slice(&number.to_le_bytes());
    }
    body.extend_from_slice(&boot.to_le_bytes());
    framed(&body)
}

fn give(bytes: u32) -> Vec<u8> {
    framed(&[&b"g"[..], &bytes.to_le_bytes()].concat())
}

fn number(number: u64) -> Vec<u8> {
    framed(&[&b"n"[..], &number.to_le_bytes()].concat())
}

impl Raw {
    fn dial(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
        Raw(stream)
    }

    /// One that has been welcomed.
    fn greeted(address: SocketAddr, from: u32, boot: u64) -> Raw {
        let mut raw = Raw::dial(address);
        raw.write(&hello("talk", 3, from, 1, boot));
        let welcome = raw.frame();
        assert_eq!(welcome[9], 0, "{:?}", String::from_utf8_lossy(&welcome));
        raw
    }

    fn write(&mut self, bytes: &[u8]) {
        // The other end may have had enough.
        let _ = self.0.write_all(bytes);
    }

    fn frame(&mut self) -> Vec<u8> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).unwrap();
        let mut body = vec![0; u32::from_le_bytes(length) as usize];
        self.0.read_exact(&mut body).unwrap();
        body
    }

    /// The sentence with which it is sent away.
    fn refusal(&mut self) -> String {
        let frame = self.frame();
        assert_eq!(frame[9], 1);
        String::from_utf8(frame[11..].to_vec()).unwrap()
    }

    /// Reads until the other end closes. It may say for ever that it is there.
    fn read_to_the_end(&mut self) -> usize {
        let mut stream = self.0.try_clone().unwrap();
        within("the other end closes the connection", move || {
            let mut sink = Vec::new();
            match stream.read_to_end(&mut sink) {
                Ok(_) => sink.len(),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => sink.len(),
                Err(error) => panic!("it was not closed: {error}"),
            }
        })
    }
}

fn speaker() -> Speaker {
    Speaker::start(1, "127.0.0.1:0", &[])
}

/// The node still talks with those who mean well.
fn still_talks(speaker: &Speaker, from: u32) {
    let before = speaker.heard(from).len();
    let mut peer = Raw::greeted(speaker.address, from, 1);
    peer.write(&number(7));
    until!(speaker.heard(from).len() == before + 1);
    peer.0.shutdown(Shutdown::Both).unwrap();
    until!(speaker.links_up() == 0);
}

#[test]
fn who_is_not_welcome_is_told_why() {
    let speaker = speaker();
    let refused = |greeting: &[u8]| {
        let mut raw = Raw::dial(speaker.address);
        raw.write(greeting);
        let why = raw.refusal();
        raw.read_to_the_end();
        why
    };
    let why = refused(&hello("talk", 4, 2, 1, 1));
    assert_eq!(why, "talk 3 and talk 4 do not talk");
    assert!(refused(&hello("wh\nale", 3, 2, 1, 1)).contains("wh\\nale 3"));
    assert!(refused(&hello("talk", 3, 2, 9, 1)).contains("n9 was asked for"));
    assert!(refused(&hello("talk", 3, 1, 1, 1)).contains("n1 has to be dialled"));
    assert!(refused(&hello("talk", 3, 0, 1, 1)).contains("not the reverse"));
    assert!(refused(&framed(b"GET / HTTP/1.1\r\n\r\n")).contains("not the protocol"));
    assert!(refused(b"GET / HTTP/1.1\r\n\r\n").contains("a frame of 542393671 bytes"));
    let among = Speaker::start_among(1, &[]);
    let mut raw = Raw::dial(among.address);
    raw.write(&hello("talk", 3, 2, 1, 1));
    assert_eq!(raw.refusal(), "n2 is not a node of this cluster");
    assert_eq!(speaker.metrics.counter("host_link_greetings_refused_total", "").get(), 7);
    still_talks(&speaker, 2);
}

#[test]
fn a_number_has_one_process_at_a_time() {
    let speaker = speaker();
    let mut first = Raw::greeted(speaker.address, 2, 11);
    let mut second = Raw::dial(speaker.address);
    second.write(&hello("talk", 3, 2, 1, 22));
    assert_eq!(second.refusal(), "another process is connected as n2");
    first.write(&number(1));
    until!(speaker.heard(2) == [1]);
    // The same process dials again: what it had before is over, and the machine is told.
    let mut again = Raw::greeted(speaker.address, 2, 11);
    first.read_to_the_end();
    again.write(&number(2));
    until!(speaker.heard(2) == [1, 2]);
    assert_eq!(speaker.resets(), 1);
    drop(again);
    until!(speaker.links_up() == 0);
    Raw::greeted(speaker.address, 2, 22);
}

#[test]
fn a_frame_that_is_too_long_or_no_word_ends_the_stream() {
    let speaker = speaker();
    let endings = [&200_000_u32.to_le_bytes()[..], &[0xff; 9], &framed(b"nonsense")];
    for (round, end) in (1..).zip(endings) {
        let mut peer = Raw::greeted(speaker.address, 2, round);
        peer.write(&number(round));
        peer.write(end);
        peer.read_to_the_end();
        until!(speaker.resets() == round && speaker.links_up() == 0);
    }
    assert_eq!(speaker.heard(2), [1, 2, 3], "what came before was whole");
    still_talks(&speaker, 3);
}

#[test]
fn who_says_nothing_or_half_a_thing_is_not_waited_for() {
    let speaker = speaker();
    let mut never_said_hello = Raw::dial(speaker.address);
    let mut silent = Raw::greeted(speaker.address, 2, 1);
    let mut halfway = Raw::greeted(speaker.address, 3, 1);
    halfway.write(&number(1)[..7]);
    let mut dribbling = Raw::greeted(speaker.address, 4, 1);
    never_said_hello.read_to_the_end();
    for byte in number(1) {
        dribbling.write(&[byte]);
        #[expect(clippy::disallowed_methods, reason = "it is slow")]
        std::thread::sleep(Duration::from_millis(700));
    }
    let heartbeats = silent.read_to_the_end() / 4;
    assert!(heartbeats >= 3, "it says that it is there although nobody answers: {heartbeats}");
    halfway.read_to_the_end();
    dribbling.read_to_the_end();
    assert!(speaker.heard(4).is_empty());
    still_talks(&speaker, 5);
}

/// It asks for 100 MB and takes nothing. What is kept for it is bounded; in the end it is cut off.
#[test]
fn who_takes_no_answers_is_not_read_from_and_then_cut_off() {
    let speaker = speaker();
    let mut glutton = Raw::greeted(speaker.address, 2, 1);
    for _ in 0..1_100 {
        glutton.write(&give(90_000));
    }
    until!(speaker.resets() == 1);
    // Half of what may wait is 23 answers, and what the two systems' buffers take is not ours.
    assert!(speaker.given() < 200, "{} answers were made", speaker.given());
    still_talks(&speaker, 3);
}

/// A slow reader loses nothing, if it reads at all.
#[test]
fn who_is_slow_gets_all() {
    let speaker = speaker();
    let mut slow = Raw::greeted(speaker.address, 2, 1);
    let mut asking = slow.0.try_clone().unwrap();
    #[expect(clippy::disallowed_methods, reason = "the peer does two things at once")]
    let asked = std::thread::spawn(move || {
        (0..300).for_each(|_| asking.write_all(&give(90_000)).unwrap());
        asking
    });
    let (mut whole, mut empty) = (0, 0);
    while whole < 300 {
        let frame = slow.frame();
        match frame.len() {
            // It says that it is there, once a second or so.
            0 => empty += 1,
            length => {
                assert_eq!(length, 90_001);
                whole += 1;
            }
        }
        assert!(empty < 60, "only {whole} answers came within a minute");
    }
    drop(asked.join().unwrap());
    assert_eq!((speaker.given(), speaker.resets()), (300, 0));
}

static BESIEGED: LazyLock<Speaker> = LazyLock::new(speaker);

/// Frames that are nearly right, cut and changed anywhere.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        any::<u64>().prop_map(number),
        (0..1000_u32).prop_map(give),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(|body| framed(&body)),
        Just(framed(b"")),
        any::<u32>().prop_map(|length| length.to_le_bytes().to_vec()),
    ];
    let frames = prop::collection::vec(frame, 0..8).prop_map(|frames| frames.concat());
    (frames, any::<prop::sample::Index>(), any::<u8>(), any::<prop::sample::Index>()).prop_map(
        |(mut bytes, at, to, cut)| {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = to;
                bytes.truncate(cut.index(bytes.len() + 1));
            }
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sent_the_node_goes_on(
        greets: bool, noise in prop_oneof![nearly(), prop::collection::vec(any::<u8>(), 0..300)]
    ) {
        let address = BESIEGED.address;
        let mut peer = if greets { Raw::greeted(address, 2, 1) } else { Raw::dial(address) };
        peer.write(&noise);
        let _ = peer.0.shutdown(Shutdown::Write);
        peer.read_to_the_end();
        still_talks(&BESIEGED, 3);
    }
}
