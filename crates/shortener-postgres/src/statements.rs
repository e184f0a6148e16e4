//! Each call as a statement. What it changes is committed when it is answered.

use std::sync::Arc;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use crate::error::Trouble;
use url_shortener::{CODES, Edit, Key, Link, MAX_PAGE_LINKS, Named, RANGE, Range, Reply};

/// How often the database is asked for one page of a search, at most.
const ROUNDS: u32 = 5;

/// The primary key decides which of two concurrent calls is first.
pub(crate) async fn put_if_absent(
    client: &ClientWrapper,
    key: &Key,
    link: Link,
) -> Result<Reply, Trouble> {
    let put = client
        .prepare_cached(
            "INSERT INTO url_shortener.links (domain, code, link) VALUES ($1, $2, $3) \
             ON CONFLICT (domain, code) DO NOTHING",
        )
        .await?;
    let made = client.execute(&put, &[&&*key.domain, &&*key.code, &Json(&link)]).await?;
    Ok(if made == 1 { Reply::Stored(Arc::new(link)) } else { Reply::Taken })
}

pub(crate) async fn get(client: &ClientWrapper, key: &Key) -> Result<Reply, Trouble> {
    let get = client
        .prepare_cached("SELECT link FROM url_shortener.links WHERE domain = $1 AND code = $2")
        .await?;
    Ok(match client.query_opt(&get, &[&&*key.domain, &&*key.code]).await? {
        Some(row) => Reply::Found(Arc::new(link(&row, 0)?)),
        None => Reply::Missing,
    })
}

/// Reads, changes and writes the link under a row lock.
pub(crate) async fn edit(
    client: &mut ClientWrapper,
    key: &Key,
    edit: Edit,
) -> Result<Reply, Trouble> {
    let work = client.transaction().await?;
    let look = work
        .prepare_cached(
            "SELECT link FROM url_shortener.links WHERE domain = $1 AND code = $2 FOR UPDATE",
        )
        .await?;
    let Some(row) = work.query_opt(&look, &[&&*key.domain, &&*key.code]).await? else {
        return Ok(Reply::Missing);
    };
    let mut link = link(&row, 0)?;
    link.edit(edit);
    let change = work
        .prepare_cached("UPDATE url_shortener.links SET link = $3 WHERE domain = $1 AND code = $2")
        .await?;
    work.execute(&change, &[&&*key.domain, &&*key.code, &Json(&link)]).await?;
    work.commit().await?;
    Ok(Reply::Stored(Arc::new(link)))
}

pub(crate) async fn remove(client: &ClientWrapper, key: &Key) -> Result<Reply, Trouble> {
    let remove = client
        .prepare_cached("DELETE FROM url_shortener.links WHERE domain = $1 AND code = $2")
        .await?;
    let gone = client.execute(&remove, &[&&*key.domain, &&*key.code]).await?;
    Ok(if gone == 1 { Reply::Removed } else { Reply::Missing })
}

/// In the order of creation.
pub(crate) async fn scan(
    client: &ClientWrapper,
    after: Option<u64>,
    limit: u32,
    search: Option<&str>,
) -> Result<Reply, Trouble> {
    let statement = "SELECT position, domain, code, link FROM url_shortener.links \
                     WHERE position > $1 ORDER BY position LIMIT $2";
    let (links, next) = page(client, statement, after.unwrap_or(0), limit, search).await?;
    Ok(Reply::Page { links, next })
}

/// In the reverse order.
pub(crate) async fn newest(
    client: &ClientWrapper,
    below: u64,
    limit: u32,
    search: Option<&str>,
) -> Result<Reply, Trouble> {
    let statement = "SELECT position, domain, code, link FROM url_shortener.links \
                     WHERE position < $1 ORDER BY position DESC LIMIT $2";
    let (links, next) = page(client, statement, below, limit, search).await?;
    // The first link has the position 1.
    Ok(Reply::Page { links, next: next.filter(|below| *below > 1) })
}

/// A page of the rows of this statement. The search is done here, as a shard does it, and not by the
/// database, where lower case depends on the locale.
async fn page(
    client: &ClientWrapper,
    statement: &str,
    mut from: u64,
    limit: u32,
    search: Option<&str>,
) -> Result<(Vec<Named>, Option<u64>), Trouble> {
    let statement = client.prepare_cached(statement).await?;
    let limit = limit.clamp(1, MAX_PAGE_LINKS);
    let search = search.map(str::to_lowercase);
    let rows_at_once = if search.is_some() { MAX_PAGE_LINKS } else { limit };
    let mut links = Vec::new();
    for _ in 0..ROUNDS {
        let start = i64::try_from(from).unwrap_or(i64::MAX);
        let rows = client.query(&statement, &[&start, &i64::from(rows_at_once)]).await?;
        for row in &rows {
            let (key, link) = (Key::new(row.try_get(1)?, row.try_get(2)?), link(row, 3)?);
            from = row.try_get::<_, i64>(0)?.unsigned_abs();
            if search.as_deref().is_none_or(|search| link.matches(&key, search)) {
                links.push((key, link));
            }
            if links.len() == limit as usize {
                return Ok((links, Some(from)));
            }
        }
        if rows.len() < rows_at_once as usize {
            return Ok((links, None));
        }
    }
    Ok((links, Some(from)))
}

/// One statement reads and increments the counter, so concurrent calls get distinct ranges.
pub(crate) async fn lease_range(client: &ClientWrapper) -> Result<Reply, Trouble> {
    let lease = client
        .prepare_cached("UPDATE url_shortener.ranges SET leased = leased + 1 RETURNING leased - 1")
        .await?;
    let counter: i64 = client.query_one(&lease, &[]).await?.try_get(0)?;
    let first = counter.unsigned_abs().saturating_mul(RANGE);
    Ok(match first.checked_add(RANGE).filter(|end| *end <= CODES) {
        Some(end) => Reply::Leased(Range { first, end }),
        None => Reply::Refused("all codes are leased".into()),
    })
}

fn link(row: &Row, column: usize) -> Result<Link, tokio_postgres::Error> {
    row.try_get(column).map(|Json(link)| link)
}
