//! Conditions: `binding.db == bundled`, `input.mode in [a, b] and not input.tls`.
//!
//! The whole language: `==`, `!=`, `in`, `and`, `or`, `not`, parentheses, words, numbers and quoted texts. A name is
//! `input.<name>`, `binding.<name>` or `sys.arch`; standing alone it means "is true". Values are compared as text.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A condition on inputs and bindings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct When {
    text: String,
    tree: Tree,
}

/// What is wrong with a condition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the condition «{text}» does not read: {problem}")]
pub struct InvalidWhen {
    text: String,
    problem: String,
}

/// A name that a condition asks about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fact {
    /// The answer to an input, as its variable would hold it.
    Input(String),
    /// Where a requirement comes from.
    Binding(String),
    /// The box's architecture.
    Arch,
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(name) => write!(f, "input.{name}"),
            Self::Binding(name) => write!(f, "binding.{name}"),
            Self::Arch => f.write_str("sys.arch"),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Tree {
    IsTrue(Fact),
    Is(Fact, Vec<String>),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
}

/// Parentheses and `not`s inside each other; a condition with more is refused.
const MAX_DEPTH: usize = 16;
/// Characters in one condition.
const MAX_CHARS: usize = 500;

impl When {
    /// Whether the condition holds. `value` tells what a name stands for; a name without a value is the empty text.
    pub fn holds(&self, value: &dyn Fn(&Fact) -> Option<String>) -> bool {
        self.tree.holds(value)
    }

    /// The names it asks about, in order, with repetitions.
    #[must_use]
    pub fn facts(&self) -> Vec<&Fact> {
        let mut facts = Vec::new();
        self.tree.facts(&mut facts);
        facts
    }

    /// The condition as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl Tree {
    fn holds(&self, value: &dyn Fn(&Fact) -> Option<String>) -> bool {
        match self {
            Self::IsTrue(fact) => value(fact).as_deref() == Some("true"),
            Self::Is(fact, wanted) => wanted.contains(&value(fact).unwrap_or_default()),
            Self::Not(inner) => !inner.holds(value),
            Self::And(left, right) => left.holds(value) && right.holds(value),
            Self::Or(left, right) => left.holds(value) || right.holds(value),
        }
    }

    fn facts<'a>(&'a self, out: &mut Vec<&'a Fact>) {
        match self {
            Self::IsTrue(fact) | Self::Is(fact, _) => out.push(fact),
            Self::Not(inner) => inner.facts(out),
            Self::And(left, right) | Self::Or(left, right) => {
                left.facts(out);
                right.facts(out);
            }
        }
    }
}

impl FromStr for When {
    type Err = InvalidWhen;

    fn from_str(text: &str) -> Result<Self, InvalidWhen> {
        let wrong = |problem: String| InvalidWhen { text: text.chars().take(80).collect(), problem };
        if text.chars().count() > MAX_CHARS {
            return Err(wrong(format!("it has more than {MAX_CHARS} characters")));
        }
        let tokens = tokens(text).map_err(wrong)?;
        let mut parser = Parser { tokens: tokens.into_iter().peekable(), depth: 0 };
        let tree = parser.either().map_err(wrong)?;
        match parser.tokens.next() {
            None => Ok(Self { text: text.to_owned(), tree }),
            Some(token) => Err(wrong(format!("«{token}» is too much"))),
        }
    }
}

impl TryFrom<String> for When {
    type Error = InvalidWhen;

    fn try_from(text: String) -> Result<Self, InvalidWhen> {
        text.parse()
    }
}

impl From<When> for String {
    fn from(when: When) -> Self {
        when.text
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Sign(&'static str),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(text) | Self::Quoted(text) => f.write_str(text),
            Self::Sign(sign) => f.write_str(sign),
        }
    }
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SIGNS: [&str; 7] = ["==", "!=", "(", ")", "[", "]", ","];
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        if let Some((sign, after)) = SIGNS.iter().find_map(|sign| rest.strip_prefix(sign).map(|after| (*sign, after))) {
            tokens.push(Token::Sign(sign));
            rest = after;
        } else if let Some(after) = rest.strip_prefix(['\'', '"']) {
            let (quoted, after) = after.split_once(first).ok_or("a quote is not closed")?;
            tokens.push(Token::Quoted(quoted.to_owned()));
            rest = after;
        } else {
            let is_word = |c: char| c.is_alphanumeric() || "._-/:+".contains(c);
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.is_empty() {
                return Err(format!("«{first}» means nothing here; put texts in quotes"));
            }
            tokens.push(Token::Word(word.to_owned()));
            rest = after;
        }
        rest = rest.trim_start();
    }
    Ok(tokens)
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    depth: usize,
}

impl Parser {
    fn either(&mut self) -> Result<Tree, String> {
        let mut left = self.both()?;
        while self.word("or") {
            left = Tree::Or(Box::new(left), Box::new(self.both()?));
        }
        Ok(left)
    }

    fn both(&mut self) -> Result<Tree, String> {
        let mut left = self.one()?;
        while self.word("and") {
            left = Tree::And(Box::new(left), Box::new(self.one()?));
        }
        Ok(left)
    }

    fn one(&mut self) -> Result<Tree, String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("it is nested too deeply".to_owned());
        }
        let tree = if self.word("not") {
            Tree::Not(Box::new(self.one()?))
        } else if self.sign("(") {
            let inner = self.either()?;
            self.expect(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(tree)
    }

    fn comparison(&mut self) -> Result<Tree, String> {
        let fact = match self.tokens.next() {
            Some(Token::Word(word)) => fact(&word)?,
            Some(other) => return Err(format!("a name such as input.x is missing before «{other}»")),
            None => return Err("a name such as input.x is missing at the end".to_owned()),
        };
        if self.sign("==") {
            Ok(Tree::Is(fact, vec![self.value()?]))
        } else if self.sign("!=") {
            Ok(Tree::Not(Box::new(Tree::Is(fact, vec![self.value()?]))))
        } else if self.word("in") {
            self.expect("[")?;
            let mut values = vec![self.value()?];
            while self.sign(",") {
                values.push(self.value()?);
            }
            self.expect("]")?;
            Ok(Tree::Is(fact, values))
        } else {
            Ok(Tree::IsTrue(fact))
        }
    }

    fn value(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Word(text) | Token::Quoted(text)) => Ok(text),
            Some(sign) => Err(format!("a value is missing before «{sign}»")),
            None => Err("a value is missing at the end".to_owned()),
        }
    }

    fn word(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(text) if text == word)).is_some()
    }

    fn sign(&mut self, sign: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Sign(found) if *found == sign)).is_some()
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.sign(sign) {
            return Ok(());
        }
        Err(match self.tokens.next() {
            Some(token) => format!("«{sign}» is missing before «{token}»"),
            None => format!("«{sign}» is missing at the end"),
        })
    }
}

fn fact(word: &str) -> Result<Fact, String> {
    match word.split_once('.') {
        Some(("input", name)) if !name.is_empty() => Ok(Fact::Input(name.to_owned())),
        Some(("binding", name)) if !name.is_empty() => Ok(Fact::Binding(name.to_owned())),
        Some(("sys", "arch")) => Ok(Fact::Arch),
        _ => Err(format!("«{word}» is not a name; write input.<name>, binding.<name> or sys.arch")),
    }
}
