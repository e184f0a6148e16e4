//! A gateway that keeps everything in memory: what the door says to it, and hears, without a disk, a group or a peer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use machine::{Input, Inspection, Machine, Now, Outputs};
use object_store::answer::{Answer, Deleted, Found, Go, Item, Page, Stored, UploadItem};
use object_store::ask::{Ask, BucketChange, Commit, Cursor, List, Place, UploadPlace};
use object_store::error::Refusal;
use object_store::message::{Message, ObjectStore};
use object_store::row::{
    Bucket, Content, Extent, Kept, Part, Piece, Row, Shards, Upload, Versioning,
};
use object_store::sums::{Checksum, ETag};
use object_store::tuning::Tuning;
use object_store::words::{Code, Name, PartNumber, PutId, UploadId, Version, VersionId};

/// So small that what is of megabytes elsewhere is of kilobytes here.
pub(crate) fn tuning() -> Tuning {
    let code = Code { data: 2, parity: 1 };
    let (small, stripe, least_part) = (1_024, 4_096, 2_048);
    Tuning { small, stripe, code, least_part, ..Tuning::default() }
}

/// When everything happens.
const NOW: u64 = 1_764_500_000_000;

type Stripes = Vec<Vec<Piece>>;
type Parts = BTreeMap<PartNumber, (Part, Extent)>;

/// The gateway.
#[derive(Clone, Debug)]
pub(crate) struct Fake {
    tuning: Tuning,
    pub(crate) buckets: BTreeMap<Name, Bucket>,
    /// The rows of a key of a bucket, the oldest first.
    pub(crate) rows: BTreeMap<(Name, Name), Vec<Row>>,
    whole: BTreeMap<PutId, Bytes>,
    pub(crate) stripes: BTreeMap<PutId, Stripes>,
    pub(crate) uploads: BTreeMap<UploadId, (Name, Upload, Parts)>,
    over: BTreeMap<UploadId, Stored>,
    /// Of all stripes that it reads out, the pieces of these slots are rotten.
    pub(crate) rotten: Arc<AtomicU32>,
    /// How often it was told that a put is not to be.
    pub(crate) aborted: usize,
    last: u64,
}

impl Machine for Fake {
    type Protocol = ObjectStore;

    fn handle(
        &mut self,
        _: &mut Now<'_>,
        input: Input<ObjectStore>,
        out: &mut Outputs<ObjectStore>,
    ) {
        if let Input::Message { from, message: Message::Ask { token, user, ask } } = input {
            let answer = self.answer(&user, *ask).unwrap_or_else(Answer::Refused);
            out.send(from, Message::Answer { token, answer: Box::new(answer) });
        }
    }

    fn inspect(&self) -> Inspection {
        Inspection { role: "fake", state: String::new() }
    }
}

impl Fake {
    pub(crate) fn new(tuning: Tuning) -> Fake {
        Fake {
            tuning,
            buckets: BTreeMap::new(),
            rows: BTreeMap::new(),
            whole: BTreeMap::new(),
            stripes: BTreeMap::new(),
            uploads: BTreeMap::new(),
            over: BTreeMap::new(),
            rotten: Arc::default(),
            aborted: 0,
            last: 0,
        }
    }

    /// How many objects there are.
    pub(crate) fn objects(&self) -> usize {
        self.rows.values().filter(|rows| !rows.is_empty()).count()
    }

