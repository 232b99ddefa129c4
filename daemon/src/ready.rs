//! READY=1, STATUS= and the watchdog, fed by real progress.
