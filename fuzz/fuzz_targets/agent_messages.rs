//! Messages of agents: what is read is what is written again, nothing is allocated that is only claimed, and an agent
//! that is asked anything at all answers, and holds what it may hold.
#![no_main]

use std::time::{Duration, Instant, SystemTime};

use feramiko_fuzz::{Choices, allocates_at_most};
use feramiko_keys::agent::{
    AgentReply, AgentRequest, AgentSession, Keyring, MAX_FRAME, Moment, Step, frame_length,
};
use libfuzzer_sys::fuzz_target;

fn check_messages(bytes: &[u8]) {
    if let Ok(request) = AgentRequest::decode(bytes) {
        let again = request.encode();
        let twice = AgentRequest::decode(&again).map(|request| request.encode());
        assert_eq!(twice.as_ref(), Ok(&again));
    }
    if let Ok(reply) = AgentReply::decode(bytes) {
        assert_eq!(AgentReply::decode(&reply.encode()).as_ref(), Ok(&reply));
    }
}

fuzz_target!(|data: &[u8]| {
    allocates_at_most((4 << 20) + 64 * data.len(), || {
        if let Some(header) = data.first_chunk::<4>() {
            assert!(
                frame_length(*header).is_ok_and(|length| length <= MAX_FRAME)
                    || frame_length(*header).is_err()
            );
        }
        check_messages(data);
        // An agent and two connections to it.
        let mut keyring = Keyring::new();
        let mut sessions = [AgentSession::default(), AgentSession::default()];
        let mut choices = Choices::new(data);
        let mut now = Moment { timer: Instant::now(), date: SystemTime::now() };
        for _ in 0..32 {
            let [one, other] = &mut sessions;
            let session = if choices.byte() & 1 == 0 { one } else { other };
            let request = choices.bytes();
            if request.is_empty() {
                break;
            }
            check_messages(request);
            match keyring.handle(session, request, now) {
                Step::Reply(reply) => assert!(AgentReply::decode(&reply).is_ok() && reply.len() <= MAX_FRAME),
                Step::Sign(signing) => assert!(AgentReply::decode(&signing.reply(true)).is_ok()),
                Step::Wait(until) => {
                    assert!(until > now.timer && until - now.timer <= Duration::from_secs(10));
                    now.timer = until;
                }
            }
        }
    });
});
