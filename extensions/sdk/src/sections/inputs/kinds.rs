//! The types of inputs, with what only each of them has.

use orbitr_model::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    sections::{Generate, GpuVendor, Name, Owner, TimeSpan, Transport, VolumeClass, hardware::DeviceKind},
    when::When,
};

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident($name:ident) {
        $($(#[$field_doc:meta])* $field:ident: $type:ty,)*
    })*) => {
        /// The type of an input. In a manifest the key `type` names it, and the keys of the type stand beside it.
        #[derive(Clone, Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        #[schemars(tag = "type")]
        pub enum InputKind {
            $($(#[$doc])* $variant($name),)*
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Debug, Deserialize, JsonSchema)]
            #[schemars(inline)]
            pub struct $name {
                $($(#[$field_doc])* pub $field: $type,)*
            }
        )*

        impl InputKind {
            /// The type's name, as manifests write it.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => kinds!(@name $variant),)*
                }
            }
        }
    };
    (@name String) => { "string" };
    (@name Text) => { "text" };
    (@name Password) => { "password" };
    (@name Secret) => { "secret" };
    (@name Bool) => { "bool" };
    (@name Int) => { "int" };
    (@name Float) => { "float" };
    (@name Size) => { "size" };
    (@name Duration) => { "duration" };
    (@name Enum) => { "enum" };
    (@name Multi) => { "multi" };
    (@name Port) => { "port" };
    (@name Domain) => { "domain" };
    (@name Url) => { "url" };
    (@name Email) => { "email" };
    (@name Ip) => { "ip" };
    (@name Cidr) => { "cidr" };
    (@name Path) => { "path" };
    (@name Share) => { "share" };
    (@name Timezone) => { "timezone" };
    (@name Locale) => { "locale" };
    (@name Cron) => { "cron" };
    (@name User) => { "user" };
    (@name Group) => { "group" };
    (@name Device) => { "device" };
    (@name Gpu) => { "gpu" };
    (@name File) => { "file" };
    (@name List) => { "list" };
    (@name Binding) => { "binding" };
}