    fn answer(&mut self, user: &Name, ask: Ask) -> Result<Answer, Refusal> {
        match ask {
            Ask::Bucket(name) => self.bucket(user, &name).map(Answer::Bucket),
            Ask::Buckets => {
                let own = self.buckets.iter().filter(|(_, bucket)| bucket.owner == *user);
                Ok(Answer::Buckets(own.map(|(name, it)| (name.clone(), it.clone())).collect()))
            }
            Ask::ChangeBucket(name, change) => self.change(user, name, change),
            Ask::Small { commit, body } => {
                self.bucket(user, &commit.place.bucket)?;
                let put = self.put_id();
                self.whole.insert(put, body);
                self.commit(*commit, put, Kept::Whole)
            }
            Ask::Begin { place } => {
                self.bucket(user, &place.bucket)?;
                if let Some((id, _)) = place.part {
                    self.upload(&place.bucket, id)?;
                }
                let put = self.put_id();
                self.stripes.insert(put, vec![]);
                let Tuning { code, stripe, credit, .. } = self.tuning;
                Ok(Answer::Go(Go { put, code, stripe, credit }))
            }
            Ask::Stripe { put, number, pieces } => {
                let stripes = self.stripes.get_mut(&put).ok_or(Refusal::RequestTimeout)?;
                assert_eq!(stripes.len() as u64, number, "stripes come in order");
                stripes.push(pieces);
                Ok(Answer::Taken)
            }
            Ask::End { put, commit } => {
                let Tuning { code, stripe, .. } = self.tuning;
                let shards = Shards { code, stripe, layout: 0, missing: 0 };
                assert_eq!(self.stripes[&put].len() as u64, shards.stripes(commit.size));
                self.commit(*commit, put, Kept::Shards(shards))
            }
            Ask::Abort { put } => {
                self.aborted += 1;
                self.stripes.remove(&put).map(|_| Answer::Done).ok_or(Refusal::RequestTimeout)
            }
            Ask::Get { bucket, key, version, conditions, body } => {
                let versioned = self.bucket(user, &bucket)?.versioning != Versioning::Never;
                let row = self.row(&bucket, &key, version)?;
                conditions.judge_read(&row)?;
                let content = row.content.as_ref();
                let body =
                    content.filter(|_| body).and_then(|content| match &content.extents[..] {
                        [one] if one.kept == Kept::Whole => self.whole.get(&one.put).cloned(),
                        _ => None,
                    });
                Ok(Answer::Found(Box::new(Found { row, versioned, body })))
            }
            Ask::Read { bucket, extent, stripe, bad, .. } => {
                self.bucket(user, &bucket)?;
                self.read(&extent, stripe, bad)
            }
            Ask::List(list) => {
                self.bucket(user, &list.bucket)?;
                Ok(Answer::Page(self.list(&list)))
            }
            Ask::Uploads(list) => {
                self.bucket(user, &list.bucket)?;
                let own = self.uploads.values().filter(|(bucket, ..)| *bucket == list.bucket);
                let items = own.map(|(_, upload, _)| UploadItem::Upload(upload.clone())).collect();
                Ok(Answer::Uploads(Page { items, next: None }))
            }
            Ask::Parts { place, after, most } => {
                let (_, upload, parts) = self.upload(&place.bucket, place.upload)?;
                let mut rest = parts.range(after + 1..).map(|(_, (part, _))| part.clone());
                let page = rest.by_ref().take(most.into()).collect();
                Ok(Answer::Parts(Box::new(upload.clone()), page, rest.next().is_some()))
            }
            Ask::Delete { bucket, key, version, conditions } => {
                let versioning = self.bucket(user, &bucket)?.versioning;
                conditions.judge_change(self.current(&bucket, &key))?;
                Ok(Answer::Deleted(self.delete((bucket, key), version, versioning)))
            }
            Ask::BeginUpload { bucket, key, headers, sums } => {
                self.bucket(user, &bucket)?;
                let id = UploadId(self.next());
                let upload = Upload { key, id, began: NOW, headers, sums };
                self.uploads.insert(id, (bucket, upload, Parts::new()));
                Ok(Answer::Upload(id))
            }
            Ask::CompleteUpload { place, parts, checksum, conditions } => {
                if let Some(stored) = self.over.get(&place.upload) {
                    return Ok(Answer::Stored(stored.clone()));
                }
                let (_, upload, all) = self.upload(&place.bucket, place.upload)?;
                let content = completed(upload, all, &parts, checksum, self.tuning.least_part)?;
                conditions.judge_change(self.current(&place.bucket, &place.key))?;
                let stored = self.name((place.bucket, place.key), content);
                self.uploads.remove(&place.upload);
                self.over.insert(place.upload, stored.clone());
                Ok(Answer::Stored(stored))
            }
            Ask::AbortUpload { place: UploadPlace { bucket, upload, .. } } => {
                self.upload(&bucket, upload)?;
                self.uploads.remove(&upload);
                Ok(Answer::Done)
            }
            // Nodes ask these, and no session.
            Ask::Dead(_) | Ask::Advance(_) => Err(Refusal::Unavailable),
        }
    }

    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn put_id(&mut self) -> PutId {
        PutId { group: 0, epoch: 0, nonce: 0, seq: self.next() as u32 }
    }

    fn bucket(&self, user: &Name, name: &Name) -> Result<Bucket, Refusal> {
        let bucket = self.buckets.get(name).ok_or(Refusal::NoSuchBucket)?;
        (bucket.owner == *user).then(|| bucket.clone()).ok_or(Refusal::AccessDenied)
    }

