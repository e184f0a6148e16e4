//! A put, in three protocols. Each client has a connection of its own.

use std::net::SocketAddr;

use bytes::{BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// infralab's HTTP.
    Kv,
    /// etcd's JSON gateway.
    Gateway,
    /// etcd's gRPC.
    Grpc,
}

impl Protocol {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Protocol::Kv => "infralab",
            Protocol::Gateway => "etcd-gateway",
            Protocol::Grpc => "etcd-grpc",
        }
    }
}

pub(crate) enum Client {
    Http { protocol: Protocol, stream: TcpStream, buffer: BytesMut },
    Grpc { send: SendRequest<Bytes>, uri: String },
}

impl Client {
    pub(crate) async fn connect(protocol: Protocol, address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).await.expect("the leader listens");
        stream.set_nodelay(true).expect("a socket");
        match protocol {
            Protocol::Kv | Protocol::Gateway => {
                Client::Http { protocol, stream, buffer: BytesMut::new() }
            }
            Protocol::Grpc => {
                let (send, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
                tokio::spawn(connection);
                Client::Grpc { send, uri: format!("http://{address}/etcdserverpb.KV/Put") }
            }
        }
    }

    /// Puts a value, and waits until it is committed.
    pub(crate) async fn put(&mut self, key: &[u8], value: &[u8]) {
        match self {
            Client::Http { protocol, stream, buffer } => {
                let request = match protocol {
                    Protocol::Kv => put_kv(key, value),
                    _ => put_gateway(key, value),
                };
                stream.write_all(&request).await.expect("the leader reads");
                let head = answer(stream, buffer).await;
                assert!(head.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&head));
            }
            Client::Grpc { send, uri } => put_grpc(send, uri, key, value).await,
        }
    }
}

fn put_kv(key: &[u8], value: &[u8]) -> Bytes {
    let key = String::from_utf8_lossy(key);
    let head = format!(
        "PUT /kv/{key} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        value.len()
    );
    [head.as_bytes(), value].concat().into()
}

fn put_gateway(key: &[u8], value: &[u8]) -> Bytes {
    let body = format!(r#"{{"key":"{}","value":"{}"}}"#, base64(key), base64(value));
    let length = body.len();
    format!(
        "POST /v3/kv/put HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into()
}

/// Reads one answer, and gives its head.
async fn answer(stream: &mut TcpStream, buffer: &mut BytesMut) -> Bytes {
    loop {
        let end = buffer.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            let head = buffer.split_to(end + 4).freeze();
            let rest = length(&head).saturating_sub(buffer.len());
            if rest > 0 {
                let mut rest = vec![0; rest];
                stream.read_exact(&mut rest).await.expect("a body");
            }
            buffer.clear();
            return head;
        }
        assert!(stream.read_buf(buffer).await.expect("an answer") > 0, "the leader hung up");
    }
}

fn length(head: &[u8]) -> usize {
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    length.expect("answers have a length")
}

/// A frame of gRPC with a PutRequest: field 1 is the key, field 2 the value.
async fn put_grpc(send: &mut SendRequest<Bytes>, uri: &str, key: &[u8], value: &[u8]) {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32((4 + key.len() + value.len()) as u32);
    for (tag, field) in [(0x0a, key), (0x12, value)] {
        frame.put_u8(tag);
        frame.put_u8(u8::try_from(field.len()).ok().filter(|length| *length < 128).expect("short"));
        frame.put_slice(field);
    }
    let request = Request::post(uri)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .expect("a request");
    let mut ready = send.clone().ready().await.expect("a connection");
    let (response, mut body) = ready.send_request(request, false).expect("a stream");
    body.send_data(frame.freeze(), true).expect("a body");
    let mut answer = response.await.expect("an answer").into_body();
    while let Some(data) = answer.data().await {
        let length = data.expect("data").len();
        answer.flow_control().release_capacity(length).expect("it was taken");
    }
    let trailers = answer.trailers().await.expect("trailers").expect("trailers");
    assert_eq!(trailers["grpc-status"], "0");
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= group.len() { digit as char } else { '=' });
        }
    }
    text
}
