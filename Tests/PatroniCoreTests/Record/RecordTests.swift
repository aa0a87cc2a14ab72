// A turn written down and read again decides the same, and nothing that is damaged passes for a record.

import Testing

@testable import PatroniCore

extension TurnRecord {
    /// A turn driven to its end, as the agent writes it down.
    static func of(_ now: Observation, _ memory: Memory = Memory(), _ world: World = World()) -> TurnRecord {
        var record = TurnRecord(observation: now, memory: memory, steps: [], took: .milliseconds(7))
        var turn = Turn(now, memory)
        while true {
            let verdict = turn.next()
            let learned = world.answer(verdict.decision, for: turn.observation)
            let began = turn.observation.now
            record.steps.append(Step(verdict: verdict, learned: learned, began: began, took: .milliseconds(2)))
            guard let learned else { return record }
            turn.learn(learned, at: began + .milliseconds(2))
        }
    }

    var entry: FlightEntry { FlightEntry(at: .noon, member: observation.me, event: .turn(self)) }
}

@Suite("Flight record") struct RecordTests {
    private static func random(_ seed: UInt64) -> TurnRecord {
        var random = SeededRandom(seed: seed)
        let now = random.observation()
        return .of(now, random.memory(), random.world())
    }

    @Test func `every turn survives being written down and read again, and decides the same`() throws {
        for seed in UInt64(1)...200 {
            let record = Self.random(seed)
            let line = try record.entry.line()
            #expect(!line.contains("\n"))
            let read = try FlightEntry(line: line)
            var wanted = record
            wanted.observation = Redaction.observation(record.observation)
            #expect(read.turn == wanted, "seed \(seed)")
            #expect(read.turn?.replay() == nil, "seed \(seed)")
            #expect(try FlightEntry(line: read.line()) == read, "seed \(seed)")
            #expect(try read.line() == line, "seed \(seed)")
        }
    }

    @Test func `a rule that decides otherwise today is found`() throws {
        let record = try FlightEntry(line: TurnRecord.of(.standby.unlocked).entry.line()).turn
        let difference = try #require(record?.replay(EveryRule.tables(without: "leader-race/ask-the-others")))
        #expect(difference.step == 1)
        #expect(difference.then.rule == "leader-race/ask-the-others")
        #expect(difference.now.rule == "leader-race/healthiest")
    }

