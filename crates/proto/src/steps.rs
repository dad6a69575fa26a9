//! [`Steps`]: which methods of authentication, one after the other, let somebody in.

use std::fmt;
use std::str::FromStr;

use crate::error::ConfigError;

/// The methods that steps are made of: those that prove something (RFC 4252 sections 7 to 9, RFC 4256).
const METHODS: [&str; 4] = ["publickey", "password", "keyboard-interactive", "hostbased"];

/// Which methods of authentication, one after the other, let somebody in: as `AuthenticationMethods` of sshd_config(5).
///
/// Ways are separated by spaces, the steps of a way by commas, and to walk one way to its end is enough. With no way at
/// all, one step by any method that the server allows is.
///
/// ```
/// use feramiko_proto::Steps;
///
/// let steps: Steps = "publickey,password publickey,keyboard-interactive".parse()?;
/// assert_eq!(steps.first(), ["publickey"]);
/// assert!("publickey,passwort".parse::<Steps>().is_err());
/// # Ok::<(), feramiko_proto::ConfigError>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Steps(Vec<Vec<String>>);

impl Steps {
    /// The methods that may be tried first.
    pub fn first(&self) -> Vec<String> {
        Progress::new(self).allowed()
    }

    /// Whether nothing is said: any one method is enough.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Steps {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        const CATEGORY: &str = "authentication method";
        let method = |name: &str| match name {
            "" => Err(ConfigError::Empty { category: CATEGORY }),
            name if METHODS.contains(&name) => Ok(name.to_owned()),
            name => Err(ConfigError::Unknown { category: CATEGORY, name: name.to_owned() }),
        };
        let way = |way: &str| way.split(',').map(method).collect();
        let ways: Vec<_> = text.split_whitespace().map(way).collect::<Result<_, _>>()?;
        if ways.is_empty() {
            return Err(ConfigError::Empty { category: CATEGORY });
        }
        Ok(Self(ways))
    }
}

impl fmt::Display for Steps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ways: Vec<String> = self.0.iter().map(|way| way.join(",")).collect();
        f.write_str(&ways.join(" "))
    }
}

/// How far a client has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Vec<Vec<String>>);

impl Progress {
    pub(crate) fn new(steps: &Steps) -> Self {
        Self(steps.0.clone())
    }

    /// The methods that may be tried now.
    pub(crate) fn allowed(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for name in self.0.iter().filter_map(|way| way.first()) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        names
    }

    /// A step by this method was done. Whether it was the last.
    pub(crate) fn pass(&mut self, method: &str) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let ways = self.0.iter_mut().filter(|way| way.first().is_some_and(|first| first == method));
        let mut done = false;
        for way in ways {
            way.remove(0);
            done |= way.is_empty();
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_walked_in_its_order() {
        let steps: Steps = "publickey,password,keyboard-interactive hostbased,password".parse().unwrap();
        let mut progress = Progress::new(&steps);
        assert_eq!(progress.allowed(), ["publickey", "hostbased"]);
        assert!(!progress.pass("password"), "not its turn in any way");
        assert!(!progress.pass("publickey"));
        assert_eq!(progress.allowed(), ["password", "hostbased"]);
        assert!(!progress.pass("password"));
        assert!(!progress.pass("hostbased"));
        assert_eq!(progress.allowed(), ["keyboard-interactive", "password"]);
        assert!(progress.clone().pass("keyboard-interactive"));
        assert!(progress.pass("password"));
        assert!(
            Progress::new(&Steps::default()).pass("password"),
            "where nothing is said, one step is enough"
        );
    }

    #[test]
    fn what_is_written_is_what_is_read_and_mistakes_are_named() {
        let text = "publickey,publickey password";
        assert_eq!(text.parse::<Steps>().unwrap().to_string(), text);
        for wrong in ["", " ", "publickey,", ",password", "none", "any", "publickey;password"] {
            assert!(wrong.parse::<Steps>().is_err(), "{wrong:?}");
        }
        let error = "publickey,none".parse::<Steps>().unwrap_err();
        assert!(error.to_string().contains("\"none\""), "{error}");
    }
}
