// The local copy of one kind of object, fed by lists, watches and our own writes (DCS-160). A struct: which wins.

import PatroniCore

/// Objects of one resource. The newer resource version wins, whatever comes in whatever order.
struct KubernetesCache: Sendable {
    private(set) var objects: [String: KubernetesObject] = [:]
    /// Where a watch goes on; nil before the first list, and when history was lost.
    private(set) var version: KeyVersion?
    /// Objects that went away, so that a late answer doesn't bring them back.
    private var removed: [String: KeyVersion] = [:]
    /// Counts changes, and tells when each object was last touched.
    private(set) var touches = 0
    private var touched: [String: Int] = [:]

    var isFilled: Bool { version != nil }

    subscript(name: String) -> KubernetesObject? { objects[name] }

    /// True when the object was news.
    @discardableResult
    mutating func set(_ object: KubernetesObject) -> Bool {
        if let known = objects[object.name], !known.isOlder(than: object) { return false }
        if let end = removed[object.name] {
            if object.isOlder(than: end) { return false }
            removed[object.name] = nil
        }
        touch(object.name)
        objects[object.name] = object
        return true
    }

    /// True when the object was there.
    @discardableResult
    mutating func remove(_ name: String, at version: KeyVersion) -> Bool {
        if let known = objects[name], !known.isOlder(than: version), known.version != version { return false }
        touch(name)
        if removed.count > 1000 { removed = [:] }
        removed[name] = version
        return objects.removeValue(forKey: name) != nil
    }

    /// It is not there now, as a direct question showed; at which version is not known.
    mutating func forget(_ name: String) {
        touch(name)
        objects[name] = nil
    }

    /// Takes over a list that was asked for when ``touches`` was `since`: what we learned in between is newer. Says
    /// whether it showed anything that nobody had told us.
    @discardableResult
    mutating func replace(with list: KubernetesList, since: Int) -> Bool {
        let fresh = Dictionary(list.objects.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
        var hasNews = false
        for name in Set(objects.keys).union(fresh.keys) {
            if touched[name, default: 0] > since { continue }
            if objects[name]?.version != fresh[name]?.version { hasNews = true }
            objects[name] = fresh[name]
        }
        version = list.version
        removed = [:]
        return hasNews
    }

    /// The watch has come this far.
    mutating func advance(to version: KeyVersion) { self.version = version }

    /// The server no longer has the history from where we are: a new list is needed.
    mutating func loseHistory() { version = nil }

    private mutating func touch(_ name: String) {
        touches += 1
        touched[name] = touches
    }
}
