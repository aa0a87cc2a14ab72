// Settings of the stores, and the dynamic settings that the whole cluster shares.

import PatroniCore

extension Schema {
    static let stores: [Setting] = [
        Setting(
            "embedded.path", .text, .restart, env: "EMBEDDED_PATH",
            help: "The store's file, shared by the members on this machine."),
        Setting("etcd3.host", .address(defaultPort: 2379), .restart, env: "ETCD3_HOST", help: "One etcd server."),
        Setting("etcd3.port", .whole(1...65535), default: 2379, .restart, env: "ETCD3_PORT", help: "Its port."),
        Setting("etcd3.hosts", .list, .restart, env: "ETCD3_HOSTS", help: "Several etcd servers."),
        Setting("etcd3.url", .text, .restart, env: "ETCD3_URL", help: "One etcd server as a URL."),
        Setting("etcd3.proxy", .text, .restart, env: "ETCD3_PROXY", help: "A proxy before etcd, as a URL."),
        Setting(
            "etcd3.use_proxies", .flag, default: false, .restart, env: "ETCD3_USE_PROXIES",
            help: "Keep to the servers given; don't ask etcd for its members."),
        Setting("etcd3.srv", .text, .restart, env: "ETCD3_SRV", help: "Domain whose SRV records name the servers."),
        Setting("etcd3.srv_suffix", .text, .restart, env: "ETCD3_SRV_SUFFIX", help: "Suffix of those records."),
        Setting(
            "etcd3.protocol", .choice(["http", "https"]), default: "http", .restart, env: "ETCD3_PROTOCOL",
            help: "http or https."),
        Setting("etcd3.username", .text, env: "ETCD3_USERNAME", help: "etcd's user."),
        Setting("etcd3.password", .text, env: "ETCD3_PASSWORD", help: "That user's password."),
        Setting(
            "etcd3.cacert", .text, .restart, env: "ETCD3_CACERT", help: "Who may sign the servers' certificates (PEM)."),
        Setting("etcd3.cert", .text, .restart, env: "ETCD3_CERT", help: "Our certificate as a client (PEM)."),
        Setting("etcd3.key", .text, .restart, env: "ETCD3_KEY", help: "Its key (PEM)."),
    ]

    private static func seconds(
        _ path: String, _ range: ClosedRange<Int64>, _ fallback: Int64, _ help: String
    ) -> Setting {
        Setting(path, .whole(range, unit: "s"), default: .int(fallback), in: .dynamic, .nextTurn, help: help)
    }

    private static func dynamic(_ path: String, _ kind: Setting.Kind, _ fallback: JSON? = nil, _ help: String)
        -> Setting
    {
        Setting(path, kind, default: fallback, in: .dynamic, .nextTurn, help: help)
    }

    private static let anySeconds = Int64(0)...Int64(Int32.max)

    static let cluster: [Setting] = [
        seconds("ttl", 20...Int64(Int32.max), 30, "How long the leader key lives without renewal."),
        seconds("loop_wait", 1...Int64(Int32.max), 10, "The longest pause between two turns."),
        seconds("retry_timeout", 3...Int64(Int32.max), 10, "How long the store or PostgreSQL may take to answer."),
        dynamic(
            "maximum_lag_on_failover", .whole(0...Int64.max, unit: "B"), 1_048_576,
            "A member further behind does not take over, in bytes."),
        dynamic(
            "maximum_lag_on_syncnode", .whole(-1...Int64.max, unit: "B"), -1,
            "A standby further behind is not synchronous."),
        dynamic("max_timelines_history", .whole(0...Int64(Int32.max)), 0, "Rows of history kept; 0: all."),
        dynamic("check_timeline", .flag, false, "Members on an older timeline don't take over."),
        seconds("primary_start_timeout", anySeconds, 300, "How long a primary may take to start."),
        seconds("primary_stop_timeout", anySeconds, 0, "How long a stop may take in synchronous mode."),
        dynamic(
            "synchronous_mode", .choice(["off", "on", "quorum", "false", "true", "no", "yes", "0", "1"]), false,
            "Whether commits wait for standbys: off, on or quorum."),
        dynamic("synchronous_mode_strict", .flag, false, "Commits wait even when no standby is there."),
        dynamic("synchronous_node_count", .whole(0...1000), 1, "How many standbys a commit waits for."),
        dynamic("failsafe_mode", .flag, false, "The primary stays when the store is gone but all members agree."),
        seconds(
            "primary_race_backoff", anySeconds, 0,
            "How long a standby that still receives log waits before it races for the leader key."),
        dynamic("pause", .flag, false, "Maintenance mode."),
        dynamic("standby_cluster", .table, nil, "Where a standby cluster replicates from."),
        dynamic("standby_cluster.host", .text, nil, "The remote primary, or several hosts with commas between them."),
        dynamic("standby_cluster.port", .anything, nil, "Its port; as many as hosts, or one for all."),
        dynamic("standby_cluster.primary_slot_name", .text, nil, "The slot on the remote primary; none: no slot."),
        dynamic("standby_cluster.create_replica_methods", .list, nil, "How members are filled; default: basebackup."),
        dynamic("standby_cluster.restore_command", .text, nil, "Fetches segments of the remote's archive."),
        dynamic("standby_cluster.archive_cleanup_command", .text, nil, "Tidies up what was fetched."),
        dynamic(
            "standby_cluster.recovery_min_apply_delay", .anything, nil,
            "How long the standby leader waits before it replays."),
        dynamic("slots", .table, nil, "Permanent replication slots."),
        dynamic("ignore_slots", .anything, nil, "Slots that are left alone."),
        seconds("member_slots_ttl", anySeconds, 1800, "How long slots of absent members are kept."),
    ]

    static let dynamicPostgres: [Setting] =
        [dynamic("postgresql.use_slots", .flag, true, "Members stream through replication slots.")]
        + postgres.filter { $0.place == .both }

    /// Old spellings of dynamic settings (CFG-211, CFG-212); the new one wins.
    static let renamedDynamic = [
        "primary_start_timeout": "master_start_timeout", "primary_stop_timeout": "master_stop_timeout",
    ]
}
