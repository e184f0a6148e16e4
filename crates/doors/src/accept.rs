//! The accept loop of every door: HTTP, protocols in frames, the admin address, and links.
//!
//! The law: a door holds at most so many connections. When its places run out, room is made at the cost of
//! the address that holds most of them, so who holds few never waits for who holds many: first goes that
//! address's longest-idle connection. Idle is a connection since its last whole request ended; one that sends
//! a header or a body slowly is idle all the while.
//!
//! Where nothing is idle, a connection of that address whose request is under way for longer than
//! [`PATIENCE`] goes, if the newcomer's address holds fewer even with this one. Who comes from the very
//! address that holds most takes the place of a connection that was idle for [`PAUSE`], since another may be
//! about to send its next request; until then it waits in here, and holds nobody up.
//!
//! Of all answers that wait to be taken by slow readers [`MOST_QUEUED`] bytes are kept. When there are more, the
//! connection goes that has most of them; of equals the oldest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::budget::Budget;

/// A connection may be between two requests for so long before one of its own address takes its place.
const PAUSE: Duration = Duration::from_millis(100);
/// A request is never cut off for another address before it took so long.
const PATIENCE: Duration = Duration::from_secs(1);
/// So many wait in here for a place; then the one that waits longest is closed.
const MOST_WAITING: usize = 64;
/// How often those who wait try again, and how long an error of the system's is waited out.
const AGAIN: Duration = Duration::from_millis(20);

/// Bytes of answers, of all connections of a door.
const MOST_QUEUED: usize = 64 << 20;

/// Of a door that says nothing else.
pub const MOST_CONNECTIONS: usize = 512;

/// What the connections of a door share. Clones share it too.
#[derive(Clone, Debug)]
pub struct Door {
    /// Of its connections.
    pub places: Places,
    /// Of the bodies of their requests: one for all doors of a server.
    pub budget: Budget,
}

impl Default for Door {
    fn default() -> Door {
        Door { places: Places::new(MOST_CONNECTIONS), budget: Budget::default() }
    }
}

/// The places of a door. Clones share them, as the threads of one door do.
#[derive(Clone, Debug)]
pub struct Places(Arc<Table>);

#[derive(Debug)]
struct Table {
    most: usize,
    opened: Instant,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    count: usize,
    next: u64,
    /// Bytes of answers that wait.
    queued: usize,
    by_holder: BTreeMap<IpAddr, BTreeMap<u64, Arc<Activity>>>,
}

/// What a connection is doing, as far as its place is concerned.
#[derive(Debug)]
pub struct Activity {
    opened: Instant,
    /// Nanoseconds from there to when it last did something that counts.
    since: AtomicU64,
    /// Requests that came as a whole and are not answered.
    under_way: AtomicUsize,
    /// Its answers that wait, in bytes; changed while the table is held.
    queued: AtomicUsize,
    has_place: AtomicBool,
    evicted: Notify,
}

/// A place that is held until this is dropped.
#[derive(Debug)]
struct Place {
    places: Places,
    holder: IpAddr,
    number: u64,
    activity: Arc<Activity>,
}

/// Takes connections until `stop` ends, and has `carry` carry each of them. Gives what `stop` gave, and the
/// connections that are still open.
pub async fn accept<T, C: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    places: &Places,
    stop: impl Future<Output = T>,
    carry: impl Fn(TcpStream, SocketAddr, Arc<Activity>) -> C,
) -> (T, JoinSet<()>) {
    let (mut open, mut waiting) = (JoinSet::new(), VecDeque::new());
    let mut stop = std::pin::pin!(stop);
    let why = loop {
        tokio::select! {
            why = &mut stop => break why,
            // One that is over: nothing is left of it to keep.
            Some(_) = open.join_next() => {}
            () = sleep(AGAIN), if !waiting.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok(newcomer) => waiting.push_back(newcomer),
                Err(error) => places.wait_out(&error).await,
            },
        }
        for (stream, client) in std::mem::take(&mut waiting) {
            let Some(place) = places.enter(client.ip()) else {
                waiting.push_back((stream, client));
                continue;
            };
            // Without it small answers wait for the acknowledgement of the one before (Nagle); where it is
            // refused they are only slower.
            let _ = stream.set_nodelay(true);
            let carried = carry(stream, client, place.activity.clone());
            open.spawn(async move {
                tokio::select! {
                    () = carried => {}
                    () = place.activity.evicted.notified() => {}
                }
            });
        }
        if waiting.len() > MOST_WAITING {
            waiting.pop_front();
        }
    };
    (why, open)
}

/// Waits for connections to end, but not for longer than this.
pub async fn drain(mut open: JoinSet<()>, deadline: Duration) {
    let all = async { while open.join_next().await.is_some() {} };
    let _ = timeout(deadline, all).await;
}

