//! Completions and the manual page, from the definitions of the command line.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use crate::args::Cli;

/// Writes the completion script for that shell.
pub(crate) fn completions(shell: Shell, out: &mut dyn Write) -> io::Result<()> {
    // The generator panics where writing fails, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "feramiko", &mut script);
    out.write_all(&script)
}

/// Writes one manual page, in which every subcommand has its part.
pub(crate) fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut command = Cli::command();
    command.build();
    let page = Man::new(command.clone());
    page.render_title(out)?;
    page.render_name_section(out)?;
    page.render_synopsis_section(out)?;
    page.render_description_section(out)?;
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        let title = subcommand.get_display_name().unwrap_or(subcommand.get_name());
        writeln!(out, ".SH \"{}\"", title.replace('-', " ").to_uppercase())?;
        let mut part = Vec::new();
        let page = Man::new(subcommand.clone());
        page.render_synopsis_section(&mut part)?;
        page.render_description_section(&mut part)?;
        page.render_options_section(&mut part)?;
        // As subsections of this page.
        out.write_all(String::from_utf8_lossy(&part).replace(".SH ", ".SS ").as_bytes())?;
    }
    page.render_version_section(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_page_tells_of_every_subcommand_and_option() {
        let mut page = Vec::new();
        man(&mut page).unwrap();
        let page = String::from_utf8(page).unwrap();
        for text in [
            ".TH feramiko",
            "FERAMIKO SSH",
            "FERAMIKO BBS",
            "FERAMIKO DEMO",
            "known\\-hosts",
            "127.0.0.1:2200",
        ] {
            assert!(page.contains(text), "no {text} in\n{page}");
        }
    }

    #[test]
    fn every_shell_completes_the_subcommands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            completions(shell, &mut script).unwrap();
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("bbs") && script.contains("known-hosts"), "{shell}");
        }
    }
}
