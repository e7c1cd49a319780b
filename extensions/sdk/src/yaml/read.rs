//! Text into tree. Manifests come from strangers, so every limit is far above any honest file and far below harm.

use serde_saphyr::{
    Error, Options, Spanned, alias_limits, budget,
    options::{DuplicateKeyPolicy, MergeKeyPolicy},
};

use super::tree::{Node, Value};
use crate::diagnostic::{Finding, Place};

/// The largest file that is read, in bytes.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// The most values in one file, anchors expanded.
const MAX_NODES: usize = 20_000;
/// The most uses of anchors.
const MAX_ALIASES: usize = 500;
/// The deepest nesting.
const MAX_DEPTH: usize = 48;

/// Reads one YAML document.
pub(crate) fn read(text: &str) -> Result<Node, Finding> {
    if text.len() > MAX_BYTES {
        let message = format!("the file has {} bytes; {MAX_BYTES} are the most", text.len());
        return Err(Finding::error(Place::START, "", message).hint("move long texts into side files under docs/"));
    }
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options()) {
        Ok(root) => Ok(root.into()),
        Err(error) => Err(finding(&error)),
    }
}

fn options() -> Options {
    serde_saphyr::options! {
        budget: budget! {
            max_nodes: MAX_NODES,
            max_events: 4 * MAX_NODES,
            max_depth: MAX_DEPTH,
            // a second one has an error of its own
            max_documents: 2,
            max_aliases: MAX_ALIASES,
            max_anchors: 100,
            max_merge_keys: 200,
            max_total_scalar_bytes: 2 * MAX_BYTES,
        },
        alias_limits: alias_limits! {
            max_total_replayed_events: MAX_NODES,
            max_replay_stack_depth: 16,
            max_alias_expansions_per_anchor: 200,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Merge,
        // A manifest is YAML 1.2, core schema: `yes` and `on` are words, `0755` and `1_000` stay as written.
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        reject_unsupported_tags: true,
        emit_comments: false,
        with_snippet: false,
    }
}

fn finding(error: &Error) -> Finding {
    let error = error.without_snippet();
    let at = error.location().map_or(Place::START, Place::from);
    match error {
        Error::DuplicateMappingKey { key, .. } => {
            let message = match key {
                Some(key) => format!("the key «{key}» stands here a second time"),
                None => "this key stands here a second time".to_owned(),
            };
            Finding::error(at, "", message).hint("keep one of them")
        }
        Error::MultipleDocuments { .. } => {
            Finding::error(at, "", "a second YAML document starts here").hint("one file holds one manifest")
        }
        Error::UnknownAnchor { .. } => Finding::error(at, "", "this alias points to an anchor that is not there"),
        other => {
            let words = one_line(&other.to_string());
            if matches!(other, Error::Budget { .. }) || words.contains("limit exceeded") {
                let most = format!("{MAX_NODES} values, {MAX_DEPTH} levels, {MAX_ALIASES} aliases");
                Finding::error(at, "", "the file is larger inside than a manifest may be")
                    .hint(format!("{most} are the most"))
            } else {
                Finding::error(at, "", format!("this is not YAML: {words}"))
            }
        }
    }
}

/// The reader's own words, without its own idea of the place.
fn one_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.split(" at line ").next().unwrap_or(line).trim_end_matches(':').to_owned()
}
