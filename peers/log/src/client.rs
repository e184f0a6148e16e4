//! The client: librdkafka's own program for measurements, and topics by its Rust wrapper.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::util::Timeout;

use crate::CLIENT;
use crate::brokers::Broker;

/// No run of the client lasts longer.
const LONGEST: Duration = Duration::from_secs(180);

/// A topic that exists until it is dropped.
pub(crate) struct Topic<'a> {
    pub(crate) name: String,
    pub(crate) broker: &'a Broker,
    runtime: tokio::runtime::Runtime,
}

impl<'a> Topic<'a> {
    /// Makes one, as soon as the broker can.
    pub(crate) fn new(broker: &'a Broker, name: &str, partitions: i32, replicas: i32) -> Topic<'a> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        let topic = Topic { name: name.to_owned(), broker, runtime };
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let new = NewTopic::new(name, partitions, TopicReplication::Fixed(replicas));
            let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(5)));
            let made = topic
                .runtime
                .block_on(async { admin(broker).create_topics(&[new], &options).await });
            match made {
                Ok(made) if made.iter().all(Result::is_ok) => break,
                other => assert!(Instant::now() < until, "{}: {other:?}", broker.name),
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        // Until somebody leads each partition.
        let admin = admin(broker);
        let led = || {
            let found =
                admin.inner().fetch_metadata(Some(name), Timeout::After(Duration::from_secs(5)));
            found.is_ok_and(|found| {
                let topic = &found.topics()[0];
                topic.partitions().len() == partitions as usize
                    && topic
                        .partitions()
                        .iter()
                        .all(|part| part.leader() >= 0 && part.isr().len() == replicas as usize)
            })
        };
        while !led() {
            assert!(Instant::now() < until, "{}: nobody leads {name}", broker.name);
            std::thread::sleep(Duration::from_millis(100));
        }
        topic
    }
}

impl Drop for Topic<'_> {
    fn drop(&mut self) {
        let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(5)));
        let _ = self
            .runtime
            .block_on(async { admin(self.broker).delete_topics(&[&self.name], &options).await });
    }
}

fn admin(broker: &Broker) -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", broker.servers()).create().expect("a client")
}

/// What came of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    /// Seconds that the broker's processes worked for a million records.
    pub(crate) worked: f64,
}

/// Produces so many records of this size with acks=all.
pub(crate) fn produce(topic: &Topic<'_>, records: u64, size: u32, more: &[&str]) -> Rate {
    let (records_word, size) = (records.to_string(), size.to_string());
    let mut words = vec!["-P", "-s", &size, "-c", &records_word, "-a", "-1"];
    words.extend(more);
    let (rate, said) = run(topic, records, &words);
    let all = format!("{records} delivered");
    assert!(said.contains(&all) && said.contains(" 0 failed"), "{}: {said}", topic.broker.name);
    rate
}

/// Consumes so many records of one partition from its beginning on.
pub(crate) fn consume(topic: &Topic<'_>, records: u64) -> Rate {
    let records_word = records.to_string();
    run(topic, records, &["-C", "-p", "0", "-o", "beginning", "-c", &records_word]).0
}

fn run(topic: &Topic<'_>, records: u64, words: &[&str]) -> (Rate, String) {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([CLIENT, "-t", &topic.name, "-b", &topic.broker.servers()]).args(words);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let before = topic.broker.processor_time();
    let said = output(command.spawn().expect("this program"));
    let worked = topic.broker.processor_time() - before;
    let line = said.lines().rfind(|line| line.contains(" msgs/s")).unwrap_or("");
    let rate = line.split(" msgs/s").next().and_then(|text| text.rsplit(' ').next()?.parse().ok());
    let per_second = rate.unwrap_or_else(|| panic!("{}: {said}", topic.broker.name));
    (Rate { per_second, worked: worked.as_secs_f64() * 1e6 / records as f64 }, said)
}

/// What a process says, which is ended if it takes too long.
fn output(mut child: Child) -> String {
    let mut stdout = child.stdout.take().expect("it is piped");
    let reading = std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stdout.read_to_string(&mut said);
        said
    });
    let until = Instant::now() + LONGEST;
    while !matches!(child.try_wait(), Ok(Some(_)) | Err(_)) {
        if Instant::now() > until {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    reading.join().expect("a thread")
}
