// Which replication slots ought to exist where, and what is done about it.

import Testing

@testable import PatroniCore

@Suite struct WantedSlotsTests {
    private func member(_ name: String, _ tags: JSONObject = [:], position: UInt64? = nil) -> Member {
        var member = Member(name: MemberName(name))
        member.tags = Tags(tags)
        member.position = position.map { LSN($0) }
        return member
    }

    private func cluster(_ members: [Member], slots: [String: LSN] = [:], configuration: JSONObject = [:]) -> Cluster {
        var cluster = Cluster()
        cluster.leader = Leader(name: "a")
        cluster.members = members
        cluster.status = ClusterStatus(position: LSN(1000), slots: slots)
        cluster.configuration = StoredConfiguration(values: configuration, version: KeyVersion(1))
        return cluster
    }

    private func wanted(
        on me: MemberName, _ cluster: Cluster, tags: JSONObject = [:], isLeader: Bool = false,
        settings: ClusterSettings = ClusterSettings()
    ) -> WantedSlots {
        WantedSlots.on(me, tags: Tags(tags), isLeader: isLeader, cluster: cluster, settings: settings)
    }

    @Test func `the leader keeps a slot for every other member`() {
        let slots = wanted(on: "a", cluster([member("a"), member("b"), member("c-1")]), isLeader: true)
        #expect(slots.physical.keys.sorted() == ["b", "c_1"])
        #expect(slots.physical["b"]?.isExpectedActive == true)
    }

    @Test func `a replica keeps slots too, standing where the leader's stand`() {
        let slots = wanted(on: "b", cluster([member("a"), member("b"), member("c")], slots: ["c": LSN(77)]))
        #expect(slots.physical.keys.sorted() == ["a", "c"])
        #expect(slots.physical["c"] == WantedSlot(position: LSN(77), isExpectedActive: false))
    }

    @Test func `without retention a replica serves only those who replicate from it`() {
        var settings = ClusterSettings()
        settings.memberSlotsTTL = .zero
        let all = cluster([member("a"), member("b"), member("c", ["replicatefrom": "b"]), member("d")])
        #expect(wanted(on: "b", all, settings: settings).physical.keys.sorted() == ["c"])
        #expect(wanted(on: "a", all, isLeader: true, settings: settings).physical.keys.sorted() == ["b", "d"])
    }

    @Test func `a member without streaming has no slot anywhere`() {
        let slots = wanted(on: "a", cluster([member("a"), member("b", ["nostream": true])]), isLeader: true)
        #expect(slots.physical.isEmpty)
    }

    @Test func `a member that never leads serves its own replicas only`() {
        let all = cluster([member("a"), member("b"), member("c", ["replicatefrom": "b"])])
        #expect(wanted(on: "b", all, tags: ["nofailover": true]).physical.keys.sorted() == ["c"])
    }

    @Test func `a cascading member's position is its own word`() {
        let all = cluster(
            [member("a"), member("b"), member("c", ["replicatefrom": "b"], position: 90)], slots: ["c": LSN(50)])
        #expect(wanted(on: "a", all, isLeader: true).physical["c"]?.position == LSN(90))
        #expect(wanted(on: "a", all, isLeader: true).physical["c"]?.isExpectedActive == false)
    }

    @Test func `a member whose upstream is unknown replicates from the leader`() {
        let all = cluster([member("a"), member("c", ["replicatefrom": "gone"])])
        #expect(wanted(on: "a", all, isLeader: true).physical["c"]?.isExpectedActive == true)
    }

    @Test func `slots of members that left are retained`() {
        var all = cluster([member("a"), member("b")])
        all.status.retainedSlots = ["a", "b", "left"]
        #expect(wanted(on: "a", all, isLeader: true).physical.keys.sorted() == ["b", "left"])
        #expect(wanted(on: "a", all, isLeader: true).physical["left"]?.isExpectedActive == nil)
    }

