//! Partitions are moved: what Kafka's own calls do not do here, a server's admin address does.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::{ClientError, PATIENCE};
use crate::reassign::{MOVES, Reassign};

/// Bytes of an answer.
const LONGEST: usize = 1 << 20;

/// Has these partitions of a topic move to these brokers, by the admin address of any server of the cluster. It
/// answers when the move is decided, and begun.
///
/// # Errors
/// If it is not, or nobody knows.
pub fn reassign(
    admin: SocketAddr,
    topic: &str,
    replicas: BTreeMap<u32, Vec<u32>>,
) -> Result<Reassign, ClientError> {
    let asked = Reassign { topic: topic.to_owned(), replicas };
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|why| ClientError::failed("this client", why))?;
    let failed = |why: String| ClientError::failed(format!("the admin address {admin}"), why);
    // A time-out begins on the runtime.
    let talked = runtime.block_on(async { timeout(PATIENCE, talk(admin, &asked)).await });
    let (status, body) = talked
        .map_err(|_| failed("there was no answer in time, and the move may have begun".to_owned()))?
        .map_err(failed)?;
    if status.is_success() {
        return Ok(asked);
    }
    let said: Option<Value> = serde_json::from_slice(&body).ok();
    let said = said.as_ref().and_then(|said| said["error"].as_str());
    let said = said.unwrap_or("it gave no reason; is it a server of replicated-log?");
    match status.is_server_error() {
        true => Err(failed(said.to_owned())),
        false => Err(ClientError::Refused(said.to_owned())),
    }
}

async fn talk(admin: SocketAddr, asked: &Reassign) -> Result<(StatusCode, Bytes), String> {
    let stream = TcpStream::connect(admin).await.map_err(|why| {
        format!("{why}; a server that was started with --admin {admin} listens there")
    })?;
    let text = |why: hyper::Error| why.to_string();
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await.map_err(text)?;
    tokio::spawn(connection);
    let body = serde_json::to_vec(asked).map_err(|why| why.to_string())?;
    let request = Request::post(MOVES)
        .header(HOST, admin.to_string())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)));
    let answer = sender.send_request(request.map_err(|why| why.to_string())?).await;
    let (head, body) = answer.map_err(text)?.into_parts();
    let body = Limited::new(body, LONGEST).collect().await.map_err(|why| why.to_string())?;
    Ok((head.status, body.to_bytes()))
}
