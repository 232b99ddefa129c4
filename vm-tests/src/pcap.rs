//! A capture file of the switch (pcap with nanoseconds), for Wireshark or tcpdump.
//!
//! The times count from the start of the switch: the host's monotonic clock, no wall clock.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::time::Duration;

/// Frames are kept whole.
const LONGEST: u32 = 65535;

/// A file that is written to.
#[derive(Debug)]
pub struct Pcap {
    file: BufWriter<File>,
}

impl Pcap {
    /// Starts a new file.
    ///
    /// # Errors
    /// What the file system gave.
    pub fn create(path: &Path) -> io::Result<Pcap> {
        let mut file = BufWriter::new(File::create(path)?);
        // Magic of nanoseconds, version 2.4, two reserved words, the longest frame, Ethernet.
        file.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
        file.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        file.write_all(&LONGEST.to_le_bytes())?;
        file.write_all(&1_u32.to_le_bytes())?;
        Ok(Pcap { file })
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// What the file system gave.
    pub fn add(&mut self, at: Duration, frame: &[u8]) -> io::Result<()> {
        let seconds = u32::try_from(at.as_secs()).unwrap_or(u32::MAX);
        let length = u32::try_from(frame.len()).unwrap_or(LONGEST);
        for word in [seconds, at.subsec_nanos(), length, length] {
            self.file.write_all(&word.to_le_bytes())?;
        }
        self.file.write_all(frame)
    }

    /// Writes what is still in memory.
    ///
    /// # Errors
    /// What the file system gave.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