impl Places {
    /// So many.
    pub fn new(most: usize) -> Places {
        Places(Arc::new(Table { most, opened: Instant::now(), held: Mutex::default() }))
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.held().count
    }

    /// So many bytes of answers wait on this connection now.
    pub(crate) fn queues(&self, activity: &Activity, bytes: usize) {
        let before = activity.queued.load(Ordering::Relaxed);
        if before == bytes {
            return;
        }
        let mut held = self.held();
        // What one that has gone keeps is dropped with it.
        if activity.has_place.load(Ordering::Relaxed) {
            activity.queued.store(bytes, Ordering::Relaxed);
            held.queued = held.queued - before + bytes;
            if held.queued > MOST_QUEUED {
                held.lighten();
            }
        }
    }

    fn enter(&self, client: IpAddr) -> Option<Place> {
        let holder = holder(client);
        let mut held = self.held();
        if held.count >= self.0.most && !held.make_room(holder) {
            return None;
        }
        let activity = Arc::new(Activity::new(self.0.opened));
        let number = held.next;
        held.next += 1;
        held.count += 1;
        held.by_holder.entry(holder).or_default().insert(number, activity.clone());
        drop(held);
        Some(Place { places: self.clone(), holder, number, activity })
    }

    /// The client was quicker to leave, or the process is out of files: then another has to close first.
    async fn wait_out(&self, error: &io::Error) {
        tracing::debug!("a connection could not be accepted: {error}");
        if matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE)) {
            self.held().make_room(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
        }
        sleep(AGAIN).await;
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // A table is whole between any two calls on it.
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Closes a connection for one of this holder, if one may be closed.
    fn make_room(&mut self, newcomer: IpAddr) -> bool {
        let own = self.by_holder.get(&newcomer).map_or(0, BTreeMap::len);
        let greediest = self.by_holder.iter().max_by_key(|(_, theirs)| theirs.len());
        let Some((&greediest, theirs)) = greediest else { return false };
        let oldest = |idle: bool| {
            let those = theirs.iter().filter(move |(_, one)| one.is_idle() == idle);
            those.map(|(number, one)| (one.since(), *number)).max()
        };
        let idle = oldest(true).filter(|(since, _)| own < theirs.len() || *since >= PAUSE);
        let busy =
            || oldest(false).filter(|(since, _)| own + 1 < theirs.len() && *since >= PATIENCE);
        let Some((_, number)) = idle.or_else(busy) else { return false };
        self.evict(greediest, number);
        true
    }

    /// Closes the connection on which most answers wait.
    fn lighten(&mut self) {
        let all = self.by_holder.iter().flat_map(|(holder, theirs)| {
            theirs
                .iter()
                .map(|(number, one)| (one.queued.load(Ordering::Relaxed), *number, *holder))
        });
        let heaviest = all.max_by_key(|(queued, number, _)| (*queued, Reverse(*number)));
        if let Some((_, number, holder)) = heaviest {
            self.evict(holder, number);
        }
    }

    fn evict(&mut self, holder: IpAddr, number: u64) {
        if let Some(activity) = self.remove(holder, number) {
            activity.evicted.notify_one();
        }
    }

    fn remove(&mut self, holder: IpAddr, number: u64) -> Option<Arc<Activity>> {
        let theirs = self.by_holder.get_mut(&holder)?;
        let removed = theirs.remove(&number)?;
        removed.has_place.store(false, Ordering::Relaxed);
        self.queued -= removed.queued.swap(0, Ordering::Relaxed);
        self.count -= 1;
        if theirs.is_empty() {
            self.by_holder.remove(&holder);
        }
        Some(removed)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // One that was evicted is gone already.
        self.places.held().remove(self.holder, self.number);
    }
}

impl Activity {
    fn new(opened: Instant) -> Activity {
        let activity = Activity {
            opened,
            since: AtomicU64::new(0),
            under_way: AtomicUsize::new(0),
            queued: AtomicUsize::new(0),
            has_place: AtomicBool::new(true),
            evicted: Notify::new(),
        };
        activity.moved();
        activity
    }

    /// It did something that counts, such as to send a good part of a body, or a message of a link.
    pub fn moved(&self) {
        self.since.store(self.opened.elapsed().as_nanos() as u64, Ordering::Relaxed);
    }

    /// A request came as a whole.
    pub fn begin(&self) {
        self.moved();
        self.under_way.fetch_add(1, Ordering::Relaxed);
    }

    /// It was answered.
    pub fn end(&self) {
        self.moved();
        self.under_way.fetch_sub(1, Ordering::Relaxed);
    }

