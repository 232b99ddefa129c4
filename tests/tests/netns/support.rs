//! What every namespace test starts from: a LAN, at most two of them at a time.

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};

use sovnet_tests::lan::{Lan, Plan};

/// More at once would compete for the processor and measure that.
const AT_ONCE: usize = 2;

static RUNNING: Mutex<usize> = Mutex::new(0);
static ENDED: Condvar = Condvar::new();

/// The right to have a LAN.
pub(crate) struct Permit;

impl Permit {
    pub(crate) fn get() -> Permit {
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = ENDED.wait_while(running, |running| *running >= AT_ONCE);
        *waited.unwrap_or_else(PoisonError::into_inner) += 1;
        Permit
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        *RUNNING.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        ENDED.notify_one();
    }
}

/// The lab program of this build; the daemon's stand beside it.
pub(crate) fn lab() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_lab"))
}

pub(crate) fn plan() -> Plan {
    Plan {
        lab: lab(),
        with_services: false,
        clock_ahead: None,
    }
}

/// A LAN without daemons.
pub(crate) fn bare_lan(plan: &Plan) -> (Lan, Permit) {
    let permit = Permit::get();
    (Lan::build(plan).expect("the LAN is built"), permit)
}
