//! Who this node is: its name and the identity that follows from the machine-id.

use std::fs;
use std::io;

use sovnet_core::member::Identity;
use sovnet_core::names::{NameError, NodeId, NodeName};
use thiserror::Error;

const MACHINE_ID: &str = "/etc/machine-id";

/// Why the identity is not known.
#[derive(Debug, Error)]
pub(crate) enum IdentityError {
    /// The file cannot be read.
    #[error("failed to read {MACHINE_ID} (`systemd-machine-id-setup` writes it)")]
    MachineId(#[source] io::Error),
    /// The file holds no machine-id.
    #[error("{MACHINE_ID} holds no machine-id: `systemd-machine-id-setup` writes one")]
    NoMachineId,
    /// The host has no name.
    #[error("failed to read the host name")]
    HostName(#[source] nix::Error),
    /// The host name is no node name.
    #[error("the host name \"{name}\" can not be a node's name: set `[node] name` in the config")]
    Unsuitable {
        /// The name.
        name: String,
        /// Why.
        #[source]
        source: NameError,
    },
}

/// This node: the name from the config, else the host name.
///
/// # Errors
/// No machine-id, or no usable name.
pub(crate) fn read(
    name: Option<NodeName>,
    config_text_hash: u32,
) -> Result<Identity, IdentityError> {
    let machine_id = fs::read_to_string(MACHINE_ID).map_err(IdentityError::MachineId)?;
    let machine_id = machine_id.trim();
    let is_one = machine_id.len() == 32 && machine_id.chars().all(|c| c.is_ascii_hexdigit());
    if !is_one {
        return Err(IdentityError::NoMachineId);
    }
    let name = match name {
        Some(name) => name,
        None => host_name()?,
    };
    Ok(Identity {
        id: NodeId::of_machine(machine_id),
        name,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_hash: config_text_hash,
    })
}

fn host_name() -> Result<NodeName, IdentityError> {
    let name = nix::unistd::gethostname().map_err(IdentityError::HostName)?;
    let name = name.to_string_lossy().into_owned();
    name.parse()
        .map_err(|source| IdentityError::Unsuitable { name, source })
}
