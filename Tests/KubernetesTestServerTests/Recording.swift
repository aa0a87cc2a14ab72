// Exchanges recorded from a real API server (kube-apiserver 1.36.2), read from the files beside this one.

import PatroniCore
import PatroniHTTP
import PatroniPlatform
import Testing

/// One line of a recording.
struct Exchange: Sendable, CustomTestStringConvertible {
    let json: JSONObject
    let number: Int

    static func all(in file: String) throws -> [Exchange] {
        let folder = "/" + #filePath.split(separator: "/").dropLast().joined(separator: "/") + "/Recordings"
        return try FileReading.text("\(folder)/\(file).jsonl").split(separator: "\n").enumerated().map { index, line in
            Exchange(json: try #require(try JSON.parse(String(line)).object), number: index + 1)
        }
    }

    var name: String { json["case"]?.string ?? "\(json["method"]?.string ?? "") \(json["path"]?.string ?? "")" }
    var testDescription: String { "\(number): \(name)" }
    var method: HTTPRequest.Method { HTTPRequest.Method(rawValue: json["method"]?.string ?? "GET") ?? .get }
    var status: Int { Int(json["status"]?.int ?? 0) }
    var contentType: String? { json["ctype"]?.string }
    var response: JSON? { json["resp"] }
    var events: [JSON]? { json["events"]?.array }
    var request: JSON? { json["req"] }

    /// With the query, which some recordings keep apart.
    var path: String {
        let path = json["path"]?.string ?? ""
        let query = (json["query"]?.object ?? [:]).pairs.map { pair in
            "\(pair.key)=\((pair.value.string ?? "").replacing(",", with: "%2C").replacing("=", with: "%3D"))"
        }
        return query.isEmpty ? path : path + "?" + query.joined(separator: "&")
    }

    /// The version the answer speaks of.
    var version: Int? { response?["metadata"]?["resourceVersion"]?.string.flatMap { Int($0) } }
    var isWatch: Bool { events != nil }
    var isWrite: Bool { [.post, .patch, .put, .delete].contains(method) }
}

/// What two answers must have in common: all but names that are made up and times.
enum Comparison {
    static func essence(_ value: JSON, ignoring more: Set<String> = []) -> JSON {
        switch value {
        case .object(let object):
            let kept = object.pairs.filter { !ignored.contains($0.key) && !more.contains($0.key) }
            return .object(JSONObject(kept.map { ($0.key, essence($0.value, ignoring: more)) }))
        case .array(let items):
            // The real server says some things twice.
            var kept: [JSON] = []
            for item in items.map({ essence($0, ignoring: more) }) where !kept.contains(item) { kept.append(item) }
            return .array(kept)
        case .string(let text):
            // The age of a file of the source, in one message.
            return .string(text.replacing(#/ \(\d{6}\)$/#, with: ""))
        case .null, .bool, .int, .double: return value
        }
    }

    private static let ignored: Set = ["uid", "creationTimestamp", "managedFields", "generation"]
}
