//! The variables of an installed app, and the file that Docker Compose reads them from.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
};

use crate::{
    answers::{Answer, Resolved, arch_word, holds},
    manifest::Manifest,
    secret::{Fill, GenerateError, SecretText},
    sections::{Arch, Deliver, InputKind},
    vars,
};

/// What the variables of an app are made from, beside its answers.
pub struct EnvContext<'a> {
    /// The app's id on this box.
    pub app_id: &'a str,
    /// The app's name, as people gave it.
    pub app_name: &'a str,
    /// The box's host name.
    pub hostname: &'a str,
    /// The box's time zone.
    pub timezone: &'a str,
    /// The box's language.
    pub locale: &'a str,
    /// The box's architecture.
    pub arch: Arch,
    /// The app's secrets, by name, as [`Manifest::generate_secrets`] made them.
    pub secrets: &'a BTreeMap<String, SecretText>,
    /// The fields of each requirement, by its name.
    pub bindings: &'a BTreeMap<String, BTreeMap<String, String>>,
    /// The folder of a path input, as the Compose part should mount it.
    pub folder: &'a dyn Fn(&str) -> String,
}

impl fmt::Debug for EnvContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnvContext").field("app_id", &self.app_id).finish_non_exhaustive()
    }
}

/// The variables of an app by name. They hold secrets: printing this shows the names only.
#[derive(Clone, PartialEq, Eq)]
pub struct Env(BTreeMap<String, String>);

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Env {
    /// Name and value of each variable.
    #[must_use]
    pub const fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The `.env` file for Docker Compose: one line `NAME='value'` each, in which Compose finds exactly these values.
    /// It holds secrets and belongs into a file that only its owner can read.
    #[must_use]
    pub fn dotenv(&self) -> String {
        let mut file = String::new();
        for (name, value) in &self.0 {
            // Writing to a String cannot fail.
            let _ = writeln!(file, "{name}={}", quoted(value));
        }
        file
    }
}

/// A value as Compose's reader of `.env` files (compose-go, package `dotenv`) takes it literally.
///
/// Inside single quotes it takes everything as it stands, up to the closing quote, but a backslash before a quote
/// takes that quote in; and it turns CR LF into LF in the whole file first. So single quotes serve a value without
/// `'`, without CR and without a backslash at its end. Any other value stands in double quotes, where backslash, `"`
/// and `$` are escaped with a backslash and CR is written `\r`.
fn quoted(value: &str) -> String {
    if !value.contains(['\'', '\r']) && !value.ends_with('\\') {
        return format!("'{value}'");
    }
    let mut text = String::with_capacity(value.len() + 8);
    text.push('"');
    for c in value.chars() {
        match c {
            '\\' | '"' | '$' => text.extend(['\\', c]),
            '\r' => text.push_str("\\r"),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}

impl Manifest {
    /// The secrets that an app with these answers needs: those of `kept` that still belong to it, and new ones for the
    /// rest. Giving the result back as `kept` changes nothing.
    ///
    /// # Errors
    /// [`GenerateError`]: no randomness, or a kind without machinery.
    pub fn generate_secrets(
        &self,
        answers: &Resolved,
        arch: Arch,
        kept: &BTreeMap<String, SecretText>,
        random: &mut Fill<'_>,
    ) -> Result<BTreeMap<String, SecretText>, GenerateError> {
        let mut secrets = BTreeMap::new();
        for (name, spec) in self.secrets() {
            if spec.when.as_ref().is_some_and(|when| !holds(when, answers, arch)) {
                continue;
            }
            let secret = match kept.get(name.as_str()) {
                Some(secret) => secret.clone(),
                None => spec.generate(random)?,
            };
            secrets.insert(name.to_string(), secret);
        }
        Ok(secrets)
    }

    /// The files that Compose secrets mount, by path from the app's folder. Containers run as many users, so the files
    /// must be readable for all (0444) in a folder that only its owner can enter (0700).
    #[must_use]
    pub fn secret_files<'a>(&self, secrets: &'a BTreeMap<String, SecretText>) -> BTreeMap<String, &'a SecretText> {
        let as_file = |name: &str| self.secrets().get(name).is_some_and(|spec| spec.deliver == Deliver::File);
        secrets
            .iter()
            .filter(|(name, _)| as_file(name))
            .map(|(name, secret)| (format!("secrets/{name}"), secret))
            .collect()
    }

    /// The value of every variable that the manifest declares; a variable without a value is empty. Secrets that are
    /// delivered as files are not among them.
    #[must_use]
    pub fn env(&self, answers: &Resolved, cx: &EnvContext<'_>) -> Env {
        let mut env = BTreeMap::new();
        for name in vars::declared(self.x()) {
            env.insert(name, String::new());
        }
        // Compose reads the whole file, and knows nothing of what is only for commands.
        if !self.provides().is_empty() {
            env.extend(vars::GRANT.map(|name| (name.to_owned(), String::new())));
        }
        let facts = [
            ("SYS_ARCH", arch_word(cx.arch)),
            ("SYS_HOSTNAME", cx.hostname),
            ("SYS_LOCALE", cx.locale),
            ("SYS_TIMEZONE", cx.timezone),
            ("APP_ID", cx.app_id),
            ("APP_NAME", cx.app_name),
            ("APP_VERSION", self.version()),
        ];
        env.extend(facts.map(|(name, value)| (name.to_owned(), value.to_owned())));
        for (name, input) in self.inputs() {
            let answer = answers.answer(name.as_str()).unwrap_or(&Answer::Unset);
            let capitals = name.in_capitals();
            match (&input.kind, answer) {
                (InputKind::Binding(_), _) => {}
                (InputKind::Path(_) | InputKind::Share(_), Answer::Path(_)) => {
                    env.insert(format!("PATH_{capitals}"), (cx.folder)(name.as_str()));
                }
                (InputKind::Path(_) | InputKind::Share(_), _) => {}
                (_, answer) => {
                    env.insert(format!("INPUT_{capitals}"), answer.variable());
                }
            }
        }
        for (name, spec) in self.secrets() {
            let variable = format!("SECRET_{}", name.in_capitals());
            match cx.secrets.get(name.as_str()).filter(|_| spec.deliver == Deliver::Env) {
                Some(secret) => env.insert(variable, secret.expose().to_owned()),
                None if spec.deliver == Deliver::File => env.remove(&variable),
                None => None,
            };
        }
        for (name, fields) in cx.bindings {
            let capitals = name.to_ascii_uppercase();
            let fields = fields.iter();
            env.extend(
                fields.map(|(field, value)| (format!("BIND_{capitals}_{}", field.to_ascii_uppercase()), value.clone())),
            );
        }
        let profiles = self.profiles(answers.bindings());
        if !profiles.is_empty() {
            env.insert("COMPOSE_PROFILES".to_owned(), profiles.join(","));
        }
        for (name, port) in answers.ports() {
            env.insert(format!("PORT_{}", name.to_ascii_uppercase()), port.to_string());
        }
        Env(env)
    }
}
