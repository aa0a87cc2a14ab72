// What happens when: a heap of moments. Of two events at the same moment the earlier planned comes first.

import PatroniCore

struct EventQueue {
    /// Only numbers are moved about in the heap; what happens stays where it is.
    private struct Event {
        var at: Moment
        var number: Int
        var place: Int

        func isBefore(_ other: Event) -> Bool { at == other.at ? number < other.number : at < other.at }
    }

    private var heap: [Event] = []
    private var actions: [(() -> Void)?] = []
    private var free: [Int] = []
    private var planned = 0

    var next: Moment? { heap.first?.at }

    mutating func add(at moment: Moment, _ action: @escaping () -> Void) {
        planned += 1
        let event = Event(at: moment, number: planned, place: keep(action))
        var child = heap.count
        heap.append(event)
        while child > 0 {
            let parent = (child - 1) / 2
            guard event.isBefore(heap[parent]) else { break }
            heap[child] = heap[parent]
            child = parent
        }
        heap[child] = event
    }

    private mutating func keep(_ action: @escaping () -> Void) -> Int {
        guard let place = free.popLast() else {
            actions.append(action)
            return actions.count - 1
        }
        actions[place] = action
        return place
    }

    mutating func take() -> (at: Moment, action: () -> Void)? {
        guard let first = heap.first, let action = actions[first.place] else { return nil }
        actions[first.place] = nil
        free.append(first.place)
        let last = heap.removeLast()
        if !heap.isEmpty { sink(last) }
        return (first.at, action)
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

    mutating func removeAll() {
        heap = []
        actions = []
        free = []
    }
}
