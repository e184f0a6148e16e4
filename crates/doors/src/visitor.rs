//! Who is at the other end of a connection, or of one of its streams.

use std::any::Any;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::Extensions;

/// Who is at the other end of a connection, or of one of its streams, and what is kept for them until it ends. It
/// is among the extensions of a request. Nothing in here keeps the address.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Of the connection.
    pub address: SocketAddr,
    kept: Arc<Mutex<Vec<Box<dyn Any + Send + Sync>>>>,
}

impl Visitor {
    /// One from this address, for whom nothing is kept yet.
    pub fn new(address: SocketAddr) -> Visitor {
        Visitor { address, kept: Arc::default() }
    }

    /// Who sent this request.
    pub fn of(extensions: &Extensions) -> Visitor {
        let nobody = || Visitor::new((Ipv4Addr::UNSPECIFIED, 0).into());
        // `http` adds one to every request.
        extensions.get().cloned().unwrap_or_else(nobody)
    }

    /// Uses what is kept of this type, and is the one; it is made where it is not there.
    pub fn kept<T: Any + Send + Sync, R>(
        &self,
        is_the_one: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
        then: impl FnOnce(&mut T) -> R,
    ) -> R {
        // A list is whole between any two calls on it.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.iter().position(|kept| kept.downcast_ref().is_some_and(&is_the_one));
        let place = known.unwrap_or_else(|| {
            kept.push(Box::new(make()));
            kept.len() - 1
        });
        let the_one = kept[place].downcast_mut();
        then(the_one.unwrap_or_else(|| unreachable!("it was found by its type, or just made")))
    }
}