    fn change(&mut self, user: &Name, name: Name, change: BucketChange) -> Result<Answer, Refusal> {
        match change {
            BucketChange::Make => match self.buckets.get(&name) {
                Some(bucket) if bucket.owner == *user => {
                    return Err(Refusal::BucketAlreadyOwnedByYou);
                }
                Some(_) => return Err(Refusal::BucketAlreadyExists),
                None => {
                    let bucket =
                        Bucket { owner: user.clone(), made: NOW, versioning: Versioning::Never };
                    self.buckets.insert(name, bucket);
                }
            },
            BucketChange::Delete => {
                self.bucket(user, &name)?;
                if self.rows.iter().any(|((bucket, _), rows)| *bucket == name && !rows.is_empty()) {
                    return Err(Refusal::BucketNotEmpty);
                }
                self.buckets.remove(&name);
            }
            BucketChange::Versioning(versioning) => {
                self.bucket(user, &name)?;
                self.buckets.get_mut(&name).unwrap().versioning = versioning;
            }
        }
        Ok(Answer::Done)
    }

    fn upload(&self, bucket: &Name, id: UploadId) -> Result<&(Name, Upload, Parts), Refusal> {
        self.uploads.get(&id).filter(|(own, ..)| own == bucket).ok_or(Refusal::NoSuchUpload)
    }

    fn current(&self, bucket: &Name, key: &Name) -> Option<&Row> {
        self.rows.get(&(bucket.clone(), key.clone()))?.last()
    }

    fn row(&self, bucket: &Name, key: &Name, version: Option<VersionId>) -> Result<Row, Refusal> {
        let rows = self.rows.get(&(bucket.clone(), key.clone()));
        let rows = rows.filter(|rows| !rows.is_empty());
        let rows = rows.ok_or(Refusal::NoSuchKey { is_marker: false })?;
        match version {
            None => {
                let row = rows.last().filter(|row| row.content.is_some());
                row.cloned().ok_or(Refusal::NoSuchKey { is_marker: true })
            }
            Some(id) => {
                let row = rows.iter().find(|row| row.id() == id).ok_or(Refusal::NoSuchVersion)?;
                row.content.is_some().then(|| row.clone()).ok_or(Refusal::MethodNotAllowed)
            }
        }
    }

    fn commit(&mut self, commit: Commit, put: PutId, kept: Kept) -> Result<Answer, Refusal> {
        let Commit { place: Place { bucket, key, part }, size, etag, checksum, .. } = commit;
        let extent = Extent { put, part: part.map_or(0, |(_, number)| number), length: size, kept };
        if let Some((id, number)) = part {
            self.upload(&bucket, id)?;
            let part = Part { number, size, etag, checksum: checksum.clone(), modified: NOW };
            self.uploads.get_mut(&id).unwrap().2.insert(number, (part, extent));
            return Ok(Answer::Stored(Stored { version: None, etag, checksum }));
        }
        commit.conditions.judge_change(self.current(&bucket, &key))?;
        let headers = commit.headers;
        let content = Content { size, etag, checksum, headers, extents: vec![extent] };
        Ok(Answer::Stored(self.name((bucket, key), content)))
    }

    fn name(&mut self, place: (Name, Name), content: Content) -> Stored {
        let (etag, checksum) = (content.etag, content.checksum.clone());
        let versioning = self.buckets[&place.0].versioning;
        let row = self.push(place, Some(content), versioning);
        let version = (versioning != Versioning::Never).then(|| row.id());
        Stored { version, etag, checksum }
    }

    fn push(&mut self, place: (Name, Name), content: Option<Content>, in_a: Versioning) -> Row {
        let is_null = in_a != Versioning::Enabled;
        let row = Row { version: self.next(), is_null, modified: NOW, content };
        let rows = self.rows.entry(place).or_default();
        rows.retain(|row| !(is_null && row.is_null));
        rows.push(row.clone());
        row
    }

    fn delete(
        &mut self,
        place: (Name, Name),
        version: Option<VersionId>,
        versioning: Versioning,
    ) -> Deleted {
        let rows = self.rows.entry(place.clone()).or_default();
        match version {
            Some(id) => {
                let is_marker = rows.iter().any(|row| row.id() == id && row.content.is_none());
                rows.retain(|row| row.id() != id);
                Deleted { version: Some(id), is_marker }
            }
            None if versioning == Versioning::Never => {
                rows.clear();
                Deleted { version: None, is_marker: false }
            }
            None => {
                let row = self.push(place, None, versioning);
                Deleted { version: Some(row.id()), is_marker: true }
            }
        }
    }

