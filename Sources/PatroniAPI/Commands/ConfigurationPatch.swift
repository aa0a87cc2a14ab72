// Changing the dynamic configuration as Patroni does: merging, deleting by null, and what counts as a change.

import PatroniCore

/// `PATCH /config` and `patronictl edit-config` (API-129, API-135).
public enum ConfigurationPatch {
    /// Merges `changes` into `configuration`; true when anything changed.
    public static func apply(_ changes: JSONObject, to configuration: inout JSONObject) -> Bool {
        var isChanged = false
        for (key, new) in changes.pairs {
            let old = configuration[key]
            switch (old, new) {
            case (nil, .null): break
            case (let old?, .null):
                configuration[key] = nil
                if !old.isNull { isChanged = true }
            case (nil, _):
                configuration[key] = new
                isChanged = true
            case (.object(var inner)?, .object(let innerChanges)):
                if apply(innerChanges, to: &inner) {
                    isChanged = true
                    configuration[key] = .object(inner)
                }
            case (let old?, _) where !isSame(old, new):
                configuration[key] = new
                isChanged = true
            default: break
            }
        }
        return isChanged
    }

    /// Sameness for `PUT /config`: keys alike, values alike by their text.
    public static func isSame(_ left: JSONObject, _ right: JSONObject) -> Bool {
        left.count == right.count
            && left.pairs.allSatisfy { pair in right[pair.key].map { isSame(pair.value, $0) } ?? false }
    }

    /// `"101"` and `101` are the same, `true` and `"True"` too: values compare as Python writes them.
    private static func isSame(_ left: JSON, _ right: JSON) -> Bool {
        switch (left, right) {
        case (.object(let left), .object(let right)): isSame(left, right)
        case (.object, _), (_, .object), (.array, _), (_, .array): left == right
        default: scalarText(left) == scalarText(right)
        }
    }

    private static func scalarText(_ value: JSON) -> String {
        switch value {
        case .null: "None"
        case .bool(let value): value ? "True" : "False"
        case .string(let text): text
        default: value.text()
        }
    }
}
