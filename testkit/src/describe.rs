use feramiko_proto::Event;

/// An event in one line, without what differs between two runs (session identifiers, signatures): for logs
/// that are compared.
pub fn describe(event: &Event) -> String {
    match event {
        Event::HostKey(question) => format!("host key {:?} {}", question.key(), question.algorithm()),
        Event::Sign(request) => format!("sign {:?} by {}", request.purpose(), request.algorithm()),
        Event::Prompts(prompts) => format!("prompts {} {:?}", prompts.name(), prompts.prompts()),
        Event::Attempt(attempt) => format!("attempt of {} with {:?}", attempt.user(), attempt.proof()),
        Event::Open(request) => format!("open {} {:?}", request.kind(), request.data()),
        Event::Request(request) => {
            format!("request {:?} {:?} {}", request.channel(), request.request(), request.want_reply())
        }
        Event::Global(request) => {
            format!("global {} {:?} {}", request.name(), request.data(), request.want_reply())
        }
        Event::Ended(error) => format!("ended: {error}"),
        other => format!("{other:?}"),
    }
}
