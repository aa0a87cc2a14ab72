// What Patroni 4.1.5 answered in a cluster of two (PostgreSQL 15, etcd 3.4): taken from its wire, unchanged.

enum Golden {
    static let primaryStatus = #"""
        {"state": "running", "postmaster_start_time": "2026-11-21 04:55:23.273307+00:00", \#
        "role": "primary", "server_version": 150018, "xlog": {"location": 50615896}, "timeline": 1, \#
        "replication": [{"usename": "rep", "application_name": "p1", "client_addr": "127.0.0.1", \#
        "state": "streaming", "sync_state": "async", "sync_priority": 0}], "dcs_last_seen": 1795237023, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, \#
        "database_system_identifier": "7710483870606236206", "patroni": {"version": "4.1.5", \#
        "scope": "batman", "name": "p0"}}
        """#

    static let replicaStatus = #"""
        {"state": "running", "postmaster_start_time": "2026-11-21 04:55:49.152730+00:00", \#
        "role": "replica", "server_version": 150018, "xlog": {"received_location": 50615896, \#
        "replayed_location": 50615896, "replayed_timestamp": "2026-11-21 04:56:53.423973+00:00", \#
        "paused": false}, "timeline": 1, "replication_state": "streaming", "dcs_last_seen": 1795237024, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, \#
        "database_system_identifier": "7710483870606236206", "patroni": {"version": "4.1.5", \#
        "scope": "batman", "name": "p1"}}
        """#

    static let syncStandbyStatus = #"""
        {"state": "running", "postmaster_start_time": "2026-11-21 04:55:49.152730+00:00", \#
        "role": "replica", "server_version": 150018, "xlog": {"received_location": 50615992, \#
        "replayed_location": 50615992, "replayed_timestamp": "2026-11-21 04:57:35.917181+00:00", \#
        "paused": false}, "sync_standby": true, "timeline": 1, "replication_state": "streaming", \#
        "dcs_last_seen": 1795237077, "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, \#
        "database_system_identifier": "7710483870606236206", "pending_restart": true, \#
        "pending_restart_reason": {"max_connections": {"old_value": "100", "new_value": "101"}}, \#
        "patroni": {"version": "4.1.5", "scope": "batman", "name": "p1"}}
        """#

    static let scheduledRestartStatus = #"""
        {"state": "running", "postmaster_start_time": "2026-11-21 04:55:23.273307+00:00", \#
        "role": "primary", "server_version": 150018, "xlog": {"location": 50615896}, "timeline": 1, \#
        "replication": [{"usename": "rep", "application_name": "p1", "client_addr": "127.0.0.1", \#
        "state": "streaming", "sync_state": "async", "sync_priority": 0}], "dcs_last_seen": 1795237041, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, \#
        "database_system_identifier": "7710483870606236206", "patroni": {"version": "4.1.5", \#
        "scope": "batman", "name": "p0"}, \#
        "scheduled_restart": {"schedule": "2031-01-01T10:00:00.500000+00:00", "timeout": 60, \#
        "restart_pending": true}}
        """#

    static let stoppedStatus = #"""
        {"state": "unknown", "role": "replica", "pause": true, "dcs_last_seen": 1795238321, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, \#
        "database_system_identifier": "7710483870606236206", "patroni": {"version": "4.1.5", \#
        "scope": "batman", "name": "p0"}}
        """#

    static let cluster = #"""
        {"members": [{"name": "p0", "role": "leader", "state": "running", \#
        "api_url": "http://127.0.0.1:18008/patroni", "host": "127.0.0.1", "port": 15432, "timeline": 1, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}}, {"name": "p1", "role": "replica", \#
        "state": "streaming", "api_url": "http://127.0.0.1:18009/patroni", "host": "127.0.0.1", \#
        "port": 15433, "timeline": 1, "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, \#
        "receive_lag": 0, "receive_lsn": "0/3045620", "replay_lag": 0, "replay_lsn": "0/3045620", \#
        "lag": 0, "lsn": "0/3045620"}], "scope": "batman"}
        """#

    static let scheduledSwitchover = #"""
        {"members": [{"name": "p0", "role": "leader", "state": "running", \#
        "api_url": "http://127.0.0.1:18008/patroni", "host": "127.0.0.1", "port": 15432, "timeline": 1, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}}, {"name": "p1", "role": "replica", \#
        "state": "streaming", "api_url": "http://127.0.0.1:18009/patroni", "host": "127.0.0.1", \#
        "port": 15433, "timeline": 1, "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, \#
        "receive_lag": 0, "receive_lsn": "0/3045620", "replay_lag": 0, "replay_lsn": "0/3045620", \#
        "lag": 0, "lsn": "0/3045620"}], \#
        "scheduled_switchover": {"at": "2031-01-01T10:00:00.500000+00:00", "from": "p0"}, "scope": "batman"}
        """#

    static let clusterAfterSwitchover = #"""
        {"members": [{"name": "p0", "role": "quorum_standby", "state": "streaming", \#
        "api_url": "http://127.0.0.1:18008/patroni", "host": "127.0.0.1", "port": 15432, "timeline": 2, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, "receive_lag": 496, \#
        "receive_lsn": "0/30457E0", "replay_lag": 496, "replay_lsn": "0/30457E0", "lag": 496, \#
        "lsn": "0/30457E0"}, {"name": "p1", "role": "leader", "state": "running", \#
        "api_url": "http://127.0.0.1:18009/patroni", "host": "127.0.0.1", "port": 15433, "timeline": 2, \#
        "pending_restart": true, "pending_restart_reason": {"max_connections": {"old_value": "100", \#
        "new_value": "101"}}, "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}}], "scope": "batman"}
        """#

    static let clusterWithStoppedMember = #"""
        {"members": [{"name": "p0", "role": "quorum_standby", "state": "stopped", \#
        "api_url": "http://127.0.0.1:18008/patroni", "host": "127.0.0.1", "port": 15432, \#
        "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}, "receive_lsn": "unknown", \#
        "receive_lag": "unknown", "replay_lsn": "unknown", "replay_lag": "unknown", "lsn": "unknown", \#
        "lag": "unknown"}, {"name": "p1", "role": "leader", "state": "running", \#
        "api_url": "http://127.0.0.1:18009/patroni", "host": "127.0.0.1", "port": 15433, "timeline": 2, \#
        "pending_restart": true, "pending_restart_reason": {"max_connections": {"old_value": "100", \#
        "new_value": "101"}}, "tags": {"foo": "Bar", "n": 5, "failover_priority": 2}}], "pause": true, \#
        "scope": "batman"}
        """#
}
