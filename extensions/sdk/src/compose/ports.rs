//! One entry of a service's `ports`.

use crate::{
    diagnostic::Place,
    sections::Transport,
    yaml::{Node, Value},
};

/// One published port, as it is written: `8080:80`, `127.0.0.1:${PORT_DB}:5432/tcp`, or the long form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePort {
    /// The port on the box, or the variable that holds it; `None` means that Docker picks one.
    pub(crate) host: Option<String>,
    /// The port inside the container, where it is one number.
    pub(crate) target: Option<u16>,
    pub(crate) protocol: Transport,
    pub(crate) at: Place,
}

/// Reads one entry; `None` when it has none of Compose's forms.
pub(super) fn read(node: &Node) -> Option<ServicePort> {
    match &node.value {
        Value::Map(_) => {
            let target = node.get("target")?.scalar()?.parse().ok();
            let host = node.get("published").and_then(Node::scalar).filter(|host| !host.is_empty());
            let protocol = protocol(node.get("protocol").and_then(Node::text).unwrap_or("tcp"))?;
            Some(ServicePort { host, target, protocol, at: node.at })
        }
        Value::List(_) | Value::Null => None,
        _ => short(&node.scalar()?, node.at),
    }
}

fn short(text: &str, at: Place) -> Option<ServicePort> {
    let (text, transport) = text.rsplit_once('/').unwrap_or((text, "tcp"));
    let protocol = protocol(transport)?;
    // The address in front may be IPv6 in brackets; host and container port are the last two parts.
    let (before, target) = match text.rsplit_once(':') {
        Some((before, target)) => (Some(before), target),
        None => (None, text),
    };
    let host = before.map(|before| match before.rsplit_once(':') {
        Some((_, host)) => host.to_owned(),
        None => before.to_owned(),
    });
    Some(ServicePort { host: host.filter(|host| !host.is_empty()), target: target.parse().ok(), protocol, at })
}

fn protocol(text: &str) -> Option<Transport> {
    match text {
        "tcp" => Some(Transport::Tcp),
        "udp" => Some(Transport::Udp),
        _ => None,
    }
}
