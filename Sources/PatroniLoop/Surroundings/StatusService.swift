// What the loop tells the REST API.

import PatroniConfiguration

/// The REST API, as far as the loop has to do with it.
package protocol StatusService: Sendable {
    /// Takes over changed settings, also certificates renewed in place. Else everything goes on as before, and this says
    /// why.
    func follow(_ settings: RestAPISettings) async -> String?
}
