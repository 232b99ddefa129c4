//! The process's memory: what is freed goes back to the system, and what is in use stays in memory.

use nix::sys::mman::{MlockAllFlags, mlockall};
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// Blocks from this size on are mapped one by one, in bytes.
const LARGE: libc::c_int = 128 * 1024;

/// Large blocks go back to the system as soon as they are freed, whatever was freed before: glibc takes
/// each one as a sign that more of the kind will come, and would keep the room for the text of a state
/// of thousands of Services for ever.
#[expect(
    unsafe_code,
    reason = "there is no other way to this setting but the environment of the process"
)]
pub(super) fn give_back_large_blocks() {
    for parameter in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: a plain call of the C library with two numbers; no other thread runs yet.
        let is_set = unsafe { libc::mallopt(parameter, LARGE) };
        if is_set == 0 {
            log::debug!(parameter; "the allocator has no such setting");
        }
    }
}

/// Keeps every page in memory once it was touched, so that no turn waits for a disk. `ONFAULT`:
/// what is never touched costs nothing. The lock is the process's, and ends with it.
pub(super) fn lock() {
    if let Err(why) = try_lock() {
        log::info!(reason:% = why; "memory is not locked: where it is short, a heartbeat may wait for the disk");
    }
}

fn try_lock() -> Result<(), String> {
    // A limit is of what is mapped, not of what is touched, and what does not fit later is an
    // allocation that fails: so no lock under a limit.
    let limit = getrlimit(Resource::RLIMIT_MEMLOCK);
    let (limit, _hard) = limit.map_err(|error| error.to_string())?;
    if limit != RLIM_INFINITY {
        return Err(format!("the limit for it is {} kB", limit / 1024));
    }
    // nix has no name for it.
    let on_fault = MlockAllFlags::from_bits_retain(libc::MCL_ONFAULT);
    mlockall(MlockAllFlags::MCL_CURRENT | MlockAllFlags::MCL_FUTURE | on_fault)
        .map_err(|error| error.to_string())
}
