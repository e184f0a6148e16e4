//! HTTP/1.1: connections accepted, bounded, and closed in good order.
//!
//! The law: a server holds at most [`MOST_CONNECTIONS`] clients, none of whom can make it keep more
//! than [`LONGEST_HEADER`] bytes of a request, nor wait for longer than the time-outs below; every
//! error has a body that says what was wrong; and a server that stops answers what was asked of it
//! in full, and waits for nothing else.

mod body;
mod origin;
mod progress;
mod query;
mod reply;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use progress::{Progress, Watched};

pub use body::{BadBody, body};
pub use origin::{hosts, is_cross_origin, is_own_host, reject_foreign_hosts};
pub use progress::LONGEST_HEADER;
pub use query::{cut, parameters, shortened};
pub use reply::{BYTES, HttpReply, JSON, TEXT, json_body};

/// More wait in the operating system's queue until one of these is closed.
pub const MOST_CONNECTIONS: usize = 512;
/// For a client to send a request's header, or, between requests, to begin one.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);
/// For a client to take some bytes of its answer.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// When the server stops, a connection is closed once so much time has passed in which nobody worked
/// on an answer and no byte of one was taken.
const SHUTDOWN_IDLE: Duration = Duration::from_millis(400);
/// And when this much has passed, in any case.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(6);

/// Who sent a request: the other end of its connection, among the request's extensions. Nothing in
/// here keeps it.
#[derive(Clone, Copy, Debug)]
pub struct ClientAddress(pub SocketAddr);

/// Serves connections until `stop` ends, then lets requests under way finish, and gives what `stop`
/// gave.
pub async fn serve<T>(listener: TcpListener, routes: Router, stop: impl Future<Output = T>) -> T {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let stopping = watch::Sender::new(false);
    let mut open = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    let why = loop {
        let next = tokio::select! {
            why = &mut stop => break why,
            // One that is over: nothing is left of it to keep.
            Some(_) = open.join_next() => continue,
            next = next(&places, &listener) => next,
        };
        match next {
            Ok((place, stream, client)) => {
                let served = connection(stream, client, routes.clone(), stopping.subscribe());
                open.spawn(async move {
                    served.await;
                    drop(place);
                });
            }
            Err(error) => {
                // The client was quicker to leave, or we are out of files: others must close first.
                tracing::debug!("a connection could not be accepted: {error}");
                sleep(Duration::from_millis(20)).await;
            }
        }
    };
    drop(listener);
    stopping.send_replace(true);
    let all = async { while open.join_next().await.is_some() {} };
    // Who is not done by then has had every time-out there is.
    let _ = timeout(SHUTDOWN_DEADLINE, all).await;
    why
}

/// As [`serve`], on a thread for each of these routes. Whichever thread is free takes the next
/// connection, and keeps it.
///
/// # Errors
/// If the operating system gives no threads, or with what `stop` gave.
pub async fn serve_on_threads(
    listener: TcpListener,
    routes: Vec<Router>,
    stop: impl Future<Output = Result<(), String>> + Send + 'static,
) -> Result<(), String> {
    let listener = listener.into_std().map_err(|error| error.to_string())?;
    let (threads, listener) = (routes.len(), Arc::new(listener));
    let (stopping, stopped) = watch::channel(None);
    let waiting = tokio::spawn(async move { stopping.send_replace(Some(stop.await)) });
    let result = stopped.clone();
    let work = move |thread: usize| {
        let (listener, routes) = (listener.clone(), routes[thread].clone());
        let mut stopped = stopped.clone();
        async move {
            let own = listener.try_clone().and_then(TcpListener::from_std);
            let stop = async { stopped.wait_for(Option::is_some).await.map(|_| ()) };
            match own {
                Ok(own) => drop(serve(own, routes, stop).await),
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

async fn next(
    places: &Arc<Semaphore>,
    listener: &TcpListener,
) -> io::Result<(Option<OwnedSemaphorePermit>, TcpStream, ClientAddress)> {
    // The semaphore is never closed, so there is a place in the end.
    let place = places.clone().acquire_owned().await.ok();
    let (stream, client) = listener.accept().await?;
    // Without it small answers wait for the acknowledgement of the one before (Nagle); where it is
    // refused they are only slower.
    let _ = stream.set_nodelay(true);
    Ok((place, stream, ClientAddress(client)))
}

async fn connection(
    stream: TcpStream,
    client: ClientAddress,
    routes: Router,
    mut stop: watch::Receiver<bool>,
) {
    let progress = Arc::new(Progress::default());
    let stream = TokioIo::new(Watched::new(stream, WRITE_TIMEOUT, progress.clone()));
    let routes = TowerToHyperService::new(routes);
    let under_way = progress.clone();
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(client);
        let working = Progress::work(&under_way);
        let answer = routes.call(request);
        async move {
            let answer = answer.await;
            drop(working);
            answer
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(LONGEST_HEADER)
        // A client that closed its sending half still gets the answer.
        .half_close(true)
        .serve_connection(stream, service);
    let mut connection = std::pin::pin!(connection);
    // What goes wrong with a connection is the client's to notice.
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
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
