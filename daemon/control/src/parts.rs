//! A long status in parts: zlink serializes a message anew for every 256 bytes that it grows by, so
//! that one of a megabyte takes seconds, and one of five megabytes a minute.
//!
//! Every part is a status. The first one has everything but the ends of long lists; of the others
//! only these count, and are appended.

use crate::status::{Kubernetes, Segment, Status};

/// How much of a list one part has.
pub const PART: usize = 64;

/// How many entries all lists together may have in one reply.
pub const WHOLE: usize = 256;

impl Status {
    /// How many entries its long lists have together.
    #[must_use]
    pub fn entries(&self) -> usize {
        let addresses = self.segments.iter().map(|segment| segment.addresses.len());
        let services = self.kubernetes.as_ref().map_or(0, |one| one.services.len());
        addresses.sum::<usize>() + services + self.problems.len()
    }

    /// The parts, at least one; a list is cut after `limit`, at least 1.
    #[must_use]
    pub fn into_parts(mut self, limit: usize) -> Vec<Status> {
        let mut rest = Vec::new();
        for segment in &mut self.segments {
            let link = &segment.link;
            let chunks = ends(&mut segment.addresses, limit).into_iter();
            rest.extend(chunks.map(|addresses| Status {
                segments: vec![Segment {
                    link: link.clone(),
                    addresses,
                    ..Segment::default()
                }],
                ..Status::default()
            }));
        }
        if let Some(kubernetes) = &mut self.kubernetes {
            let chunks = ends(&mut kubernetes.services, limit).into_iter();
            rest.extend(chunks.map(|services| Status {
                kubernetes: Some(Kubernetes {
                    services,
                    ..Kubernetes::default()
                }),
                ..Status::default()
            }));
        }
        let chunks = ends(&mut self.problems, limit).into_iter();
        rest.extend(chunks.map(|problems| Status {
            problems,
            ..Status::default()
        }));
        for part in &mut rest {
            part.schema.clone_from(&self.schema);
        }
        let mut parts = vec![self];
        parts.append(&mut rest);
        parts
    }

    /// Appends what a further part lists.
    pub fn append(&mut self, part: Status) {
        for more in part.segments {
            let mut known = self.segments.iter_mut();
            if let Some(segment) = known.find(|known| known.link == more.link) {
                segment.addresses.extend(more.addresses);
            }
        }
        if let (Some(kubernetes), Some(more)) = (&mut self.kubernetes, part.kubernetes) {
            kubernetes.services.extend(more.services);
        }
        self.problems.extend(part.problems);
    }
}

/// Cuts a list after `limit`, and gives the rest in chunks of that size.
fn ends<T>(list: &mut Vec<T>, limit: usize) -> Vec<Vec<T>> {
    let limit = limit.max(1);
    let mut chunks = Vec::new();
    while list.len() > limit {
        let last = (list.len() - 1) / limit * limit;
        chunks.push(list.split_off(last));
    }
    chunks.reverse();
    chunks
}

#[cfg(test)]
mod tests;