    @Test func `permanent slots are kept by all who may lead`() {
        let configuration: JSONObject = [
            "slots": [
                "mine": .null, "far": ["type": "physical", "cluster_type": "standby"],
                "l": ["type": "logical", "database": "d", "plugin": "p"], "Bad": .null,
            ]
        ]
        let all = cluster([member("a"), member("b")], configuration: configuration)
        let slots = wanted(on: "a", all, isLeader: true)
        #expect(slots.physical.keys.sorted() == ["b", "mine"])
        #expect(slots.logical == ["l": LogicalSlot(database: "d", plugin: "p")])
        #expect(slots.complaints == ["Invalid permanent replication slot name 'Bad'"])
        #expect(wanted(on: "a", all, tags: ["nofailover": true], isLeader: true).physical["mine"] == nil)
    }

    @Test func `logical slots are for those who stream from a member and may lead`() {
        let configuration: JSONObject = ["slots": ["l": ["type": "logical", "database": "d", "plugin": "p"]]]
        var all = cluster(
            [member("a"), member("b"), member("c"), member("d")], configuration: configuration)
        all.status.slots = ["l": LSN(7)]
        all.leader = Leader(name: "a")
        for index in all.members.indices {
            switch all.members[index].name {
            case "b": all.members[index].tags.values["nostream"] = true
            case "c": all.members[index].tags.values["replicatefrom"] = "b"
            case "d": all.members[index].tags.values["replicatefrom"] = "c"
            default: break
            }
        }
        func slots(_ name: MemberName, _ more: JSONObject = [:]) -> WantedSlots {
            var tags = all.member(name)?.tags ?? Tags()
            for pair in more.pairs { tags.values[pair.key] = pair.value }
            return .on(name, tags: tags, isLeader: name == "a", cluster: all, settings: ClusterSettings())
        }
        #expect(slots("a").logical["l"]?.position == LSN(7))
        #expect(slots("b").logical.isEmpty && slots("c").logical.isEmpty && slots("d").logical.isEmpty)
        for index in all.members.indices where all.members[index].name == "b" { all.members[index].tags = Tags() }
        #expect(slots("b").logical["l"] != nil && slots("d").logical["l"] != nil)
        #expect(slots("c").needsHotStandbyFeedback)
        // It never leads, but what streams from it may.
        #expect(
            slots("b", ["nofailover": true]).logical.isEmpty && slots("b", ["nofailover": true]).needsHotStandbyFeedback
        )
        #expect(!slots("d", ["nofailover": true]).needsHotStandbyFeedback)
    }

    @Test func `members that share a slot name are reported`() {
        let slots = wanted(on: "a", cluster([member("a"), member("b-1"), member("b.1")]), isLeader: true)
        #expect(slots.complaints == ["Following cluster members share a replication slot name: b-1, b.1 map to b_1"])
    }

    @Test func `use_slots false means none`() {
        var settings = ClusterSettings()
        settings.useSlots = false
        #expect(wanted(on: "a", cluster([member("b")]), isLeader: true, settings: settings) == WantedSlots())
    }
}

@Suite struct SlotPlanTests {
    private func plan(
        _ wanted: [String: WantedSlot], _ existing: [ExistingSlot], logical: [String: LogicalSlot] = [:],
        ignore: JSON = [],
        isPaused: Bool = false, mayClean: Bool = true, isPrimary: Bool = false
    ) -> [SlotAction] {
        var slots = WantedSlots()
        slots.physical = wanted
        slots.logical = logical
        var cluster = Cluster()
        cluster.configuration = StoredConfiguration(values: ["ignore_slots": ignore], version: KeyVersion(1))
        return SlotPlan.actions(
            wanted: slots, existing: existing, ignored: IgnoredSlots(cluster), isPaused: isPaused,
            mayCleanHorizons: mayClean, isPrimary: isPrimary)
    }

    private static let slot = LogicalSlot(database: "d", plugin: "p", position: LSN(50))
    private static func existing(_ confirmed: UInt64, plugin: String = "p", isLost: Bool = false) -> ExistingSlot {
        ExistingSlot(
            name: "l", kind: .logical(database: "d", plugin: plugin), restart: LSN(1), confirmed: LSN(confirmed),
            isLost: isLost)
    }

