//! How JSON stands on lines: one for each key of the document, each mirror and each result, so that two reports can be
//! compared line by line; or everything on one. Characters that cannot be seen are written as `\u` escapes.

use std::io;

use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};

use crate::report::escape::{has_hidden, is_hidden, runner_command};

/// Writes any value in the form of the report.
pub(in crate::report) fn write_value(value: &impl Serialize, out: &mut dyn io::Write) -> io::Result<()> {
    write_value_to(Depth { of_lists: LIST_LINES, of_objects: OBJECT_LINES }, value, out)
}

/// Writes any value, with other depths of lines.
pub(in crate::report) fn write_value_to(
    lines: Depth,
    value: &impl Serialize,
    out: &mut dyn io::Write,
) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, Lines::to(lines));
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// How deep lists and objects have a line for each of their parts; what is deeper stays on its line.
#[derive(Clone, Copy)]
pub(in crate::report) struct Depth {
    pub(in crate::report) of_lists: usize,
    pub(in crate::report) of_objects: usize,
}

/// Lines down to a depth.
struct Lines {
    to: Depth,
    depth: usize,
    /// Whether something stands in the list or object that is open.
    is_filled: bool,
}

impl Lines {
    const fn to(to: Depth) -> Self {
        Self { to, depth: 0, is_filled: false }
    }

    fn line<W: io::Write + ?Sized>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }

    fn open<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: u8) -> io::Result<()> {
        self.depth += 1;
        self.is_filled = false;
        writer.write_all(&[bracket])
    }

    fn separate<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
        lines: usize,
    ) -> io::Result<()> {
        self.is_filled = true;
        if !first {
            writer.write_all(b",")?;
        }
        if self.depth <= lines { self.line(writer) } else { Ok(()) }
    }

    fn close<W: io::Write + ?Sized>(&mut self, writer: &mut W, bracket: u8, lines: usize) -> io::Result<()> {
        let had_lines = self.is_filled && self.depth <= lines;
        self.depth -= 1;
        self.is_filled = true;
        if had_lines {
            self.line(writer)?;
        }
        writer.write_all(&[bracket])
    }
}

/// Depth down to which each element of a list has its own line.
const LIST_LINES: usize = 2;
/// Depth down to which each key of an object has its own line.
const OBJECT_LINES: usize = 1;

impl Formatter for Lines {
    fn begin_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b'[')
    }

    fn begin_array_value<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first, self.to.of_lists)
    }

    fn end_array<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b']', self.to.of_lists)
    }

    fn begin_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b'{')
    }

    fn begin_object_key<W: io::Write + ?Sized>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.separate(writer, first, self.to.of_objects)
    }

    fn end_object<W: io::Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b'}', self.to.of_objects)
    }

    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_visible(writer, fragment)
    }

    fn write_char_escape<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        escape: CharEscape,
    ) -> io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(writer, escape)
    }
}

/// Everything on one line.
pub(in crate::report) struct Compact;

impl Formatter for Compact {
    fn write_string_fragment<W: io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        write_visible(writer, fragment)
    }
}

/// Hidden characters as `\u` escapes, all others as they are; what a CI runner would take for a command
/// wherever it stands (see [`crate::report::escape::terminal`]) is parted by such an escape.
fn write_visible<W: io::Write + ?Sized>(writer: &mut W, fragment: &str) -> io::Result<()> {
    let mut command = runner_command(fragment);
    if !has_hidden(fragment) && command.is_none() {
        return writer.write_all(fragment.as_bytes());
    }
    let mut plain_from = 0;
    for (at, c) in fragment.char_indices() {
        let is_command = command == Some(at);
        if is_command {
            command = runner_command(&fragment[at + 1..]).map(|next| at + 1 + next);
        }
        if !is_hidden(c) && !is_command {
            continue;
        }
        writer.write_all(&fragment.as_bytes()[plain_from..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(writer, "\\u{unit:04x}")?;
        }
        plain_from = at + c.len_utf8();
    }
    writer.write_all(&fragment.as_bytes()[plain_from..])
}
