//! What this version can run. The format is larger than the machinery: a manifest may be right and yet ask for
//! something that no code does yet. Such a key is named, never passed over in silence.

use crate::{
    diagnostic::{Diagnostic, Finding, in_order},
    lint::lint,
    manifest::Manifest,
    sections::{InputKind, PathSource, PortDefault, Rotate, SecretKind},
    yaml::Value,
};

/// Keys of the block that nothing does anything with yet.
const WITHOUT_MACHINERY: &[&str] = &[
    "hardware",
    "variants",
    "requires",
    "provides",
    "implements",
    "routes",
    "backup",
    "upgrade",
    "actions",
    "jobs",
    "first_run",
    "metrics",
    "logs",
    "dashboard",
    "i18n",
    "resources.gpu_memory",
    "health.route",
    "health.degraded",
];

impl Manifest {
    /// Whether this version of Orbitr can run the manifest. Reading it is a separate question, so that the format stays
    /// as it is while machinery is added.
    ///
    /// # Errors
    /// One diagnostic per key without machinery, each exactly `not supported yet: KEY` with the key's dotted path.
    pub fn check_supported(&self) -> Result<(), Vec<Diagnostic>> {
        let mut keys: Vec<String> =
            WITHOUT_MACHINERY.iter().filter(|key| self.has(key)).map(|key| (*key).to_owned()).collect();
        if !self.x.permissions.is_empty() {
            keys.push("permissions".to_owned());
        }
        self.inputs_without_machinery(&mut keys);
        for (name, secret) in &self.x.secrets {
            let needs_key =
                matches!(secret.kind, SecretKind::Rsa | SecretKind::Ed25519 | SecretKind::Vapid | SecretKind::Jwt);
            let parts = [
                ("kind", needs_key),
                ("claims", !secret.claims.is_empty()),
                ("derive", secret.derive.is_some()),
                ("rotate", secret.rotate != Rotate::None),
            ];
            keys.extend(parts.iter().filter(|(_, there)| *there).map(|(key, _)| format!("secrets.{name}.{key}")));
        }
        for (name, volume) in &self.x.volumes {
            let parts = [
                ("owner", volume.owner.is_some()),
                ("share", volume.share.is_some()),
                ("backup", volume.backup.is_some()),
            ];
            keys.extend(parts.iter().filter(|(_, there)| *there).map(|(key, _)| format!("volumes.{name}.{key}")));
        }
        for (name, port) in &self.x.ports {
            if port.default == PortDefault::Off {
                keys.push(format!("ports.{name}.default"));
            }
        }
        if self.text.contains("${SYS_PROXY_CIDR}") {
            keys.push("SYS_PROXY_CIDR".to_owned());
        }
        if keys.is_empty() {
            return Ok(());
        }
        let finding =
            |key: String| Finding::error(self.block().place(&key), key.clone(), format!("not supported yet: {key}"));
        Err(in_order(keys.into_iter().map(finding).collect(), &self.file))
    }

    /// Whether an app may be made from the manifest: this version can run it, and no lint refuses it. The lints are
    /// what keeps an app inside its containers and the permissions honest, so nothing is installed without them.
    ///
    /// # Errors
    /// Everything that stands against it; no warnings.
    pub fn installable(&self) -> Result<(), Vec<Diagnostic>> {
        let mut found = self.check_supported().err().unwrap_or_default();
        found.extend(lint(self).into_iter().filter(Diagnostic::is_error));
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn inputs_without_machinery(&self, keys: &mut Vec<String>) {
        for (name, input) in &self.x.inputs {
            let without = matches!(
                input.kind,
                InputKind::Share(_)
                    | InputKind::Cron(_)
                    | InputKind::User(_)
                    | InputKind::Group(_)
                    | InputKind::Device(_)
                    | InputKind::Gpu(_)
                    | InputKind::File(_)
                    | InputKind::List(_)
                    | InputKind::Binding(_)
            );
            if without {
                keys.push(format!("inputs.{name}.type"));
            }
            if input.common.deprecated.is_some() {
                keys.push(format!("inputs.{name}.deprecated"));
            }
            match &input.kind {
                InputKind::Path(path) => {
                    let elsewhere = path.allow.iter().any(|place| *place != PathSource::Managed);
                    let parts = [("allow", elsewhere), ("owner", path.owner.is_some())];
                    keys.extend(
                        parts.iter().filter(|(_, there)| *there).map(|(key, _)| format!("inputs.{name}.{key}")),
                    );
                }
                InputKind::Password(password) => {
                    let kind = password.generate.as_ref().map(|generate| generate.kind).unwrap_or_default();
                    if matches!(kind, SecretKind::Rsa | SecretKind::Ed25519 | SecretKind::Vapid | SecretKind::Jwt) {
                        keys.push(format!("inputs.{name}.generate.kind"));
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether the block has something under a dotted path.
    fn has(&self, path: &str) -> bool {
        let mut node = self.block();
        for part in path.split('.') {
            match node.get(part) {
                Some(next) => node = next,
                None => return false,
            }
        }
        !matches!(node.value, Value::Null)
    }
}
