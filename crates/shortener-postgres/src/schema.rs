//! The tables, made by the first server that connects.

use deadpool_postgres::ClientWrapper;

use crate::error::{OpenError, SCHEMA_VERSION};

/// The advisory lock under which tables are made, so that servers that start at once take turns. Any
/// constant will do.
const TURN: i64 = 0x696e_6672_616c_6162;

/// `position` is the order of lists: it stays when a link is edited. Links are kept as documents, in
/// the words of the JSON of `Link`, so that a person can read them with `link->>'url'`. The collation
/// makes a name equal to itself only, in every locale.
const TABLES: &str = r#"
CREATE TABLE url_shortener.links (
    domain   text COLLATE "C" NOT NULL,
    code     text COLLATE "C" NOT NULL,
    position bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    link     jsonb NOT NULL,
    PRIMARY KEY (domain, code)
);
CREATE TABLE url_shortener.ranges (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    leased   bigint NOT NULL
);
INSERT INTO url_shortener.ranges (leased) VALUES (0);
"#;

/// Makes the tables where there are none; otherwise sees that they are ours. All of it, or nothing.
pub(crate) async fn prepare(client: &mut ClientWrapper) -> Result<(), OpenError> {
    let work = client.transaction().await?;
    work.execute("SELECT pg_advisory_xact_lock($1)", &[&TURN]).await?;
    // Asked first: who may use the tables need not be allowed to make any.
    let there = work.query_one("SELECT to_regclass('url_shortener.format') IS NOT NULL", &[]);
    if there.await?.try_get(0)? {
        let row = work.query_one("SELECT version FROM url_shortener.format", &[]).await?;
        return match row.try_get(0)? {
            SCHEMA_VERSION => Ok(()),
            newer => Err(OpenError::Newer(newer)),
        };
    }
    work.batch_execute(
        "CREATE SCHEMA IF NOT EXISTS url_shortener; \
         CREATE TABLE url_shortener.format (version integer NOT NULL)",
    )
    .await?;
    work.execute("INSERT INTO url_shortener.format VALUES ($1)", &[&SCHEMA_VERSION]).await?;
    work.batch_execute(TABLES).await?;
    Ok(work.commit().await?)
}
