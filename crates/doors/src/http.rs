//! HTTP/1.1 and HTTP/2: connections accepted, bounded, and closed in good order.
//!
//! The law: a door holds at most [`MOST_CONNECTIONS`] clients, none of whom can make it keep more
//! than [`LONGEST_HEADER`] bytes of a request's header, nor wait for longer than the time-outs below; the
//! bodies of all of them have one budget; every error has a body that says what was wrong; and a server that
//! stops answers what was asked of it in full, and waits for nothing else.
//!
//! Any service of hyper's answers, or, as a [`Tower`], any of tower's (axum, tonic and s3s have such). Bodies
//! are streams both ways. A client speaks HTTP/2 by beginning with its preface; there is no TLS.
//!
//! Who sent a request is among its extensions: a [`Visitor`], one for each connection of HTTP/1.1 and one for
//! each stream of HTTP/2. Who closes only the sending half of a connection gets what is answered within a
//! second. After that it has hung up, which looks the same: what was asked is dropped.

mod body;
mod exchange;
mod origin;
mod progress;
mod query;
mod reply;

use std::sync::Arc;
use std::time::Duration;

use axum::BoxError;
use axum::body::Body;
use axum::http::{Request, StatusCode, Version};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Incoming};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::accept::{Activity, accept, drain};
pub use crate::accept::{Door, MOST_CONNECTIONS};
use crate::budget::Budget;
use crate::visitor::Visitor;
use exchange::{Answering, Exchange, RequestBody, ResponseBody};
use progress::{Progress, Watched};

pub use body::{BadBody, body};
pub use exchange::{Allowance, Failed};
pub use hyper_util::service::TowerToHyperService as Tower;
pub use origin::{hosts, is_cross_origin, is_own_host, reject_foreign_hosts};
pub use progress::LONGEST_HEADER;
pub use query::{cut, parameters, shortened};
pub use reply::{BYTES, HttpReply, JSON, TEXT, json_body};

/// For a client to send a request, or a good part of its body, or, between requests, to begin one.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// For a client to take some bytes of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a connection that waits for an answer, or for a request, is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// When the server stops, a connection is closed once so much time has passed in which nobody worked
/// on an answer and no byte of one was taken.
const SHUTDOWN_IDLE: Duration = Duration::from_millis(400);
/// And when this much has passed, in any case.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(6);

/// Requests of one connection of HTTP/2 that are under way at a time.
const MOST_STREAMS: u32 = 64;
/// What such a connection may send before any of it is taken, and what waits to be written on a stream.
const STREAM_WINDOW: u32 = 256 << 10;
const STREAM_QUEUE: usize = 64 << 10;

/// A service that a door can serve.
pub trait Serves: Clone + Send + Sync + 'static {
    /// The body of its answers.
    type Body: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static;
    /// Answers a request.
    fn answer(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<Self::Body>, Failed>> + Send;
}

impl<S, B> Serves for S
where
    S: Service<Request<Body>, Response = Response<B>, Future: Send, Error: Into<BoxError>>,
    S: Clone + Send + Sync + 'static,
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    type Body = B;

    fn answer(
        &self,
        request: Request<Body>,
    ) -> impl Future<Output = Result<Response<B>, Failed>> + Send {
        let answer = self.call(request);
        async move { answer.await.map_err(|error| Failed(error.into())) }
    }
}

/// Serves connections until `stop` ends, then lets requests under way finish, and gives what `stop`
/// gave.
pub async fn serve<T>(
    listener: TcpListener,
    door: &Door,
    service: impl Serves,
    stop: impl Future<Output = T>,
) -> T {
    let stopping = watch::Sender::new(false);
    let carry = |stream, client, activity| {
        let client =
            Client { visitor: Visitor::new(client), activity, budget: door.budget.clone() };
        connection(stream, client, service.clone(), stopping.subscribe())
    };
    let (why, open) = accept(listener, &door.places, stop, carry).await;
    stopping.send_replace(true);
    // Who is not done by then has had every time-out there is.
    drain(open, SHUTDOWN_DEADLINE).await;
    why
}

