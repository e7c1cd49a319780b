//! What our own files may look like.

use std::fs;
use std::path::Path;

/// Longest source file, in lines. Documents are free.
const LONGEST: usize = 500;

/// Folders that hold nothing of ours.
const NOT_OURS: &[&str] = &["target", ".git", ".cache", "node_modules", "dist"];

/// A file of ours: its path below the root, and its text if it is text.
struct File {
    path: String,
    text: String,
}

impl File {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|e| e == extension)
    }

    /// Rust that ends up in the program, without the tests at its end.
    fn shipped(&self) -> Option<&str> {
        let tests = ["tests/", "/tests.rs", "/tests_"].iter().any(|name| self.path.contains(name));
        let ours = self.is("rs") && self.path.contains("src/") && !tests;
        ours.then(|| self.text.split("#[cfg(test)]").next().unwrap_or_default())
    }
}

fn walk(folder: &Path, root: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = entry.path();
        // `.git` is a file where the checkout is a worktree
        if NOT_OURS.contains(&entry.file_name().to_str().unwrap()) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            walk(&path, root, files);
        } else if let Ok(text) = fs::read_to_string(&path) {
            files.push(File { path: path.strip_prefix(root).unwrap().to_str().unwrap().to_owned(), text });
        }
    }
}

fn files() -> Vec<File> {
    let (root, mut files) = (super::root(), Vec::new());
    walk(&root, &root, &mut files);
    assert!(files.len() > 20, "the walk found the sources");
    files
}

/// One line for each line of `text` that `wrong` finds something in.
fn lines(path: &str, text: &str, wrong: impl Fn(&str) -> bool) -> Vec<String> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| wrong(line))
        .map(|(number, line)| format!("{path}:{}: {}", number + 1, line.trim()))
        .collect()
}

/// The line without its comment. Good enough for the words looked for here.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn a_source_file_is_short_enough_to_be_read() {
    let broken: Vec<_> = files()
        .iter()
        .filter(|file| {
            ["rs", "js", "mjs", "css", "sh", "sql"].iter().any(|e| file.is(e)) || file.path.starts_with("scripts/")
        })
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, count)| *count > LONGEST)
        .map(|(file, count)| format!("{}: {count} lines, at most {LONGEST}", file.path))
        .collect();
    super::assert_none("files that are too long", &broken);
}

#[test]
fn every_crate_says_what_lives_in_it() {
    let broken: Vec<_> = files()
        .iter()
        .filter(|file| file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs"))
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| file.path.clone())
        .collect();
    super::assert_none("crates without a head comment", &broken);
}

#[test]
fn nothing_is_left_for_later() {
    // put together here, so that this file does not find itself
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
    ];
    let broken: Vec<_> = files()
        .iter()
        .filter(|file| !file.is("lock") && !file.is("svg"))
        .flat_map(|file| lines(&file.path, &file.text, |line| marks.iter().any(|mark| has_word(line, mark))))
        .collect();
    super::assert_none("unfinished work", &broken);
}

/// Whether `word` stands in the line with no letter before or behind it.
fn has_word(line: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, behind) = (&line[..at], &line[at + word.len()..]);
        !letter(before.chars().next_back()) && (word.ends_with('(') || !letter(behind.chars().next()))
    })
}

#[test]
fn nothing_names_a_developers_machine_or_a_registrys_host() {
    let here = super::root();
    // a checkout in a folder like /src would be found everywhere
    let here = here.to_str().filter(|path| path.matches('/').count() > 1);
    let places = [
        concat!("/Us", "ers/"),
        concat!("/wo", "rk/"),
        concat!("/tmp", "/t/"),
        concat!("/ro", "ot/."),
        concat!("deb.", "debian.org"),
        concat!("registry.", "npmjs.org"),
        concat!("static.", "crates.io"),
        concat!("py", "pi.org"),
    ];
    let places: Vec<_> = places.into_iter().chain(here).collect();
    let broken: Vec<_> = files()
        .iter()
        .flat_map(|file| lines(&file.path, &file.text, |line| places.iter().any(|place| line.contains(place))))
        .collect();
    super::assert_none("paths and hosts of somebody's machine", &broken);
}

#[test]
fn the_program_forbids_unsafe_code() {
    let manifest = fs::read_to_string(super::root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let allowed = concat!("allow(", "unsafe_code");
    let broken: Vec<_> = files()
        .iter()
        .filter(|file| file.is("rs"))
        .flat_map(|file| {
            lines(&file.path, &file.text, |line| {
                line.contains(allowed) || has_word(code(line), concat!("unsafe", " {"))
            })
        })
        .collect();
    super::assert_none("unsafe code", &broken);
}

#[test]
fn pages_are_made_in_web_alone() {
    let tags = ["<html", "<!doctype", "<!DOCTYPE", "<div", "<form", "<body", "<script", "<table"];
    let broken: Vec<_> = files()
        .iter()
        .filter(|file| !file.path.starts_with("web/"))
        .filter_map(|file| Some((file, file.shipped()?)))
        .flat_map(|(file, text)| lines(&file.path, text, |line| tags.iter().any(|tag| code(line).contains(tag))))
        .collect();
    super::assert_none("HTML outside web", &broken);
}

#[test]
fn processes_are_started_in_host_alone() {
    let broken: Vec<_> = files()
        .iter()
        .filter(|file| !file.path.starts_with("supervisor/host/"))
        .filter_map(|file| Some((file, file.shipped()?)))
        .flat_map(|(file, text)| {
            lines(&file.path, text, |line| {
                let line = code(line);
                ["process::Command", "libc::fork", "nix::unistd::fork", "execvp"].iter().any(|way| line.contains(way))
                    || line.contains("disallowed_methods")
            })
        })
        .collect();
    super::assert_none("processes started outside orbitr_host::exec", &broken);
}

#[test]
fn scripts_stop_at_the_first_error() {
    let broken: Vec<_> = files()
        .iter()
        .filter(|file| file.text.starts_with("#!/usr/bin/env bash") || file.text.starts_with("#!/bin/bash"))
        .filter(|file| !file.text.contains("\nset -euo pipefail\n"))
        .map(|file| file.path.clone())
        .collect();
    super::assert_none("scripts without set -euo pipefail", &broken);
}

#[test]
fn a_word_is_found_only_as_a_word() {
    assert!(has_word("// TBD: later", "TBD"));
    assert!(has_word("TBD", "TBD"));
    assert!(!has_word("TBDX", "TBD"));
    assert!(!has_word("a_TBD", "TBD"));
    assert!(has_word("x(); mac!(1)", "mac!("));
    assert!(!has_word("ímac!(1)", "mac!("));
}
