//! The API on a page: every operation with who may, what it takes and what it answers, read from the same OpenAPI document
//! that programs get.

use axum::extract::State;
use maud::{Markup, html};
use orbitr_access::{Permit, action::ViewBox, gate::Routes};
use serde_json::{Map, Value};

use crate::{
    shell,
    site::{Cx, Site},
    ui::{self, Column, Icon, Row},
};

/// So deep are members of members shown.
const DEPTH: usize = 3;
/// Methods in the order in which they are shown.
const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

pub(crate) fn routes(routes: Routes<Site>) -> Routes<Site> {
    routes.get(ViewBox, "/reference", page)
}

async fn page(State(site): State<Site>, _: Permit<ViewBox>, Cx(cx): Cx) -> Markup {
    let cx = cx.here("The API");
    // Read for each visit: a program's author comes now and then, and the box is always on.
    let document = serde_json::from_slice(&(site.reference)()).unwrap_or_default();
    let document = Document(&document);
    let about = document.0.pointer("/info/description").and_then(Value::as_str).unwrap_or_default();
    let body = html! {
        (ui::header("The API").lead("Everything that these pages do, for programs.").actions(html! {
            (ui::link_button("OpenAPI", "/api/v1/openapi.json").icon(Icon::Download).download())
            (ui::link_button("Make a token", "/account/tokens#new").icon(Icon::KeyRound))
        }))
        div class="stack" {
            (ui::Card::plain(html! {
                div class="stack stack-s" {
                    p { (prose(about)) }
                    (ui::code_block("Example", "curl --cacert orbitr-authority.pem -H 'Authorization: Bearer orb_…' https://BOX/api/v1/apps"))
                }
            }))
            @for (tag, operations) in document.by_tag() {
                (ui::card(title(tag), html! { @for operation in &operations { (document.operation(operation)) } })
                    .id(format!("tag-{tag}")))
            }
        }
    };
    shell::page(&cx, "The API", body)
}

/// Text in which `words` between backticks are for machines.
fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// A tag as a heading.
fn title(tag: &str) -> String {
    let mut letters = tag.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

struct Operation<'d> {
    method: &'d str,
    path: &'d str,
    value: &'d Value,
}

/// The document, for reading.
struct Document<'d>(&'d Value);

/// A member of a body, as a line of a table.
struct Member {
    name: String,
    kind: String,
    required: bool,
    about: String,
}

impl<'d> Document<'d> {
    /// The operations under their tags, both in the document's order.
    fn by_tag(&self) -> Vec<(&'d str, Vec<Operation<'d>>)> {
        let tags = self.0.get("tags").and_then(Value::as_array).into_iter().flatten();
        let names = tags.filter_map(|tag| tag.get("name").and_then(Value::as_str));
        names.map(|name| (name, self.operations(name))).filter(|(_, operations)| !operations.is_empty()).collect()
    }

