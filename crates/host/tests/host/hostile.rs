//! Links with peers that are broken, slow or ill-meaning: the node goes on, keeps little of them, and
//! waits for none for ever.

#![expect(clippy::disallowed_types, reason = "the test is the peer")]

use std::net::{Shutdown, UdpSocket};
use std::sync::LazyLock;
use std::time::Duration;

use host::UNLISTED;
use machine::{LONGEST, Link, WINDOW};
use proptest::prelude::*;

use crate::raw::{
    BEAT, BULK, CREDIT, MESSAGE, PAIR, Raw, STREAM, credit, framed, framed_as, give, hello,
    hello_on, n, number,
};
use crate::talker::Speaker;

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
    let why = refused(&hello("talk", 4, n(2), 1, 1));
    assert_eq!(why, "talk 3 and talk 4 do not talk");
    assert!(refused(&hello("wh\nale", 3, n(2), 1, 1)).contains("wh\\nale 3"));
    assert!(refused(&hello("talk", 3, n(2), 9, 1)).contains("n9 was asked for"));
    assert!(refused(&hello("talk", 3, 1, 1, 1)).contains("n1 has to be dialled"));
    assert!(refused(&hello("talk", 3, 0, 1, 1)).contains("not the reverse"));
    assert!(refused(&framed(b"GET / HTTP/1.1\r\n\r\n")).contains("not the protocol"));
    assert!(refused(b"GET / HTTP/1.1\r\n\r\n").contains("a frame of 542393671 bytes"));
    // Of members and of sessions.
    assert_eq!(refused(&hello("talk", 3, 2, 1, 1)), "n2 is not a node of this cluster");
    let session = refused(&hello("talk", 3, UNLISTED.end, 1, 1));
    assert_eq!(session, "n2147483648 is not a node of this cluster");
    let no_stream = hello_on(BULK, PAIR, 0, ("talk", 3, n(2), 1, 1));
    assert_eq!(refused(&no_stream), "there is no stream that it belongs to");
    let among = Speaker::start_among(1, &[]);
    let mut raw = Raw::dial(among.address);
    raw.write(&hello("talk", 3, n(2), 1, 1));
    assert_eq!(raw.refusal(), format!("n{} is not a node of this cluster", n(2)));
    assert_eq!(speaker.counter("host_link_greetings_refused_total"), 10);
    still_talks(&speaker, n(2));
}

#[test]
fn a_number_has_one_process_at_a_time() {
    let speaker = speaker();
    let mut first = Raw::greeted(speaker.address, n(2), 11);
    let mut second = Raw::dial(speaker.address);
    second.write(&hello("talk", 3, n(2), 1, 22));
    assert_eq!(second.refusal(), format!("another process is connected as n{}", n(2)));
    first.write(&number(1));
    until!(speaker.heard(n(2)) == [1]);
    // The same process dials again: what it had before is over, and the machine is told.
    let mut again = Raw::greeted(speaker.address, n(2), 11);
    first.read_to_the_end();
    again.write(&number(2));
    until!(speaker.heard(n(2)) == [1, 2]);
    assert_eq!(speaker.resets(), 1);
    drop(again);
    until!(speaker.links_up() == 0);
    Raw::greeted(speaker.address, n(2), 22);
}

#[test]
fn a_frame_that_is_too_long_or_no_word_ends_the_stream() {
    let speaker = speaker();
    let too_long = [&(6_u32 << 20).to_le_bytes()[..], &[MESSAGE]].concat();
    let too_heavy = framed(&vec![b'b'; LONGEST as usize + 1]);
    let endings = [
        &too_long[..],
        &[0xff; 9],
        &framed(b"nonsense"),
        &framed_as(9, b""),
        &framed_as(2, b"a beat has no bytes"),
        &too_heavy,
    ];
    for (round, end) in (1..).zip(endings) {
        let mut peer = Raw::greeted(speaker.address, n(2), round);
        peer.write(&number(round));
        peer.write(end);
        peer.read_to_the_end();
        until!(speaker.resets() == round && speaker.links_up() == 0);
    }
    assert_eq!(speaker.heard(n(2)), [1, 2, 3, 4, 5, 6], "what came before was whole");
    still_talks(&speaker, n(3));
}

