// Settings of the local PostgreSQL and of a new cluster.

import PatroniCore

extension Schema {
    static let programs = [
        "pg_ctl", "initdb", "pg_controldata", "pg_basebackup", "postgres", "pg_isready", "pg_rewind",
    ]
    static let callbacks = ["on_start", "on_stop", "on_restart", "on_reload", "on_role_change"]
    static let users = ["superuser", "replication", "rewind"]
    /// What a user's section may hold besides name and password, as libpq calls it (CFG-028).
    static let connectionOptions = [
        "sslmode", "sslcert", "sslkey", "sslpassword", "sslrootcert", "sslcrl", "sslcrldir", "gssencmode",
        "channel_binding", "sslnegotiation",
    ]
    /// What the store may not say about a member (CFG-017).
    static let localOnlyPostgres: Set<String> = [
        "connect_address", "proxy_address", "listen", "config_dir", "data_dir", "pgpass", "authentication",
    ]

    static let postgres: [Setting] = postgresAddresses + postgresUsers + postgresBehaviour + postgresPrograms

    private static let postgresAddresses: [Setting] = [
        Setting(
            "postgresql.listen", .addresses(defaultPort: 5432), required: true, .pendingRestart,
            env: "POSTGRESQL_LISTEN", help: "Where PostgreSQL listens: address[,address…]:port."),
        Setting(
            "postgresql.connect_address", .address(defaultPort: 5432), env: "POSTGRESQL_CONNECT_ADDRESS",
            help: "Where others reach PostgreSQL; default: the first address of listen."),
        Setting(
            "postgresql.proxy_address", .address(defaultPort: 5432), env: "POSTGRESQL_PROXY_ADDRESS",
            help: "Where clients reach this member's connection pooler."),
        Setting(
            "postgresql.data_dir", .text, required: true, .restart, env: "POSTGRESQL_DATA_DIR",
            help: "The data directory."),
        Setting(
            "postgresql.config_dir", .text, .restart, env: "POSTGRESQL_CONFIG_DIR",
            help: "Where PostgreSQL's configuration files are; default: the data directory."),
        Setting(
            "postgresql.config_base_name", .text, default: "postgresql", .restart,
            help: "Name of the configuration file without .conf."),
        Setting(
            "postgresql.bin_dir", .text, default: "", .restart, env: "POSTGRESQL_BIN_DIR",
            help: "Where PostgreSQL's programs are; default: in PATH."),
        Setting(
            "postgresql.pgpass", .text, default: "~/pgpass", .restart, env: "POSTGRESQL_PGPASS",
            help: "The password file we write."),
        Setting("postgresql.database", .text, default: "postgres", .restart, help: "The database we connect to."),
    ]

    private static let postgresUsers: [Setting] =
        [Setting("postgresql.authentication", .table, help: "How we log in to PostgreSQL.")]
        + users.flatMap { user in
            ["username", "password"].map { key in
                Setting(
                    "postgresql.authentication.\(user).\(key)", .text, env: "\(user)_\(key)".uppercased(),
                    help: "The \(user) user's \(key == "username" ? "name" : "password").")
            }
                + connectionOptions.map { option in
                    Setting(
                        "postgresql.authentication.\(user).\(option)", .text, env: "\(user)_\(option)".uppercased(),
                        help: "libpq's \(option) for the \(user) user.")
                }
        }

    private static let postgresPrograms: [Setting] =
        programs.map { program in
            Setting(
                "postgresql.bin_name.\(program)", .text, default: .string(program),
                env: "POSTGRESQL_BIN_\(program)".uppercased(), help: "Another name for \(program).")
        }
        + callbacks.map { event in
            Setting("postgresql.callbacks.\(event)", .text, in: .both, help: "Command for \(event).")
        }

    private static let postgresBehaviour: [Setting] = [
        Setting("postgresql.parameters", .table, in: .both, help: "PostgreSQL's parameters."),
        Setting("postgresql.pg_hba", .lines, in: .both, help: "Lines of pg_hba.conf."),
        Setting("postgresql.pg_ident", .lines, in: .both, help: "Lines of pg_ident.conf."),
        Setting("postgresql.custom_conf", .text, in: .both, help: "A file included in place of postgresql.base.conf."),
        Setting("postgresql.recovery_conf", .table, in: .both, help: "More recovery settings."),
        Setting(
            "postgresql.use_unix_socket", .flag, default: false, in: .both, help: "Connect through the Unix socket."),
        Setting(
            "postgresql.use_unix_socket_repl", .flag, default: false, in: .both,
            help: "Connect through the Unix socket as the replication user too."),
        Setting(
            "postgresql.pg_ctl_timeout", .whole(0...86400, unit: "s"), default: 60, in: .both,
            help: "How long a start is waited for, in seconds."),
        Setting(
            "postgresql.use_pg_rewind", .flag, default: false, in: .both,
            help: "Repair a former primary with pg_rewind."),
        Setting(
            "postgresql.remove_data_directory_on_rewind_failure", .flag, default: false, in: .both,
            help: "Make a new copy when pg_rewind failed."),
        Setting(
            "postgresql.remove_data_directory_on_diverged_timelines", .flag, default: false, in: .both,
            help: "Make a new copy when the member's history went its own way."),
        Setting(
            "postgresql.create_replica_methods", .list, default: ["basebackup"], in: .both,
            help: "Ways to make a replica, tried in order."),
        Setting("postgresql.create_replica_method", .list, in: .both, help: "Old name of create_replica_methods."),
        Setting("postgresql.basebackup", .options, in: .both, help: "Options of pg_basebackup."),
        Setting("postgresql.pre_promote", .text, in: .both, help: "Command run before a promotion; it may refuse."),
        Setting("postgresql.before_stop", .text, in: .both, help: "Command run before PostgreSQL is stopped."),
        Setting("postgresql.krbsrvname", .text, in: .both, help: "Kerberos service name of PostgreSQL."),
    ]

    static let bootstrap: [Setting] = [
        Setting("bootstrap.dcs", .table, .bootstrap, help: "The first dynamic configuration of a new cluster."),
        Setting(
            "bootstrap.method", .text, default: "initdb", .bootstrap,
            help: "initdb, or the name of a section beside it that has a command."),
        Setting("bootstrap.initdb", .options, .bootstrap, help: "Options of initdb."),
        Setting("bootstrap.pg_hba", .lines, .bootstrap, help: "Lines added to pg_hba.conf of a new cluster."),
        Setting("bootstrap.post_bootstrap", .text, .bootstrap, help: "Command run when the new cluster is up."),
        Setting("bootstrap.post_init", .text, .bootstrap, help: "Old name of post_bootstrap."),
    ]
}
