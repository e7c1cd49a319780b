//! Secrets: as long and as random as they say.

use std::collections::BTreeMap;

use orbitr_sdk::{Arch, NoRandomness, SecretText, system_random};

use crate::fixture::{answer, parse, with};

/// The secret that the small manifest makes with this specification, from counting bytes.
fn made(spec: &str) -> String {
    let manifest = parse(&with("    key: {}", &format!("    key: {{{spec}}}")));
    let mut next = 0_u8;
    let mut counting = |buffer: &mut [u8]| {
        for byte in buffer {
            *byte = next;
            next = next.wrapping_add(37);
        }
        Ok(())
    };
    let answers = answer(&manifest, &[]).unwrap();
    let made = manifest.generate_secrets(&answers, Arch::Amd64, &BTreeMap::new(), &mut counting).unwrap();
    made["key"].expose().to_owned()
}

#[test]
fn each_kind_has_its_alphabet_and_length() {
    insta::assert_snapshot!(made(""), @"AlMxY9kDoP0bCnGrS3eFqJuV6hItMxY9");
    insta::assert_snapshot!(made("kind: hex, length: 16"), @"00254a6f94b9de03284d7297bce1062b");
    insta::assert_snapshot!(made("kind: base64, length: 16"), @"ACVKb5S53gMoTXKXvOEGKw==");
    insta::assert_snapshot!(made("kind: base64url, length: 16"), @"ACVKb5S53gMoTXKXvOEGKw");
    insta::assert_snapshot!(made("kind: uuid"), @"00254a6f-94b9-4e03-a84d-7297bce1062b");
    insta::assert_snapshot!(made("kind: words, length: 4"), @"baboj-honoz-nifun-tumag");
}

#[test]
fn letters_and_digits_are_equally_likely() {
    let manifest = parse(&with("    key: {}", "    key: {length: 256}"));
    let answers = answer(&manifest, &[]).unwrap();
    let mut counts: BTreeMap<char, u32> = BTreeMap::new();
    for _ in 0..200 {
        let made = manifest.generate_secrets(&answers, Arch::Amd64, &BTreeMap::new(), &mut system_random).unwrap();
        for character in made["key"].expose().chars() {
            *counts.entry(character).or_default() += 1;
        }
    }
    assert_eq!(counts.len(), 62);
    // 51,200 draws: 826 each, give or take six standard deviations (28.5 each)
    assert!(counts.values().all(|count| (655..=997).contains(count)), "{counts:?}");
}

#[test]
fn a_secret_is_made_once() {
    let manifest = parse(crate::fixture::SMALL);
    let answers = answer(&manifest, &[]).unwrap();
    let first = manifest.generate_secrets(&answers, Arch::Amd64, &BTreeMap::new(), &mut system_random).unwrap();
    let again = manifest.generate_secrets(&answers, Arch::Amd64, &first, &mut system_random).unwrap();
    assert_eq!(first, again);
    let other = manifest.generate_secrets(&answers, Arch::Amd64, &BTreeMap::new(), &mut system_random).unwrap();
    assert_ne!(first, other);
}

#[test]
fn without_randomness_there_is_no_secret() {
    let manifest = parse(crate::fixture::SMALL);
    let answers = answer(&manifest, &[]).unwrap();
    let made = manifest.generate_secrets(&answers, Arch::Amd64, &BTreeMap::new(), &mut |_| Err(NoRandomness));
    assert_eq!(made.unwrap_err().to_string(), "the system gave no randomness");
}

#[test]
fn printing_a_secret_shows_nothing_of_it() {
    assert_eq!(format!("{:?}", SecretText::new("hunter2".to_owned())), "«redacted»");
}
