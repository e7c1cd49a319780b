//! All answers of a form together: conditions, defaults, what is generated, and what is missing.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use indexmap::IndexMap;
use orbitr_model::FieldError;
use serde_json::{Value, json};

use super::{Answer, read};
use crate::{
    binding::Bindings,
    manifest::Manifest,
    secret::{Fill, SecretText, generate},
    sections::{Arch, Choice, Input, InputKind, Name, OnChange, PathSource, PortRange, Transport},
    when::{Fact, When},
};

/// What answers are read against.
pub struct ResolveContext<'a> {
    /// The box's architecture.
    pub arch: Arch,
    /// The box's time zone, for inputs that nobody answered.
    pub timezone: &'a str,
    /// The box's language, for inputs that nobody answered.
    pub locale: &'a str,
    /// Where each requirement comes from.
    pub bindings: &'a Bindings,
    /// Whether a time zone of the right form exists.
    pub is_timezone: &'a dyn Fn(&str) -> bool,
    /// Picks a port on the box; `None` when none is free. Called for each port input without an answer and for each
    /// entry of `ports`. For an app that is there already it answers with the number that the app has.
    pub pick_port: &'a mut dyn FnMut(&PortWish<'_>) -> Option<u16>,
    /// Randomness for what is generated.
    pub random: &'a mut Fill<'a>,
}

impl fmt::Debug for ResolveContext<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResolveContext").field("arch", &self.arch).finish_non_exhaustive()
    }
}

/// A port that needs a number.
#[derive(Clone, Debug)]
pub struct PortWish<'a> {
    /// The variable that will hold it, `INPUT_PORT` or `PORT_DB`.
    pub variable: String,
    /// The number to take if it is free.
    pub preferred: Option<u16>,
    /// Whether no other number will do.
    pub fixed: bool,
    /// Where else to look.
    pub range: Option<&'a PortRange>,
    /// TCP or UDP.
    pub protocol: Transport,
}

/// The typed answers to all inputs of a manifest, and the numbers of its ports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resolved {
    pub(crate) answers: IndexMap<String, Answer>,
    pub(crate) ports: BTreeMap<String, u16>,
    pub(crate) bindings: Bindings,
}

impl Resolved {
    /// The answer to an input.
    #[must_use]
    pub fn answer(&self, input: &str) -> Option<&Answer> {
        self.answers.get(input)
    }

    /// All answers, in the order of the manifest.
    pub fn answers(&self) -> impl Iterator<Item = (&str, &Answer)> {
        self.answers.iter().map(|(name, answer)| (name.as_str(), answer))
    }

    /// The answers to keep in the open and to give to `resolve_inputs` again: everything but passwords and keys.
    #[must_use]
    pub fn plain(&self) -> BTreeMap<String, Value> {
        self.answers.iter().filter_map(|(name, answer)| Some((name.clone(), answer.plain()?))).collect()
    }

    /// The passwords and keys, to keep encrypted and to give to `resolve_inputs` again.
    #[must_use]
    pub fn secret(&self) -> BTreeMap<String, SecretText> {
        let secret = |answer: &Answer| match answer {
            Answer::Secret(secret) => Some(secret.clone()),
            _ => None,
        };
        self.answers.iter().filter_map(|(name, answer)| Some((name.clone(), secret(answer)?))).collect()
    }

    /// The numbers of the manifest's `ports`, by name.
    #[must_use]
    pub const fn ports(&self) -> &BTreeMap<String, u16> {
        &self.ports
    }

    /// Where each requirement comes from.
    #[must_use]
    pub const fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// What has to be done so that these answers hold for an app that runs with `before`; `None` when nothing changed.
    /// The strongest of the changed inputs' `on_change` counts; a changed port means new containers.
    ///
    /// # Errors
    /// The changed inputs that only count at the first installation.
    pub fn change_from(&self, before: &Self, manifest: &Manifest) -> Result<Option<OnChange>, Vec<FieldError>> {
        let moved = self.ports != before.ports || self.bindings != before.bindings;
        let mut strongest = moved.then_some(OnChange::Recreate);
        let mut errors = Vec::new();
        for (name, answer) in &self.answers {
            let Some(input) = manifest.inputs().get(name.as_str()) else { continue };
            if before.answers.get(name) == Some(answer) {
                continue;
            }
            match input.common.on_change {
                OnChange::FirstInstallOnly => {
                    errors.push(field_error(name, "this is settled by the first installation; change it in the app"));
                }
                change => strongest = strongest.max(Some(change)),
            }
        }
        if errors.is_empty() { Ok(strongest) } else { Err(errors) }
    }
}

