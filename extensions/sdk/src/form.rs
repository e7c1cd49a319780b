//! The form of a manifest's inputs: everything a page or a program needs to ask for them.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use crate::{
    answers::{Resolved, holds, size_text, written_default},
    manifest::Manifest,
    sections::{Arch, Choice, Input, InputKind, Name, OnChange, PathSource},
};

/// The fields of a manifest, in order.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Form {
    /// One per input.
    pub fields: Vec<Field>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Field {
    /// The input's name; answers are given under it.
    pub name: String,
    /// The input's type, as manifests write it.
    pub kind: &'static str,
    /// What the field is called.
    pub label: String,
    /// A sentence below it.
    pub help: Option<String>,
    /// The group it stands in.
    pub group: Option<String>,
    /// Whether it is folded away.
    pub advanced: bool,
    /// Whether a person must fill it in: there is no default and nothing is generated.
    pub required: bool,
    /// Whether the answer is kept like a password.
    pub secret: bool,
    /// Whether an empty field gets a value of its own.
    pub generated: bool,
    /// Whether the value can be looked at later.
    pub reveal: bool,
    /// The answer if nobody answers, in the form in which it can be given.
    pub default: Option<Value>,
    /// An example, for the empty field.
    pub example: Option<String>,
    /// What it counts or measures.
    pub unit: Option<String>,
    /// What there is to choose from.
    pub options: Vec<FieldOption>,
    /// The least, in the form in which it can be given.
    pub min: Option<String>,
    /// The most, in the form in which it can be given.
    pub max: Option<String>,
    /// The fewest characters.
    pub min_length: Option<u32>,
    /// The most characters.
    pub max_length: Option<u32>,
    /// A regular expression that the whole answer matches.
    pub pattern: Option<String>,
    /// What to say when it does not.
    pub message: Option<String>,
    /// When it is asked; see [`Manifest::is_asked`].
    pub when: Option<String>,
    /// What a new answer means for the running app.
    pub on_change: OnChange,
}

/// One thing to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldOption {
    /// What is given.
    pub value: String,
    /// What people read.
    pub label: String,
    /// When it can be chosen.
    pub when: Option<String>,
}

impl Input {
    /// Whether a person must answer: an answer is needed, there is no default, and nothing is generated.
    #[must_use]
    pub fn must_be_answered(&self) -> bool {
        let answers_itself = match &self.kind {
            InputKind::Password(password) => password.generate.is_some(),
            InputKind::Port(_) | InputKind::Timezone(_) | InputKind::Locale(_) => true,
            kind => written_default(kind).is_some(),
        };
        self.common.required.unwrap_or(true) && !answers_itself
    }
}

impl Manifest {
    /// The form of the manifest's inputs.
    #[must_use]
    pub fn form(&self) -> Form {
        let inputs = self.inputs().iter().filter(|(_, input)| !matches!(input.kind, InputKind::Binding(_)));
        Form { fields: inputs.map(|(name, input)| field(name, input)).collect() }
    }

    /// Whether an input is asked, given the answers to the inputs before it.
    #[must_use]
    pub fn is_asked(&self, input: &str, answers: &Resolved, arch: Arch) -> bool {
        self.inputs()
            .get(input)
            .is_some_and(|input| input.common.when.as_ref().is_none_or(|when| holds(when, answers, arch)))
    }
}

pub(crate) fn field(name: &Name, input: &Input) -> Field {
    let common = &input.common;
    let secret = common.secret || matches!(input.kind, InputKind::Password(_) | InputKind::Secret(_));
    let mut field = Field {
        name: name.to_string(),
        kind: input.kind.name(),
        label: input.label(name).to_owned(),
        help: common.help.clone(),
        group: common.group.clone().filter(|group| group != "advanced"),
        advanced: common.advanced || common.group.as_deref() == Some("advanced"),
        required: input.must_be_answered(),
        secret,
        generated: false,
        reveal: false,
        default: written_default(&input.kind),
        example: common.example.clone(),
        unit: None,
        options: Vec::new(),
        min: None,
        max: None,
        min_length: None,
        max_length: None,
        pattern: None,
        message: None,
        when: common.when.as_ref().map(|when| when.as_str().to_owned()),
        on_change: common.on_change,
    };
    describe(&mut field, &input.kind);
    field
}

/// What only the type knows.
fn describe(field: &mut Field, kind: &InputKind) {
    match kind {
        InputKind::String(input) => {
            (field.min_length, field.max_length) = (input.min_length, input.max_length);
            (field.pattern, field.message) = (input.pattern.clone(), input.message.clone());
        }
        InputKind::Text(input) => (field.min_length, field.max_length) = (input.min_length, input.max_length),
        InputKind::Password(input) => {
            (field.min_length, field.max_length) = (input.min_length, input.max_length);
            (field.pattern, field.message) = (input.pattern.clone(), input.message.clone());
            (field.generated, field.reveal) = (input.generate.is_some(), input.reveal);
        }
        InputKind::Secret(input) => (field.min_length, field.max_length) = (input.min_length, input.max_length),
        InputKind::Int(input) => {
            field.unit.clone_from(&input.unit);
            (field.min, field.max) = (input.min.map(|n| n.to_string()), input.max.map(|n| n.to_string()));
        }
        InputKind::Float(input) => {
            field.unit.clone_from(&input.unit);
            (field.min, field.max) = (input.min.map(|n| n.to_string()), input.max.map(|n| n.to_string()));
        }
        InputKind::Size(input) => (field.min, field.max) = (input.min.map(size_text), input.max.map(size_text)),
        InputKind::Duration(input) => {
            (field.min, field.max) = (input.min.map(|s| s.to_string()), input.max.map(|s| s.to_string()));
        }
        InputKind::Enum(input) => field.options = options(&input.options),
        InputKind::Multi(input) => field.options = options(&input.options),
        InputKind::Port(input) => {
            field.default = input.preferred.map(Value::from);
            (field.min, field.max) = (Some("1".to_owned()), Some("65535".to_owned()));
        }
        InputKind::Path(input) => {
            let allowed = if input.allow.is_empty() { &[PathSource::Managed][..] } else { &input.allow };
            field.options = allowed.iter().map(|place| place_option(*place)).collect();
        }
        _ => {}
    }
}

fn options(choices: &[Choice]) -> Vec<FieldOption> {
    let option = |choice: &Choice| FieldOption {
        value: choice.value.clone(),
        label: choice.label.clone().unwrap_or_else(|| choice.value.clone()),
        when: choice.when.as_ref().map(|when| when.as_str().to_owned()),
    };
    choices.iter().map(option).collect()
}

fn place_option(place: PathSource) -> FieldOption {
    let (value, label) = match place {
        PathSource::Managed => ("managed", "In the app's own folder"),
        PathSource::Share => ("share", "In a network share"),
        PathSource::Host => ("host", "Elsewhere on the box"),
    };
    FieldOption { value: value.to_owned(), label: label.to_owned(), when: None }
}
