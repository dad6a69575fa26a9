//! Services (RFC 4253 section 10) and extensions (RFC 8308): what follows the first key exchange.

use super::{Step, Transport};
use crate::error::{ConnectionError, ProtocolError};
use crate::msg::phase::Stage;
use crate::msg::transport as msg;
use crate::output::Output;

pub(super) const USERAUTH: &str = "ssh-userauth";

impl Transport {
    pub(super) fn service_requested(
        &mut self,
        service: &str,
        out: &mut Output,
    ) -> Result<Step, ConnectionError> {
        if service != USERAUTH {
            return Err(ProtocolError::Service.into());
        }
        let step = match self.protected.take() {
            Some(protected) => {
                self.stage = Stage::Userauth;
                Step::Service(protected)
            }
            // Paramiko asks before each attempt, and waits for the answer.
            None if self.stage == Stage::Userauth => Step::Nothing,
            None => return Err(ProtocolError::Unexpected { message: 5, state: self.stage.name() }.into()),
        };
        out.send(|packet| msg::ServiceAccept { service: USERAUTH }.encode(packet));
        Ok(step)
    }

    pub(super) fn service_accepted(&mut self, service: &str) -> Result<Step, ConnectionError> {
        match self.protected.take() {
            Some(protected) if service == USERAUTH => {
                self.stage = Stage::Userauth;
                Ok(Step::Service(protected))
            }
            _ => Err(ProtocolError::Unexpected { message: 6, state: self.stage.name() }.into()),
        }
    }

    /// Only right behind the first NEWKEYS, or from a server just before SUCCESS (RFC 8308 section 2.4).
    pub(super) fn ext_info(&mut self, payload: &[u8]) -> Result<(), ProtocolError> {
        let before_success = self.role.is_client() && self.stage == Stage::Userauth;
        if !std::mem::take(&mut self.ext_info_next) {
            if !before_success {
                return Err(ProtocolError::Unexpected { message: 7, state: self.stage.name() });
            }
            self.success_next = true;
        }
        self.extensions.read(payload)
    }

    // Key exchange.
}
