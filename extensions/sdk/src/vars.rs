//! The variables of the Compose part: `${INPUT_NAME}` and its kin, and where they stand.

use crate::{
    contract::{Contract, contract},
    diagnostic::Place,
    sections::{InputKind, XOrbitr},
    yaml::Node,
};

/// What a `$` in a text means to Compose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dollar<'a> {
    /// `${NAME}`: a variable.
    Variable(&'a str),
    /// `$NAME`: a variable to Compose, though a shell's or a pattern's own `$` may be meant.
    Bare(&'a str),
    /// `${` and something else than a name: refused by Compose, or with a default that nobody declared.
    Malformed(&'a str),
}

/// One `$` of a text: what it means, and its byte in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Occurrence<'a> {
    pub(crate) what: Dollar<'a>,
    pub(crate) at: usize,
}

/// Every `$` of a text that means something to Compose. `$$` is one plain `$`, and so is a `$` before anything but a
/// letter, `_` or `{` (compose-go, package `template`).
pub(crate) fn scan(text: &str) -> Vec<Occurrence<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(position) = rest.find('$') {
        let at = text.len() - rest.len() + position;
        let after = rest.get(position + 1..).unwrap_or_default();
        let mut skipped = 0;
        if after.starts_with('$') {
            skipped = 1;
        } else if let Some(inner) = after.strip_prefix('{') {
            let what = match inner.split_once('}') {
                Some((name, _)) if is_variable(name) => Dollar::Variable(name),
                _ => Dollar::Malformed(beginning(rest.get(position..).unwrap_or_default())),
            };
            skipped = if let Dollar::Variable(name) = what { name.len() + 2 } else { 1 };
            found.push(Occurrence { what, at });
        } else if after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            skipped = end;
            found.push(Occurrence { what: Dollar::Bare(after.get(..end).unwrap_or_default()), at });
        }
        rest = after.get(skipped..).unwrap_or_default();
    }
    found
}

/// The text with every `${NAME}` replaced and every `$$` as one `$`; a variable without a value is empty.
pub(crate) fn fill<'a>(text: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        rest = after;
        let named = after.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        if let Some(plain) = after.strip_prefix('$') {
            filled.push('$');
            rest = plain;
        } else if let Some((name, then)) = named.filter(|(name, _)| is_variable(name)) {
            filled.push_str(value(name).unwrap_or_default());
            rest = then;
        } else {
            filled.push('$');
        }
    }
    filled.push_str(rest);
    filled
}

/// Enough of a text to recognise it.
fn beginning(text: &str) -> &str {
    let end = text.char_indices().nth(16).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default()
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

/// What a provider's commands and values are told about the place that they make for another app.
pub(crate) const GRANT: [&str; 5] = ["GRANT_EXTENSIONS", "GRANT_HOST", "GRANT_NAME", "GRANT_PASSWORD", "GRANT_USER"];

/// The variables that a manifest's Compose part may use, but for bindings of unknown capabilities, whose fields are open.
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
    for (name, require) in &x.requires {
        let fields = contract(require.capability.as_str()).into_iter().flat_map(Contract::names);
        names.extend(fields.map(|field| format!("BIND_{}_{}", name.in_capitals(), field.to_ascii_uppercase())));
    }
    names
}

/// Whether `variable` is a field of a requirement of which nobody knows the fields: `BIND_<NAME>_<FIELD>`.
pub(crate) fn is_binding(x: &XOrbitr, variable: &str) -> bool {
    let Some(rest) = variable.strip_prefix("BIND_") else { return false };
    x.requires.iter().any(|(name, require)| {
        contract(require.capability.as_str()).is_none()
            && rest
                .strip_prefix(&name.in_capitals())
                .and_then(|field| field.strip_prefix('_'))
                .is_some_and(|field| !field.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compose_reads_a_dollar_in_four_ways() {
        let found: Vec<_> = scan("a ${INPUT_A} $$b $c ${D:-e} ^x{3}$ $1").into_iter().map(|found| found.what).collect();
        assert_eq!(found, [Dollar::Variable("INPUT_A"), Dollar::Bare("c"), Dollar::Malformed("${D:-e} ^x{3}$ $")]);
    }

    #[test]
    fn a_command_gets_its_values_and_a_value_is_not_read_again() {
        let value = |name: &str| match name {
            "A" => Some("${B} $$"),
            "B" => Some("b"),
            _ => None,
        };
        assert_eq!(fill("x ${A}${B}${C} $$5 $HOME ${ $", &value), "x ${B} $$b $5 $HOME ${ $");
    }
}
