//! What happened to one request, in 64 bytes: the unit that travels from a worker to the aggregator.
//! Neighbours: `ring.rs` and `transport.rs` carry it, the engine fills it and folds it into histograms.
//! Invariant: one layout for every process of a run, without padding, so that any bytes written are bytes meant.

use std::mem::{offset_of, size_of};

/// The request was sent a second time because the server had closed the idle connection.
pub const FLAG_RETRIED: u16 = 1;
/// This request made the connection it was sent on.
pub const FLAG_CONNECTED: u16 = 1 << 1;
/// `bytes_in` or `bytes_out` was more than a `u32` holds and stands at its greatest value.
pub const FLAG_BYTES_SATURATED: u16 = 1 << 2;

/// One thing that happened in a worker; `kind` says which fields have a meaning.
///
/// Times are ns since the run's epoch t0 (CLOCK_MONOTONIC, the same in every process of a machine).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct RequestRecord {
    /// When it was due, in ns since t0; in the closed model, when the user was ready to send. Of kind `Group`: when it began.
    /// Of kind `Metric`: when the value was told.
    pub intended_ns: u64,
    /// When its sending began, in ns since t0; 0 when it was never sent. Of kind `Group`: when it began. Of kind `Metric`:
    /// the bits of the value, an `f64`; see `value`.
    pub sent_ns: u64,
    /// When it was over, in ns since t0. Of kind `Metric`: when the value was told, so that every kind counts in the second of
    /// this field.
    pub done_ns: u64,
    /// From `sent_ns` to the first byte of the answer, in µs, saturating; 0 when there was none.
    pub first_byte_us: u32,
    /// Time spent resolving the name, in µs, saturating.
    pub dns_us: u32,
    /// Time spent connecting, in µs, saturating; 0 on a connection that was already open.
    pub connect_us: u32,
    /// Time spent in the TLS handshake, in µs, saturating.
    pub tls_us: u32,
    /// Bytes received, head and body, saturating. Of kind `NotSent`: how many requests it stands for, all of them due
    /// in the same second of the run.
    pub bytes_in: u32,
    /// Bytes sent, head and body, saturating.
    pub bytes_out: u32,
    /// The id of the name it is counted under, as the worker gave it out. Of kinds `Group` and `Metric`: the number of its
    /// text in the worker's table.
    pub name: u32,
    /// The virtual user's number, unique in the run.
    pub user: u32,
    /// The HTTP status; 0 when no answer came.
    pub status: u16,
    /// `FLAG_…` bits.
    pub flags: u16,
    /// The code of the method; its words live in loadforge-scenarios.
    pub method: u8,
    /// The code of the error's kind; 0 when it succeeded.
    pub error: u8,
    /// What this is a record of: a `RecordKind`.
    pub kind: u8,
    /// The scenario's index in the run.
    pub scenario: u8,
}

// Each offset is the one before plus that field's size, so there is no padding; they are the contract of stored records.
const _: () = {
    assert!(size_of::<RequestRecord>() == 64 && align_of::<RequestRecord>() == 8);
    assert!(offset_of!(RequestRecord, intended_ns) == 0);
    assert!(offset_of!(RequestRecord, sent_ns) == 8);
    assert!(offset_of!(RequestRecord, done_ns) == 16);
    assert!(offset_of!(RequestRecord, first_byte_us) == 24);
    assert!(offset_of!(RequestRecord, dns_us) == 28);
    assert!(offset_of!(RequestRecord, connect_us) == 32);
    assert!(offset_of!(RequestRecord, tls_us) == 36);
    assert!(offset_of!(RequestRecord, bytes_in) == 40);
    assert!(offset_of!(RequestRecord, bytes_out) == 44);
    assert!(offset_of!(RequestRecord, name) == 48);
    assert!(offset_of!(RequestRecord, user) == 52);
    assert!(offset_of!(RequestRecord, status) == 56);
    assert!(offset_of!(RequestRecord, flags) == 58);
    assert!(offset_of!(RequestRecord, method) == 60);
    assert!(offset_of!(RequestRecord, error) == 61);
    assert!(offset_of!(RequestRecord, kind) == 62);
    assert!(offset_of!(RequestRecord, scenario) == 63);
};

/// What a record is a record of; its `u8` value is the code in `RequestRecord::kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// A request that was sent, or whose connection failed.
    Request = 1,
    /// One pass of a user through a task.
    Iteration = 2,
    /// A named span of several requests.
    Group = 3,
    /// A value that the scenario measured itself.
    Metric = 4,
    /// Requests that were due and never begun; `bytes_in` says how many.
    NotSent = 5,
}

