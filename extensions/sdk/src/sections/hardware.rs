//! Processors, graphics cards and devices. Only `arch` has machinery so far.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::when::When;

use super::Name;

/// A processor architecture, named as images name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

/// Special hardware.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// Whether it uses a graphics card.
    #[serde(default)]
    pub gpu: GpuNeed,
    /// Whose graphics cards it can use; empty means any.
    #[serde(default)]
    pub gpu_vendors: Vec<GpuVendor>,
    /// Devices it talks to.
    #[serde(default)]
    pub devices: Vec<DeviceNeed>,
}

/// Whether a graphics card is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GpuNeed {
    /// Never.
    #[default]
    None,
    /// When there is one.
    Optional,
    /// It does not work without.
    Required,
}

/// A maker of graphics cards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names are what they are")]
pub enum GpuVendor {
    Amd,
    Intel,
    Nvidia,
}

/// One device it talks to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceNeed {
    /// Its name in this manifest.
    pub id: Name,
    /// What sort of device.
    pub kind: DeviceKind,
    /// Whether it works without.
    #[serde(default)]
    pub optional: bool,
}

/// A sort of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// A serial port, such as a radio stick.
    Serial,
    /// Any USB device.
    Usb,
    /// A graphics render node.
    Dri,
    /// A camera.
    Camera,
}

/// Other images or devices for special hardware.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// When it is used.
    pub when: When,
    /// What it changes, by service.
    pub services: IndexMap<String, VariantService>,
}

/// What a variant changes in one service; nothing else can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantService {
    /// Another image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Devices to pass in.
    #[serde(default)]
    pub devices: Vec<String>,
}
