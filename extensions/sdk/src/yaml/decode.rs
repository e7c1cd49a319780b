//! From the tree into types, through serde, with every finding of a file in one go.
//!
//! serde stops at the first value that does not fit. So the reader notes what did not fit, leaves that value out and
//! reads again, until the rest fits or nothing is left. Unknown keys never stop it: a struct tells its field names, and
//! a key that is none of them is noted and passed over.

use std::{cell::RefCell, collections::HashSet};

use serde::{
    Deserialize,
    de::{
        self, DeserializeOwned, DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
        Visitor, value::StrDeserializer,
    },
    forward_to_deserialize_any,
};

use super::{
    error::{Misfit, What},
    tree::{Entry, Node, Value},
};
use crate::{diagnostic::Finding, nearest::suggest};

/// The name under which a type asks to be read as two types from one map: see [`split`].
const SPLIT: &str = "orbitr::split";
/// The key that says which variant a map is.
const TAG: &str = "type";
/// How many values may be left out before the reader gives up; a file with more is not a manifest.
const MAX_ROUNDS: usize = 50;

type Path = Vec<String>;

/// Reads `node` as a `T`. Either there is a value, or there is at least one finding, or both (unknown keys).
pub(crate) fn decode<T: DeserializeOwned>(node: &Node, findings: &mut Vec<Finding>) -> Option<T> {
    let mut removed: HashSet<Path> = HashSet::new();
    let mut told: HashSet<String> = HashSet::new();
    for _ in 0..MAX_ROUNDS {
        let unknown = RefCell::new(Vec::new());
        let cx = Cx { removed: &removed, unknown: &unknown };
        let read = T::deserialize(De { node, cx: &cx, trail: &Trail::Root, split: None });
        // Each round meets the unknown keys again.
        findings.extend(unknown.into_inner().into_iter().filter(|finding| told.insert(finding.path.clone())));
        let misfit = match read {
            Ok(value) if removed.is_empty() => return Some(value),
            Ok(_) => return None,
            Err(misfit) => misfit,
        };
        let path = misfit.path.unwrap_or_default();
        let at = misfit.at.unwrap_or(node.at);
        match misfit.what {
            // A key that was there and did not fit has had its say.
            What::Missing(key) if removed.contains(&child(&path, key)) => {}
            What::Missing(key) => {
                let message = format!("the key «{key}» is missing{}", inside(&path));
                findings.push(Finding::error(at, child(&path, key).join("."), message));
            }
            What::Wrong { message, hint } => {
                let shown = if path.is_empty() { message } else { format!("{}: {message}", path.join(".")) };
                let finding = Finding::error(at, path.join("."), shown);
                findings.push(Finding { hint, ..finding });
            }
        }
        // A value that cannot be left out alone (a map's `type`) takes its map with it.
        let mut path = path;
        while path.is_empty() || !removed.insert(path.clone()) {
            path.pop()?;
        }
    }
    None
}

/// Reads two types from the same map: first `A`, which takes the keys it knows, then `B`, which must know the rest.
/// Only for this module's own reader.
pub(crate) fn split<'de, A, B, D>(deserializer: D) -> Result<(A, B), D::Error>
where
    A: Deserialize<'de>,
    B: Deserialize<'de>,
    D: de::Deserializer<'de>,
{
    struct Pair<A, B>(std::marker::PhantomData<(A, B)>);
    impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Visitor<'de> for Pair<A, B> {
        type Value = (A, B);

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map of keys")
        }

        fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<(A, B), S::Error> {
            let missing = || de::Error::custom("expected a map of keys");
            let first = seq.next_element()?.ok_or_else(missing)?;
            let second = seq.next_element()?.ok_or_else(missing)?;
            Ok((first, second))
        }
    }
    deserializer.deserialize_newtype_struct(SPLIT, Pair(std::marker::PhantomData))
}

fn child(path: &[String], key: &str) -> Path {
    path.iter().cloned().chain([key.to_owned()]).collect()
}

fn inside(path: &[String]) -> String {
    if path.is_empty() { String::new() } else { format!(" in {}", path.join(".")) }
}

struct Cx<'a> {
    removed: &'a HashSet<Path>,
    unknown: &'a RefCell<Vec<Finding>>,
}

/// The way from the root to a value.
enum Trail<'a> {
    Root,
    Key(&'a Trail<'a>, &'a str),
    Item(&'a Trail<'a>, usize),
}

impl Trail<'_> {
    fn path(&self) -> Path {
        match self {
            Self::Root => Vec::new(),
            Self::Key(parent, key) => child(&parent.path(), key),
            Self::Item(parent, index) => child(&parent.path(), &index.to_string()),
        }
    }
}

/// The state of a map that two types read.
struct Split<'a> {
    taken: &'a RefCell<Vec<&'static str>>,
    last: bool,
}

#[derive(Clone, Copy)]
struct De<'a> {
    node: &'a Node,
    cx: &'a Cx<'a>,
    trail: &'a Trail<'a>,
    split: Option<&'a Split<'a>>,
}

impl<'a> De<'a> {
    fn located(self, mut misfit: Misfit) -> Misfit {
        misfit.path.get_or_insert_with(|| self.trail.path());
        misfit.at.get_or_insert(self.node.at);
        misfit
    }

    fn wrong(self, message: &str) -> Misfit {
        self.located(Misfit::wrong(message, None))
    }

