//! What somebody types at the terminal of this process and nobody beside them shall read.

use std::io::{self, Write};

use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};

/// Asks for one line on standard error and reads it from the terminal on standard input without showing it.
/// The line keeps its end. Blocks until the line is there.
///
/// # Errors
/// When standard input is no terminal, or it cannot be read.
pub fn read_hidden(question: &str) -> io::Result<String> {
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    write!(stderr, "{question}: ")?;
    stderr.flush()?;
    let shown = tcgetattr(&stdin)?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &hidden)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    tcsetattr(&stdin, SetArg::TCSAFLUSH, &shown)?;
    writeln!(stderr)?;
    read.map(|_| line)
}
