//! Form fields: label, input, unit, help and error in one piece, tied together for screen readers.

mod draw;

use maud::{Markup, Render};
use orbitr_model::Problem;

/// One of the values that a field offers.
#[derive(Clone, Debug)]
pub struct Choice {
    value: String,
    label: String,
    help: Option<String>,
}

impl Choice {
    /// What is sent and what is shown.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into(), help: None }
    }

    /// A sentence under the label, shown by radio and check boxes.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

#[derive(Clone, Debug)]
enum Kind {
    /// One line, with the HTML input type.
    Line(&'static str),
    Area(u32),
    Select(Vec<Choice>),
    Radio(Vec<Choice>),
    Multi(Vec<Choice>),
    Switch,
    Checkbox,
}

/// One field of a form.
#[derive(Clone, Debug)]
pub struct Field {
    kind: Kind,
    name: String,
    label: String,
    values: Vec<String>,
    on: bool,
    help: Option<Markup>,
    error: Option<String>,
    unit: Option<String>,
    placeholder: Option<String>,
    autocomplete: Option<&'static str>,
    input_mode: Option<&'static str>,
    pattern: Option<String>,
    pattern_hint: Option<String>,
    min: Option<String>,
    max: Option<String>,
    step: Option<String>,
    max_length: Option<u32>,
    required: bool,
    optional_note: bool,
    disabled: bool,
    autofocus: bool,
    mono: bool,
    generates: bool,
    narrow: bool,
}

/// The id of the input with this name; errors link to it.
#[must_use]
pub(super) fn field_id(name: &str) -> String {
    let safe = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    "field-".chars().chain(safe).collect()
}

impl Field {
    fn new(kind: Kind, name: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            label: label.into(),
            values: Vec::new(),
            on: false,
            help: None,
            error: None,
            unit: None,
            placeholder: None,
            autocomplete: None,
            input_mode: None,
            pattern: None,
            pattern_hint: None,
            min: None,
            max: None,
            step: None,
            max_length: None,
            required: false,
            optional_note: false,
            disabled: false,
            autofocus: false,
            mono: false,
            generates: false,
            narrow: false,
        }
    }

