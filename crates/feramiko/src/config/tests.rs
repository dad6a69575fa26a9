//! The evaluation on a machine that is made up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use super::*;

/// A machine of files and names in memory.
#[derive(Default)]
struct Stage {
    files: BTreeMap<String, Vec<u8>>,
    /// Names with an address, and the names that they stand for.
    names: BTreeMap<String, Option<String>>,
    /// What `Match exec` ran.
    ran: Mutex<Vec<String>>,
}

impl Surroundings for Stage {
    fn user(&self) -> Option<String> {
        Some("me".to_owned())
    }

    fn uid(&self) -> u32 {
        1000
    }

    fn system_folder(&self) -> Option<String> {
        Some("/etc/ssh".to_owned())
    }

    fn home_of(&self, user: Option<&str>) -> Option<String> {
        match user {
            None | Some("me") => Some("/home/me".to_owned()),
            Some(_) => None,
        }
    }

    fn machine(&self) -> String {
        "laptop.example.net".to_owned()
    }

    fn variable(&self, name: &str) -> Option<String> {
        (name == "REGION").then(|| "north".to_owned())
    }

    fn addresses(&self) -> Option<Vec<IpAddr>> {
        Some(vec!["192.0.2.7".parse().unwrap()])
    }

    fn read(&self, path: &str, _trusted: bool) -> Result<Option<Vec<u8>>, String> {
        Ok(self.files.get(path).cloned())
    }

    fn list(&self, folder: &str) -> Vec<String> {
        let inside = |path: &String| path.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        let names = self.files.keys().filter_map(inside);
        names.map(|name| name.split('/').next().unwrap_or_default().to_owned()).collect()
    }

    fn run(&self, command: &str) -> Result<bool, String> {
        self.ran.lock().unwrap().push(command.to_owned());
        Ok(command.starts_with("true"))
    }

    fn lookup(&self, name: &str, _alias: bool) -> Option<Option<String>> {
        self.names.get(name).cloned()
    }
}

const OWN: &str = "/home/me/.ssh/config";

impl Stage {
    fn new(config: &str) -> Self {
        Self::default().with(OWN, config)
    }

    fn with(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.insert(path.to_owned(), text.as_ref().to_vec());
        self
    }

    fn knows(mut self, name: &str, alias: Option<&str>) -> Self {
        self.names.insert(name.to_owned(), alias.map(str::to_owned));
        self
    }

    fn config(self) -> (SshConfig, Arc<Self>) {
        let stage = Arc::new(self);
        (SshConfig::usual().surroundings(Arc::clone(&stage) as Arc<dyn Surroundings>), stage)
    }

    fn host(self, alias: &str) -> HostConfig {
        self.config().0.resolve(alias).unwrap()
    }

    fn error(self, alias: &str) -> String {
        self.config().0.resolve(alias).unwrap_err().to_string()
    }
}

#[test]
fn the_first_value_counts_and_files_add_up_in_order() {
    let stage = Stage::new(
        "User first\nIdentityFile ~/a\nHost web\n  User second\n  IdentityFile ~/b\nHost db\n  IdentityFile ~/c\n",
    )
    .with("/etc/ssh/ssh_config", "User third\nPort 2200\nIdentityFile /d\nIdentityFile ~/a\n");
    let (config, _) = stage.config();
    let web = config.clone().option("Compression=yes").option("Compression no").resolve("web").unwrap();
    assert_eq!((web.user(), web.port(), web.host()), ("first", 2200, "web"));
    assert!(web.flag(Keyword::Compression));
    let files: Vec<String> =
        web.identity_files().unwrap().iter().map(|path| path.display().to_string()).collect();
    assert_eq!(files, ["/home/me/a", "/home/me/b", "/d"]);
    assert_eq!(config.option("User = zero").resolve("db").unwrap().user(), "zero");
}

