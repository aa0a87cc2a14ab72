// What the server refuses to keep: names, labels, annotations, addresses, leases that are not as they should be.

import PatroniCore
import PatroniHTTP

enum Validation {
    static func problems(of object: JSONObject, _ resource: Resource, before: JSONObject? = nil) -> [FieldProblem] {
        let metadata = object["metadata"]?.object ?? [:]
        var found = name(metadata, resource) + labels(metadata) + annotations(metadata)
        if let old = before?["metadata"]?.object, let uid = metadata["uid"]?.string, uid != old["uid"]?.string {
            found.append(.invalid("metadata.uid", "\"\(uid)\"", "field is immutable"))
        }
        switch resource {
        case .endpoints: found += subsets(object["subsets"]?.array ?? [])
        case .endpointSlices: found += slice(object, before: before)
        case .leases: found += lease(object["spec"]?.object ?? [:])
        default: break
        }
        return found
    }

    // MARK: metadata

    private static let subdomainRule = """
        a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start \
        and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')
        """

    private static let labelRule = """
        a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end \
        with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
        '[a-z0-9]([-a-z0-9]*[a-z0-9])?')
        """

    private static let labelValueRule = """
        a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start \
        and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation \
        is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
        """

    private static let keyRule = """
        name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric \
        character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
        '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')
        """

