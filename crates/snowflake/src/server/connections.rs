//! Sockets: accepted, bounded, and closed in good order.

use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;

/// More wait in the operating system's queue until one of these is closed.
const MOST_CONNECTIONS: usize = 512;
/// For the request line and all headers.
const LONGEST_HEADER: usize = 16 << 10;
/// For a client to send a request's header, or, between requests, to begin one.
const HEADER_TIME: Duration = Duration::from_secs(30);
/// For a client to take some bytes of its answer.
const WRITE_TIME: Duration = Duration::from_secs(10);
/// For requests under way when the server stops.
const LAST_ORDERS: Duration = Duration::from_secs(6);

/// Ends at the first SIGINT or SIGTERM from here on.
pub(crate) fn asked_to_stop() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Serves connections until `stop` ends, then lets requests under way finish, and gives what `stop`
/// gave.
pub(crate) async fn accept<T>(
    listener: TcpListener,
    routes: Router,
    stop: impl Future<Output = T>,
) -> T {
    let places = std::sync::Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let open = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    let why = loop {
        // The semaphore is never closed, so there is a place in the end.
        let next = async {
            let place = places.clone().acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            why = &mut stop => break why,
            next = next => next,
        };
        match accepted {
            Ok((stream, _)) => {
                let served = open.watch(connection(stream, &routes));
                tokio::spawn(async move {
                    // What goes wrong with a connection is the client's to notice.
                    let _ = served.await;
                    drop(place);
                });
            }
            // The client was quicker to leave, or we are out of files: others must close first.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    drop(listener);
    // Who is not done by then has had every time-out there is.
    let _ = tokio::time::timeout(LAST_ORDERS, open.shutdown()).await;
    why
}

type Io = TokioIo<std::pin::Pin<Box<TimeoutStream<TcpStream>>>>;

fn connection(
    stream: TcpStream,
    routes: &Router,
) -> http1::Connection<Io, TowerToHyperService<Router>> {
    // Without it small answers wait for the acknowledgement of the one before (Nagle); where it is
    // refused they are only slower.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .max_buf_size(LONGEST_HEADER)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(routes.clone()))
}
