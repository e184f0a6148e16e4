//! Compiles librdkafka's own program for measurements, as a function of this one.

use std::env;
use std::path::Path;

fn main() {
    let librdkafka = env::var("DEP_RDKAFKA_ROOT").expect("rdkafka-sys says where librdkafka is");
    let examples = Path::new(&librdkafka).join("examples");
    cc::Build::new()
        .file(examples.join("rdkafka_performance.c"))
        .include(&examples)
        .include(Path::new(&librdkafka).join("src"))
        .define("main", "rdkafka_performance")
        .warnings(false)
        .compile("rdkafka_performance");
    println!("cargo:rerun-if-changed=build.rs");
}