kinds! {
    /// One line of text.
    String(StringInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
        /// A regular expression that the whole answer matches.
        #[serde(default)]
        pattern: Option<String>,
        /// What to say when it does not.
        #[serde(default)]
        message: Option<String>,
        /// The fewest characters.
        #[serde(default)]
        min_length: Option<u32>,
        /// The most characters; without it, 1000.
        #[serde(default)]
        max_length: Option<u32>,
    }
    /// Several lines of text, at most 16 KiB.
    Text(TextInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
        /// The fewest characters.
        #[serde(default)]
        min_length: Option<u32>,
        /// The most characters.
        #[serde(default)]
        max_length: Option<u32>,
    }
    /// A password that a person signs in with. There is no default.
    Password(PasswordInput) {
        /// Makes one up when the field stays empty.
        #[serde(default)]
        generate: Option<Generate>,
        /// The fewest characters; without it, 8.
        #[serde(default)]
        min_length: Option<u32>,
        /// The most characters; without it, 1000.
        #[serde(default)]
        max_length: Option<u32>,
        /// A regular expression that the whole password matches, for programs that cannot take every character.
        #[serde(default)]
        pattern: Option<String>,
        /// What to say when it does not.
        #[serde(default)]
        message: Option<String>,
        /// Whether whoever may change the app can look at it later.
        #[serde(default)]
        reveal: bool,
    }
    /// A key or token from elsewhere; never shown again.
    Secret(SecretInput) {
        /// The fewest characters.
        #[serde(default)]
        min_length: Option<u32>,
        /// The most characters; without it, 16 KiB.
        #[serde(default)]
        max_length: Option<u32>,
    }
    /// Yes or no, written `true` or `false`.
    Bool(BoolInput) {
        /// The answer if nobody answers; without it, no.
        #[serde(default)]
        default: bool,
    }
    /// A whole number.
    Int(IntInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<i64>,
        /// The smallest.
        #[serde(default)]
        min: Option<i64>,
        /// The largest.
        #[serde(default)]
        max: Option<i64>,
        /// What it counts.
        #[serde(default)]
        unit: Option<String>,
    }
    /// A number.
    Float(FloatInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<f64>,
        /// The smallest.
        #[serde(default)]
        min: Option<f64>,
        /// The largest.
        #[serde(default)]
        max: Option<f64>,
        /// What it measures.
        #[serde(default)]
        unit: Option<String>,
    }
    /// A size; the variable holds it in bytes.
    Size(SizeInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<ByteSize>,
        /// The smallest.
        #[serde(default)]
        min: Option<ByteSize>,
        /// The largest.
        #[serde(default)]
        max: Option<ByteSize>,
    }
    /// A length of time; the variable holds it in seconds.
    Duration(DurationInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<TimeSpan>,
        /// The shortest.
        #[serde(default)]
        min: Option<TimeSpan>,
        /// The longest.
        #[serde(default)]
        max: Option<TimeSpan>,
    }
    /// One of several.
    Enum(EnumInput) {
        /// What there is to choose from.
        #[schemars(length(min = 1))]
        options: Vec<Choice>,
        /// The choice if nobody chooses.
        #[serde(default)]
        default: Option<String>,
    }
    /// Any of several; the variable holds them with commas between.
    Multi(MultiInput) {
        /// What there is to choose from.
        #[schemars(length(min = 1))]
        options: Vec<Choice>,
        /// The choices if nobody chooses.
        #[serde(default)]
        default: Vec<String>,
    }
    /// A port on the box that a person may choose.
    Port(PortInput) {
        /// The port that is taken if it is free and nobody chooses.
        #[serde(default)]
        #[schemars(range(min = 1))]
        preferred: Option<u16>,
        /// TCP or UDP.
        #[serde(default)]
        protocol: Transport,
    }
    /// A host name.
    Domain(DomainInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
        /// Whether `*.example.org` will do.
        #[serde(default)]
        wildcard: bool,
    }
    /// A web address.
    Url(UrlInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
    }
    /// A mail address.
    Email(EmailInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
    }
    /// An IP address, version 4 or 6.
    Ip(IpInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
    }
    /// A range of IP addresses, `192.168.0.0/24`.
    Cidr(CidrInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
    }
    /// A folder that a container mounts.
    Path(PathInput) {
        /// Where it lies if nobody chooses.
        #[serde(default)]
        default: PathSource,
        /// Where it may lie; without it, only `managed`.
        #[serde(default)]
        allow: Vec<PathSource>,
        /// Whether the app may write to it.
        #[serde(default)]
        mode: PathMode,
        /// Who owns the folder inside the container.
        #[serde(default)]
        owner: Option<Owner>,
        /// What it holds, unless an entry of `volumes` says so.
        #[serde(default)]
        class: Option<VolumeClass>,
    }
    /// A network share of the box.
    Share(ShareInput) {
        /// Whether the app may write to it.
        #[serde(default)]
        mode: PathMode,
    }
    /// A time zone of the IANA list.
    Timezone(TimezoneInput) {
        /// The answer if nobody answers; without it, the box's.
        #[serde(default)]
        default: Option<String>,
    }
    /// A language, `de` or `de_DE`.
    Locale(LocaleInput) {
        /// The answer if nobody answers; without it, the box's.
        #[serde(default)]
        default: Option<String>,
    }
    /// A time table, five cron fields.
    Cron(CronInput) {
        /// The answer if nobody answers.
        #[serde(default)]
        default: Option<String>,
    }
    /// An account of the box.
    User(UserInput) {}
    /// A group of accounts of the box.
    Group(GroupInput) {}
    /// A device of the box.
    Device(DeviceInput) {
        /// What sort of device.
        kind: DeviceKind,
    }
    /// A graphics card of the box.
    Gpu(GpuInput) {
        /// Whose cards will do; empty means any.
        #[serde(default)]
        vendors: Vec<GpuVendor>,
    }
    /// An uploaded file.
    File(FileInput) {
        /// The largest.
        #[serde(default)]
        max_size: Option<ByteSize>,
        /// The types it may have.
        #[serde(default)]
        mime: Vec<String>,
    }
    /// Several answers of one type.
    List(ListInput) {
        /// The type of each.
        of: ListOf,
        /// The answers if nobody answers.
        #[serde(default)]
        default: Vec<String>,
        /// The most answers.
        #[serde(default)]
        max_items: Option<u32>,
    }
    /// Where a requirement comes from.
    Binding(BindingInput) {
        /// The entry of `requires`.
        binding: Name,
    }
}

/// One of the things to choose from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What the variable holds.
    pub value: String,
    /// What people read; without it, the value.
    #[serde(default)]
    pub label: Option<String>,
    /// When it can be chosen at all.
    #[serde(default)]
    pub when: Option<When>,
}

/// Where a folder lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathSource {
    /// In the app's own folder.
    #[default]
    Managed,
    /// In a network share of the box.
    Share,
    /// Anywhere on the box.
    Host,
}

/// Whether an app may write to a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PathMode {
    /// Only read.
    Ro,
    /// Read and write.
    #[default]
    Rw,
}

/// The type of a list's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the types of the same names")]
pub enum ListOf {
    String,
    Int,
    Port,
    Domain,
    Url,
    Email,
    Ip,
    Cidr,
}