    /// One line of text.
    pub fn text(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Line("text"), name, label)
    }

    /// A password, with a button that shows it. Its value is never written back into the page.
    pub fn password(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Line("password"), name, label)
    }

    /// A mail address.
    pub fn email(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Line("email"), name, label).autocomplete("email")
    }

    /// A web address.
    pub fn url(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Line("url"), name, label)
    }

    /// A number; see [`Field::range`] and [`Field::unit`].
    pub fn number(name: impl Into<String>, label: impl Into<String>) -> Self {
        let mut field = Self::new(Kind::Line("number"), name, label);
        field.narrow = true;
        field
    }

    /// A network port, 1 to 65535.
    pub fn port(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::number(name, label).range("1", "65535")
    }

    /// A code that is read from somewhere and typed in: setup code, TOTP. Mono, wide-spaced, no corrections.
    pub fn code(name: impl Into<String>, label: impl Into<String>) -> Self {
        let mut field = Self::new(Kind::Line("text"), name, label).autocomplete("one-time-code").mono();
        field.narrow = true;
        field
    }

    /// A day: `YYYY-MM-DD`.
    pub fn date(name: impl Into<String>, label: impl Into<String>) -> Self {
        let mut field = Self::new(Kind::Line("date"), name, label);
        field.narrow = true;
        field
    }

    /// A search word.
    pub fn search(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Line("search"), name, label)
    }

    /// Several lines of text.
    pub fn area(name: impl Into<String>, label: impl Into<String>, lines: u32) -> Self {
        Self::new(Kind::Area(lines), name, label)
    }

    /// One of a list, folded.
    pub fn select(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Kind::Select(choices), name, label)
    }

    /// One of a few, all visible.
    pub fn radio(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Kind::Radio(choices), name, label)
    }

    /// Any of a list; sent as the same name several times.
    pub fn multi(name: impl Into<String>, label: impl Into<String>, choices: Vec<Choice>) -> Self {
        Self::new(Kind::Multi(choices), name, label)
    }

    /// On or off, for a setting. Sends `on` or nothing.
    pub fn switch(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Switch, name, label)
    }

    /// Yes or no, for an agreement. Sends `on` or nothing.
    pub fn checkbox(name: impl Into<String>, label: impl Into<String>) -> Self {
        Self::new(Kind::Checkbox, name, label)
    }

    /// What stands in it; for choices, the chosen value. May be called again for [`Field::multi`].
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.values.push(value.into());
        self
    }

    /// The values chosen in [`Field::multi`].
    #[must_use]
    pub fn values(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.values.extend(values);
        self
    }

    /// Whether a switch or a check box is on.
    #[must_use]
    pub const fn on(mut self, on: bool) -> Self {
        self.on = on;
        self
    }

    /// A sentence under the field; may hold a link.
    #[must_use]
    pub fn help(mut self, help: impl Render) -> Self {
        self.help = Some(help.render());
        self
    }

    /// What is wrong with it.
    #[must_use]
    pub fn error(mut self, error: Option<impl Into<String>>) -> Self {
        self.error = error.map(Into::into);
        self
    }

    /// Takes its error from a refusal, by the field's name.
    #[must_use]
    pub fn problem(self, problem: Option<&Problem>) -> Self {
        let error = problem.and_then(|problem| problem.message_for(&self.name)).map(str::to_owned);
        self.error(error)
    }

    /// The unit behind the input: «GiB», «seconds», «.local».
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = Some(unit.into());
        self
    }

    /// An example in the empty field.
    #[must_use]
    pub fn placeholder(mut self, placeholder: impl Into<String>) -> Self {
        self.placeholder = Some(placeholder.into());
        self
    }

    /// What the browser may fill in: an HTML autofill word.
    #[must_use]
    pub const fn autocomplete(mut self, word: &'static str) -> Self {
        self.autocomplete = Some(word);
        self
    }

    /// Which keyboard a phone shows: `numeric`, `decimal`, …
    #[must_use]
    pub const fn input_mode(mut self, mode: &'static str) -> Self {
        self.input_mode = Some(mode);
        self
    }

    /// What the browser already checks, and the words it gives for it.
    #[must_use]
    pub fn pattern(mut self, pattern: impl Into<String>, hint: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into());
        self.pattern_hint = Some(hint.into());
        self
    }

    /// Must be typed exactly so: for confirmations.
    #[must_use]
    pub fn must_equal(mut self, text: &str) -> Self {
        let literal: String = text
            .chars()
            .map(|c| if c.is_alphanumeric() || c == ' ' { c.to_string() } else { format!("\\u{{{:x}}}", u32::from(c)) })
            .collect();
        self.pattern = Some(literal);
        self.pattern_hint = Some(format!("Type {text}"));
        self.autocomplete = Some("off");
        self.required = true;
        self
    }

    /// The least and the most.
    #[must_use]
    pub fn range(mut self, min: impl Into<String>, max: impl Into<String>) -> Self {
        self.min = Some(min.into());
        self.max = Some(max.into());
        self
    }

    /// The least, where there is no most.
    #[must_use]
    pub fn min(mut self, min: impl Into<String>) -> Self {
        self.min = Some(min.into());
        self
    }

    /// The grain of a number; `any` for fractions.
    #[must_use]
    pub fn step(mut self, step: impl Into<String>) -> Self {
        self.step = Some(step.into());
        self
    }

    /// At most this many characters.
    #[must_use]
    pub const fn max_length(mut self, characters: u32) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// Must be filled in.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// Says «optional» behind the label; for forms in which most fields are required.
    #[must_use]
    pub const fn optional(mut self) -> Self {
        self.optional_note = true;
        self
    }

    /// Cannot be changed; say why in the help.
    #[must_use]
    pub const fn disabled(mut self, disabled: bool) -> Self {
        self.disabled = disabled;
        self
    }

    /// Has the cursor when the page opens; at most one, and none in a live part.
    #[must_use]
    pub const fn autofocus(mut self) -> Self {
        self.autofocus = true;
        self
    }

    /// In the mono font: addresses, ids, paths.
    #[must_use]
    pub const fn mono(mut self) -> Self {
        self.mono = true;
        self
    }

    /// A button beside a password that makes a strong one.
    #[must_use]
    pub const fn generates(mut self) -> Self {
        self.generates = true;
        self
    }

    /// Only as wide as a number or a code needs.
    #[must_use]
    pub const fn narrow(mut self) -> Self {
        self.narrow = true;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_never_written_back() {
        let html = Field::password("password", "Password").value("hunter2").render().into_string();
        assert!(!html.contains("hunter2"));
    }

    #[test]
    fn a_wrong_field_says_so_to_screen_readers() {
        let problem = Problem::field("inputs.port", "Port 80 is taken");
        let html =
            Field::port("inputs.port", "Port").help("Where it listens").problem(Some(&problem)).render().into_string();
        assert!(html.contains(r#"aria-invalid="true""#));
        assert!(html.contains(r#"aria-describedby="field-inputs-port-error field-inputs-port-help""#));
        assert!(html.contains("Port 80 is taken"));
    }

    #[test]
    fn what_must_be_typed_is_taken_literally() {
        let html = Field::text("confirm", "x").must_equal("a.b").render().into_string();
        assert!(html.contains(r#"pattern="a\u{2e}b""#), "{html}");
    }
}
