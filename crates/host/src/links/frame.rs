//! A frame on a stream of bytes: its length in four bytes, little-endian, and so many bytes. One
//! without bytes says that its sender is still there.

use std::fmt;
use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

const HEADER: usize = 4;
/// Read at once, if they are there.
const CHUNK: usize = 8 << 10;

/// A frame that says nothing.
pub(super) const HEARTBEAT: [u8; HEADER] = [0; HEADER];

/// The frame around what is written; none where that is too long for a frame.
pub(super) fn frame(longest: usize, write: impl FnOnce(&mut BytesMut)) -> Option<Bytes> {
    let mut frame = BytesMut::new();
    frame.put_u32_le(0);
    write(&mut frame);
    let length = frame.len() - HEADER;
    frame[..HEADER].copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    (length <= longest).then(|| frame.freeze())
}

/// The frames on a stream. It never keeps more than one frame and a chunk.
#[derive(Debug)]
pub(super) struct Frames<R> {
    reader: R,
    buffer: BytesMut,
    longest: usize,
}

impl Frames<TcpStream> {
    /// The frames of the half that is read, and the half that is written.
    pub(super) fn split(self) -> (Frames<OwnedReadHalf>, OwnedWriteHalf) {
        let Frames { reader, buffer, longest } = self;
        let (reader, writer) = reader.into_split();
        (Frames { reader, buffer, longest }, writer)
    }
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(super) fn new(reader: R, longest: usize) -> Self {
        Frames { reader, buffer: BytesMut::new(), longest }
    }

    /// The next frame. Dropped half-way it has lost nothing.
    pub(super) async fn next(&mut self) -> Result<Bytes, FrameError> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(frame);
            }
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Err(match self.buffer.is_empty() {
                    true => FrameError::Closed,
                    false => FrameError::Truncated,
                });
            }
        }
    }

    /// From here on frames may be so long.
    pub(super) fn set_longest(&mut self, longest: usize) {
        self.longest = longest;
    }

    /// What is between the frames, to write to.
    pub(super) fn reader_mut(&mut self) -> &mut R {
        &mut self.reader
    }

    /// A frame that is there already; else makes room for the rest of it.
    fn take(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(header) = self.buffer.first_chunk::<HEADER>() else {
            self.buffer.reserve(CHUNK);
            return Ok(None);
        };
        let length = u32::from_le_bytes(*header) as usize;
        if length > self.longest {
            return Err(FrameError::TooLong { length, longest: self.longest });
        }
        let missing = (HEADER + length).saturating_sub(self.buffer.len());
        if missing > 0 {
            self.buffer.reserve(missing);
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        Ok(Some(self.buffer.split_to(length).freeze()))
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
            FrameError::Io(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All frames of these bytes, and how they end.
    fn read(bytes: &[u8], longest: usize) -> (Vec<Bytes>, FrameError, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut frames = Frames::new(bytes, longest);
        let (mut found, mut most) = (Vec::new(), 0);
        runtime.block_on(async {
            loop {
                let next = frames.next().await;
                most = most.max(frames.buffer.capacity());
                match next {
                    Ok(frame) => found.push(frame),
                    Err(end) => return (found, end, most),
                }
            }
        })
    }

    fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
        let framed = frames.iter().map(|body| frame(1000, |out| out.put_slice(body)).unwrap());
        framed.flat_map(Vec::from).collect()
    }

    fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12)
    }

    #[test]
    fn a_frame_is_these_bytes() {
        let made = frame(3, |out| out.put_slice(b"abc")).unwrap();
        assert_eq!(&made[..], b"\x03\0\0\0abc");
        assert_eq!(frame(2, |out| out.put_slice(b"abc")), None);
        assert_eq!(frame(0, |_| ()).unwrap(), HEARTBEAT[..]);
    }

    #[test]
    fn a_frame_may_be_as_long_as_the_longest_and_not_longer() {
        for length in [299, 300, 301] {
            let body = vec![7; length];
            let made = frame(300, |out| out.put_slice(&body));
            let sent = frame(1000, |out| out.put_slice(&body)).unwrap();
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
            let bytes = [&announced.to_le_bytes()[..], &[7; 5000]].concat();
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
        fn noise_is_frames_or_an_end(bytes in prop::collection::vec(any::<u8>(), 0..3000)) {
            let (found, _, most) = read(&bytes, 300);
            prop_assert!(found.iter().all(|frame| frame.len() <= 300));
            prop_assert!(most <= 2 * CHUNK);
        }
    }
}
