// The other members and the REST API, as the loop knows them: both speak HTTP.

import PatroniAPI
import PatroniConfiguration
import PatroniHTTP
import PatroniLoop

extension MemberClient: Peers {}

extension APIServer: StatusService {
    package func follow(_ settings: RestAPISettings) async -> String? {
        do throws(ServerFailure) { try await apply(settings) } catch { return "\(error)" }
        return nil
    }
}
