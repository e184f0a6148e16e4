//! Measures the replicated log beside tansu and Apache Kafka: processes on loopback, all with the same client, which is
//! librdkafka. `README.md` says what each command measures.
//!
//! `cargo run --release -- COMMAND [NAME=VALUE...]`
//!
//! This program is several: it starts itself as librdkafka's `rdkafka_performance` and as tansu's broker. What it
//! starts is bounded in time, and ended by its number.

mod brokers;
mod client;
mod cluster;
mod kafka;
mod limits;
mod options;
mod throughput;

use std::ffi::{CString, c_char, c_int};
use std::process::ExitCode;

use options::Options;

/// By which words this program starts itself.
const CLIENT: &str = "rdkafka_performance";
const TANSU: &str = "broker";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    match command.as_str() {
        CLIENT => return be_client(),
        TANSU => be_tansu(),
        "throughput" => throughput::compare(&Options::of(arguments)),
        "cluster" => cluster::measure(&Options::of(arguments)),
        _ => {
            eprintln!("throughput or cluster: see README.md");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// The program in C, with what follows the first word.
#[expect(unsafe_code, reason = "it is in C")]
fn be_client() -> ExitCode {
    unsafe extern "C" {
        safe fn rdkafka_performance(count: c_int, arguments: *mut *mut c_char) -> c_int;
    }
    let words = std::env::args().skip(1).map(|word| CString::new(word).expect("a word").into_raw());
    let mut words: Vec<*mut c_char> = words.chain([std::ptr::null_mut()]).collect();
    let status = rdkafka_performance(words.len() as c_int - 1, words.as_mut_ptr());
    ExitCode::from(u8::try_from(status).unwrap_or(1))
}

fn be_tansu() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Err(why) = runtime.block_on(tansu_cli::Cli::main()) {
        eprintln!("tansu: {why:?}");
    }
}
