// What happens when: a heap of moments. Of two events at the same moment the earlier planned comes first.

import PatroniCore

struct EventQueue {
    private struct Event {
        var at: Moment
        var number: Int
        var action: () -> Void

        func isBefore(_ other: Event) -> Bool { at == other.at ? number < other.number : at < other.at }
    }

    private var heap: [Event] = []
    private var planned = 0

    var next: Moment? { heap.first?.at }

    mutating func add(at moment: Moment, _ action: @escaping () -> Void) {
        planned += 1
        heap.append(Event(at: moment, number: planned, action: action))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].isBefore(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func take() -> (at: Moment, action: () -> Void)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if !heap.isEmpty { sink(last) }
        return (first.at, first.action)
    }

    private mutating func sink(_ event: Event) {
        var place = 0
        while true {
            var child = 2 * place + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].isBefore(heap[child]) { child += 1 }
            guard heap[child].isBefore(event) else { break }
            heap[place] = heap[child]
            place = child
        }
        heap[place] = event
    }

    mutating func removeAll() { heap = [] }
}