impl RecordKind {
    /// The kind with this code, if there is one.
    pub const fn from_code(code: u8) -> Option<RecordKind> {
        match code {
            1 => Some(RecordKind::Request),
            2 => Some(RecordKind::Iteration),
            3 => Some(RecordKind::Group),
            4 => Some(RecordKind::Metric),
            5 => Some(RecordKind::NotSent),
            _ => None,
        }
    }
}

impl RequestRecord {
    /// Of kind `Metric`: the value.
    pub const fn value(&self) -> f64 {
        f64::from_bits(self.sent_ns)
    }
}

/// How many bytes a record takes, in memory and in files.
pub const RECORD_BYTES: usize = size_of::<RequestRecord>();

impl RequestRecord {
    /// The record as it stands in files: its fields at their offsets, little-endian, whatever the machine.
    pub fn to_bytes(&self) -> [u8; RECORD_BYTES] {
        let mut bytes = [0; RECORD_BYTES];
        let mut at = 0;
        let mut put = |field: &[u8]| {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        };
        for time in [self.intended_ns, self.sent_ns, self.done_ns] {
            put(&time.to_le_bytes());
        }
        for number in [
            self.first_byte_us,
            self.dns_us,
            self.connect_us,
            self.tls_us,
            self.bytes_in,
            self.bytes_out,
            self.name,
            self.user,
        ] {
            put(&number.to_le_bytes());
        }
        put(&self.status.to_le_bytes());
        put(&self.flags.to_le_bytes());
        put(&[self.method, self.error, self.kind, self.scenario]);
        bytes
    }

    /// The record that `to_bytes` made these of.
    pub fn from_bytes(bytes: &[u8; RECORD_BYTES]) -> RequestRecord {
        let number = |at: usize, length: usize| {
            let field = bytes[at..at + length].iter().rev();
            field.fold(0u64, |value, byte| value << 8 | u64::from(*byte))
        };
        let (long, short) = (|at| number(at, 8), |at| number(at, 4) as u32);
        RequestRecord {
            intended_ns: long(0),
            sent_ns: long(8),
            done_ns: long(16),
            first_byte_us: short(24),
            dns_us: short(28),
            connect_us: short(32),
            tls_us: short(36),
            bytes_in: short(40),
            bytes_out: short(44),
            name: short(48),
            user: short(52),
            status: number(56, 2) as u16,
            flags: number(58, 2) as u16,
            method: bytes[60],
            error: bytes[61],
            kind: bytes[62],
            scenario: bytes[63],
        }
    }
}

#[cfg(test)]
impl RequestRecord {
    /// A record that carries `number` in every field, so that a torn or mixed one cannot equal any other.
    pub(crate) fn numbered(number: u64) -> RequestRecord {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        RequestRecord {
            intended_ns: number,
            sent_ns: mixed,
            done_ns: !number,
            first_byte_us: number as u32,
            dns_us: mixed as u32,
            connect_us: (mixed >> 32) as u32,
            tls_us: !(number as u32),
            bytes_in: number as u32,
            bytes_out: mixed as u32,
            name: number as u32,
            user: (number >> 32) as u32,
            status: number as u16,
            flags: mixed as u16,
            method: number as u8,
            error: mixed as u8,
            kind: !(number as u8),
            scenario: (mixed >> 56) as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_from_its_bytes_field_by_field() {
        for number in [0, 1, 77, u64::MAX / 3, u64::MAX] {
            let record = RequestRecord::numbered(number);
            assert_eq!(RequestRecord::from_bytes(&record.to_bytes()), record);
        }
        let record = RequestRecord {
            name: 0x0102_0304,
            kind: 5,
            ..RequestRecord::default()
        };
        let bytes = record.to_bytes();
        assert_eq!((&bytes[48..52], bytes[62]), ([4, 3, 2, 1].as_slice(), 5));
    }

    #[test]
    fn every_kind_is_found_again_by_its_code() {
        let known: Vec<u8> = (0..=u8::MAX)
            .filter(|code| RecordKind::from_code(*code).is_some())
            .collect();
        assert_eq!(known, [1, 2, 3, 4, 5]);
        for code in known {
            assert_eq!(
                RecordKind::from_code(code).map(|kind| kind as u8),
                Some(code)
            );
        }
    }
}
