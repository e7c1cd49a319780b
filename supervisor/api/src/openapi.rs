//! The OpenAPI 3.1 document, made from the same declarations that make the routes: what is served is
//! documented and what is documented is served.

use std::{fmt, sync::OnceLock};

use axum::http::Method;
use bytes::Bytes;
use orbitr_model::Problem;
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// One operation: a method on a path, with everything that a client must know.
pub(crate) struct Operation {
    method: Method,
    path: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    query: Option<fn(&mut SchemaGenerator) -> Value>,
    body: Option<fn(&mut SchemaGenerator) -> Value>,
    file: Option<&'static str>,
    answers: Vec<(u16, &'static str, Option<AnswerBody>)>,
}

type AnswerBody = (&'static str, fn(&mut SchemaGenerator) -> Value);

fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

impl Operation {
    pub(crate) const fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self { method, path, id, tag: "", summary, query: None, body: None, file: None, answers: Vec::new() }
    }

    pub(crate) const fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) const fn path(&self) -> &'static str {
        self.path
    }

    pub(crate) const fn tag(mut self, tag: &'static str) -> Self {
        self.tag = tag;
        self
    }

    /// The query string's members.
    pub(crate) fn query<T: JsonSchema>(mut self) -> Self {
        self.query = Some(schema_of::<T>);
        self
    }

    /// The JSON body.
    pub(crate) fn body<T: JsonSchema>(mut self) -> Self {
        self.body = Some(schema_of::<T>);
        self
    }

    /// A body that is a file of this kind, as long as the disk takes it.
    pub(crate) const fn file(mut self, kind: &'static str) -> Self {
        self.file = Some(kind);
        self
    }

    /// A JSON answer.
    pub(crate) fn answers<T: JsonSchema>(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push((status, what, Some(("application/json", schema_of::<T>))));
        self
    }

    /// An answer without a body.
    pub(crate) fn answers_nothing(mut self, status: u16, what: &'static str) -> Self {
        self.answers.push((status, what, None));
        self
    }

    /// An answer in another form than JSON, as text.
    pub(crate) fn answers_text(mut self, status: u16, kind: &'static str, what: &'static str) -> Self {
        self.answers.push((status, what, Some((kind, schema_of::<String>))));
        self
    }
}

/// The OpenAPI document as JSON text. It is made when somebody asks for it first: few boxes ever need it, and making it
/// touches every type of the API.
pub struct Reference {
    version: &'static str,
    /// With a sentence each: who may.
    operations: Vec<(Operation, String)>,
    text: OnceLock<Bytes>,
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reference").field("operations", &self.operations.len()).finish_non_exhaustive()
    }
}

impl Reference {
    pub(crate) const fn new(version: &'static str, operations: Vec<(Operation, String)>) -> Self {
        Self { version, operations, text: OnceLock::new() }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> Bytes {
        let make = || {
            let mut document = Document::new();
            for (operation, access) in &self.operations {
                document.add(operation, access);
            }
            Bytes::from(document.finish(self.version).to_string())
        };
        self.text.get_or_init(make).clone()
    }
}

/// The document while it is made.
struct Document {
    generator: SchemaGenerator,
    paths: Map<String, Value>,
    tags: Vec<&'static str>,
}

const ABOUT: &str = "Everything that the pages do, as operations. Errors are application/problem+json (RFC 9457) with a \
                     stable `code`. Lists are paged: pass `next` of one page as `cursor` for the next. A POST with an \
                     `Idempotency-Key` header is done once, however often it is sent. `ETag`, `If-None-Match` and \
                     `If-Match` work as in RFC 9110.";

impl Document {
    fn new() -> Self {
        let mut settings = SchemaSettings::draft2020_12();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        Self { generator: settings.into_generator(), paths: Map::new(), tags: Vec::new() }
    }

    /// Adds an operation; `access` says who may call it.
    fn add(&mut self, operation: &Operation, access: &str) {
        if !self.tags.contains(&operation.tag) {
            self.tags.push(operation.tag);
        }
        let mut parameters: Vec<Value> = path_parameters(operation.path)
            .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
            .collect();
        if let Some(query) = operation.query {
            let schema = query(&mut self.generator);
            parameters.extend(self.query_parameters(&schema));
        }
        let mut responses = Map::new();
        for (status, what, body) in &operation.answers {
            let answer = match body {
                Some((kind, schema)) => {
                    let content = json!({ *kind: { "schema": schema(&mut self.generator) } });
                    json!({ "description": what, "content": content })
                }
                None => json!({ "description": what }),
            };
            responses.insert(status.to_string(), answer);
        }
        let problem = schema_of::<Problem>(&mut self.generator);
        responses.insert(
            "default".to_owned(),
            json!({
                "description": "What went wrong",
                "content": { "application/problem+json": { "schema": problem } },
            }),
        );
        let mut entry = json!({
            "operationId": operation.id,
            "summary": operation.summary,
            "description": access,
            "tags": [operation.tag],
            "parameters": parameters,
            "responses": responses,
        });
        if let Some(body) = operation.body {
            let schema = body(&mut self.generator);
            let body = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
            entry.as_object_mut().map(|entry| entry.insert("requestBody".to_owned(), body));
        }
        if let Some(kind) = operation.file {
            let schema = json!({ "type": "string", "format": "binary" });
            let body = json!({ "required": true, "content": { kind: { "schema": schema } } });
            entry.as_object_mut().map(|entry| entry.insert("requestBody".to_owned(), body));
        }
        if let Some(item) = self.paths.entry(operation.path).or_insert_with(|| json!({})).as_object_mut() {
            item.insert(operation.method.as_str().to_ascii_lowercase(), entry);
        }
    }

    /// A query's members, each as a parameter of its own.
    fn query_parameters(&mut self, schema: &Value) -> Vec<Value> {
        let resolved = match schema.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next()) {
            Some(name) => self.generator.definitions().get(name).cloned().unwrap_or_default(),
            None => schema.clone(),
        };
        let required: Vec<&str> = resolved
            .get("required")
            .and_then(Value::as_array)
            .map(|names| names.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        let members = resolved.get("properties").and_then(Value::as_object);
        members
            .into_iter()
            .flatten()
            .map(|(name, schema)| {
                let about = schema.get("description").cloned().unwrap_or_default();
                json!({
                    "name": name,
                    "in": "query",
                    "required": required.contains(&name.as_str()),
                    "description": about.as_str().unwrap_or_default(),
                    "schema": schema,
                })
            })
            .collect()
    }

    /// The whole document.
    fn finish(mut self, version: &str) -> Value {
        let schemas = self.generator.take_definitions(true);
        json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Orbitr",
                "version": version,
                "description": ABOUT,
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/api/v1" }],
            "security": [{ "token": [] }, { "session": [] }],
            "tags": self.tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "token": { "type": "http", "scheme": "bearer" },
                    "session": { "type": "apiKey", "in": "cookie", "name": "__Host-orbitr" },
                },
            },
        })
    }
}

/// The names in braces of a path such as `/apps/{app}`.
pub(crate) fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}
