//! Texts that mean no good.

use orbitr_sdk::{Manifest, When, lint};
use proptest::prelude::*;

use crate::{fixture::SMALL, samples::NEXTCLOUD};

/// Everything that can be asked of a manifest; none of it may panic.
fn ask_everything(text: &str) {
    if let Ok(manifest) = Manifest::parse(text, "extension.yaml") {
        let _ = lint(&manifest);
        let _ = manifest.check_supported();
        let _ = (manifest.form(), manifest.volumes(), manifest.published_ports(), manifest.images(), manifest.score());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,300}") {
        ask_everything(&text);
    }

    #[test]
    fn no_yaml_makes_the_reader_panic(text in "([a-z]{1,3}(: |:\n {1,4}|, |\n)|[\\[\\]{}&*!|>'\"#%$-]|\\PC){0,80}") {
        ask_everything(&text);
        ask_everything(&format!("services: {{a: {{image: b}}}}\nx-orbitr:\n  {text}"));
    }

    #[test]
    fn a_damaged_manifest_is_read_or_refused(
        large in any::<bool>(), at in any::<prop::sample::Index>(), length in 0_usize..40, put in "\\PC{0,12}",
    ) {
        let sample: Vec<char> = if large { NEXTCLOUD } else { SMALL }.chars().collect();
        let at = at.index(sample.len());
        let after = sample.iter().skip(at + length);
        let text: String = sample.iter().take(at).copied().chain(put.chars()).chain(after.copied()).collect();
        ask_everything(&text);
    }

    #[test]
    fn every_place_lies_in_the_text(at in any::<prop::sample::Index>(), length in 0_usize..40) {
        let sample: Vec<char> = SMALL.chars().collect();
        let at = at.index(sample.len());
        let text: String = sample.iter().take(at).chain(sample.iter().skip(at + length)).collect();
        let lines = u32::try_from(text.lines().count()).unwrap() + 1;
        for found in Manifest::parse(&text, "extension.yaml").err().unwrap_or_default() {
            prop_assert!((1..=lines).contains(&found.line), "{found}");
            prop_assert!(found.column >= 1 && !found.message.is_empty(), "{found}");
        }
    }

    #[test]
    fn no_text_makes_a_condition_panic(text in "(input\\.[a-z]{1,3}|==|!=|in|and|or|not|[(),\\[\\]]|'x'| |\\PC){0,40}") {
        if let Ok(when) = text.parse::<When>() {
            when.holds(&|_| None);
        }
    }
}

#[test]
fn deep_nesting_is_refused_not_followed() {
    assert!("(".repeat(100_000).parse::<When>().is_err());
    assert!(format!("{} input.a", "not ".repeat(40)).parse::<When>().is_err());
}
