// Gives back program pages that only the start needed.

import Glibc

/// The process's mapped files: code and constants of the program and its libraries.
public enum MappedPages {
    /// Unmaps every page of code and constants; those that the loop needs come back one by one from the page cache, at
    /// a microsecond each. Parsing a configuration, TLS contexts and the first election touch some 20 MiB of code that is
    /// not needed again for weeks, and beside a database memory has better uses. Blocking, some milliseconds.
    ///
    /// Only mappings that can't be written and hold no page of our own are touched: nothing can be lost.
    public static func releaseUnused() {
        guard let text = try? FileReading.text("/proc/self/smaps", limit: 1 << 22) else { return }
        var mapping: Range<UInt>?
        for line in text.split(separator: "\n") {
            if let header = Mapping(line) {
                mapping = header.isReadOnlyFile ? header.addresses : nil
            } else if line.hasPrefix("Anonymous:"), let addresses = mapping {
                if line.split(separator: " ").dropFirst().first == "0" { release(addresses) }
                mapping = nil
            }
        }
    }

    private static func release(_ addresses: Range<UInt>) {
        guard let start = UnsafeMutableRawPointer(bitPattern: addresses.lowerBound) else { return }
        _ = madvise(start, Int(addresses.count), MADV_DONTNEED)
    }
}

/// The first line of a mapping in smaps: `55d0…-55d1… r-xp 00000000 fe:00 1234 /usr/bin/patroni`.
struct Mapping: Equatable {
    var addresses: Range<UInt>
    var isReadOnlyFile: Bool

    init?(_ line: some StringProtocol) {
        let words = line.split(separator: " ", maxSplits: 5)
        guard words.count >= 5, words[1].utf8.count == 4 else { return nil }
        let ends = words[0].split(separator: "-")
        guard ends.count == 2, let low = UInt(ends[0], radix: 16), let high = UInt(ends[1], radix: 16), low < high
        else {
            return nil
        }
        addresses = low..<high
        let isFile = words.count == 6 && words[5].drop { $0 == " " }.hasPrefix("/")
        isReadOnlyFile =
            isFile && words[1].hasPrefix("r") && words[1].dropFirst().hasPrefix("-") && words[1].hasSuffix("p")
    }
}
