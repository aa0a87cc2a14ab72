// One object as the API server shows it, as much of it as we look at.

import PatroniCore

/// A pod, ConfigMap, Endpoints or Lease.
struct KubernetesObject: Sendable, Hashable {
    var name: String
    var uid: String?
    /// `metadata.resourceVersion`.
    var version: KeyVersion
    var labels: [String: String]
    /// Of a Lease, its lock is shown here as well, under the names that the other kinds use.
    var annotations: [String: String]
    /// Endpoints only.
    var subsets: JSON?
    /// Pods only.
    var podIP: String?
    /// One of each family.
    var podIPs: [String] = []
    var hostname: String?
    var nodeName: String?
    /// Who wrote which annotation last, as the API server keeps book (`managedFields`): manager to annotation names.
    var writers: [String: Set<String>] = [:]

    /// Nil when it is no object: nothing is guessed about foreign or broken ones.
    init?(_ json: JSON) {
        guard let metadata = json["metadata"], let name = metadata["name"]?.string, !name.isEmpty,
            let version = metadata["resourceVersion"]?.string, !version.isEmpty
        else { return nil }
        self.name = name
        self.version = KeyVersion(version)
        uid = metadata["uid"]?.string
        labels = Self.texts(metadata["labels"])
        annotations = Self.texts(metadata["annotations"])
        subsets = json["subsets"]
        podIP = json["status"]?["podIP"]?.string
        podIPs = (json["status"]?["podIPs"]?.array ?? []).compactMap { $0["ip"]?.string }
        hostname = json["spec"]?["hostname"]?.string
        nodeName = json["spec"]?["nodeName"]?.string
        for entry in metadata["managedFields"]?.array ?? [] {
            guard let manager = entry["manager"]?.string,
                let fields = entry["fieldsV1"]?["f:metadata"]?["f:annotations"]?.object
            else { continue }
            let names = fields.keys.filter { $0.hasPrefix("f:") }.map { String($0.dropFirst(2)) }
            writers[manager, default: []].formUnion(names)
        }
        if let lease = json["spec"], json["kind"]?.string == "Lease" || lease["leaseDurationSeconds"] != nil {
            annotations.merge(LeaseSpec(lease).annotations) { $1 }
        }
    }

    /// Numeric, as every API server there is makes it; the API calls it opaque (DCS-160).
    func isOlder(than other: KubernetesObject) -> Bool { isOlder(than: other.version) }

    func isOlder(than other: KeyVersion) -> Bool {
        guard let mine = version.number, let theirs = other.number else { return version != other }
        return mine < theirs
    }

    private static func texts(_ json: JSON?) -> [String: String] {
        var texts: [String: String] = [:]
        for (name, value) in json?.object?.pairs ?? [] { texts[name] = value.string }
        return texts
    }
}

/// What a request says about an object besides its contents.
struct KubernetesMetadata: Sendable {
    var namespace: String
    var name: String
    var labels: JSON
    var annotations: [KubernetesAnnotation] = []
    /// The version that the object must still have; nil: any.
    var version: KeyVersion?

    var json: JSON {
        var json: JSONObject = ["namespace": .string(namespace), "name": .string(name), "labels": labels]
        if !annotations.isEmpty {
            json["annotations"] = .object(
                JSONObject(annotations.map { ($0.name, JSON($0.value)) }))
        }
        json["resourceVersion"] = version.map { .string($0.text) }
        return .object(json)
    }
}

/// A list with the version it was read at.
struct KubernetesList: Sendable {
    var objects: [KubernetesObject]
    var version: KeyVersion

    init?(_ json: JSON) {
        guard let version = json["metadata"]?["resourceVersion"]?.string else { return nil }
        self.version = KeyVersion(version)
        objects = (json["items"]?.array ?? []).compactMap(KubernetesObject.init)
    }
}
