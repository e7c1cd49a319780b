//! Buttons. One primary per view; what destroys is red only where it is confirmed.

use maud::{Markup, Render, html};

use super::Icon;

#[derive(Clone, Copy, Debug, Default)]
enum Kind {
    Primary,
    #[default]
    Secondary,
    Quiet,
    Danger,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
            Self::Quiet => "quiet",
            Self::Danger => "danger",
        }
    }
}

/// A button: submits the form it stands in, goes somewhere, or posts by a small form of its own.
#[derive(Clone, Debug, Default)]
pub struct Button {
    label: String,
    kind: Kind,
    icon: Option<Icon>,
    trailing: Option<Icon>,
    icon_only: bool,
    small: bool,
    wide: bool,
    href: Option<String>,
    download: bool,
    opens: Option<&'static str>,
    closes: bool,
    post: Option<String>,
    hidden: Vec<(String, String)>,
    name: Option<(String, String)>,
    disabled: Option<String>,
    shortcut: Option<&'static str>,
    count: Option<u64>,
}

/// A button that submits the form it stands in; see the methods for the other kinds.
pub fn button(label: impl Into<String>) -> Button {
    Button { label: label.into(), ..Button::default() }
}

/// A link that looks like a button.
pub fn link_button(label: impl Into<String>, href: impl Into<String>) -> Button {
    Button { label: label.into(), href: Some(href.into()), ..Button::default() }
}

impl Button {
    /// The one thing that this view is for.
    #[must_use]
    pub const fn primary(mut self) -> Self {
        self.kind = Kind::Primary;
        self
    }

    /// Without a frame until it is pointed at.
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.kind = Kind::Quiet;
        self
    }

    /// Takes something away; only where it is confirmed.
    #[must_use]
    pub const fn danger(mut self) -> Self {
        self.kind = Kind::Danger;
        self
    }

    /// For rows and card heads.
    #[must_use]
    pub const fn small(mut self) -> Self {
        self.small = true;
        self
    }

    /// As wide as what it stands in, for sign-in and setup.
    #[must_use]
    pub const fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// A picture before the word.
    #[must_use]
    pub const fn icon(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// A picture after the word, for «goes on» arrows.
    #[must_use]
    pub const fn trailing(mut self, icon: Icon) -> Self {
        self.trailing = Some(icon);
        self
    }

    /// Only the picture; the label is read out and shown on hover.
    #[must_use]
    pub const fn icon_only(mut self, icon: Icon) -> Self {
        self.icon = Some(icon);
        self.icon_only = true;
        self
    }

    /// A link with `download`, which the script leaves alone.
    #[must_use]
    pub const fn download(mut self) -> Self {
        self.download = true;
        self
    }

    /// With JavaScript the page behind the link opens as a dialog over this one; without, it is gone to. That page's body
    /// must hold one element with `data-sheet`, as [`super::Confirm`] writes it.
    #[must_use]
    pub const fn opens_dialog(mut self) -> Self {
        self.opens = Some("dialog");
        self
    }

    /// Like [`Button::opens_dialog`], but at the side: for jobs.
    #[must_use]
    pub const fn opens_drawer(mut self) -> Self {
        self.opens = Some("drawer");
        self
    }

    /// Closes the dialog that it stands in; without JavaScript the link is followed.
    #[must_use]
    pub const fn closes_sheet(mut self) -> Self {
        self.closes = true;
        self
    }

    /// A form of its own that posts to this address: `ui::button("Stop").post("/apps/x/stop")`. Not inside another form.
    #[must_use]
    pub fn post(mut self, action: impl Into<String>) -> Self {
        self.post = Some(action.into());
        self
    }

    /// A hidden value in that form.
    #[must_use]
    pub fn hidden(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.hidden.push((name.into(), value.into()));
        self
    }

    /// Name and value that the form gets when it is submitted by this button.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.name = Some((name.into(), value.into()));
        self
    }

    /// Cannot be pressed now, and says why on hover and to screen readers.
    #[must_use]
    pub fn disabled_because(mut self, reason: impl Into<String>) -> Self {
        self.disabled = Some(reason.into());
        self
    }

    /// The key that presses it while no field has the focus, one letter; listed under `?`.
    #[must_use]
    pub const fn shortcut(mut self, key: &'static str) -> Self {
        self.shortcut = Some(key);
        self
    }

    /// A number behind the word.
    #[must_use]
    pub const fn count(mut self, count: u64) -> Self {
        self.count = Some(count);
        self
    }

    fn inside(&self) -> Markup {
        html! {
            @if let Some(icon) = self.icon { (icon) }
            @if self.icon_only { span class="sr-only" { (self.label) } } @else { span { (self.label) } }
            @if let Some(count) = self.count { span class="count" { (count) } }
            @if let Some(icon) = self.trailing { (icon) }
        }
    }

    fn class(&self) -> String {
        let mut class = format!("button button-{}", self.kind.as_str());
        for (set, name) in
            [(self.small, " button-small"), (self.wide, " button-wide"), (self.icon_only, " button-icon")]
        {
            if set {
                class.push_str(name);
            }
        }
        class
    }
}

impl Render for Button {
    fn render(&self) -> Markup {
        let tip = self.disabled.as_deref().or(self.icon_only.then_some(self.label.as_str()));
        let class = self.class();
        if let (Some(href), None) = (&self.href, &self.disabled) {
            return html! {
                a class=(class) href=(href) title=[tip] download[self.download] data-open=[self.opens]
                    data-close-sheet[self.closes] data-key=[self.shortcut] { (self.inside()) }
            };
        }
        let name = self.name.as_ref().map(|(name, _)| name);
        let value = self.name.as_ref().map(|(_, value)| value);
        let element = html! {
            button class=(class) type="submit" name=[name] value=[value] title=[tip] disabled[self.disabled.is_some()]
                data-key=[self.shortcut] {
                (self.inside())
                @if let Some(reason) = &self.disabled { span class="sr-only" { " (" (reason) ")" } }
            }
        };
        match &self.post {
            Some(action) => html! {
                form class="inline-form" method="post" action=(action) {
                    @for (name, value) in &self.hidden { input type="hidden" name=(name) value=(value); }
                    (element)
                }
            },
            None => element,
        }
    }
}