#[test]
fn who_says_nothing_or_half_a_thing_is_not_waited_for() {
    let speaker = speaker();
    let mut never_said_hello = Raw::dial(speaker.address);
    let mut silent = Raw::greeted(speaker.address, n(2), 1);
    let mut halfway = Raw::greeted(speaker.address, n(3), 1);
    halfway.write(&number(1)[..7]);
    let mut dribbling = Raw::greeted(speaker.address, n(4), 1);
    never_said_hello.read_to_the_end();
    for byte in number(1) {
        dribbling.write(&[byte]);
        #[expect(clippy::disallowed_methods, reason = "it is slow")]
        std::thread::sleep(Duration::from_millis(700));
    }
    let heartbeats = silent.read_to_the_end() / 5;
    assert!(heartbeats >= 3, "it says that it is there although nobody answers: {heartbeats}");
    halfway.read_to_the_end();
    dribbling.read_to_the_end();
    assert!(speaker.heard(n(4)).is_empty());
    still_talks(&speaker, n(5));
}

/// It would be connected for good, and its number nobody else's.
#[test]
fn a_link_whose_place_is_given_away_is_over_and_the_machine_is_told() {
    let speaker = Speaker::start_with_places(1, 2);
    let mut stream = Raw::greeted(speaker.address, n(2), 11);
    let mut bulk = Raw::beside(speaker.address, n(2), 11);
    stream.write(&number(1));
    until!(speaker.heard(n(2)) == [1]);
    assert_eq!(speaker.places.taken(), 2);
    // A link is not idle: it goes when it is a second old, for one whose address holds less.
    let mut other = Raw::dial_from([127, 0, 0, 2], speaker.address);
    other.write(&hello("talk", 3, n(3), 1, 22));
    other.frame();
    stream.read_to_the_end();
    bulk.read_to_the_end();
    until!(speaker.resets() == 1 && speaker.links_up() == 1 && speaker.places.taken() == 1);
    let mut again = Raw::greeted(speaker.address, n(2), 33);
    again.write(&number(2));
    until!(speaker.heard(n(2)) == [1, 2]);
}

/// The older pair is at work all the while, the younger one only says that it is there.
#[test]
fn the_longest_silent_link_makes_room_and_not_the_oldest() {
    let speaker = Speaker::start_with_places(1, 4);
    let pair = |from, boot| {
        (Raw::greeted(speaker.address, from, boot), Raw::beside(speaker.address, from, boot))
    };
    let (mut old, _old_bulk) = pair(n(2), 11);
    let (mut silent, mut silent_bulk) = pair(n(3), 22);
    let mut said = 0;
    let mut speaks_for_a_while = |beside: &mut Raw| {
        for _ in 0..15 {
            old.write(&number(said));
            beside.write(&framed_as(BEAT, b""));
            said += 1;
            until!(speaker.heard(n(2)).len() as u64 == said);
            #[expect(clippy::disallowed_methods, reason = "silence takes its time")]
            std::thread::sleep(Duration::from_millis(100));
        }
    };
    speaks_for_a_while(&mut silent);
    let mut other = Raw::dial_from([127, 0, 0, 2], speaker.address);
    other.write(&hello("talk", 3, n(4), 1, 33));
    other.frame();
    silent.read_to_the_end();
    silent_bulk.read_to_the_end();
    speaks_for_a_while(&mut other);
    assert_eq!((speaker.resets(), speaker.links_up()), (0, 2), "nothing was lost");
}

