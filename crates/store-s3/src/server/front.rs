//! From a connection to s3s and back.

use std::sync::Arc;

use axum::BoxError;
use axum::body::Body;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use host::{Door, Node, http};
use hyper::header::{CONTENT_TYPE, EXPECT};
use hyper::service::Service;
use hyper::{Method, Request, Response};
use machine::Machine;
use object_store::erasure::{Codec, NoCode};
use object_store::message::ObjectStore;
use object_store::tuning::Tuning;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::access::{KeyPairs, Signed};
use super::budget::{Fate, Held, LONGEST_XML, Xml};
use super::store::{MOST_TRANSFERS, Store};

/// S3 for the requests of hyper.
#[derive(Clone)]
pub struct Front(S3Service);

impl Front {
    /// Answers with what these nodes say: a connection asks one of them. `tuning` is what they have.
    ///
    /// # Errors
    /// If there is no such code as it names.
    pub fn new<M: Machine<Protocol = ObjectStore>>(
        gateways: Vec<Arc<Node<M>>>,
        keys: Arc<KeyPairs>,
        tuning: Tuning,
    ) -> Result<Front, NoCode> {
        let codec = Codec::new(tuning.code)?;
        let transfers = Arc::new(Semaphore::new(MOST_TRANSFERS));
        let (auth, access) = (KeyPairs::clone(&keys), Signed(keys.clone()));
        let mut builder = S3ServiceBuilder::new(Store { gateways, keys, tuning, codec, transfers });
        builder.set_auth(auth);
        builder.set_access(access);
        let mut config = S3Config::default();
        config.xml_max_body_size = LONGEST_XML;
        builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
        Ok(Front(builder.build()))
    }

    /// Answers clients until `stop` ends.
    pub async fn serve<T>(self, listener: TcpListener, stop: impl Future<Output = T>) -> T {
        http::serve(listener, &Door::default(), self, stop).await
    }

    async fn answer(self, request: Request<Body>) -> Result<Response<s3s::Body>, BoxError> {
        let fate = Fate::default();
        let request = match prepared(request, &fate) {
            Ok(request) => request,
            Err(refused) => return Ok(refused.to_http_response()?),
        };
        let response = self.0.call(request).await?;
        // Of what broke off a body s3s says that it is a mistake of ours.
        match fate.error().filter(|_| response.status().is_server_error()) {
            Some(why) => Ok(why.to_http_response()?),
            None => Ok(response),
        }
    }
}

impl Service<Request<Body>> for Front {
    type Response = Response<s3s::Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<s3s::Body>, BoxError>>;

    fn call(&self, request: Request<Body>) -> Self::Future {
        self.clone().answer(request).boxed()
    }
}

/// The request as s3s takes it, with a body that is counted and, where s3s reads it as a whole, compared with what is
/// said of it.
fn prepared(request: Request<Body>, fate: &Fate) -> S3Result<Request<s3s::Body>> {
    let (mut parts, body) = request.into_parts();
    let form = parts.headers.get(CONTENT_TYPE).filter(|_| parts.method == Method::POST);
    if form.is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/")) {
        return Err(s3_error!(NotImplemented, "a browser's forms are not implemented"));
    }
    let of_bucket = !parts.uri.path().trim_matches('/').contains('/');
    let is_xml = parts.method == Method::POST || parts.method == Method::PUT && of_bucket;
    let xml = is_xml.then(|| Xml::of(&parts.headers)).transpose()?;
    parts.extensions.insert(fate.clone());
    let body = Held::new(body, parts.headers.contains_key(EXPECT), xml, fate.clone());
    Ok(Request::from_parts(parts, s3s::Body::http_body_unsync(body)))
}
