//! A connection to a broker, and one question after the other on it.

use std::io::ErrorKind;

use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::RequestHeader;
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Asked, ClientError, PATIENCE, key, text};
use crate::wire::answer_length;

/// Bytes of an answer: as many partitions as a cluster can have, by far.
const LONGEST: u64 = 16 << 20;

pub(super) struct Connection {
    stream: TcpStream,
    address: String,
    asked: i32,
}

impl Connection {
    pub(super) async fn open(address: &str) -> Result<Connection, ClientError> {
        let failed = |why: String| ClientError::failed(format!("the broker at {address}"), why);
        let stream = timeout(PATIENCE, TcpStream::connect(address)).await;
        let stream = stream.map_err(|_| failed("it cannot be reached in time".to_owned()))?;
        let stream = stream.map_err(|why| {
            failed(format!("{why}; is it running? infralab replicated-log serve starts one"))
        })?;
        // Where it is refused answers are only later.
        let _ = stream.set_nodelay(true);
        Ok(Connection { stream, address: address.to_owned(), asked: 0 })
    }

    pub(super) async fn ask<R: Asked>(&mut self, request: &R) -> Result<R::Response, ClientError> {
        let asked = timeout(PATIENCE, self.talk(request)).await;
        let failed =
            |why: String| ClientError::failed(format!("the broker at {}", self.address), why);
        let answer = asked.map_err(|_| failed("there was no answer in time".to_owned()))?.map_err(
            |why| match why.kind() {
                ErrorKind::UnexpectedEof => failed("it ended the connection".to_owned()),
                _ => failed(why.to_string()),
            },
        )?;
        read::<R>(answer, self.asked).ok_or_else(|| {
            failed(format!("its answer to {:?} makes no sense; is it a broker?", key::<R>()))
        })
    }

    async fn talk<R: Asked>(&mut self, request: &R) -> std::io::Result<Bytes> {
        self.asked += 1;
        let mut frame = BytesMut::zeroed(4);
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(R::VERSION)
            .with_correlation_id(self.asked)
            .with_client_id(Some(text("infralab")));
        let encoded = header
            .encode(&mut frame, R::header_version(R::VERSION))
            .and_then(|()| request.encode(&mut frame, R::VERSION));
        encoded.map_err(|why| std::io::Error::other(format!("it cannot be asked so: {why}")))?;
        let length = (frame.len() - 4) as u32;
        frame[..4].copy_from_slice(&length.to_be_bytes());
        self.stream.write_all(&frame).await?;
        let length = u64::from(self.stream.read_u32().await?);
        if length > LONGEST {
            return Err(std::io::Error::other("its answer is too long; is it a broker?"));
        }
        // Memory comes with the bytes, and not with what is said of them.
        let mut answer = Vec::new();
        (&mut self.stream).take(length).read_to_end(&mut answer).await?;
        match answer.len() as u64 == length {
            true => Ok(answer.into()),
            false => Err(ErrorKind::UnexpectedEof.into()),
        }
    }
}

/// The answer in these bytes, if they are that of the question of this number.
fn read<R: Asked>(mut bytes: Bytes, asked: i32) -> Option<R::Response> {
    let head = if R::Response::header_version(R::VERSION) > 0 { 5 } else { 4 };
    if *bytes.first_chunk()? != asked.to_be_bytes() {
        return None;
    }
    let mut body = bytes.split_off(bytes.len().min(head));
    let is_flexible = R::header_version(R::VERSION) > 1;
    body.truncate(answer_length(R::ANSWER, R::VERSION, is_flexible, &body)?);
    R::Response::decode(&mut body, R::VERSION).ok()
}