#[test]
fn hosts_are_chosen_by_patterns_and_a_negated_one_wins() {
    let text = "Host *.example.com !bad.example.com 10.0.0.?\n Port 1\nHost !a *\n Port 2\nHost a\n Port 3\n";
    for (alias, port) in
        [("x.example.com", 1), ("bad.example.com", 2), ("10.0.0.7", 1), ("a", 3), ("X.Example.com", 2)]
    {
        assert_eq!(Stage::new(text).host(alias).port(), port, "{alias}");
    }
}

#[test]
fn every_criterion_matches_what_the_manual_says() {
    for (criteria, expected) in [
        ("all", true),
        ("!all", false),
        ("host web.example.com", true),
        ("host WEB.*,db", true),
        ("originalhost web", true),
        ("originalhost web.example.com", false),
        ("user robey", true),
        ("user ROBEY", false),
        ("localuser me,you", true),
        ("!localuser me", false),
        ("localnetwork 192.0.2.0/24", true),
        ("localnetwork 10.0.0.0/8", false),
        ("exec true", true),
        ("exec false", false),
        ("!exec false", true),
        ("exec \"true %h %n %r %p\"", true),
        ("tagged \"\"", false),
        ("tagged blue", true),
        ("command \"\"", true),
        ("command uptime", false),
        ("sessiontype shell", true),
        ("sessiontype exec,subsystem", false),
        ("version feramiko_*", true),
        ("version OpenSSH_*", false),
        ("host=web.example.com user=robey", true),
        ("host web.* user someone", false),
        ("canonical", false),
        ("!canonical host web.example.com", true),
    ] {
        let text = format!("Tag blue\nUser robey\nHostName %h.example.com\nMatch {criteria}\n  Port 7\n");
        let matched = Stage::new(&text).host("web").port() == 7;
        assert_eq!(matched, expected, "{criteria}");
    }
    for wrong in ["", "#", "all all", "host", "host x all", "exec", "who me", "host \"\"", "localnetwork x"] {
        let text = format!("Match {wrong}\n");
        assert!(Stage::new(&text).config().0.resolve("web").is_err(), "{wrong:?}");
    }
}

#[test]
fn the_command_is_known_to_match() {
    let (config, _) =
        Stage::new("Match command sftp,rsync*\n  Port 7\nMatch sessiontype exec\n  User x\n").config();
    let host = config.command("rsync -a").resolve("web").unwrap();
    assert_eq!((host.port(), host.user()), (7, "x"));
}

#[test]
fn nothing_is_run_where_a_criterion_before_it_failed_or_the_file_does_not_apply() {
    let text = "Match user nobody exec \"true a\"\n Port 7\nHost other\n Include extra\nMatch exec \"true %C\"\n Port 8\n";
    let stage = Stage::new(text).with("/home/me/.ssh/extra", "Match exec \"true b\"\n  Port 9\n");
    let (config, stage) = stage.config();
    assert_eq!(config.resolve("web").unwrap().port(), 8);
    let ran = stage.ran.lock().unwrap();
    assert_eq!(ran.len(), 1, "{ran:?}");
    // SHA-1 of machine, host, port and user.
    assert_eq!(ran[0].len(), "true ".len() + 40, "{ran:?}");
}

#[test]
fn final_asks_for_a_second_pass_in_which_the_canonical_host_is_known() {
    let text = "Match final host web.example.com\n  User late\nHost web\n  HostName web.example.com\n";
    assert_eq!(Stage::new(text).host("web").user(), "late");
    let text = "Match host web.example.com\n  User late\nHost web\n  HostName web.example.com\n";
    assert_eq!(Stage::new(text).host("web").user(), "me", "without final there is one pass");
}

