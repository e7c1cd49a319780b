//! What an extension needs of the box.

use orbitr_model::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What it needs of the box. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resources {
    /// Working memory.
    pub memory: Memory,
    /// Processors.
    #[serde(default)]
    pub cpu: Cpu,
    /// Storage.
    #[serde(default)]
    pub disk: Disk,
    /// Memory of the graphics card.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_memory: Option<ByteSize>,
}

/// Working memory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// It does not start with less.
    pub min: ByteSize,
    /// It works well with this much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recommended: Option<ByteSize>,
}

/// Processors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cpu {
    /// How many, at least; may be a fraction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0))]
    pub min: Option<f64>,
}

/// Storage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Disk {
    /// For the images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<ByteSize>,
    /// For the data, to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<ByteSize>,
}

/// Whether a box may run it more than once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Instances {
    /// Once.
    #[default]
    One,
    /// As often as wanted.
    Many,
}
