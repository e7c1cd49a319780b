//! The variables of the Compose part: `${INPUT_NAME}` and its kin, and where they stand.

use crate::{
    diagnostic::Place,
    sections::{InputKind, XOrbitr},
    yaml::Node,
};

/// What a `$` in a text turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dollar<'a> {
    /// `${NAME}`.
    Variable(&'a str),
    /// Anything else that Compose would replace or refuse.
    Other(&'a str),
}

/// One `$` of a text: what it is, and its byte in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence<'a> {
    pub(crate) what: Dollar<'a>,
    pub(crate) at: usize,
}

/// Every `$` of a text but `$$`, which Compose reads as one plain `$`.
pub(crate) fn scan(text: &str) -> Vec<Occurrence<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(position) = rest.find('$') {
        let at = text.len() - rest.len() + position;
        let after = rest.get(position + 1..).unwrap_or_default();
        if let Some(more) = after.strip_prefix('$') {
            rest = more;
            continue;
        }
        let braced = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        match braced {
            Some((name, more)) if is_variable(name) => {
                found.push(Occurrence { what: Dollar::Variable(name), at });
                rest = more;
            }
            _ => {
                let end = after.char_indices().nth(24).map_or(after.len(), |(end, _)| end);
                let shown = rest.get(position..position + 1 + end).unwrap_or("$");
                found.push(Occurrence { what: Dollar::Other(shown), at });
                rest = after;
            }
        }
    }
    found
}

fn is_variable(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The place of the `nth` unescaped `$` of a text, looked for in the source from where the text begins. Escapes
/// in double quotes may hide one; then the text's own place is the answer.
pub(crate) fn place_in_source(source: &str, node: &Node, text: &str, at: usize) -> Place {
    let nth = text.get(..at).map_or(0, |before| before.matches('$').count());
    let start = node.at.offset.unwrap_or(0);
    let Some(rest) = source.get(start..).filter(|_| node.at.offset.is_some()) else { return node.at };
    let Some((offset, _)) = rest.match_indices('$').nth(nth) else { return node.at };
    let wanted: String = text.get(at..).unwrap_or_default().chars().take(4).collect();
    let found = rest.get(offset..).unwrap_or_default();
    if !found.starts_with(wanted.trim_end()) {
        return node.at;
    }
    let before = rest.get(..offset).unwrap_or_default();
    let lines = before.matches('\n').count();
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    let characters = u32::try_from(last_line.chars().count()).unwrap_or(0);
    let column = if lines == 0 { node.at.column + characters } else { characters + 1 };
    Place { line: node.at.line + u32::try_from(lines).unwrap_or(0), column, offset: Some(start + offset) }
}

/// The facts about the box that every app may use.
pub(crate) const SYS: [&str; 5] = ["SYS_ARCH", "SYS_HOSTNAME", "SYS_LOCALE", "SYS_PROXY_CIDR", "SYS_TIMEZONE"];
/// The facts about the app itself.
pub(crate) const APP: [&str; 3] = ["APP_ID", "APP_NAME", "APP_VERSION"];
const ROUTE_FIELDS: [&str; 4] = ["URL", "HOST", "HOSTS", "SCHEME"];

/// The variables that a manifest's Compose part may use, but for bindings, whose fields are open.
pub(crate) fn declared(x: &XOrbitr) -> Vec<String> {
    let mut names: Vec<String> = SYS.iter().chain(APP.iter()).map(|name| (*name).to_owned()).collect();
    for (name, input) in &x.inputs {
        match &input.kind {
            InputKind::Binding(_) => {}
            InputKind::Path(_) | InputKind::Share(_) => names.push(format!("PATH_{}", name.in_capitals())),
            _ => names.push(format!("INPUT_{}", name.in_capitals())),
        }
    }
    names.extend(x.secrets.keys().map(|name| format!("SECRET_{}", name.in_capitals())));
    names.extend(x.ports.keys().map(|name| format!("PORT_{}", name.in_capitals())));
    for name in x.routes.keys() {
        names.extend(ROUTE_FIELDS.iter().map(|field| format!("ROUTE_{}_{field}", name.in_capitals())));
    }
    names
}

/// Whether `variable` is a field of one of the requirements: `BIND_<NAME>_<FIELD>`.
pub(crate) fn is_binding(x: &XOrbitr, variable: &str) -> bool {
    let Some(rest) = variable.strip_prefix("BIND_") else { return false };
    x.requires.keys().any(|name| {
        rest.strip_prefix(&name.in_capitals())
            .and_then(|field| field.strip_prefix('_'))
            .is_some_and(|field| !field.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_braced_names_are_variables() {
        let kinds: Vec<String> =
            scan("a ${INPUT_A} $$b $c ${D:-e} ${ f} $").into_iter().map(|o| format!("{:?}", o.what)).collect();
        assert_eq!(
            kinds,
            [
                "Variable(\"INPUT_A\")",
                "Other(\"$c ${D:-e} ${ f} $\")",
                "Other(\"${D:-e} ${ f} $\")",
                "Other(\"${ f} $\")",
                "Other(\"$\")"
            ]
        );
    }
}