    @Test func `a changed byte anywhere is noticed`() throws {
        let line = Array(try TurnRecord.of(.primary).entry.line().utf8)
        for index in line.indices {
            for mask: UInt8 in [1, 0x20, 0x80] {
                var damaged = line
                damaged[index] ^= mask
                #expect(throws: RecordError.self, "byte \(index)") {
                    try FlightEntry(line: String(decoding: damaged, as: UTF8.self))
                }
            }
        }
        for length in 0..<line.count {
            #expect(throws: RecordError.self) {
                try FlightEntry(line: String(decoding: line[..<length], as: UTF8.self))
            }
        }
    }

    @Test func `a field that a record of an older version lacks has its default`() throws {
        var json = try #require(try JSON(encoding: Memory()).object)
        json["role"] = nil
        json["divergence"] = nil
        #expect(try JSON.object(json).decoded(Memory.self) == Memory())
        var now = try #require(try JSON(encoding: Observation.primary).object)
        var settings = try #require(now["settings"]?.object)
        settings["ttl"] = nil
        now["settings"] = .object(settings)
        #expect(try JSON.object(now).decoded(Observation.self) == .primary)
    }

    @Test func `what can't be understood is told with its place`() throws {
        var now = try #require(try JSON(encoding: Observation.primary).object)
        now["lease"] = ["held": ["until": "soon"]]
        let error = #expect(throws: RecordError.self) { try JSON.object(now).decoded(Observation.self) }
        #expect(error?.description == "lease.held.until: expected an object")
        #expect(throws: RecordError.self) { try JSON.string("x").decoded(TurnRecord.self) }
        #expect(throws: RecordError.self) { try JSON.object([:]).decoded(FlightEntry.self) }
    }

    @Test func `all kinds of numbers and texts keep their value`() throws {
        struct Everything: Codable, Equatable {
            var small: [Int8] = [-128, 127]
            var large: [UInt64] = [0, .max]
            var numbers: [Double] = [0.5, -3]
            var floats: [Float] = [0.25]
            var bytes: [UInt8] = [255]
            var shorts: [Int16] = [-1]
            var unsigned: [UInt16] = [1]
            var words: [UInt32] = [.max]
            var longs: [Int] = [.min, .max]
            var huge: [UInt] = [.max]
            var signed: [Int32] = [-5]
            var nothing: String?
            var flags: [Bool?] = [true, nil, false]
            var names: [MemberName: Int] = ["alpha": 1]
            var odd: Duration = .nanoseconds(1) / 3
            var text = "\u{1F418} \"quoted\"\n"
            var before = WallTime(microseconds: -1)
        }
        let json = try JSON(encoding: Everything())
        #expect(try JSON.parse(json.text()).decoded(Everything.self) == Everything())
    }

    @Test func `equal values are written the same, however they came to be`() throws {
        struct Sets: Codable {
            var texts: [String: Int] = [:]
            var names: [MemberName: Int] = [:]
            var set: Set<MemberName> = []
        }
        func text(_ order: [Int], room: Int) throws -> String {
            var sets = Sets()
            sets.names.reserveCapacity(room)
            sets.set.reserveCapacity(room)
            sets.texts.reserveCapacity(room)
            for number in order {
                sets.texts["m\(number)"] = number
                sets.names[MemberName("m\(number)")] = number
                sets.set.insert(MemberName("m\(number)"))
            }
            return try JSON(encoding: sets).text()
        }
        let numbers = Array(1...9)
        #expect(try text(numbers, room: 9) == text(numbers.reversed(), room: 900))
        #expect(
            try text([2, 1], room: 2)
                == #"{"texts":{"m1":1,"m2":2},"names":["m1",1,"m2",2],"set":["m1","m2"]}"#)
    }

    @Test func `the end of an agent is written down too`() throws {
        var now = Observation.primary
        now.isShuttingDown = true
        var record = ShutdownRecord(now)
        var shutdown = Shutdown(now)
        let events: [Shutdown.Event] = [
            .stopOrdered, .checkpointWritten(ShutdownCheckpoint(location: LSN(100)), at: .start),
            .peers([.standby("beta", at: 128)], at: .start), .keyReleased(.written(nil)), .serverStopped(nil),
            .memberPublished,
        ]
        for event in events {
            record.note(.init(shutdown.next(), event, began: .start))
            shutdown.learn(event)
        }
        record.note(.init(shutdown.next(), nil, began: .start))
        let line = try FlightEntry(at: .noon, member: "alpha", event: .letGo(record)).line()
        guard case .letGo(let read) = try FlightEntry(line: line).event else {
            Issue.record("another event")
            return
        }
        #expect(read.steps == record.steps)
        #expect(read.replay() == nil)
        var changed = read
        changed.observation.store = .silent(.noAnswer)
        changed.observation.lease = .none
        #expect(changed.replay() != nil)
    }
}

@Suite("Records of stops") struct ShutdownRecordTests {
    @Test func `a stop is replayed for the purpose it had`() throws {
        var record = ShutdownRecord(.primary, purpose: .becomingStandby(isArchiving: true))
        var shutdown = record.beginning
        let checkpoint = ShutdownCheckpoint(location: LSN(100))
        for event in [.stopOrdered, .checkpointWritten(checkpoint, at: .start), .serverStopped(checkpoint)]
            as [Shutdown.Event]
        {
            record.note(.init(shutdown.next(), event, began: .start))
            shutdown.learn(event)
        }
        record.note(.init(shutdown.next(), nil, began: .start))
        let line = try FlightEntry(at: .noon, member: "alpha", event: .letGo(record)).line()
        guard case .letGo(var read) = try FlightEntry(line: line).event else {
            Issue.record("another event")
            return
        }
        #expect(read.replay() == nil)
        read.purpose = .handingOver
        #expect(read.replay() != nil)
    }
}

