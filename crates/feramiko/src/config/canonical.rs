//! From the name that was said to the name that is meant (ssh_config(5), "CanonicalizeHostname").

use std::net::IpAddr;

use feramiko_keys::pattern;

use super::evaluate::Settings;
use super::keyword::Keyword;
use super::surroundings::Surroundings;

/// The canonical name of `host`, as far as the settings ask for one.
///
/// # Errors
/// The name has no address in any domain, and CanonicalizeFallbackLocal is no.
pub(super) fn canonical_host(
    host: &str,
    settings: &Settings,
    around: &dyn Surroundings,
) -> Result<String, String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(address.to_string());
    }
    let numeric = host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric || host.contains([':', '%']) {
        return Ok(host.to_owned());
    }
    let host = host.to_lowercase();
    let mode = settings.first(Keyword::CanonicalizeHostname).unwrap_or("false");
    let is_proxied = [Keyword::ProxyCommand, Keyword::ProxyJump].iter().any(|keyword| {
        settings.first(keyword.to_owned()).is_some_and(|way| !way.eq_ignore_ascii_case("none"))
    });
    // A name that a proxy will look up is not looked up here.
    if mode == "false" || (is_proxied && mode != "always") {
        return Ok(host);
    }
    let cnames = settings.all(Keyword::CanonicalizePermittedCnames);
    let cnames =
        if cnames.first().is_some_and(|first| first.eq_ignore_ascii_case("none")) { &[] } else { cnames };
    let follows = !cnames.is_empty();
    let candidates: Vec<String> = match host.strip_suffix('.') {
        Some(_) => vec![host.clone()],
        None => {
            let most =
                settings.first(Keyword::CanonicalizeMaxDots).and_then(|dots| dots.parse().ok()).unwrap_or(1);
            let domains = settings.all(Keyword::CanonicalDomains).iter();
            let domains = domains.take_while(|domain| !domain.eq_ignore_ascii_case("none"));
            let fits = host.matches('.').count() <= most;
            domains.filter(|_| fits).map(|domain| format!("{host}.{domain}.")).collect()
        }
    };
    for candidate in &candidates {
        if let Some(alias) = around.lookup(candidate, follows) {
            let name = candidate.trim_end_matches('.');
            return Ok(followed(name, alias, cnames));
        }
    }
    let has_tried = !candidates.is_empty();
    if has_tried && settings.first(Keyword::CanonicalizeFallbackLocal) == Some("no") {
        return Err(format!("the host {host} has no address in any of CanonicalDomains"));
    }
    let found = if follows { around.lookup(&host, true) } else { None };
    Ok(match found {
        Some(alias) => followed(&host, alias, cnames),
        None => host,
    })
}

/// The alias, where the rules (`source:target`, both lists of patterns) allow to follow it.
fn followed(name: &str, alias: Option<String>, rules: &[String]) -> String {
    let alias = alias.map(|alias| alias.trim_end_matches('.').to_lowercase());
    let matches = |list: &str, name: &str| pattern::list_matches(list.as_bytes(), name.as_bytes());
    let is_permitted = |alias: &String| {
        let mut rules = rules.iter().filter_map(|rule| rule.split_once(':'));
        rules.any(|(source, target)| matches(source, name) && matches(target, alias))
    };
    alias.filter(is_permitted).unwrap_or_else(|| name.to_owned())
}
