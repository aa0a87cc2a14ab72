// What is wrong with the store at the moment.

import PatroniCore

struct StoreTrouble {
    /// It answers nobody. Counted, as outages may overlap.
    var outages = 0
    /// Every request takes this much longer.
    var delay: Duration = .zero
    /// By member: how many of a hundred requests get lost, and how many answers.
    var lostRequests: [Int: Int] = [:]
    var lostAnswers: [Int: Int] = [:]
    /// By member: how much longer its conditional writes are on their way.
    var strayWrites: [Int: Duration] = [:]

    /// What has come in meanwhile. It is lost when the servers are started anew.
    var held: [() -> Void] = []

    var isTroubled: Bool {
        isOut || delay > .zero || !lostRequests.isEmpty || !lostAnswers.isEmpty || !strayWrites.isEmpty
    }

    var isOut: Bool { outages > 0 }
}
