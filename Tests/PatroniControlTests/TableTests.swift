// Tables compared byte for byte with what patronictl 4.1.5 printed for the same keys.

import PatroniCore
import Testing

@testable import PatroniControl

/// A cluster read from its keys.
func view(_ scope: String, _ keys: [String: String]) -> ClusterView {
    ClusterView(
        scope: scope, cluster: Cluster(keys: keys.mapValues { StoredKey(value: $0, version: KeyVersion(Int64(1))) }))
}

enum Example {
    static let rich = view(
        "batman",
        [
            "config":
                #"{"ttl":30,"loop_wait":10,"retry_timeout":10,"maximum_lag_on_failover":1048576,"postgresql":{"use_pg_rewind":true,"parameters":{"max_connections":100,"archive_command":"test ! -f x"}}}"#,
            "history":
                #"[[1,25623960,"no recovery target specified","2026-11-20T10:00:00.123456+00:00","postgresql0"],[2,50331808,"no recovery target specified"]]"#,
            "initialize": #"7364973642378237452"#,
            "leader": #"postgresql0"#,
            "members/postgresql0":
                #"{"conn_url":"postgres://127.0.0.1:5432/postgres","api_url":"http://127.0.0.1:9108/patroni","state":"running","role":"primary","version":"4.1.5","xlog_location":67109184,"timeline":3}"#,
            "members/postgresql1":
                #"{"conn_url":"postgres://127.0.0.1:5433/postgres","api_url":"http://127.0.0.1:9109/patroni","state":"running","role":"replica","version":"4.1.5","tags":{"clonefrom":true,"x":"y z"},"xlog_location":62914560,"replay_lsn":52914560,"receive_lsn":62914560,"replication_state":"streaming","timeline":3,"pending_restart":true,"pending_restart_reason":{"max_connections":{"old_value":"100","new_value":"200"},"shared_preload_libraries":{"old_value":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","new_value":"bbbbbbbbbbbbbbbbbbbbb"}},"scheduled_restart":{"schedule":"2026-12-01T10:00:00+00:00","postgres_version":"15.9"}}"#,
            "members/postgresql2":
                #"{"conn_url":"postgres://127.0.0.1:5434/postgres","api_url":"http://127.0.0.1:9110/patroni","state":"creating replica","role":"uninitialized","version":"4.1.5"}"#,
            "status": #"{"optime":67109184,"slots":{"postgresql1":67109184}}"#,
        ])

    static let quorum = view(
        "sync",
        [
            "config": #"{"ttl":30,"loop_wait":10,"retry_timeout":10,"synchronous_mode":"quorum","pause":true}"#,
            "failover": #"{"leader":"a-long-member-name","member":"b","scheduled_at":"2026-12-01T10:00:00+00:00"}"#,
            "initialize": #"7364973642378237452"#,
            "leader": #"a-long-member-name"#,
            "members/a-long-member-name":
                #"{"conn_url":"postgres://10.0.0.1:5432/postgres","api_url":"http://127.0.0.1:9113/patroni","state":"running","role":"primary","version":"4.1.5","xlog_location":67109184,"timeline":3,"pause":true}"#,
            "members/b":
                #"{"conn_url":"postgres://10.0.0.2:5432/postgres","api_url":"http://127.0.0.1:9114/patroni","state":"running","role":"replica","version":"4.1.5","xlog_location":67109184,"replication_state":"streaming","timeline":3}"#,
            "members/c":
                #"{"conn_url":"postgres://10.0.0.3:5432/postgres","api_url":"http://127.0.0.1:9115/patroni","state":"running","role":"replica","version":"4.1.5","xlog_location":7109184,"receive_lsn":67109184,"replication_state":"in archive recovery","timeline":3,"tags":{"replicatefrom":"b","nofailover":true}}"#,
            "members/d":
                #"{"conn_url":"postgres://10.0.0.4:5432/postgres","api_url":"http://127.0.0.1:9116/patroni","state":"start failed","role":"replica","version":"4.1.5","tags":{"replicatefrom":"c"}}"#,
            "status": #"{"optime":67109184}"#,
            "sync": #"{"leader":"a-long-member-name","sync_standby":"b","quorum":1}"#,
        ])
}

