//! What the person who installs an app is asked: what all inputs have in common, and the types.

mod kinds;

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

pub use kinds::{
    BindingInput, BoolInput, Choice, CidrInput, CronInput, DeviceInput, DomainInput, DurationInput, EmailInput,
    EnumInput, FileInput, FloatInput, GpuInput, GroupInput, InputKind, IntInput, IpInput, ListInput, ListOf,
    LocaleInput, MultiInput, PasswordInput, PathInput, PathMode, PathSource, PortInput, SecretInput, ShareInput,
    SizeInput, StringInput, TextInput, TimezoneInput, UrlInput, UserInput,
};

use crate::{sections::Name, when::When, yaml};

/// One question; the answer is in `${INPUT_<NAME>}`, for paths in `${PATH_<NAME>}`.
#[derive(Clone, Debug)]
pub struct Input {
    /// What all inputs have in common.
    pub common: InputCommon,
    /// The type, with what only that type has.
    pub kind: InputKind,
}

/// What all inputs have in common.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct InputCommon {
    /// What the field is called. Only inputs of actions may leave it out; then their name stands for it.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub label: Option<String>,
    /// A sentence below the field.
    #[serde(default)]
    pub help: Option<String>,
    /// The group of the form it stands in; `advanced` is folded away.
    #[serde(default)]
    pub group: Option<String>,
    /// Whether it is folded away.
    #[serde(default)]
    pub advanced: bool,
    /// Whether there must be an answer; without it, yes unless there is a default or something is generated.
    #[serde(default)]
    pub required: Option<bool>,
    /// An example, shown in the empty field.
    #[serde(default)]
    pub example: Option<String>,
    /// When it is asked at all.
    #[serde(default)]
    pub when: Option<When>,
    /// What a new answer means for the running app.
    #[serde(default)]
    pub on_change: OnChange,
    /// Whether the answer is kept like a password.
    #[serde(default)]
    pub secret: bool,
    /// Since when it is not asked any more.
    #[serde(default)]
    pub deprecated: Option<Deprecated>,
}

/// What a new answer means for the running app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnChange {
    /// Nothing is to be done.
    None,
    /// The containers start anew.
    Restart,
    /// The containers are made anew.
    #[default]
    Recreate,
    /// The app is installed anew.
    Reinstall,
    /// It only counts at the first installation; afterwards the app itself has it.
    FirstInstallOnly,
}

/// Since when an input is not asked any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deprecated {
    /// The version.
    pub since: String,
    /// Old value to new value.
    #[serde(default)]
    pub map: IndexMap<String, serde_json::Value>,
}

impl Input {
    /// What the field is called; `name` is the input's own.
    #[must_use]
    pub fn label<'a>(&'a self, name: &'a Name) -> &'a str {
        self.common.label.as_deref().unwrap_or(name.as_str())
    }
}

/// The schema of the inputs of an installation, which must have a label.
pub(super) fn labelled(generator: &mut SchemaGenerator) -> Schema {
    let input = generator.subschema_for::<Input>();
    schemars::json_schema!({
        "type": "object",
        "propertyNames": generator.subschema_for::<Name>(),
        "additionalProperties": {"allOf": [input, {"required": ["label"]}]},
    })
}

impl<'de> Deserialize<'de> for Input {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        yaml::decode::split(deserializer).map(|(common, kind)| Self { common, kind })
    }
}

impl JsonSchema for Input {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Input".into()
    }

    /// One closed object per type: the type's own keys, and references to the common ones.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let common = InputCommon::json_schema(generator);
        generator.subschema_for::<InputCommon>();
        let keys =
            common.get("properties").and_then(|value| value.as_object()).into_iter().flat_map(|keys| keys.keys());
        let properties: Vec<(String, serde_json::Value)> = keys
            .map(|key| (key.clone(), serde_json::json!({"$ref": format!("#/$defs/InputCommon/properties/{key}")})))
            .collect();
        let mut schema = InputKind::json_schema(generator);
        if let Some(kinds) = schema.get_mut("oneOf").and_then(|kinds| kinds.as_array_mut()) {
            for kind in kinds.iter_mut().filter_map(|kind| kind.as_object_mut()) {
                let own = kind.entry("properties").or_insert_with(|| serde_json::json!({}));
                if let Some(own) = own.as_object_mut() {
                    own.extend(properties.iter().cloned());
                }
                kind.insert("additionalProperties".to_owned(), false.into());
            }
        }
        schema
    }
}
