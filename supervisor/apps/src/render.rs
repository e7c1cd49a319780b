//! The override file: what the box adds to an extension's Compose text. Pure.
//!
//! The text itself is never written again: `docker compose config` interprets it, and everything of
//! ours stands in a second file that Compose lays over it.

use std::{collections::BTreeMap, path::Path};

use orbitr_docker::{LABEL_APP, LABEL_BOX, LABEL_RELEASE};
use orbitr_model::{AppId, ReleaseId};
use serde_json::{Map, Value, json};

use crate::{Error, bindings::Join, model::Image};

/// The most that one container may use when its extension says nothing.
const DEFAULT_MEMORY_BYTES: u64 = 2 << 30;
const DEFAULT_PIDS: u64 = 1024;
/// Container logs: three files of ten megabytes each, then the oldest goes.
const LOG_FILE_SIZE: &str = "10m";
const LOG_FILES: &str = "3";
/// A process of a container gets no more rights than it began with, whatever programs it starts.
const NO_NEW_PRIVILEGES: &str = "no-new-privileges";

/// Everything that the override depends on.
pub(crate) struct Render<'a> {
    pub(crate) box_id: &'a str,
    pub(crate) app: &'a AppId,
    pub(crate) release: ReleaseId,
    /// The app's data folder; each named volume becomes a folder in it.
    pub(crate) data: &'a Path,
    /// Whether that is on another disk, without which Docker must not start the app.
    pub(crate) elsewhere: bool,
    /// Images by service; one without digest is not pinned.
    pub(crate) images: &'a BTreeMap<String, Image>,
    /// The memory limit for services that set none, in bytes.
    pub(crate) memory: Option<u64>,
    /// The networks of other apps that its services are in.
    pub(crate) joins: &'a [Join],
}

/// What the override needs from the disk.
pub(crate) struct Rendered {
    /// The override file's content.
    pub(crate) text: String,
    /// The named volumes in use: a folder each.
    pub(crate) volumes: Vec<String>,
}

