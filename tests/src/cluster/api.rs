//! The API as one identity sees it, by curl: objects go in and out as JSON.
//!
//! curl rather than kubectl, since a test looks at a level many times a second; manifests of people
//! go through kubectl ([`Api::kubectl`]).

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::objects::path_of;
use super::watch::Watch;
use crate::lan::Node;

/// Who owns the fields that tests write.
const MANAGER: &str = "tests";

/// What is sent along.
#[derive(Debug, Clone, Copy)]
enum Body<'a> {
    Nothing,
    Merge(&'a Value),
    Apply(&'a Value),
}

/// An answer: HTTP status, and the object, or the reason as a Kubernetes `Status`.
#[derive(Debug)]
struct Answer {
    code: u16,
    body: Value,
}

/// The API, seen from one machine by one identity.
#[derive(Debug, Clone)]
pub struct Api {
    node: Node,
    server: String,
    /// `DIR/NAME` of the identity's files on that machine.
    identity: String,
    authority: String,
}

impl Api {
    /// With the files that [`super::plane::Plane::provide`] put into `dir` of `node`.
    pub fn new(node: &Node, server: &str, dir: &str, name: &str) -> Api {
        Api {
            node: node.clone(),
            server: server.to_owned(),
            identity: format!("{dir}/{name}"),
            authority: format!("{dir}/server-ca.crt"),
        }
    }

    /// The machine that it is asked from.
    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    /// Where it is.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// What says to curl who asks.
    pub(super) fn identity_options(&self) -> [(&'static str, String); 3] {
        let identity = &self.identity;
        [
            ("cacert", self.authority.clone()),
            ("cert", format!("{identity}.crt")),
            ("key", format!("{identity}.key")),
        ]
    }

    /// Whether the API server says that it is ready.
    pub fn is_ready(&self) -> bool {
        let answer = self.send("GET", "/readyz", Body::Nothing);
        answer.is_ok_and(|answer| answer.code == 200)
    }

    /// The object at that path, if there is one.
    ///
    /// # Errors
    /// Any answer but that, or none.
    pub fn get(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.send("GET", path, Body::Nothing)?;
        match answer.code {
            200 => Ok(Some(answer.body)),
            404 => Ok(None),
            _ => bail!("GET {path} gave {}: {}", answer.code, answer.body),
        }
    }

    /// The items of the list at that path.
    ///
    /// # Errors
    /// If there is no list.
    pub fn list(&self, path: &str) -> anyhow::Result<Vec<Value>> {
        let list = self.get(path)?.context("there is no such list")?;
        let items = list.get("items").and_then(Value::as_array);
        Ok(items.cloned().unwrap_or_default())
    }

    /// Applies an object server-side, without its status.
    ///
    /// # Errors
    /// If the API refuses.
    pub fn apply(&self, object: &Value) -> anyhow::Result<Value> {
        let path = path_of(object)?;
        let path = format!("{path}?fieldManager={MANAGER}&force=true");
        accepted(
            "PATCH",
            &path,
            self.send("PATCH", &path, Body::Apply(object))?,
        )
    }

    /// Merges `patch` into the object at that path.
    ///
    /// # Errors
    /// If the API refuses.
    pub fn merge(&self, path: &str, patch: &Value) -> anyhow::Result<Value> {
        accepted("PATCH", path, self.send("PATCH", path, Body::Merge(patch))?)
    }

    /// Deletes what is at that path: an object, or all of a collection. Nothing there is fine.
    ///
    /// # Errors
    /// If the API refuses.
    pub fn delete(&self, path: &str) -> anyhow::Result<()> {
        let answer = self.send("DELETE", path, Body::Nothing)?;
        ensure!(
            [200, 202, 404].contains(&answer.code),
            "DELETE {path} gave {}: {}",
            answer.code,
            answer.body
        );
        Ok(())
    }

    /// Applies a file of manifests as a person does.
    ///
    /// # Errors
    /// What kubectl says.
    pub fn kubectl_apply(&self, manifests: &Path) -> anyhow::Result<String> {
        self.kubectl(&format!("apply --server-side -f {}", manifests.display()))
    }

    /// Runs kubectl with this identity.
    ///
    /// # Errors
    /// What kubectl says.
    pub fn kubectl(&self, arguments: &str) -> anyhow::Result<String> {
        let config = format!("{}.kubeconfig", self.identity);
        self.node
            .must(&format!("kubectl --kubeconfig {config} {arguments}"))
    }

    /// Every change of the list at that path from now on, each with when it was read.
    ///
    /// # Errors
    /// If curl cannot be started.
    pub fn watch(&self, path: &str) -> anyhow::Result<Watch> {
        let Api {
            node,
            server,
            identity,
            authority,
        } = self;
        let mut command = Command::new("curl");
        command
            .args(["-sS", "-N", "--cacert", authority])
            .args(["--cert", &format!("{identity}.crt")])
            .args(["--key", &format!("{identity}.key")])
            .arg(format!("{server}{path}?watch=true"));
        Watch::start(node, command)
    }

    fn send(&self, method: &str, path: &str, body: Body<'_>) -> anyhow::Result<Answer> {
        let Api {
            node,
            server,
            identity,
            authority,
        } = self;
        let (kind, document) = match body {
            Body::Nothing => ("application/json", &json!(null)),
            Body::Merge(document) => ("application/merge-patch+json", document),
            Body::Apply(document) => ("application/apply-patch+yaml", document),
        };
        let data = match body {
            Body::Nothing => "",
            Body::Merge(_) | Body::Apply(_) => "--data-binary @-",
        };
        let line = format!(
            "curl -sS --max-time 10 --cacert {authority} --cert {identity}.crt --key {identity}.key \
             -X {method} -H content-type:{kind} {data} -w \\n%{{http_code}} {server}{path}"
        );
        let text = match body {
            Body::Nothing => node.must(&line)?,
            Body::Merge(_) | Body::Apply(_) => node.feed(&line, &document.to_string())?,
        };
        let (text, code) = text.rsplit_once('\n').context("curl names the status")?;
        // Whatever is not JSON, such as `ok`, is taken as text.
        let body = serde_json::from_str(text).unwrap_or_else(|_not_json| Value::from(text));
        Ok(Answer {
            code: code.trim().parse()?,
            body,
        })
    }
}

fn accepted(method: &str, path: &str, answer: Answer) -> anyhow::Result<Value> {
    let Answer { code, body } = answer;
    ensure!(
        code == 200 || code == 201,
        "{method} {path} gave {code}: {body}"
    );
    Ok(body)
}