@Suite struct TableTests {
    @Test func `a list shows every column that has something to show`() {
        let text = #"""
            + Cluster: batman (7364973642378237452) -+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+-----------------+
            | Member      | Host           | Role    | State            | TL | Receive LSN | Lag | Replay LSN | Lag | Pending restart | Pending restart reason                        | Scheduled restart                           | Tags            |
            +-------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+-----------------+
            | postgresql0 | 127.0.0.1:5432 | Leader  | running          |  3 |             |     |            |     |                 |                                               |                                             |                 |
            +-------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+-----------------+
            | postgresql1 | 127.0.0.1:5433 | Replica | streaming        |  3 |   0/3C00000 |   4 |  0/3276980 |  14 | *               | max_connections: 100->200                     | 2026-12-01T10:00:00+00:00 if version < 15.9 | clonefrom: true |
            |             |                |         |                  |    |             |     |            |     |                 | shared_preload_libraries: [hidden - too long] |                                             | x: y z          |
            +-------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+-----------------+
            | postgresql2 | 127.0.0.1:5434 | Replica | creating replica |    |     unknown |     |    unknown |     |                 |                                               |                                             |                 |
            +-------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+-----------------+

            """#
        #expect(MemberTable(view: Example.rich).text() == text)
    }

    @Test func `a list tells of pauses and plans`() {
        let text = #"""
            + Cluster: sync (7364973642378237452) -----------+---------------------+----+-------------+-----+------------+-----+------------------+
            | Member             | Host     | Role           | State               | TL | Receive LSN | Lag | Replay LSN | Lag | Tags             |
            +--------------------+----------+----------------+---------------------+----+-------------+-----+------------+-----+------------------+
            | a-long-member-name | 10.0.0.1 | Leader         | running             |  3 |             |     |            |     |                  |
            +--------------------+----------+----------------+---------------------+----+-------------+-----+------------+-----+------------------+
            | b                  | 10.0.0.2 | Quorum Standby | streaming           |  3 |   0/4000140 |   0 |    unknown |     |                  |
            +--------------------+----------+----------------+---------------------+----+-------------+-----+------------+-----+------------------+
            | c                  | 10.0.0.3 | Replica        | in archive recovery |  3 |   0/4000140 |   0 |    unknown |     | nofailover: true |
            |                    |          |                |                     |    |             |     |            |     | replicatefrom: b |
            +--------------------+----------+----------------+---------------------+----+-------------+-----+------------+-----+------------------+
            | d                  | 10.0.0.4 | Replica        | start failed        |    |     unknown |     |    unknown |     | replicatefrom: c |
            +--------------------+----------+----------------+---------------------+----+-------------+-----+------------+-----+------------------+
             Maintenance mode: on
             Switchover scheduled at: 2026-12-01T10:00:00+00:00
                                from: a-long-member-name
                                  to: b

            """#
        #expect(MemberTable(view: Example.quorum).text() == text)
    }

    @Test func `a topology is a tree`() {
        let text = #"""
            + Cluster: sync (7364973642378237452) -----------+---------------------+----+-------------+-----+------------+-----+--------------------------------------+
            | Member             | Host     | Role           | State               | TL | Receive LSN | Lag | Replay LSN | Lag | Tags                                 |
            +--------------------+----------+----------------+---------------------+----+-------------+-----+------------+-----+--------------------------------------+
            | a-long-member-name | 10.0.0.1 | Leader         | running             |  3 |             |     |            |     |                                      |
            | + b                | 10.0.0.2 | Quorum Standby | streaming           |  3 |   0/4000140 |   0 |    unknown |     |                                      |
            |   + c              | 10.0.0.3 | Replica        | in archive recovery |  3 |   0/4000140 |   0 |    unknown |     | {nofailover: true, replicatefrom: b} |
            |     + d            | 10.0.0.4 | Replica        | start failed        |    |     unknown |     |    unknown |     | {replicatefrom: c}                   |
            +--------------------+----------+----------------+---------------------+----+-------------+-----+------------+-----+--------------------------------------+
             Maintenance mode: on
             Switchover scheduled at: 2026-12-01T10:00:00+00:00
                                from: a-long-member-name
                                  to: b

            """#
        #expect(MemberTable(view: Example.quorum, shape: .topology).text() == text)
    }

    @Test func `a topology shows tags in one line`() {
        let text = #"""
            + Cluster: batman (7364973642378237452) ---+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+---------------------------+
            | Member        | Host           | Role    | State            | TL | Receive LSN | Lag | Replay LSN | Lag | Pending restart | Pending restart reason                        | Scheduled restart                           | Tags                      |
            +---------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+---------------------------+
            | postgresql0   | 127.0.0.1:5432 | Leader  | running          |  3 |             |     |            |     |                 |                                               |                                             |                           |
            +---------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+---------------------------+
            | + postgresql1 | 127.0.0.1:5433 | Replica | streaming        |  3 |   0/3C00000 |   4 |  0/3276980 |  14 | *               | max_connections: 100->200                     | 2026-12-01T10:00:00+00:00 if version < 15.9 | {clonefrom: true, x: y z} |
            |               |                |         |                  |    |             |     |            |     |                 | shared_preload_libraries: [hidden - too long] |                                             |                           |
            +---------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+---------------------------+
            | + postgresql2 | 127.0.0.1:5434 | Replica | creating replica |    |     unknown |     |    unknown |     |                 |                                               |                                             |                           |
            +---------------+----------------+---------+------------------+----+-------------+-----+------------+-----+-----------------+-----------------------------------------------+---------------------------------------------+---------------------------+

            """#
        #expect(MemberTable(view: Example.rich, shape: .topology).text() == text)
    }

    @Test func `a cluster that is not there is an empty table`() {
        let text = #"""
            + Cluster: nothing (uninitialized) -+-------------+-----+------------+-----+
            | Member | Host | Role | State | TL | Receive LSN | Lag | Replay LSN | Lag |
            +--------+------+------+-------+----+-------------+-----+------------+-----+
            +--------+------+------+-------+----+-------------+-----+------------+-----+

            """#
        #expect(MemberTable(view: view("nothing", [:])).text() == text)
    }

    @Test func `a bootstrap going on shows`() {
        let text = #"""
            + Cluster: empty (initializing) ----+-------------+-----+------------+-----+
            | Member | Host | Role | State | TL | Receive LSN | Lag | Replay LSN | Lag |
            +--------+------+------+-------+----+-------------+-----+------------+-----+
            +--------+------+------+-------+----+-------------+-----+------------+-----+

            """#
        #expect(MemberTable(view: view("empty", ["initialize": ""])).text() == text)
    }

    @Test func `programs read tabs`() {
        let text = #"""
            Cluster<TAB>Member<TAB>Host<TAB>Role<TAB>State<TAB>TL<TAB>Receive LSN<TAB>Receive Lag<TAB>Replay LSN<TAB>Replay Lag<TAB>Pending restart<TAB>Pending restart reason<TAB>Scheduled restart<TAB>Tags
            batman<TAB>postgresql0<TAB>127.0.0.1:5432<TAB>Leader<TAB>running<TAB>3<TAB><TAB><TAB><TAB><TAB><TAB><TAB><TAB>
            batman<TAB>postgresql1<TAB>127.0.0.1:5433<TAB>Replica<TAB>streaming<TAB>3<TAB>0/3C00000<TAB>4<TAB>0/3276980<TAB>14<TAB>*<TAB>max_connections: 100->200
            shared_preload_libraries: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa->bbbbbbbbbbbbbbbbbbbbb<TAB>2026-12-01T10:00:00+00:00 if version < 15.9<TAB>{clonefrom: true, x: y z}
            batman<TAB>postgresql2<TAB>127.0.0.1:5434<TAB>Replica<TAB>creating replica<TAB><TAB>unknown<TAB><TAB>unknown<TAB><TAB><TAB><TAB><TAB>

            """#
        #expect(
            MemberTable(view: Example.rich, shape: .list(.tsv)).text().split(
                separator: "\t", omittingEmptySubsequences: false
            )
            .joined(separator: "<TAB>") == text)
    }

    @Test func `programs read json`() {
        let text = #"""
            [{"Cluster": "batman", "Member": "postgresql0", "Host": "127.0.0.1:5432", "Role": "Leader", "State": "running", "TL": 3}, {"Cluster": "batman", "Member": "postgresql1", "Host": "127.0.0.1:5433", "Role": "Replica", "State": "streaming", "TL": 3, "Receive LSN": "0/3C00000", "Receive Lag": 4, "Replay LSN": "0/3276980", "Replay Lag": 14, "Pending restart": "*", "Pending restart reason": "max_connections: 100->200\nshared_preload_libraries: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa->bbbbbbbbbbbbbbbbbbbbb", "Scheduled restart": "2026-12-01T10:00:00+00:00 if version < 15.9", "Tags": {"clonefrom": true, "x": "y z"}}, {"Cluster": "batman", "Member": "postgresql2", "Host": "127.0.0.1:5434", "Role": "Replica", "State": "creating replica", "Receive LSN": "unknown", "Replay LSN": "unknown"}]

            """#
        #expect(MemberTable(view: Example.rich, shape: .list(.json)).text() == text)
    }

    @Test func `programs read yaml`() {
        let text = #"""
            - Cluster: sync
              Host: 10.0.0.1
              Member: a-long-member-name
              Role: Leader
              State: running
              TL: 3
            - Cluster: sync
              Host: 10.0.0.2
              Member: b
              Receive LSN: 0/4000140
              Receive Lag: 0
              Replay LSN: unknown
              Role: Quorum Standby
              State: streaming
              TL: 3
            - Cluster: sync
              Host: 10.0.0.3
              Member: c
              Receive LSN: 0/4000140
              Receive Lag: 0
              Replay LSN: unknown
              Role: Replica
              State: in archive recovery
              TL: 3
              Tags:
                nofailover: true
                replicatefrom: b
            - Cluster: sync
              Host: 10.0.0.4
              Member: d
              Receive LSN: unknown
              Replay LSN: unknown
              Role: Replica
              State: start failed
              Tags:
                replicatefrom: c


            """#
        #expect(MemberTable(view: Example.quorum, shape: .list(.yaml)).text() == text)
    }

    @Test func `members that replicate in a circle don't hang the tree`() {
        let circle = view(
            "x", ["members/a": #"{"tags":{"replicatefrom":"b"}}"#, "members/b": #"{"tags":{"replicatefrom":"a"}}"#])
        #expect(MemberTable(view: circle, shape: .topology).text().contains("Member"))
    }
}
