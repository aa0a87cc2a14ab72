// IP addresses and networks, for the allowlist.

import Glibc

/// An IPv4 or IPv6 address. IPv4 addresses in IPv6's clothing (`::ffff:1.2.3.4`) count as IPv4.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    /// Four or sixteen bytes.
    public let bytes: [UInt8]

    /// Nil when the text is no address; a zone (`%eth0`) is ignored.
    public init?(_ text: String) {
        let text = String(text.prefix { $0 != "%" })
        var v4 = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, text, &v4) == 1 {
            bytes = v4
            return
        }
        var v6 = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        let isMapped = v6[..<10].allSatisfy { $0 == 0 } && v6[10] == 0xFF && v6[11] == 0xFF
        bytes = isMapped ? Array(v6[12...]) : v6
    }

    public var description: String {
        var text = [CChar](repeating: 0, count: 64)
        inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// A network such as `10.0.0.0/8`; host bits are ignored.
public struct IPNetwork: Sendable, Hashable {
    public let address: IPAddress
    public let prefix: Int

    /// One address alone.
    public init(_ address: IPAddress) {
        self.address = address
        prefix = address.bytes.count * 8
    }

    /// `address/bits` or `address/mask`; nil when it is neither.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ IPAddress(String($0)) }) else { return nil }
        self.address = address
        switch parts.count {
        case 1: prefix = address.bytes.count * 8
        case 2:
            if let bits = Int(parts[1]), (0...address.bytes.count * 8).contains(bits) {
                prefix = bits
            } else if let mask = IPAddress(String(parts[1])), mask.bytes.count == address.bytes.count,
                let bits = Self.length(mask.bytes)
            {
                prefix = bits
            } else {
                return nil
            }
        default: return nil
        }
    }

    public func contains(_ other: IPAddress) -> Bool {
        guard other.bytes.count == address.bytes.count else { return false }
        for (index, byte) in address.bytes.enumerated() {
            let bits = min(8, prefix - index * 8)
            if bits <= 0 { return true }
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            if byte & mask != other.bytes[index] & mask { return false }
        }
        return true
    }

    private static func length(_ mask: [UInt8]) -> Int? {
        let ones = mask.reduce(0) { $0 + $1.nonzeroBitCount }
        let isContiguous = mask.enumerated().allSatisfy { index, byte in
            byte == UInt8(truncatingIfNeeded: 0xFF00 >> max(0, min(8, ones - index * 8)))
        }
        return isContiguous ? ones : nil
    }
}
