//! What the machine itself can do, in the same run.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How many processes want to run, as the system says.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// A machine whose memory is full of what files say, as it is where a broker has run for a while. A virtual machine that
/// gets memory when it first touches it pays for each page of a file some fifteen microseconds until then.
pub(crate) struct FullOfPages(PathBuf);

impl FullOfPages {
    /// Writes a file as large as the memory that is free.
    pub(crate) fn new(folder: &Path) -> FullOfPages {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("MemFree:"));
        let free = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
        // Whatever happens while it is written: it goes.
        let pages = FullOfPages(folder.join("pages"));
        let mut file = File::create(&pages.0).expect("a file");
        let block = vec![7; 1 << 20];
        (0..free.unwrap_or(0) >> 10).for_each(|_| file.write_all(&block).expect("a disk"));
        file.sync_data().expect("a disk");
        pages
    }
}

impl Drop for FullOfPages {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
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
