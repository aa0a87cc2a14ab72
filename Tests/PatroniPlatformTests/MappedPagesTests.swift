// Which mappings may be given back, and that giving them back harms nobody.

import Testing

@testable import PatroniPlatform

@Suite struct MappedPagesTests {
    @Test(arguments: [
        ("55d000000000-55d000010000 r-xp 00001000 fe:00 1234                       /usr/bin/patroni", true),
        ("55d000000000-55d000010000 r--p 00000000 fe:00 1234                       /usr/lib/libpq.so.5", true),
        ("55d000000000-55d000010000 rw-p 00001000 fe:00 1234                       /usr/bin/patroni", false),
        ("55d000000000-55d000010000 r--s 00000000 fe:00 1234                       /dev/shm/x", false),
        ("55d000000000-55d000010000 rw-p 00000000 00:00 0                          [heap]", false),
        ("7ffd00000000-7ffd00001000 r-xp 00000000 00:00 0                          [vdso]", false),
        ("7ffd00000000-7ffd00001000 r--p 00000000 00:00 0 ", false),
    ]) func onlyPrivateReadOnlyFilesCount(line: String, isReadOnlyFile: Bool) throws {
        #expect(try #require(Mapping(line)).isReadOnlyFile == isReadOnlyFile)
    }

    @Test(arguments: ["Rss:                  64 kB", "VmFlags: rd ex mr mw me", "", "zz-yy r-xp 0 0 0 /x"])
    func otherLinesAreNoMappings(line: String) {
        #expect(Mapping(line) == nil)
    }

    @Test func theProgramGoesOnAfterwards() {
        let numbers = Array(0..<1000)
        MappedPages.releaseUnused()
        #expect(numbers.map { $0 * 2 }.reduce(0, +) == 999_000)
    }
}
