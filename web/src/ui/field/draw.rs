//! How a field is drawn: the input in its line, its choices, its notes.

use maud::{Markup, Render, html};

use super::{Choice, Field, Kind, field_id};
use crate::ui::Icon;

impl Field {
    fn first(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }

    fn chosen(&self, choice: &Choice) -> bool {
        self.values.contains(&choice.value)
    }

    fn described_by(&self, id: &str) -> Option<String> {
        let help = self.help.is_some().then(|| format!("{id}-help"));
        let error = self.error.is_some().then(|| format!("{id}-error"));
        match (error, help) {
            (Some(error), Some(help)) => Some(format!("{error} {help}")),
            (one, other) => one.or(other),
        }
    }

    fn notes(&self, id: &str) -> Markup {
        html! {
            @if let Some(error) = &self.error {
                p class="field-error" id={ (id) "-error" } { (Icon::TriangleAlert) span { (error) } }
            }
            @if let Some(help) = &self.help { p class="field-help" id={ (id) "-help" } { (help) } }
        }
    }

    fn line(&self, id: &str, input_type: &str) -> Markup {
        let secret = input_type == "password";
        let value = (!secret && !self.first().is_empty()).then(|| self.first());
        let code = self.autocomplete == Some("one-time-code");
        let plain = self.mono || secret || matches!(input_type, "email" | "url");
        html! {
            div class="field-line" data-narrow[self.narrow] {
                input id=(id) type=(input_type) name=(self.name) value=[value] class=[self.mono.then_some("mono")]
                    required[self.required] disabled[self.disabled] autofocus[self.autofocus]
                    placeholder=[self.placeholder.as_deref()] autocomplete=[self.autocomplete]
                    inputmode=[self.input_mode] pattern=[self.pattern.as_deref()] title=[self.pattern_hint.as_deref()]
                    min=[self.min.as_deref()] max=[self.max.as_deref()] step=[self.step.as_deref()]
                    maxlength=[self.max_length] data-code[code]
                    autocapitalize=[plain.then_some("none")] spellcheck=[plain.then_some("false")]
                    aria-invalid=[self.error.is_some().then_some("true")] aria-describedby=[self.described_by(id)];
                @if let Some(unit) = &self.unit { span class="field-unit" { (unit) } }
                @if secret {
                    button type="button" class="field-button" data-reveal=(id) aria-pressed="false" {
                        (Icon::Eye) (Icon::EyeOff) span class="sr-only" { "Show " (self.label) }
                    }
                    @if self.generates {
                        button type="button" class="field-button" data-generate=(id) {
                            (Icon::Sparkles) span { "Generate" }
                        }
                    }
                }
            }
        }
    }

    fn label_words(&self) -> Markup {
        html! {
            (self.label)
            @if self.optional_note { span class="field-optional" { " optional" } }
        }
    }

    fn group(&self, id: &str, input_type: &str, choices: &[Choice]) -> Markup {
        html! {
            fieldset class="field" id=(id) data-invalid[self.error.is_some()] aria-describedby=[self.described_by(id)]
                disabled[self.disabled] {
                legend { (self.label_words()) }
                div class="choices" {
                    @for (index, choice) in choices.iter().enumerate() {
                        label class="choice" {
                            input type=(input_type) name=(self.name) value=(choice.value) checked[self.chosen(choice)]
                                required[self.required && input_type == "radio"]
                                autofocus[self.autofocus && index == 0];
                            span class="choice-text" {
                                span { (choice.label) }
                                @if let Some(help) = &choice.help { small { (help) } }
                            }
                        }
                    }
                }
                (self.notes(id))
            }
        }
    }

    fn toggle(&self, id: &str, class: &str) -> Markup {
        html! {
            div class="field" data-invalid[self.error.is_some()] {
                label class={ "choice " (class) } {
                    input id=(id) type="checkbox" role=[(class == "switch").then_some("switch")] name=(self.name)
                        value="on" checked[self.on] required[self.required] disabled[self.disabled]
                        autofocus[self.autofocus] aria-invalid=[self.error.is_some().then_some("true")]
                        aria-describedby=[self.described_by(id)];
                    span class="choice-text" { span { (self.label_words()) } }
                }
                (self.notes(id))
            }
        }
    }
}

impl Render for Field {
    fn render(&self) -> Markup {
        let id = field_id(&self.name);
        let input = match &self.kind {
            Kind::Radio(choices) => return self.group(&id, "radio", choices),
            Kind::Multi(choices) => return self.group(&id, "checkbox", choices),
            Kind::Switch => return self.toggle(&id, "switch"),
            Kind::Checkbox => return self.toggle(&id, "check"),
            Kind::Line(input_type) => self.line(&id, input_type),
            Kind::Area(lines) => html! {
                textarea id=(id) name=(self.name) rows=(lines) class=[self.mono.then_some("mono")]
                    required[self.required] disabled[self.disabled] autofocus[self.autofocus]
                    placeholder=[self.placeholder.as_deref()] maxlength=[self.max_length]
                    spellcheck=[self.mono.then_some("false")]
                    aria-invalid=[self.error.is_some().then_some("true")] aria-describedby=[self.described_by(&id)] {
                    (self.first())
                }
            },
            Kind::Select(choices) => html! {
                div class="field-line field-select" data-narrow[self.narrow] {
                    select id=(id) name=(self.name) required[self.required] disabled[self.disabled]
                        autofocus[self.autofocus] autocomplete=[self.autocomplete]
                        aria-invalid=[self.error.is_some().then_some("true")] aria-describedby=[self.described_by(&id)] {
                        @for choice in choices {
                            option value=(choice.value) selected[self.chosen(choice)] { (choice.label) }
                        }
                    }
                    (Icon::ChevronsUpDown)
                }
            },
        };
        html! {
            div class="field" data-invalid[self.error.is_some()] {
                label for=(id) { (self.label_words()) }
                (input)
                (self.notes(&id))
            }
        }
    }
}