/// The reset waits for the machine, and what the next pair brings waits for the reset.
#[test]
fn a_reset_that_a_busy_machine_has_not_heard_of_wipes_out_nothing_of_the_next_pair() {
    let speaker = speaker();
    let mut first = Raw::greeted(speaker.address, n(2), 1);
    // More than the systems of both ends take: some of it waits in here.
    speaker.pour(n(2), Link::Stream, 7, 1 << 20);
    first.write(&number(1));
    until!(speaker.heard(n(2)) == [1]);
    let mut next = Raw::dial(speaker.address);
    let quarter = framed(&vec![b'b'; machine::CREDIT as usize]);
    speaker.while_busy(|| {
        first.0.shutdown(Shutdown::Both).unwrap();
        until!(speaker.links_up() == 0);
        next.write(&hello("talk", 3, n(2), 1, 1));
        next.write(&quarter);
        #[expect(clippy::disallowed_methods, reason = "what must not happen takes its time")]
        std::thread::sleep(Duration::from_millis(200));
    });
    assert_eq!(next.frame().1[9], 0, "it is welcome");
    until!(speaker.resets() == 1 && speaker.look(|talker| talker.poured.len()) == 1);
    speaker.say(n(2), 5..6);
    let (mut credits, mut messages) = (0, Vec::new());
    while credits == 0 || messages.is_empty() {
        match next.frame() {
            (CREDIT, _) => credits += 1,
            (MESSAGE, bytes) => messages.push(framed(&bytes)),
            _ => {}
        }
    }
    assert!(messages == [number(5)], "nothing from before the reset");
    assert_eq!((speaker.resets(), speaker.links_up()), (1, 1));
}

/// What the machine sends before it is told of the pair before is lost with that one, so it may take another try.
#[test]
fn what_is_sent_to_one_that_goes_before_it_is_greeted_is_lost_and_the_machine_is_told() {
    assert!((0..10).any(|_| is_told_of_one_that_goes_before_it_is_greeted()));
}

/// It was admitted, so that what the machine sends is for it; and has gone before it could be greeted.
fn is_told_of_one_that_goes_before_it_is_greeted() -> bool {
    let speaker = speaker();
    let mut first = Raw::greeted(speaker.address, n(2), 1);
    first.write(&number(1));
    until!(speaker.heard(n(2)) == [1]);
    let mut next = Raw::dial(speaker.address);
    speaker.while_busy(|| {
        // The same process: the pair before is over, and the machine is to be told before the next begins.
        next.write(&hello("talk", 3, n(2), 1, 1));
        first.read_to_the_end();
        until!(speaker.counter("host_link_resets_total") == 1);
        speaker.say(n(2), 0..3);
        next.abort();
    });
    until!(speaker.resets() >= 1);
    (0..200).any(|_| {
        #[expect(clippy::disallowed_methods, reason = "what need not happen has its time")]
        std::thread::sleep(Duration::from_millis(10));
        speaker.resets() == 2
    })
}

/// Datagrams have no window: so many wait, and the rest is lost.
#[test]
fn datagrams_to_a_busy_machine_are_kept_only_so_far() {
    let speaker = speaker();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let hello = hello_on(STREAM, PAIR, port, ("talk", 3, n(2), 1, 1));
    let _stream = Raw::welcomed(speaker.address, &hello).0;
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    speaker.say_on(Link::Datagram, n(2), 7..8);
    let mut sample = [0; 1500];
    socket.recv_from(&mut sample).unwrap();
    let (speaks, boot) = (&sample[..8], &sample[12..20]);
    let head = [speaks, &n(2).to_le_bytes(), &1_u64.to_le_bytes(), boot].concat();
    let datagram = [&head[..], b"n", &7_u64.to_le_bytes()].concat();
    speaker.while_busy(|| {
        until!({
            (0..50).for_each(|_| drop(socket.send_to(&datagram, speaker.address)));
            speaker.counter("host_link_datagrams_dropped_total") > 500
        });
    });
    until!(speaker.heard(n(2)).len() >= 1024);
    socket.send_to(&datagram, speaker.address).unwrap();
    until!(speaker.heard(n(2)).len() > 1024);
    assert_eq!(speaker.resets(), 0);
}