    private static func isSubdomain(_ text: String) -> Bool {
        text.count <= 253
            && text.wholeMatch(of: #/[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/#) != nil
    }

    private static func name(_ metadata: JSONObject, _ resource: Resource) -> [FieldProblem] {
        guard let name = metadata["name"]?.string, !name.isEmpty else {
            return [.required("metadata.name", "name or generateName is required")]
        }
        return isSubdomain(name) ? [] : [.invalid("metadata.name", "\"\(name)\"", subdomainRule)]
    }

    private static func key(_ text: String, _ field: String) -> FieldProblem? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let name = parts.last.map(String.init) ?? ""
        if name.count > 63 { return .invalid(field, "\"\(text)\"", "name part must be no more than 63 characters") }
        let isName = name.wholeMatch(of: #/([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]/#) != nil
        let isPrefix = parts.count == 1 || parts.count == 2 && isSubdomain(String(parts[0]))
        return isName && isPrefix ? nil : .invalid(field, "\"\(text)\"", keyRule)
    }

    private static func labels(_ metadata: JSONObject) -> [FieldProblem] {
        (metadata["labels"]?.object ?? [:]).pairs.flatMap { pair -> [FieldProblem] in
            let value = pair.value.string ?? ""
            var found = [key(pair.key, "metadata.labels")].compactMap { $0 }
            if value.count > 63 {
                found.append(.invalid("metadata.labels", "\"\(value)\"", "must be no more than 63 characters"))
            }
            if value.wholeMatch(of: #/(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?/#) == nil {
                found.append(.invalid("metadata.labels", "\"\(value)\"", labelValueRule))
            }
            return found
        }
    }

    static let annotationsLimit = 256 << 10

    private static func annotations(_ metadata: JSONObject) -> [FieldProblem] {
        let annotations = (metadata["annotations"]?.object ?? [:]).pairs
        // The server asks this question in small letters.
        var found = annotations.compactMap { key($0.key.lowercased(), "metadata.annotations") }
        let size = annotations.reduce(0) { $0 + $1.key.utf8.count + ($1.value.string ?? "").utf8.count }
        if size > annotationsLimit {
            found.append(
                FieldProblem(
                    field: "metadata.annotations", reason: "FieldValueTooLong",
                    message: "Too long: may not be more than \(annotationsLimit) bytes"))
        }
        return found
    }

    // MARK: endpoints

    private static func subsets(_ subsets: [JSON]) -> [FieldProblem] {
        subsets.enumerated().flatMap { index, subset -> [FieldProblem] in
            let field = "subsets[\(index)]"
            let addresses = subset["addresses"]?.array ?? []
            let waiting = subset["notReadyAddresses"]?.array ?? []
            if addresses.isEmpty, waiting.isEmpty {
                return [.required(field, "must specify `addresses` or `notReadyAddresses`")]
            }
            return addresses.enumerated().flatMap { address($1, "\(field).addresses[\($0)]") }
                + waiting.enumerated().flatMap { address($1, "\(field).notReadyAddresses[\($0)]") }
                + ports(subset["ports"]?.array ?? [], field)
        }
    }

    private static func address(_ address: JSON, _ field: String) -> [FieldProblem] {
        let text = address["ip"]?.string ?? ""
        var found: [FieldProblem] = []
        if let problem = isSpecial(text) {
            found.append(.invalid("\(field).ip", "\"\(text)\"", problem))
        } else if IPAddress(text) == nil {
            let example = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            found.append(.invalid("\(field).ip", "\"\(text)\"", example))
            found.append(.invalid("\(field).ip", "\"\(text)\"", "must be a valid IP address"))
        }
        if let host = address["hostname"]?.string, host.wholeMatch(of: #/[a-z0-9]([-a-z0-9]*[a-z0-9])?/#) == nil {
            found.append(.invalid("\(field).hostname", "\"\(host)\"", labelRule))
        }
        return found
    }

    private static func isSpecial(_ text: String) -> String? {
        guard let bytes = IPAddress(text)?.bytes else { return nil }
        let isVersion4 = bytes.count == 4
        if bytes.allSatisfy({ $0 == 0 }) { return "may not be unspecified (0.0.0.0 or ::)" }
        if isVersion4 ? bytes[0] == 127 : bytes.dropLast().allSatisfy({ $0 == 0 }) && bytes[15] == 1 {
            return "may not be in the loopback range (127.0.0.0/8, ::1/128)"
        }
        if isVersion4 ? bytes[0] == 169 && bytes[1] == 254 : bytes[0] == 0xFE && bytes[1] & 0xC0 == 0x80 {
            return "may not be in the link-local range (169.254.0.0/16, fe80::/10)"
        }
        return nil
    }

    private static func ports(_ ports: [JSON], _ field: String) -> [FieldProblem] {
        ports.enumerated().flatMap { index, port -> [FieldProblem] in
            var found: [FieldProblem] = []
            let here = "\(field).ports[\(index)]"
            if ports.count > 1, port["name"]?.string?.isEmpty ?? true { found.append(.required("\(here).name")) }
            let number = port["port"]?.int ?? 0
            if !(1...65535).contains(number) {
                found.append(.invalid("\(here).port", "\(number)", "must be between 1 and 65535, inclusive"))
            }
            let transport = port["protocol"]?.string ?? "TCP"
            if !["SCTP", "TCP", "UDP"].contains(transport) {
                found.append(
                    FieldProblem(
                        field: "\(here).protocol", reason: "FieldValueNotSupported",
                        message: "Unsupported value: \"\(transport)\": supported values: \"SCTP\", \"TCP\", \"UDP\""))
            }
            return found
        }
    }

    // MARK: the newer kinds

    private static func slice(_ slice: JSONObject, before: JSONObject?) -> [FieldProblem] {
        guard let family = slice["addressType"]?.string, !family.isEmpty else { return [.required("addressType")] }
        var found: [FieldProblem] = []
        for (index, endpoint) in (slice["endpoints"]?.array ?? []).enumerated() {
            let field = "endpoints[\(index)].addresses"
            let addresses = endpoint["addresses"]?.array ?? []
            if addresses.isEmpty { found.append(.required(field, "must contain at least 1 address")) }
            for (number, address) in addresses.enumerated() {
                let text = address.string ?? ""
                let bytes = IPAddress(text)?.bytes.count
                let isRight = family == "FQDN" || family == "IPv4" && bytes == 4 || family == "IPv6" && bytes == 16
                if !isRight {
                    found.append(.invalid("\(field)[\(number)]", "\"\(text)\"", "must be a valid \(family) address"))
                } else if let problem = isSpecial(text) {
                    found.append(.invalid("\(field)[\(number)]", "\"\(text)\"", problem))
                }
            }
            if let host = endpoint["hostname"]?.string, host.wholeMatch(of: #/[a-z0-9]([-a-z0-9]*[a-z0-9])?/#) == nil {
                found.append(.invalid("endpoints[\(index)].hostname", "\"\(host)\"", labelRule))
            }
        }
        if let old = before?["addressType"]?.string, old != family {
            found.append(.invalid("addressType", "\"\(family)\"", "field is immutable"))
        }
        return found
    }

    private static func lease(_ spec: JSONObject) -> [FieldProblem] {
        var found: [FieldProblem] = []
        if let seconds = spec["leaseDurationSeconds"]?.int, seconds <= 0 {
            found.append(.invalid("spec.leaseDurationSeconds", "\(seconds)", "must be greater than 0"))
        }
        if let count = spec["leaseTransitions"]?.int, count < 0 {
            found.append(.invalid("spec.leaseTransitions", "\(count)", "must be greater than or equal to 0"))
        }
        return found
    }
}
