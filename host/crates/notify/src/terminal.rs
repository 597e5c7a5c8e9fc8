//! The terminal receiver: standard output, or standard error if standard output has a JSON report.

use std::io::{self, Write};

use crate::Terminal;
use crate::message::Message;

pub(super) fn send(message: &Message, terminal: Terminal) -> io::Result<()> {
    match terminal {
        Terminal::Stdout => write_line(&mut io::stdout().lock(), &message.text),
        Terminal::Writer(write) => write(message.level, &message.text),
    }
}

fn write_line(out: &mut impl Write, text: &str) -> io::Result<()> {
    writeln!(out, "{text}")?;
    out.flush()
}
