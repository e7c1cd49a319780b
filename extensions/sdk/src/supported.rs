//! What this version can run. The format is larger than the machinery: a manifest may be right and yet ask for
//! something that no code does yet. Such a key is named, never passed over in silence.

use indexmap::IndexMap;

use crate::{
    diagnostic::{Diagnostic, Finding, in_order},
    lint::{Origin, lint_as},
    manifest::Manifest,
    sections::{ActionWhen, HealthNeed, InputKind, PathSource, PortDefault, ResultKind, RoleName, SecretKind},
    vars,
    yaml::Value,
};

/// Keys of the block that nothing does anything with yet.
const WITHOUT_MACHINERY: &[&str] = &[
    "hardware",
    "variants",
    "implements",
    "routes",
    "backup",
    "upgrade.inputs_migrate",
    "upgrade.volumes_migrate",
    "upgrade.database_major",
    "first_run",
    "metrics",
    "logs",
    "dashboard",
    "i18n",
    "resources.gpu_memory",
    "health.route",
    "health.degraded",
];

/// The most versions on the way to a newer one.
pub const STEPS_MAX: usize = 8;

impl Manifest {
    /// Whether this version of Orbitr can run the manifest. Reading it is a separate question, so that the format stays
    /// as it is while machinery is added.
    ///
    /// # Errors
    /// One diagnostic per key without machinery, each exactly `not supported yet: KEY` with the key's dotted path.
    pub fn check_supported(&self) -> Result<(), Vec<Diagnostic>> {
        let mut keys: Vec<String> =
            WITHOUT_MACHINERY.iter().filter(|key| self.has(key)).map(|key| (*key).to_owned()).collect();
        self.permissions_without_machinery(&mut keys);
        self.inputs_without_machinery(&mut keys);
        for (name, secret) in &self.x.secrets {
            let needs_key =
                matches!(secret.kind, SecretKind::Rsa | SecretKind::Ed25519 | SecretKind::Vapid | SecretKind::Jwt);
            let parts =
                [("kind", needs_key), ("claims", !secret.claims.is_empty()), ("derive", secret.derive.is_some())];
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
        self.bindings_without_machinery(&mut keys);
        self.upgrades_without_machinery(&mut keys);
        self.actions_without_machinery(&mut keys);
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
        self.acceptable(Origin::Written)
    }

    /// The same for a manifest that was made of a project that ran already: its services may have no health check.
    ///
    /// # Errors
    /// As [`Self::installable`].
    pub fn adoptable(&self) -> Result<(), Vec<Diagnostic>> {
        self.acceptable(Origin::Adopted)
    }

    fn acceptable(&self, origin: Origin) -> Result<(), Vec<Diagnostic>> {
        let mut found = self.check_supported().err().unwrap_or_default();
        found.extend(lint_as(self, origin).into_iter().filter(Diagnostic::is_error));
        if found.is_empty() { Ok(()) } else { Err(found) }
    }

    fn upgrades_without_machinery(&self, keys: &mut Vec<String>) {
        let Some(upgrade) = &self.x.upgrade else { return };
        if upgrade.steps.len() > STEPS_MAX {
            keys.push(format!("upgrade.steps.{STEPS_MAX}"));
        }
        // The containers have the app's variables; a command takes them from there.
        let hooks = [("pre", &upgrade.pre), ("post", &upgrade.post)];
        for (list, hooks) in hooks {
            for (index, hook) in hooks.iter().enumerate() {
                keys.extend(variables(&hook.run, &hook.env).map(|part| format!("upgrade.{list}.{index}.{part}")));
            }
        }
        if let Some(settled) = &upgrade.settled {
            keys.extend(variables(&settled.run, &settled.env).map(|part| format!("upgrade.settled.{part}")));
        }
    }

    /// A grant that no Compose file shows needs machinery of its own, and so does an app that goes without one.
    fn permissions_without_machinery(&self, keys: &mut Vec<String>) {
        for (index, permission) in self.x.permissions.iter().enumerate() {
            let parts = [
                ("grant", !permission.grant.shows_in_compose()),
                ("optional", permission.optional),
                ("profile", permission.profile.is_some()),
            ];
            keys.extend(parts.iter().filter(|(_, there)| *there).map(|(key, _)| format!("permissions.{index}.{key}")));
        }
    }

    fn bindings_without_machinery(&self, keys: &mut Vec<String>) {
        for (name, require) in &self.x.requires {
            let parts =
                [("features", !require.features.is_empty()), ("health", require.health == HealthNeed::Advisory)];
            keys.extend(parts.iter().filter(|(_, there)| *there).map(|(key, _)| format!("requires.{name}.{key}")));
        }
        for (name, provide) in &self.x.provides {
            let restores = provide.provision.as_ref().is_some_and(|provision| provision.restore.is_some());
            let parts = [("limits", !provide.limits.is_empty()), ("provision.restore", restores)];
            keys.extend(parts.iter().filter(|(_, there)| *there).map(|(key, _)| format!("provides.{name}.{key}")));
        }
    }

    fn actions_without_machinery(&self, keys: &mut Vec<String>) {
        for (name, action) in &self.x.actions {
            for (input, asked) in &action.inputs {
                let without = is_without_machinery(&asked.kind)
                    || matches!(asked.kind, InputKind::Port(_) | InputKind::Path(_) | InputKind::Binding(_));
                let parts = [
                    ("type", without),
                    ("when", asked.common.when.is_some()),
                    ("deprecated", asked.common.deprecated.is_some()),
                ];
                let found = parts.iter().filter(|(_, there)| *there);
                keys.extend(found.map(|(key, _)| format!("actions.{name}.inputs.{input}.{key}")));
            }
            let parts = [
                ("when", action.when != ActionWhen::Running),
                ("result", action.result == ResultKind::File),
                // A viewer changes nothing, whatever an extension says.
                ("roles", action.roles.contains(&RoleName::Viewer)),
            ];
            keys.extend(parts.iter().filter(|(_, there)| *there).map(|(key, _)| format!("actions.{name}.{key}")));
        }
    }

    fn inputs_without_machinery(&self, keys: &mut Vec<String>) {
        for (name, input) in &self.x.inputs {
            if is_without_machinery(&input.kind) {
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

/// The parts of a command, of `run` and `env`, that hold a variable: nobody replaces it there.
fn variables(run: &[String], env: &IndexMap<String, String>) -> impl Iterator<Item = &'static str> + use<> {
    let holds = |text: &String| !vars::scan(text).is_empty();
    let parts = [("run", run.iter().any(holds)), ("env", env.values().any(holds))];
    parts.into_iter().filter(|(_, there)| *there).map(|(part, _)| part)
}

const fn is_without_machinery(kind: &InputKind) -> bool {
    matches!(
        kind,
        InputKind::Share(_)
            | InputKind::Cron(_)
            | InputKind::User(_)
            | InputKind::Group(_)
            | InputKind::Device(_)
            | InputKind::Gpu(_)
            | InputKind::File(_)
            | InputKind::List(_)
    )
}