#[test]
fn names_become_canonical_where_that_is_asked_for() {
    let base = "CanonicalizeHostname yes\nCanonicalDomains a.example b.example\nMatch canonical host *.b.example\n User far\n";
    let stage = || Stage::new(base).knows("web.b.example.", None);
    let host = stage().host("WEB");
    assert_eq!((host.host(), host.user()), ("web.b.example", "far"));
    assert_eq!(stage().host("web.c.d").host(), "web.c.d", "too many dots");
    assert_eq!(stage().host("none").host(), "none", "nothing found");
    let strict = format!("CanonicalizeFallbackLocal no\n{base}");
    assert!(Stage::new(&strict).error("none").contains("CanonicalDomains"));
    let proxied = format!("ProxyJump bastion\n{base}");
    assert_eq!(Stage::new(&proxied).knows("web.b.example.", None).host("web").host(), "web");
    let always = proxied.replace("Hostname yes", "Hostname always");
    assert_eq!(Stage::new(&always).knows("web.b.example.", None).host("web").host(), "web.b.example");
    let aliases = format!("{base}Match all\nCanonicalizePermittedCNAMEs *.b.example:*.c.example\n");
    let named =
        |alias| Stage::new(&aliases).knows("web.b.example.", Some(alias)).host("web").host().to_owned();
    assert_eq!(named("real.c.example."), "real.c.example");
    assert_eq!(named("real.evil.example"), "web.b.example", "no rule allows that");
    assert_eq!(Stage::default().host("::0001").host(), "::1");
}

#[test]
fn files_are_included_in_order_and_keep_their_conditions_to_themselves() {
    let stage = Stage::new("Host web\n  Include conf.d/*.conf ~/more /abs\n  Port 5\nInclude none-*\n")
        .with("/home/me/.ssh/conf.d/20.conf", "User second\nHost other\nCompression yes\n")
        .with("/home/me/.ssh/conf.d/10.conf", "HostName first.example.com\n")
        .with("/home/me/.ssh/conf.d/.hidden.conf", "Port 1\n")
        .with("/home/me/.ssh/conf.d/backup", "Port 2\n")
        .with("/home/me/more", "AddressFamily inet\n")
        .with("/abs", "BatchMode yes\n");
    let (config, _) = stage.config();
    let host = config.resolve("web").unwrap();
    assert_eq!((host.host(), host.user(), host.port()), ("first.example.com", "second", 5));
    assert!(host.flag(Keyword::BatchMode) && !host.flag(Keyword::Compression));
    assert_eq!(host.text(Keyword::AddressFamily), Some("inet"));
    assert_eq!(config.resolve("db").unwrap().user(), "me", "an idle file sets nothing");
    // The system's configuration has a place of its own, and no home.
    let stage = Stage::default().with("/etc/ssh/ssh_config", "Include x\n").with("/etc/ssh/x", "Port 9\n");
    assert_eq!(stage.host("web").port(), 9);
    let stage = Stage::default().with("/etc/ssh/ssh_config", "Include ~/x\n");
    assert!(stage.error("web").contains("nobody's own"));
}

#[test]
fn files_that_include_one_another_come_to_an_end() {
    let deep = Stage::new("Include config\n").error("web");
    assert!(deep.contains("16 deep"), "{deep}");
    let wide = Stage::new("Include a a\n")
        .with("/home/me/.ssh/a", "Include b b b b b b b b b b b b b b b b b\n")
        .with("/home/me/.ssh/b", "Include c c c c c c c c c c\n")
        .with("/home/me/.ssh/c", "")
        .error("web");
    assert!(wide.contains("256 files"), "{wide}");
}

