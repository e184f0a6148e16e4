//! Each call as a statement. What it changes is committed when it is answered.

use std::sync::Arc;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::Row;
use tokio_postgres::types::Json;

use super::error::Trouble;
use crate::{Edit, Key, Link, Range, Reply};

/// Numbers in a range.
const RANGE_SIZE: u64 = 1000;

/// The primary key looks, so a code of a leased range is as safe as an alias: neither replaces what is
/// there.
pub(super) async fn put(client: &ClientWrapper, key: &Key, link: Link) -> Result<Reply, Trouble> {
    let put = client
        .prepare_cached(
            "INSERT INTO url_shortener.links (domain, code, link) VALUES ($1, $2, $3) \
             ON CONFLICT (domain, code) DO NOTHING",
        )
        .await?;
    let made = client.execute(&put, &[&&*key.domain, &&*key.code, &Json(&link)]).await?;
    Ok(if made == 1 { Reply::Stored(Arc::new(link)) } else { Reply::Taken })
}

pub(super) async fn get(client: &ClientWrapper, key: &Key) -> Result<Reply, Trouble> {
    let get = client
        .prepare_cached("SELECT link FROM url_shortener.links WHERE domain = $1 AND code = $2")
        .await?;
    Ok(match client.query_opt(&get, &[&&*key.domain, &&*key.code]).await? {
        Some(row) => Reply::Found(Arc::new(link(&row, 0)?)),
        None => Reply::Missing,
    })
}

/// Read, changed as a shard changes it, and written, while others who want to change it wait.
pub(super) async fn edit(
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

pub(super) async fn remove(client: &ClientWrapper, key: &Key) -> Result<Reply, Trouble> {
    let remove = client
        .prepare_cached("DELETE FROM url_shortener.links WHERE domain = $1 AND code = $2")
        .await?;
    let gone = client.execute(&remove, &[&&*key.domain, &&*key.code]).await?;
    Ok(if gone == 1 { Reply::Removed } else { Reply::Missing })
}

pub(super) async fn scan(
    client: &ClientWrapper,
    after: Option<u64>,
    limit: u32,
    search: Option<&str>,
) -> Result<Reply, Trouble> {
    let scan = client
        .prepare_cached(
            "SELECT position, domain, code, link FROM url_shortener.links \
             WHERE position > $1 ORDER BY position LIMIT $2",
        )
        .await?;
    let after = after.map_or(0, |after| i64::try_from(after).unwrap_or(i64::MAX));
    let rows = client.query(&scan, &[&after, &i64::from(limit)]).await?;
    let full = rows.len() == limit as usize;
    let last = rows.last().map(|row| row.try_get::<_, i64>(0)).transpose()?;
    let mut links = Vec::with_capacity(rows.len());
    for row in &rows {
        links.push((Key::new(row.try_get(1)?, row.try_get(2)?), link(row, 3)?));
    }
    if let Some(search) = search {
        links.retain(|(key, link)| link.matches(key, search));
    }
    let next = last.filter(|_| full).map(i64::unsigned_abs);
    Ok(Reply::Page { links, next })
}

/// One statement takes the number and counts on: two who ask at once get two.
pub(super) async fn lease_range(client: &ClientWrapper) -> Result<Reply, Trouble> {
    let lease = client
        .prepare_cached("UPDATE url_shortener.ranges SET leased = leased + 1 RETURNING leased - 1")
        .await?;
    let counter: i64 = client.query_one(&lease, &[]).await?.try_get(0)?;
    let first = counter.unsigned_abs().saturating_mul(RANGE_SIZE);
    Ok(Reply::Leased(Range { first, end: first.saturating_add(RANGE_SIZE) }))
}

fn link(row: &Row, column: usize) -> Result<Link, tokio_postgres::Error> {
    row.try_get(column).map(|Json(link)| link)
}
