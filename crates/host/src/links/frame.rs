//! A frame on a stream of bytes: its length in four bytes, little-endian, its kind in one, and so many bytes.

use std::fmt;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use machine::Parts;
use machine::codec::Encoder;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

pub(super) const HEADER: usize = 5;
/// Read at once, if they are there.
const CHUNK: usize = 8 << 10;
/// A frame of this length or more is read into memory of its own, where what reads it may keep slices of it.
const LONG: usize = 64 << 10;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// For the machine; before there is a link, for the handshake.
    Message,
    /// The sender's machine has taken something.
    Credit,
    /// The sender is still there. It has no bytes.
    Beat,
}

const KINDS: [Kind; 3] = [Kind::Message, Kind::Credit, Kind::Beat];

/// A frame that says nothing else.
pub(super) const BEAT: [u8; HEADER] = [0, 0, 0, 0, Kind::Beat as u8];

/// The frame around what is written; none where that is too long for a frame.
pub(super) fn frame(kind: Kind, longest: usize, write: impl FnOnce(&mut Encoder)) -> Option<Parts> {
    let mut out = Encoder::default();
    out.put_slice(&[0; HEADER]);
    write(&mut out);
    let frame = out.finish();
    let length = frame.len() - HEADER;
    if length > longest {
        return None;
    }
    let mut slices = frame.into_iter();
    // It was just made and nobody else has it, so it is not copied.
    let mut first = BytesMut::from(slices.next()?);
    first[..4].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    first[4] = kind as u8;
    Some(std::iter::once(first.freeze()).chain(slices).collect())
}

/// The frames on a stream. It never keeps more than one frame and a chunk.
#[derive(Debug)]
pub(super) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
    long: Option<Long>,
    /// What the long frame before was read into. Fresh memory costs as much as a copy, page by page, so it is used
    /// again for a long frame that follows at once, if nobody has a slice of it any more.
    spare: BytesMut,
    longest: usize,
}

/// A long frame of which the beginning is there. Nothing of it is in the buffer.
#[derive(Debug)]
struct Long {
    kind: Kind,
    body: BytesMut,
    length: usize,
}

impl Frames<TcpStream> {
    /// The frames of the half that is read, and the half that is written.
    pub(super) fn split(self) -> (Frames<OwnedReadHalf>, OwnedWriteHalf) {
        let Frames { reader, buffer, long, spare, longest } = self;
        let (reader, writer) = reader.into_split();
        (Frames { reader, buffer, long, spare, longest }, writer)
    }
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R, longest: usize) -> Self {
        let (buffer, spare) = Default::default();
        Frames { reader, buffer, long: None, spare, longest }
    }

    /// The next frame. Dropped half-way it has lost nothing.
    pub(super) async fn next(&mut self) -> Result<(Kind, Bytes), FrameError> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            let read = match &mut self.long {
                Some(Long { body, length, .. }) => {
                    let missing = *length - body.len();
                    self.reader.read_buf(&mut body.limit(missing)).await?
                }
                None => self.reader.read_buf(&mut self.buffer).await?,
            };
            if read == 0 {
                return Err(match self.buffer.is_empty() && self.long.is_none() {
                    true => FrameError::Closed,
                    false => FrameError::Truncated,
                });
            }
        }
    }

    /// Nothing came for a while: what it came into last is given back.
    pub(super) fn rest(&mut self) {
        self.spare = BytesMut::new();
    }

    /// From here on frames may be so long.
    pub(super) fn set_longest(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// What the frames are read from.
    pub(super) fn reader(&self) -> &R {
        &self.reader
    }

    /// The same, to write to.
    pub(super) fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// A frame that is there already; else makes room for the rest of it.
    fn take(&mut self) -> Result<Option<(Kind, Bytes)>, FrameError> {
        if let Some(mut long) = self.long.take_if(|long| long.body.len() == long.length) {
            let frame = long.body.split().freeze();
            self.spare = long.body;
            return Ok(Some((long.kind, frame)));
        }
        if self.long.is_some() {
            return Ok(None);
        }
        let Some(&[a, b, c, d, kind]) = self.buffer.first_chunk::<HEADER>() else {
            self.buffer.reserve(CHUNK);
            return Ok(None);
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > self.longest {
            return Err(FrameError::TooLong { length, longest: self.longest });
        }
        let kind = match KINDS.get(usize::from(kind)) {
            Some(Kind::Beat) if length > 0 => return Err(FrameError::NoKind(kind)),
            Some(known) => *known,
            None => return Err(FrameError::NoKind(kind)),
        };
        let missing = (HEADER + length).saturating_sub(self.buffer.len());
        if length < LONG {
            self.rest();
        }
        if missing == 0 {
            self.buffer.advance(HEADER);
            return Ok(Some((kind, self.buffer.split_to(length).freeze())));
        }
        if length < LONG {
            self.buffer.reserve(missing);
            return Ok(None);
        }
        let mut body = std::mem::take(&mut self.spare);
        if !body.try_reclaim(length) {
            body = BytesMut::with_capacity(length);
        }
        body.put_slice(&self.buffer[HEADER..]);
        self.buffer.clear();
        self.long = Some(Long { kind, body, length });
        Ok(None)
    }
}

/// Why there is no further frame on a stream. It is over in any case.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The other end closed it, between two frames.
    Closed,
    /// It ended within a frame.
    Truncated,
    /// The other end announced more than a frame may have.
    TooLong { length: usize, longest: usize },
    /// There is no such kind of frame, or it has bytes where it should have none.
    NoKind(u8),
    /// The operating system could not read on.
    Io(io::Error),
}

