// Laying one configuration over another (CFG-010), the same way for files, the environment and PATCH /config.

import PatroniCore

extension JSONObject {
    /// Merges `patch` into this object: a table goes into a table, null removes, anything else replaces. Returns
    /// whether something changed; a value that is written the same is no change.
    @discardableResult
    public mutating func apply(patch: JSONObject) -> Bool {
        var isChanged = false
        for (key, value) in patch.pairs {
            guard let old = self[key] else {
                if !value.isNull {
                    self[key] = value
                    isChanged = true
                }
                continue
            }
            switch (old, value) {
            case (_, .null):
                self[key] = nil
                isChanged = isChanged || !old.isNull
            case (.object(var table), .object(let other)):
                if table.apply(patch: other) {
                    self[key] = .object(table)
                    isChanged = true
                }
            case (_, .object):
                self[key] = value
                isChanged = true
            default:
                if old.pythonText != value.pythonText {
                    self[key] = value
                    isChanged = true
                }
            }
        }
        return isChanged
    }

    /// The object with `patch` merged in.
    public func patched(with patch: JSONObject) -> JSONObject {
        var copy = self
        copy.apply(patch: patch)
        return copy
    }
}
