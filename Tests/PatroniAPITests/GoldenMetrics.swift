// The metrics page of Patroni 4.1.5, taken from its wire, unchanged.

enum GoldenMetrics {
    static let primary = #"""
        # HELP patroni_version Patroni semver without periods.
        # TYPE patroni_version gauge
        patroni_version{scope="batman",name="p0"} 040105
        # HELP patroni_postgres_running Value is 1 if Postgres is running, 0 otherwise.
        # TYPE patroni_postgres_running gauge
        patroni_postgres_running{scope="batman",name="p0"} 1
        # HELP patroni_postmaster_start_time Epoch seconds since Postgres started.
        # TYPE patroni_postmaster_start_time gauge
        patroni_postmaster_start_time{scope="batman",name="p0"} 1795236923.273307
        # HELP patroni_primary Value is 1 if this node is the leader, 0 otherwise.
        # TYPE patroni_primary gauge
        patroni_primary{scope="batman",name="p0"} 1
        # HELP patroni_xlog_location Current location of the Postgres transaction log, 0 if this node is not the leader.
        # TYPE patroni_xlog_location counter
        patroni_xlog_location{scope="batman",name="p0"} 50615896
        # HELP patroni_standby_leader Value is 1 if this node is the standby_leader, 0 otherwise.
        # TYPE patroni_standby_leader gauge
        patroni_standby_leader{scope="batman",name="p0"} 0
        # HELP patroni_replica Value is 1 if this node is a replica, 0 otherwise.
        # TYPE patroni_replica gauge
        patroni_replica{scope="batman",name="p0"} 0
        # HELP patroni_sync_standby Value is 1 if this node is a sync standby, 0 otherwise.
        # TYPE patroni_sync_standby gauge
        patroni_sync_standby{scope="batman",name="p0"} 0
        # HELP patroni_quorum_standby Value is 1 if this node is a quorum standby, 0 otherwise.
        # TYPE patroni_quorum_standby gauge
        patroni_quorum_standby{scope="batman",name="p0"} 0
        # HELP patroni_xlog_received_location Current location of the received Postgres transaction log, 0 if this node is not a replica.
        # TYPE patroni_xlog_received_location counter
        patroni_xlog_received_location{scope="batman",name="p0"} 0
        # HELP patroni_xlog_replayed_location Current location of the replayed Postgres transaction log, 0 if this node is not a replica.
        # TYPE patroni_xlog_replayed_location counter
        patroni_xlog_replayed_location{scope="batman",name="p0"} 0
        # HELP patroni_xlog_replayed_timestamp Current timestamp of the replayed Postgres transaction log, 0 if null.
        # TYPE patroni_xlog_replayed_timestamp gauge
        patroni_xlog_replayed_timestamp{scope="batman",name="p0"} 0
        # HELP patroni_xlog_paused Value is 1 if the Postgres xlog is paused, 0 otherwise.
        # TYPE patroni_xlog_paused gauge
        patroni_xlog_paused{scope="batman",name="p0"} 0
        # HELP patroni_postgres_streaming Value is 1 if Postgres is streaming, 0 otherwise.
        # TYPE patroni_postgres_streaming gauge
        patroni_postgres_streaming{scope="batman",name="p0"} 0
        # HELP patroni_postgres_in_archive_recovery Value is 1 if Postgres is replicating from archive, 0 otherwise.
        # TYPE patroni_postgres_in_archive_recovery gauge
        patroni_postgres_in_archive_recovery{scope="batman",name="p0"} 0
        # HELP patroni_postgres_server_version Version of Postgres (if running), 0 otherwise.
        # TYPE patroni_postgres_server_version gauge
        patroni_postgres_server_version{scope="batman",name="p0"} 150018
        # HELP patroni_cluster_unlocked Value is 1 if the cluster is unlocked, 0 if locked.
        # TYPE patroni_cluster_unlocked gauge
        patroni_cluster_unlocked{scope="batman",name="p0"} 0
        # HELP patroni_failsafe_mode_is_active Value is 1 if failsafe mode is active, 0 if inactive.
        # TYPE patroni_failsafe_mode_is_active gauge
        patroni_failsafe_mode_is_active{scope="batman",name="p0"} 0
        # HELP patroni_postgres_timeline Postgres timeline of this node (if running), 0 otherwise.
        # TYPE patroni_postgres_timeline gauge
        patroni_postgres_timeline{scope="batman",name="p0"} 1
        # HELP patroni_dcs_last_seen Epoch timestamp when DCS was last contacted successfully by Patroni.
        # TYPE patroni_dcs_last_seen gauge
        patroni_dcs_last_seen{scope="batman",name="p0"} 1795237031
        # HELP patroni_pending_restart Value is 1 if the node needs a restart, 0 otherwise.
        # TYPE patroni_pending_restart gauge
        patroni_pending_restart{scope="batman",name="p0"} 0
        # HELP patroni_is_paused Value is 1 if auto failover is disabled, 0 otherwise.
        # TYPE patroni_is_paused gauge
        patroni_is_paused{scope="batman",name="p0"} 0
        # HELP patroni_postgres_state Numeric representation of Postgres state.
        # Values: 0=initdb, 1=initdb_failed, 2=custom_bootstrap, 3=custom_bootstrap_failed, 4=creating_replica, 5=running, 6=starting, 7=bootstrap_starting, 8=start_failed, 9=restarting, 10=restart_failed, 11=stopping, 12=stopped, 13=stop_failed, 14=crashed
        # TYPE patroni_postgres_state gauge
        patroni_postgres_state{scope="batman",name="p0"} 5
        """#

    /// Values only; the other lines are those of the primary.
    static let syncStandbyValues = #"""
        patroni_version{scope="batman",name="p1"} 040105
        patroni_postgres_running{scope="batman",name="p1"} 1
        patroni_postmaster_start_time{scope="batman",name="p1"} 1795236949.15273
        patroni_primary{scope="batman",name="p1"} 0
        patroni_xlog_location{scope="batman",name="p1"} 0
        patroni_standby_leader{scope="batman",name="p1"} 0
        patroni_replica{scope="batman",name="p1"} 1
        patroni_sync_standby{scope="batman",name="p1"} 1
        patroni_quorum_standby{scope="batman",name="p1"} 0
        patroni_xlog_received_location{scope="batman",name="p1"} 50615992
        patroni_xlog_replayed_location{scope="batman",name="p1"} 50615992
        patroni_xlog_replayed_timestamp{scope="batman",name="p1"} 1795237055.917181
        patroni_xlog_paused{scope="batman",name="p1"} 0
        patroni_postgres_streaming{scope="batman",name="p1"} 1
        patroni_postgres_in_archive_recovery{scope="batman",name="p1"} 0
        patroni_postgres_server_version{scope="batman",name="p1"} 150018
        patroni_cluster_unlocked{scope="batman",name="p1"} 0
        patroni_failsafe_mode_is_active{scope="batman",name="p1"} 0
        patroni_postgres_timeline{scope="batman",name="p1"} 1
        patroni_dcs_last_seen{scope="batman",name="p1"} 1795237077
        patroni_pending_restart{scope="batman",name="p1"} 1
        patroni_is_paused{scope="batman",name="p1"} 0
        patroni_postgres_state{scope="batman",name="p1"} 5
        """#
}
