// Settings of the program itself: identity, log, REST API, patronictl.

import PatroniCore

extension Schema {
    static let logLevels = ["DEBUG", "INFO", "WARN", "WARNING", "ERROR", "FATAL", "CRITICAL"]

    static let agent: [Setting] = [
        Setting("scope", .text, required: true, .restart, env: "SCOPE", help: "The cluster's name."),
        Setting(
            "name", .text, required: true, .restart, env: "NAME", help: "This member's name, unique in the cluster."),
        Setting(
            "namespace", .text, default: "service", .restart, env: "NAMESPACE",
            help: "The first part of the path in the store."),
        Setting(
            "thread_pool_size", .anything, .restart, env: "THREAD_POOL_SIZE",
            help: "Accepted for compatibility: there is no such pool here."),
        Setting(
            "thread_stack_size", .anything, .restart, env: "THREAD_STACK_SIZE",
            help: "Accepted for compatibility: there is no such pool here."),
        Setting("tags", .table, help: "What sets this member apart: nofailover, failover_priority, clonefrom, …"),

        Setting("log.type", .choice(["plain"]), default: "plain", env: "LOG_TYPE", help: "How lines are written."),
        Setting(
            "log.level", .choice(logLevels), default: "INFO", env: "LOG_LEVEL", "LOGLEVEL", help: "What is logged."),
        Setting(
            "log.traceback_level", .choice(["DEBUG", "ERROR"]), default: "ERROR", env: "LOG_TRACEBACK_LEVEL",
            help: "Accepted for compatibility: there are no tracebacks here."),
        Setting(
            "log.format", .textOrList, default: "%(asctime)s %(levelname)s: %(message)s", env: "LOG_FORMAT",
            "LOGFORMAT", help: "A line, in Python's % format."),
        Setting(
            "log.dateformat", .text, env: "LOG_DATEFORMAT", "LOG_DATEFMT",
            help: "The time in a line, in strftime's format."),
        Setting(
            "log.static_fields", .table, env: "LOG_STATIC_FIELDS", help: "Fields added to every line of the json type."),
        Setting(
            "log.max_queue_size", .whole(1...1_000_000), default: 1000, env: "LOG_MAX_QUEUE_SIZE",
            help: "How many lines may wait to be written."),
        Setting(
            "log.dir", .text, env: "LOG_DIR", help: "Folder of patroni.log; without it lines go to standard error."),
        Setting("log.mode", .whole(0...511), env: "LOG_MODE", help: "Permissions of the log file."),
        Setting(
            "log.file_size", .whole(1...Int64.max, unit: "B"), default: 25_000_000, env: "LOG_FILE_SIZE",
            help: "How large patroni.log gets before the next one begins."),
        Setting(
            "log.file_num", .whole(0...10_000), default: 4, env: "LOG_FILE_NUM",
            help: "How many old log files are kept."),
        Setting("log.loggers", .table, env: "LOG_LOGGERS", help: "Levels of single loggers."),
        Setting(
            "log.deduplicate_heartbeat_logs", .flag, default: false, env: "LOG_DEDUPLICATE_HEARTBEAT_LOGS",
            help: "Leave out a heartbeat line that says the same as the last one."),

        Setting(
            "flight_record.enabled", .flag, default: true, .restart, env: "FLIGHT_RECORD_ENABLED",
            help: "Write down every decision that changed something, for patroni replay and patronictl why."),
        Setting(
            "flight_record.path", .text, .restart, env: "FLIGHT_RECORD_PATH",
            help: "The file; default: patroni.flight.jsonl in log.dir, else data_dir with .flight.jsonl behind it."),
        Setting(
            "flight_record.size", .whole(65_536...Int64.max, unit: "B"), default: 10_000_000, .restart,
            env: "FLIGHT_RECORD_SIZE",
            help: "How large the file gets before it becomes the one older file that is kept."
        ),
    ]

    static let restAPI: [Setting] = [
        Setting(
            "restapi.listen", .address(defaultPort: nil), required: true, env: "RESTAPI_LISTEN",
            help: "Where the REST API listens; an empty host or * means every address."),
        Setting(
            "restapi.connect_address", .address(defaultPort: nil), env: "RESTAPI_CONNECT_ADDRESS",
            help: "Where others reach the REST API; default: what listen says."),
        Setting("restapi.authentication.username", .text, env: "RESTAPI_USERNAME", help: "Who may change things."),
        Setting("restapi.authentication.password", .text, env: "RESTAPI_PASSWORD", help: "That user's password."),
        Setting(
            "restapi.certfile", .text, env: "RESTAPI_CERTFILE", help: "Certificate (PEM); makes the API speak TLS."),
        Setting("restapi.keyfile", .text, env: "RESTAPI_KEYFILE", help: "The certificate's key (PEM)."),
        Setting("restapi.keyfile_password", .text, env: "RESTAPI_KEYFILE_PASSWORD", help: "The key's password."),
        Setting("restapi.cafile", .text, env: "RESTAPI_CAFILE", help: "Who may sign clients' certificates (PEM)."),
        Setting("restapi.ciphers", .text, env: "RESTAPI_CIPHERS", help: "Allowed ciphers, as OpenSSL writes them."),
        Setting(
            "restapi.verify_client", .choice(["none", "optional", "required"]), default: "none",
            env: "RESTAPI_VERIFY_CLIENT", help: "Whether clients need a certificate."),
        Setting(
            "restapi.allowlist", .list, env: "RESTAPI_ALLOWLIST",
            help: "Hosts, addresses and networks that may change things; empty: all."),
        Setting(
            "restapi.allowlist_include_members", .flag, default: false, env: "RESTAPI_ALLOWLIST_INCLUDE_MEMBERS",
            help: "Members of the cluster are on the allowlist."),
        Setting(
            "restapi.http_extra_headers", .table, env: "RESTAPI_HTTP_EXTRA_HEADERS", help: "Headers of every answer."),
        Setting(
            "restapi.https_extra_headers", .table, env: "RESTAPI_HTTPS_EXTRA_HEADERS",
            help: "Headers of every answer over TLS; they win over http_extra_headers."),
        Setting(
            "restapi.request_queue_size", .whole(0...4096), .restart, env: "RESTAPI_REQUEST_QUEUE_SIZE",
            help: "How many connections may wait to be accepted; default: as many as the system allows."),
        Setting(
            "restapi.thread_pool_size", .anything, .restart,
            help: "Accepted for compatibility: there is no such pool here."),
        Setting(
            "restapi.server_tokens", .choice(["Minimal", "ProductOnly", "Original"]), default: "original",
            env: "RESTAPI_SERVER_TOKENS", help: "How much the Server header tells."),
    ]

    static let control: [Setting] = [
        Setting("ctl.authentication.username", .text, env: "CTL_USERNAME", help: "Default: the REST API's user."),
        Setting("ctl.authentication.password", .text, env: "CTL_PASSWORD", help: "Default: the REST API's password."),
        Setting("ctl.insecure", .flag, default: false, env: "CTL_INSECURE", help: "Don't check servers' certificates."),
        Setting("ctl.cacert", .text, env: "CTL_CACERT", help: "Who may sign servers' certificates (PEM)."),
        Setting("ctl.certfile", .text, env: "CTL_CERTFILE", help: "Our certificate as a client (PEM)."),
        Setting("ctl.keyfile", .text, env: "CTL_KEYFILE", help: "Its key (PEM)."),
        Setting("ctl.keyfile_password", .text, env: "CTL_KEYFILE_PASSWORD", help: "The key's password."),
    ]
}
