//! What is read of the kernel's texts.

use std::time::Duration;

use super::{per_second, processor_time, resident_kib, softirq_ticks};

#[test]
fn softirq_is_the_seventh_number_of_all_processors() {
    let text = "cpu  10 20 30 40 50 60 70 80 0 0\ncpu0 1 1 1 1 1 1 9 1 0 0\n";
    assert_eq!(softirq_ticks(text), Some(70));
    assert_eq!(softirq_ticks("intr 1\n"), None);
}

#[test]
fn resident_memory_is_read_in_kib() {
    assert_eq!(resident_kib("Name:\tx\nVmRSS:\t    9876 kB\n"), Some(9876));
    assert_eq!(resident_kib("Name:\tkthread\n"), None);
}

#[test]
fn a_tenth_of_a_processor_is_a_hundred_milliseconds_per_second() {
    let share = per_second(Duration::from_millis(500), Duration::from_secs(5));
    assert!((share - 100.0).abs() < 1e-9, "{share}");
}

#[test]
fn the_time_of_a_process_that_works_grows() {
    let own = [i32::try_from(std::process::id()).unwrap()];
    let before = processor_time(&own).unwrap();
    while processor_time(&own).unwrap() == before {}
    // Process ids of Linux end below 2^22.
    assert!(processor_time(&[1 << 22]).is_err());
}
