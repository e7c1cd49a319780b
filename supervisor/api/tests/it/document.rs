//! The OpenAPI document against the routes and against itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::testbox::TestBox;

/// The document as a client reads it.
fn document_of(test: &TestBox) -> Value {
    serde_json::from_slice(&test.api.reference.text()).unwrap()
}

/// Every operation of the document: (method, path, operation).
fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push((method.to_uppercase(), path.clone(), operation));
        }
    }
    all
}

fn walk<'a>(value: &'a Value, see: &mut dyn FnMut(&'a serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            see(members);
            members.values().for_each(|member| walk(member, see));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, see)),
        _ => {}
    }
}

#[tokio::test]
async fn what_is_served_is_documented_and_what_is_documented_is_served() {
    let test = TestBox::claimed().await;
    let served: BTreeSet<_> = test
        .api
        .table
        .iter()
        .map(|route| (route.method.to_string(), route.path.strip_prefix("/api/v1").unwrap().to_owned()))
        .collect();
    let documented: BTreeSet<_> =
        operations(&document_of(&test)).into_iter().map(|(method, path, _)| (method, path)).collect();
    assert_eq!(served, documented);
}

#[tokio::test]
async fn the_document_holds_together() {
    let test = TestBox::claimed().await;
    let document = &document_of(&test);
    assert_eq!(document["openapi"], "3.1.0");
    let mut broken = Vec::new();
    walk(document, &mut |members| {
        if let Some(Value::String(reference)) = members.get("$ref") {
            let found = reference.strip_prefix('#').and_then(|pointer| document.pointer(pointer));
            if found.is_none() {
                broken.push(reference.clone());
            }
        }
    });
    assert!(broken.is_empty(), "references that lead nowhere: {broken:?}");

    let tags: BTreeSet<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].clone().to_string()).collect();
    let mut ids = BTreeMap::new();
    for (method, path, operation) in operations(document) {
        let name = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert_eq!(ids.insert(id.clone(), name.clone()), None, "{id} is there twice");
        assert!(!operation["summary"].as_str().unwrap().is_empty(), "{name}");
        assert!(tags.contains(&operation["tags"][0].to_string()), "{name} has no known tag");
        let declared: BTreeSet<_> = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|parameter| parameter["in"] == "path" && parameter["required"] == true)
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let in_path: BTreeSet<_> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        assert_eq!(declared, in_path, "{name}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.contains_key("default"), "{name} does not say what went wrong");
        assert!(answers.keys().any(|status| status.starts_with('2')), "{name} has no good end");
        assert!(answers.values().all(|answer| answer["description"].is_string()), "{name}");
    }
}

#[tokio::test]
async fn every_body_says_that_it_takes_nothing_else() {
    let test = TestBox::claimed().await;
    let document = &document_of(&test);
    for (method, path, operation) in operations(document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        if schema.is_null() {
            continue;
        }
        let resolved = match schema["$ref"].as_str() {
            Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
            None => schema,
        };
        assert_eq!(resolved["additionalProperties"], false, "{method} {path}: {resolved}");
    }
}

/// What a schema refers to, where it does.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => schema,
    }
}

#[tokio::test]
async fn every_password_and_code_that_a_body_holds_says_how_long_it_may_be() {
    let test = TestBox::claimed().await;
    let document = &document_of(&test);
    let mut found = BTreeSet::new();
    for (method, path, operation) in operations(document) {
        let body = resolved(document, &operation["requestBody"]["content"]["application/json"]["schema"]);
        for (name, member) in body["properties"].as_object().into_iter().flatten() {
            if !(name.contains("password") || ["code", "challenge"].contains(&name.as_str())) {
                continue;
            }
            let most = if name.contains("password") { 256 } else { 64 };
            assert_eq!(resolved(document, member)["maxLength"], most, "{method} {path}: {name}: {member}");
            // A password that is being chosen; one that is known is taken as it is.
            let chosen = name == "new_password" || (name == "password" && path != "/session");
            assert_eq!(member["minLength"] == 10, chosen, "{method} {path}: {name}: {member}");
            found.insert(format!("{path} {name}"));
        }
    }
    assert!(found.len() >= 10, "only {found:?}");
}

#[tokio::test]
async fn the_schemas_carry_the_bounds_of_what_they_describe() {
    let test = TestBox::claimed().await;
    let schemas = &document_of(&test)["components"]["schemas"];
    assert_eq!(schemas["AppId"]["pattern"], "^[a-z][a-z0-9-]{1,39}$");
    assert_eq!(schemas["Username"]["pattern"], "^[a-z][a-z0-9._-]{1,31}$");
    assert_eq!(schemas["ExtensionId"]["pattern"], "^[a-z][a-z0-9-]{1,39}/[a-z][a-z0-9-]{1,39}$");
    assert_eq!(schemas["DisplayName"]["pattern"], r"^\S(?:.*\S)?$");
    assert_eq!((&schemas["DisplayName"]["minLength"], &schemas["DisplayName"]["maxLength"]), (&1.into(), &64.into()));
    assert_eq!(schemas["NewInvite"]["properties"]["grants"]["maxItems"], 50);
    assert_eq!(schemas["Role"].to_string().matches("\"const\"").count(), 3, "{}", schemas["Role"]);
    let list = &document_of(&test)["paths"]["/jobs"]["get"]["parameters"];
    let limit = list.as_array().unwrap().iter().find(|parameter| parameter["name"] == "limit").unwrap();
    assert_eq!((&limit["schema"]["minimum"], &limit["schema"]["maximum"]), (&1.into(), &200.into()));
    assert_eq!(limit["required"], false);
}