#[test]
fn what_means_nothing_is_an_error_with_file_and_line() {
    for (text, expected) in [
        ("Port 22\n\nProt 23\n", "config line 3: there is no keyword \"prot\""),
        ("Port x\n", "config line 1: port: \"x\""),
        ("Host web\n Compression maybe\n", "config line 2: compression"),
        ("Host other\n Compression maybe\n", "config line 2: compression"),
        ("Ciphers aes128-ctr,aes129-ctr\n", "aes129-ctr"),
        ("User \"x\n", "quote"),
        ("Port\n", "no argument"),
        ("RefuseConnection \"ask the admins\"\n", "ask the admins"),
        ("User \0\n", "NUL"),
        ("Host \"\"\n", "pattern"),
        ("IdentityFile %x\n", "no token %x"),
        ("IdentityFile ${NONE}/x\n", "no variable \"NONE\""),
        ("UserKnownHostsFile ~nobody-here/x\n", "no user"),
    ] {
        let stage = Stage::new(text);
        let error = match stage.config().0.resolve("web") {
            Err(error) => error,
            Ok(host) => host.identity_files().and_then(|_| host.known_hosts_files()).unwrap_err(),
        };
        assert!(error.to_string().contains(expected), "{text:?}: {error}");
    }
    assert_eq!(Stage::new("IgnoreUnknown Use*,x\nUseKeychain yes\nX y\nPort 7\n").host("web").port(), 7);
    let noisy = Stage::new("Pr\u{1b}[31mot 1\n").error("web");
    assert!(!noisy.contains('\u{1b}'), "{noisy:?}");
}

#[test]
fn what_is_not_done_is_named() {
    let text = "LocalForward 8080 www:80\nGSSAPIAuthentication yes\nForwardX11 no\nProtocol 2\nHost other\nTunnel yes\n";
    let host = Stage::new(text).host("web");
    let warnings: Vec<(usize, &str, Weight)> =
        host.warnings().iter().map(|one| (one.place.line, one.keyword.as_str(), one.weight)).collect();
    let expected = [
        (1, "localforward", Weight::Missing),
        (2, "gssapiauthentication", Weight::Moot),
        (4, "protocol", Weight::Moot),
    ];
    assert_eq!(warnings, expected);
    assert!(host.check().is_ok());
    let refused = Stage::new("ProxyUseFdpass yes\n").host("web").check().unwrap_err();
    assert!(refused.to_string().contains("line 1: proxyusefdpass is not supported"), "{refused}");
}

#[test]
fn tokens_stand_for_what_the_manual_says() {
    let text = "Host web\n HostName %h.example.com\n User robey\n Port 7\n HostKeyAlias alias\n ProxyJump j\n \
                IdentityFile ~/%%-%d-%h-%i-%j-%k-%L-%l-%n-%p-%r-%u-${REGION}\n";
    let host = Stage::new(text).host("web");
    let expected =
        "/home/me/%-/home/me-web.example.com-1000-j-alias-laptop-laptop.example.net-web-7-robey-me-north";
    assert_eq!(host.identity_files().unwrap(), [PathBuf::from(expected)]);
    let host = Stage::new("ProxyCommand nc -X %% [%h] %p %n %r # x\nPort 7\n").host("web");
    assert_eq!(host.proxy().unwrap(), Proxy::Command("nc -X % [web] 7 web me # x".to_owned()));
    assert!(Stage::new("ProxyCommand nc %d\n").host("web").proxy().is_err(), "a proxy has four tokens");
    assert!(Stage::new("HostName %n\n").config().0.resolve("web").is_err(), "HostName has one token");
    assert_eq!(Stage::new("User %u-${REGION}\n").host("web").user(), "me-north");
}

#[test]
fn proxies_exclude_each_other_and_none_is_none() {
    let proxy = |text: &str| Stage::new(text).host("web").proxy().unwrap();
    let jump = |host: &str| Jump { user: None, host: host.into(), port: None };
    assert_eq!(proxy("ProxyJump a\nProxyCommand x\n"), Proxy::Jump(vec![jump("a")]));
    assert_eq!(proxy("ProxyCommand x\nProxyJump a\n"), Proxy::Command("x".into()));
    assert_eq!(proxy("ProxyJump none\nProxyCommand x\nProxyJump a\n"), Proxy::Command("x".into()));
    assert_eq!(proxy("ProxyJump none\nProxyJump a\n"), Proxy::None);
    assert_eq!(proxy("ProxyCommand none\nProxyJump a\n"), Proxy::None);
    assert_eq!(
        proxy("ProxyJump %r@b,a\nUser robey\n"),
        Proxy::Jump(vec![Jump { user: Some("robey".into()), host: "b".into(), port: None }, jump("a")])
    );
}