    fn any<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => visitor.visit_i64(*value),
            Value::Big(value) => visitor.visit_u64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(ListDe { items: items.iter().enumerate(), de: self }),
            Value::Map(entries) => visitor.visit_map(MapDe { entries: entries.iter(), value: None, de: self }),
        }
        .map_err(|misfit| self.located(misfit))
    }

    /// Notes the keys of this map that are none of `fields`.
    fn note_unknown(self, entries: &[Entry], fields: &'static [&'static str]) {
        let mut known: Vec<&str> = fields.to_vec();
        match self.split {
            Some(split) if !split.last => {
                split.taken.borrow_mut().extend(fields);
                return;
            }
            Some(split) => known.extend(split.taken.borrow().iter().copied().chain([TAG])),
            None => {}
        }
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let path = self.trail.path();
            let kind = self.split.and_then(|_| self.node.get(TAG)).and_then(Node::text);
            let kind = kind.map(|kind| format!(", which is of type {kind}")).unwrap_or_default();
            let message = format!("unknown key «{}»{}{kind}", entry.key, inside(&path));
            let finding = Finding::error(entry.key_at, child(&path, &entry.key).join("."), message);
            let hint = suggest(&entry.key, &known, "key");
            self.cx.unknown.borrow_mut().push(Finding { hint, ..finding });
        }
    }
}

impl<'de> de::Deserializer<'de> for De<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
            .map_err(|misfit| self.located(misfit))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        if name != SPLIT {
            return visitor.visit_newtype_struct(self).map_err(|misfit| self.located(misfit));
        }
        let Value::Map(_) = self.node.value else {
            return Err(self.wrong("expected a map of keys"));
        };
        visitor.visit_seq(SplitDe { de: self, taken: RefCell::new(Vec::new()), turn: 0 }).map_err(|m| self.located(m))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        let Value::Map(entries) = &self.node.value else {
            // A list would be taken for the fields in order; no manifest means that.
            return if matches!(self.node.value, Value::List(_)) {
                Err(self.wrong("expected a map of keys, found a list"))
            } else {
                self.any(visitor)
            };
        };
        self.note_unknown(entries, fields);
        let known: Vec<&Entry> = entries.iter().filter(|entry| fields.contains(&entry.key.as_str())).collect();
        visitor
            .visit_map(MapDe { entries: known.into_iter(), value: None, de: De { split: None, ..self } })
            .map_err(|misfit| self.located(misfit))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.node.value {
            Value::Text(word) => visitor.visit_enum(word.as_str().into_deserializer()).map_err(|m| self.located(m)),
            Value::Map(_) => match self.node.get(TAG) {
                Some(tag) => match tag.text() {
                    Some(word) => visitor.visit_enum(TaggedDe { word, de: self }).map_err(|m| self.located(m)),
                    None => Err(De { node: tag, ..self }.wrong("expected one of the types, as a word")),
                },
                None => Err(self.located(Misfit::missing(TAG))),
            },
            _ => Err(self.wrong(&format!("expected one of: {}", variants.join(", ")))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

struct ListDe<'a, I> {
    items: I,
    de: De<'a>,
}

impl<'de, 'a, I: Iterator<Item = (usize, &'a Node)>> SeqAccess<'de> for ListDe<'a, I> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        for (index, node) in self.items.by_ref() {
            let trail = Trail::Item(self.de.trail, index);
            if !self.de.cx.removed.contains(&trail.path()) {
                let item = De { node, trail: &trail, split: None, ..self.de };
                return seed.deserialize(item).map(Some).map_err(|misfit| item.located(misfit));
            }
        }
        Ok(None)
    }
}

struct MapDe<'a, I> {
    entries: I,
    value: Option<&'a Entry>,
    de: De<'a>,
}

impl<'de, 'a, I: Iterator<Item = &'a Entry>> MapAccess<'de> for MapDe<'a, I> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        for entry in self.entries.by_ref() {
            let trail = Trail::Key(self.de.trail, &entry.key);
            if self.de.cx.removed.contains(&trail.path()) {
                continue;
            }
            self.value = Some(entry);
            let key: StrDeserializer<'_, Misfit> = entry.key.as_str().into_deserializer();
            return seed.deserialize(key).map(Some).map_err(|mut misfit| {
                misfit.path = Some(trail.path());
                misfit.at = Some(entry.key_at);
                misfit
            });
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let Some(entry) = self.value.take() else {
            return Err(self.de.wrong("a value without its key"));
        };
        let trail = Trail::Key(self.de.trail, &entry.key);
        let value = De { node: &entry.node, trail: &trail, split: None, ..self.de };
        // A type that is read from another type (`try_from`) fails after its reader is done: it is placed here.
        seed.deserialize(value).map_err(|misfit| value.located(misfit))
    }
}

/// A map read as the variant that its `type` names.
struct TaggedDe<'a> {
    word: &'a str,
    de: De<'a>,
}

impl<'de, 'a> EnumAccess<'de> for TaggedDe<'a> {
    type Error = Misfit;
    type Variant = De<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, De<'a>), Misfit> {
        let word: StrDeserializer<'_, Misfit> = self.word.into_deserializer();
        match seed.deserialize(word) {
            Ok(variant) => Ok((variant, self.de)),
            Err(mut misfit) => {
                misfit.path = Some(child(&self.de.trail.path(), TAG));
                misfit.at = self.de.node.get(TAG).map(|tag| tag.at);
                Err(misfit)
            }
        }
    }
}

impl<'de> VariantAccess<'de> for De<'_> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Misfit> {
        Err(self.wrong("expected a map of keys"))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}

struct SplitDe<'a> {
    de: De<'a>,
    taken: RefCell<Vec<&'static str>>,
    turn: u8,
}

impl<'de> SeqAccess<'de> for SplitDe<'_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.turn += 1;
        if self.turn > 2 {
            return Ok(None);
        }
        let split = Split { taken: &self.taken, last: self.turn == 2 };
        seed.deserialize(De { split: Some(&split), ..self.de }).map(Some)
    }
}
