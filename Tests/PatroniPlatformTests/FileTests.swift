// Files: written whole or not at all, read with a bound, removed without following links.

import Glibc
import PatroniPlatform
import Testing

@Suite("Files") struct FileTests {
    let directory: TemporaryDirectory
    var path: String { directory.path }

    init() throws { directory = try TemporaryDirectory() }

    @Test func `a file is replaced whole, with its mode, and nothing else is left`() throws {
        try DurableFile.write(path + "/a", "old", mode: 0o644)
        try DurableFile.write(path + "/a", "new", mode: 0o600)
        #expect(try FileReading.text(path + "/a") == "new")
        #expect(try FileReading.names(in: path) == ["a"])
        var info = stat()
        #expect(stat(path + "/a", &info) == 0)
        #expect(info.st_mode & 0o777 == 0o600)
    }

    @Test func `an error names the file and the system's reason`() {
        let error = #expect(throws: FileError.self) { try FileReading.text(path + "/none") }
        #expect(error?.description == "could not open \(path)/none: No such file or directory")
        #expect(error?.isNotFound == true)
        #expect(throws: FileError.self) { try DurableFile.write(path + "/none/a", "x") }
    }

    @Test func `reading is bounded`() throws {
        try DurableFile.write(path + "/a", [UInt8](repeating: 65, count: 1000))
        #expect(try FileReading.bytes(path + "/a", limit: 1000).count == 1000)
        let error = #expect(throws: FileError.self) { try FileReading.bytes(path + "/a", limit: 999) }
        #expect(error?.cause == .largerThan(999))
        #expect(throws: FileError.self) { try FileReading.bytes("/dev/zero", limit: 100_000) }
    }

    @Test func `a part of a file is read wherever it lies`() throws {
        try DurableFile.write(path + "/a", Array(0..<100))
        #expect(try FileReading.part(of: path + "/a", from: 10, count: 3) == [10, 11, 12])
        #expect(try FileReading.part(of: path + "/a", from: 98, count: 3) == [98, 99])
        #expect(try FileReading.part(of: path + "/a", from: 200, count: 3).isEmpty)
    }

    @Test func `removing a tree never leaves it through a link`() throws {
        try FileTree.create(path + "/outside/deep")
        try DurableFile.write(path + "/outside/kept", "x")
        try FileTree.create(path + "/tree/a/b")
        try DurableFile.write(path + "/tree/a/b/file", "x")
        #expect(symlink(path + "/outside", path + "/tree/a/link") == 0)
        #expect(symlink(path + "/nowhere", path + "/tree/dangling") == 0)
        try FileTree.empty(path + "/tree")
        #expect(try FileReading.names(in: path + "/tree").isEmpty)
        try FileTree.remove(path + "/tree")
        try FileTree.remove(path + "/tree")
        #expect(try FileReading.names(in: path) == ["outside"])
        #expect(try FileReading.text(path + "/outside/kept") == "x")
    }

    @Test func `kinds and links are told apart`() throws {
        try DurableFile.write(path + "/file", "")
        #expect(symlink("file", path + "/link") == 0)
        #expect(try FileReading.kind(path) == .directory)
        #expect(try FileReading.kind(path + "/link") == .file)
        #expect(try FileReading.kind(path + "/link", followsLinks: false) == .link)
        #expect(try FileReading.kind(path + "/none") == nil)
        #expect(FileReading.link(path + "/link") == "file")
        #expect(FileReading.realPath(path + "/link") == FileReading.realPath(path + "/file"))
    }

    @Test func `who and where we are is known`() throws {
        let user = try #require(SystemUser.current)
        #expect(user.id == geteuid())
        #expect(SystemUser.named(user.name) == user)
        #expect(SystemUser.named("no such user") == nil)
        #expect(!Machine.hostName.isEmpty)
        #expect(Machine.findProgram("sh")?.hasSuffix("/sh") == true)
        #expect(Machine.findProgram("no-such-program") == nil)
        let port = try #require(Machine.freePort())
        #expect(Machine.isPortFree(port))
    }
}
