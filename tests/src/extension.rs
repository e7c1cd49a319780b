//! Small extensions for tests: quick to come up, or broken on purpose.

/// What differs between them.
#[derive(Clone, Copy, Debug)]
pub struct Sample<'a> {
    /// The image, with its exact tag.
    pub image: &'a str,
    /// The longest wait for its first answer.
    pub grace: &'a str,
    /// What its health check runs: `true` or `false`.
    pub check: &'a str,
}

impl Sample<'static> {
    /// Answers HTTP at once.
    pub const WEB: Self = Self { image: "orbitr-test/web:1.0.0", grace: "30s", check: "true" };
    /// Ends at once with exit code 3.
    pub const EXITS: Self = Self { image: "orbitr-test/exits:1.0.0", grace: "30s", check: "true" };
    /// Its own health check never succeeds.
    pub const NEVER_HEALTHY: Self = Self { image: "orbitr-test/never-healthy:1.0.0", grace: "3s", check: "false" };
    /// The registry does not have it.
    pub const ABSENT: Self = Self { image: "127.0.0.1:5000/orbitr-test/absent:1.0.0", grace: "30s", check: "true" };
}

impl Sample<'_> {
    /// The text of its manifest; [`TestBox::extension`](crate::TestBox::extension) fills in the preferred port.
    #[must_use]
    pub fn manifest(&self, id: &str) -> String {
        let Self { image, grace, check } = self;
        format!(
            r#"services:
  web:
    image: {image}
    restart: unless-stopped
    environment: {{NOTE: "${{INPUT_NOTE}}"}}
    ports: ["${{INPUT_PORT}}:80"]
    volumes: ["data:/data"]
    healthcheck: {{test: [CMD, "{check}"], interval: 1s, timeout: 2s, retries: 2, start_period: 1s}}
    mem_limit: 64m
    pids_limit: 50
    cap_drop: [ALL]
    stop_grace_period: 1s
volumes: {{data: {{}}}}

x-orbitr:
  schema: 1
  id: {id}
  version: "1"
  revision: 1
  os: ">=0.1"
  meta:
    name: Sample {id}
    summary: A small service for tests
    category: web
    icon: icon.svg
    license: Apache-2.0
    links: {{website: "https://example.com", source: "https://example.com"}}
    status: working
  arch: [amd64, arm64]
  instances: many
  resources: {{memory: {{min: 32Mi, recommended: 64Mi}}, cpu: {{min: 0.1}}, disk: {{install: 10Mi, data: 10Mi}}}}
  services: {{web: main}}
  inputs:
    port:
      type: port
      label: Port
      help: Where it is reached.
      preferred: PREFERRED
    note:
      type: string
      label: Note
      help: Anything.
      default: nothing
  volumes:
    data: {{class: data, on_remove: ask}}
  permissions: []
  health: {{service: web, port: 80, protocol: http, path: /, expect: {{status: 200}}, grace: {grace}}}
  tests: {{install: {{note: tried}}}}
"#
        )
    }
}
