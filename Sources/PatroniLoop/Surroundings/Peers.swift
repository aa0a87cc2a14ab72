// Whom the loop asks besides the store: the other members.

import PatroniCore
import PatroniPorts

/// The other members, asked directly.
package protocol Peers: Sendable {
    func status(of members: [Member], by deadline: Moment) async -> [PeerStatus]
    func isAlive(_ member: Member, by deadline: Moment) async -> Bool
    /// Asks everybody in `circle` (name → REST address) whether the primary may go on without the store, the silent ones
    /// again and again; ends by the deadline with one reply for each.
    func failsafe(
        _ notice: FailsafeNotice, to circle: [MemberName: String], by deadline: Moment
    ) async -> [FailsafeReply]
}
