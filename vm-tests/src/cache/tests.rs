//! What is found again, what is made anew, what is forgotten.

use super::*;

fn cache() -> Cache {
    let dir = std::env::temp_dir().join(format!(
        "sovnet-cache-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    Cache::at(dir).expect("a folder")
}

fn key(part: &str) -> Key {
    Key::of("thing").and(part)
}

#[test]
fn an_entry_is_made_once_and_only_kept_when_that_succeeds() {
    let cache = cache();
    let failed = cache.entry(&key("a"), |dir| {
        fs::write(dir.join("half"), "")?;
        anyhow::bail!("no")
    });
    assert!(failed.is_err());
    let made = cache
        .entry(&key("a"), |dir| Ok(fs::write(dir.join("whole"), "")?))
        .unwrap();
    assert!(made.join("whole").exists() && !made.join("half").exists());
    let again = cache.entry(&key("a"), |_dir| anyhow::bail!("made twice"));
    assert_eq!(again.unwrap(), made);
    fs::remove_dir_all(&cache.dir).unwrap();
}

#[test]
fn only_the_entries_that_were_used_last_are_kept() {
    let cache = cache();
    let names = ["a", "b", "c", "d", "e"];
    let made = names.map(|name| cache.entry(&key(name), |_dir| Ok(())).unwrap());
    let left = made.iter().filter(|path| path.exists()).count();
    assert_eq!(left, KEPT);
    assert!(made[4].exists());
    fs::remove_dir_all(&cache.dir).unwrap();
}

#[test]
fn parts_are_not_run_together() {
    let one = Key::of("thing").and("ab").and("c");
    let other = Key::of("thing").and("a").and("bc");
    assert_ne!(one.name(), other.name());
}
