// The embedded store's file: who may read it, what may be in its place, what a crash or a boot leaves behind.

import CSQLite
import Glibc
import Logging
import PatroniConfiguration
import PatroniCore
import PatroniPlatform
import PatroniPorts
import Testing

@testable import PatroniDCS

enum Etcd3SettingsForTests {
    static func settings(_ names: [String]) -> Etcd3Settings {
        Etcd3Settings(endpoints: names.map { Endpoint(host: $0, port: 1) })
    }
}

@Suite struct EmbeddedFileTests {
    private func path(_ bench: StoreBench) -> String {
        if case .embedded(let settings) = bench.settings { settings.path } else { "" }
    }

    private func file(_ bench: StoreBench, _ path: String) async throws -> any ConfigurationStore {
        try await bench.store("a", .embedded(EmbeddedStoreSettings(path: path)))
    }

    @Test func onlyItsOwnerMayReadIt() async throws {
        let bench = try await StoreBench(.embedded)
        let a = try await bench.store("a")
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        for end in ["", "-wal", "-shm"] {
            var info = stat()
            #expect(stat(path(bench) + end, &info) == 0)
            #expect(info.st_mode & 0o777 == 0o600)
        }
        await a.close()
    }

    @Test func membersThatStartTogetherAllGetIn() async throws {
        for round in 0..<10 {
            let bench = try await StoreBench(.embedded)
            let place = path(bench) + ".\(round)"
            let failures = try await withThrowingTaskGroup(of: StoreFailure?.self) { group in
                for number in 0..<6 {
                    group.addTask {
                        let settings = StoreSettings.embedded(EmbeddedStoreSettings(path: place))
                        let store = try await bench.store(MemberName("m\(number)"), settings)
                        do throws(StoreFailure) {
                            _ = try await store.readCluster(by: bench.soon())
                            return nil
                        } catch { return error }
                    }
                }
                var found: [StoreFailure] = []
                for try await failure in group { if let failure { found.append(failure) } }
                return found
            }
            #expect(failures.isEmpty)
        }
    }

    @Test func aMissingDirectoryIsNamed() async throws {
        let bench = try await StoreBench(.embedded)
        let a = try await file(bench, path(bench) + ".d/none/store.db")
        let failure = await #expect(throws: StoreFailure.self) { _ = try await a.readCluster(by: bench.soon()) }
        #expect(failure?.kind == .unreachable)
        #expect(failure?.explanation.contains("none/store.db") == true)
        #expect(failure?.explanation.contains("No such file or directory") == true)
    }

    @Test func aFileThatIsNoDatabaseIsLeftAlone() async throws {
        let bench = try await StoreBench(.embedded)
        let text = String(repeating: "not a database, but somebody's diary\n", count: 200)
        let descriptor = open(path(bench), O_CREAT | O_WRONLY, 0o600)
        _ = text.withCString { write(descriptor, $0, strlen($0)) }
        close(descriptor)
        let a = try await bench.store("a")
        let failure = await #expect(throws: StoreFailure.self) { _ = try await a.readCluster(by: bench.soon()) }
        #expect(failure?.explanation.contains("is not an SQLite database") == true)
        #expect(try FileReading.text(path(bench)) == text)
        await a.close()
    }

    @Test func aDirectoryInItsPlaceIsSaid() async throws {
        let bench = try await StoreBench(.embedded)
        let a = try await file(bench, "/tmp")
        let failure = await #expect(throws: StoreFailure.self) { _ = try await a.readCluster(by: bench.soon()) }
        #expect(failure?.explanation.contains("/tmp") == true)
        await a.close()
    }

    @Test func aFileThatIsReplacedIsOpenedAnew() async throws {
        let bench = try await StoreBench(.embedded)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        for end in ["", "-wal", "-shm"] { unlink(path(bench) + end) }
        // Both must see the same new file, or there would be two leaders.
        #expect(await b.acquireLeader(by: bench.soon()) == .held)
        #expect(await a.renewLeader(by: bench.soon()) == .lostTo("b"))
        await a.close()
        await b.close()
    }

    @Test func sessionsOfAnEarlierBootAreOver() async throws {
        let bench = try await StoreBench(.embedded)
        let a = try await bench.store("a", ttl: .seconds(600))
        #expect(await a.acquireLeader(by: bench.soon()) == .held)
        #expect(await a.writeConfiguration(["ttl": 30], ifVersion: nil, by: bench.soon()).isWritten)
        await a.close()
        try LastBoot.pretend(path(bench))
        let b = try await bench.store("b")
        let cluster = try await b.readCluster(by: bench.soon())
        #expect(cluster.leader == nil)
        #expect(cluster.configuration?.values == ["ttl": 30])
        #expect(await b.acquireLeader(by: bench.soon()) == .held)
        await b.close()
    }

    @Test func aNewerFormatIsRefused() async throws {
        let bench = try await StoreBench(.embedded)
        let a = try await bench.store("a")
        _ = try await a.readCluster(by: bench.soon())
        await a.close()
        try LastBoot.execute(path(bench), "PRAGMA user_version = 99")
        let b = try await bench.store("b")
        let failure = await #expect(throws: StoreFailure.self) { _ = try await b.readCluster(by: bench.soon()) }
        #expect(failure?.explanation.contains("newer version") == true)
        await b.close()
    }

    @Test func twoClustersShareOneFile() async throws {
        let (one, two) = (try await StoreBench(.embedded), try await StoreBench(.embedded))
        let a = try await one.store("a")
        let b = try await two.store("b", one.settings)
        #expect(await a.acquireLeader(by: one.soon()) == .held)
        #expect(await b.acquireLeader(by: one.soon()) == .held)
        #expect(await b.deleteCluster(by: one.soon()).isWritten)
        #expect(try await a.readCluster(by: one.soon()).leader?.name == "a")
        await a.close()
        await b.close()
    }

    @Test func newsOfAnotherMembersWriteComeSoon() async throws {
        let bench = try await StoreBench(.embedded)
        let (a, b) = (try await bench.store("a"), try await bench.store("b"))
        _ = try await b.readCluster(by: bench.soon())
        let news = NewsReader(b)
        for _ in 0..<3 {
            #expect(await a.acquireLeader(by: bench.soon()) == .held)
            #expect(await news.heard(.leader("a"), within: 2))
            #expect(await a.releaseLeader(position: nil, by: bench.soon()).isWritten)
            #expect(await news.heard(.leader(nil), within: 2))
            news.clear()
        }
        await a.close()
        await b.close()
    }
}

private enum LastBoot {
    static func pretend(_ path: String) throws { try execute(path, "UPDATE sessions SET boot = 'another'") }

    static func execute(_ path: String, _ sql: String) throws {
        try SQLiteConnection(path: path).execute(sql)
    }
}
