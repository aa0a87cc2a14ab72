// Modes that a volume has broken are mended, what can't be mended is explained.

import Glibc
import PatroniPlatform
import Testing

@testable import PatroniPostgres

@Suite("Access to the data directory") struct DataDirectoryAccessTests {
    private func withDirectory(mode: UInt32, _ body: (String) throws -> Void) throws {
        var template = Array("/tmp/patroni-access.XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { rmdir(path) }
        // For root nothing is checked.
        if geteuid() == 0 { #expect(chown(path, 65534, 65534) == 0) }
        try FileOwnership.setMode(mode, of: path)
        try body(path)
    }

    @Test(arguments: [UInt32(0o2770), 0o2775, 0o775, 0o777, 0o701, 0o2771, 0o500])
    func `a directory that fsGroup has opened is private again`(mode: UInt32) throws {
        try withDirectory(mode: mode) { path in
            let owner = try #require(try FileOwnership.of(path)).user
            let correction = try #require(try DataDirectoryAccess.correct(path, user: owner))
            #expect(correction.from == mode)
            #expect(correction.to & 0o777 == 0o700)
            #expect(try FileOwnership.of(path)?.mode == correction.to)
        }
    }

    @Test func `what PostgreSQL accepts is left alone`() throws {
        for mode in [UInt32(0o700), 0o750, 0o2750, 0o2700] {
            #expect(DataDirectoryAccess.isAccepted(mode))
            try withDirectory(mode: mode) { path in
                let owner = try #require(try FileOwnership.of(path)).user
                #expect(try DataDirectoryAccess.correct(path, user: owner) == nil)
                #expect(try FileOwnership.of(path)?.mode == mode)
            }
        }
    }

    @Test func `somebody else's directory is explained, with what to do`() throws {
        try withDirectory(mode: 0o2770) { path in
            let owner = try #require(try FileOwnership.of(path)).user
            let error = #expect(throws: DataDirectoryObstacle.self) {
                try DataDirectoryAccess.correct(path, user: owner + 1)
            }
            #expect(error?.description.contains("belongs to uid \(owner) and we are uid \(owner + 1)") == true)
            #expect(error?.description.contains("directory below it") == true)
            #expect(try FileOwnership.of(path)?.mode == 0o2770)
        }
    }

    @Test func `no directory is no obstacle`() throws {
        #expect(try DataDirectoryAccess.correct("/no/such/place", user: 1) == nil)
    }
}
