//! What an extension needs from others and gives to others, as far as it follows from the manifest alone.

use std::collections::BTreeMap;

use indexmap::IndexMap;

use crate::{
    answers::{Resolved, holds},
    manifest::Manifest,
    sections::{Arch, BindingChoice, Exec, InputKind, Name, Provide, Require},
    vars,
    yaml::Node,
};

/// Where each requirement comes from, by its name; what comes from nowhere is not in it.
pub type Bindings = BTreeMap<String, BindingChoice>;

impl BindingChoice {
    /// The word for it in manifests and conditions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Managed => "managed",
            Self::Existing => "existing",
            Self::External => "external",
            Self::Bundled => "bundled",
        }
    }
}

impl Require {
    /// Where it may come from, the usual choice first.
    #[must_use]
    pub fn choices(&self) -> Vec<BindingChoice> {
        const ANY: [BindingChoice; 3] = [BindingChoice::Managed, BindingChoice::Existing, BindingChoice::External];
        let mut choices = if self.choices.is_empty() { ANY.to_vec() } else { self.choices.clone() };
        if let Some(at) = self.default.and_then(|usual| choices.iter().position(|choice| *choice == usual)) {
            choices.swap(0, at);
        }
        choices
    }

    /// Whether a provider of this version will do.
    #[must_use]
    pub fn fits(&self, version: &str) -> bool {
        self.version.as_ref().is_none_or(|range| range.contains(version))
    }
}

impl Manifest {
    /// What it needs from others.
    #[must_use]
    pub const fn requires(&self) -> &IndexMap<Name, Require> {
        &self.x.requires
    }

    /// What it gives to others.
    #[must_use]
    pub const fn provides(&self) -> &IndexMap<Name, Provide> {
        &self.x.provides
    }

    /// Whether a requirement is one with these answers.
    #[must_use]
    pub fn is_required(&self, require: &Require, answers: &Resolved, arch: Arch) -> bool {
        require.when.as_ref().is_none_or(|when| holds(when, answers, arch))
    }

    /// What people read for a requirement: the label of the input that stands for it, if there is one.
    #[must_use]
    pub fn requirement_label(&self, requirement: &str) -> Option<&str> {
        let of_it =
            |kind: &InputKind| matches!(kind, InputKind::Binding(binding) if binding.binding.as_str() == requirement);
        self.inputs().values().find(|input| of_it(&input.kind)).and_then(|input| input.common.label.as_deref())
    }

    /// What it provides of a capability, in a version that will do.
    #[must_use]
    pub fn provides_for(&self, require: &Require) -> Option<(&Name, &Provide)> {
        self.provides().iter().find(|(_, provide)| {
            provide.capability == require.capability
                && require.fits(provide.version.as_deref().unwrap_or_else(|| self.version()))
        })
    }

    /// The Compose services that use a field of a requirement.
    #[must_use]
    pub fn services_that_use(&self, requirement: &str) -> Vec<&str> {
        let beginning = format!("BIND_{}_", requirement.to_ascii_uppercase());
        let uses = |node: &Node| {
            let mut found = false;
            node.texts("", &mut |_, _, text| {
                found |= vars::scan(text)
                    .iter()
                    .any(|it| matches!(it.what, vars::Dollar::Variable(name) if name.starts_with(&beginning)));
            });
            found
        };
        // A setting may stand in a configuration that services share.
        let shared = self.root.entries().iter().any(|entry| entry.key == "configs" && uses(&entry.node));
        let services = self.compose.services.iter();
        services.filter(|(_, service)| shared || uses(&service.node)).map(|(name, _)| name.as_str()).collect()
    }

    /// The Compose profiles that are switched on by requirements that it fulfils itself.
    #[must_use]
    pub fn profiles(&self, bindings: &Bindings) -> Vec<&str> {
        self.requires()
            .iter()
            .filter(|(name, _)| bindings.get(name.as_str()) == Some(&BindingChoice::Bundled))
            .filter_map(|(_, require)| Some(require.bundled.as_ref()?.profile.as_str()))
            .collect()
    }

    /// The Compose services that run with these profiles: those without one, and those of one that is on.
    #[must_use]
    pub fn services_with(&self, profiles: &[&str]) -> Vec<&str> {
        let services = self.compose.services.iter();
        services
            .filter(|(_, service)| {
                service.profiles.is_empty() || service.profiles.iter().any(|it| profiles.contains(&it.value.as_str()))
            })
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

/// Puts values in the place of `${NAME}`; a name without a value is empty, `$$` is one `$`.
#[must_use]
pub fn fill(text: &str, value: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    for found in vars::scan(text) {
        let vars::Dollar::Variable(name) = found.what else { continue };
        out.push_str(&text.get(rest..found.at).unwrap_or_default().replace("$$", "$"));
        out.push_str(&value(name).unwrap_or_default());
        rest = found.at + name.len() + "${}".len();
    }
    out.push_str(&text.get(rest..).unwrap_or_default().replace("$$", "$"));
    out
}

impl Exec {
    /// The same command with values in the place of its variables.
    #[must_use]
    pub fn filled(&self, value: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            run: self.run.iter().map(|word| fill(word, value)).collect(),
            env: self.env.iter().map(|(name, text)| (name.clone(), fill(text, value))).collect(),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_filled_with_values_and_a_value_is_never_read_again() {
        let value = |name: &str| match name {
            "A" => Some("${B}".to_owned()),
            "B" => Some("x$$".to_owned()),
            _ => None,
        };
        assert_eq!(fill("${A}-${B}-${C}-$$5 $$", &value), "${B}-x$$--$5 $");
    }
}
