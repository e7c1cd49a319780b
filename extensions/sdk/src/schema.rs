//! The JSON Schema of `extension.yaml`, for editors and for programs in other languages.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::sections::XOrbitr;

/// The schema's own name; the number is the format's version.
const ID: &str = "urn:orbitr:schema:extension:1";

/// The schema of a whole file (JSON Schema 2020-12): the `x-orbitr` block in full and closed, the Compose part open,
/// because its schema belongs to the Compose Specification.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut block = generator.into_root_schema_for::<XOrbitr>().to_value();
    let mut definitions = block.as_object_mut().and_then(|block| {
        block.remove("$schema");
        block.remove("title");
        block.remove("$defs")
    });
    // The ground floor's schema leaves open what a size looks like.
    if let Some(size) = definitions.as_mut().and_then(|definitions| definitions.get_mut("ByteSize")) {
        let text = json!({"type": "string", "pattern": "^[0-9]+([KkMGT]i?)?B?$"});
        *size = json!({"description": "Bytes, or a text such as 512Mi.", "anyOf": [{"type": "integer", "minimum": 0}, text]});
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "Orbitr extension",
        "description": "A Compose file with one x-orbitr block.",
        "type": "object",
        "required": ["services", "x-orbitr"],
        "properties": {
            "name": {"type": "string"},
            "services": {"type": "object", "minProperties": 1, "additionalProperties": {"type": "object"}},
            "volumes": {"type": "object"},
            "networks": {"type": "object"},
            "configs": {"type": "object"},
            "secrets": {"type": "object"},
            "x-orbitr": block,
        },
        "patternProperties": {"^x-": true},
        "additionalProperties": false,
        "$defs": definitions.unwrap_or_default(),
    })
}
