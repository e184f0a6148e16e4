//! The admin address moves partitions: `POST /reassign`.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use host::http::{self, BadBody, HttpReply};
use host::{Node, Session, Visitor};
use machine::NodeId;

use super::Member;
use crate::reassign::{MOVES, Reassign};
use replicated_log::ask::{Answer, Ask, TopicDone};
use replicated_log::error::ErrorCode;
use replicated_log::message::Message;
use replicated_log::words::TopicRef;

/// Of a request: some thousands of partitions.
const LONGEST: usize = 1 << 20;
/// For the controllers to decide.
const DECIDED: Duration = Duration::from_secs(5);
/// For the broker to say so.
const PATIENCE: Duration = Duration::from_secs(10);

/// The paths. This broker passes on what is asked.
pub(super) fn routes(broker: &Arc<Node<Member>>) -> Router {
    let broker = broker.clone();
    let moves = move |request| answer(broker.clone(), request);
    let other = || async {
        http::error(StatusCode::METHOD_NOT_ALLOWED, "POST it, as JSON").into_response()
    };
    Router::new().route(MOVES, post(moves).fallback(other))
}

async fn answer(broker: Arc<Node<Member>>, request: Request) -> Result<HttpReply, HttpReply> {
    let (parts, body) = request.into_parts();
    let body = http::body(&parts, body, LONGEST).await.map_err(BadBody::reply)?;
    let asked: Reassign = serde_json::from_slice(&body).map_err(|why| {
        let such = r#"{"topic":"events","replicas":{"0":[101,102,103]}}"#;
        HttpReply::error(400, format_args!("a move is such as {such}, and this is not: {why}"))
    })?;
    let nodes = |nodes: &Vec<u32>| nodes.iter().copied().map(NodeId).collect();
    let replicas = asked.replicas.iter().map(|(partition, to)| (*partition, nodes(to)));
    let ask = Ask::Reassign {
        topic: TopicRef::Name(asked.topic.as_str().into()),
        replicas: replicas.collect(),
        timeout: DECIDED,
    };
    let session = Session::of(&Visitor::of(&parts.extensions), &broker);
    let ask = Box::new(ask);
    let answer = session.ask_once(PATIENCE, |token| Message::Ask { token, ask }).await;
    let done = match answer {
        Ok(Message::Answer { answer, .. }) => match *answer {
            Answer::Topics(done) => done,
            _ => return Err(HttpReply::error(500, "the broker answered something else")),
        },
        _ => return Err(HttpReply::error(503, "there was no answer in time; it may be done yet")),
    };
    refusal(&asked, &done).map_or_else(|| Ok(HttpReply::json(200, &asked)), Err)
}

/// What is said if not all of it was decided.
fn refusal(asked: &Reassign, done: &[TopicDone]) -> Option<HttpReply> {
    let outcomes = || asked.replicas.keys().zip(done).map(|(part, done)| (part, &done.outcome));
    let failed = outcomes().filter_map(|(part, outcome)| Some((part, outcome.as_ref().err()?)));
    let (part, (error, why)) = failed.clone().next()?;
    let refused = failed.count();
    let rest = match done.len() - refused {
        0 => "nothing was changed",
        _ => "those of the others that can move have begun to",
    };
    let (status, why) = match error {
        ErrorCode::UnknownTopicOrPartition if why.is_empty() => (400, "there is no such topic"),
        ErrorCode::RequestTimedOut => (503, "it was not decided in time, and may be yet"),
        ErrorCode::NotController => (503, &**why),
        _ => (400, &**why),
    };
    Some(HttpReply::error(status, format_args!("{} {part}: {why}; {rest}", asked.topic)))
}
