// The part of a configuration that patronictl needs: which cluster, which store, how to speak to members.

import PatroniCore

/// What `patronictl` knows (CFG-035). Nothing is required but a store.
public struct ControlConfiguration: Sendable, Equatable {
    public var scope: String?
    public var namespace: String
    public var control: ControlSettings
    public var store: StoreSettings

    /// `insecure` is the command line's `-k`, which can only loosen.
    public init(local tree: JSONObject, insecure: Bool = false) throws(ConfigurationError) {
        let settings = Schema.agent.filter { ["scope", "namespace"].contains($0.path) } + Schema.control
        let problems = Schema.problems(in: tree, settings: settings)
        if !problems.isEmpty { throw ConfigurationError(problems) }
        let reader = TreeReader(tree)
        scope = reader.nonEmpty("scope")
        namespace = reader.namespace
        control = ControlSettings(reader, isInsecure: insecure || reader.flag("ctl.insecure"))
        store = try StoreSettings(tree: tree)
    }

    /// What a store is made from. patronictl is no member and has no PostgreSQL: those parts mean nothing.
    public func storeConfiguration(scope: String) -> AgentConfiguration {
        let nowhere = Endpoint(host: "", port: 0)
        var agent = AgentConfiguration(
            scope: scope, name: MemberName(scope),
            restAPI: RestAPISettings(listen: nowhere, connectAddress: nowhere),
            postgres: PostgresSettings(
                listenAddresses: "", port: 0, connectAddress: nowhere, dataDirectory: "", passfile: ""),
            store: store)
        agent.namespace = namespace
        return agent
    }
}
