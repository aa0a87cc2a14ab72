// Why a store is asked for the leader key: every store serves both with one piece of code.

/// A race for the leader key, or its renewal.
package enum LeaderClaim: Sendable, Hashable {
    /// After a look at the others: a key that is free is taken.
    case race
    /// A key that is free stays so, as somebody else may have led since.
    case renewal
}
