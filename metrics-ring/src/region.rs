//! A run's shared-memory segment, and what remains of segments whose run was killed while it made them.
//! Neighbour: `block.rs` lays the segment out. Invariants: every byte of a region is backed by memory before anybody
//! touches it; its name is gone before `create` returns, so children inherit the mapping by fork and nobody opens it
//! by name; dropping a region, in whichever process, unlinks nothing.

use nix::errno::Errno;
use shared_memory::{Shmem, ShmemConf, ShmemError};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Where Linux keeps shared-memory segments.
const SHM_DIRECTORY: &str = "/dev/shm";
const NAME_PREFIX: &str = "loadforge-";
/// "LoadFrge", read as bytes.
const MAGIC: u64 = u64::from_le_bytes(*b"LoadFrge");
const VERSION: u32 = 1;

/// Why a shared-memory region could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// There is no place for shared memory.
    #[error(
        "{SHM_DIRECTORY} does not exist, so processes cannot share memory; \
         mount a tmpfs there, or use --transport channel"
    )]
    Missing,
    /// The place is there and cannot be written.
    #[error(
        "{SHM_DIRECTORY} cannot be written ({source}); \
         make it writable for this user (mode 1777), or use --transport channel"
    )]
    NotWritable {
        /// What the system said.
        source: io::Error,
    },
    /// There is too little room.
    #[error(
        "{SHM_DIRECTORY} has {available} bytes free and {needed} are needed; \
         enlarge it (docker run --shm-size=256m), use fewer workers, or use --transport channel"
    )]
    Full {
        /// The region's size in bytes.
        needed: u64,
        /// Free bytes after the attempt.
        available: u64,
    },
    /// The size is beyond what an address can express.
    #[error(
        "{workers} workers with {ring_records} records each are more than any memory holds; lower either"
    )]
    TooLarge {
        /// Workers asked for.
        workers: usize,
        /// Records asked for in each ring.
        ring_records: usize,
    },
    /// The segment could not be mapped into memory.
    #[error(
        "cannot make a shared-memory segment of {needed} bytes ({source}); look at `ulimit -v` and `ulimit -n`, \
         use fewer workers, or use --transport channel"
    )]
    Mapping {
        /// The region's size in bytes.
        needed: u64,
        /// What the system said.
        source: io::Error,
    },
    /// This process's own start time, which is in the region's name, could not be read.
    #[error(
        "cannot read when this process started from /proc/self/stat ({source}); \
         mount /proc, or use --transport channel"
    )]
    Owner {
        /// What the system said.
        source: io::Error,
    },
}

/// What stands at the start of a region, for whoever finds one.
#[repr(C, align(128))]
pub(crate) struct RegionHeader {
    magic: u64,
    version: u32,
    owner_pid: u32,
    /// In clock ticks since the machine started.
    owner_start: u64,
    bytes: u64,
}

/// A shared-memory segment without a name.
pub(crate) struct Region {
    memory: Shmem,
}

// SAFETY: a `Region` only keeps the mapping (an address, a descriptor, a name that is gone); whoever makes references
// into the mapping answers for how threads use them.
unsafe impl Send for Region {}
// SAFETY: as above; `&Region` gives out nothing but the address.
unsafe impl Sync for Region {}

impl Region {
    /// A region of `bytes` zeroed bytes, backed by memory, its header written, its name gone.
    ///
    /// # Errors
    /// When the machine does not give the memory; nothing is left behind then.
    pub(crate) fn create(bytes: usize) -> Result<Region, RegionError> {
        assert!(
            bytes >= size_of::<RegionHeader>(),
            "a region holds at least its header"
        );
        let pid = std::process::id();
        let start = start_time(pid).map_err(|source| RegionError::Owner { source })?;
        let (mut memory, name) = create_named(pid, start, bytes)?;
        // From here to the end an error drops `memory`, which unlinks the name: it is still the owner.
        let path = Path::new(SHM_DIRECTORY).join(&name);
        back_with_memory(&path, bytes)?;
        let header = RegionHeader {
            magic: MAGIC,
            version: VERSION,
            owner_pid: pid,
            owner_start: start,
            bytes: bytes as u64,
        };
        // SAFETY: the mapping starts on a page, is writable, at least this long, and nobody else knows it yet.
        unsafe { memory.as_ptr().cast::<RegionHeader>().write(header) };
        if let Err(source) = fs::remove_file(&path)
            && source.kind() != io::ErrorKind::NotFound
        {
            return Err(RegionError::NotWritable { source });
        }
        memory.set_owner(false);
        Ok(Region { memory })
    }

    /// The first byte; pages are aligned far beyond any of our types.
    pub(crate) fn base(&self) -> NonNull<u8> {
        NonNull::new(self.memory.as_ptr()).expect("a mapping is never at address 0")
    }
}

