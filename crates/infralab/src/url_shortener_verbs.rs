//! What url-shortener can do besides the shared verbs.

mod bench;
mod client;
mod export;
mod import;
mod key_file;
mod link;
mod serve;
mod shards;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use host::{address, number};
use url_shortener::server::MOST_HERE;
use url_shortener::transfer;

use crate::exit::Outcome;
use crate::serving::ServerArguments;
use crate::shared_verbs::SharedVerb;
use client::Server;

#[derive(Debug, Subcommand)]
pub(crate) enum UrlShortenerVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Makes short links and leads whoever follows them, until it is told to stop (SIGINT or SIGTERM).
    ///
    /// In a browser it has a page at its address. Programs ask it at /api/links; with keys, which are
    /// read from a file or from INFRALAB_API_KEYS, only those who have one may, and then it may listen
    /// where others can reach it. Links can always be followed by everybody.
    #[command(after_help = "Examples:
  infralab url-shortener serve
  curl -d '{\"url\":\"https://example.com\"}' http://127.0.0.1:7441/api/links
  curl -d '{\"url\":\"https://example.com\",\"alias\":\"ex\",\"expires_at\":\"2030-01-01T00:00:00Z\"}' \\
       http://127.0.0.1:7441/api/links
  curl -i http://127.0.0.1:7441/ex
  curl -X PATCH -d '{\"expires_at\":null}' http://127.0.0.1:7441/api/links/ex
  curl http://127.0.0.1:7441/api/links/ex/stats
  infralab url-shortener serve --listen 0.0.0.0:80 --public-url http://sho.rt --keys keys.txt")]
    Serve(ServeArguments),
    /// Makes a short link, and prints it.
    #[command(
        after_help = "Example: infralab url-shortener shorten https://example.com --alias ex"
    )]
    Shorten {
        /// Where it leads. Without http:// or https:// before it, https:// is put there.
        url: String,
        #[command(flatten)]
        link: LinkArguments,
        #[command(flatten)]
        server: Server,
    },
    /// Prints where a short link leads, without following it.
    #[command(after_help = "Example: infralab url-shortener expand ex")]
    Expand {
        /// Its code.
        code: String,
        /// Its custom domain.
        #[arg(long, value_name = "D")]
        domain: Option<String>,
        /// Prints all that is known of it, as one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Makes the links of a file: the CSV that a shortener exports, or JSON lines.
    ///
    /// The first row of CSV names the columns, in any order (such as short code, long url, title, created,
    /// visits), with commas, semicolons or tabs between them; columns that are not understood are told.
    /// Without names they are those of YOURLS: keyword,url,title,timestamp,ip,clicks.
    ///
    /// Clicks that were counted before stay counted. A line that is no link, or whose code is taken,
    /// is named on stderr, and the others are made all the same; the exit status is 2 then. What is
    /// there already, and leads to the same place, is left as it is, so an import may be repeated.
    #[command(after_help = "Examples:
  infralab url-shortener import yourls.csv
  infralab url-shortener import links.jsonl")]
    Import {
        /// Ends in .csv or .jsonl; `-` reads standard input.
        file: PathBuf,
        /// What it is, where the name does not say.
        #[arg(long)]
        format: Option<Format>,
        #[command(flatten)]
        server: Server,
    },
    /// Prints all links, with their clicks.
    ///
    /// JSON lines keep everything. The CSV of YOURLS has no place for tags, expiry, custom domains,
    /// forwarded queries and the status of redirects; what was left out is told on stderr. A title that
    /// begins with =, +, - or @ is written as it is, and told too: let a spreadsheet import all columns
    /// as text.
    #[command(after_help = "Example: infralab url-shortener export --format csv > yourls.csv")]
    Export {
        /// How to write them.
        #[arg(long, default_value = "jsonl")]
        format: Format,
        #[command(flatten)]
        server: Server,
    },
    /// Adds a shard to a server that runs, and waits until it has its share of the links.
    ///
    /// Links can be made, changed and followed all the while. Only those that the new shard keeps from
    /// then on are moved; a server that stops meanwhile goes on when it is started again.
    #[command(after_help = "Example: infralab url-shortener add-shard")]
    AddShard {
        /// Prints how the shards stand as one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: Server,
    },
    /// Measures what a cache is worth and what one core does, and says what a hundred billion links take.
    /// Beside each hit rate stands what a model says of it, from which that sum is made.
    ///
    /// The machines by themselves, without sockets, and with disks that are memory. Hit rates are the
    /// same everywhere; times are this computer's.
    #[command(after_help = "Example: infralab url-shortener bench --json")]
    Bench {
        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    /// As shorteners export links.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Codes {
    /// Leased numbers, permuted: seven letters that say neither which come next nor how many there are.
    Leased,
    /// Snowflake ids: eleven letters that say when the link was made, and sort by it.
    Snowflake,
}

/// What may be said of a new link.
#[derive(Debug, Args)]
pub(crate) struct LinkArguments {
    /// Its code; the service picks one otherwise.
    #[arg(long, value_name = "CODE")]
    alias: Option<String>,
    /// Its custom domain.
    #[arg(long, value_name = "D")]
    domain: Option<String>,
    /// For people.
    #[arg(long)]
    title: Option<String>,
    /// For people; may be given more than once.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,
    /// From then on it does not resolve, such as 2030-01-01T00:00:00Z.
    #[arg(long, value_name = "MOMENT")]
    expires_at: Option<url_shortener::wire::When>,
    /// How redirects are answered: 301, 302, 307 or 308.
    #[arg(long)]
    status: Option<u16>,
    /// Whether what stands behind a ? in the short link goes on to where it leads; as the server does
    /// it, where this is not given.
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    #[arg(require_equals = true)]
    forward_query: Option<bool>,
    /// Prints all of it as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:7441", value_parser = address)]
    listen: SocketAddr,
    /// The data folder. In it each node has one of its own.
    #[arg(long, value_name = "DIR", default_value = "infralab-data/url-shortener")]
    data: PathBuf,
    /// How many shards keep the links of a new data folder, one by default. Later ones are added while
    /// it runs: `add-shard`; then this may stay as it was.
    #[arg(long, value_name = "N")]
    #[arg(value_parser = number::<u16>(1..=u64::from(MOST_HERE)))]
    shards: Option<u16>,
    /// Keeps the links in this database instead: postgres://USER@HOST/NAME, on this computer. Its
    /// password comes from PGPASSWORD or the file that PGPASSFILE names.
    #[arg(long, value_name = "URL", conflicts_with = "shards")]
    store: Option<String>,
    /// What the codes that it picks are made of.
    #[arg(long, value_name = "KIND", default_value = "leased")]
    codes: Codes,
    /// What short links begin with, where others reach the service by a name, such as https://sho.rt.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// A custom domain that points at the service; may be given more than once.
    #[arg(long = "domain", value_name = "D")]
    domains: Vec<String>,
    /// Domains and addresses to which no link may lead, one a line.
    #[arg(long, value_name = "FILE")]
    block_list: Option<PathBuf>,
    /// Keys, one a line, of those who may make and see links.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// So many calls to shards a second one client may cause, and twice as many at once; a browser that
    /// only follows links that others follow too causes none.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = number::<u32>(1..=1_000_000))]
    rate: u32,
    /// Takes the last address of X-Forwarded-For for the visitor's, where a proxy on this computer
    /// says it.
    #[arg(long)]
    behind_proxy: bool,
    /// Appends what stands behind a ? in a short link to where it leads, unless the link says otherwise.
    #[arg(long)]
    forward_query: bool,
    #[command(flatten)]
    server: ServerArguments,
}

impl UrlShortenerVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            UrlShortenerVerb::Shared(verb) => verb.carry_out("url-shortener"),
            UrlShortenerVerb::Serve(arguments) => serve::serve(arguments),
            UrlShortenerVerb::Shorten { url, link, server } => link::shorten(url, link, &server),
            UrlShortenerVerb::Expand { code, domain, json, server } => {
                link::expand(&code, domain.as_deref(), json, &server)
            }
            UrlShortenerVerb::Import { file, format, server } => {
                import::import(&file, format, &server)
            }
            UrlShortenerVerb::Export { format, server } => export::export(format, &server),
            UrlShortenerVerb::AddShard { json, server } => shards::add(json, &server),
            UrlShortenerVerb::Bench { json } => bench::bench(json),
        }
    }
}

impl From<Format> for transfer::Form {
    fn from(format: Format) -> transfer::Form {
        match format {
            Format::Csv => transfer::Form::Csv,
            Format::Jsonl => transfer::Form::JsonLines,
        }
    }
}
