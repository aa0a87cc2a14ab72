// Times as the operator's clock on the wall shows them.

import Glibc
import PatroniCore

enum LocalTime {
    /// Seconds east of UTC at that moment, here.
    static func offset(at time: WallTime) -> Int {
        var seconds = time_t(time.secondsSince1970)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return parts.tm_gmtoff
    }

    /// `2026-11-21 05:00:00`, with as many digits of the second's fraction.
    static func stamp(_ time: WallTime, digits: Int = 0) -> String {
        let parts = time.parts(offset: offset(at: time))
        let day = "\(parts.year.padded(4))-\(parts.month.padded(2))-\(parts.day.padded(2))"
        let clock = "\(parts.hour.padded(2)):\(parts.minute.padded(2)):\(parts.second.padded(2))"
        return digits == 0 ? "\(day) \(clock)" : "\(day) \(clock).\(parts.microsecond.padded(6).prefix(digits))"
    }

    /// `2026-11-21T06:00`, an hour from now: an example for a schedule.
    static func example(after now: WallTime) -> String {
        let later = now + .seconds(3600)
        return stamp(later).prefix(16).split(separator: " ").joined(separator: "T")
    }

    /// A schedule somebody typed (CTL-104). Nil means now; a time without a zone is meant here; a time without a day
    /// is meant today.
    static func schedule(_ text: String?, now: WallTime) throws(ControlError) -> Schedule? {
        guard let text, !text.isEmpty, text != "now" else { return nil }
        let today = stamp(now).prefix(10)
        switch WallTime.parse(text) ?? WallTime.parse("\(today) \(text)") {
        case .absolute(let time):
            return Schedule(time: time, offset: zone(of: text))
        case .local(let parts):
            var fields = tm()
            fields.tm_year = Int32(parts.year - 1900)
            fields.tm_mon = Int32(parts.month - 1)
            fields.tm_mday = Int32(parts.day)
            fields.tm_hour = Int32(parts.hour)
            fields.tm_min = Int32(parts.minute)
            fields.tm_sec = Int32(parts.second)
            fields.tm_isdst = -1
            let seconds = mktime(&fields)
            let time = WallTime(microseconds: Int64(seconds) * 1_000_000 + Int64(parts.microsecond))
            return Schedule(time: time, offset: fields.tm_gmtoff)
        case nil:
            throw .failed(
                "Unable to parse scheduled timestamp (\(text)). It should be in an unambiguous format (e.g. ISO 8601)")
        }
    }

    /// The zone at the end of a text that has been understood.
    private static func zone(of text: String) -> Int {
        guard let colon = text.firstIndex(of: ":"), let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }),
            sign > colon
        else { return 0 }
        let digits = text[sign...].filter(\.isNumber)
        guard let hours = Int(digits.prefix(2)) else { return 0 }
        let seconds = hours * 3600 + (Int(digits.dropFirst(2)) ?? 0) * 60
        return text[sign] == "-" ? -seconds : seconds
    }
}

/// A time to come, in the zone in which it was typed.
struct Schedule: Hashable, Sendable {
    var time: WallTime
    var offset: Int

    /// `2026-11-21T10:00:00+01:00`.
    var iso: String { time.iso8601(offset: offset) }
    /// The same with a blank, as it is shown in questions about restarts.
    var shown: String { time.iso8601(offset: offset, separator: " ") }
}