/// Makes the segment under the first free name of this process.
fn create_named(pid: u32, start: u64, bytes: usize) -> Result<(Shmem, String), RegionError> {
    /// Tells the regions of one process apart.
    static NEXT: AtomicU64 = AtomicU64::new(0);
    loop {
        // Relaxed: only the number's uniqueness matters.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{NAME_PREFIX}{pid}-{start}-{number}");
        match ShmemConf::new()
            .os_id(format!("/{name}"))
            .size(bytes)
            .create()
        {
            Ok(memory) => return Ok((memory, name)),
            Err(ShmemError::MappingIdExists) => {}
            Err(
                ShmemError::MapCreateFailed(code)
                | ShmemError::MapOpenFailed(code)
                | ShmemError::UnknownOsError(code),
            ) => return Err(refusal(Errno::from_raw(code.cast_signed()), bytes)),
            Err(other) => {
                let source = io::Error::other(other.to_string());
                return Err(RegionError::Mapping {
                    needed: bytes as u64,
                    source,
                });
            }
        }
    }
}

/// Has the file system reserve every page now: a full one is otherwise a SIGBUS at the first touch.
fn back_with_memory(path: &Path, bytes: usize) -> Result<(), RegionError> {
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(|source| RegionError::Mapping {
            needed: bytes as u64,
            source,
        })?;
    loop {
        match nix::fcntl::posix_fallocate(&file, 0, bytes as i64) {
            Ok(()) => return Ok(()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(refusal(errno, bytes)),
        }
    }
}

/// What the system's answer means for a person.
fn refusal(errno: Errno, bytes: usize) -> RegionError {
    let source = io::Error::from(errno);
    match errno {
        Errno::ENOENT | Errno::ENOTDIR | Errno::ENOSYS => RegionError::Missing,
        Errno::EACCES | Errno::EPERM | Errno::EROFS => RegionError::NotWritable { source },
        Errno::ENOSPC | Errno::EDQUOT => {
            let free = nix::sys::statvfs::statvfs(SHM_DIRECTORY)
                .map_or(0, |state| state.blocks_available() * state.fragment_size());
            RegionError::Full {
                needed: bytes as u64,
                available: free,
            }
        }
        _ => RegionError::Mapping {
            needed: bytes as u64,
            source,
        },
    }
}

/// Removes segments whose run was killed before it could unlink them, and returns their names.
///
/// A name goes only when its process is gone (no process of that number, or one that started at another time), and
/// only when it is this user's. Everything else in `/dev/shm` is left alone; what cannot be removed stays, too.
pub fn sweep_leftovers() -> Vec<String> {
    sweep(Path::new(SHM_DIRECTORY))
}

fn sweep(directory: &Path) -> Vec<String> {
    // Without /proc every owner would look dead. With it, it also says which user we are.
    let Ok(user) = fs::metadata("/proc/self/stat").map(|file| file.uid()) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let mut removed: Vec<String> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok()?;
            let (pid, start) = owner_in_name(&name)?;
            let file = entry.metadata().ok()?;
            let leftover = file.is_file() && file.uid() == user && owner_is_gone(pid, start);
            (leftover && fs::remove_file(entry.path()).is_ok()).then_some(name)
        })
        .collect();
    removed.sort();
    removed
}

/// Process number and start time in a region's name; `None` when it is not a name that we give.
fn owner_in_name(name: &str) -> Option<(u32, u64)> {
    let mut parts = name.strip_prefix(NAME_PREFIX)?.split('-');
    let (pid, start, number) = (parts.next()?, parts.next()?, parts.next()?);
    let decimal = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let ours = parts.next().is_none() && [pid, start, number].into_iter().all(decimal);
    if ours {
        Some((pid.parse().ok()?, start.parse().ok()?))
    } else {
        None
    }
}

/// Whether that very process is gone; a doubt counts as alive.
fn owner_is_gone(pid: u32, start: u64) -> bool {
    match start_time(pid) {
        Ok(found) => found != start,
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// When a process started, in clock ticks since the machine did: with the process number, an identity that is not
/// used again (proc_pid_stat(5), field 22).
fn start_time(pid: u32) -> io::Result<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    let after_name = stat.rfind(')').map_or("", |end| &stat[end + 1..]);
    // The first field after the name is the third.
    after_name
        .split_ascii_whitespace()
        .nth(22 - 3)
        .and_then(|field| field.parse().ok())
        .ok_or_else(|| io::Error::other(format!("/proc/{pid}/stat has no start time")))
}

#[cfg(all(test, not(miri)))]
#[path = "region_tests.rs"]
mod tests;
