//! Standard output: the line as it is. What the command says it with, standard error, where standard output belongs to a
//! report for machines.

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
