//! The table of all routes, as the program itself prints it (`orbitr routes --json`).

use std::process::Command;

use serde::Deserialize;

use crate::{TestBox, test_box::program};

/// One route with what it needs.
#[derive(Clone, Debug, Deserialize)]
pub struct Route {
    /// Its method.
    pub method: String,
    /// Its path with parameters in braces.
    pub path: String,
    /// The action that it needs; none when it is public.
    pub action: Option<String>,
    /// How deep that reaches: `view`, `operate`, `manage`, `administer`.
    pub level: Option<String>,
    /// What it is done to: `box`, `app`, `project`, `job`.
    pub resource_kind: Option<String>,
    /// Only for a person who has signed in.
    #[serde(default)]
    pub person_only: bool,
    /// Why it needs nobody to be signed in.
    pub public_reason: Option<String>,
}

impl Route {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_safe(&self) -> bool {
        matches!(&*self.method, "GET" | "HEAD")
    }

    /// The path with a value for each parameter.
    pub fn path_with(&self, value: impl Fn(&str) -> String) -> String {
        let part = |part: &str| match part.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => value(name.trim_start_matches('*')),
            None => part.to_owned(),
        };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }
}

impl TestBox {
    /// Every route of the program.
    ///
    /// # Panics
    /// When the program does not print them.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let output = Command::new(program()).args(["routes", "--json"]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "orbitr routes: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}
