//! The terminal receiver: standard output, or standard error if standard output has a JSON report.

use std::io::{self, Write};

use super::{Line, Terminal};

pub(super) fn tell(line: &Line, terminal: Terminal) -> io::Result<()> {
    match terminal {
        Terminal::Stdout => write(&mut io::stdout().lock(), line),
        Terminal::Beside(say) => say(line.level, &line.text),
    }
}

fn write(out: &mut impl Write, line: &Line) -> io::Result<()> {
    writeln!(out, "{}", line.text)?;
    out.flush()
}