impl Render<'_> {
    /// Makes the override for a Compose project as `docker compose config --format json` printed it.
    pub(crate) fn over(&self, config: &Value) -> Result<Rendered, Error> {
        let services = config
            .get("services")
            .and_then(Value::as_object)
            .filter(|services| !services.is_empty())
            .ok_or_else(|| Error::Compose("the Compose file has no services".to_owned()))?;
        let mut volumes = Vec::new();
        let services: Map<String, Value> =
            services.iter().map(|(name, service)| (name.clone(), self.service(name, service, &mut volumes))).collect();
        volumes.sort_unstable();
        volumes.dedup();
        if let Some(odd) = volumes.iter().find(|name| !is_folder_name(name)) {
            return Err(Error::Compose(format!("the volume name «{odd}» cannot be a folder's name")));
        }
        let whole = json!({ "services": services, "networks": self.networks(config) });
        let text = serde_json::to_string_pretty(&whole).map_err(|error| Error::Compose(error.to_string()))?;
        Ok(Rendered { text, volumes })
    }

    fn labels(&self) -> Value {
        json!({
            LABEL_BOX: self.box_id,
            LABEL_APP: self.app.as_str(),
            LABEL_RELEASE: self.release.to_string(),
        })
    }

    fn service(&self, name: &str, service: &Value, volumes: &mut Vec<String>) -> Value {
        let mut over = Map::new();
        over.insert("labels".to_owned(), self.labels());
        if let Some(Image { reference, digest: Some(digest), .. }) = self.images.get(name) {
            over.insert("image".to_owned(), json!(reference.pinned(digest).as_str()));
        }
        if service.get("logging").is_none() {
            let options = json!({ "max-size": LOG_FILE_SIZE, "max-file": LOG_FILES });
            over.insert("logging".to_owned(), json!({ "driver": "local", "options": options }));
        }
        over.extend(self.limits(service));
        // Docker itself would start it at boot although it was stopped here, and in safe mode.
        if service.get("restart").and_then(Value::as_str) == Some("always") {
            over.insert("restart".to_owned(), json!("unless-stopped"));
        }
        // Lists are put together, and Compose refuses a line that stands twice.
        let options = service.get("security_opt").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        if !options.iter().any(|option| option.as_str().is_some_and(|text| text.starts_with(NO_NEW_PRIVILEGES))) {
            over.insert("security_opt".to_owned(), json!([format!("{NO_NEW_PRIVILEGES}:true")]));
        }
        if let Some(networks) = self.joined(name, service) {
            over.insert("networks".to_owned(), networks);
        }
        let mounts = self.mounts(service, volumes);
        if !mounts.is_empty() {
            over.insert("volumes".to_owned(), Value::Array(mounts));
        }
        Value::Object(over)
    }

    /// A service's networks with those of other apps. A list here takes the place of what Compose gives a service that
    /// names none, so its own ones are named as well.
    fn joined(&self, name: &str, service: &Value) -> Option<Value> {
        let joins: Vec<&Join> = self.joins.iter().filter(|join| join.services.contains(name)).collect();
        if joins.is_empty() || service.get("network_mode").is_some_and(|mode| !mode.is_null()) {
            return None;
        }
        let own = service.get("networks").and_then(Value::as_object).into_iter().flatten();
        let mut all: Map<String, Value> = own.map(|(network, _)| (network.clone(), Value::Null)).collect();
        for join in joins {
            let with = join.alias.as_ref().map_or(Value::Null, |alias| json!({ "aliases": [alias] }));
            all.insert(join.network.clone(), with);
        }
        Some(Value::Object(all))
    }

    /// Limits for what the extension leaves open; its own ones stand. Compose refuses a service with one limit under its
    /// short name and another one under `deploy`, so both go where the extension's own is.
    fn limits(&self, service: &Value) -> Map<String, Value> {
        let set = |path: &str| service.pointer(path).is_some_and(|value| !value.is_null());
        let mut limits = Map::new();
        if !set("/mem_limit") && !set("/deploy/resources/limits/memory") {
            let bytes = self.memory.unwrap_or(DEFAULT_MEMORY_BYTES);
            limits.insert("memory".to_owned(), json!(bytes.to_string()));
        }
        if !set("/pids_limit") && !set("/deploy/resources/limits/pids") {
            limits.insert("pids".to_owned(), json!(DEFAULT_PIDS));
        }
        if set("/mem_limit") || set("/pids_limit") {
            let short = |name: &str| if name == "memory" { "mem_limit" } else { "pids_limit" }.to_owned();
            return limits.into_iter().map(|(name, value)| (short(&name), value)).collect();
        }
        let deploy = |limits| ("deploy".to_owned(), json!({ "resources": { "limits": limits } }));
        (!limits.is_empty()).then(|| deploy(limits)).into_iter().collect()
    }

    /// Named volumes become folders of the app: a bind at the same place takes the volume's.
    fn mounts(&self, service: &Value, volumes: &mut Vec<String>) -> Vec<Value> {
        let Some(mounts) = service.get("volumes").and_then(Value::as_array) else { return Vec::new() };
        mounts
            .iter()
            .filter(|mount| mount.get("type").and_then(Value::as_str) == Some("volume"))
            .filter_map(|mount| {
                let source = mount.get("source")?.as_str()?;
                let target = mount.get("target")?.as_str()?;
                volumes.push(source.to_owned());
                let read_only = mount.get("read_only").and_then(Value::as_bool) == Some(true);
                let source = self.data.join(source);
                let mut mount = json!({ "type": "bind", "source": source, "target": target, "read_only": read_only });
                if self.elsewhere
                    && let Some(members) = mount.as_object_mut()
                {
                    members.insert("bind".to_owned(), json!({ "create_host_path": false }));
                }
                Some(mount)
            })
            .collect()
    }

    fn networks(&self, config: &Value) -> Value {
        let named = config.get("networks").and_then(Value::as_object);
        let ours: Map<String, Value> = named
            .into_iter()
            .flatten()
            .filter(|(_, network)| network.get("external").and_then(Value::as_bool) != Some(true))
            .map(|(name, _)| (name.clone(), json!({ "labels": self.labels() })))
            .chain(
                self.joins.iter().map(|join| (join.network.clone(), json!({ "name": join.network, "external": true }))),
            )
            .collect();
        Value::Object(ours)
    }
}

