//! Server-Sent Events, as far as a node sends them: `event`, `id`, `data`, comments.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>, 9.2.6. Invariant: what waits for its end is bounded.

/// Longer than any event of a node.
const MAX_FRAME_BYTES: usize = 64 * 1024;

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Empty where none was named.
    pub event: String,
    pub id: Option<String>,
    pub data: String,
}

/// What has come and is not yet a whole event.
#[derive(Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    frame: Frame,
}

/// A frame is longer than any that a node sends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Parser {
    /// The events that `bytes` complete.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, TooLong> {
        let mut frames = Vec::new();
        for &byte in bytes {
            if byte != b'\n' {
                self.line.push(byte);
                if self.line.len() + self.frame.data.len() > MAX_FRAME_BYTES {
                    return Err(TooLong);
                }
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(&line)).into_owned();
            if line.is_empty() {
                // An event without data is none.
                let frame = std::mem::take(&mut self.frame);
                frames.extend((!frame.data.is_empty()).then_some(frame));
            } else {
                self.take(&line);
            }
        }
        Ok(frames)
    }

    fn take(&mut self, line: &str) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.frame.event),
            "id" => self.frame.id = Some(value.to_owned()),
            "data" => {
                if !self.frame.data.is_empty() {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            // A comment has no name; `retry` is for browsers.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_the_bytes_come_the_events_are_the_same() {
        let text = ": hello\nretry: 2000\n\nevent: event\nid: 1-2-3\ndata: {\"a\":1}\n\n:\n\nevent:gap\r\ndata:x\r\ndata: y\r\n\r\n";
        let wanted = [
            Frame { event: "event".into(), id: Some("1-2-3".into()), data: "{\"a\":1}".into() },
            Frame { event: "gap".into(), id: None, data: "x\ny".into() },
        ];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let chunks = text.as_bytes().chunks(size).map(|chunk| parser.push(chunk).unwrap());
            assert_eq!(chunks.flatten().collect::<Vec<_>>(), wanted, "{size} bytes at a time");
        }
    }

    #[test]
    fn what_never_ends_is_not_gathered() {
        let mut parser = Parser::default();
        let endless = [b"data: ".as_slice(), &vec![b'x'; MAX_FRAME_BYTES]].concat();
        assert_eq!(parser.push(&endless), Err(TooLong));
    }
}
