//! What a node says: structured lines on standard error, as text or JSON.
//!
//! Invariant: no token, password or cookie. Ours are hidden by their types; the libraries below us write whole
//! frames and heads at `trace`, so from them nothing below `debug` passes, whatever the filter says.

use std::io::IsTerminal as _;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

use crate::config::{LogConfig, LogFormat};

/// Why logging can't be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("log must be a filter such as info or hotseat=debug,warn: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    #[error("something else in this process logs already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Sends this process's logs to standard error from now on.
///
/// # Errors
/// The filter is wrong, or it was called before.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    // https://no-color.org
    let colour =
        std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    subscriber(config, std::io::stderr, colour)?.try_init()?;
    Ok(())
}

fn subscriber<W>(
    config: &LogConfig,
    writer: W,
    colour: bool,
) -> Result<impl Subscriber + Send + Sync + use<W>, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&config.filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour);
    let lines = match config.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    // Said, because a function can't be asked: what no filter lets through is then refused where it is said, which the
    // libraries do several times a frame.
    let most = filter.max_level_hint().unwrap_or(LevelFilter::TRACE);
    let fit = filter_fn(is_fit_to_print).with_max_level_hint(most);
    Ok(Registry::default().with(lines.with_filter(filter).with_filter(fit)))
}

/// The targets of libraries that speak through the `log` crate arrive as `log`, which is not ours either.
fn is_fit_to_print(line: &Metadata<'_>) -> bool {
    let ours = line.target() == "hotseat" || line.target().starts_with("hotseat::");
    ours || *line.level() <= Level::DEBUG
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Collects lines.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What is printed of what `say` says.
    fn printed(filter: &str, format: LogFormat, say: impl FnOnce()) -> String {
        let page = Page::default();
        let writer = page.clone();
        let config = LogConfig { filter: filter.to_owned(), format };
        let subscriber = subscriber(&config, move || writer.clone(), false).unwrap();
        tracing::subscriber::with_default(subscriber, say);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_is_one_object_with_its_fields_at_the_top() {
        let text = printed("info", LogFormat::Json, || tracing::info!(user = "ann", "login\nseated"));
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["level"], &line["user"], &line["message"]),
            (&"INFO".into(), &"ann".into(), &"login\nseated".into())
        );
        assert_eq!(text.lines().count(), 1);
    }

    #[test]
    fn the_filter_decides_what_is_said() {
        let say = || {
            tracing::info!("loud");
            tracing::debug!("quiet");
        };
        let text = printed("info", LogFormat::Text, say);
        assert!(text.contains("loud") && !text.contains("quiet"), "{text}");
    }

    #[test]
    fn what_no_filter_lets_through_is_refused_where_it_is_said() {
        for (filter, most) in [("info", LevelFilter::INFO), ("hotseat=debug,warn", LevelFilter::DEBUG)] {
            let config = LogConfig { filter: filter.to_owned(), format: LogFormat::Text };
            assert_eq!(subscriber(&config, std::io::sink, false).unwrap().max_level_hint(), Some(most));
        }
    }

    #[test]
    fn libraries_can_not_be_made_to_print_what_they_receive() {
        let text = printed("trace", LogFormat::Text, || {
            tracing::trace!(target: "tungstenite::protocol", "received hs1.secret");
            tracing::trace!(target: "hotseat_like", "read hs1.secret");
            tracing::debug!(target: "tungstenite::protocol", "closed");
            tracing::trace!("ours");
        });
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains("closed") && text.contains("ours"), "{text}");
    }

    #[test]
    fn a_wrong_filter_is_refused_by_the_name_of_its_key() {
        let config = LogConfig { filter: "hotseat=loud".to_owned(), format: LogFormat::Text };
        let error = subscriber(&config, std::io::sink, false).err().unwrap();
        assert!(error.to_string().starts_with("log must be"), "{error}");
    }
}