/// It asks for 100 MB and takes nothing. What is kept for it is a window at most; then it is cut off.
#[test]
fn who_takes_no_answers_is_cut_off_at_its_window() {
    let speaker = speaker();
    let mut glutton = Raw::greeted(speaker.address, n(2), 1);
    for _ in 0..1_100 {
        glutton.write(&give(90_000));
    }
    until!(speaker.resets() == 1);
    // The one that was too much was made too.
    assert_eq!(speaker.given(), u64::from(WINDOW) / 90_001 + 1);
    still_talks(&speaker, n(3));
}

/// A slow reader loses nothing, if it reads at all and gives credit for what it took.
#[test]
fn who_is_slow_gets_all() {
    let speaker = speaker();
    let mut slow = Raw::greeted(speaker.address, n(2), 1);
    speaker.pour_slowly(n(2), Link::Stream, 300, 90_000);
    let (mut whole, mut empty) = (0, 0);
    while whole < 300 {
        match slow.frame() {
            (MESSAGE, bytes) => {
                assert_eq!(bytes.len(), 90_001);
                let quarters = |messages: u32| messages * 90_001 / machine::CREDIT;
                if quarters(whole + 1) > quarters(whole) {
                    slow.write(&credit(STREAM, PAIR));
                }
                whole += 1;
            }
            // It says that it is there, once a second or so.
            _ => empty += 1,
        }
        assert!(empty < 60, "only {whole} answers came within a minute");
    }
    assert_eq!(speaker.resets(), 0);
}

