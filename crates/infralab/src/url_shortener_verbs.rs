//! What url-shortener can do besides the shared verbs.

#![expect(clippy::disallowed_types, reason = "a file of any size is read line by line")]

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, stdin};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use shortener_api::{CreateRequest, ShardStatus, Timestamp, with_scheme};
use shortener_capacity::bench;
use shortener_service::http_client::{AskError, ClientOptions, HttpClient, Imported};
use shortener_service::options::ServeOptions;
use shortener_transfer::Form;

use crate::clock::{stopwatch, wall};
use crate::exit::{Failure, Found, Outcome, warn};
use crate::results::{Results, outcome_of, print, print_result};
use crate::serving::Serving;
use crate::shared_verbs::SharedVerb;

#[derive(Debug, Subcommand)]
pub(crate) enum UrlShortenerVerb {
    #[command(flatten)]
    Shared(SharedVerb),
    /// Makes short links and leads whoever follows them, until it is told to stop (SIGINT or SIGTERM).
    ///
    /// In a browser it has a page at its address. Programs ask it at /api/links; with keys, which are
    /// read from a file or from INFRALAB_API_KEYS, only those who have one may, and then it may listen
    /// where others can reach it. Links can always be followed by everybody.
    ///
    /// All shards are in this process, or, with --node and --cluster, one of them, and the others in the
    /// processes of the other nodes of the file. Each has the page and the interface; who is away takes its
    /// own links along, and no others. In the file each node needs an address `nodes` and one for `clients`;
    /// the first one counts clicks. The shard of one with `spare = true` joins when add-shard tells it to.
    #[command(after_help = "Examples:
  infralab url-shortener serve
  infralab url-shortener serve --node 1 --cluster cluster.toml
  curl -d '{\"url\":\"https://example.com\"}' http://127.0.0.1:7441/api/links
  curl -d '{\"url\":\"https://example.com\",\"alias\":\"ex\"}' http://127.0.0.1:7441/api/links
  curl -i http://127.0.0.1:7441/ex
  curl -X PATCH -d '{\"expires_at\":\"2030-01-01T00:00:00Z\"}' \\
    http://127.0.0.1:7441/api/links/ex
  curl http://127.0.0.1:7441/api/links/ex/stats
  infralab url-shortener serve --listen 0.0.0.0:80 --keys keys.txt \\
    --public-url http://sho.rt")]
    Serve(Serving<ServeOptions>),
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
        server: ClientOptions,
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
        server: ClientOptions,
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
        server: ClientOptions,
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
        server: ClientOptions,
    },
    /// Adds a shard to a server that runs, and waits until it has its share of the links.
    ///
    /// Over several processes any of them may be told; it is the shard of the next spare of the cluster file.
    ///
    /// Links can be made, changed and followed all the while. Only those that the new shard keeps from
    /// then on are moved; a server that stops meanwhile goes on when it is started again.
    #[command(after_help = "Example: infralab url-shortener add-shard")]
    AddShard {
        /// Prints how the shards stand as one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        server: ClientOptions,
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
    expires_at: Option<Timestamp>,
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

impl UrlShortenerVerb {
    pub(crate) fn carry_out(self) -> Outcome {
        match self {
            UrlShortenerVerb::Shared(verb) => verb.carry_out("url-shortener"),
            UrlShortenerVerb::Serve(serving) => serving.carry_out(),
            UrlShortenerVerb::Shorten { url, link, server } => shorten(url, link, &server),
            UrlShortenerVerb::Expand { code, domain, json, server } => {
                let answer = client(&server)?.expand(&code, domain.as_deref())?;
                print(&format!("{}\n", if json { answer.text } else { answer.value.url }))
            }
            UrlShortenerVerb::Import { file, format, server } => import(&file, format, &server),
            UrlShortenerVerb::Export { format, server } => export(format.into(), &server),
            UrlShortenerVerb::AddShard { json, server } => add_shard(json, &server),
            UrlShortenerVerb::Bench { json } => {
                let measured = bench::bench(stopwatch());
                print_result(json, || measured.to_json(), || measured.to_string())
            }
        }
    }
}

fn client(server: &ClientOptions) -> Result<HttpClient, Failure> {
    Ok(server.client(&mut |said| warn(&said))?)
}

fn shorten(url: String, link: LinkArguments, server: &ClientOptions) -> Outcome {
    let LinkArguments { alias, domain, title, tags, expires_at, status, forward_query, json } =
        link;
    let added = with_scheme(&url);
    if let Some(whole) = &added {
        warn(&format!("{url} is taken as {}", whole.trim()));
    }
    let url = added.unwrap_or(url);
    let wanted = CreateRequest {
        url,
        alias,
        domain,
        title,
        tags,
        expires_at,
        status,
        forward_query,
        ..CreateRequest::default()
    };
    let answer = client(server)?.shorten(&wanted)?;
    print(&format!("{}\n", if json { answer.text } else { answer.value.short_url }))
}

fn import(file: &Path, format: Option<Format>, server: &ClientOptions) -> Outcome {
    let form = match format {
        Some(format) => format.into(),
        None => form_of(file)?,
    };
    let unread = |error| Failure::input(format!("{}: {error}", file.display()));
    let from: Box<dyn BufRead> = match file.to_str() {
        Some("-") => Box::new(BufReader::new(stdin())),
        _ => Box::new(BufReader::new(File::open(file).map_err(unread)?)),
    };
    let imported = client(server)?.import(form, from, &mut |why| warn(&why.to_string()))?;
    let Imported { made, there, refused } = imported;
    print(&format!("{made} made, {there} there already, {refused} refused\n"))?;
    match refused {
        0 => Ok(Found::Held),
        _ => Err(Failure::input(format!("{refused} lines were refused, for the reasons above"))),
    }
}

fn export(form: Form, server: &ClientOptions) -> Outcome {
    let to = BufWriter::new(Results::new());
    let (told, written) = client(server)?.export(form, to, || wall().into())?;
    if told.in_part + told.left_out > 0 {
        warn(&format!(
            "CSV has no place for links that are over or of custom domains: {} are \
             left out; nor for expiry, tags, redirect status or forwarded queries: {} have lost theirs; \
             --format jsonl keeps all",
            told.left_out, told.in_part
        ));
    }
    if told.formulas > 0 {
        warn(&format!(
            "{} titles or codes begin with =, +, - or @, and are written as they are; \
             a spreadsheet may carry them out: let it import all columns as text",
            told.formulas
        ));
    }
    outcome_of(written)
}

fn add_shard(json: bool, server: &ClientOptions) -> Outcome {
    let joins = |ShardStatus { shard, entries, .. }: &ShardStatus| {
        anstream::eprintln!("shard {shard} has {entries} entries");
    };
    let answer = client(server)?.add_shard(joins)?;
    let line = |ShardStatus { shard, entries, state }: &ShardStatus| {
        format!("shard {shard}: {entries} entries, {state}\n")
    };
    let text: String = answer.value.shards.iter().map(line).collect();
    print(&if json { format!("{}\n", answer.text) } else { text })
}

fn form_of(file: &Path) -> Result<Form, Failure> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("csv") => Ok(Form::Csv),
        Some("jsonl" | "ndjson") => Ok(Form::JsonLines),
        _ => Err(Failure::input(format!(
            "{} does not say what it is; --format csv or --format jsonl does",
            file.display()
        ))),
    }
}

impl From<Format> for Form {
    fn from(format: Format) -> Form {
        match format {
            Format::Csv => Form::Csv,
            Format::Jsonl => Form::JsonLines,
        }
    }
}

impl From<AskError> for Failure {
    fn from(error: AskError) -> Failure {
        match error {
            AskError::Refused(why) => Failure::input(why),
            AskError::Failed { what, why } => Failure::environment(what, why),
        }
    }
}
