// What a container asks of the program: to be process 1, under any uid, on a read-only root file system.

import Glibc
import PatroniPlatform
import Testing

extension IntegrationTests {
    /// Needs root, to make namespaces with a foreign uid.
    @Suite("In the pod", .enabled(if: getuid() == 0)) struct InThePod {
        @Test func `as process 1 under a random uid on a read-only root it runs, reaps, restarts its agent, and stops`()
            async throws
        {
            try await Pod.with { pod in
                // No name for the uid: initdb can't, and it is said why and what to do.
                let nameless = try pod.start(namesUser: false)
                try await nameless.waitForEnd()
                #expect(await nameless.log.contains("uid \(Pod.user) has no name in this system's user database"))

                let first = try pod.start()
                try await pod.waitForPrimary()
                let outermost = try #require(ProcessTable.children(of: first.pid).first)
                let agent = try pod.agent(of: outermost.pid)
                #expect(agent.name == "patroni")
                #expect(try await pod.member.status(of: "/readiness") == 200)

                try await Shell.check("nsenter -t \(outermost.pid) -p -m sh -c '(sleep 0.2 &)'")
                try await eventually("the orphan is reaped") { () -> Bool? in
                    let children = try await Shell.check("ps --no-headers -o comm --ppid \(outermost.pid)")
                    return children == "patroni" ? true : nil
                }

                // PostgreSQL goes on without its agent, and the next one finds it.
                let started = try await pod.member.sql("SELECT pg_postmaster_start_time()")
                try await Task.sleep(for: .seconds(10))
                kill(agent.pid, SIGKILL)
                try await eventually("the agent is started again") {
                    try pod.agent(of: outermost.pid).pid != agent.pid ? true : nil
                }
                try await pod.waitForPrimary()
                #expect(try await pod.member.sql("SELECT pg_postmaster_start_time()") == started)

                // In maintenance mode an agent leaves PostgreSQL running; the container would kill it.
                try await Shell.check("\(pod.member.implementation.control) -c \(pod.configuration) pause --wait")
                kill(outermost.pid, SIGTERM)
                try await first.waitForEnd()
                #expect(try await pod.controlState() == "shut down")
            }
        }

        @Test func `a data directory that a volume's fsGroup has opened is corrected at the start`() async throws {
            try await Pod.with { pod in
                let first = try pod.start()
                try await pod.waitForPrimary()
                kill(try #require(ProcessTable.children(of: first.pid).first).pid, SIGTERM)
                try await first.waitForEnd()
                #expect(try await pod.controlState() == "shut down")
                try await Shell.check("chmod -R g+rwX \(pod.data) && find \(pod.data) -type d -exec chmod g+s {} +")

                let second = try pod.start()
                try await pod.waitForPrimary()
                #expect(await second.log.contains("\(pod.data) had mode 2770, with which PostgreSQL does not start"))
                kill(try #require(ProcessTable.children(of: second.pid).first).pid, SIGTERM)
                try await second.waitForEnd()

                try await Shell.check("chown 1:1 \(pod.data) && chmod 777 \(pod.data)")
                let third = try pod.start()
                try await eventually("the foreign directory is explained") {
                    await third.log.contains("belongs to uid 1 and we are uid \(Pod.user)") ? true : nil
                }
                kill(try #require(ProcessTable.children(of: third.pid).first).pid, SIGTERM)
                try await third.waitForEnd()
            }
        }
    }
}

/// One member in namespaces of its own: only its volume can be written.
private struct Pod: Sendable {
    static let user = 123_456

    let member: TestMember
    let folder: String
    var configuration: String { member.configurationFile }
    var data: String { member.dataDirectory }

    static func with(_ body: (Pod) async throws -> Void) async throws {
        let lab = try await Lab.shared.value
        let cluster = try await TestCluster.prepare(.embedded, members: [lab.ours])
        // The store's file has to be in the volume as well.
        let member = cluster.members[0]
        let pod = Pod(member: member, folder: cluster.folder)
        try await Shell.check(
            """
            sed -i 's|\(cluster.folder)/store.db|\(member.folder)/store.db|' \(member.configurationFile)
            (cat /etc/passwd; echo 'random:x:\(user):0::/tmp:/bin/sh') > \(cluster.folder)/passwd
            chown -R \(user):\(user) \(member.folder)
            cat > \(cluster.folder)/enter <<'SH'
            \(pod.script)
            SH
            """)
        try await cluster.run { _ in try await body(pod) }
        try await Janitor.release(cluster.folder)
    }

    /// Runs as process 1 and becomes the program.
    private var script: String {
        """
        mount --bind \(member.folder) \(member.folder)
        test $1 = nameless || mount --bind \(folder)/passwd /etc/passwd
        mount -o remount,bind,ro /
        exec setpriv --reuid \(Self.user) --regid \(Self.user) --clear-groups -- \\
            \(member.implementation.agent) \(configuration)
        """
    }

    /// The daemon is `unshare`; its only child is process 1.
    func start(namesUser: Bool = true) throws -> Daemon {
        try Daemon(
            "pod",
            command: [
                "/usr/bin/unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh",
                "\(folder)/enter", namesUser ? "named" : "nameless",
            ], logFile: member.logFile)
    }

    func waitForPrimary() async throws {
        try await eventually("the member leads", within: .seconds(60)) { () -> Bool? in
            guard try await member.status(of: "/primary") == 200 else { return nil }
            return await member.isWritable ? true : nil
        }
    }

    func agent(of first: Int32) throws -> ProcessEntry {
        guard let agent = ProcessTable.children(of: first).first(where: { $0.name != "postgres" }) else {
            throw Missing(what: "agent")
        }
        return agent
    }

    func controlState() async throws -> String {
        let line = try await Shell.check(
            "\(member.lab.postgresPrograms)/pg_controldata \(data) | grep '^Database cluster state'")
        return line.split(separator: ":").last.map { $0.trimmed } ?? ""
    }
}
