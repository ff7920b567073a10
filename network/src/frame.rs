//! Frames: how one value travels over a stream.
//!
//! A frame is a version byte, the payload's length (u32, little endian), four bytes of the BLAKE3 hash of the payload,
//! and the payload: the borsh encoding of one value. A value has one frame and a frame at most one value: `borsh`
//! is canonical and must use every byte. The length is compared with the limit before anything is reserved, and
//! memory then grows with the bytes that have arrived, never with the length announced. No IO happens here, and
//! no input can make it panic. The hash is for clear errors: QUIC already authenticates every byte.

use borsh::{BorshDeserialize, BorshSerialize};

/// The version of the frame format.
pub const FRAME_VERSION: u8 = 1;

/// Bytes before the payload.
pub const HEADER_BYTES: usize = 9;

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error, BorshSerialize, BorshDeserialize)]
pub enum FrameError {
    /// The version byte is not ours.
    #[error("frame version {found} is not {FRAME_VERSION}")]
    Version {
        /// The byte received.
        found: u8,
    },
    /// The payload is longer than allowed.
    #[error("frame payload of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// The length announced, or of the value to be sent; capped at `u32::MAX`.
        length: u32,
        /// The most allowed.
        limit: u32,
    },
    /// The stream ended inside a frame.
    #[error("stream ended {missing} bytes before the end of the frame")]
    Truncated {
        /// How many bytes are missing, of the header if that is incomplete.
        missing: u32,
    },
    /// The payload does not hash to what the header says.
    #[error("frame payload does not match its checksum")]
    Checksum,
    /// The payload is not an encoding of the expected value, or not the only one.
    #[error("frame payload is not the encoding of a {expected}")]
    Payload {
        /// What was expected.
        expected: What,
    },
    /// There are bytes after the end of what was expected.
    #[error("bytes follow the last frame")]
    Trailing,
    /// The value cannot be encoded at all (borsh refuses, for example, NaN).
    #[error("the value has no encoding")]
    Unencodable,
}

/// The kinds of value that travel in frames, for error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum What {
    /// The first frame of a stream.
    Opening,
    /// A request.
    Request,
    /// A response.
    Response,
    /// A step of a blob transfer.
    BlobReply,
    /// An item or heartbeat of a feed.
    FeedMessage,
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            What::Opening => "stream opening",
            What::Request => "request",
            What::Response => "response",
            What::BlobReply => "blob reply",
            What::FeedMessage => "feed message",
        })
    }
}

/// Encodes `value` as one frame and appends it to `out`.
///
/// # Errors
/// `TooLong` if the payload is over `limit_bytes`, `Unencodable` if borsh refuses the value; `out` is then as it was.
pub fn encode<T: BorshSerialize>(
    value: &T,
    limit_bytes: u32,
    out: &mut Vec<u8>,
) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    let mut bounded = Bounded { out, left: limit_bytes, over: false };
    let written = value.serialize(&mut bounded);
    let over = bounded.over;
    let result = match written {
        _ if over => {
            let length = borsh::object_length(value).unwrap_or(usize::MAX);
            Err(FrameError::TooLong { length: saturate(length), limit: limit_bytes })
        }
        Err(_) => Err(FrameError::Unencodable),
        Ok(()) => seal(out, start),
    };
    if result.is_err() {
        out.truncate(start);
    }
    result
}

/// Writes the header in front of the payload that follows `start`.
fn seal(out: &mut [u8], start: usize) -> Result<(), FrameError> {
    let frame = out.get_mut(start..).ok_or(FrameError::Unencodable)?;
    let (header, payload) =
        frame.split_at_mut_checked(HEADER_BYTES).ok_or(FrameError::Unencodable)?;
    let length = u32::try_from(payload.len()).map_err(|_| FrameError::Unencodable)?;
    header.copy_from_slice(&Header { length, checksum: checksum(payload) }.to_bytes());
    Ok(())
}

/// A writer that stops at the limit, so that a value far too large is not first encoded in full.
struct Bounded<'a> {
    out: &'a mut Vec<u8>,
    left: u32,
    over: bool,
}

