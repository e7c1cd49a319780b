//! The box's own description of its API, read as a client would: operations, and bodies that fit their schemas.

use serde_json::{Map, Value, json};

/// One operation.
pub(crate) struct Operation {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names of path parameters, in their order.
    pub(crate) parameters: Vec<String>,
    /// Query parameters with their schemas.
    pub(crate) query: Vec<(String, Value)>,
    /// The schema of the JSON body.
    pub(crate) body: Option<Value>,
}

/// The document.
pub(crate) struct Document(pub(crate) Value);

impl Document {
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut all = Vec::new();
        for (path, item) in self.0["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let listed = operation["parameters"].as_array().cloned().unwrap_or_default();
                let of = |place: &str| listed.iter().filter(move |one| one["in"] == place).cloned().collect::<Vec<_>>();
                let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
                let body = &operation["requestBody"]["content"]["application/json"]["schema"];
                all.push(Operation {
                    method: method.to_ascii_uppercase(),
                    path: format!("/api/v1{path}"),
                    parameters: of("path").iter().map(name).collect(),
                    query: of("query").iter().map(|one| (name(one), one["schema"].clone())).collect(),
                    body: body.is_object().then(|| body.clone()),
                });
            }
        }
        all
    }

    /// The schema itself where it is only a reference to one.
    pub(crate) fn resolved(&self, schema: &Value) -> Value {
        let mut schema = schema.clone();
        while let Some(name) = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next()) {
            schema = self.0["components"]["schemas"][name].clone();
        }
        if let Some(choices) = schema["anyOf"].as_array().or(schema["oneOf"].as_array()) {
            let real = choices.iter().find(|choice| choice["type"] != "null").cloned();
            let own = schema["properties"].as_object().cloned();
            schema = self.resolved(&real.unwrap_or_default());
            if let (Some(own), Some(properties)) = (own, schema["properties"].as_object_mut()) {
                properties.extend(own);
            }
        }
        schema
    }

    /// The schema's first type that is not null; nothing where everything is allowed.
    pub(crate) fn kind(&self, schema: &Value) -> String {
        let schema = self.resolved(schema);
        match &schema["type"] {
            Value::String(kind) => kind.clone(),
            Value::Array(kinds) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default().to_owned()
            }
            _ if schema["const"].is_string() || schema["enum"].is_array() => "string".to_owned(),
            _ => String::new(),
        }
    }

    /// A value that fits a schema, as far as the schema says what fits.
    pub(crate) fn sample(&self, schema: &Value) -> Value {
        let resolved = self.resolved(schema);
        if let Some(constant) = resolved.get("const") {
            return constant.clone();
        }
        if let Some(first) = resolved["enum"].get(0) {
            return first.clone();
        }
        if let Some(first) = resolved["examples"].get(0) {
            return first.clone();
        }
        match &*self.kind(&resolved) {
            "object" => {
                let properties = resolved["properties"].as_object().cloned().unwrap_or_default();
                Value::Object(properties.iter().map(|(name, schema)| (name.clone(), self.sample(schema))).collect())
            }
            "array" => json!([]),
            "integer" | "number" => json!(1),
            "boolean" => json!(false),
            _ => json!("sample"),
        }
    }

    /// The members of an object's schema, and which of them must be there.
    pub(crate) fn members(&self, schema: &Value) -> (Map<String, Value>, Vec<String>) {
        let schema = self.resolved(schema);
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        let required = required.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        (schema["properties"].as_object().cloned().unwrap_or_default(), required)
    }
}
