//! `%h`, `${HOME}` and `~` (ssh_config(5), "TOKENS" and "ENVIRONMENT VARIABLES").

/// Looks up an environment variable.
pub(super) type Variable<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The tokens of most keywords.
pub(super) const ALL: &str = "CdhijkLlnpru";
/// Those of ProxyCommand and ProxyJump.
pub(super) const OF_PROXIES: &str = "hnpr";
/// Those of HostName.
pub(super) const OF_HOST_NAME: &str = "h";
/// Those of User: all that do not depend on it.
pub(super) const OF_USER: &str = "dhijkLlnpu";

/// Replaces `%x` by what `token` knows of it and, where there is `variable`, `${NAME}` by the environment's. What is put
/// in is not looked at again.
pub(super) fn expand(
    text: &str,
    token: &dyn Fn(char) -> Result<String, String>,
    variable: Option<Variable<'_>>,
) -> Result<String, String> {
    let mut expanded = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['%', '$']) {
        let (before, from) = rest.split_at(at);
        expanded.push_str(before);
        let mut chars = from.chars();
        match (chars.next(), chars.next(), variable) {
            (Some('%'), Some('%'), _) => expanded.push('%'),
            (Some('%'), Some(name), _) => expanded.push_str(&token(name)?),
            (Some('%'), None, _) => return Err("a % at the end means nothing".to_owned()),
            (_, Some('{'), Some(variable)) => {
                let (name, after) = chars.as_str().split_once('}').ok_or("a ${ is not closed")?;
                let value =
                    Some(name).filter(|name| !name.is_empty() && !name.contains('\0')).and_then(variable);
                expanded.push_str(&value.ok_or_else(|| format!("the environment has no variable {name:?}"))?);
                rest = after;
                continue;
            }
            _ => {
                expanded.push('$');
                rest = from.strip_prefix('$').unwrap_or_default();
                continue;
            }
        }
        rest = chars.as_str();
    }
    Ok(expanded + rest)
}

/// Replaces `${NAME}` only.
pub(super) fn environment(text: &str, variable: Variable<'_>) -> Result<String, String> {
    // A % stands for itself here: doubled, it is one again.
    expand(&text.replace('%', "%%"), &|_| Err(String::new()), Some(variable))
}

/// Replaces `~` and `~user` at the beginning; `home_of` knows where users live, `None` being whoever runs this.
pub(super) fn tilde(path: &str, home_of: &dyn Fn(Option<&str>) -> Option<String>) -> Result<String, String> {
    let Some(rest) = path.strip_prefix('~') else { return Ok(path.to_owned()) };
    let (user, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let user = Some(user).filter(|user| !user.is_empty());
    let home = home_of(user).ok_or_else(|| match user {
        Some(user) => format!("there is no user {user:?} here"),
        None => "this user has no home".to_owned(),
    })?;
    Ok(format!("{}/{}", home.trim_end_matches('/'), rest.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(name: char) -> Result<String, String> {
        match name {
            'h' => Ok("host".to_owned()),
            'r' => Ok("%h${HOME}".to_owned()),
            name => Err(format!("no %{name}")),
        }
    }

    fn home(name: &str) -> Option<String> {
        (name == "HOME").then(|| "/home/robey".to_owned())
    }

    #[test]
    fn tokens_and_variables_are_replaced_once() {
        let both = |text| expand(text, &token, Some(&home));
        assert_eq!(both("[%h]:%%h ${HOME}/$x $").as_deref(), Ok("[host]:%h /home/robey/$x $"));
        assert_eq!(both("%r").as_deref(), Ok("%h${HOME}"), "what is put in is not looked at again");
        assert_eq!(expand("${HOME}%h", &token, None).as_deref(), Ok("${HOME}host"));
        assert_eq!(environment("${HOME}/%h%", &home).as_deref(), Ok("/home/robey/%h%"));
        for wrong in ["%", "%x", "${HOME", "${}", "${NONE}", "a%"] {
            assert!(both(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn homes() {
        let home_of = |user: Option<&str>| match user {
            None => Some("/home/robey/".to_owned()),
            Some("root") => Some("/root".to_owned()),
            Some(_) => None,
        };
        for (path, expected) in [
            ("~", "/home/robey/"),
            ("~/.ssh", "/home/robey/.ssh"),
            ("~//x", "/home/robey/x"),
            ("~root/x", "/root/x"),
            ("~root", "/root/"),
            ("/a/~", "/a/~"),
        ] {
            assert_eq!(tilde(path, &home_of).as_deref(), Ok(expected), "{path}");
        }
        assert!(tilde("~nobody-of-here/x", &home_of).is_err());
    }
}
