// PATRONI_* variables.

import PatroniCore
import Testing

@testable import PatroniConfiguration

@Suite struct EnvironmentTests {
    static let table: [(String, String, String, JSON)] = [
        ("NAME", "a", "name", "a"),
        ("SCOPE", "a", "scope", "a"),
        ("LOG_LEVEL", "DEBUG", "log.level", "DEBUG"),
        ("LOGLEVEL", "DEBUG", "log.level", "DEBUG"),
        ("LOG_MODE", "0644", "log.mode", 420),
        ("LOG_LOGGERS", "a: DEBUG, b.c: INFO", "log.loggers", ["a": "DEBUG", "b.c": "INFO"]),
        ("LOG_FORMAT", "%(message)s", "log.format", "%(message)s"),
        ("RESTAPI_LISTEN", "h:1", "restapi.listen", "h:1"),
        ("RESTAPI_USERNAME", "u", "restapi.authentication.username", "u"),
        ("RESTAPI_ALLOWLIST", "a,b", "restapi.allowlist", ["a", "b"]),
        ("RESTAPI_ALLOWLIST_INCLUDE_MEMBERS", "on", "restapi.allowlist_include_members", true),
        ("RESTAPI_HTTP_EXTRA_HEADERS", "{X: y}", "restapi.http_extra_headers", ["X": "y"]),
        ("RESTAPI_REQUEST_QUEUE_SIZE", "7", "restapi.request_queue_size", 7),
        ("CTL_INSECURE", "off", "ctl.insecure", false),
        ("POSTGRESQL_DATA_DIR", "/d", "postgresql.data_dir", "/d"),
        ("POSTGRESQL_BIN_PG_CTL", "pg_ctl15", "postgresql.bin_name.pg_ctl", "pg_ctl15"),
        ("SUPERUSER_PASSWORD", "123", "postgresql.authentication.superuser.password", "123"),
        ("REWIND_SSLMODE", "require", "postgresql.authentication.rewind.sslmode", "require"),
        ("ETCD3_HOST", "h:1", "etcd3.host", "h:1"),
        ("ETCD3_HOSTS", "'h:1','i:2'", "etcd3.hosts", ["h:1", "i:2"]),
        ("ETCD3_PORT", "5", "etcd3.port", 5),
        ("ETCD3_USE_PROXIES", "yes", "etcd3.use_proxies", true),
        ("EMBEDDED_PATH", "/x", "embedded.path", "/x"),
        ("CONSUL_CHECKS", "a", "consul.checks", ["a"]),
        ("KUBERNETES_LABELS", "a: b", "kubernetes.labels", ["a": "b"]),
        ("CITUS_GROUP", "1", "citus.group", 1),
        ("FOO_HOST", "h", "foo.host", "h"),
    ]

    @Test(arguments: table)
    func `a variable means a setting`(name: String, text: String, path: String, value: JSON) {
        let reader = EnvironmentReader(["PATRONI_" + name: text, "UNRELATED": "x"])
        #expect(reader.tree.value(path) == value, "\(reader.tree.text())")
        #expect(reader.warnings.isEmpty)
    }

    @Test(arguments: ["NAME", "WHATEVER", "CITUS_HOST", "ETCD3_USERNAME", "ETCD3_PASSWORD"])
    func `some variables mean nothing alone`(name: String) {
        #expect(EnvironmentReader(["PATRONI_" + name: name == "NAME" ? "" : "x"]).tree.isEmpty)
    }

    @Test func `etcd's login counts beside another variable of the section`() {
        let reader = EnvironmentReader([
            "PATRONI_ETCD3_HOST": "h", "PATRONI_ETCD3_USERNAME": "u", "PATRONI_ETCD3_PASSWORD": "p",
        ])
        #expect(reader.tree == ["etcd3": ["host": "h", "username": "u", "password": "p"]])
    }

    @Test func `the newer spelling wins`() {
        let reader = EnvironmentReader(["PATRONI_LOGLEVEL": "INFO", "PATRONI_LOG_LEVEL": "ERROR"])
        #expect(reader.tree == ["log": ["level": "ERROR"]])
    }

    @Test(arguments: [
        ("RESTAPI_ALLOWLIST", "[a"), ("LOG_LOGGERS", "a: [b"), ("ETCD3_PORT", "x"), ("CTL_INSECURE", "maybe"),
    ])
    func `what can't be read is ignored and named`(name: String, text: String) {
        let reader = EnvironmentReader(["PATRONI_" + name: text])
        #expect(reader.tree.isEmpty)
        #expect(reader.warnings.count == 1)
        #expect(reader.warnings.first?.contains("PATRONI_" + name) == true)
    }

    @Test func `every variable belongs to one setting`() {
        let names = Schema.local.flatMap(\.environment)
        #expect(Set(names).count == names.count)
    }

    @Test func `every setting is declared once`() {
        #expect(Set(Schema.local.map(\.path)).count == Schema.local.count)
        #expect(Set(Schema.dynamic.map(\.path)).count == Schema.dynamic.count)
    }

    @Test func `defaults pass their own checks`() {
        for setting in Schema.local + Schema.dynamic {
            if let value = setting.fallback { #expect(setting.complaint(about: value) == nil, "\(setting.path)") }
        }
    }
}
