//! KnownHostsCommand: whom to ask which host keys are known, beside the files.

use std::sync::Arc;

use super::error::SshConfigError;
use super::facts::Facts;
use super::host::HostConfig;
use super::keyword::Keyword;
use super::lexer;
use super::surroundings::Surroundings;
use super::tokens;

/// A command that writes lines of known_hosts (KnownHostsCommand), as words: no shell looks at it.
#[derive(Clone)]
pub struct KnownHostsCommand {
    program: String,
    /// With tokens.
    arguments: Vec<String>,
    facts: Facts,
    around: Arc<dyn Surroundings>,
}

/// What a [`KnownHostsCommand`] is asked: what its own tokens stand for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostQuestion<'a> {
    /// `%I`: `ORDER`, `HOSTNAME` or `ADDRESS`.
    pub(crate) invocation: &'static str,
    /// `%H`: the name or address that is looked for, as known_hosts has it.
    pub(crate) name: &'a str,
    /// `%t`, `%f` and `%K`: type, fingerprint and base64 of the key that the host shows, once it has shown one.
    pub(crate) key: Option<[&'a str; 3]>,
}

impl HostConfig {
    /// The command that knows host keys (KnownHostsCommand).
    ///
    /// # Errors
    /// A quote is not closed, or the program's path is not absolute.
    pub fn known_hosts_command(&self) -> Result<Option<KnownHostsCommand>, SshConfigError> {
        let Some(line) = self.text(Keyword::KnownHostsCommand) else { return Ok(None) };
        let wrong = |problem: &str| self.error(Keyword::KnownHostsCommand, problem);
        let mut words = lexer::all_words(line).map_err(|problem| wrong(&problem))?.into_iter();
        let program = words.next().unwrap_or_default();
        if !program.starts_with('/') {
            return Err(wrong("the path of its program is not absolute"));
        }
        let (facts, around) = (self.facts.clone(), Arc::clone(&self.sources.around));
        Ok(Some(KnownHostsCommand { program, arguments: words.collect(), facts, around }))
    }
}

impl KnownHostsCommand {
    /// Program and arguments. Tokens are put into words that are cut already: what stands for them cannot make two of one.
    pub(crate) fn words(&self, question: HostQuestion<'_>) -> Result<(&str, Vec<String>), SshConfigError> {
        let [kind, fingerprint, base64] = question.key.unwrap_or(["NONE"; 3]);
        let around = &*self.around;
        let token = |token: char| match token {
            'H' => Ok(question.name.to_owned()),
            'I' => Ok(question.invocation.to_owned()),
            't' => Ok(kind.to_owned()),
            'f' => Ok(fingerprint.to_owned()),
            'K' => Ok(base64.to_owned()),
            token => self.facts.token(token, tokens::ALL, around),
        };
        let variable = |name: &str| around.variable(name);
        let expand = |word: &String| tokens::expand(word, &token, Some(&variable));
        let arguments: Result<Vec<String>, String> = self.arguments.iter().map(expand).collect();
        let arguments =
            arguments.map_err(|problem| SshConfigError::new(format!("knownhostscommand: {problem}")))?;
        Ok((&self.program, arguments))
    }
}

impl std::fmt::Debug for KnownHostsCommand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("KnownHostsCommand");
        shown.field("program", &self.program).field("arguments", &self.arguments).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::SshConfig;
    use super::*;

    fn command(line: &str) -> Result<Option<KnownHostsCommand>, SshConfigError> {
        let config = SshConfig::empty().option(format!("KnownHostsCommand={line}")).option("User=robey");
        config.resolve("web").unwrap().known_hosts_command()
    }

    #[test]
    fn tokens_are_put_into_words_that_are_cut_already() {
        let line = "/bin/keys \"%I for\" %H %t:%f %K %n%p # '%r $x' %%";
        let command = command(line).unwrap().unwrap();
        let question = HostQuestion { invocation: "ORDER", name: "a b\"c", key: None };
        let (program, words) = command.words(question).unwrap();
        assert_eq!(program, "/bin/keys");
        assert_eq!(words, ["ORDER for", "a b\"c", "NONE:NONE", "NONE", "web22", "#", "robey $x", "%"]);
        let key = Some(["ssh-ed25519", "SHA256:x", "AAAA"]);
        let (_, words) = command.words(HostQuestion { key, ..question }).unwrap();
        assert_eq!(words[2..4], ["ssh-ed25519:SHA256:x", "AAAA"]);
    }

    #[test]
    fn a_program_has_an_absolute_path_and_quotes_end() {
        assert!(command("none").unwrap().is_none());
        for wrong in ["keys", "./keys", "%d/keys", "~/keys", "\"\""] {
            assert!(command(wrong).is_err(), "{wrong}");
        }
        let question = HostQuestion { invocation: "ORDER", name: "web", key: None };
        for wrong in ["/bin/keys %x", "/bin/keys %", "/bin/keys ${NO_SUCH_VARIABLE_HERE}"] {
            assert!(command(wrong).unwrap().unwrap().words(question).is_err(), "{wrong}");
        }
    }
}
