//! From sources to a [`Config`]: flags beat environment beats file beats profile beats default.

use std::collections::BTreeMap;
use std::path::Path;

use toml::{Table, Value};

use super::keys::{KEYS, Key, TABLES};
use super::nearest::nearest;
use super::problem::{ConfigError, Origin, Problem, Refusal};
use super::{Config, demo, validate};

/// What every variable of ours begins with.
const PREFIX: &str = "HOTSEAT_";
/// Names the file; no key, because a file can't name itself.
const CONFIG_VARIABLE: &str = "HOTSEAT_CONFIG";

/// The keys that are flags of the command line too.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub listen: Option<String>,
    pub store: Option<String>,
    pub demo: bool,
}

/// Everything that decides a configuration.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The name of the file, and what is in it.
    pub file: Option<(String, String)>,
    /// Variables; those that are not ours are ignored, as are empty ones.
    pub environment: Vec<(String, String)>,
    pub flags: Flags,
}

impl Sources {
    /// Reads the environment of this process and `file`, or the one that `HOTSEAT_CONFIG` names.
    ///
    /// # Errors
    /// The file can't be read, or a variable of ours is not UTF-8.
    pub fn of_process(file: Option<&Path>, flags: Flags) -> Result<Self, ConfigError> {
        let named = std::env::var_os(CONFIG_VARIABLE).filter(|name| !name.is_empty());
        let file = match file.or(named.as_ref().map(Path::new)) {
            Some(path) => Some((path.display().to_string(), read(path)?)),
            None => None,
        };
        let mut environment = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if name.starts_with(PREFIX) {
                let value = value.into_string();
                let value = value.map_err(|_| one(Refusal::new("must be UTF-8").of(&name, None)))?;
                environment.push((name, value));
            }
        }
        Ok(Self { file, environment, flags })
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        one(Refusal::new(format!("can't be read: {error}")).of(&path.display().to_string(), None))
    })
}

fn one(problem: Problem) -> ConfigError {
    ConfigError(vec![problem])
}

/// A configuration that can be used, and what the operator should know of it.
#[derive(Debug)]
pub struct Loaded {
    pub config: Config,
    pub warnings: Vec<String>,
}

/// Layers the sources and checks the result.
///
/// # Errors
/// Everything that is wrong with any source; or, if each value is right by itself, every relation that does not hold.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::default();
    if let Some((name, text)) = &sources.file {
        layers.add_file(name, text)?;
    }
    layers.add_environment(&sources.environment);
    layers.add_flags(&sources.flags);
    let (mut config, origins) = layers.apply()?;

    let problems = validate::settle(&mut config, &origins);
    if !problems.is_empty() {
        return Err(ConfigError(problems));
    }
    if config.demo {
        demo::furnish(&mut config).map_err(|refusal| one(refusal.of("demo", origins.get("demo"))))?;
    }
    layers.warnings.extend(validate::advise(&config));
    Ok(Loaded { config, warnings: layers.warnings })
}

/// Where each key that is not left to its default was last set.
pub(super) type Origins = BTreeMap<&'static str, Origin>;

