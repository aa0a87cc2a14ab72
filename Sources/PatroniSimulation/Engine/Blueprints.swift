// Configurations of simulated members, read once and copied for every history that has the same.

import PatroniConfiguration
import PatroniCore
import PatroniLoop

/// Reading and checking a configuration costs more than a minute of simulated time, so one is read once.
final class Blueprints {
    private var keepers: [String: ConfigurationKeeper] = [:]
    /// What the members' files say alone: there are not many different ones.
    private var files: [String: EffectiveConfiguration] = [:]
    private let loader = ConfigurationLoader(path: nil, environment: [:])

    func tree(_ plan: HistoryPlan, _ member: Int, tags: JSONObject) -> JSONObject {
        let name = SimulatedMember.name(member).text
        return [
            "scope": "model", "name": .string(name),
            "restapi": ["listen": "127.0.0.1:1", "connect_address": .string("\(name):8008")],
            "embedded": ["path": "/nowhere/store.db"],
            "bootstrap": ["dcs": .object(plan.dynamic)],
            "tags": .object(tags),
            "postgresql": [
                "listen": "127.0.0.1:1", "connect_address": .string("\(name):5432"), "data_dir": "/nowhere/data",
                "pgpass": "/nowhere/pgpass",
                "authentication": [
                    "superuser": ["username": "postgres"], "replication": ["username": "replicator"],
                ],
            ],
        ]
    }

    /// `copy`: what lies beside the data.
    func keeper(_ plan: HistoryPlan, _ member: Int, tags: JSONObject, copy: JSONObject?) -> ConfigurationKeeper? {
        let key = "\(member) \(plan.dynamic.text()) \(tags.text()) \(copy?.text() ?? "")"
        if let known = keepers[key] { return known }
        let loaded = LocalConfiguration(values: tree(plan, member, tags: tags))
        let made = try? ConfigurationKeeper(
            loader: loader, loaded: loaded, home: "/nowhere", alone: file(plan, member, tags, loaded.values),
            findCopy: { _ in copy })
        if keepers.count > 2000 { keepers = [:] }
        keepers[key] = made
        return made
    }

    private func file(
        _ plan: HistoryPlan, _ member: Int, _ tags: JSONObject, _ tree: JSONObject
    ) -> EffectiveConfiguration? {
        let key = "\(member) \(tags.text())"
        var file = files[key] ?? (try? EffectiveConfiguration(local: tree, dynamic: [:], home: "/nowhere"))
        files[key] = file
        file?.agent.bootstrap?.dcs = plan.dynamic
        return file
    }
}

extension World {
    func keeper(of index: Int) -> ConfigurationKeeper? {
        blueprints.keeper(
            plan, index, tags: members[index].tags, copy: members[index].rememberedConfiguration)
    }
}
