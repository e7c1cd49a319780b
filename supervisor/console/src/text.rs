//! Words on a screen: harmless, in lines, of a length.

/// The text without control characters and marks that turn text around: names and log lines are other people's, and must
/// not steer the terminal. Without signs, what is not ASCII becomes `?`, as nobody knows what the terminal would make of it.
pub(crate) fn clean(text: &str, signs: bool) -> String {
    let harmless = |c: char| match c {
        '\t' | '\n' | '\r' | '\u{a0}' | '\u{202f}' => ' ',
        c if c.is_ascii_graphic() || c == ' ' => c,
        c if c.is_control() || !signs => plain(c),
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' => '?',
        c => c,
    };
    text.chars().map(harmless).collect()
}

const fn plain(c: char) -> char {
    match c {
        '«' | '»' | '“' | '”' => '"',
        '‘' | '’' => '\'',
        '–' | '—' | '·' | '•' => '-',
        '…' => '.',
        _ => '?',
    }
}

/// The text in lines of at most `width` characters, broken between words where that goes.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for given in text.split('\n') {
        let mut line = String::new();
        for word in given.split_whitespace() {
            let mut word: Vec<char> = word.chars().collect();
            if !line.is_empty() && line.chars().count() + 1 + word.len() > width {
                lines.push(std::mem::take(&mut line));
            }
            while word.len() > width {
                let rest = word.split_off(width);
                lines.push(word.iter().collect());
                word = rest;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(word);
        }
        lines.push(line);
    }
    lines
}

/// Seconds in the two largest units that fit.
pub(crate) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_can_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[2J\u{7}b\nc\u{202e}Größe", true), "a?[2J?b c?Größe");
        assert_eq!(clean("«Größe» – x…", false), "\"Gr??e\" - x.");
    }

    #[test]
    fn words_are_broken_only_when_they_must() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 5), ["abcde", "fgh", "ij"]);
        assert_eq!(wrap("a\nb", 5), ["a", "b"]);
        assert_eq!(wrap("", 5), [""]);
    }
}
