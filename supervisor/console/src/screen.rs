//! What can be on the screen.

use orbitr_model::Problem;

use crate::{
    Deed, Hidden, Line, LogSource, What,
    network::{Fixed, Keep, Pick},
};

/// One screen; they lie on each other, and Esc takes the top one away.
#[derive(Clone, Debug)]
pub(crate) enum Screen {
    List(List),
    Text(Text),
    Log(Log),
    Question(Question),
    Form(Form),
    Busy(Busy),
    Pick(Pick),
    Fixed(Fixed),
    Keep(Keep),
    /// How to reach the box, drawn from the facts of the moment.
    Reach,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Good,
    Warn,
    Bad,
}

/// Something in a list, and what can be done with it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) state: String,
    pub(crate) tone: Tone,
    pub(crate) verbs: Vec<Choice>,
}

/// Something that can be done: the key, what it is called, and the question before it.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) key: char,
    pub(crate) label: &'static str,
    pub(crate) question: Question,
}

#[derive(Clone, Debug)]
pub(crate) struct List {
    pub(crate) what: What,
    /// None until they have come.
    pub(crate) rows: Option<Result<Vec<Row>, Problem>>,
    pub(crate) at: usize,
}

impl List {
    pub(crate) fn rows(&self) -> &[Row] {
        match &self.rows {
            Some(Ok(rows)) => rows,
            _ => &[],
        }
    }

    pub(crate) fn chosen(&self) -> Option<&Row> {
        self.rows().get(self.at)
    }

    pub(crate) const fn title(&self) -> &'static str {
        match self.what {
            What::Apps => "Apps",
            What::Services => "Services",
            What::Accounts => "Reset a password",
            What::Targets => "Install to a disk",
        }
    }
}

/// Something to read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    pub(crate) from: usize,
    pub(crate) tone: Tone,
    /// It waits for this.
    pub(crate) waits: Option<crate::Shown>,
    /// Where the key `c` leads: changing what is shown.
    pub(crate) change: Option<Box<Screen>>,
}

impl Text {
    pub(crate) fn new(title: impl Into<String>, lines: Vec<String>) -> Self {
        Self { title: title.into(), lines, ..Self::default() }
    }

    /// A problem: what happened, why, what next.
    pub(crate) fn problem(problem: &Problem) -> Self {
        let mut lines = Vec::new();
        for part in [&problem.detail, &problem.next] {
            if !part.is_empty() {
                lines.extend([part.clone(), String::new()]);
            }
        }
        lines.extend(problem.fields.iter().map(|field| format!("{}: {}", field.field, field.message)));
        Self { tone: Tone::Bad, ..Self::new(problem.title.trim_end_matches('.'), lines) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) source: LogSource,
    pub(crate) lines: Vec<Line>,
    /// Lines below the window; 0 follows the newest.
    pub(crate) below: usize,
    /// Whether older lines were asked for and have not come.
    pub(crate) asked: bool,
    /// Whether there is nothing before the first line.
    pub(crate) whole: bool,
    pub(crate) problem: Option<Problem>,
}

impl Log {
    pub(crate) const fn new(source: LogSource) -> Self {
        Self { source, lines: Vec::new(), below: 0, asked: true, whole: false, problem: None }
    }
}

/// Before something is done.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) title: String,
    pub(crate) lines: Vec<String>,
    /// What Enter does, as words on a button.
    pub(crate) yes: &'static str,
    pub(crate) deed: Deed,
    /// What must be typed instead of chosen, where something goes that nothing brings back.
    pub(crate) typed: Option<Field>,
    /// Which is chosen: at first «Back», so that Enter pressed twice does nothing.
    pub(crate) sure: bool,
}

impl Question {
    pub(crate) fn new(title: impl Into<String>, lines: Vec<String>, yes: &'static str, deed: Deed) -> Self {
        Self { title: title.into(), lines, yes, deed, typed: None, sure: false }
    }

    /// The same, answered by typing a serial number.
    pub(crate) fn with_serial(self) -> Self {
        Self { typed: Some(Field { label: "Serial", hidden: false, value: String::new() }), ..self }
    }
}

/// Proves who is there.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) title: &'static str,
    pub(crate) lines: Vec<String>,
    pub(crate) fields: Vec<Field>,
    pub(crate) at: usize,
    /// What the first step answered, when a code is typed.
    pub(crate) challenge: Option<Hidden>,
}

#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) label: &'static str,
    pub(crate) hidden: bool,
    pub(crate) value: String,
}

impl std::fmt::Debug for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Field").field("label", &self.label).finish_non_exhaustive()
    }
}

/// Something is being done.
#[derive(Clone, Debug)]
pub(crate) struct Busy {
    pub(crate) title: String,
    pub(crate) message: String,
    pub(crate) fraction: Option<f64>,
}