#[test]
fn a_hop_has_its_own_configuration_and_none_of_our_options() {
    let text = "Host a\n User at-a\n ProxyJump z\nHost b\n User at-b\n Port 7\n ProxyJump loop\nHost web\n ProxyJump a,x@b:9\n";
    let (config, _) = Stage::new(text).config();
    let web = config.option("User=me-there").option("Compression yes").resolve("web").unwrap();
    let Proxy::Jump(hops) = web.proxy().unwrap() else { panic!() };
    let b = web.hop(&hops[1], &hops[..1]).unwrap();
    assert_eq!((b.user(), b.port(), b.host()), ("x", 9, "b"));
    assert!(!b.flag(Keyword::Compression));
    assert_eq!(b.proxy().unwrap(), Proxy::Jump(vec![hops[0].clone()]), "not its own");
    let a = b.hop(&hops[0], &[]).unwrap();
    assert_eq!(a.user(), "at-a");
    assert!(matches!(a.proxy().unwrap(), Proxy::Jump(hops) if hops[0].host == "z"), "its own");
}

#[test]
fn defect_130_no_name_reaches_a_command_or_a_path_unchecked() {
    const NAMES: [&str; 12] = [
        "-oProxyCommand=x",
        "a;b",
        "a b",
        "$(id)",
        "`id`",
        "a\nb",
        "a|b",
        "a'b",
        "a\"b",
        "a&b",
        "a>b",
        "a\u{202e}b",
    ];
    for name in NAMES {
        // Said, or from a HostName; told to Match exec, to a proxy, to a path.
        let (config, stage) = Stage::new("Match exec \"true %h %n\"\n Port 7\n").config();
        assert!(config.resolve(name).is_err(), "{name:?}");
        assert!(stage.ran.lock().unwrap().is_empty(), "{name:?} was run");
        let quoted = name.replace('\\', "\\\\").replace('"', "\\\"");
        for keyword in ["HostName", "User"] {
            let text = format!("{keyword} \"{quoted}\"\nMatch exec \"true %h %r\"\n Port 7\n");
            let (config, stage) = Stage::new(&text).config();
            assert!(config.resolve("web").is_err(), "{keyword} {name:?}");
            assert!(stage.ran.lock().unwrap().is_empty(), "{keyword} {name:?} was run");
        }
        let (config, _) = Stage::new("").config();
        assert!(config.set(Keyword::User, name).resolve("web").is_err(), "user {name:?}");
    }
}

#[test]
fn defect_131_a_name_leads_to_no_other_folder() {
    let (config, _) = Stage::new("UserKnownHostsFile ~/.ssh/hosts.d/%r\n").config();
    for user in ["../../etc/x", "..", "a/b"] {
        let host = config.clone().set(Keyword::User, user).resolve("web");
        assert!(host.and_then(|host| host.known_hosts_files()).is_err(), "{user}");
    }
    let (config, _) = Stage::new("UserKnownHostsFile ~/.ssh/hosts.d/%h\n").config();
    for host in ["..", "a/b", "/etc/passwd"] {
        let resolved = config.resolve(host);
        assert!(resolved.and_then(|host| host.known_hosts_files()).is_err(), "{host}");
    }
}

#[test]
fn defect_130_the_hops_of_a_jump_reach_no_command_unchecked() {
    for hop in ["a;b", "x`id`@a", "c,a|b", "a$(id)", "a&b", "-x", "a>b", "a'b", "a b"] {
        let (config, stage) = Stage::new("Match exec \"true %j\"\n Port 7\n").config();
        assert!(config.option(format!("ProxyJump={hop}")).resolve("web").is_err(), "{hop:?}");
        assert!(stage.ran.lock().unwrap().is_empty(), "{hop:?} was run");
    }
    let (config, stage) = Stage::new("Match exec \"true %j\"\n Port 7\n").config();
    let web = config.option("ProxyJump=LAB\\ann@a:1,ssh://b,[::1]:3,%r@c").resolve("web").unwrap();
    assert_eq!((web.port(), stage.ran.lock().unwrap().len()), (7, 1));
}