impl Manifest {
    /// Reads the answers that a person or a program gave, by input name. JSON values and the texts of an HTML form are
    /// both understood; an empty text is no answer; a `multi` input may be a list or one text with commas. What is not
    /// given has its default, is generated, or is missing.
    ///
    /// # Errors
    /// Every wrong field, named `inputs.<name>`, with a sentence for the person. No message holds a password or key.
    pub fn resolve_inputs(
        &self,
        given: &BTreeMap<String, Value>,
        cx: &mut ResolveContext<'_>,
    ) -> Result<Resolved, Vec<FieldError>> {
        let (mut resolved, mut errors) = resolve(self.inputs(), given, cx);
        let mut taken: BTreeSet<(u16, Transport)> = BTreeSet::new();
        for (name, answer) in &resolved.answers {
            if let (Answer::Port(port), Some(InputKind::Port(kind))) =
                (answer, self.inputs().get(name.as_str()).map(|input| &input.kind))
                && !taken.insert((*port, kind.protocol))
            {
                errors.push(field_error(name, format!("port {port} is already used by another field")));
            }
        }
        for (name, port) in self.ports() {
            let wish = PortWish {
                variable: format!("PORT_{}", name.in_capitals()),
                preferred: Some(port.preferred),
                fixed: port.fixed,
                range: port.range.as_ref(),
                protocol: port.protocol,
            };
            match (cx.pick_port)(&wish) {
                Some(number) => {
                    resolved.ports.insert(name.to_string(), number);
                }
                None => errors.push(FieldError {
                    field: format!("ports.{name}"),
                    message: format!("no port on the box is free for «{}»", port.purpose),
                }),
            }
        }
        if errors.is_empty() { Ok(resolved) } else { Err(errors) }
    }
}

/// The answers to a list of inputs, and what is wrong with them.
pub(crate) fn resolve(
    inputs: &IndexMap<Name, Input>,
    given: &BTreeMap<String, Value>,
    cx: &mut ResolveContext<'_>,
) -> (Resolved, Vec<FieldError>) {
    let mut resolved = Resolved { bindings: cx.bindings.clone(), ..Resolved::default() };
    let unknown = given.keys().filter(|name| !inputs.contains_key(name.as_str()));
    let mut errors: Vec<_> = unknown.map(|name| field_error(name, "there is no such input")).collect();
    for (name, input) in inputs {
        match resolve_one(name.as_str(), input, given.get(name.as_str()), &resolved, cx) {
            Ok(answer) => {
                resolved.answers.insert(name.to_string(), answer);
            }
            Err(message) => errors.push(field_error(name.as_str(), message)),
        }
    }
    (resolved, errors)
}

fn resolve_one(
    name: &str,
    input: &Input,
    given: Option<&Value>,
    so_far: &Resolved,
    cx: &mut ResolveContext<'_>,
) -> Result<Answer, String> {
    let arch = cx.arch;
    // It only says where the choice stands in the form.
    if matches!(input.kind, InputKind::Binding(_)) {
        return match given {
            None | Some(Value::Null) => Ok(Answer::Unset),
            Some(_) => Err("where it comes from is chosen under bindings".to_owned()),
        };
    }
    if input.common.when.as_ref().is_some_and(|when| !holds(when, so_far, arch)) {
        return Ok(Answer::Unset);
    }
    let answer = given.map_or(Ok(Answer::Unset), |given| read(&input.kind, given))?;
    let answer = if answer == Answer::Unset { by_default(name, input, cx)? } else { answer };
    check_choices(&input.kind, &answer, so_far, arch)?;
    if let (InputKind::Timezone(_), Answer::Text(zone)) = (&input.kind, &answer)
        && !(cx.is_timezone)(zone)
    {
        return Err(format!("there is no time zone «{zone}»"));
    }
    match answer {
        Answer::Unset if input.common.required.unwrap_or(true) => Err("an answer is needed".to_owned()),
        Answer::Text(text) if input.common.secret => Ok(Answer::Secret(SecretText::new(text))),
        answer => Ok(answer),
    }
}

