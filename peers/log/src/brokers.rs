//! Brokers as processes: started, watched, and ended when they are dropped.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::options::Options;
use crate::{TANSU, kafka};

/// For a broker to listen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process, or several that are one cluster.
pub(crate) struct Broker {
    pub(crate) name: String,
    pub(crate) addresses: Vec<SocketAddr>,
    processes: Vec<Child>,
    folder: PathBuf,
}

/// When ours counts what it has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Flush {
    Always,
    Os,
}

impl Flush {
    fn word(self) -> &'static str {
        match self {
            Flush::Always => "always",
            Flush::Os => "os",
        }
    }
}

impl Broker {
    /// One broker of ours.
    pub(crate) fn ours(options: &Options, place: u16, flush: Flush) -> Broker {
        let (folder, address) = begin(options, &format!("ours-{place}"), place);
        let mut command = Command::new(&options.infralab);
        command.args(["replicated-log", "serve", "--brokers", "1", "--flush", flush.word()]);
        command.args(["--listen", &address.to_string(), "--data"]).arg(folder.join("data"));
        let name = format!("ours, --flush {}", flush.word());
        Broker::of(name, vec![address], vec![command], folder)
    }

    /// Three of ours, each a process.
    pub(crate) fn three(options: &Options, place: u16, flush: Flush) -> Broker {
        let (folder, first) = begin(options, &format!("three-{place}"), place);
        let address = |more: u16| SocketAddr::new(first.ip(), first.port() + more);
        let node = |id: u16| {
            let (clients, nodes) = (address(id - 1), address(id + 2));
            format!(
                "[[node]]\nid = {id}\ndata = \"n{id}\"\n\
                 addresses = {{ nodes = \"{nodes}\", clients = \"{clients}\" }}\n"
            )
        };
        let text: String = (1..=3).map(node).collect();
        let file = folder.join("cluster.toml");
        fs::write(&file, format!("system = \"replicated-log\"\n{text}")).expect("a cluster file");
        let start = |id: u16| {
            let mut command = Command::new(&options.infralab);
            command.args(["replicated-log", "serve", "--flush", flush.word()]);
            command.args(["--node", &id.to_string(), "--cluster"]).arg(&file);
            command
        };
        let name = format!("ours, three, --flush {}", flush.word());
        Broker::of(name, (0..3).map(address).collect(), (1..=3).map(start).collect(), folder)
    }

    /// tansu, which keeps all in memory.
    pub(crate) fn tansu(options: &Options, place: u16) -> Broker {
        let (folder, address) = begin(options, &format!("tansu-{place}"), place);
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let url = format!("tcp://{address}");
        command.args([TANSU, "--storage-engine", "memory://tansu/", "--listener-url", &url]);
        command.args(["--advertised-listener-url", &url]).env("RUST_LOG", "error");
        Broker::of("tansu, memory".to_owned(), vec![address], vec![command], folder)
    }

    /// Apache Kafka, broker and controller in one.
    pub(crate) fn kafka(options: &Options, place: u16) -> Broker {
        let (folder, address) = begin(options, &format!("kafka-{place}"), place);
        let command = kafka::command(options, &folder, address);
        Broker::of(
            format!("Kafka, {} MiB heap", options.heap),
            vec![address],
            vec![command],
            folder,
        )
    }

    fn of(
        name: String,
        addresses: Vec<SocketAddr>,
        commands: Vec<Command>,
        folder: PathBuf,
    ) -> Broker {
        let mut broker = Broker { name, addresses, processes: Vec::new(), folder };
        for (number, mut command) in commands.into_iter().enumerate() {
            let said = |what| {
                let path = broker.folder.join(format!("{number}.{what}"));
                Stdio::from(File::create(path).expect("a file"))
            };
            command.stdin(Stdio::null()).stdout(said("out")).stderr(said("err"));
            let child = command.spawn().unwrap_or_else(|why| panic!("{command:?}: {why}"));
            broker.processes.push(child);
        }
        for address in broker.addresses.clone() {
            broker.listens(address);
        }
        broker
    }

    fn listens(&mut self, address: SocketAddr) {
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            let ended = self.processes.iter_mut().any(|one| matches!(one.try_wait(), Ok(Some(_))));
            let folder = self.folder.display();
            assert!(
                !ended && Instant::now() < until,
                "{} does not listen: see {folder}",
                self.name
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// As clients are told.
    pub(crate) fn servers(&self) -> String {
        self.addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(",")
    }

    /// How long processors have worked for it.
    pub(crate) fn processor_time(&self) -> Duration {
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let worked = |child: &Child| {
            let text = read(child, "stat");
            // Behind the name, which may have spaces in it.
            let fields = text.rsplit_once(") ").expect("a name").1.split(' ');
            fields
                .skip(11)
                .take(2)
                .map(|field| field.parse::<f64>().expect("a number"))
                .sum::<f64>()
        };
        Duration::from_secs_f64(self.processes.iter().map(worked).sum::<f64>() / ticks)
    }

    /// What each process has of memory that is in no file, in MiB.
    pub(crate) fn memory(&self) -> Vec<u64> {
        let anonymous = |child: &Child| {
            let text = read(child, "status");
            let line =
                text.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it says");
            line.trim().split(' ').next().expect("a number").parse::<u64>().expect("a number")
                / 1024
        };
        self.processes.iter().map(anonymous).collect()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// An empty folder and an address.
fn begin(options: &Options, name: &str, place: u16) -> (PathBuf, SocketAddr) {
    let folder = options.folder.join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    (folder, SocketAddr::from((Ipv4Addr::LOCALHOST, options.port + place)))
}

fn read(child: &Child, what: &str) -> String {
    let path = Path::new("/proc").join(child.id().to_string()).join(what);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}
