//! One machine for each thread: connections, machine and answers stay on the thread that accepted
//! them, and nobody ever waits for another's lock.

use std::io;

use tokio::runtime::Builder;

/// Does `work` once on each of so many threads, each with a runtime of its own, and waits for all.
///
/// # Errors
/// If the operating system gives no runtime, or if a thread panicked.
pub(crate) async fn on_each_thread<W: Future<Output = ()>>(
    threads: usize,
    work: impl Fn(usize) -> W + Clone + Send + 'static,
) -> io::Result<()> {
    let mut running = Vec::new();
    for thread in 0..threads {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let work = work.clone();
        let (done, over) = tokio::sync::oneshot::channel();
        std::thread::Builder::new().name(format!("machine-{thread}")).spawn(move || {
            runtime.block_on(work(thread));
            // Whoever waited has gone.
            let _ = done.send(());
        })?;
        running.push(over);
    }
    for over in running {
        over.await.map_err(|_| io::Error::other("a thread panicked, which is a mistake in it"))?;
    }
    Ok(())
}