/// As [`serve`], on a thread for each of these services. Whichever thread is free takes the next
/// connection, and keeps it.
///
/// # Errors
/// If the operating system gives no threads, or with what `stop` gave.
pub async fn serve_on_threads(
    listener: TcpListener,
    door: &Door,
    services: Vec<impl Serves>,
    stop: impl Future<Output = Result<(), String>> + Send + 'static,
) -> Result<(), String> {
    let listener = listener.into_std().map_err(|error| error.to_string())?;
    let (threads, listener) = (services.len(), Arc::new(listener));
    let (stopping, stopped) = watch::channel(None);
    let waiting = tokio::spawn(async move { stopping.send_replace(Some(stop.await)) });
    let (result, door) = (stopped.clone(), door.clone());
    let work = move |thread: usize| {
        let (listener, service) = (listener.clone(), services[thread].clone());
        let (mut stopped, door) = (stopped.clone(), door.clone());
        async move {
            let own = listener.try_clone().and_then(TcpListener::from_std);
            let stop = async { stopped.wait_for(Option::is_some).await.map(|_| ()) };
            match own {
                Ok(own) => drop(serve(own, &door, service, stop).await),
                Err(error) => tracing::warn!("thread {thread} has no socket: {error}"),
            }
        }
    };
    let worked = crate::threads::on_each_thread(threads, work).await;
    waiting.abort();
    worked.map_err(|error| error.to_string())?;
    let result = result.borrow().clone();
    result.unwrap_or_else(|| Err("no thread could take connections".to_owned()))
}

/// The response that [`HttpReply::error`] is.
pub fn error(status: StatusCode, why: &str) -> Response {
    HttpReply::error(status.as_u16(), why).into_response()
}

/// Who is at the other end of a connection, and what the connection has of the server.
#[derive(Clone)]
struct Client {
    visitor: Visitor,
    activity: Arc<Activity>,
    budget: Budget,
}

async fn connection(
    stream: TcpStream,
    client: Client,
    service: impl Serves,
    mut stop: watch::Receiver<bool>,
) {
    let progress = Arc::new(Progress::default());
    let stream = TokioIo::new(Watched::new(stream, WRITE_TIMEOUT, progress.clone()));
    let activity = client.activity.clone();
    let under_way = progress.clone();
    let service = hyper::service::service_fn(move |request| {
        let (client, service, progress) = (client.clone(), service.clone(), under_way.clone());
        async move { exchange(request, &client, &service, &progress).await }
    });
    let builder = builder();
    let connection = builder.serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    // What goes wrong with a connection is the client's to notice.
    loop {
        tokio::select! {
            _ = connection.as_mut() => return,
            _ = stop.wait_for(|stop| *stop) => break,
            () = sleep(LOOK_EVERY) => {
                if activity.idle().is_some_and(|idle| idle >= IDLE_TIMEOUT) {
                    return;
                }
                // Where somebody works on an answer: is anybody there to take it?
                progress.look();
            }
        }
    }
    connection.as_mut().graceful_shutdown();
    loop {
        let before = progress.written();
        let over = timeout(SHUTDOWN_IDLE, connection.as_mut()).await.is_ok();
        if over || !(progress.is_working() || progress.written() > before) {
            return;
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .half_close(true)
        .max_buf_size(LONGEST_HEADER);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .initial_connection_window_size(STREAM_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        .max_send_buf_size(STREAM_QUEUE)
        .max_header_list_size(LONGEST_HEADER as u32);
    builder
}

/// Has a service answer a request.
async fn exchange<S: Serves>(
    request: Request<Incoming>,
    client: &Client,
    service: &S,
    progress: &Arc<Progress>,
) -> Result<Response<ResponseBody<S::Body>>, Failed> {
    let (exchange, work) = (Exchange::new(client.activity.clone()), Progress::work(progress));
    // Also where this is dropped in the middle.
    let answering = Answering(exchange.clone());
    let (mut parts, body) = request.into_parts();
    let visitor = if parts.version == Version::HTTP_2 {
        Progress::leave_as_it_is(&work);
        // Each of its streams is a visitor.
        Visitor::new(client.visitor.address)
    } else {
        client.visitor.clone()
    };
    parts.extensions.insert(visitor);
    let body = if body.is_end_stream() {
        exchange.under_way();
        Body::empty()
    } else {
        let Some(allowance) = Allowance::begin(&client.budget, body.size_hint().lower()) else {
            return Ok(no_room().map(|bytes| ResponseBody::ours(bytes, answering, work)));
        };
        parts.extensions.insert(allowance.clone());
        Body::new(RequestBody::new(body, allowance, exchange.clone()))
    };
    let answered = service.answer(Request::from_parts(parts, body)).await;
    answered.map(|response| response.map(|body| ResponseBody::new(body, answering, work)))
}

/// The reply to a request for whose body there is no memory.
fn no_room() -> Response<Bytes> {
    let reply = BadBody::NoRoom.reply();
    let mut response = Response::new(reply.body.clone());
    *response.status_mut() = BadBody::NoRoom.status();
    *response.headers_mut() = reply.into_response().headers().clone();
    response
}
