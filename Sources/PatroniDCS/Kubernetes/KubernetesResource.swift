// The kinds of object that we use, and where the API has them (DCS-158).

import PatroniCore

/// A resource of the API.
enum KubernetesResource: String, Sendable, Hashable {
    case pods
    case configmaps
    case endpoints
    case services
    case leases
    case endpointslices

    private var prefix: String {
        switch self {
        case .pods, .configmaps, .endpoints, .services: "/api/v1"
        case .leases: "/apis/coordination.k8s.io/v1"
        case .endpointslices: "/apis/discovery.k8s.io/v1"
        }
    }

    func path(_ namespace: String, _ name: String? = nil) -> String {
        "\(prefix)/namespaces/\(namespace)/\(rawValue)" + (name.map { "/\($0)" } ?? "")
    }
}

/// Parts of a query, escaped where needed.
struct KubernetesQuery: Sendable, Hashable {
    private(set) var text = ""

    init(_ parts: (name: String, value: String)...) {
        for part in parts { add(part.name, part.value) }
    }

    mutating func add(_ name: String, _ value: String) {
        text += "\(text.isEmpty ? "?" : "&")\(name)=\(Self.escaped(value))"
    }

    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: out.append(byte)
            default: out += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
