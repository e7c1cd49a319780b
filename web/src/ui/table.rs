//! Table: many things of one kind; on a phone each row becomes a card.

use maud::{Markup, PreEscaped, Render, html};

/// One column.
#[derive(Clone, Debug)]
pub struct Column {
    title: String,
    number: bool,
    sorts: bool,
    minor: bool,
    hidden_title: bool,
}

impl Column {
    /// A column with its title.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), number: false, sorts: false, minor: false, hidden_title: false }
    }

    /// For the buttons at a row's end; the title is only read out.
    pub fn actions() -> Self {
        Self { hidden_title: true, ..Self::new("Actions") }
    }

    /// Figures: at the right, digits of one width.
    #[must_use]
    pub const fn number(mut self) -> Self {
        self.number = true;
        self
    }

    /// Left out where the row becomes a card.
    #[must_use]
    pub const fn minor(mut self) -> Self {
        self.minor = true;
        self
    }

    /// Can be sorted by, in the browser. For lists that are whole on the page.
    #[must_use]
    pub const fn sortable(mut self) -> Self {
        self.sorts = true;
        self
    }
}

/// One value in a row.
#[derive(Clone, Debug)]
pub struct Cell {
    body: Markup,
    sort: Option<String>,
}

impl Cell {
    /// Text or markup.
    pub fn new(body: impl Render) -> Self {
        Self { body: body.render(), sort: None }
    }

    /// What it is sorted by where that is not its text: bytes, seconds, an RFC 3339 time.
    #[must_use]
    pub fn sort(mut self, key: impl ToString) -> Self {
        self.sort = Some(key.to_string());
        self
    }
}

impl<T: Render> From<T> for Cell {
    fn from(body: T) -> Self {
        Self::new(body)
    }
}

/// One row.
#[derive(Clone, Debug, Default)]
pub struct Row {
    cells: Vec<Cell>,
    href: Option<String>,
    drawer: bool,
    id: Option<String>,
    select: Option<String>,
    select_label: String,
}

impl Row {
    /// An empty row; add as many cells as there are columns.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next value.
    #[must_use]
    pub fn cell(mut self, cell: impl Into<Cell>) -> Self {
        self.cells.push(cell.into());
        self
    }

    /// Where a click on the row goes; the first cell becomes the link.
    #[must_use]
    pub fn href(mut self, href: impl Into<String>) -> Self {
        self.href = Some(href.into());
        self
    }

    /// The row's page opens at the side, see [`super::Button::opens_drawer`].
    #[must_use]
    pub const fn opens_drawer(mut self) -> Self {
        self.drawer = true;
        self
    }

    /// An id, which keeps the row itself through live changes of the list.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The value sent when the row is ticked, and what a screen reader calls it.
    #[must_use]
    pub fn select(mut self, value: impl Into<String>, label: impl Into<String>) -> Self {
        self.select = Some(value.into());
        self.select_label = label.into();
        self
    }
}

/// A table.
#[derive(Clone, Debug)]
pub struct Table {
    caption: String,
    columns: Vec<Column>,
    rows: Vec<Row>,
    filter: Option<String>,
    empty: Option<Markup>,
    select: Option<(String, Markup)>,
}

/// A table; `caption` is read out («Installed apps»).
pub fn table(caption: impl Into<String>, columns: impl IntoIterator<Item = Column>) -> Table {
    Table {
        caption: caption.into(),
        columns: columns.into_iter().collect(),
        rows: Vec::new(),
        filter: None,
        empty: None,
        select: None,
    }
}

impl Table {
    /// The rows.
    #[must_use]
    pub fn rows(mut self, rows: impl IntoIterator<Item = Row>) -> Self {
        self.rows.extend(rows);
        self
    }

    /// A box above that filters the rows in the browser; `/` goes there. For lists that are whole on the page; long ones
    /// use [`super::filters`].
    #[must_use]
    pub fn filter(mut self, label: impl Into<String>) -> Self {
        self.filter = Some(label.into());
        self
    }

    /// What stands there when there are no rows.
    #[must_use]
    pub fn empty(mut self, empty: impl Render) -> Self {
        self.empty = Some(empty.render());
        self
    }

    /// Rows can be ticked; `buttons` act on them and the table stands in a form. `name` is the field that carries the values.
    #[must_use]
    pub fn selectable(mut self, name: impl Into<String>, buttons: Markup) -> Self {
        self.select = Some((name.into(), buttons));
        self
    }

    fn head(&self) -> Markup {
        html! {
            thead role="rowgroup" {
                tr role="row" {
                    @if self.select.is_some() {
                        th scope="col" role="columnheader" class="table-tick" {
                            input type="checkbox" data-tick-all class="scripted" aria-label="Select all";
                        }
                    }
                    @for column in &self.columns {
                        th scope="col" role="columnheader" data-number[column.number] {
                            @if column.hidden_title { span class="sr-only" { (column.title) } }
                            @else if column.sorts {
                                button type="button" class="table-sort" data-sort { (column.title) (super::Icon::ArrowUp) }
                            } @else { (column.title) }
                        }
                    }
                }
            }
        }
    }

    fn row(&self, row: &Row) -> Markup {
        html! {
            tr role="row" id=[row.id.as_deref()] data-link[row.href.is_some()] {
                @if let Some((name, _)) = &self.select {
                    td class="table-tick" role="cell" {
                        @if let Some(value) = &row.select {
                            input type="checkbox" name=(name) value=(value) aria-label={ "Select " (row.select_label) };
                        }
                    }
                }
                @for (index, (cell, column)) in row.cells.iter().zip(&self.columns).enumerate() {
                    td data-label=[(!column.hidden_title).then_some(column.title.as_str())] data-number[column.number]
                        data-value=[cell.sort.as_deref()] data-end[column.hidden_title] data-minor[column.minor] role="cell" {
                        div class="cell" {
                            @match (&row.href, index) {
                                (Some(href), 0) => a class="row-link" href=(href)
                                    data-open=[row.drawer.then_some("drawer")] { (cell.body) },
                                _ => (cell.body),
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Render for Table {
    fn render(&self) -> Markup {
        if let (true, Some(empty)) = (self.rows.is_empty(), &self.empty) {
            return PreEscaped(empty.0.clone());
        }
        html! {
            div class="table-box" data-table {
                @if let Some(label) = &self.filter {
                    div class="table-tools scripted" {
                        label class="table-filter" {
                            (super::Icon::Search) span class="sr-only" { (label) }
                            input type="search" placeholder=(label) data-table-filter data-slash autocomplete="off";
                            kbd { "/" }
                        }
                        span class="table-found" role="status" data-table-found {}
                    }
                }
                div class="table-scroll" {
                    // The roles stay when the style sheet turns rows into cards.
                    table role="table" {
                        caption class="sr-only" { (self.caption) }
                        (self.head())
                        tbody role="rowgroup" { @for row in &self.rows { (self.row(row)) } }
                    }
                }
                @if let Some((_, buttons)) = &self.select { div class="table-bulk" data-bulk { (buttons) } }
            }
        }
    }
}