    @Test func `logical slots are made on the primary and moved on by standbys`() {
        let wanted = ["l": Self.slot]
        #expect(plan([:], [], logical: wanted, isPrimary: true) == [.createLogical("l", Self.slot)])
        #expect(plan([:], [], logical: wanted) == [])
        #expect(
            plan([:], [Self.existing(40)], logical: wanted)
                == [.advanceLogical("l", database: "d", to: LSN(50))])
        #expect(plan([:], [Self.existing(50)], logical: wanted) == [])
        #expect(plan([:], [Self.existing(40)], logical: wanted, isPrimary: true) == [])
    }

    @Test func `a logical slot that can't be the one meant is made anew`() {
        let wanted = ["l": Self.slot]
        #expect(
            plan([:], [Self.existing(40, plugin: "other")], logical: wanted, isPrimary: true)
                == [.drop("l", because: .wrongKind), .createLogical("l", Self.slot)])
        #expect(
            plan([:], [ExistingSlot(name: "l", restart: LSN(1))], logical: wanted)
                == [.drop("l", because: .wrongKind)])
        #expect(plan([:], [Self.existing(40, isLost: true)], logical: wanted) == [.drop("l", because: .lost)])
    }

    @Test func `a standby copies what the primary has and it has not`() {
        var wanted = WantedSlots()
        wanted.logical = ["l": Self.slot, "new": LogicalSlot(database: "d", plugin: "p")]
        #expect(SlotPlan.missing(wanted, existing: []) == ["l"])
        #expect(SlotPlan.missing(wanted, existing: [Self.existing(1)]) == [])
    }

    @Test func `missing slots are created, unknown ones dropped`() {
        #expect(plan(["b": WantedSlot()], []) == [.create("b")])
        #expect(plan([:], [ExistingSlot(name: "x", restart: LSN(1))]) == [.drop("x", because: .unknown)])
    }

    @Test func `nothing unknown is dropped while it is used, ignored, paused, or a permanent logical slot`() {
        #expect(plan([:], [ExistingSlot(name: "x", isActive: true)]) == [])
        #expect(plan([:], [ExistingSlot(name: "x")], isPaused: true) == [])
        #expect(plan([:], [ExistingSlot(name: "x")], ignore: [["name": "x", "type": "physical"]]) == [])
        #expect(plan([:], [ExistingSlot(name: "x")], ignore: [["type": "logical"]]) == [.drop("x", because: .unknown)])
        let logical = ExistingSlot(name: "l", kind: .logical(database: "d", plugin: "p"))
        #expect(plan([:], [logical], logical: ["l": Self.slot]) == [])
    }

    @Test func `a slot that nobody uses here follows its consumer`() {
        let slot = ExistingSlot(name: "b", restart: LSN(10))
        let wish = WantedSlot(position: LSN(20), isExpectedActive: false)
        #expect(plan(["b": wish], [slot]) == [.advance("b", to: LSN(20))])
        #expect(plan(["b": WantedSlot(position: LSN(5), isExpectedActive: false)], [slot]) == [])
        #expect(plan(["b": WantedSlot(position: LSN(20), isExpectedActive: true)], [slot]) == [])
    }

    @Test func `a useless slot is made anew`() {
        let lost = ExistingSlot(name: "b", restart: nil, isLost: true)
        #expect(plan(["b": WantedSlot()], [lost]) == [.drop("b", because: .lost), .create("b")])
        let unreserved = ExistingSlot(name: "b", restart: nil)
        #expect(plan(["b": WantedSlot()], [unreserved]) == [.drop("b", because: .noPosition), .create("b")])
        let logical = ExistingSlot(name: "b", kind: .logical(database: "d", plugin: "p"), restart: LSN(1))
        #expect(plan(["b": WantedSlot()], [logical]) == [.drop("b", because: .wrongKind), .create("b")])
    }

    @Test func `a slot that holds back vacuum for nobody is made anew, once there is a leader`() {
        let slot = ExistingSlot(name: "b", restart: LSN(1), hasTransactionHorizon: true)
        let wish = WantedSlot(position: LSN(9), isExpectedActive: false)
        #expect(plan(["b": wish], [slot]) == [.drop("b", because: .horizon), .create("b")])
        #expect(plan(["b": wish], [slot], mayClean: false) == [])
    }
}
