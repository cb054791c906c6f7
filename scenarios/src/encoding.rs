//! Bodies that servers send packed (RFC 9110 §8.4.1). Neighbours: `response.rs` unpacks when somebody looks.
//! Invariant: what comes out is bounded, whatever a few bytes unpack to.

use flate2::read::{MultiGzDecoder, ZlibDecoder};
use std::io::Read;

/// What requests of scenarios say they understand.
pub const ACCEPT_ENCODING: (&str, &str) = ("accept-encoding", "gzip");

/// The most bytes a body may unpack to: as many as the engine keeps of one that is not packed.
const MOST_BYTES: u64 = 64 << 20;

/// Why a body cannot be unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Packed in a way that was not asked for.
    #[error("the body is packed in a way that loadforge does not know (content-encoding)")]
    Unknown,
    /// Not what it claims to be, or cut short.
    #[error("the packed body is broken (content-encoding)")]
    Broken,
    /// Unpacks to more than anybody can look at.
    #[error("the packed body holds more than 64 MiB, the most that is kept for checks")]
    TooLarge,
}

/// Undoes what the header `content-encoding` says.
pub(crate) fn unpack(encoding: &str, packed: &[u8]) -> Result<Vec<u8>, EncodingError> {
    match encoding.to_ascii_lowercase().as_str() {
        // Nothing came: an answer to HEAD, or a body that nobody asked to keep.
        _ if packed.is_empty() => Ok(Vec::new()),
        "" | "identity" => Ok(packed.to_vec()),
        "gzip" | "x-gzip" => read_whole(MultiGzDecoder::new(packed)),
        "deflate" => read_whole(ZlibDecoder::new(packed)),
        _ => Err(EncodingError::Unknown),
    }
}

fn read_whole(decoder: impl Read) -> Result<Vec<u8>, EncodingError> {
    let mut body = Vec::new();
    let mut bounded = decoder.take(MOST_BYTES + 1);
    bounded
        .read_to_end(&mut body)
        .map_err(|_| EncodingError::Broken)?;
    if body.len() as u64 > MOST_BYTES {
        return Err(EncodingError::TooLarge);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn a_few_bytes_that_unpack_to_very_many_are_refused() {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let zeros = vec![0; 1 << 20];
        for _ in 0..65 {
            packer.write_all(&zeros).unwrap();
        }
        let packed = packer.finish().unwrap();
        assert_eq!(unpack("gzip", &packed), Err(EncodingError::TooLarge));
    }
}
