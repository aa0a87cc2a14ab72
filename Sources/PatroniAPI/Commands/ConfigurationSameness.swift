// When two configurations are the same to Patroni, so that `PUT /config` writes only changes.

import PatroniConfiguration
import PatroniCore

extension JSONObject {
    /// The same keys, and values that Python would write alike: `"101"` equals `101` (API-133, API-135).
    func isWrittenLike(_ other: JSONObject) -> Bool {
        count == other.count
            && pairs.allSatisfy { pair in
                guard let value = other[pair.key] else { return false }
                if case (.object(let left), .object(let right)) = (pair.value, value) {
                    return left.isWrittenLike(right)
                }
                return pair.value.pythonText == value.pythonText
            }
    }
}
