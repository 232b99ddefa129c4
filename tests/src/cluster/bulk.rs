//! Many objects at once: thousands, by one curl that has many requests under way.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use super::api::Api;
use super::objects::path_of;

/// How many requests are under way at a time.
const AT_ONCE: usize = 32;

impl Api {
    /// Creates all of them, in any order.
    ///
    /// # Errors
    /// If one of them is refused; how many were.
    pub fn create_all(&self, objects: &[Value]) -> anyhow::Result<()> {
        let mut requests = String::new();
        for object in objects {
            let path = path_of(object)?;
            let (collection, _name) = path.rsplit_once('/').context("an object has a name")?;
            let parts = [
                ("url", format!("{}{collection}", self.server())),
                ("request", "POST".to_owned()),
                ("header", "content-type: application/json".to_owned()),
                ("data-binary", object.to_string()),
                ("output", "/dev/null".to_owned()),
                ("write-out", "%{http_code}\\n".to_owned()),
            ];
            for (key, value) in parts.into_iter().chain(self.identity_options()) {
                let value = match key {
                    // It has an escape of curl's own.
                    "write-out" => value,
                    _ => value.replace('\\', "\\\\").replace('"', "\\\""),
                };
                writeln!(requests, "{key} = \"{value}\"")?;
            }
            requests.push_str("next\n");
        }
        let line = format!("curl -sS --parallel --parallel-max {AT_ONCE} -K -");
        let codes = self
            .node()
            .feed(&line, requests.trim_end_matches("next\n"))?;
        let created = codes.lines().filter(|code| *code == "201").count();
        ensure!(
            created == objects.len(),
            "{} of {} objects were refused",
            objects.len() - created,
            objects.len()
        );
        Ok(())
    }
}
