//! Test accounts for a real sshd, in mount and process namespaces of their own: the host is left as it was.

use std::path::Path;
use std::process::Command;

use crate::places::program;

/// The account that tests log in to.
pub const USER: &str = "robey";
/// An account whose password, the same one, has expired: it must be changed before anything else.
pub const EXPIRED_USER: &str = "expired";
/// The password of both accounts.
pub const PASSWORD: &str = "foo";

/// [`PASSWORD`] by SHA-512 crypt, with few rounds because tests log in often.
const PASSWORD_HASH: &str = "$6$rounds=1000$feramiko$SRSHXLmCTjsRsCx23tT/NHm/JQe17h2gG.wHwRnezaCmvl2I9QnQJxkJmoEgzkSpOkSu9skGoDRGDt1lw4qYf1";

/// Runs as the first process of the namespaces. When it ends, the kernel ends all others in there; and it ends when its
/// standard input does, so that nothing outlives the test, however the test dies.
const PROLOGUE: &str = r#"
set -eu
directory=$1
shift
mount --make-rprivate /
# A copy of /etc, because password changes replace files in it.
mkdir -p "$directory/etc"
mount -t tmpfs tmpfs "$directory/etc"
cp -a /etc/. "$directory/etc/"
mount --bind "$directory/etc" /etc
mount --bind "$directory/home" /home
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p -m 755 /run/sshd
: > /run/utmp
: > /var/log/wtmp
: > /var/log/lastlog
id=20000
for user in robey expired; do
    id=$((id + 1))
    sed -i "/^$user:/d" /etc/passwd /etc/group /etc/shadow
    echo "$user:x:$id:$id::/home/$user:/bin/sh" >> /etc/passwd
    echo "$user:x:$id:" >> /etc/group
    mkdir -p "/home/$user"
    chown -R "$id:$id" "/home/$user"
done
# The third field is the day of the last change; 0 means: change it now.
printf 'robey:%s:20000:0:99999:7:::\nexpired:%s:0:0:99999:7:::\n' "$HASH" "$HASH" >> /etc/shadow
cat > /etc/pam.d/sshd <<'END'
auth     required pam_unix.so nodelay
account  required pam_unix.so
password required pam_unix.so sha512
session  required pam_permit.so
END
unset HASH
{ "$@" || true; echo "sshd ended" >&2; } &
cat > /dev/null
"#;

/// The command that runs a server given as further arguments among the test accounts. `directory` holds a `home`.
pub(crate) fn among_accounts(directory: &Path) -> Command {
    let mut command = Command::new(program("unshare"));
    command
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child",
            "sh",
            "-c",
            PROLOGUE,
            "prologue",
        ])
        .arg(directory)
        .env("HASH", PASSWORD_HASH);
    command
}