type Setting = (&'static Key, Value, Origin);

/// What was set, the weakest layer first.
#[derive(Default)]
struct Layers {
    settings: Vec<Setting>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
}

impl Layers {
    fn add_file(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let table: Table = text.parse().map_err(|error| one(malformed(name, text, &error)))?;
        self.add_table("", table, &Origin::File(name.to_owned()));
        Ok(())
    }

    fn add_table(&mut self, prefix: &str, table: Table, origin: &Origin) {
        for (name, value) in table {
            let name = format!("{prefix}{name}");
            match value {
                value if TABLES.contains(&name.as_str()) => self.add_members(&name, value, origin),
                value => match Key::named(&name) {
                    Some(key) => self.settings.push((key, value, origin.clone())),
                    None => self.problems.push(unknown(&name).of(&name, Some(origin))),
                },
            }
        }
    }

    fn add_members(&mut self, name: &str, value: Value, origin: &Origin) {
        match value {
            Value::Table(members) => self.add_table(&format!("{name}."), members, origin),
            _ => self.problems.push(no_table().of(name, Some(origin))),
        }
    }

    /// Adds the variables in the order of their names, so that `HOTSEAT_RATE__LOGIN` beats `HOTSEAT_RATE`.
    ///
    /// One that is no key is only warned of: other software names variables too. Kubernetes hands every pod a
    /// `HOTSEAT_PORT` and more as soon as a service is called hotseat.
    fn add_environment(&mut self, environment: &[(String, String)]) {
        let set = environment.iter().filter(|(name, text)| name != CONFIG_VARIABLE && !text.is_empty());
        let variables: BTreeMap<&String, &String> = set.map(|(name, text)| (name, text)).collect();
        for (variable, text) in variables {
            let Some(name) = variable.strip_prefix(PREFIX) else { continue };
            let name = name.to_lowercase().replace("__", ".");
            let origin = Origin::Variable(variable.clone());
            if TABLES.contains(&name.as_str()) {
                match serde_json::from_str(text) {
                    Ok(value) => self.add_members(&name, value, &origin),
                    Err(_) => self.problems.push(no_table().of(&name, Some(&origin))),
                }
                continue;
            }
            match Key::named(&name).map(|key| (key, key.read_variable(text))) {
                Some((key, Ok(value))) => self.settings.push((key, value, origin)),
                Some((key, Err(refusal))) => self.problems.push(refusal.of(key.name, Some(&origin))),
                None => self.warnings.push(format!("{variable} is ignored: it {}", unknown_variable(&name))),
            }
        }
    }

    fn add_flags(&mut self, flags: &Flags) {
        let text = |text: &Option<String>| text.clone().map(Value::String);
        let flags = [
            ("listen", "--listen", text(&flags.listen)),
            ("store", "--store", text(&flags.store)),
            ("demo", "--demo", flags.demo.then_some(Value::Boolean(true))),
        ];
        for (name, flag, value) in flags {
            if let (Some(key), Some(value)) = (Key::named(name), value) {
                self.settings.push((key, value, Origin::Flag(flag)));
            }
        }
    }

    /// Sets everything over the defaults of the profile, which is therefore found out first. All wrong values are
    /// refused, also those that a stronger layer overrides.
    fn apply(&mut self) -> Result<(Config, Origins), ConfigError> {
        let mut config = Config::default();
        let mut origins = Origins::new();
        let (profile, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.settings).into_iter().partition(|(key, ..)| key.name == "profile");
        self.set_all(profile, &mut config, &mut origins);
        config = Config::of_profile(config.profile);
        self.set_all(rest, &mut config, &mut origins);
        let problems = std::mem::take(&mut self.problems);
        if problems.is_empty() { Ok((config, origins)) } else { Err(ConfigError(problems)) }
    }

    fn set_all(&mut self, settings: Vec<Setting>, config: &mut Config, origins: &mut Origins) {
        for (key, value, origin) in settings {
            match key.set(config, &value) {
                Ok(()) => drop(origins.insert(key.name, origin)),
                Err(refusal) => self.problems.push(refusal.of(key.name, Some(&origin))),
            }
        }
    }
}

fn no_table() -> Refusal {
    Refusal::new("must be a table (in a variable: in JSON), whose members are keys")
}

fn unknown(name: &str) -> Refusal {
    Refusal::new(match nearest(name) {
        // A key that stands below a [table] header belongs to the table, wherever it was meant.
        Some(key) if name.contains('.') && !key.contains('.') => {
            format!("is no key; did you mean {key}, which belongs above the first [table]?")
        }
        Some(key) => format!("is no key; did you mean {key}?"),
        None => {
            let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
            format!("is no key; there are {}", names.join(", "))
        }
    })
}

fn unknown_variable(name: &str) -> String {
    match nearest(name) {
        Some(key) => format!("is no key; did you mean {PREFIX}{}?", key.replace('.', "__").to_uppercase()),
        None => "is no key of the configuration".to_owned(),
    }
}

/// What is wrong with the form of the file, by line and key. The line itself is not shown: it may hold a secret.
fn malformed(name: &str, text: &str, error: &toml::de::Error) -> Problem {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.get(..start).unwrap_or_default();
    let line = before.lines().count().max(1) + usize::from(before.ends_with('\n'));
    let key = text.lines().nth(line - 1).and_then(|line| line.split_once('='));
    // Only what can be a key: what else stands before a = may be part of a value.
    let word = |text: &&str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte));
    let key = key.map(|(key, _)| key.trim()).filter(word);
    let key = key.map(|key| format!(" ({key})")).unwrap_or_default();
    Refusal::new(format!("is not TOML: line {line}{key}: {}", error.message())).of(name, None)
}