#[test]
fn defect_131_a_name_includes_no_file_of_another_folder() {
    let stage = |path| Stage::new("Include conf.d/%r\nInclude conf.d/%n\n").with(path, "Port 7\n");
    let inside = stage("/home/me/.ssh/conf.d/robey").config().0;
    assert_eq!(inside.set(Keyword::User, "robey").resolve("web").unwrap().port(), 7);
    for (user, host) in [("../../evil", "web"), ("a/b", "web"), ("robey", ".."), ("robey", ".hidden")] {
        let (config, _) = stage("/home/me/.ssh/conf.d/../../evil").config();
        assert!(config.set(Keyword::User, user).resolve(host).is_err(), "{user} {host}");
    }
    for token in ["%n", "%k"] {
        let text = format!("HostName web\nUserKnownHostsFile ~/.ssh/hosts.d/{token}\n");
        let host = Stage::new(&text).config().0.resolve("..");
        assert!(host.and_then(|host| host.known_hosts_files()).is_err(), "{token}");
    }
}

#[test]
fn match_does_not_mind_the_case_of_a_host_and_host_does() {
    let port = |text: &str, host: &str| Stage::new(text).host(host).port();
    for criterion in ["host", "originalhost"] {
        for (pattern, host) in [("web?", "WEB1"), ("WEB?", "web1"), ("db,Web*", "wEB1")] {
            let text = format!("Match {criterion} {pattern}\n Port 7\n");
            assert_eq!(port(&text, host), 7, "{criterion} {pattern} {host}");
        }
    }
    assert_eq!(port("Host web?\n Port 7\n", "WEB1"), 22);
    assert_eq!(port("Match !final\nMatch canonical\n Port 7\n", "web"), 7, "!final asks for the pass too");
}

#[test]
fn defect_132_a_key_alias_is_a_name_too() {
    for alias in ["$(id)", "a;b", "-x", "a b"] {
        let text = format!("HostKeyAlias \"{alias}\"\nMatch exec \"true %k\"\n Port 7\n");
        assert!(Stage::new(&text).config().0.resolve("web").is_err(), "{alias}");
    }
}

#[test]
fn defect_075_an_over_long_line_is_refused_whole() {
    let long = format!("# {}\nUser {}\n", "x".repeat(16_000), "x".repeat(500));
    assert_eq!(Stage::new(&long).host("web").user().len(), 500);
    // Cut at its bound, the tail would be a line of its own.
    let long = format!("#{}ProxyCommand evil\n", " ".repeat(16 * 1024));
    assert!(Stage::new(&long).error("web").contains("line 1: the line has more than"));
    let latin = b"# caf\xe9\nPort 7\n".to_vec();
    assert_eq!(Stage::default().with(OWN, latin).host("web").port(), 7, "in a comment there may be anything");
    assert!(Stage::default().with(OWN, b"User caf\xe9\n").error("web").contains("UTF-8"));
}

#[test]
fn the_table_of_keywords_in_the_documentation_is_the_one_in_the_code() {
    let mut table = String::new();
    for keyword in Keyword::all() {
        let (support, why) = match keyword.support() {
            Support::Honoured => ("yes", ""),
            Support::Moot(why) => ("no, and nobody will miss it", why),
            Support::Missing(why) => ("no, with a warning", why),
            Support::Refused(why) => ("refused", why),
        };
        table += &format!("| {} | {support} | {why} |\n", keyword.name());
    }
    let page = include_str!("../../../../docs/SSH_CONFIG.md");
    assert!(page.contains(&table), "docs/SSH_CONFIG.md should hold this table:\n{table}");
}