    fn operations(&self, tag: &str) -> Vec<Operation<'d>> {
        let paths = self.0.get("paths").and_then(Value::as_object).into_iter().flatten();
        let all = paths.flat_map(|(path, item)| {
            METHODS.iter().filter_map(move |method| Some(Operation { method, path, value: item.get(method)? }))
        });
        all.filter(|operation| operation.value.pointer("/tags/0").and_then(Value::as_str) == Some(tag)).collect()
    }

    fn operation(&self, operation: &Operation<'_>) -> Markup {
        let text = |name: &str| operation.value.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("operationId");
        let parameters =
            operation.value.get("parameters").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let body = operation.value.pointer("/requestBody/content").and_then(Value::as_object).and_then(first);
        html! {
            details class="advanced api-operation" id=(id) {
                summary {
                    span class="api-method" data-method=(operation.method) { (operation.method.to_uppercase()) }
                    code class="api-path" { (operation.path) }
                    span class="api-summary" { (prose(text("summary"))) }
                }
                div class="stack stack-s api-body" {
                    p class="quiet" { (prose(text("description"))) }
                    @if !parameters.is_empty() { h3 { "Parameters" } (members_table("Parameters", &self.parameters(parameters))) }
                    @if let Some((_, schema)) = body { h3 { "Body" } (self.shape(schema)) }
                    (self.answers(operation.value))
                }
            }
        }
    }

    fn parameters(&self, parameters: &[Value]) -> Vec<Member> {
        let member = |parameter: &Value| {
            let text = |name: &str| parameter.get(name).and_then(Value::as_str).unwrap_or_default();
            let schema = parameter.get("schema").unwrap_or(&Value::Null);
            Member {
                name: text("name").to_owned(),
                kind: format!("{}, in the {}", self.kind(schema), text("in")),
                required: parameter.get("required").and_then(Value::as_bool).unwrap_or(false),
                about: text("description").to_owned(),
            }
        };
        parameters.iter().map(member).collect()
    }

    fn answers(&self, operation: &Value) -> Markup {
        let answers = operation.get("responses").and_then(Value::as_object).into_iter().flatten();
        html! {
            h3 { "Answers" }
            @for (status, answer) in answers.filter(|(status, _)| *status != "default") {
                p { code { (status) } " " (answer.get("description").and_then(Value::as_str).unwrap_or_default()) }
                @if let Some((kind, schema)) = answer.get("content").and_then(Value::as_object).and_then(first) {
                    @if kind == "application/json" { (self.shape(schema)) } @else { p class="quiet" { "As " code { (kind) } "." } }
                }
            }
            p class="quiet" { "What goes wrong is answered as " code { "application/problem+json" } " with a stable code." }
        }
    }

    /// A body: its members, or in a word what it is.
    fn shape(&self, schema: &Value) -> Markup {
        let mut members = Vec::new();
        self.members(schema, "", DEPTH, &mut members);
        html! {
            @if members.is_empty() { p { (self.kind(schema)) } } @else { (members_table("Members", &members)) }
        }
    }

    /// Follows a reference, as far as it leads.
    fn resolve<'v>(&self, schema: &'v Value) -> &'v Value
    where
        'd: 'v,
    {
        let name =
            schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/components/schemas/"));
        let found = name.and_then(|name| self.0.pointer("/components/schemas")?.get(name));
        found.unwrap_or(schema)
    }

    fn members(&self, schema: &Value, prefix: &str, depth: usize, found: &mut Vec<Member>) {
        let (schema, prefix) = match self.items(schema) {
            Some(items) => (self.resolve(items), format!("{prefix}[]")),
            None => (self.resolve(self.not_null(schema)), prefix.to_owned()),
        };
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, member) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
            let about = member.get("description").or_else(|| self.resolve(member).get("description"));
            found.push(Member {
                name: path.clone(),
                kind: self.kind(member),
                required: required.contains(&name.as_str()),
                about: about.and_then(Value::as_str).unwrap_or_default().to_owned(),
            });
            if depth > 1 {
                self.members(member, &path, depth - 1, found);
            }
        }
    }

    fn items<'v>(&self, schema: &'v Value) -> Option<&'v Value>
    where
        'd: 'v,
    {
        self.resolve(self.not_null(schema)).get("items")
    }

    /// The one that something is, when it may also be nothing.
    fn not_null<'v>(&self, schema: &'v Value) -> &'v Value {
        let choices = schema.get("anyOf").or_else(|| schema.get("allOf")).and_then(Value::as_array);
        let mut real =
            choices.into_iter().flatten().filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
        match (real.next(), real.next()) {
            (Some(one), None) => one,
            _ => schema,
        }
    }

    /// What a value is, in words: «text», «whole number, 1 to 365», «list of text».
    fn kind(&self, schema: &Value) -> String {
        let schema = self.resolve(self.not_null(schema));
        if let Some(one) = schema.get("const") {
            return one.to_string();
        }
        if let Some(words) = self.words(schema) {
            return words;
        }
        let kind = match schema.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(Value::Array(kinds)) => {
                kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("any")
            }
            _ => "any",
        };
        let text = match kind {
            "string" => schema.get("format").and_then(Value::as_str).map_or("text", |format| match format {
                "date-time" => "time (RFC 3339)",
                "uuid" => "UUID",
                "ip" | "ipv4" | "ipv6" => "IP address",
                _ => "text",
            }),
            "integer" => "whole number",
            "number" => "number",
            "boolean" => "true or false",
            "array" => {
                let items = schema.get("items").map_or_else(|| "anything".to_owned(), |items| self.kind(items));
                return format!("list of {items}");
            }
            "object" => "object",
            _ => "any JSON",
        };
        format!("{text}{}", bounds(schema))
    }

    /// The words that a value may be.
    fn words(&self, schema: &Value) -> Option<String> {
        let quoted = |list: Vec<&Value>| list.into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if let Some(list) = schema.get("enum").and_then(Value::as_array) {
            return Some(quoted(list.iter().filter(|one| !one.is_null()).collect()));
        }
        let choices = schema.get("oneOf").and_then(Value::as_array)?;
        let constants: Option<Vec<&Value>> = choices.iter().map(|choice| choice.get("const")).collect();
        Some(match constants {
            Some(list) => quoted(list),
            None => "one of several shapes, by its kind".to_owned(),
        })
    }
}

fn first(content: &Map<String, Value>) -> Option<(&String, &Value)> {
    content.iter().next().and_then(|(kind, body)| Some((kind, body.get("schema")?)))
}

fn bounds(schema: &Value) -> String {
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (least, most, unit) = match (number("minLength"), number("maxLength")) {
        (None, None) => (number("minimum"), number("maximum"), ""),
        (least, most) => (least, most, " characters"),
    };
    match (least, most) {
        (Some(least), Some(most)) => format!(", {least} to {most}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        // «At least 0» says nothing about a number.
        (Some(least), None) if least > 0.0 => format!(", at least {least}{unit}"),
        _ => String::new(),
    }
}

fn members_table(caption: &str, members: &[Member]) -> Markup {
    let rows = members.iter().map(|member| {
        Row::new()
            .cell(html! { code { (member.name) } @if member.required { span class="quiet" { " required" } } })
            .cell(member.kind.clone())
            .cell(prose(&member.about))
    });
    html! { (ui::table(caption, ["Name", "Is", "What it says"].map(Column::new)).rows(rows)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_told_in_words_however_the_schema_nests_them() {
        let document = json!({ "components": { "schemas": {
            "Level": { "oneOf": [{ "const": "view" }, { "const": "manage" }] },
            "Limits": { "type": "object", "properties": { "apps": { "type": "array", "items": { "type": "string" } } } },
        } } });
        let schema = json!({
            "type": "object",
            "required": ["days"],
            "properties": {
                "days": { "type": "integer", "minimum": 1, "maximum": 365, "description": "How long" },
                "level": { "$ref": "#/components/schemas/Level" },
                "only": { "anyOf": [{ "$ref": "#/components/schemas/Limits" }, { "type": "null" }] },
            },
        });
        let mut found = Vec::new();
        Document(&document).members(&schema, "", DEPTH, &mut found);
        let told: Vec<String> =
            found.iter().map(|m| format!("{} {} {}", m.name, m.kind, if m.required { "!" } else { "" })).collect();
        assert_eq!(
            told,
            ["days whole number, 1 to 365 !", "level \"view\", \"manage\" ", "only object ", "only.apps list of text "]
        );
    }
}
