//! What the machine itself can do, in the same run.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

/// How many processes want to run, as the system says.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// MiB/s of one stream on loopback.
pub(crate) fn loopback() -> f64 {
    const MIB: usize = 2048;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let reader = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut buffer = vec![0; 1 << 20];
        while stream.read(&mut buffer).expect("bytes") > 0 {}
    });
    let mut stream = TcpStream::connect(address).expect("it listens");
    let (block, began) = (vec![7; 1 << 20], Instant::now());
    (0..MIB).for_each(|_| stream.write_all(&block).expect("it reads"));
    drop(stream);
    reader.join().expect("it read all");
    MIB as f64 / began.elapsed().as_secs_f64()
}

/// MiB/s of one file that is written from its beginning to its end and synced.
pub(crate) fn sequential(folder: &Path) -> f64 {
    const MIB: usize = 1024;
    let path = folder.join("sequential");
    let mut file = File::create(&path).expect("a file");
    let (block, began) = (vec![7; 1 << 20], Instant::now());
    (0..MIB).for_each(|_| file.write_all(&block).expect("a disk"));
    file.sync_data().expect("a disk");
    let rate = MIB as f64 / began.elapsed().as_secs_f64();
    let _ = std::fs::remove_file(path);
    rate
}

/// Microseconds for a write of so many bytes at the end of a file and its fdatasync: median and 99th percentile.
pub(crate) fn synced(folder: &Path, bytes: usize) -> [f64; 2] {
    let path = folder.join("synced");
    let mut file = File::create(&path).expect("a file");
    let block = vec![7; bytes];
    let mut times: Vec<Duration> = (0..500)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&block).and_then(|()| file.sync_data()).expect("a disk");
            began.elapsed()
        })
        .collect();
    let _ = std::fs::remove_file(path);
    percentiles(&mut times)
}

/// Microseconds: median and 99th percentile.
pub(crate) fn percentiles(times: &mut [Duration]) -> [f64; 2] {
    times.sort();
    [50, 99].map(|part| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1e6)
}