/// Compose lets a volume be called `..`; a folder of ours must not be.
fn is_folder_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn render(config: &Value) -> Result<Rendered, Error> {
        let images = BTreeMap::from([(
            "db".to_owned(),
            Image { digest: Some(DIGEST.parse().unwrap()), ..Image::new("postgres:17.9".parse().unwrap()) },
        )]);
        Render {
            box_id: "box",
            app: &"shop".parse().unwrap(),
            release: ReleaseId::new(),
            data: Path::new("/apps/shop/data"),
            elsewhere: false,
            images: &images,
            memory: None,
            joins: &[],
        }
        .over(config)
    }

    #[test]
    fn a_service_gets_labels_digest_limits_and_its_data_folder() {
        let config = json!({
            "services": { "db": {
                "image": "postgres:17.9",
                "volumes": [{ "type": "volume", "source": "data", "target": "/var/lib/postgresql/data" }],
            } },
            "networks": { "default": {}, "world": { "external": true } },
        });
        let rendered = render(&config).unwrap();
        let over: Value = serde_json::from_str(&rendered.text).unwrap();
        let db = &over["services"]["db"];
        assert_eq!(db["labels"][LABEL_APP], "shop");
        assert_eq!(db["image"], format!("postgres:17.9@{DIGEST}"));
        assert_eq!(db["volumes"][0]["source"], "/apps/shop/data/data");
        assert_eq!(db["deploy"]["resources"]["limits"]["memory"], DEFAULT_MEMORY_BYTES.to_string());
        assert_eq!(over["networks"].as_object().unwrap().len(), 1, "a network that is not ours is not touched");
        assert_eq!(rendered.volumes, ["data"]);
    }

    #[test]
    fn no_app_is_brought_up_by_docker_after_it_was_stopped() {
        for (asked, becomes) in
            [("always", json!("unless-stopped")), ("unless-stopped", Value::Null), ("no", Value::Null)]
        {
            let config = json!({ "services": { "db": { "restart": asked } } });
            let over: Value = serde_json::from_str(&render(&config).unwrap().text).unwrap();
            assert_eq!(over["services"]["db"]["restart"], becomes, "{asked}");
        }
    }

    #[test]
    fn limits_of_the_extension_stand() {
        let config = json!({ "services": { "db": { "mem_limit": "1024", "deploy": { "resources": { "limits": { "pids": 7 } } } } } });
        let over: Value = serde_json::from_str(&render(&config).unwrap().text).unwrap();
        assert_eq!(over["services"]["db"].get("deploy"), None);
    }

    #[test]
    fn a_limit_goes_where_the_extensions_own_is() {
        let over = |service: Value| -> Value {
            let config = json!({ "services": { "db": service } });
            let over: Value = serde_json::from_str(&render(&config).unwrap().text).unwrap();
            over["services"]["db"].clone()
        };
        let short = over(json!({ "mem_limit": "1024" }));
        assert_eq!((short.get("deploy"), &short["pids_limit"]), (None, &json!(DEFAULT_PIDS)));
        let short = over(json!({ "pids_limit": 7 }));
        assert_eq!((short.get("deploy"), &short["mem_limit"]), (None, &json!(DEFAULT_MEMORY_BYTES.to_string())));
        let long = over(json!({ "deploy": { "resources": { "limits": { "memory": "1024" } } } }));
        assert_eq!(long["deploy"]["resources"]["limits"], json!({ "pids": DEFAULT_PIDS }));
        assert_eq!(long.get("pids_limit"), None);
    }

    #[test]
    fn a_volume_cannot_lead_out_of_the_data_folder() {
        let config =
            json!({ "services": { "db": { "volumes": [{ "type": "volume", "source": "..", "target": "/x" }] } } });
        assert!(render(&config).is_err());
    }
}
