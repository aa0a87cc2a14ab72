// The operator's own programs, told when something happens to this member (HA-301 to HA-311).

import PatroniCore

/// Runs what is configured under `callbacks`, `pre_promote` and `before_stop`.
package protocol RoleCallbacks: Sendable {
    func started(as role: MemberRole) async
    func stopped(as role: MemberRole) async
    func restarted(as role: MemberRole) async
    func reloaded(as role: MemberRole) async
    func roleChanged(to role: MemberRole) async
    /// Waits for callbacks that are still running.
    func drain() async
    /// Nil when it succeeded or none is configured; else why the promotion must not happen.
    func runPrePromote() async -> String?
}