impl std::io::Write for Bounded<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match u32::try_from(bytes.len()).ok().and_then(|length| self.left.checked_sub(length)) {
            Some(left) => {
                self.left = left;
                self.out.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            None => {
                self.over = true;
                Err(std::io::ErrorKind::FileTooLarge.into())
            }
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Decodes a payload; every byte must be used.
///
/// # Errors
/// `Payload` if the bytes are not the encoding of a `T`.
pub fn decode<T: BorshDeserialize>(payload: &[u8], expected: What) -> Result<T, FrameError> {
    borsh::from_slice(payload).map_err(|_| FrameError::Payload { expected })
}

struct Header {
    length: u32,
    checksum: [u8; 4],
}

impl Header {
    fn to_bytes(&self) -> [u8; HEADER_BYTES] {
        let [a, b, c, d] = self.length.to_le_bytes();
        let [e, f, g, h] = self.checksum;
        [FRAME_VERSION, a, b, c, d, e, f, g, h]
    }

    fn parse(bytes: &[u8; HEADER_BYTES], limit_bytes: u32) -> Result<Self, FrameError> {
        let [version, a, b, c, d, e, f, g, h] = *bytes;
        if version != FRAME_VERSION {
            return Err(FrameError::Version { found: version });
        }
        let length = u32::from_le_bytes([a, b, c, d]);
        if length > limit_bytes {
            return Err(FrameError::TooLong { length, limit: limit_bytes });
        }
        Ok(Self { length, checksum: [e, f, g, h] })
    }
}

fn checksum(payload: &[u8]) -> [u8; 4] {
    let hash = blake3::hash(payload);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

fn saturate(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Puts one frame together from bytes as they come.
///
/// Ask `wanted` how many bytes to read at most, hand what came to `push`, and get the payload once it is whole.
/// Reading no more than `wanted` means that bytes after a frame stay in the stream for whoever reads next.
#[derive(Debug)]
pub struct FrameBuffer {
    limit_bytes: u32,
    header: Vec<u8>,
    payload: Vec<u8>,
    announced: Option<(usize, [u8; 4])>,
}

impl FrameBuffer {
    /// An empty buffer for frames with payloads of up to `limit_bytes`.
    pub fn new(limit_bytes: u32) -> Self {
        Self {
            limit_bytes,
            header: Vec::with_capacity(HEADER_BYTES),
            payload: Vec::new(),
            announced: None,
        }
    }

    /// How many bytes are still missing, of the header or, once that is there, of the payload. Zero only for a
    /// frame that is complete and can be taken.
    pub fn wanted(&self) -> usize {
        match self.announced {
            None => HEADER_BYTES.saturating_sub(self.header.len()),
            Some((length, _)) => length.saturating_sub(self.payload.len()),
        }
    }

    /// Whether a frame has begun.
    pub fn is_empty(&self) -> bool {
        self.header.is_empty()
    }

    /// Bytes reserved for the payload, for tests of the memory bound.
    pub fn reserved_bytes(&self) -> usize {
        self.payload.capacity()
    }

    /// Takes up to `wanted` bytes from the front of `bytes` and says how many were taken.
    ///
    /// # Errors
    /// `Version` or `TooLong` as soon as the header shows it. The buffer is of no use afterwards.
    pub fn push(&mut self, bytes: &[u8]) -> Result<usize, FrameError> {
        let (taken, _) = bytes.split_at(self.wanted().min(bytes.len()));
        if self.announced.is_some() {
            self.payload.extend_from_slice(taken);
            return Ok(taken.len());
        }
        self.header.extend_from_slice(taken);
        if let Ok(header) = <&[u8; HEADER_BYTES]>::try_from(self.header.as_slice()) {
            let header = Header::parse(header, self.limit_bytes)?;
            self.announced = Some((header.length as usize, header.checksum));
        }
        Ok(taken.len())
    }

    /// The payload, if the frame is complete; the buffer is then ready for the next one.
    ///
    /// # Errors
    /// `Checksum` if the payload is not the one the header was made for.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        match self.announced {
            Some((length, expected)) if self.payload.len() == length => {
                if checksum(&self.payload) != expected {
                    return Err(FrameError::Checksum);
                }
                self.header.clear();
                self.announced = None;
                Ok(Some(std::mem::take(&mut self.payload)))
            }
            _ => Ok(None),
        }
    }

    /// What the end of the stream means now: nothing between two frames, else `Truncated`.
    ///
    /// # Errors
    /// `Truncated` inside a frame.
    pub fn end(&self) -> Result<(), FrameError> {
        if self.is_empty() {
            return Ok(());
        }
        Err(FrameError::Truncated { missing: saturate(self.wanted()) })
    }
}

#[cfg(test)]
mod tests;
