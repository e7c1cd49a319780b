//! Pages of long lists.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which part of a list is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PageRequest {
    /// `next` of the page before; none for the first page.
    pub cursor: Option<String>,
    /// At most this many items; 1 to 200.
    #[schemars(range(min = 1, max = 200))]
    pub limit: u32,
}

impl PageRequest {
    /// The limit, held within 1 to 200.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit.clamp(1, 200)
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { cursor: None, limit: 50 }
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// The cursor of the next page; none on the last one.
    pub next: Option<String>,
}
