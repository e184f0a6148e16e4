//! Apache Kafka from its own jars, which Maven brings: one node that is broker and controller, with its own defaults
//! and the collector's options of its own scripts.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::options::Options;

/// As `kafka-run-class.sh` has them.
const COLLECTOR: [&str; 5] = [
    "-server",
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
];

/// Any; a cluster has one.
const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";

/// What starts it, in a folder that is prepared for it.
pub(crate) fn command(options: &Options, folder: &Path, address: SocketAddr) -> Command {
    let jars = jars(&options.folder);
    let file = folder.join("server.properties");
    let controller = SocketAddr::new(address.ip(), address.port() + 20);
    let properties = format!(
        "process.roles=broker,controller\n\
         node.id=1\n\
         controller.quorum.voters=1@{controller}\n\
         controller.listener.names=CONTROLLER\n\
         listeners=PLAINTEXT://{address},CONTROLLER://{controller}\n\
         advertised.listeners=PLAINTEXT://{address}\n\
         listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT\n\
         offsets.topic.replication.factor=1\n\
         log.dirs={}\n",
        folder.join("data").display()
    );
    fs::write(&file, properties).expect("a file");
    let java = |class: &str, heap: u32| {
        let mut command = Command::new("java");
        command.args([format!("-Xms{heap}m"), format!("-Xmx{heap}m")]).args(COLLECTOR);
        command.arg("-cp").arg(jars.join("*")).arg(class);
        command
    };
    let mut format = java("kafka.tools.StorageTool", 256);
    format.args(["format", "--cluster-id", CLUSTER, "--config"]).arg(&file);
    let said = format.stderr(Stdio::inherit()).output().expect("java is there");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
    let mut command = java("kafka.Kafka", options.heap);
    command.arg(&file);
    command
}

/// Kafka's jars, brought once.
fn jars(folder: &Path) -> PathBuf {
    let jars = folder.join("jars");
    if !jars.is_dir() {
        let pom = Path::new(env!("CARGO_MANIFEST_DIR")).join("kafka.xml");
        let mut maven = Command::new("mvn");
        maven.args(["-q", "-B", "dependency:copy-dependencies", "-f"]).arg(pom);
        maven.arg(format!("-DoutputDirectory={}", jars.display())).stdout(Stdio::null());
        let status = maven.status().expect("mvn is there");
        assert!(status.success(), "Maven did not bring Kafka's jars");
    }
    jars
}