impl From<io::Error> for FrameError {
    fn from(error: io::Error) -> Self {
        FrameError::Io(error)
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::Closed => f.write_str("the other end closed it"),
            FrameError::Truncated => f.write_str("it ended within a frame"),
            FrameError::TooLong { length, longest } => {
                write!(f, "a frame of {length} bytes was announced, and {longest} are the most")
            }
            FrameError::NoKind(kind) => write!(f, "there is no such frame of kind {kind}"),
            FrameError::Io(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All frames of these bytes, how they end, and how much memory was kept.
    fn read(bytes: &[u8], longest: usize) -> (Vec<Bytes>, FrameError, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut frames = Frames::new(bytes, longest);
        let (mut found, mut most) = (Vec::new(), 0);
        runtime.block_on(async {
            loop {
                let next = frames.next().await;
                let long = frames.long.as_ref().map_or(0, |long| long.body.capacity());
                most = most.max(frames.buffer.capacity() + long);
                match next {
                    Ok((_, frame)) => found.push(frame),
                    Err(end) => return (found, end, most),
                }
            }
        })
    }

    fn message(body: &[u8], longest: usize) -> Option<Vec<u8>> {
        frame(Kind::Message, longest, |out| out.put_slice(body)).map(|frame| frame.joined().into())
    }

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        frames.iter().flat_map(|body| message(body, 1000).unwrap()).collect()
    }

    fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12)
    }

    #[test]
    fn a_frame_is_these_bytes() {
        assert_eq!(message(b"abc", 3).unwrap(), b"\x03\0\0\0\0abc");
        assert_eq!(message(b"abc", 2), None);
        assert_eq!(frame(Kind::Beat, 0, |_| ()).unwrap().joined(), BEAT[..]);
        assert!(matches!(read(b"\x01\0\0\0\x02a", 9).1, FrameError::NoKind(2)));
        assert!(matches!(read(b"\0\0\0\0\x03", 9).1, FrameError::NoKind(3)));
    }

    /// However it comes in pieces: a long frame is one slice of memory, its payload copied neither when it
    /// leaves nor, but for what came with the header, when it arrives.
    #[test]
    fn a_long_frame_has_memory_of_its_own() {
        let payload = Bytes::from(vec![7; 3 * LONG]);
        let sent = frame(Kind::Message, 4 * LONG, |out| {
            out.put_u8(1);
            out.put_shared(&payload);
        });
        let sent = sent.unwrap();
        assert_eq!(sent.slices().len(), 2);
        assert_eq!(sent.slices()[1].as_ptr(), payload.as_ptr());
        let short = message(b"abc", 3).unwrap();
        let bytes = [&short, &sent.joined()[..], &short].concat();
        let (found, end, most) = read(&bytes, 4 * LONG);
        assert!(matches!(end, FrameError::Closed), "{end}");
        assert_eq!([found[0].len(), found[1].len(), found[2].len()], [3, 1 + payload.len(), 3]);
        assert_eq!(found[1].slice(1..), payload);
        assert!(most <= 1 + payload.len() + 2 * CHUNK, "{most}");
    }

    #[test]
    fn memory_of_a_long_frame_is_used_again_when_nobody_has_it() {
        let long = |byte| message(&[byte; 2 * LONG], 2 * LONG).unwrap();
        let bytes = [long(1), long(2), long(3), message(b"abc", 3).unwrap(), long(4)].concat();
        let mut frames = Frames::new(&bytes[..], 2 * LONG);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut next = || runtime.block_on(frames.next()).unwrap().1;
        let first = next();
        let (kept, place) = (first.slice(9..10), first.as_ptr());
        drop(first);
        let second = next();
        assert_ne!(second.as_ptr(), place, "somebody has a slice of it");
        let place = second.as_ptr();
        drop(second);
        let third = next();
        assert_eq!((third.as_ptr(), &third[..]), (place, &[3; 2 * LONG][..]));
        assert_eq!(kept[..], [1]);
        drop(third);
        next();
        assert!(!frames.spare.try_reclaim(1), "what comes is short: it is given back");
    }

    #[test]
    fn a_frame_may_be_as_long_as_the_longest_and_not_longer() {
        for length in [299, 300, 301] {
            let body = vec![7; length];
            let (made, sent) = (message(&body, 300), message(&body, 1000).unwrap());
            let (found, end, _) = read(&sent, 300);
            if length <= 300 {
                assert_eq!((made, found), (Some(sent), vec![Bytes::from(body)]));
                assert!(matches!(end, FrameError::Closed), "{end}");
            } else {
                assert_eq!((made, found), (None, vec![]));
                assert_eq!(
                    end.to_string(),
                    "a frame of 301 bytes was announced, and 300 are the most"
                );
            }
        }
    }

    #[test]
    fn no_more_memory_is_kept_than_a_frame_may_have() {
        for announced in [1001_u32, 1 << 20, u32::MAX] {
            let bytes = [&announced.to_le_bytes()[..], &[0; 5000]].concat();
            let (found, end, most) = read(&bytes, 1000);
            assert!(found.is_empty() && matches!(end, FrameError::TooLong { .. }), "{end}");
            assert!(most <= 2 * CHUNK, "{most}");
        }
    }

    proptest! {
        #[test]
        fn frames_arrive_as_they_were_sent(bodies in bodies()) {
            let (found, end, _) = read(&stream(&bodies), 300);
            prop_assert_eq!(found, bodies);
            prop_assert!(matches!(end, FrameError::Closed));
        }

        #[test]
        fn a_stream_cut_short_gives_what_was_whole(bodies in bodies(), cut in 0..4000_usize) {
            let bytes = stream(&bodies);
            let (found, end, _) = read(&bytes[..cut.min(bytes.len())], 300);
            prop_assert_eq!(&found[..], &bodies[..found.len()]);
            prop_assert!(matches!(end, FrameError::Closed | FrameError::Truncated));
        }

        #[test]
        fn noise_is_frames_or_an_end(mut bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            // Of kinds there are few; noise has mostly others.
            if let Some(kind) = bytes.get_mut(4) {
                *kind = 0;
            }
            let (found, _, most) = read(&bytes, 300);
            prop_assert!(found.iter().all(|frame| frame.len() <= 300));
            prop_assert!(most <= 2 * CHUNK);
        }
    }
}