fn field_error(name: &str, message: impl Into<String>) -> FieldError {
    FieldError { field: format!("inputs.{name}"), message: message.into() }
}

/// Whether a condition holds for the answers so far.
pub(crate) fn holds(when: &When, answers: &Resolved, arch: Arch) -> bool {
    when.holds(&|fact| match fact {
        Fact::Input(name) => answers.answers.get(name).map(Answer::compared),
        Fact::Binding(name) => answers.bindings.get(name).map(|choice| choice.as_str().to_owned()),
        Fact::Arch => Some(arch_word(arch).to_owned()),
    })
}

pub(crate) const fn arch_word(arch: Arch) -> &'static str {
    match arch {
        Arch::Amd64 => "amd64",
        Arch::Arm64 => "arm64",
    }
}

/// A choice whose own condition does not hold cannot be made.
fn check_choices(kind: &InputKind, answer: &Answer, so_far: &Resolved, arch: Arch) -> Result<(), String> {
    let options: &[Choice] = match kind {
        InputKind::Enum(input) => &input.options,
        InputKind::Multi(input) => &input.options,
        _ => return Ok(()),
    };
    let chosen: Vec<&str> = match answer {
        Answer::Text(choice) => vec![choice],
        Answer::Choices(choices) => choices.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    let closed = |option: &&Choice| {
        chosen.contains(&option.value.as_str()) && option.when.as_ref().is_some_and(|when| !holds(when, so_far, arch))
    };
    match options.iter().find(closed) {
        Some(option) => Err(format!("«{}» cannot be chosen with the other answers", option.value)),
        None => Ok(()),
    }
}

fn by_default(name: &str, input: &Input, cx: &mut ResolveContext<'_>) -> Result<Answer, String> {
    match &input.kind {
        InputKind::Password(password) => password.generate.as_ref().map_or(Ok(Answer::Unset), |spec| {
            generate(spec.kind, spec.length, cx.random).map(Answer::Secret).map_err(|error| error.to_string())
        }),
        InputKind::Port(port) => {
            let wish = PortWish {
                variable: format!("INPUT_{}", name.to_ascii_uppercase()),
                preferred: port.preferred,
                fixed: false,
                range: None,
                protocol: port.protocol,
            };
            let picked = (cx.pick_port)(&wish).map(Answer::Port);
            picked.ok_or_else(|| "no port on the box is free".to_owned())
        }
        InputKind::Timezone(zone) => Ok(Answer::Text(zone.default.clone().unwrap_or_else(|| cx.timezone.to_owned()))),
        InputKind::Locale(locale) => Ok(Answer::Text(locale.default.clone().unwrap_or_else(|| cx.locale.to_owned()))),
        kind => written_default(kind).map_or(Ok(Answer::Unset), |value| read(kind, &value)),
    }
}

/// The default that the manifest writes, as an answer that could have been given.
pub(crate) fn written_default(kind: &InputKind) -> Option<Value> {
    match kind {
        InputKind::String(input) => input.default.clone().map(Value::String),
        InputKind::Text(input) => input.default.clone().map(Value::String),
        InputKind::Bool(input) => Some(json!(input.default)),
        InputKind::Int(input) => input.default.map(|number| json!(number)),
        InputKind::Float(input) => input.default.map(|number| json!(number)),
        InputKind::Size(input) => input.default.map(|size| json!(super::size_text(size))),
        InputKind::Duration(input) => input.default.map(|span| json!(span.to_string())),
        InputKind::Enum(input) => input.default.clone().map(Value::String),
        InputKind::Multi(input) => Some(json!(input.default)),
        InputKind::Domain(input) => input.default.clone().map(Value::String),
        InputKind::Url(input) => input.default.clone().map(Value::String),
        InputKind::Email(input) => input.default.clone().map(Value::String),
        InputKind::Ip(input) => input.default.clone().map(Value::String),
        InputKind::Cidr(input) => input.default.clone().map(Value::String),
        InputKind::Timezone(input) => input.default.clone().map(Value::String),
        InputKind::Locale(input) => input.default.clone().map(Value::String),
        InputKind::Cron(input) => input.default.clone().map(Value::String),
        InputKind::Path(input) => Some(json!(match input.default {
            PathSource::Managed => "managed",
            PathSource::Share => "share",
            PathSource::Host => "host",
        })),
        _ => None,
    }
}
