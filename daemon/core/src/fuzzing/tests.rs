//! The committed corpus, and some of what a fuzzer would make of it.

use std::fs;
use std::path::PathBuf;

use super::*;

/// Changed inputs for each file of the corpus.
const CHANGES: u32 = 40;

#[expect(
    clippy::disallowed_methods,
    reason = "the corpus is what cargo-fuzz reads, too"
)]
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut files: Vec<PathBuf> = fs::read_dir(dir.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    files.into_iter().map(read).collect()
}

/// A small generator (xorshift): the same changes in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() >> 1).unwrap() % limit.max(1)
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..1 + self.below(4) {
            let at = self.below(bytes.len());
            match self.below(5) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.roll().to_le_bytes()[0]),
                2 if !bytes.is_empty() => drop(bytes.remove(at)),
                3 => bytes.extend_from_within(at..),
                _ if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
            bytes.truncate(4_096);
        }
    }
}

#[test]
fn every_file_of_the_corpus_is_survived_and_so_are_changes_of_it() {
    let mut dice = Dice(0x5eed);
    for (name, body) in TARGETS {
        let files = corpus(name);
        assert!(files.len() >= 4, "{name}: {} files", files.len());
        for (_path, bytes) in files {
            body(&bytes);
            for _ in 0..CHANGES {
                let mut changed = bytes.clone();
                dice.change(&mut changed);
                body(&changed);
            }
        }
    }
}

#[test]
fn the_corpus_has_good_inputs_and_bad_ones() {
    let keys = Keys::derive(&corpus_secrets().first);
    let results: Vec<_> = corpus("heartbeats")
        .iter()
        .map(|(_, bytes)| wire::decode(bytes, &[&keys]))
        .collect();
    let has = |what: &dyn Fn(&Result<wire::Datagram, Reject>) -> bool| results.iter().any(what);
    assert!(has(&|one| one.is_ok()));
    assert!(has(&|one| matches!(one, Err(Reject::Truncated))));
    assert!(has(&|one| matches!(one, Err(Reject::Version(_)))));
    assert!(has(&|one| matches!(one, Err(Reject::Key(_)))));
    assert!(has(&|one| matches!(one, Err(Reject::Mac))));
    let is_read = |(_, bytes): &(PathBuf, Vec<u8>)| {
        memory::from_text(&String::from_utf8_lossy(bytes)).is_ok()
    };
    assert!(corpus("memory").iter().any(is_read));
    assert!(
        corpus("key_file")
            .iter()
            .any(|(_, bytes)| Secrets::read(bytes).is_ok())
    );
}