@Suite("Secrets") struct RedactionTests {
    @Test(arguments: [
        ("postgres://bob:hunter2@db:5432/postgres", "postgres://db:5432/postgres"),
        ("see postgres://bob:p/w@db:1/x and https://a:b@c/d", "see postgres://db:1/x and https://c/d"),
        ("host=db password=hunter2 user=bob", "host=db password=*** user=bob"),
        ("host=db password='two words' user=bob", "host=db password=*** user=bob"),
        ("x?sslpassword=abc&sslmode=on", "x?sslpassword=***&sslmode=on"),
        ("PGPASSWORD = hunter2", "PGPASSWORD =***"),
        ("a = b, mail@example.org", "a = b, mail@example.org"),
        ("postgres://db:5432/postgres", "postgres://db:5432/postgres"),
        ("password='open", "password=***"),
    ])
    func `addresses and connection strings lose their passwords`(_ text: String, _ wanted: String) {
        #expect(Redaction.text(text) == wanted)
        #expect(Redaction.text(wanted) == wanted)
    }

    @Test func `no secret gets into a line`() throws {
        let now = Observation.standby.cluster { cluster in
            cluster.configuration?.values = ["postgresql": ["parameters": ["x": "hunter2"]]]
            cluster.change("alpha") {
                $0.connectionURL = "postgres://bob:hunter2@alpha:5432/postgres"
                $0.apiURL = "http://bob:hunter2@alpha:8008/patroni"
                $0.proxyURL = "postgres://proxy:5432/postgres?password=hunter2"
                $0.pendingRestartReason = ["primary_conninfo": ["old_value": "hunter2"]]
            }
        }.settings {
            $0.standbyCluster = RemoteSource([
                "host": "elsewhere", "password": "hunter2", "restore_command": "fetch hunter2", "port": 5432,
            ])
        }
        var memory = Memory()
        memory.cloneFailure = .init(why: "pg_basebackup: connection to password=hunter2 failed", at: .start)
        let line = try TurnRecord.of(now, memory).entry.line()
        #expect(!line.contains("hunter2"))
        #expect(line.contains("elsewhere"))
        #expect(try FlightEntry(line: line).turn?.replay() == nil)
    }
}

@Suite("Flight log") struct FlightLogTests {
    private func later(_ now: Observation, _ seconds: Int) -> Observation {
        now.with {
            $0.now = .start + .seconds(seconds)
            $0.lease = $0.lease == .none ? .none : .held(until: .start + .seconds(seconds + 20))
        }
    }

    @Test func `a quiet turn is not written down, whatever the leader does`() {
        var log = FlightLog()
        let told1 = log.note(.of(.primary), role: .primary)
        #expect(told1 != nil)
        for second in 1...50 {
            let told2 = log.note(.of(later(.primary, second)), role: .primary)
            #expect(told2 == nil)
        }
        #expect(log.entries.count == 1)
        #expect(log.leaderLastSeen == .start + .seconds(50))
    }

    @Test func `what changes is written down`() {
        var log = FlightLog()
        let told3 = log.note(.of(.standby), role: .replica)
        #expect(told3 != nil)
        let told4 = log.note(.of(.standby.ledBy("gamma")), role: .replica)
        #expect(told4 != nil)
        let told5 = log.note(.of(.standby.storeSilent), role: .replica)
        #expect(told5 != nil)
        let other = Observation.standby.with { $0.store = .silent(StoreFailure(.unreachable, "another text")) }
        let told6 = log.note(.of(other), role: .replica)
        #expect(told6 == nil)
        let told7 = log.note(.of(.standby), role: .replica)
        #expect(told7 != nil)
        let won = log.note(.of(.standby.unlocked), role: .replica)
        #expect(won?.turn?.deeds.last == .begin(.promote))
        #expect(won?.turn?.leaderLastSeen == .start)
        let told8 = log.note(.of(.standby), role: .primary)
        #expect(told8 != nil)
    }

    @Test func `the same attempt over and over again does not fill the record`() {
        var log = FlightLog()
        var world = World()
        world.acquisition = .unknown(.noAnswer)
        var written = 0
        for second in 0..<60 {
            let turn = TurnRecord.of(later(.standby.unlocked, second), Memory(), world)
            if log.note(turn, role: .replica) != nil { written += 1 }
        }
        #expect(written == 6)
    }

    @Test func `only the last changes are kept in memory`() {
        var log = FlightLog()
        for number in 0..<300 {
            log.note(FlightEntry(at: .noon, member: "beta", event: .started(version: "\(number)")))
        }
        #expect(log.entries.count == FlightLog.capacity)
        #expect(log.entries.last?.event == .started(version: "299"))
    }
}