    fn read(&self, extent: &Extent, stripe: u64, bad: u32) -> Result<Answer, Refusal> {
        if extent.kept == Kept::Whole {
            return Ok(Answer::Whole(self.whole[&extent.put].clone()));
        }
        let pieces = self.stripes[&extent.put][stripe as usize].iter();
        let pieces =
            pieces.filter(|piece| bad & 1 << piece.slot == 0).take(self.tuning.code.data.into());
        let rotten = self.rotten.load(Ordering::Relaxed);
        let pieces: Vec<_> = pieces
            .map(|piece| match rotten & 1 << piece.slot {
                0 => piece.clone(),
                _ => Piece { bytes: Bytes::from(vec![0; piece.bytes.len()]), ..piece.clone() },
            })
            .collect();
        match pieces.len() == usize::from(self.tuning.code.data) {
            true => Ok(Answer::Pieces(pieces)),
            false => Err(Refusal::Unreadable),
        }
    }

    fn list(&self, list: &List) -> Page<Item> {
        let List { bucket, prefix, delimiter, after, most, versions } = list;
        let is_behind = |key: &Name, version: Version| match after {
            None => true,
            Some(Cursor::Key(last)) => key > last,
            Some(Cursor::Prefix(last)) => key > last && !key.starts_with(&**last),
            Some(Cursor::Version(last, older)) => key > last || key == last && version < *older,
            Some(Cursor::Upload(..)) => unreachable!("it is of another listing"),
        };
        let mut page = Page { items: vec![], next: None };
        let mut behind = None;
        let own =
            self.rows.iter().filter(|((its, key), _)| its == bucket && key.starts_with(&**prefix));
        for ((_, key), rows) in own {
            let folded = delimiter.as_ref().and_then(|delimiter| {
                let at = key[prefix.len()..].find(&**delimiter)?;
                Some(Name::from(&key[..prefix.len() + at + delimiter.len()]))
            });
            for (row, number) in rows.iter().rev().zip(0..) {
                let is_current = number == 0;
                let is_shown = *versions || is_current && row.content.is_some();
                if !is_shown || !is_behind(key, row.version) {
                    continue;
                }
                let (item, place) = match &folded {
                    Some(prefix) => (Item::Prefix(prefix.clone()), Cursor::Prefix(prefix.clone())),
                    None if *versions => (
                        Item::Object(key.clone(), row.clone(), is_current),
                        Cursor::Version(key.clone(), row.version),
                    ),
                    None => (
                        Item::Object(key.clone(), row.clone(), is_current),
                        Cursor::Key(key.clone()),
                    ),
                };
                if behind.as_ref() == Some(&place) {
                    continue;
                }
                if page.items.len() == usize::from(*most) {
                    page.next = behind;
                    return page;
                }
                page.items.push(item);
                behind = Some(place);
            }
        }
        page
    }
}

/// What an upload becomes of these parts.
fn completed(
    upload: &Upload,
    all: &Parts,
    named: &[(PartNumber, ETag, Option<Checksum>)],
    said: Option<Checksum>,
    least: u64,
) -> Result<Content, Refusal> {
    if !named.is_sorted_by(|one, next| one.0 < next.0) {
        return Err(Refusal::InvalidPartOrder);
    }
    let mut parts = Vec::new();
    for (number, etag, _) in named {
        let part = all.get(number).filter(|(part, _)| part.etag == *etag);
        parts.push(part.ok_or(Refusal::InvalidPart(*number))?);
    }
    let but_last = &parts[..parts.len() - 1];
    if let Some((small, _)) = but_last.iter().find(|(part, _)| part.size < least) {
        return Err(Refusal::EntityTooSmall(small.number));
    }
    let checksum = upload.sums.map(|sums| {
        let each = parts.iter().map(|(part, _)| {
            let checksum = part.checksum.as_ref().ok_or(Refusal::InvalidPart(part.number));
            checksum.map(|checksum| (checksum, part.size))
        });
        let each = each.collect::<Result<Vec<_>, _>>()?;
        Checksum::of_parts(sums, &each).ok_or(Refusal::BadDigest)
    });
    let checksum = checksum.transpose()?;
    if said.is_some_and(|said| checksum.as_ref().is_some_and(|it| it.value != said.value)) {
        return Err(Refusal::BadDigest);
    }
    Ok(Content {
        size: parts.iter().map(|(part, _)| part.size).sum(),
        etag: ETag::of_parts(parts.iter().map(|(part, _)| &part.etag)),
        checksum,
        headers: upload.headers.clone(),
        extents: parts.iter().map(|(_, extent)| extent.clone()).collect(),
    })
}