/// It says nothing on its bulk lane, and takes nothing from it, for longer than a stream may be silent.
#[test]
fn who_stalls_in_bulk_is_still_heard_and_spoken_to() {
    let speaker = speaker();
    let mut stream = Raw::greeted(speaker.address, n(2), 1);
    let bulk = Raw::beside(speaker.address, n(2), 1);
    speaker.pour_slowly(n(2), Link::Bulk, 64, 1 << 20);
    // Half a second each; a stream is given up after five.
    for round in 0..14 {
        stream.write(&number(round));
        until!(speaker.heard(n(2)).len() as u64 == round + 1);
        speaker.say(n(2), round..round + 1);
        while stream.frame().0 != MESSAGE {}
        #[expect(clippy::disallowed_methods, reason = "it takes its time")]
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(speaker.resets(), 0);
    // The end of the lane is the end of the stream beside it.
    drop(bulk);
    stream.read_to_the_end();
    until!(speaker.resets() == 1 && speaker.links_up() == 0);
}

#[test]
fn the_end_of_a_stream_is_the_end_of_the_bulk_lane_beside_it() {
    let speaker = speaker();
    let stream = Raw::greeted(speaker.address, n(2), 1);
    let mut bulk = Raw::beside(speaker.address, n(2), 1);
    bulk.write(&number(1));
    until!(speaker.heard(n(2)) == [1]);
    let mut second = Raw::dial(speaker.address);
    second.write(&hello_on(BULK, PAIR, 0, ("talk", 3, n(2), 1, 1)));
    assert_eq!(second.refusal(), "there is no stream that it belongs to", "it has one");
    stream.0.shutdown(Shutdown::Both).unwrap();
    bulk.read_to_the_end();
    until!(speaker.resets() == 1 && speaker.links_up() == 0);
}

/// Credit is given for what the machine was handed, on the stream, by lane and by pair.
#[test]
fn credit_comes_for_each_quarter_of_a_window_that_was_taken() {
    let speaker = speaker();
    let mut stream = Raw::greeted(speaker.address, n(2), 1);
    let mut bulk = Raw::beside(speaker.address, n(2), 1);
    let quarter = framed(&vec![b'b'; machine::CREDIT as usize]);
    for _ in 0..5 {
        bulk.write(&quarter);
        let given = std::iter::repeat_with(|| stream.frame()).find(|(kind, _)| *kind == CREDIT);
        assert_eq!(framed_as(CREDIT, &given.unwrap().1), credit(BULK, PAIR));
    }
    assert_eq!(speaker.look(|talker| talker.poured.len()), 5);
    assert_eq!(speaker.resets(), 0);
}

#[test]
fn credit_for_another_pair_or_for_nothing_ends_the_pair() {
    let speaker = speaker();
    for (round, bad) in (1..).zip([credit(BULK, PAIR + 1), credit(BULK, PAIR), credit(2, PAIR)]) {
        let mut stream = Raw::greeted(speaker.address, n(2), round);
        stream.write(&number(round));
        stream.write(&bad);
        stream.read_to_the_end();
        until!(speaker.resets() == round && speaker.links_up() == 0);
    }
    still_talks(&speaker, n(3));
}

/// A datagram of the speaker, taken apart and put together again by others than it was meant for.
#[test]
fn a_datagram_from_nobody_or_from_before_a_restart_is_dropped_and_counted() {
    let speaker = speaker();
    let refused = || speaker.counter("host_link_datagrams_refused_total");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let port = socket.local_addr().unwrap().port();
    let greet = |boot| {
        let hello = hello_on(STREAM, PAIR, port, ("talk", 3, n(2), 1, boot));
        Raw::welcomed(speaker.address, &hello).0
    };
    let stream = greet(1);
    speaker.say_on(Link::Datagram, n(2), 7..8);
    let mut sample = [0; 1500];
    let (length, from) = socket.recv_from(&mut sample).unwrap();
    assert_eq!((length, from), (28 + 9, speaker.address), "it comes from the port of the listener");
    assert_eq!(sample[28..length], [&b"n"[..], &7_u64.to_le_bytes()].concat());
    let datagram = |from: u32, theirs: u64, ours: &[u8], speaks: &[u8], number: u64| {
        let number = [&b"n"[..], &number.to_le_bytes()].concat();
        [speaks, &from.to_le_bytes(), &theirs.to_le_bytes(), ours, &number].concat()
    };
    let (speaks, boot) = (&sample[..8], &sample[12..20]);
    assert_eq!(sample[20..28], 1_u64.to_le_bytes(), "it is for this boot of ours");
    let send = |datagram: Vec<u8>| socket.send_to(&datagram, speaker.address).unwrap();
    send(datagram(n(2), 1, boot, speaks, 1));
    until!(speaker.heard(n(2)) == [1]);
    let forged = [
        datagram(n(3), 1, boot, speaks, 2),
        datagram(n(2), 2, boot, speaks, 2),
        datagram(n(2), 1, &[0; 8], speaks, 2),
        datagram(n(2), 1, boot, &[0; 8], 2),
        datagram(n(2), 1, boot, speaks, 2)[..30].to_vec(),
        b"noise".to_vec(),
    ];
    for (count, forged) in (1..).zip(forged) {
        send(forged);
        until!(refused() == count);
    }
    drop(stream);
    until!(speaker.links_up() == 0);
    let again = greet(2);
    send(datagram(n(2), 1, boot, speaks, 3));
    until!(refused() == 7);
    send(datagram(n(2), 2, boot, speaks, 4));
    until!(speaker.heard(n(2)) == [1, 4]);
    drop(again);
}

static BESIEGED: LazyLock<Speaker> = LazyLock::new(speaker);

/// Frames that are nearly right, cut and changed anywhere.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let frame = prop_oneof![
        any::<u64>().prop_map(number),
        (0..1000_u32).prop_map(give),
        prop::collection::vec(any::<u8>(), 0..50).prop_map(|body| framed(&body)),
        Just(framed(b"")),
        (0..4_u8, 0..3_u64).prop_map(|(lane, pair)| credit(lane, PAIR + pair)),
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
        let mut peer = if greets { Raw::greeted(address, n(2), 1) } else { Raw::dial(address) };
        peer.write(&noise);
        let _ = peer.0.shutdown(Shutdown::Write);
        peer.read_to_the_end();
        still_talks(&BESIEGED, n(3));
    }
}
