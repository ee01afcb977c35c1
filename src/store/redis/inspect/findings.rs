//! Findings about several servers, each said once.

use super::super::layout::Address;
use crate::store::Inspection;

/// Faults and warnings, with the servers that each is about.
pub(super) struct Findings {
    /// Whether it has to be said which server is meant.
    several: bool,
    faults: Vec<Finding>,
    warnings: Vec<Finding>,
}

struct Finding {
    /// The rest of the sentence "the store …".
    text: String,
    servers: Vec<Address>,
}

impl Findings {
    pub(super) fn new(several: bool) -> Self {
        Self { several, faults: Vec::new(), warnings: Vec::new() }
    }

    pub(super) fn fault(&mut self, server: Option<&Address>, text: &str) {
        add(&mut self.faults, server, text);
    }

    pub(super) fn warn(&mut self, server: Option<&Address>, text: &str) {
        add(&mut self.warnings, server, text);
    }

    pub(super) fn into_inspection(self, description: String) -> Inspection {
        let say = |findings: Vec<Finding>| findings.iter().map(|finding| finding.say(self.several)).collect();
        Inspection { description, faults: say(self.faults), warnings: say(self.warnings) }
    }
}

fn add(findings: &mut Vec<Finding>, server: Option<&Address>, text: &str) {
    match findings.iter_mut().find(|finding| finding.text == text) {
        Some(known) => known.servers.extend(server.cloned()),
        None => {
            findings.push(Finding { text: text.to_owned(), servers: server.cloned().into_iter().collect() })
        }
    }
}

impl Finding {
    fn say(&self, several: bool) -> String {
        if !several || self.servers.is_empty() {
            return self.text.clone();
        }
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        format!("at {} {}", servers.join(", "), self.text)
    }
}
