//! The client for addresses of strangers: it goes where it was checked, and not too far.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::routing::get;
use doors::http::{self, Tower};
use doors::{Client, Door, FetchError, FetchLimits};
use tokio::net::TcpListener;

fn on_threads(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

/// A site, and where it is.
async fn site() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let to = |target: String| async move { (StatusCode::FOUND, [(LOCATION, target)]) };
    let port = address.port();
    let routes = Router::new()
        .route("/page", get(async || "a page"))
        .route("/long", get(async || "x".repeat(5_000)))
        .route("/hangs", get(std::future::pending::<&'static str>))
        .route("/round", get(move || to("/round".to_owned())))
        .route("/near", get(move || to("page?x=1#y".to_owned())))
        .route("/inside", get(move || to(format!("http://127.0.0.2:{port}/page"))))
        .route("/named", get(move || to(format!("http://inside.example:{port}/page"))))
        .route("/file", get(move || to("file:///etc/passwd".to_owned())));
    tokio::spawn(async move {
        http::serve(listener, &Door::default(), Tower::new(routes), std::future::pending::<()>())
            .await;
    });
    address
}

/// Reaches that site by the name of a site on the internet, and nothing else of this computer.
fn client(site: SocketAddr) -> Client {
    let limits = FetchLimits { bytes: 1_000, redirects: 3, time: Duration::from_secs(2) };
    let resolves = move |name: String, port| -> futures_util::future::BoxFuture<'static, _> {
        let to: IpAddr = match name.as_str() {
            "site.example" => site.ip(),
            _ => [127, 0, 0, 3].into(),
        };
        Box::pin(async move { Ok(vec![SocketAddr::new(to, port)]) })
    };
    Client::new(limits).resolving(resolves).allowing(move |address| address == site)
}

#[test]
fn only_what_was_checked_is_connected_to_also_after_a_redirect() {
    on_threads(async {
        let site = site().await;
        let client = client(site);
        let get = async |path: &str| {
            client.get(&format!("http://site.example:{}{path}", site.port())).await
        };
        let page = get("/near").await.unwrap();
        assert_eq!(
            (page.status.as_u16(), &page.body[..], page.is_cut),
            (200, &b"a page"[..], false)
        );
        assert_eq!((page.url.path(), page.address), ("/page", site));
        for refused in ["/inside", "/named"] {
            assert!(matches!(get(refused).await, Err(FetchError::Refused)), "{refused}");
        }
        assert!(matches!(get("/file").await, Err(FetchError::Scheme)));
        let nobody = Client::new(FetchLimits::default());
        let direct = format!("http://{site}/page");
        assert!(matches!(nobody.get(&direct).await, Err(FetchError::Refused)));
        assert!(client.get(&direct).await.is_ok());
    });
}

#[test]
fn a_site_that_is_long_slow_or_leads_in_circles_is_left() {
    on_threads(async {
        let site = site().await;
        let client = client(site);
        let get = async |path: &str| client.get(&format!("http://{site}{path}")).await;
        let long = get("/long").await.unwrap();
        assert_eq!((long.body.len(), long.is_cut), (1_000, true));
        assert!(matches!(get("/round").await, Err(FetchError::Redirects)));
        assert!(matches!(get("/hangs").await, Err(FetchError::Late)));
    });
}
