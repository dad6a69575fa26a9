//! What a user certificate's critical options and extensions mean (ssh-keygen(1), "CERTIFICATES", and OpenSSH
//! PROTOCOL.certkeys).

use std::time::Duration;

use feramiko_wire::Reader;

use super::{Certificate, CertificateError};
use crate::error::printable;
use crate::{Permits, Restrictions, SourceList};

/// A critical option or an extension, as it stands in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateOption {
    /// Its name. As sent: sanitize before showing.
    pub name: String,
    /// Its data: empty for a flag, for the others a `string` again.
    pub data: Vec<u8>,
}

/// Reads options and extensions. An option that is not known refuses, an extension that is not known does nothing.
pub(super) fn restrictions(certificate: &Certificate) -> Result<Restrictions, CertificateError> {
    let extension = |name: &str| match certificate.extensions().iter().find(|option| option.name == name) {
        Some(option) if option.data.is_empty() => Ok(true),
        Some(_) => Err(bad(name, "it has data where none belongs")),
        None => Ok(false),
    };
    let port_forwarding = extension("permit-port-forwarding")?;
    let mut restrictions = Restrictions {
        permits: Permits {
            pty: extension("permit-pty")?,
            agent_forwarding: extension("permit-agent-forwarding")?,
            x11_forwarding: extension("permit-X11-forwarding")?,
            port_forwarding,
            user_rc: extension("permit-user-rc")?,
            tunnel: port_forwarding,
        },
        touch_required: !extension("no-touch-required")?,
        // The last moment, where a certificate has the first that is too late.
        expires: certificate.validity().end().and_then(|end| end.checked_sub(Duration::from_nanos(1))),
        ..Restrictions::all()
    };
    for CertificateOption { name, data } in certificate.critical_options() {
        match name.as_str() {
            "force-command" => restrictions.command = Some(text(name, data)?.to_vec()),
            "source-address" => {
                let list = SourceList::networks(text(name, data)?);
                let list = list.map_err(|_| bad(name, "not a list of addresses and networks"))?;
                restrictions.sources.push(list);
            }
            "verify-required" if data.is_empty() => restrictions.verify_required = true,
            "verify-required" => return Err(bad(name, "it has data where none belongs")),
            _ => return Err(CertificateError::CriticalOption { name: printable(name.as_bytes()) }),
        }
    }
    Ok(restrictions)
}

/// Data that is one string and nothing else.
fn text<'a>(name: &str, data: &'a [u8]) -> Result<&'a [u8], CertificateError> {
    let mut reader = Reader::new(data);
    let text = reader.string().ok().filter(|text| reader.is_empty() && !text.contains(&0));
    text.ok_or_else(|| bad(name, "its data is not one text"))
}

fn bad(name: &str, problem: &'static str) -> CertificateError {
    CertificateError::BadOption { name: printable(name.as_bytes()), problem }
}
