//! A client of Kafka's protocol, byte by byte: what a test needs, in old versions, whose fields are few.

#![expect(clippy::disallowed_types, reason = "a client of a test's own has a socket")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use log_protocol::batch::{Batch, Record};

pub(crate) const PRODUCE: (i16, i16) = (0, 3);
pub(crate) const FETCH: (i16, i16) = (1, 4);
pub(crate) const METADATA: (i16, i16) = (3, 4);
pub(crate) const API_VERSIONS: (i16, i16) = (18, 0);
const COMMIT: (i16, i16) = (8, 2);
const JOIN: (i16, i16) = (11, 2);
const SYNC: (i16, i16) = (14, 0);

/// A connection.
pub(crate) struct Kafka(pub(crate) TcpStream);

/// The fields of a request, or what is left of an answer.
#[derive(Clone, Default)]
pub(crate) struct Body(pub(crate) Vec<u8>);

impl Body {
    pub(crate) fn text(self, text: &str) -> Body {
        self.raw(&(text.len() as i16).to_be_bytes()).raw(text.as_bytes())
    }

    pub(crate) fn int(self, number: i32) -> Body {
        self.raw(&number.to_be_bytes())
    }

    pub(crate) fn bytes(self, bytes: &[u8]) -> Body {
        self.int(bytes.len() as i32).raw(bytes)
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Body {
        self.0.extend_from_slice(bytes);
        self
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        self.0.drain(..count).collect()
    }

    pub(crate) fn take_int(&mut self) -> i32 {
        i32::from_be_bytes(self.take(4).try_into().unwrap())
    }

    pub(crate) fn take_short(&mut self) -> i16 {
        i16::from_be_bytes(self.take(2).try_into().unwrap())
    }

    fn take_text(&mut self) -> String {
        let length = self.take_short();
        String::from_utf8(self.take(length.max(0) as usize)).unwrap()
    }
}

/// A request, as a frame.
pub(crate) fn frame((api, version): (i16, i16), body: &Body) -> Vec<u8> {
    let mut frame = Body::default().raw(&api.to_be_bytes()).raw(&version.to_be_bytes());
    frame = frame.int(7).text("test").raw(&body.0);
    Body::default().bytes(&frame.0).0
}

impl Kafka {
    pub(crate) fn at(address: SocketAddr) -> Kafka {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        Kafka(stream)
    }

    pub(crate) fn ask(&mut self, api: (i16, i16), body: &Body) -> Body {
        self.0.write_all(&frame(api, body)).unwrap();
        self.answer().expect("it answers")
    }

    /// The next answer; none where the connection is over.
    pub(crate) fn answer(&mut self) -> Option<Body> {
        let mut length = [0; 4];
        self.0.read_exact(&mut length).ok()?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        self.0.read_exact(&mut frame).ok()?;
        let mut body = Body(frame);
        assert_eq!(body.take_int(), 7, "it is the answer to this");
        Some(body)
    }

    /// Appends a batch of as many records with one time, in milliseconds, and has its error code.
    pub(crate) fn produce(&mut self, topic: &str, records: usize, time: i64, bytes: usize) -> i16 {
        let body = produced(topic, records, time, bytes);
        let mut answer = self.ask(PRODUCE, &body);
        // The array of topics, its only one, its array of partitions, its only one.
        answer.take_int();
        answer.take_text();
        answer.take_int();
        answer.take_int();
        answer.take_short()
    }

    /// As somebody who takes part in no group; the error code.
    pub(crate) fn commit(&mut self, group: &str, topic: &str, offset: i32) -> i16 {
        let who = Body::default().text(group).int(-1).text("").raw(&[0xFF; 8]);
        let part = Body::default().int(0).int(0).int(offset).text("");
        let body = who.int(1).text(topic).int(1).raw(&part.0);
        let mut answer = self.ask(COMMIT, &body);
        answer.take_int();
        answer.take_text();
        answer.take_int();
        answer.take_int();
        answer.take_short()
    }

    /// Takes part in a group, and is given partition 0 of a topic; the error code.
    pub(crate) fn join(&mut self, group: &str, topic: &str) -> i16 {
        let who = Body::default().text(group).int(30_000).int(1_000).text("").text("consumer");
        let mut joined = self.ask(JOIN, &who.int(1).text("range").bytes(b"wants"));
        joined.take_int();
        assert_eq!(joined.take_short(), 0);
        let generation = joined.take_int();
        let (_, _, member) = (joined.take_text(), joined.take_text(), joined.take_text());
        let has = Body::default().raw(&[0, 0]).int(1).text(topic).int(1).int(0).int(-1);
        let body = Body::default().text(group).int(generation).text(&member);
        self.ask(SYNC, &body.int(1).text(&member).bytes(&has.0)).take_short()
    }
}

/// The fields of a request to append to partition 0 of a topic.
pub(crate) fn produced(topic: &str, records: usize, time: i64, bytes: usize) -> Body {
    let record = Record { key: None, value: Some(vec![b'x'; bytes].into()) };
    let batch = Batch::of(&vec![record; records], time, None);
    let batch: Vec<u8> = batch.parts().slices().iter().flat_map(|slice| slice.to_vec()).collect();
    let body = Body::default().raw(&[0xFF; 2]).raw(&(-1i16).to_be_bytes()).int(10_000);
    body.int(1).text(topic).int(1).int(0).bytes(&batch)
}
