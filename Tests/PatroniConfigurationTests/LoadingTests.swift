// Local configuration: files, environment, checks.

import PatroniCore
import Testing

@testable import PatroniConfiguration

let minimal = """
    scope: batman
    name: one
    restapi: {listen: '127.0.0.1:8008'}
    embedded: {path: /tmp/store}
    postgresql:
      listen: 127.0.0.1:5432
      data_dir: data/one
      authentication:
        replication: {username: replicator, password: 1234}
    """

func tree(_ text: String) throws -> JSONObject { try #require(try YAML.parse(text).object) }

/// The problems that the agent finds in `minimal` with `patch` laid over it.
func problems(_ patch: String) throws -> [String] {
    do {
        _ = try AgentConfiguration(local: try tree(minimal).patched(with: try tree(patch)))
        return []
    } catch let error as ConfigurationError {
        return error.problems
    }
}

@Suite struct LoadingTests {
    @Test func `a file like postgres0.yml loads unchanged`() throws {
        let text = """
            scope: batman
            #namespace: /service/
            name: postgresql0
            restapi:
              listen: 127.0.0.1:8008
              connect_address: 127.0.0.1:8008
            etcd3:
              host: 127.0.0.1:2379
            bootstrap:
              dcs:
                ttl: 30
                loop_wait: 10
                retry_timeout: 10
                maximum_lag_on_failover: 1048576
                postgresql:
                  use_pg_rewind: true
                  pg_hba:
                  - host replication replicator 127.0.0.1/32 md5
                  - host all all 0.0.0.0/0 md5
                  parameters:
            #        wal_level: hot_standby
              initdb:
              - encoding: UTF8
              - data-checksums
            postgresql:
              listen: 127.0.0.1:5432
              connect_address: 127.0.0.1:5432
              data_dir: data/postgresql0
              pgpass: /tmp/pgpass0
              authentication:
                replication:
                  username: replicator
                  password: rep-pass
                superuser:
                  username: postgres
                  password: patroni
                rewind:  # Has no effect on postgres 10 and lower
                  username: rewind_user
                  password: rewind_password
              parameters:
                unix_socket_directories: '..'  # parent directory of data_dir
            tags:
                noloadbalance: false
                clonefrom: false
                nostream: false
            """
        let local = try tree(text)
        let effective = try EffectiveConfiguration(
            local: local, dynamic: try #require(local.value("bootstrap.dcs")?.object))
        let agent = effective.agent
        #expect(agent.scope == "batman")
        #expect(agent.name == "postgresql0")
        #expect(agent.namespace == "service")
        #expect(agent.restAPI.apiURL == "http://127.0.0.1:8008/patroni")
        #expect(agent.store == .etcd3(Etcd3Settings(endpoints: [Endpoint(host: "127.0.0.1", port: 2379)])))
        #expect(agent.bootstrap?.initdb == [ToolOption("encoding", "UTF8"), ToolOption("data-checksums")])
        #expect(agent.postgres.rewind?.username == "rewind_user")
        #expect(agent.postgres.parameters == ["unix_socket_directories": ".."])
        #expect(agent.postgres.hba?.count == 2)
        #expect(agent.postgres.controlledParameters["max_connections"] == 100)
        #expect(effective.cluster.usePgRewind)
        #expect(effective.warnings.isEmpty)
        #expect(agent.tagWarnings.isEmpty)
    }

    @Test(arguments: [
        ("scope: null", "scope is not defined: The cluster's name."),
        (
            "restapi: {listen: 'localhost:99999'}",
            "restapi.listen: 'localhost:99999' is not allowed, expected host:port, the port a number from 1 to 65535"
        ),
        (
            "log: {level: CHATTY}",
            "log.level: 'CHATTY' is not allowed, expected one of DEBUG, INFO, WARN, WARNING, ERROR, FATAL, CRITICAL"
        ),
        (
            "postgresql: {use_unix_socket: perhaps}",
            "postgresql.use_unix_socket: 'perhaps' is not allowed, expected true or false (also on/off, yes/no, 1/0)"
        ),
        ("restapi: [1]", "restapi: [1] is not allowed, expected names with values"),
        (
            "restapi: {request_queue_size: 5000}",
            "restapi.request_queue_size: 5000 is not allowed, expected a whole number from 0 to 4096"
        ),
        ("postgresql: {pg_hba: 'host all'}", "postgresql.pg_hba: 'host all' is not allowed, expected a list of texts"),
        (
            "bootstrap: {dcs: {ttl: soon}}",
            "bootstrap.dcs.ttl: 'soon' is not allowed, expected a whole number (counted in s)"
        ),
        (
            "bootstrap: {initdb: [pgdata]}",
            "bootstrap.initdb: the option pgdata is not allowed, it is set by the agent"
        ),
        (
            "{embedded: null, consul: {host: here}}",
            "consul: this store is not supported yet, expected one of embedded, etcd3, kubernetes"
        ),
        ("embedded: null", "no section of a configuration store found, expected one of embedded, etcd3, kubernetes"),
    ])
    func `a wrong value is one line that names key, value and what is allowed`(patch: String, line: String) throws {
        let found = try problems(patch)
        #expect(found.contains(line), "\(found)")
    }

    @Test func `a password never stands in a message`() throws {
        let lines = try problems("postgresql: {authentication: {superuser: {password: [s3cret]}}}")
        #expect(lines == ["postgresql.authentication.superuser.password: the value is not allowed, expected one text"])
    }

    @Test func `numbers are taken as texts where a text is wanted`() throws {
        let agent = try AgentConfiguration(local: try tree(minimal))
        #expect(agent.postgres.replication.password == "1234")
    }

    @Test func `defaults are Patroni's`() throws {
        let agent = try AgentConfiguration(local: try tree(minimal), home: "/home/x")
        #expect(agent.postgres.passfile == "/home/x/pgpass")
        #expect(agent.postgres.startTimeout == .seconds(60))
        #expect(agent.postgres.replicaMethods == ["basebackup"])
        #expect(agent.bootstrap == nil)
        #expect(agent.log.level == "INFO")
        #expect(agent.restAPI.connectAddress == agent.restAPI.listen)
    }

    @Test(arguments: [
        ("{nofailover: true, failover_priority: 1}", "nofailover: True and failover_priority: 1", "nofailover: True"),
        (
            "{nofailover: false, failover_priority: 0}", "nofailover: False and failover_priority: 0",
            "nofailover: False"
        ),
        ("{nosync: true, sync_priority: '2'}", "nosync: True and sync_priority: 2", "nosync: True"),
    ])
    func `contradicting tags are warned about`(tags: String, conflict: String, winner: String) throws {
        let local = try tree(minimal).patched(with: try tree("tags: \(tags)"))
        #expect(
            try AgentConfiguration(local: local).tagWarnings == [
                "Conflicting configuration between \(conflict). Defaulting to \(winner)"
            ])
    }

    @Test func `tags that agree are not`() throws {
        for tags in ["{nofailover: true, failover_priority: 0}", "{nosync: false, sync_priority: 3}", "{nosync: true}"]
        {
            let local = try tree(minimal).patched(with: try tree("tags: \(tags)"))
            #expect(try AgentConfiguration(local: local).tagWarnings.isEmpty)
        }
    }

    @Test(arguments: [
        ("{host: 'h:1'}", [Endpoint(host: "h", port: 1)], false, false),
        ("{host: h, port: 7}", [Endpoint(host: "h", port: 7)], false, false),
        (
            "{hosts: 'a,b:3', protocol: https}", [Endpoint(host: "a", port: 2379), Endpoint(host: "b", port: 3)], true,
            false
        ),
        ("{hosts: ['a', '[::1]:4']}", [Endpoint(host: "a", port: 2379), Endpoint(host: "::1", port: 4)], false, false),
        ("{url: 'https://u:p@h:5/'}", [Endpoint(host: "h", port: 5)], true, false),
        ("{proxy: 'http://h'}", [Endpoint(host: "h", port: 2379)], false, true),
    ])
    func `etcd's servers can be named in several ways`(
        section: String, endpoints: [Endpoint], tls: Bool, fixed: Bool
    ) throws {
        guard case .etcd3(let settings) = try StoreSettings(tree: try tree("etcd3: \(section)")) else {
            Issue.record("not etcd3")
            return
        }
        #expect(settings.endpoints == endpoints)
        #expect(settings.usesTLS == tls)
        #expect(settings.usesFixedList == fixed)
    }

    @Test(arguments: ["0.0.0.0:5433", "'*:5433'"])
    func `a wildcard is no address for others`(listen: String) throws {
        let local = try tree(minimal).patched(with: try tree("postgresql: {listen: \(listen)}"))
        let postgres = try AgentConfiguration(local: local).postgres
        #expect(postgres.connectAddress == Endpoint(host: "localhost", port: 5433))
    }

    @Test func `old forms are understood`() throws {
        let local = try tree(
            """
            scope: old
            restapi: {listen: 'localhost:8008'}
            etcd3: {host: localhost}
            postgresql:
              name: ancient
              listen: 127.0.0.1
              data_dir: d
              replication: {username: rep}
              pg_rewind: {username: su}
            """)
        let effective = try EffectiveConfiguration(local: local, dynamic: [:])
        #expect(effective.agent.name == "ancient")
        #expect(effective.agent.postgres.superuser.username == "su")
        #expect(effective.agent.postgres.replication.username == "rep")
        #expect(effective.cluster.usePgRewind)
    }
}