    fn is_idle(&self) -> bool {
        self.under_way.load(Ordering::Relaxed) == 0
    }

    fn since(&self) -> Duration {
        let since = Duration::from_nanos(self.since.load(Ordering::Relaxed));
        self.opened.elapsed().saturating_sub(since)
    }

    /// For how long it is idle, if it is.
    pub fn idle(&self) -> Option<Duration> {
        self.is_idle().then(|| self.since())
    }
}

/// Whose places count together: those of an address, or, of IPv6, those of one network, where anybody has
/// as many addresses as they like.
fn holder(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn later(by: Duration) -> impl Future<Output = ()> {
        tokio::time::advance(by)
    }

    fn paused(work: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(work);
    }

    fn is_evicted(place: &Place) -> bool {
        !place
            .places
            .held()
            .by_holder
            .get(&place.holder)
            .is_some_and(|all| all.contains_key(&place.number))
    }

    #[test]
    fn the_longest_idle_of_who_holds_most_goes() {
        paused(async {
            let places = Places::new(4);
            let other = places.enter(B).unwrap();
            later(PATIENCE).await;
            let mut held = Vec::new();
            for _ in 0..3 {
                held.push(places.enter(A).unwrap());
                later(PAUSE).await;
            }
            held[0].activity.begin();
            held[0].activity.end();
            let new = places.enter(B).unwrap();
            assert!(is_evicted(&held[1]) && !is_evicted(&held[0]) && !is_evicted(&held[2]));
            assert!(!is_evicted(&other), "it is idle for longer, and holds less");
            assert_eq!(places.taken(), 4);
            drop((held, new, other));
            assert_eq!(places.taken(), 0);
        });
    }

    #[test]
    fn ones_own_places_are_taken_after_a_pause_and_what_is_under_way_is_not() {
        paused(async {
            let places = Places::new(2);
            let (one, two) = (places.enter(A).unwrap(), places.enter(A).unwrap());
            assert!(places.enter(A).is_none(), "both may be about to ask");
            one.activity.begin();
            later(PAUSE).await;
            let new = places.enter(A).unwrap();
            assert!(is_evicted(&two) && !is_evicted(&one));
            new.activity.begin();
            later(PATIENCE * 9).await;
            assert!(places.enter(A).is_none(), "a request of one's own is not cut off");
        });
    }

    #[test]
    fn who_has_all_places_under_way_for_long_makes_room_for_others() {
        paused(async {
            let places = Places::new(3);
            let held = [(); 3].map(|()| places.enter(A).unwrap());
            held.iter().for_each(|place| place.activity.begin());
            later(PATIENCE / 2).await;
            assert!(places.enter(B).is_none());
            later(PATIENCE / 2).await;
            let first = places.enter(B).unwrap();
            first.activity.begin();
            later(PATIENCE).await;
            assert!(places.enter(B).is_none(), "then both would hold the same");
        });
    }

    /// Whoever it was that had one answer too many.
    #[test]
    fn of_slow_readers_the_one_goes_that_has_most_to_take() {
        let places = Places::new(9);
        let held = [A, B, A].map(|from| places.enter(from).unwrap());
        let queue = |place: &Place, bytes| places.queues(&place.activity, bytes);
        queue(&held[0], MOST_QUEUED / 4);
        queue(&held[1], MOST_QUEUED / 2);
        queue(&held[2], MOST_QUEUED / 4);
        assert!(held.iter().all(|place| !is_evicted(place)), "there is room for as much");
        queue(&held[2], MOST_QUEUED / 4 + 1);
        assert!(is_evicted(&held[1]) && !is_evicted(&held[0]) && !is_evicted(&held[2]));
        // What it does before it notices is not counted any more.
        queue(&held[1], MOST_QUEUED);
        queue(&held[0], MOST_QUEUED / 4 + 1);
        queue(&held[2], MOST_QUEUED / 4);
        let last = places.enter(B).unwrap();
        queue(&last, MOST_QUEUED / 4);
        queue(&held[0], MOST_QUEUED / 4);
        let one_more = places.enter(B).unwrap();
        queue(&one_more, MOST_QUEUED / 4 + 1);
        assert!(is_evicted(&one_more), "it has most itself");
        queue(&last, MOST_QUEUED / 2 + 1);
        assert!(is_evicted(&last));
        drop(held);
        assert_eq!(places.held().queued, 0);
    }

    #[test]
    fn a_network_of_ipv6_is_one_holder() {
        let of = |text: &str| holder(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2::9"));
        assert_ne!(of("2001:db8:1:2::9"), of("2001:db8:1:3::9"));
        assert_eq!(of("::ffff:10.0.0.1"), A);
    }
}
